//! The mixer's arithmetic in vectors of 256 bits: sixteen inputs at a time, or eight in half a vector.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_adds_epi16, _mm_loadu_si128, _mm_madd_epi16, _mm_mulhrs_epi16,
    _mm_set1_epi16, _mm_srai_epi32, _mm_storeu_si128, _mm256_add_epi32, _mm256_adds_epi16,
    _mm256_and_si256, _mm256_castsi256_ps, _mm256_cmpeq_epi32, _mm256_hadd_epi32,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_movemask_ps, _mm256_mulhrs_epi16,
    _mm256_permute2x128_si256, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_setzero_si256,
    _mm256_srai_epi32, _mm256_storeu_si256, _mm256_zextsi128_si256,
};

use super::mixer::{Arithmetic, OUTPUTS};

/// Elements of a vector, and of half of one.
const WIDTH: usize = 16;
const HALF: usize = 8;

/// To be used only where it is there: `Mixture` sees to it.
pub(super) struct Avx2;

impl Arithmetic for Avx2 {
    #[inline(always)]
    fn dots<const INPUTS: usize, const SETS: usize>(
        weights: [&[i16; INPUTS]; SETS],
        inputs: &[i16; INPUTS],
    ) -> [i32; OUTPUTS] {
        // SAFETY: the processor has AVX2, see `Avx2`.
        unsafe { dots(weights, inputs) }
    }

    #[inline(always)]
    fn train<const INPUTS: usize>(weights: &mut [i16; INPUTS], inputs: &[i16; INPUTS], step: i16) {
        // SAFETY: the processor has AVX2, see `Avx2`.
        unsafe { train(weights, inputs, step) }
    }

