//! The kernels for NEON: every processor of the `aarch64` family, with or without its extension
//! for dot products.
//!
//! - Both multiply signed bytes with signed bytes and add the four products of a quad
//!   ([`add_products`]). With the extension (`DOTPROD`) that is one instruction, `sdot`, written in
//!   assembly until its intrinsic is stable; without it, it is four: the sums of pairs are at most
//!   `2 * 128 * 127 < 2^15`, so nothing saturates.
//! - Matrices by columns: `smlal` multiplies eight weights with a value and adds to eight 16-bit sums.
//! - Where the layout has an unsigned byte, it is made signed by taking off 128 (one `eor`), and
//!   what that changes is added again: for matrices by their `signed_biases`, for scores by a first
//!   sum without the key's offset, for averages as 128 times the sum of the values, once for all heads.
//! - The table of powers of two is looked up 64 entries at a time by `tbl`, which returns zero for
//!   an index outside of them.
//!
//! The floating-point steps are the same single operations as in the scalar kernel; nothing is
//! fused, no reciprocal is approximated.

#[allow(clippy::wildcard_imports)] // forty intrinsics
use std::arch::aarch64::*;
use std::arch::asm;

use super::attention::{Attention, HEADS, Scratch};
use super::kernel::Kernel;
use super::scalar;
use crate::cpu::InstructionSet;
use crate::models::span;
use crate::models::weights::biases::Exp2Table;
use crate::models::weights::matrix::{Block, PANEL, Panel, Panels, QUAD};
use crate::models::weights::sparse::{Active, Column, EIGHT, MAX_VALUE, PLACES, STRIP, Strip};

/// Registers of sums for the outputs of a panel, the scores of a panel of positions, or the
/// averages of as many dimensions.
const SUMS: usize = PANEL / 4;

/// Sixteen 32-bit numbers.
type Sixteen = [int32x4_t; SUMS];

/// The kernel for NEON; a reference to it proves that the processor has it, and its extension for
/// dot products if `DOTPROD`.
pub(crate) struct Neon<const DOTPROD: bool>(());

impl<const DOTPROD: bool> Neon<DOTPROD> {
    const KERNEL: &Self = &Self(());

    /// The kernel, if the processor can run it.
    pub fn detect() -> Option<&'static Self> {
        let needed = if DOTPROD {
            InstructionSet::DotProd
        } else {
            InstructionSet::Neon
        };
        needed.is_available().then_some(Self::KERNEL)
    }
}

impl<const DOTPROD: bool> Kernel for Neon<DOTPROD> {
    fn multiply(&self, panels: Panels<'_>, activations: &[u8], results: &mut [i32]) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { multiply::<DOTPROD>(panels, activations, results) }
    }

    fn gather(&self, activations: &[u8], active: &mut Active) {
        // SAFETY: `self` proves that the processor has the instructions.
        unsafe { gather(activations, active) }
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
        unsafe { attend::<DOTPROD>(attention, queries, scratch, outputs) }
    }

    fn squared_relu(&self, results: &[i32], hidden: &mut [u8]) {
        // NEON is part of the target: the compiler uses it here by itself.
        scalar::squared_relu(results, hidden);
    }

    fn add_branch(&self, residual: &mut [i32], branch: &[i32]) {
        scalar::add_branch(residual, branch);
    }
}

/// Adds to every 32-bit sum the products of its quad of weights with quad number `LANE` of `quads`.
#[inline]
#[target_feature(enable = "neon")]
fn add_products<const DOTPROD: bool, const LANE: i32>(
    sums: int32x4_t,
    weights: int8x16_t,
    quads: int8x16_t,
) -> int32x4_t {
    if DOTPROD {
        let mut sums = sums;
        // SAFETY: `Neon<true>` exists only where the processor has the instruction, which reads
        // and writes the named registers alone.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sums:v}.4s, {weights:v}.16b, {quads:v}.4b[{lane}]",
                sums = inout(vreg) sums,
                weights = in(vreg) weights,
                quads = in(vreg) quads,
                lane = const LANE,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    } else {
        let quad = vdupq_laneq_s32::<LANE>(vreinterpretq_s32_s8(quads));
        let quad = vreinterpretq_s8_s32(quad);
        let low = vmull_s8(vget_low_s8(weights), vget_low_s8(quad));
        let high = vmull_high_s8(weights, quad);
        vpadalq_s16(sums, vpaddq_s16(low, high))
    }
}

