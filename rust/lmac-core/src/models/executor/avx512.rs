//! The kernel for AVX-512 with VNNI and VBMI: Intel since Ice Lake, AMD since Zen 4.
//!
//! - Products: `vpdpbusd` multiplies four unsigned bytes with four signed ones and adds all to a
//!   32-bit sum, sixteen sums at a time: exact for all operands, and a [`Block`] of weights or a
//!   quad of keys or values is one vector.
//! - Matrices by columns: like the kernel for AVX2, whose packing of active inputs is used as it is.
//! - The table of powers of two is two registers of 64 entries each for one `vpermi2b`, twice.
//!
//! The floating-point steps are the same single operations as in the scalar kernel; nothing is
//! fused, no reciprocal is approximated.

// Loops over indices keep arrays of vectors in registers; iterators over such arrays copy them.
#![allow(clippy::needless_range_loop)]

#[allow(clippy::wildcard_imports)] // fifty intrinsics
use std::arch::x86_64::*;

use super::attention::{Attention, HEADS, Scratch};
use super::avx2;
use super::kernel::Kernel;
use super::{ring, scalar};
use crate::cpu::InstructionSet;
use crate::models::span;
use crate::models::weights::biases::Exp2Table;
use crate::models::weights::matrix::{Block, PANEL, Panel, Panels, QUAD};
use crate::models::weights::sparse::{Active, EIGHT, STRIP, Strip};

const ROUND: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

/// The kernel for AVX-512; a reference to it proves that the processor has all that it uses.
pub(crate) struct Avx512(());

impl Avx512 {
    /// The kernel, if the processor has its instructions.
    pub fn detect() -> Option<&'static Self> {
        const KERNEL: &Avx512 = &Avx512(());
        InstructionSet::Avx512.is_available().then_some(KERNEL)
    }
}

impl Kernel for Avx512 {
    fn multiply(&self, panels: Panels<'_>, activations: &[u8], results: &mut [i32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { multiply(panels, activations, results) }
    }

    fn gather(&self, activations: &[u8], active: &mut Active) {
        // SAFETY: `self` proves that the processor has what the kernel for AVX2 needs, too.
        unsafe { avx2::gather(activations, active) }
    }

    fn multiply_active(&self, strip: &Strip, active: &Active) -> [i32; STRIP] {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { multiply_active(strip, active) }
    }

    fn norm(&self, residual: &[i32], normed: &mut [u8]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { norm(residual, normed) }
    }

    fn attend(
        &self,
        attention: Attention<'_>,
        queries: &[i8],
        scratch: &mut Scratch,
        outputs: &mut [u8],
    ) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { attend(attention, queries, scratch, outputs) }
    }

    fn squared_relu(&self, results: &[i32], hidden: &mut [u8]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { squared_relu(results, hidden) }
    }

    fn add_branch(&self, residual: &mut [i32], branch: &[i32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { add_branch(residual, branch) }
    }
}

/// Many rows share the weights of two panels; one or two rows cannot hide the latency of sums and of
/// memory that way, and take up to eight panels at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn multiply(panels: Panels<'_>, activations: &[u8], results: &mut [i32]) {
    let most = if activations.len() <= 2 * panels.inputs() {
        8
    } else {
        2
    };
    let mut first = 0;
    while first < panels.len() {
        first += match (panels.len() - first).min(most) {
            8.. => multiply_panels::<8>(panels, first, activations, results),
            4.. => multiply_panels::<4>(panels, first, activations, results),
            2.. => multiply_panels::<2>(panels, first, activations, results),
            _ => multiply_panels::<1>(panels, first, activations, results),
        }
    }
}

/// The outputs of `COUNT` panels from `first` on, for all rows; returns `COUNT`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn multiply_panels<const COUNT: usize>(
    panels: Panels<'_>,
    first: usize,
    mut rows: &[u8],
    mut results: &mut [i32],
) -> usize {
    let (inputs, stride) = (panels.inputs(), panels.outputs());
    let mut some = [panels.get(first); COUNT];
    for (index, panel) in some.iter_mut().enumerate() {
        *panel = panels.get(first + index);
    }
    while !rows.is_empty() {
        let to = &mut results[first * PANEL..];
        let done = match rows.len() / inputs {
            8.. if COUNT <= 2 => multiply_tile::<8, COUNT>(some, rows, to, stride),
            4.. if COUNT <= 2 => multiply_tile::<4, COUNT>(some, rows, to, stride),
            2.. => multiply_tile::<2, COUNT>(some, rows, to, stride),
            _ => multiply_tile::<1, COUNT>(some, rows, to, stride),
        };
        rows = &rows[done * inputs..];
        results = &mut results[done * stride..];
    }
    COUNT
}

