//! The kernels for AVX2, with or without the products of bytes of AVX-VNNI.
//!
//! - Matrices: `vpmaddubsw` multiplies unsigned activations with signed weights and adds pairs in
//!   16 bits. Weights lie in -63..=63, so a pair is at most `2 * 255 * 63 < 2^15`: exact.
//!   `vpmaddwd` by ones adds the pairs of a quad in 32 bits. With AVX-VNNI (`VNNI`), `vpdpbusd` does
//!   all of that at once.
//! - Matrices by columns: the bytes of two columns are interleaved, so that `vpmaddubsw` adds the products of two
//!   active inputs, and four such pairs are added before they are widened.
//! - Attention: the bytes of a quad are divided into even and odd ones, 16 bits each, and
//!   `vpmaddwd` multiplies both pairs: of dimensions (scores) or of positions (averages). Up to four heads
//!   share every load.
//! - The table of powers of two is looked up 32 entries at a time: one `vpshufb` for every 16
//!   entries in use, which returns zero for an index outside of them. Gathers take four times as
//!   long on Zen 3.
//!
//! The floating-point steps are the same single operations as in the scalar kernel; nothing is
//! fused, no reciprocal is approximated.

use std::arch::asm;
#[allow(clippy::wildcard_imports)] // fifty intrinsics
use std::arch::x86_64::*;

use super::attention::{Attention, HEADS, Scratch};
use super::kernel::Kernel;
use super::{ring, scalar};
use crate::cpu::InstructionSet;
use crate::models::architecture;
use crate::models::span;
use crate::models::weights::biases::Exp2Table;
use crate::models::weights::matrix::{Block, PANEL, Panel, Panels, QUAD};
use crate::models::weights::sparse::{Active, Column, EIGHT, MAX_VALUE, PLACES, STRIP, Strip};

const MAX_HEAD_DIM: usize = architecture::MAX_HEAD_DIM as usize;
const ROUND: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

/// The kernel for AVX2; a reference to it proves that the processor has AVX2 and
/// `popcnt`, and AVX-VNNI if `VNNI`.
pub(crate) struct Avx2<const VNNI: bool>(());

impl<const VNNI: bool> Avx2<VNNI> {
    const KERNEL: &Self = &Self(());

    /// The kernel, if the processor has its instructions.
    pub fn detect() -> Option<&'static Self> {
        let needed = if VNNI {
            InstructionSet::AvxVnni
        } else {
            InstructionSet::Avx2
        };
        needed.is_available().then_some(Self::KERNEL)
    }
}

impl<const VNNI: bool> Kernel for Avx2<VNNI> {
    fn multiply(&self, panels: Panels<'_>, activations: &[u8], results: &mut [i32]) {
        // SAFETY: `self` proves that the processor has AVX2, and AVX-VNNI if `VNNI`.
        unsafe { multiply::<VNNI>(panels, activations, results) }
    }

    fn gather(&self, activations: &[u8], active: &mut Active) {
        // SAFETY: `self` proves that the processor has AVX2 and `popcnt`.
        unsafe { gather(activations, active) }
    }

    fn multiply_active(&self, strip: &Strip, active: &Active) -> [i32; STRIP] {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { multiply_active(strip, active) }
    }

    fn norm(&self, residual: &[i32], normed: &mut [u8]) {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { norm(residual, normed) }
    }

    fn attend(
        &self,
        attention: Attention<'_>,
        queries: &[i8],
        scratch: &mut Scratch,
        outputs: &mut [u8],
    ) {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { attend(attention, queries, scratch, outputs) }
    }

    fn squared_relu(&self, results: &[i32], hidden: &mut [u8]) {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { squared_relu(results, hidden) }
    }

    fn add_branch(&self, residual: &mut [i32], branch: &[i32]) {
        // SAFETY: `self` proves that the processor has AVX2.
        unsafe { add_branch(residual, branch) }
    }
}