/// The products of a block, or what is laid out like one, with a quad.
#[inline]
#[target_feature(enable = "neon")]
fn add_block<const DOTPROD: bool, const LANE: i32>(
    sums: &mut Sixteen,
    block: [int8x16_t; SUMS],
    quads: int8x16_t,
) {
    for (sums, weights) in sums.iter_mut().zip(block) {
        *sums = add_products::<DOTPROD, LANE>(*sums, weights, quads);
    }
}

/// Some rows share the weights of a panel; a single row takes several panels at a time, so that no sum
/// has to wait for the one before. Products in four instructions need registers of their own and give
/// the sums time: then it is half as many.
#[target_feature(enable = "neon")]
fn multiply<const DOTPROD: bool>(panels: Panels<'_>, activations: &[u8], results: &mut [i32]) {
    let most = if DOTPROD { 4 } else { 2 };
    let (inputs, stride) = (panels.inputs(), panels.outputs());
    if activations.len() == inputs {
        let mut first = 0;
        while first < panels.len() {
            let results = &mut results[first * PANEL..];
            first += match (panels.len() - first).min(most) {
                4.. => multiply_row::<DOTPROD, 4>(panels, first, activations, results),
                2.. => multiply_row::<DOTPROD, 2>(panels, first, activations, results),
                _ => multiply_row::<DOTPROD, 1>(panels, first, activations, results),
            };
        }
        return;
    }
    for (index, panel) in panels.iter().enumerate() {
        let tiles = activations.chunks(most * inputs);
        for (rows, results) in tiles.zip(results.chunks_mut(most * stride)) {
            let results = &mut results[index * PANEL..];
            match rows.len() / inputs {
                4 => multiply_tile::<DOTPROD, 4, 1>([panel], rows, results, stride),
                3 => multiply_tile::<DOTPROD, 3, 1>([panel], rows, results, stride),
                2 => multiply_tile::<DOTPROD, 2, 1>([panel], rows, results, stride),
                _ => multiply_tile::<DOTPROD, 1, 1>([panel], rows, results, stride),
            }
        }
    }
}

/// The outputs of `COUNT` panels from `first` on, for one row; returns `COUNT`.
#[target_feature(enable = "neon")]
fn multiply_row<const DOTPROD: bool, const COUNT: usize>(
    panels: Panels<'_>,
    first: usize,
    row: &[u8],
    results: &mut [i32],
) -> usize {
    let some = std::array::from_fn(|index| panels.get(first + index));
    multiply_tile::<DOTPROD, 1, COUNT>(some, row, results, 0);
    COUNT
}