    #[inline(always)]
    fn count<const LEN: usize>(words: &[u32; LEN], bits: u32) -> usize {
        // SAFETY: the processor has AVX2, see `Avx2`.
        unsafe { count(words, bits) }
    }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn dots<const INPUTS: usize, const SETS: usize>(
    weights: [&[i16; INPUTS]; SETS],
    inputs: &[i16; INPUTS],
) -> [i32; OUTPUTS] {
    const { assert!(INPUTS.is_multiple_of(HALF) && SETS <= OUTPUTS && OUTPUTS == 8) };
    let mut sums = [_mm256_setzero_si256(); OUTPUTS];
    let (inputs, rest) = inputs.as_chunks();
    for (sums, weights) in sums.iter_mut().zip(weights) {
        let (weights, weights_rest) = weights.as_chunks();
        for (weights, inputs) in weights.iter().zip(inputs) {
            let pairs = _mm256_madd_epi16(load(weights), load(inputs));
            *sums = _mm256_add_epi32(*sums, _mm256_srai_epi32::<2>(pairs));
        }
        if let (Some(weights), Some(inputs)) = (weights_rest.first_chunk(), rest.first_chunk()) {
            let pairs = _mm_madd_epi16(load_half(weights), load_half(inputs));
            let terms = _mm256_zextsi128_si256(_mm_srai_epi32::<2>(pairs));
            *sums = _mm256_add_epi32(*sums, terms);
        }
    }
    // Neighbours are added until each sum is in one element of either half.
    let pairs: [_; 4] = std::array::from_fn(|i| _mm256_hadd_epi32(sums[2 * i], sums[2 * i + 1]));
    let [first, second] =
        std::array::from_fn(|i| _mm256_hadd_epi32(pairs[2 * i], pairs[2 * i + 1]));
    let low = _mm256_permute2x128_si256::<0x20>(first, second);
    let high = _mm256_permute2x128_si256::<0x31>(first, second);
    let outputs = _mm256_add_epi32(low, high);
    // SAFETY: both are 32 bytes of whole numbers.
    unsafe { std::mem::transmute::<__m256i, [i32; OUTPUTS]>(outputs) }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn train<const INPUTS: usize>(weights: &mut [i16; INPUTS], inputs: &[i16; INPUTS], step: i16) {
    const { assert!(INPUTS.is_multiple_of(HALF)) };
    let (weights, weights_rest) = weights.as_chunks_mut();
    let (inputs, rest) = inputs.as_chunks();
    for (weights, inputs) in weights.iter_mut().zip(inputs) {
        let change = _mm256_mulhrs_epi16(load(inputs), _mm256_set1_epi16(step));
        store(weights, _mm256_adds_epi16(load(weights), change));
    }
    if let (Some(weights), Some(inputs)) = (weights_rest.first_chunk_mut(), rest.first_chunk()) {
        let change = _mm_mulhrs_epi16(load_half(inputs), _mm_set1_epi16(step));
        store_half(weights, _mm_adds_epi16(load_half(weights), change));
    }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn count<const LEN: usize>(words: &[u32; LEN], bits: u32) -> usize {
    const { assert!(LEN.is_multiple_of(8)) };
    let (words, _) = words.as_chunks::<8>();
    let without = words.iter().map(|words| {
        // SAFETY: both are 32 bytes of whole numbers.
        let words = unsafe { std::mem::transmute::<[u32; 8], __m256i>(*words) };
        let rest = _mm256_and_si256(words, _mm256_set1_epi32(bits.cast_signed()));
        let empty = _mm256_cmpeq_epi32(rest, _mm256_setzero_si256());
        _mm256_movemask_ps(_mm256_castsi256_ps(empty)).count_ones() as usize
    });
    LEN - without.sum::<usize>()
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load(elements: &[i16; WIDTH]) -> __m256i {
    // SAFETY: `elements` is a whole vector; the load needs no alignment.
    unsafe { _mm256_loadu_si256(elements.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn store(elements: &mut [i16; WIDTH], vector: __m256i) {
    // SAFETY: `elements` is a whole vector; the store needs no alignment.
    unsafe { _mm256_storeu_si256(elements.as_mut_ptr().cast(), vector) };
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn load_half(elements: &[i16; HALF]) -> __m128i {
    // SAFETY: `elements` is a whole vector; the load needs no alignment.
    unsafe { _mm_loadu_si128(elements.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,popcnt")]
fn store_half(elements: &mut [i16; HALF], vector: __m128i) {
    // SAFETY: `elements` is a whole vector; the store needs no alignment.
    unsafe { _mm_storeu_si128(elements.as_mut_ptr().cast(), vector) };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Avx2;
    use crate::coding::adaptive::logistic::STRETCH_LIMIT;
    use crate::coding::adaptive::mixer::{Arithmetic, OUTPUTS, Portable};
    use crate::cpu::InstructionSet;

    const LIMIT: i16 = STRETCH_LIMIT as i16;

    /// The most inputs of a layer.
    const MOST_INPUTS: usize = 40;

    /// Anything in `least ..= most`, the ends and zero more often than chance would have them.
    fn within(least: i16, most: i16) -> impl Strategy<Value = i16> {
        prop_oneof![Just(least), Just(most), Just(0), least..=most]
    }

    fn vector<const LEN: usize>(least: i16, most: i16) -> impl Strategy<Value = [i16; LEN]> {
        prop::collection::vec(within(least, most), LEN)
            .prop_map(|elements| elements.try_into().expect("LEN elements"))
    }

    fn assert_agreement<const LEN: usize>(weights: [i16; LEN], inputs: [i16; LEN], step: i16) {
        if !InstructionSet::Avx2.is_available() {
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
    }

    #[test]
    fn both_agree_where_all_are_at_their_limits() {
        for weight in [i16::MIN, i16::MAX] {
            for input in [-LIMIT, LIMIT] {
                for step in [-i16::MAX, i16::MAX] {
                    assert_agreement([weight; MOST_INPUTS], [input; MOST_INPUTS], step);
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_count_the_same(words in prop::array::uniform16(any::<u32>()), bits in any::<u32>()) {
            let words = words.map(|word| word & word.rotate_left(7) & word.rotate_left(13));
            if InstructionSet::Avx2.is_available() {
                assert_eq!(Avx2::count(&words, bits & 0xFF), Portable::count(&words, bits & 0xFF));
            }
        }

        #[test]
        fn both_agree_on_short_vectors(
            weights in vector::<8>(i16::MIN, i16::MAX),
            inputs in vector::<8>(-LIMIT, LIMIT),
            step in within(-i16::MAX, i16::MAX),
        ) {
            assert_agreement(weights, inputs, step);
        }

        #[test]
        fn both_agree_on_long_vectors(
            weights in vector::<MOST_INPUTS>(i16::MIN, i16::MAX),
            inputs in vector::<MOST_INPUTS>(-LIMIT, LIMIT),
            step in within(-i16::MAX, i16::MAX),
        ) {
            assert_agreement(weights, inputs, step);
        }
    }
}