/// # Safety
///
/// The processor must have AVX-VNNI if `VNNI`.
#[target_feature(enable = "avx2")]
unsafe fn multiply<const VNNI: bool>(panels: Panels<'_>, activations: &[u8], results: &mut [i32]) {
    const ROWS: usize = 4;
    let (inputs, stride) = (panels.inputs(), panels.outputs());
    for (index, panel) in panels.iter().enumerate() {
        let tiles = activations.chunks(ROWS * inputs);
        for (rows, results) in tiles.zip(results.chunks_mut(ROWS * stride)) {
            let results = &mut results[index * PANEL..];
            // SAFETY: the caller's promise.
            unsafe {
                match rows.len() / inputs {
                    4 => multiply_tile::<VNNI, 4>(panel, rows, results, stride),
                    3 => multiply_tile::<VNNI, 3>(panel, rows, results, stride),
                    2 => multiply_tile::<VNNI, 2>(panel, rows, results, stride),
                    _ => multiply_tile::<VNNI, 1>(panel, rows, results, stride),
                }
            }
        }
    }
}

/// Sixteen outputs of `ROWS` activation rows; the results of a row begin at multiples of `stride`.
///
/// # Safety
///
/// The processor must have AVX-VNNI if `VNNI`.
#[target_feature(enable = "avx2")]
unsafe fn multiply_tile<const VNNI: bool, const ROWS: usize>(
    panel: Panel<'_>,
    rows: &[u8],
    results: &mut [i32],
    stride: usize,
) {
    let inputs = panel.blocks.len() * QUAD;
    let rows: [&[u8]; ROWS] = parts(rows, inputs, inputs);
    let (biases, _) = panel.biases.as_chunks::<8>();
    let (shifts, _) = panel.shifts.as_chunks::<8>();
    let mut sums = [[load_i32(&biases[0]), load_i32(&biases[1])]; ROWS];
    for (quad, block) in panel.blocks.iter().enumerate() {
        let weights = load_block(block);
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: a row has four bytes for every block; else the caller's promise.
            unsafe {
                let quad = broadcast_4_bytes(row.as_ptr().add(quad * QUAD));
                sums[0] = add_products::<VNNI>(sums[0], quad, weights[0]);
                sums[1] = add_products::<VNNI>(sums[1], quad, weights[1]);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        let results = &mut results[row * stride..][..PANEL];
        for (half, sums) in sums.iter().enumerate() {
            let shifted = _mm256_srav_epi32(*sums, load_i32(&shifts[half]));
            store_i32(&mut results[half * 8..], shifted);
        }
    }
}

/// Adds `quad . weights` to every 32-bit sum.
///
/// # Safety
///
/// The processor must have AVX-VNNI if `VNNI`.
#[target_feature(enable = "avx2")]
unsafe fn add_products<const VNNI: bool>(
    sums: __m256i,
    quad: __m256i,
    weights: __m256i,
) -> __m256i {
    if VNNI {
        let mut sums = sums;
        // SAFETY: the caller's promise; the instruction reads and writes the named registers alone. In assembly,
        // since a function that may be compiled without it cannot enable it.
        unsafe {
            asm!(
                "{{vex}} vpdpbusd {sums}, {quad}, {weights}",
                sums = inout(ymm_reg) sums,
                quad = in(ymm_reg) quad,
                weights = in(ymm_reg) weights,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    } else {
        let pairs = _mm256_maddubs_epi16(quad, weights);
        _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }
}

/// Packs to the left, eight activations at a time: the byte that says which of them are not zero selects
/// the places to shuffle them from.
#[target_feature(enable = "avx2,popcnt")]
pub(super) fn gather(activations: &[u8], active: &mut Active) {
    let mut entries = active.refill();
    let mut first = _mm_setzero_si128();
    for (index, block) in activations.as_chunks().0.iter().enumerate() {
        let all = load_32_bytes(block);
        let zeros = _mm256_cmpeq_epi8(all, _mm256_setzero_si256());
        let mut some = !_mm256_movemask_epi8(zeros) as u32;
        for eight in block.as_chunks().0 {
            let mask = some & 0xFF;
            let places = load_8_bytes(&PLACES[mask as usize]);
            let values = _mm_shuffle_epi8(load_8_bytes(eight), places);
            let (to_inputs, to_values) = entries.next_eight();
            store_8_words(to_inputs, _mm_add_epi16(_mm_cvtepu8_epi16(places), first));
            store_8_bytes(
                to_values,
                _mm_min_epu8(values, _mm_set1_epi8(MAX_VALUE as i8)),
            );
            entries.keep(mask.count_ones() as usize);
            first = _mm_add_epi16(first, _mm_set1_epi16(EIGHT as i16));
            some >>= EIGHT;
        }
        let rests = _mm256_subs_epu8(all, _mm256_set1_epi8(MAX_VALUE as i8));
        let none = _mm256_cmpeq_epi8(rests, _mm256_setzero_si256());
        let mut great = !_mm256_movemask_epi8(none) as u32;
        while great != 0 {
            let place = great.trailing_zeros() as usize;
            entries.push(32 * index + place, block[place] - MAX_VALUE);
            great &= great - 1;
        }
    }
    entries.finish();
}

#[target_feature(enable = "avx2")]
fn multiply_active(strip: &Strip, active: &Active) -> [i32; STRIP] {
    let mut sums = [[[_mm256_setzero_si256(); 2]; 2]; 2];
    for (columns, values) in active.columns(strip) {
        // Loops over indices, here and below: so the compiler keeps everything in registers.
        let mut pairs = [_mm256_setzero_si256(); EIGHT / 2];
        for index in 0..EIGHT / 2 {
            let pair = [values[2 * index], values[2 * index + 1]];
            pairs[index] = _mm256_set1_epi16(i16::from_le_bytes(pair));
        }
        for (half, sums) in sums.iter_mut().enumerate() {
            let mut low = _mm256_setzero_si256();
            let mut high = _mm256_setzero_si256();
            for index in 0..EIGHT / 2 {
                let first = load_half(columns[2 * index], half);
                let second = load_half(columns[2 * index + 1], half);
                let weights = _mm256_unpacklo_epi8(first, second);
                low = _mm256_add_epi16(low, _mm256_maddubs_epi16(pairs[index], weights));
                let weights = _mm256_unpackhi_epi8(first, second);
                high = _mm256_add_epi16(high, _mm256_maddubs_epi16(pairs[index], weights));
            }
            add_parted(&mut sums[0], low);
            add_parted(&mut sums[1], high);
        }
    }
    let mut results = [0; STRIP];
    for (half, sums) in sums.iter().enumerate() {
        for (sixteen, sums) in sums.as_flattened().iter().enumerate() {
            let first = 16 * sixteen + 8 * half;
            let sums = _mm256_add_epi32(*sums, load_i32(&strip.biases[first..]));
            let shifted = _mm256_srav_epi32(sums, load_i32(&strip.shifts[first..]));
            store_i32(&mut results[first..], shifted);
        }
    }
    results
}

/// Adds the even and the odd ones of 16-bit numbers to 32-bit sums.
#[target_feature(enable = "avx2")]
fn add_parted(sums: &mut [__m256i; 2], numbers: __m256i) {
    let even = _mm256_madd_epi16(numbers, _mm256_set1_epi32(1));
    sums[0] = _mm256_add_epi32(sums[0], even);
    sums[1] = _mm256_add_epi32(sums[1], _mm256_srai_epi32::<16>(numbers));
}

#[target_feature(enable = "avx2")]
fn norm(residual: &[i32], normed: &mut [u8]) {
    let (residuals, _) = residual.as_chunks::<16>();
    let mut sums = _mm256_setzero_si256();
    for x in residuals {
        let low = _mm256_abs_epi32(load_i32(&x[..8]));
        let high = _mm256_abs_epi32(load_i32(&x[8..]));
        sums = _mm256_add_epi32(sums, _mm256_add_epi32(low, high));
    }
    let ratio = _mm256_set1_ps(scalar::norm_ratio(residual.len(), sum_i32(sums)));
    let (normed, _) = normed.as_chunks_mut::<16>();
    for (x, normed) in residuals.iter().zip(normed) {
        let low = normalize(load_i32(&x[..8]), ratio);
        let high = normalize(load_i32(&x[8..]), ratio);
        store_offset(normed, low, high);
    }
}

#[target_feature(enable = "avx2")]
fn normalize(x: __m256i, ratio: __m256) -> __m256i {
    let scaled = _mm256_round_ps::<ROUND>(_mm256_mul_ps(_mm256_cvtepi32_ps(x), ratio));
    let clipped = _mm256_max_ps(scaled, _mm256_set1_ps(-127.0));
    _mm256_cvttps_epi32(_mm256_min_ps(clipped, _mm256_set1_ps(127.0)))
}

#[target_feature(enable = "avx2")]
fn attend(attention: Attention<'_>, queries: &[i8], scratch: &mut Scratch, outputs: &mut [u8]) {
    let group_len = HEADS * attention.head_dim;
    let groups = queries.chunks(group_len).zip(outputs.chunks_mut(group_len));
    for (group, (queries, outputs)) in groups.enumerate() {
        let head = group * HEADS;
        match queries.len() / attention.head_dim {
            4 => attend_heads::<4>(attention, head, queries, scratch, outputs),
            3 => attend_heads::<3>(attention, head, queries, scratch, outputs),
            2 => attend_heads::<2>(attention, head, queries, scratch, outputs),
            _ => attend_heads::<1>(attention, head, queries, scratch, outputs),
        }
    }
}

/// Attention of `COUNT` heads, `first_head` the first of them.
#[target_feature(enable = "avx2")]
fn attend_heads<const COUNT: usize>(
    attention: Attention<'_>,
    first_head: usize,
    queries: &[i8],
    scratch: &mut Scratch,
    outputs: &mut [u8],
) {
    let stride = scratch.stride;
    let largest = score_span::<COUNT>(attention, first_head, queries, scratch);
    let mut sums = [0; COUNT];
    for head in 0..COUNT {
        let scores = &scratch.scores[head * stride..][..stride];
        let weights = &mut scratch.weights[head * stride..][..stride];
        sums[head] = weigh(attention, scores, largest[head], weights);
    }
    for first in (0..attention.head_dim).step_by(PANEL) {
        let averages = average_values::<COUNT>(attention, first, scratch, sums);
        for (head, averages) in averages.iter().enumerate() {
            let output = &mut outputs[head * attention.head_dim + first..];
            store_offset(output.first_chunk_mut().unwrap(), averages[0], averages[1]);
        }
    }
}

/// Writes the scores of all entries of the span and returns the largest of each head.
#[target_feature(enable = "avx2")]
fn score_span<const COUNT: usize>(
    attention: Attention<'_>,
    first_head: usize,
    queries: &[i8],
    scratch: &mut Scratch,
) -> [i32; COUNT] {
    let shift = _mm_cvtsi32_si128(attention.score_shift as i32);
    let head_dim = attention.head_dim;
    let queries: [&[i8]; COUNT] = parts(queries, head_dim, head_dim);
    let mut first_sums = [0; COUNT];
    let mut divided = [[[0; QUAD]; MAX_HEAD_DIM / QUAD]; COUNT];
    for (head, query) in queries.iter().enumerate() {
        first_sums[head] = attention.first_sum(query, ring::KEY_OFFSET);
        divide_query(query, &mut divided[head]);
    }
    let mut largest = [_mm256_set1_epi32(i32::MIN); COUNT];
    for (panel, (keys, _)) in attention.ring.panels(attention.span).enumerate() {
        let sums = score_panel::<COUNT>(first_sums, &divided, keys);
        for (head, (largest, sums)) in largest.iter_mut().zip(sums).enumerate() {
            let entry = panel * span::PANEL;
            let biases = &attention.biases.of_span(first_head + head, attention.span)[entry..];
            let scores = &mut scratch.scores[head * scratch.stride + entry..];
            for (half, sums) in sums.into_iter().enumerate() {
                let bias = load_i32(&biases[8 * half..]);
                let score = _mm256_add_epi32(_mm256_sra_epi32(sums, shift), bias);
                *largest = _mm256_max_epi32(*largest, score);
                store_i32(&mut scores[8 * half..], score);
            }
        }
    }
    let mut result = [i32::MIN; COUNT];
    for (result, largest) in result.iter_mut().zip(largest) {
        *result = max_i32(largest);
    }
    result
}

/// The even and then the odd dimensions of every quad.
fn divide_query(query: &[i8], divided: &mut [[i16; QUAD]]) {
    let (quads, _) = query.as_chunks();
    for (divided, [a, b, c, d]) in divided.iter_mut().zip(quads) {
        *divided = [*a, *c, *b, *d].map(i16::from);
    }
}

/// The sums of products of sixteen positions, beginning with `first_sums`.
#[target_feature(enable = "avx2")]
fn score_panel<const COUNT: usize>(
    first_sums: [i32; COUNT],
    queries: &[[[i16; QUAD]; MAX_HEAD_DIM / QUAD]; COUNT],
    keys: &[u8],
) -> [[__m256i; 2]; COUNT] {
    let mut sums = [[_mm256_setzero_si256(); 2]; COUNT];
    for (sums, first_sum) in sums.iter_mut().zip(first_sums) {
        *sums = [_mm256_set1_epi32(first_sum); 2];
    }
    let (keys, _) = keys.as_chunks::<64>();
    for (quad, keys) in keys.iter().enumerate() {
        let keys = load_64_bytes(keys);
        let low_bytes = _mm256_set1_epi16(0xFF);
        let even = [
            _mm256_and_si256(keys[0], low_bytes),
            _mm256_and_si256(keys[1], low_bytes),
        ];
        let odd = [
            _mm256_srli_epi16::<8>(keys[0]),
            _mm256_srli_epi16::<8>(keys[1]),
        ];
        for (sums, query) in sums.iter_mut().zip(queries) {
            let query: *const u8 = query[quad].as_ptr().cast();
            // SAFETY: a quad has four 16-bit numbers, eight bytes.
            let (query_even, query_odd) =
                unsafe { (broadcast_4_bytes(query), broadcast_4_bytes(query.add(4))) };
            sums[0] = add_pairs(sums[0], [even[0], odd[0]], [query_even, query_odd]);
            sums[1] = add_pairs(sums[1], [even[1], odd[1]], [query_even, query_odd]);
        }
    }
    sums
}

/// Adds the products of pairs, of even and of odd entries, to every sum.
#[target_feature(enable = "avx2")]
fn add_pairs(sums: __m256i, a: [__m256i; 2], b: [__m256i; 2]) -> __m256i {
    let even = _mm256_madd_epi16(a[0], b[0]);
    _mm256_add_epi32(sums, _mm256_add_epi32(even, _mm256_madd_epi16(a[1], b[1])))
}

/// Turns scores into weights, 0 where a position is not seen, and returns their sum.
///
/// Works on 32 entries at a time: behind the span there may be old scores, which are as unseen as
/// the margins of the span.
#[target_feature(enable = "avx2")]
fn weigh(attention: Attention<'_>, scores: &[i32], largest: i32, weights: &mut [u8]) -> i32 {
    let len = (attention.span.panels * span::PANEL).next_multiple_of(32);
    let weights = &mut weights[..len];
    let (scores, _) = scores[..len].as_chunks::<32>();
    for (scores, weights) in scores.iter().zip(weights.as_chunks_mut().0) {
        let looked_up = look_up(attention.exp2_table, table_indices(scores, largest));
        store_32_bytes(weights, looked_up);
    }
    weights[..attention.span.seen.start].fill(0);
    weights[attention.span.seen.end..].fill(0);
    let mut sums = _mm256_setzero_si256();
    for weights in weights.as_chunks().0 {
        let eights = _mm256_sad_epu8(load_32_bytes(weights), _mm256_setzero_si256());
        sums = _mm256_add_epi32(sums, eights);
    }
    sum_i32(sums)
}

/// `min(largest - score, 255)` as bytes, in order.
#[target_feature(enable = "avx2")]
fn table_indices(scores: &[i32; 32], largest: i32) -> __m256i {
    let largest = _mm256_set1_epi32(largest);
    let low = _mm256_packus_epi32(
        table_index(&scores[0..], largest),
        table_index(&scores[8..], largest),
    );
    let high = _mm256_packus_epi32(
        table_index(&scores[16..], largest),
        table_index(&scores[24..], largest),
    );
    // Packing works within 128-bit halves: put groups of four bytes back in order.
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order)
}

#[target_feature(enable = "avx2")]
fn table_index(scores: &[i32], largest: __m256i) -> __m256i {
    let difference = _mm256_sub_epi32(largest, load_i32(scores));
    _mm256_min_epi32(difference, _mm256_set1_epi32(255))
}

/// The table's entries at 32 byte indices.
#[target_feature(enable = "avx2")]
fn look_up(table: &Exp2Table, indices: __m256i) -> __m256i {
    let (sixteens, _) = table.entries.as_chunks::<16>();
    let mut found = _mm256_setzero_si256();
    for (sixteen, entries) in sixteens[..table.used].iter().enumerate() {
        // Within this sixteen, bit 7 stays clear and the low bits select; else bit 7 gets set.
        let within = _mm256_xor_si256(indices, _mm256_set1_epi8((sixteen << 4) as i8));
        let selector = _mm256_adds_epu8(within, _mm256_set1_epi8(0x70));
        let entries = _mm256_broadcastsi128_si256(load_16_bytes(entries));
        found = _mm256_or_si256(found, _mm256_shuffle_epi8(entries, selector));
    }
    found
}

/// The averages of sixteen dimensions from `first` on.
#[target_feature(enable = "avx2")]
fn average_values<const COUNT: usize>(
    attention: Attention<'_>,
    first: usize,
    scratch: &Scratch,
    sums: [i32; COUNT],
) -> [[__m256i; 2]; COUNT] {
    let quad_len = QUAD * attention.head_dim;
    let mut weighted = [[_mm256_setzero_si256(); 2]; COUNT];
    for (panel, (_, values)) in attention.ring.panels(attention.span).enumerate() {
        let weights = &scratch.weights[panel * span::PANEL..];
        let weights: [&[u8]; COUNT] = parts(weights, scratch.stride, span::PANEL);
        for (quad, values) in values.chunks_exact(quad_len).enumerate() {
            let values = load_64_bytes(values[QUAD * first..].first_chunk().unwrap());
            let values = [divide_signed(values[0]), divide_signed(values[1])];
            for (weighted, weights) in weighted.iter_mut().zip(weights) {
                // SAFETY: a panel has sixteen weights, four bytes for every quad of positions.
                let quad = unsafe { broadcast_4_bytes(weights.as_ptr().add(quad * QUAD)) };
                let even = _mm256_and_si256(quad, _mm256_set1_epi16(0xFF));
                let weights = [even, _mm256_srli_epi16::<8>(quad)];
                weighted[0] = add_pairs(weighted[0], weights, values[0]);
                weighted[1] = add_pairs(weighted[1], weights, values[1]);
            }
        }
    }
    for (weighted, sum) in weighted.iter_mut().zip(sums) {
        *weighted = [divide(weighted[0], sum), divide(weighted[1], sum)];
    }
    weighted
}

/// The even and the odd bytes as 16-bit numbers.
#[target_feature(enable = "avx2")]
fn divide_signed(bytes: __m256i) -> [__m256i; 2] {
    let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(bytes));
    [even, _mm256_srai_epi16::<8>(bytes)]
}

#[target_feature(enable = "avx2")]
fn divide(weighted: __m256i, sum: i32) -> __m256i {
    let quotient = _mm256_div_ps(_mm256_cvtepi32_ps(weighted), _mm256_set1_ps(sum as f32));
    _mm256_cvttps_epi32(_mm256_round_ps::<ROUND>(quotient))
}

#[target_feature(enable = "avx2")]
fn squared_relu(results: &[i32], hidden: &mut [u8]) {
    scalar::squared_relu(results, hidden);
}

#[target_feature(enable = "avx2")]
fn add_branch(residual: &mut [i32], branch: &[i32]) {
    scalar::add_branch(residual, branch);
}

/// `COUNT` parts of `len`, whose beginnings are `stride` apart.
///
/// A loop, because a closure in `array::from_fn` would not be compiled for AVX2, and then neither
/// it nor what it calls would be inlined; hence the loops over vectors elsewhere, too.
#[inline]
fn parts<const COUNT: usize, T>(values: &[T], stride: usize, len: usize) -> [&[T]; COUNT] {
    let mut parts = [&values[..0]; COUNT];
    for (index, part) in parts.iter_mut().enumerate() {
        *part = &values[index * stride..][..len];
    }
    parts
}

/// Adds the eight sums.
#[target_feature(enable = "avx2")]
fn sum_i32(sums: __m256i) -> i32 {
    let mut array = [0; 8];
    store_i32(&mut array, sums);
    array.iter().sum()
}

/// The largest of eight.
#[target_feature(enable = "avx2")]
fn max_i32(values: __m256i) -> i32 {
    let mut array = [0; 8];
    store_i32(&mut array, values);
    array.into_iter().fold(i32::MIN, i32::max)
}

/// Stores sixteen numbers in -127..=127 as bytes, offset by 128.
#[target_feature(enable = "avx2")]
fn store_offset(to: &mut [u8; 16], low: __m256i, high: __m256i) {
    let offset = _mm256_set1_epi32(128);
    let low = _mm256_add_epi32(low, offset);
    let words = _mm256_packus_epi32(low, _mm256_add_epi32(high, offset));
    let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
    let high_words = _mm256_extracti128_si256::<1>(words);
    let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), high_words);
    // SAFETY: the array has sixteen bytes.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), bytes) }
}

