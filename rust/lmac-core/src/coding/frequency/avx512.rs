//! Slots in 512-bit vectors: sixteen symbols at a time, and what is left of an alphabet one by one.
//!
//! A weight is no look-up in a table of 400 but its definition, `EXP2[distance mod 16] >>
//! (distance div 16)`: the table of 16 is one register, and a shift by 32 or more gives zero.

#[allow(clippy::wildcard_imports)] // thirty intrinsics
use std::arch::x86_64::*;

use super::{EXP2, SHARE_BITS, frequency_of, multiplier_of, weight_of};
use crate::predictor::LOGIT_FRACTION_BITS;

/// Symbols that are worked on together.
const SYMBOLS: usize = 32;

/// Replaces `ends` `(alphabet_size)` by the ends of all slots before the remainder is given away,
/// and returns the first symbol with the largest logit.
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) fn set_ends(ends: &mut [u32], logits: &[i16]) -> usize {
    let alphabet_size = logits.len();
    let (logits, last_logits) = logits.as_chunks::<SYMBOLS>();
    let (ends, last_ends) = ends.split_at_mut(logits.len() * SYMBOLS);
    let (ends, _) = ends.as_chunks_mut::<16>();
    let largest = largest_of(logits).max(super::largest_of(last_logits).into());
    let mut weight_sum = set_weights(ends, logits, largest);
    for (weight, &logit) in last_ends.iter_mut().zip(last_logits) {
        *weight = weight_of(largest as i16, logit);
        weight_sum += u64::from(*weight);
    }
    let multiplier = multiplier_of(weight_sum, alphabet_size);
    let mut end = set_sums(ends, multiplier);
    for weight in last_ends {
        end += frequency_of(*weight, multiplier);
        *weight = end;
    }
    first_index_of(largest, logits).unwrap_or_else(|| {
        let index = super::first_index_of(largest as i16, last_logits);
        logits.len() * SYMBOLS + index
    })
}

#[target_feature(enable = "avx512f,avx512bw")]
fn largest_of(logits: &[[i16; SYMBOLS]]) -> i32 {
    let mut largest = _mm512_set1_epi16(i16::MIN);
    for logits in logits {
        largest = _mm512_max_epi16(largest, load(logits));
    }
    let low = _mm512_cvtepi16_epi32(_mm512_castsi512_si256(largest));
    let high = _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64::<1>(largest));
    _mm512_reduce_max_epi32(_mm512_max_epi32(low, high))
}

#[target_feature(enable = "avx512f,avx512bw")]
fn first_index_of(largest: i32, logits: &[[i16; SYMBOLS]]) -> Option<usize> {
    let largest = _mm512_set1_epi16(largest as i16);
    for (index, logits) in logits.iter().enumerate() {
        let equal = _mm512_cmpeq_epi16_mask(load(logits), largest);
        if equal != 0 {
            return Some(index * SYMBOLS + equal.trailing_zeros() as usize);
        }
    }
    None
}

/// Writes all weights and returns their sum.
#[target_feature(enable = "avx512f,avx512bw")]
fn set_weights(weights: &mut [[u32; 16]], logits: &[[i16; SYMBOLS]], largest: i32) -> u64 {
    let largest = _mm512_set1_epi32(largest);
    let table = load(&EXP2);
    let mut sums = _mm512_setzero_si512();
    let (weights, _) = weights.as_chunks_mut::<2>();
    for (weights, logits) in weights.iter_mut().zip(logits) {
        let logits = load(logits);
        let low = _mm512_cvtepi16_epi32(_mm512_castsi512_si256(logits));
        let high = _mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64::<1>(logits));
        for (weights, logits) in weights.iter_mut().zip([low, high]) {
            let distance = _mm512_sub_epi32(largest, logits);
            // The permutation looks at the lowest four bits alone.
            let first = _mm512_permutexvar_epi32(distance, table);
            let halvings = _mm512_srli_epi32::<LOGIT_FRACTION_BITS>(distance);
            let weight = _mm512_srlv_epi32(first, halvings);
            store(weights, weight);
            // Sixteen sums of 64 bits do not fit: those of odd symbols are in the upper halves.
            let even = _mm512_and_si512(weight, _mm512_set1_epi64(0xFFFF_FFFF));
            sums = _mm512_add_epi64(sums, even);
            sums = _mm512_add_epi64(sums, _mm512_srli_epi64::<32>(weight));
        }
    }
    _mm512_reduce_add_epi64(sums) as u64
}

/// Turns weights into frequencies and adds them up; returns the sum of all.
#[target_feature(enable = "avx512f,avx512bw")]
fn set_sums(weights: &mut [[u32; 16]], multiplier: u32) -> u32 {
    let multiplier = _mm512_set1_epi64(i64::from(multiplier));
    let mut before = _mm512_setzero_si512();
    for weights in weights {
        let weight = load(weights);
        let even = _mm512_srli_epi64::<SHARE_BITS>(_mm512_mul_epu32(weight, multiplier));
        let odd = _mm512_mul_epu32(_mm512_srli_epi64::<32>(weight), multiplier);
        // The product's upper part, moved to the upper half of its 64 bits.
        let odd = _mm512_slli_epi64::<1>(odd);
        let frequency = _mm512_mask_blend_epi32(0b1010_1010_1010_1010, even, odd);
        let frequency = _mm512_add_epi32(frequency, _mm512_set1_epi32(1));
        let ends = _mm512_add_epi32(before, running_sums(frequency));
        before = _mm512_permutexvar_epi32(_mm512_set1_epi32(15), ends);
        store(weights, ends);
    }
    _mm512_cvtsi512_si32(before) as u32
}

/// Of sixteen numbers, the sums of the first, the first two, and so on.
#[target_feature(enable = "avx512f")]
fn running_sums(values: __m512i) -> __m512i {
    let zero = _mm512_setzero_si512();
    let values = _mm512_add_epi32(values, _mm512_alignr_epi32::<15>(values, zero));
    let values = _mm512_add_epi32(values, _mm512_alignr_epi32::<14>(values, zero));
    let values = _mm512_add_epi32(values, _mm512_alignr_epi32::<12>(values, zero));
    _mm512_add_epi32(values, _mm512_alignr_epi32::<8>(values, zero))
}

#[target_feature(enable = "avx512f")]
fn load<T, const COUNT: usize>(from: &[T; COUNT]) -> __m512i {
    const { assert!(size_of::<[T; COUNT]>() == 64) };
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
fn store(to: &mut [u32; 16], values: __m512i) {
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), values) }
}
