//! Slots in 256-bit vectors: eight symbols at a time, and what is left of an alphabet one by one.
//!
//! As in avx512.rs, a weight is its definition; the table of 16 is two registers.

#[allow(clippy::wildcard_imports)] // thirty intrinsics
use std::arch::x86_64::*;

use super::{EXP2, SHARE_BITS, frequency_of, multiplier_of, weight_of};
use crate::predictor::LOGIT_FRACTION_BITS;

/// Symbols that are worked on together.
const SYMBOLS: usize = 16;

/// Replaces `ends` `(alphabet_size)` by the ends of all slots before the remainder is given away,
/// and returns the first symbol with the largest logit.
#[target_feature(enable = "avx2")]
pub(super) fn set_ends(ends: &mut [u32], logits: &[i16]) -> usize {
    let (chunks, last_logits) = logits.as_chunks::<SYMBOLS>();
    let (ends, last_ends) = ends.split_at_mut(chunks.len() * SYMBOLS);
    let (ends, _) = ends.as_chunks_mut::<8>();
    let largest = largest_of(chunks).max(super::largest_of(last_logits));
    let mut weight_sum = set_weights(ends, chunks, largest);
    for (weight, &logit) in last_ends.iter_mut().zip(last_logits) {
        *weight = weight_of(largest, logit);
        weight_sum += u64::from(*weight);
    }
    let multiplier = multiplier_of(weight_sum, logits.len());
    let mut end = set_sums(ends, multiplier);
    for weight in last_ends {
        end += frequency_of(*weight, multiplier);
        *weight = end;
    }
    first_index_of(largest, chunks)
        .unwrap_or_else(|| chunks.len() * SYMBOLS + super::first_index_of(largest, last_logits))
}

#[target_feature(enable = "avx2")]
fn largest_of(logits: &[[i16; SYMBOLS]]) -> i16 {
    let mut largest = _mm256_set1_epi16(i16::MIN);
    for logits in logits {
        largest = _mm256_max_epi16(largest, load(logits));
    }
    let mut each = [0; SYMBOLS];
    // SAFETY: the array has 32 bytes.
    unsafe { _mm256_storeu_si256((&raw mut each).cast(), largest) };
    super::largest_of(&each)
}

#[target_feature(enable = "avx2")]
fn first_index_of(largest: i16, logits: &[[i16; SYMBOLS]]) -> Option<usize> {
    let largest = _mm256_set1_epi16(largest);
    for (index, logits) in logits.iter().enumerate() {
        let equal = _mm256_movemask_epi8(_mm256_cmpeq_epi16(load(logits), largest)); // two bits for each
        if equal != 0 {
            return Some(index * SYMBOLS + equal.trailing_zeros() as usize / 2);
        }
    }
    None
}

/// Writes all weights and returns their sum.
#[target_feature(enable = "avx2")]
fn set_weights(weights: &mut [[u32; 8]], logits: &[[i16; SYMBOLS]], largest: i16) -> u64 {
    let largest = _mm256_set1_epi32(largest.into());
    let (tables, _) = EXP2.as_chunks::<8>();
    let [first, second] = [load(&tables[0]), load(&tables[1])];
    let mut sums = _mm256_setzero_si256();
    let (weights, _) = weights.as_chunks_mut::<2>();
    for (weights, logits) in weights.iter_mut().zip(logits) {
        let logits = load(logits);
        let low = _mm256_cvtepi16_epi32(_mm256_castsi256_si128(logits));
        let high = _mm256_cvtepi16_epi32(_mm256_extracti128_si256::<1>(logits));
        for (weights, logits) in weights.iter_mut().zip([low, high]) {
            let distance = _mm256_sub_epi32(largest, logits);
            // The permutations look at the lowest three bits alone, the blend at the topmost.
            let [first, second] =
                [first, second].map(|table| _mm256_permutevar8x32_epi32(table, distance));
            let is_second = _mm256_slli_epi32::<28>(distance);
            let first = _mm256_castps_si256(_mm256_blendv_ps(
                _mm256_castsi256_ps(first),
                _mm256_castsi256_ps(second),
                _mm256_castsi256_ps(is_second),
            ));
            let halvings = _mm256_srli_epi32::<{ LOGIT_FRACTION_BITS as i32 }>(distance);
            let weight = _mm256_srlv_epi32(first, halvings);
            store(weights, weight);
            // Eight sums of 64 bits do not fit: those of odd symbols are in the upper halves.
            let even = _mm256_and_si256(weight, _mm256_set1_epi64x(0xFFFF_FFFF));
            sums = _mm256_add_epi64(sums, even);
            sums = _mm256_add_epi64(sums, _mm256_srli_epi64::<32>(weight));
        }
    }
    let mut each = [0_u64; 4];
    // SAFETY: the array has 32 bytes.
    unsafe { _mm256_storeu_si256((&raw mut each).cast(), sums) };
    each.iter().sum()
}

/// Turns weights into frequencies and adds them up; returns the sum of all.
#[target_feature(enable = "avx2")]
fn set_sums(weights: &mut [[u32; 8]], multiplier: u32) -> u32 {
    let multiplier = _mm256_set1_epi64x(multiplier.into());
    let mut before = _mm256_setzero_si256();
    for weights in weights {
        let weight = load(weights);
        let even = _mm256_mul_epu32(weight, multiplier);
        let even = _mm256_srli_epi64::<{ SHARE_BITS as i32 }>(even);
        let odd = _mm256_mul_epu32(_mm256_srli_epi64::<32>(weight), multiplier);
        // The product's upper part, moved to the upper half of its 64 bits.
        let odd = _mm256_slli_epi64::<{ 32 - SHARE_BITS as i32 }>(odd);
        let frequency = _mm256_blend_epi32::<0b1010_1010>(even, odd);
        let frequency = _mm256_add_epi32(frequency, _mm256_set1_epi32(1));
        let ends = _mm256_add_epi32(before, running_sums(frequency));
        before = _mm256_permutevar8x32_epi32(ends, _mm256_set1_epi32(7));
        store(weights, ends);
    }
    _mm256_extract_epi32::<0>(before) as u32
}

/// Of eight numbers, the sums of the first, the first two, and so on.
#[target_feature(enable = "avx2")]
fn running_sums(values: __m256i) -> __m256i {
    let values = _mm256_add_epi32(values, _mm256_slli_si256::<4>(values));
    let values = _mm256_add_epi32(values, _mm256_slli_si256::<8>(values));
    let lower = _mm256_permute2x128_si256::<0x08>(values, values); // the lower half, above zeros
    _mm256_add_epi32(values, _mm256_shuffle_epi32::<0b1111_1111>(lower))
}

#[target_feature(enable = "avx2")]
fn load<T, const COUNT: usize>(from: &[T; COUNT]) -> __m256i {
    const { assert!(size_of::<[T; COUNT]>() == 32) };
    // SAFETY: the array has 32 bytes.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store(to: &mut [u32; 8], values: __m256i) {
    // SAFETY: the array has 32 bytes.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), values) }
}