/// The outputs of `PANELS` panels for `ROWS` rows; the results of a row begin at multiples of `stride`.
#[target_feature(enable = "neon")]
fn multiply_tile<const DOTPROD: bool, const ROWS: usize, const PANELS: usize>(
    panels: [Panel<'_>; PANELS],
    rows: &[u8],
    results: &mut [i32],
    stride: usize,
) {
    let inputs = panels[0].blocks.len() * QUAD;
    let rows: [_; ROWS] =
        std::array::from_fn(|row| rows[row * inputs..][..inputs].as_chunks::<16>().0);
    let mut sums = [panels.map(|panel| load_sixteen(panel.signed_biases)); ROWS];
    for four in 0..inputs / 16 {
        let quads = rows.map(|row| load_signed(&row[four]));
        multiply_quad::<DOTPROD, 0, ROWS, PANELS>(&mut sums, panels, 4 * four, quads);
        multiply_quad::<DOTPROD, 1, ROWS, PANELS>(&mut sums, panels, 4 * four, quads);
        multiply_quad::<DOTPROD, 2, ROWS, PANELS>(&mut sums, panels, 4 * four, quads);
        multiply_quad::<DOTPROD, 3, ROWS, PANELS>(&mut sums, panels, 4 * four, quads);
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (index, (sums, panel)) in sums.into_iter().zip(panels).enumerate() {
            let (shifts, _) = panel.shifts.as_chunks();
            let results = results[row * stride + index * PANEL..].as_chunks_mut().0;
            for ((sums, shifts), results) in sums.into_iter().zip(shifts).zip(results) {
                // A shift to the left by a negative number: to the right, rounding down.
                store_i32(results, vshlq_s32(sums, vnegq_s32(load_i32(shifts))));
            }
        }
    }
}

/// The products of quad number `LANE` of the four that begin with number `first`.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_quad<const DOTPROD: bool, const LANE: i32, const ROWS: usize, const PANELS: usize>(
    sums: &mut [[Sixteen; PANELS]; ROWS],
    panels: [Panel<'_>; PANELS],
    first: usize,
    quads: [int8x16_t; ROWS],
) {
    for (index, panel) in panels.into_iter().enumerate() {
        let Block(weights) = &panel.blocks[first + LANE as usize];
        let block = load_block(weights);
        for (sums, quads) in sums.iter_mut().zip(quads) {
            add_block::<DOTPROD, LANE>(&mut sums[index], block, quads);
        }
    }
}

/// Packs to the left, eight activations at a time: the byte that says which of them are not zero selects
/// the places to look them up at.
#[target_feature(enable = "neon")]
fn gather(activations: &[u8], active: &mut Active) {
    let mut entries = active.refill();
    let bits = load_8(&[1, 2, 4, 8, 16, 32, 64, 128]);
    for (index, eight) in activations.as_chunks::<EIGHT>().0.iter().enumerate() {
        let all = load_8(eight);
        let mask = vaddv_u8(vand_u8(vtst_u8(all, all), bits));
        let places = load_8(&PLACES[usize::from(mask)]);
        let values = vmin_u8(vtbl1_u8(all, places), vdup_n_u8(MAX_VALUE));
        let inputs = vaddw_u8(vdupq_n_u16((EIGHT * index) as u16), places);
        let (to_inputs, to_values) = entries.next_eight();
        // SAFETY: the arrays have eight numbers.
        unsafe {
            vst1q_u16(to_inputs.as_mut_ptr(), inputs);
            vst1_u8(to_values.as_mut_ptr(), values);
        }
        entries.keep(mask.count_ones() as usize);
        if vmaxv_u8(all) > MAX_VALUE {
            for (place, activation) in eight.iter().enumerate() {
                entries.push(EIGHT * index + place, activation.saturating_sub(MAX_VALUE));
            }
        }
    }
    entries.finish();
}

#[target_feature(enable = "neon")]
fn multiply_active(strip: &Strip, active: &Active) -> [i32; STRIP] {
    let mut results = [0; STRIP];
    let (biases, _) = strip.biases.as_chunks();
    let (shifts, _) = strip.shifts.as_chunks();
    for part in 0..STRIP / 16 {
        let mut sums = [vdupq_n_s32(0); 4];
        for (columns, values) in active.columns(strip) {
            let [low, high] = multiply_columns(columns, part, values);
            sums[0] = vaddw_s16(sums[0], vget_low_s16(low));
            sums[1] = vaddw_high_s16(sums[1], low);
            sums[2] = vaddw_s16(sums[2], vget_low_s16(high));
            sums[3] = vaddw_high_s16(sums[3], high);
        }
        let sums = [
            vuzp1q_s32(sums[0], sums[1]),
            vuzp2q_s32(sums[0], sums[1]),
            vuzp1q_s32(sums[2], sums[3]),
            vuzp2q_s32(sums[2], sums[3]),
        ];
        for (sixteen, sums) in sums.into_iter().enumerate() {
            let four = 4 * sixteen + part;
            let sums = vaddq_s32(sums, load_i32(&biases[four]));
            // A shift to the left by a negative number: to the right, rounding down.
            let shifted = vshlq_s32(sums, vnegq_s32(load_i32(&shifts[four])));
            store_i32(&mut results.as_chunks_mut().0[four], shifted);
        }
    }
    results
}

/// The sums of eight products for each of sixteen bytes of a column, in 16 bits.
#[inline]
#[target_feature(enable = "neon")]
fn multiply_columns(
    columns: [&Column; EIGHT],
    part: usize,
    values: &[u8; EIGHT],
) -> [int16x8_t; 2] {
    let mut products = [vdupq_n_s16(0); 2];
    for (Column(weights), &value) in columns.into_iter().zip(values) {
        let (sixteens, _) = weights.as_chunks();
        let weights = load_s8(&sixteens[part]);
        let value = vdupq_n_s8(value as i8);
        products[0] = vmlal_s8(products[0], vget_low_s8(weights), vget_low_s8(value));
        products[1] = vmlal_high_s8(products[1], weights, value);
    }
    products
}

#[target_feature(enable = "neon")]
fn norm(residual: &[i32], normed: &mut [u8]) {
    let (residuals, _) = residual.as_chunks();
    let mut sums = vdupq_n_s32(0);
    for x in residuals {
        for x in load_sixteen(x) {
            sums = vaddq_s32(sums, vabsq_s32(x));
        }
    }
    let ratio = vdupq_n_f32(scalar::norm_ratio(residual.len(), vaddvq_s32(sums)));
    for (x, normed) in residuals.iter().zip(normed.as_chunks_mut().0) {
        let scaled = load_sixteen(x).map(|x| {
            let scaled = vmulq_f32(vcvtq_f32_s32(x), ratio);
            // Beyond the limits there is nothing to round: clipping first, rounding is left to the conversion.
            let clipped = vminq_f32(vmaxq_f32(scaled, vdupq_n_f32(-127.0)), vdupq_n_f32(127.0));
            vcvtnq_s32_f32(clipped)
        });
        store_offset(normed, scaled);
    }
}

#[target_feature(enable = "neon")]
fn attend<const DOTPROD: bool>(
    attention: Attention<'_>,
    queries: &[i8],
    scratch: &mut Scratch,
    outputs: &mut [u8],
) {
    let group_len = HEADS * attention.head_dim;
    let groups = queries.chunks(group_len).zip(outputs.chunks_mut(group_len));
    for (group, (queries, outputs)) in groups.enumerate() {
        let head = group * HEADS;
        match queries.len() / attention.head_dim {
            4 => attend_heads::<DOTPROD, 4>(attention, head, queries, scratch, outputs),
            3 => attend_heads::<DOTPROD, 3>(attention, head, queries, scratch, outputs),
            2 => attend_heads::<DOTPROD, 2>(attention, head, queries, scratch, outputs),
            _ => attend_heads::<DOTPROD, 1>(attention, head, queries, scratch, outputs),
        }
    }
}

/// Attention of `COUNT` heads, `first_head` the first of them.
#[target_feature(enable = "neon")]
fn attend_heads<const DOTPROD: bool, const COUNT: usize>(
    attention: Attention<'_>,
    first_head: usize,
    queries: &[i8],
    scratch: &mut Scratch,
    outputs: &mut [u8],
) {
    let stride = scratch.stride;
    let largest = score_span::<DOTPROD, COUNT>(attention, first_head, queries, scratch);
    let mut sums = [0; COUNT];
    for head in 0..COUNT {
        let scores = &scratch.scores[head * stride..][..stride];
        let weights = &mut scratch.weights[head * stride..][..stride];
        sums[head] = weigh(attention, scores, largest[head], weights);
    }
    for first in (0..attention.head_dim).step_by(PANEL) {
        let averages = average_values::<DOTPROD, COUNT>(attention, first, scratch, sums);
        for (head, averages) in averages.into_iter().enumerate() {
            let output = &mut outputs[head * attention.head_dim + first..];
            store_offset(output.first_chunk_mut().unwrap(), averages);
        }
    }
}

/// Writes the scores of all entries of the span and returns the largest of each head.
#[target_feature(enable = "neon")]
fn score_span<const DOTPROD: bool, const COUNT: usize>(
    attention: Attention<'_>,
    first_head: usize,
    queries: &[i8],
    scratch: &mut Scratch,
) -> [i32; COUNT] {
    let shift = vdupq_n_s32(-(attention.score_shift as i32));
    let head_dim = attention.head_dim;
    let queries: [&[i8]; COUNT] =
        std::array::from_fn(|head| &queries[head * head_dim..][..head_dim]);
    let first_sums = queries.map(|query| attention.first_sum(query, 0));
    let mut largest = [vdupq_n_s32(i32::MIN); COUNT];
    for (panel, (keys, _)) in attention.ring.panels(attention.span).enumerate() {
        let sums = score_panel::<DOTPROD, COUNT>(first_sums, queries, keys);
        for (head, (largest, sums)) in largest.iter_mut().zip(sums).enumerate() {
            let entry = panel * span::PANEL;
            let biases = &attention.biases.of_span(first_head + head, attention.span)[entry..];
            let scores = &mut scratch.scores[head * scratch.stride + entry..];
            let places = biases.as_chunks().0.iter().zip(scores.as_chunks_mut().0);
            for (sums, (biases, scores)) in sums.into_iter().zip(places) {
                let score = vaddq_s32(vshlq_s32(sums, shift), load_i32(biases));
                *largest = vmaxq_s32(*largest, score);
                store_i32(scores, score);
            }
        }
    }
    largest.map(|largest| vmaxvq_s32(largest))
}

/// The sums of products of sixteen positions, beginning with `first_sums`.
#[inline]
#[target_feature(enable = "neon")]
fn score_panel<const DOTPROD: bool, const COUNT: usize>(
    first_sums: [i32; COUNT],
    queries: [&[i8]; COUNT],
    keys: &[u8],
) -> [Sixteen; COUNT] {
    let mut sums = first_sums.map(|first_sum| [vdupq_n_s32(first_sum); SUMS]);
    for (four, keys) in keys.chunks_exact(16 * span::PANEL).enumerate() {
        let (keys, _) = keys.as_chunks();
        let queries = queries.map(|query| load_s8(query[16 * four..].first_chunk().unwrap()));
        score_quad::<DOTPROD, 0, COUNT>(&mut sums, queries, &keys[0]);
        score_quad::<DOTPROD, 1, COUNT>(&mut sums, queries, &keys[1]);
        score_quad::<DOTPROD, 2, COUNT>(&mut sums, queries, &keys[2]);
        score_quad::<DOTPROD, 3, COUNT>(&mut sums, queries, &keys[3]);
    }
    sums
}

/// The products of a quad of dimensions.
#[inline]
#[target_feature(enable = "neon")]
fn score_quad<const DOTPROD: bool, const LANE: i32, const COUNT: usize>(
    sums: &mut [Sixteen; COUNT],
    queries: [int8x16_t; COUNT],
    keys: &[u8; QUAD * span::PANEL],
) {
    let (keys, _) = keys.as_chunks();
    let keys = std::array::from_fn(|index| load_signed(&keys[index]));
    for (sums, query) in sums.iter_mut().zip(queries) {
        add_block::<DOTPROD, LANE>(sums, keys, query);
    }
}

/// Turns scores into weights, 0 where a position is not seen, and returns their sum.
#[target_feature(enable = "neon")]
fn weigh(attention: Attention<'_>, scores: &[i32], largest: i32, weights: &mut [u8]) -> i32 {
    let len = attention.span.panels * span::PANEL;
    let weights = &mut weights[..len];
    let (scores, _) = scores[..len].as_chunks();
    for (scores, weights) in scores.iter().zip(weights.as_chunks_mut().0) {
        let looked_up = look_up(attention.exp2_table, table_indices(scores, largest));
        store_u8(weights, looked_up);
    }
    weights[..attention.span.seen.start].fill(0);
    weights[attention.span.seen.end..].fill(0);
    let mut sums = vdupq_n_u32(0);
    for weights in weights.as_chunks().0 {
        sums = vpadalq_u16(sums, vpaddlq_u8(load_u8(weights)));
    }
    vaddvq_u32(sums) as i32
}

/// `min(largest - score, 255)` as bytes, in order: the conversions saturate.
#[inline]
#[target_feature(enable = "neon")]
fn table_indices(scores: &[i32; 16], largest: i32) -> uint8x16_t {
    let largest = vdupq_n_s32(largest);
    let [a, b, c, d] = load_sixteen(scores).map(|score| vqmovun_s32(vsubq_s32(largest, score)));
    let low = vqmovn_u16(vcombine_u16(a, b));
    vcombine_u8(low, vqmovn_u16(vcombine_u16(c, d)))
}

/// The table's entries at sixteen byte indices.
#[inline]
#[target_feature(enable = "neon")]
fn look_up(table: &Exp2Table, indices: uint8x16_t) -> uint8x16_t {
    let (parts, _) = table.entries.as_chunks::<64>();
    let mut found = vdupq_n_u8(0);
    for (part, entries) in parts[..table.used.div_ceil(4)].iter().enumerate() {
        let (entries, _) = entries.as_chunks();
        let entries = uint8x16x4_t(
            load_u8(&entries[0]),
            load_u8(&entries[1]),
            load_u8(&entries[2]),
            load_u8(&entries[3]),
        );
        // An index before this part wraps, to one behind it.
        let within = vsubq_u8(indices, vdupq_n_u8(64 * part as u8));
        found = vorrq_u8(found, vqtbl4q_u8(entries, within));
    }
    found
}

/// The averages of sixteen dimensions from `first` on.
#[inline]
#[target_feature(enable = "neon")]
fn average_values<const DOTPROD: bool, const COUNT: usize>(
    attention: Attention<'_>,
    first: usize,
    scratch: &Scratch,
    sums: [i32; COUNT],
) -> [Sixteen; COUNT] {
    let quad_len = QUAD * attention.head_dim;
    let mut weighted = [[vdupq_n_s32(0); SUMS]; COUNT];
    let mut value_sums = [vdupq_n_s32(0); SUMS];
    for (panel, (_, values)) in attention.ring.panels(attention.span).enumerate() {
        let weights: [_; COUNT] = std::array::from_fn(|head| {
            let weights = &scratch.weights[head * scratch.stride + panel * span::PANEL..];
            load_signed(weights.first_chunk().unwrap())
        });
        let quad = |quad| {
            let values: &[i8] = &values[quad * quad_len + QUAD * first..];
            load_block(values.first_chunk().unwrap())
        };
        add_values::<DOTPROD, 0, COUNT>(&mut weighted, &mut value_sums, weights, quad(0));
        add_values::<DOTPROD, 1, COUNT>(&mut weighted, &mut value_sums, weights, quad(1));
        add_values::<DOTPROD, 2, COUNT>(&mut weighted, &mut value_sums, weights, quad(2));
        add_values::<DOTPROD, 3, COUNT>(&mut weighted, &mut value_sums, weights, quad(3));
    }
    for (weighted, sum) in weighted.iter_mut().zip(sums) {
        for (weighted, value_sum) in weighted.iter_mut().zip(value_sums) {
            let sums = vaddq_s32(*weighted, vshlq_n_s32::<7>(value_sum));
            let quotient = vdivq_f32(vcvtq_f32_s32(sums), vdupq_n_f32(sum as f32));
            *weighted = vcvtnq_s32_f32(quotient);
        }
    }
    weighted
}

/// Adds a quad of positions, weighted and unweighted.
#[inline]
#[target_feature(enable = "neon")]
fn add_values<const DOTPROD: bool, const LANE: i32, const COUNT: usize>(
    weighted: &mut [Sixteen; COUNT],
    value_sums: &mut Sixteen,
    weights: [int8x16_t; COUNT],
    values: [int8x16_t; SUMS],
) {
    for (weighted, weights) in weighted.iter_mut().zip(weights) {
        add_block::<DOTPROD, LANE>(weighted, values, weights);
    }
    add_block::<DOTPROD, LANE>(value_sums, values, vdupq_n_s8(1));
}

/// Stores sixteen numbers in -127..=127 as bytes, offset by 128.
#[inline]
#[target_feature(enable = "neon")]
fn store_offset(to: &mut [u8; 16], values: Sixteen) {
    let [a, b, c, d] = values.map(|values| vmovn_s32(values));
    let low = vmovn_s16(vcombine_s16(a, b));
    let bytes = vcombine_s8(low, vmovn_s16(vcombine_s16(c, d)));
    store_u8(to, veorq_u8(vreinterpretq_u8_s8(bytes), vdupq_n_u8(1 << 7)));
}

/// Sixteen unsigned bytes minus 128.
#[inline]
#[target_feature(enable = "neon")]
fn load_signed(bytes: &[u8; 16]) -> int8x16_t {
    vreinterpretq_s8_u8(veorq_u8(load_u8(bytes), vdupq_n_u8(1 << 7)))
}

#[inline]
#[target_feature(enable = "neon")]
fn load_block(bytes: &[i8; 16 * SUMS]) -> [int8x16_t; SUMS] {
    let (sixteens, _) = bytes.as_chunks();
    std::array::from_fn(|index| load_s8(&sixteens[index]))
}

#[inline]
#[target_feature(enable = "neon")]
fn load_sixteen(numbers: &[i32; 16]) -> Sixteen {
    let (fours, _) = numbers.as_chunks();
    std::array::from_fn(|index| load_i32(&fours[index]))
}

#[inline]
#[target_feature(enable = "neon")]
fn load_8(bytes: &[u8; 8]) -> uint8x8_t {
    // SAFETY: the array has eight bytes.
    unsafe { vld1_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_u8(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: the array has sixteen bytes.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_s8(bytes: &[i8; 16]) -> int8x16_t {
    // SAFETY: the array has sixteen bytes.
    unsafe { vld1q_s8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store_u8(to: &mut [u8; 16], values: uint8x16_t) {
    // SAFETY: the array has sixteen bytes.
    unsafe { vst1q_u8(to.as_mut_ptr(), values) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_i32(numbers: &[i32; 4]) -> int32x4_t {
    // SAFETY: the array has four numbers.
    unsafe { vld1q_s32(numbers.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn store_i32(to: &mut [i32; 4], values: int32x4_t) {
    // SAFETY: the array has four numbers.
    unsafe { vst1q_s32(to.as_mut_ptr(), values) }
}