/// The outputs of `PANELS` panels for `ROWS` rows, whose number is returned; the results of a row begin
/// at multiples of `stride`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn multiply_tile<const ROWS: usize, const PANELS: usize>(
    panels: [Panel<'_>; PANELS],
    rows: &[u8],
    results: &mut [i32],
    stride: usize,
) -> usize {
    let quads = panels[0].blocks.len();
    let rows = &rows[..ROWS * quads * QUAD];
    let mut sums = [[_mm512_setzero_si512(); PANELS]; ROWS];
    for sums in &mut sums {
        for (sums, panel) in sums.iter_mut().zip(panels) {
            *sums = load_i32(panel.biases);
        }
    }
    for quad in 0..quads {
        let mut weights = [_mm512_setzero_si512(); PANELS];
        for panel in 0..PANELS {
            weights[panel] = load_block(&panels[panel].blocks[quad]);
        }
        for row in 0..ROWS {
            // SAFETY: every row has `quads` quads.
            let activations = unsafe { broadcast(rows, row * quads + quad) };
            for panel in 0..PANELS {
                sums[row][panel] =
                    _mm512_dpbusd_epi32(sums[row][panel], activations, weights[panel]);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (index, (sums, panel)) in sums.iter().zip(panels).enumerate() {
            let shifted = _mm512_srav_epi32(*sums, load_i32(panel.shifts));
            store_i32(chunk_mut(results, row * stride + index * PANEL), shifted);
        }
    }
    ROWS
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn multiply_active(strip: &Strip, active: &Active) -> [i32; STRIP] {
    let mut sums = [[_mm512_setzero_si512(); 2]; 2];
    for (columns, values) in active.columns(strip) {
        let mut low = _mm512_setzero_si512();
        let mut high = _mm512_setzero_si512();
        for index in 0..EIGHT / 2 {
            let pair = [values[2 * index], values[2 * index + 1]];
            let pair = _mm512_set1_epi16(i16::from_le_bytes(pair));
            let first = load_bytes(&columns[2 * index].0);
            let second = load_bytes(&columns[2 * index + 1].0);
            let weights = _mm512_unpacklo_epi8(first, second);
            low = _mm512_add_epi16(low, _mm512_maddubs_epi16(pair, weights));
            let weights = _mm512_unpackhi_epi8(first, second);
            high = _mm512_add_epi16(high, _mm512_maddubs_epi16(pair, weights));
        }
        add_parted(&mut sums[0], low);
        add_parted(&mut sums[1], high);
    }
    let mut results = [0; STRIP];
    for (sixteen, sums) in sums.as_flattened().iter().enumerate() {
        let biases = load_i32(chunk(&strip.biases, 16 * sixteen));
        let shifts = load_i32(chunk(&strip.shifts, 16 * sixteen));
        let shifted = _mm512_srav_epi32(_mm512_add_epi32(*sums, biases), shifts);
        store_i32(chunk_mut(&mut results, 16 * sixteen), shifted);
    }
    results
}

/// Adds the even and the odd ones of 16-bit numbers to 32-bit sums.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn add_parted(sums: &mut [__m512i; 2], numbers: __m512i) {
    let even = _mm512_madd_epi16(numbers, _mm512_set1_epi32(1));
    sums[0] = _mm512_add_epi32(sums[0], even);
    sums[1] = _mm512_add_epi32(sums[1], _mm512_srai_epi32::<16>(numbers));
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn norm(residual: &[i32], normed: &mut [u8]) {
    let (residuals, _) = residual.as_chunks();
    let mut sums = _mm512_setzero_si512();
    for x in residuals {
        sums = _mm512_add_epi32(sums, _mm512_abs_epi32(load_i32(x)));
    }
    let sum = _mm512_reduce_add_epi32(sums);
    let ratio = _mm512_set1_ps(scalar::norm_ratio(residual.len(), sum));
    for (x, normed) in residuals.iter().zip(normed.as_chunks_mut().0) {
        let scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(load_i32(x)), ratio);
        // Beyond the limits there is nothing to round: clipping first, rounding is left to the conversion.
        let clipped = _mm512_max_ps(scaled, _mm512_set1_ps(-127.0));
        let clipped = _mm512_min_ps(clipped, _mm512_set1_ps(127.0));
        store_offset(normed, _mm512_cvt_roundps_epi32::<ROUND>(clipped));
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
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
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
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
    let mut first = 0;
    while first < attention.head_dim {
        first += match attention.head_dim - first {
            64.. => average_values::<COUNT, 4>(attention, first, scratch, sums, outputs),
            32.. => average_values::<COUNT, 2>(attention, first, scratch, sums, outputs),
            _ => average_values::<COUNT, 1>(attention, first, scratch, sums, outputs),
        }
    }
}

/// Writes the scores of all entries of the span and returns the largest of each head.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn score_span<const COUNT: usize>(
    attention: Attention<'_>,
    first_head: usize,
    queries: &[i8],
    scratch: &mut Scratch,
) -> [i32; COUNT] {
    let shift = _mm_cvtsi32_si128(attention.score_shift as i32);
    let head_dim = attention.head_dim;
    let quads = head_dim / ring::QUAD;
    let queries = &queries[..COUNT * head_dim];
    let mut first_sums = [_mm512_setzero_si512(); COUNT];
    let mut biases = [&[][..]; COUNT];
    for head in 0..COUNT {
        let query = &queries[head * head_dim..][..head_dim];
        first_sums[head] = _mm512_set1_epi32(attention.first_sum(query, ring::KEY_OFFSET));
        biases[head] = attention.biases.of_span(first_head + head, attention.span);
    }
    let mut largest = [_mm512_set1_epi32(i32::MIN); COUNT];
    for (panel, (keys, _)) in attention.ring.panels(attention.span).enumerate() {
        let (keys, _) = keys.as_chunks();
        let mut sums = first_sums;
        for (quad, keys) in keys[..quads].iter().enumerate() {
            let keys = load_bytes(keys);
            for head in 0..COUNT {
                // SAFETY: every query has `quads` quads.
                let query = unsafe { broadcast(queries, head * quads + quad) };
                sums[head] = _mm512_dpbusd_epi32(sums[head], keys, query);
            }
        }
        let entry = panel * span::PANEL;
        for head in 0..COUNT {
            let bias = load_i32(chunk(biases[head], entry));
            let score = _mm512_add_epi32(_mm512_sra_epi32(sums[head], shift), bias);
            largest[head] = _mm512_max_epi32(largest[head], score);
            let scores = &mut scratch.scores[head * scratch.stride..];
            store_i32(chunk_mut(scores, entry), score);
        }
    }
    let mut result = [0; COUNT];
    for head in 0..COUNT {
        result[head] = _mm512_reduce_max_epi32(largest[head]);
    }
    result
}

/// Turns scores into weights, 0 where a position is not seen, and returns their sum.
///
/// Works on 64 entries at a time: behind the span there may be old scores, which are as unseen as
/// the margins of the span.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn weigh(attention: Attention<'_>, scores: &[i32], largest: i32, weights: &mut [u8]) -> i32 {
    let len = (attention.span.panels * span::PANEL).next_multiple_of(64);
    let weights = &mut weights[..len];
    let largest = _mm512_set1_epi32(largest);
    let table = load_table(attention.exp2_table);
    for (scores, weights) in scores
        .as_chunks::<64>()
        .0
        .iter()
        .zip(weights.as_chunks_mut().0)
    {
        let mut indices = [_mm_setzero_si128(); 4];
        for (index, indices) in indices.iter_mut().enumerate() {
            let difference = _mm512_sub_epi32(largest, load_i32(chunk(scores, 16 * index)));
            *indices = _mm512_cvtusepi32_epi8(difference); // at most 255
        }
        let low = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(indices[0]), indices[1]);
        let half = _mm512_inserti32x4::<2>(low, indices[2]);
        store_bytes(
            weights,
            look_up(table, _mm512_inserti32x4::<3>(half, indices[3])),
        );
    }
    weights[..attention.span.seen.start].fill(0);
    weights[attention.span.seen.end..].fill(0);
    let mut sums = _mm512_setzero_si512();
    for weights in weights.as_chunks().0 {
        let eights = _mm512_sad_epu8(load_bytes(weights), _mm512_setzero_si512());
        sums = _mm512_add_epi64(sums, eights);
    }
    _mm512_reduce_add_epi64(sums) as i32
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn load_table(table: &Exp2Table) -> [__m512i; 4] {
    let mut vectors = [_mm512_setzero_si512(); 4];
    for (vector, entries) in vectors.iter_mut().zip(table.entries.as_chunks().0) {
        *vector = load_bytes(entries);
    }
    vectors
}

/// The table's entries at 64 byte indices.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn look_up(table: [__m512i; 4], indices: __m512i) -> __m512i {
    let low = _mm512_permutex2var_epi8(table[0], indices, table[1]);
    let high = _mm512_permutex2var_epi8(table[2], indices, table[3]);
    _mm512_mask_blend_epi8(_mm512_movepi8_mask(indices), low, high)
}