#[target_feature(enable = "avx2")]
fn load_64_bytes<T>(bytes: &[T; 64]) -> [__m256i; 2] {
    const { assert!(size_of::<T>() == 1) };
    let bytes = bytes.as_ptr().cast::<__m256i>();
    // SAFETY: the array has 64 bytes.
    unsafe { [_mm256_loadu_si256(bytes), _mm256_loadu_si256(bytes.add(1))] }
}

#[target_feature(enable = "avx2")]
fn load_32_bytes<T>(bytes: &[T; 32]) -> __m256i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: the array has 32 bytes.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store_32_bytes(to: &mut [u8; 32], values: __m256i) {
    // SAFETY: the array has 32 bytes.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), values) }
}

#[target_feature(enable = "avx2")]
fn load_block(block: &Block) -> [__m256i; 2] {
    // SAFETY: a block has 64 bytes and is aligned to 64.
    unsafe {
        [
            _mm256_load_si256(block.0.as_ptr().cast()),
            _mm256_load_si256(block.0.as_ptr().add(32).cast()),
        ]
    }
}

#[target_feature(enable = "avx2")]
fn load_8_bytes(bytes: &[u8; 8]) -> __m128i {
    // SAFETY: the array has eight bytes.
    unsafe { _mm_loadl_epi64(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store_8_bytes(to: &mut [u8; 8], values: __m128i) {
    // SAFETY: the array has eight bytes.
    unsafe { _mm_storel_epi64(to.as_mut_ptr().cast(), values) }
}

#[target_feature(enable = "avx2")]
fn store_8_words(to: &mut [u16; 8], values: __m128i) {
    // SAFETY: the array has sixteen bytes.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), values) }
}

#[target_feature(enable = "avx2")]
fn load_half(Column(weights): &Column, half: usize) -> __m256i {
    load_32_bytes(&weights.as_chunks().0[half])
}

#[target_feature(enable = "avx2")]
fn load_16_bytes(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: the array has sixteen bytes.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn load_i32(from: &[i32]) -> __m256i {
    let from = &from[..8];
    // SAFETY: the slice has 32 bytes.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx2")]
fn store_i32(to: &mut [i32], values: __m256i) {
    let to = &mut to[..8];
    // SAFETY: the slice has 32 bytes.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), values) }
}

/// Repeats four bytes eight times.
///
/// # Safety
///
/// Four bytes must be readable at `from`, of any alignment.
#[target_feature(enable = "avx2")]
unsafe fn broadcast_4_bytes(from: *const u8) -> __m256i {
    // SAFETY: the caller's promise.
    _mm256_set1_epi32(unsafe { from.cast::<i32>().read_unaligned() })
}
