//! The mixer's arithmetic in 256-bit vectors: eight inputs at a time.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_max_epi32,
    _mm256_min_epi32, _mm256_mullo_epi32, _mm256_permute2x128_si256, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_srai_epi32, _mm256_storeu_si256,
};

use super::mixer::{Arithmetic, OUTPUTS, WEIGHT_LIMIT};

/// Elements of a vector.
const WIDTH: usize = 8;

/// To be used only where the processor has AVX2: `Mixture` sees to it.
pub(super) struct Avx2;

impl Arithmetic for Avx2 {
    #[inline(always)]
    fn dots<const INPUTS: usize, const SETS: usize>(
        weights: [&[i32; INPUTS]; SETS],
        inputs: &[i32; INPUTS],
    ) -> [i32; OUTPUTS] {
        // SAFETY: the processor has AVX2, see `Avx2`.
        unsafe { dots(weights, inputs) }
    }

    #[inline(always)]
    fn train<const INPUTS: usize>(weights: &mut [i32; INPUTS], inputs: &[i32; INPUTS], step: i32) {
        // SAFETY: the processor has AVX2, see `Avx2`.
        unsafe { train(weights, inputs, step) }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn dots<const INPUTS: usize, const SETS: usize>(
    weights: [&[i32; INPUTS]; SETS],
    inputs: &[i32; INPUTS],
) -> [i32; OUTPUTS] {
    const { assert!(INPUTS.is_multiple_of(WIDTH) && SETS <= OUTPUTS && OUTPUTS == WIDTH) };
    let mut sums = [_mm256_setzero_si256(); OUTPUTS];
    let (inputs, _) = inputs.as_chunks::<WIDTH>();
    for (sums, weights) in sums.iter_mut().zip(weights) {
        let (weights, _) = weights.as_chunks::<WIDTH>();
        for (weights, inputs) in weights.iter().zip(inputs) {
            let product = _mm256_mullo_epi32(_mm256_srai_epi32::<5>(load(weights)), load(inputs));
            *sums = _mm256_add_epi32(*sums, product);
        }
    }
    // Neighbours are added until each sum is in one element of either half.
    let pairs: [_; 4] = std::array::from_fn(|i| _mm256_hadd_epi32(sums[2 * i], sums[2 * i + 1]));
    let [first, second] =
        std::array::from_fn(|i| _mm256_hadd_epi32(pairs[2 * i], pairs[2 * i + 1]));
    let low = _mm256_permute2x128_si256::<0x20>(first, second);
    let high = _mm256_permute2x128_si256::<0x31>(first, second);
    let mut outputs = [0; OUTPUTS];
    store(&mut outputs, _mm256_add_epi32(low, high));
    outputs
}

#[inline]
#[target_feature(enable = "avx2")]
fn train<const INPUTS: usize>(weights: &mut [i32; INPUTS], inputs: &[i32; INPUTS], step: i32) {
    const { assert!(INPUTS.is_multiple_of(WIDTH)) };
    let (weights, _) = weights.as_chunks_mut::<WIDTH>();
    let (inputs, _) = inputs.as_chunks::<WIDTH>();
    let (step, half) = (_mm256_set1_epi32(step), _mm256_set1_epi32(1 << 13));
    let (low, high) = (
        _mm256_set1_epi32(-WEIGHT_LIMIT),
        _mm256_set1_epi32(WEIGHT_LIMIT),
    );
    for (weights, inputs) in weights.iter_mut().zip(inputs) {
        let product = _mm256_mullo_epi32(load(inputs), step);
        let change = _mm256_srai_epi32::<14>(_mm256_add_epi32(product, half));
        let moved = _mm256_add_epi32(load(weights), change);
        let clipped = _mm256_min_epi32(_mm256_max_epi32(moved, low), high);
        store(weights, clipped);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(elements: &[i32; WIDTH]) -> __m256i {
    // SAFETY: `elements` is a whole vector; the load needs no alignment.
    unsafe { _mm256_loadu_si256(elements.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(elements: &mut [i32; WIDTH], vector: __m256i) {
    // SAFETY: `elements` is a whole vector; the store needs no alignment.
    unsafe { _mm256_storeu_si256(elements.as_mut_ptr().cast(), vector) };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Avx2;
    use crate::adaptive::logistic::STRETCH_LIMIT;
    use crate::adaptive::mixer::{Arithmetic, OUTPUTS, Portable, WEIGHT_LIMIT};

    /// The greatest step whose product with the greatest input, rounded, is below 2^31.
    const STEP_LIMIT: i32 = (i32::MAX - (1 << 13)) / STRETCH_LIMIT;

    /// The most inputs whose sum the mixer promises to be below 2^31.
    const MOST_INPUTS: usize = 40;

    /// Anything in `-limit ..= limit`, the ends and zero more often than chance would have them.
    fn up_to(limit: i32) -> impl Strategy<Value = i32> {
        prop_oneof![Just(-limit), Just(limit), Just(0), -limit..=limit]
    }

    fn vector<const LEN: usize>(limit: i32) -> impl Strategy<Value = [i32; LEN]> {
        prop::collection::vec(up_to(limit), LEN)
            .prop_map(|elements| elements.try_into().expect("LEN elements"))
    }

    fn assert_agreement<const LEN: usize>(weights: [i32; LEN], inputs: [i32; LEN], step: i32) {
        if !std::arch::is_x86_feature_detected!("avx2") {
            return;
        }
        let mut all = [weights; OUTPUTS - 1];
        for (turn, weights) in all.iter_mut().enumerate() {
            weights.rotate_left(turn);
        }
        assert_eq!(
            Avx2::dots(all.each_ref(), &inputs),
            Portable::dots(all.each_ref(), &inputs)
        );
        assert_eq!(
            Avx2::dots([&weights], &inputs),
            Portable::dots([&weights], &inputs)
        );
        let (mut fast, mut plain) = (weights, weights);
        Avx2::train(&mut fast, &inputs, step);
        Portable::train(&mut plain, &inputs, step);
        assert_eq!(fast, plain);
        let limits = -WEIGHT_LIMIT..=WEIGHT_LIMIT;
        assert!(plain.iter().all(|weight| limits.contains(weight)));
    }

    #[test]
    fn both_agree_where_all_are_at_their_limits() {
        for weight in [-WEIGHT_LIMIT, WEIGHT_LIMIT] {
            for input in [-STRETCH_LIMIT, STRETCH_LIMIT] {
                for step in [-STEP_LIMIT, STEP_LIMIT] {
                    assert_agreement([weight; MOST_INPUTS], [input; MOST_INPUTS], step);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_agree_on_short_vectors(
            weights in vector::<8>(WEIGHT_LIMIT),
            inputs in vector::<8>(STRETCH_LIMIT),
            step in up_to(STEP_LIMIT),
        ) {
            assert_agreement(weights, inputs, step);
        }

        #[test]
        fn both_agree_on_long_vectors(
            weights in vector::<MOST_INPUTS>(WEIGHT_LIMIT),
            inputs in vector::<MOST_INPUTS>(STRETCH_LIMIT),
            step in up_to(STEP_LIMIT),
        ) {
            assert_agreement(weights, inputs, step);
        }
    }
}