/// Writes the averages of `16 * SIXTEENS` dimensions from `first` on, and returns their number.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn average_values<const COUNT: usize, const SIXTEENS: usize>(
    attention: Attention<'_>,
    first: usize,
    scratch: &Scratch,
    sums: [i32; COUNT],
    outputs: &mut [u8],
) -> usize {
    let quad_len = QUAD * attention.head_dim;
    let mut weighted = [[_mm512_setzero_si512(); SIXTEENS]; COUNT];
    for (panel, (_, values)) in attention.ring.panels(attention.span).enumerate() {
        let first_weight = panel * span::PANEL;
        let weights = &scratch.weights[..(COUNT - 1) * scratch.stride + first_weight + span::PANEL];
        for quad in 0..span::PANEL / ring::QUAD {
            let (bytes, _) = values[quad * quad_len + QUAD * first..].as_chunks();
            let bytes = &bytes[..SIXTEENS];
            let mut values = [_mm512_setzero_si512(); SIXTEENS];
            for sixteen in 0..SIXTEENS {
                values[sixteen] = load_bytes(&bytes[sixteen]);
            }
            for head in 0..COUNT {
                let index = (head * scratch.stride + first_weight) / QUAD + quad;
                // SAFETY: the weights of every head go on for a panel after `first_weight`.
                let weights = unsafe { broadcast(weights, index) };
                for sixteen in 0..SIXTEENS {
                    weighted[head][sixteen] =
                        _mm512_dpbusd_epi32(weighted[head][sixteen], weights, values[sixteen]);
                }
            }
        }
    }
    for head in 0..COUNT {
        let (outputs, _) = outputs[head * attention.head_dim + first..].as_chunks_mut();
        let sum = _mm512_set1_ps(sums[head] as f32);
        for sixteen in 0..SIXTEENS {
            let weighted = _mm512_cvtepi32_ps(weighted[head][sixteen]);
            let quotient = _mm512_div_ps(weighted, sum);
            store_offset(
                &mut outputs[sixteen],
                _mm512_cvt_roundps_epi32::<ROUND>(quotient),
            );
        }
    }
    SIXTEENS * PANEL
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn squared_relu(results: &[i32], hidden: &mut [u8]) {
    scalar::squared_relu(results, hidden);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn add_branch(residual: &mut [i32], branch: &[i32]) {
    scalar::add_branch(residual, branch);
}

/// Stores sixteen numbers in -127..=127 as bytes, offset by 128.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn store_offset(to: &mut [u8; 16], values: __m512i) {
    let bytes = _mm512_cvtepi32_epi8(_mm512_add_epi32(values, _mm512_set1_epi32(128)));
    // SAFETY: the array has sixteen bytes.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), bytes) }
}

/// Four bytes, number `index` of such quads, sixteen times.
///
/// # Safety
///
/// The quad must lie within `bytes`.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
unsafe fn broadcast<T>(bytes: &[T], index: usize) -> __m512i {
    const { assert!(size_of::<T>() == 1) };
    debug_assert!((index + 1) * QUAD <= bytes.len());
    // SAFETY: the caller's promise; the read needs no alignment.
    _mm512_set1_epi32(unsafe { bytes.as_ptr().cast::<i32>().add(index).read_unaligned() })
}

fn chunk(values: &[i32], first: usize) -> &[i32; 16] {
    values[first..].first_chunk().unwrap()
}

fn chunk_mut(values: &mut [i32], first: usize) -> &mut [i32; 16] {
    values[first..].first_chunk_mut().unwrap()
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn load_block(block: &Block) -> __m512i {
    // SAFETY: a block has 64 bytes and is aligned to 64.
    unsafe { _mm512_load_si512(block.0.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn load_bytes<T>(bytes: &[T; 64]) -> __m512i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn store_bytes(to: &mut [u8; 64], values: __m512i) {
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), values) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn load_i32(from: &[i32; 16]) -> __m512i {
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi")]
fn store_i32(to: &mut [i32; 16], values: __m512i) {
    // SAFETY: the array has 64 bytes.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), values) }
}
