//! The kernel in plain Rust: the definition that the others are compared with, and the one that
//! runs on processors without a kernel of their own.
//!
//! Loops run over short arrays of fixed length where it costs no clarity, so that the compiler can
//! use whatever vectors the target has.

use super::attention::{Attention, Scratch};
use super::kernel::Kernel;
use super::ring;
use crate::models::architecture::MAX_HEAD_DIM;
use crate::models::span;
use crate::models::weights::matrix::{Block, PANEL, Panel, Panels, QUAD};
use crate::models::weights::sparse::{self, Active, Column, STRIP, Strip};

/// The kernel without special instructions.
pub(crate) struct Scalar;

impl Kernel for Scalar {
    fn multiply(&self, panels: Panels<'_>, activations: &[u8], results: &mut [i32]) {
        let rows = activations.chunks_exact(panels.inputs());
        for (row, results) in rows.zip(results.chunks_exact_mut(panels.outputs())) {
            let (results, _) = results.as_chunks_mut();
            for (panel, results) in panels.iter().zip(results) {
                *results = multiply_panel(panel, row);
            }
        }
    }

    fn gather(&self, activations: &[u8], active: &mut Active) {
        let mut entries = active.refill();
        for (input, &activation) in activations.iter().enumerate() {
            entries.push(input, activation);
        }
        entries.finish();
    }

    fn multiply_active(&self, strip: &Strip, active: &Active) -> [i32; STRIP] {
        let mut sums = [0; STRIP];
        for (columns, values) in active.columns(strip) {
            for (Column(weights), &value) in columns.into_iter().zip(values) {
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum += i32::from(value) * i32::from(weight);
                }
            }
        }
        let mut results = [0; STRIP];
        for (byte, sum) in sums.into_iter().enumerate() {
            let output = sparse::output_of(byte);
            results[output] = (sum + strip.biases[output]) >> strip.shifts[output];
        }
        results
    }

    fn norm(&self, residual: &[i32], normed: &mut [u8]) {
        let sum: i32 = residual.iter().map(|x| x.abs()).sum();
        let ratio = norm_ratio(residual.len(), sum);
        for (&x, normed) in residual.iter().zip(normed) {
            let scaled = (x as f32 * ratio).round_ties_even().clamp(-127.0, 127.0);
            *normed = (scaled as i32 + 128) as u8;
        }
    }

    fn attend(
        &self,
        attention: Attention<'_>,
        queries: &[i8],
        scratch: &mut Scratch,
        outputs: &mut [u8],
    ) {
        let heads = queries.chunks_exact(attention.head_dim);
        for (head, (query, output)) in heads
            .zip(outputs.chunks_exact_mut(attention.head_dim))
            .enumerate()
        {
            let scores = &mut scratch.scores[..attention.span.panels * span::PANEL];
            score_span(attention, head, query, scores);
            let weights = &mut scratch.weights[..scores.len()];
            let sum = weigh(attention, scores, weights);
            average_values(attention, weights, sum, output);
        }
    }

    fn squared_relu(&self, results: &[i32], hidden: &mut [u8]) {
        squared_relu(results, hidden);
    }

    fn add_branch(&self, residual: &mut [i32], branch: &[i32]) {
        add_branch(residual, branch);
    }
}

fn multiply_panel(panel: Panel<'_>, row: &[u8]) -> [i32; PANEL] {
    let mut sums = *panel.biases;
    let (quads, _) = row.as_chunks::<QUAD>();
    for (Block(weights), quad) in panel.blocks.iter().zip(quads) {
        let pairs = multiply_pairs(*quad, weights);
        for (sum, pair) in sums.iter_mut().zip(pairs.chunks_exact(2)) {
            *sum += pair[0] + pair[1];
        }
    }
    std::array::from_fn(|output| sums[output] >> panel.shifts[output])
}

/// The sums of two products each: what most vector units have an instruction for.
fn multiply_pairs(quad: [u8; QUAD], weights: &[i8; PANEL * QUAD]) -> [i32; 2 * PANEL] {
    let activations: [i16; PANEL * QUAD] = std::array::from_fn(|i| i16::from(quad[i % QUAD]));
    let weights = weights.map(i16::from);
    std::array::from_fn(|i| {
        let first = i32::from(activations[2 * i]) * i32::from(weights[2 * i]);
        first + i32::from(activations[2 * i + 1]) * i32::from(weights[2 * i + 1])
    })
}

/// The factor of the norm: the first of its two roundings. Both numbers are below 2^24.
pub(super) fn norm_ratio(width: usize, sum: i32) -> f32 {
    (13 * width) as f32 / sum.max(1) as f32
}

fn score_span(attention: Attention<'_>, head: usize, query: &[i8], scores: &mut [i32]) {
    let biases = attention.biases.of_span(head, attention.span);
    let panels = attention
        .ring
        .panels(attention.span)
        .zip(biases.chunks_exact(span::PANEL));
    let (query_quads, _) = query.as_chunks::<{ ring::QUAD }>();
    for (scores, ((keys, _), biases)) in scores.chunks_exact_mut(span::PANEL).zip(panels) {
        scores.fill(attention.first_sum(query, ring::KEY_OFFSET));
        let (keys, _) = keys.as_chunks::<{ ring::QUAD }>();
        for (query, keys) in query_quads.iter().zip(keys.chunks_exact(span::PANEL)) {
            for (score, key) in scores.iter_mut().zip(keys) {
                *score += dot(*key, *query);
            }
        }
        for (score, bias) in scores.iter_mut().zip(biases) {
            *score = (*score >> attention.score_shift) + bias;
        }
    }
}

fn dot(unsigned: [u8; ring::QUAD], signed: [i8; ring::QUAD]) -> i32 {
    let pairs = unsigned.into_iter().zip(signed);
    pairs.map(|(u, s)| i32::from(u) * i32::from(s)).sum()
}

/// Turns scores into weights, 0 where a position is not seen, and returns their sum.
fn weigh(attention: Attention<'_>, scores: &[i32], weights: &mut [u8]) -> i32 {
    let seen = attention.span.seen.clone();
    let largest = scores[seen.clone()].iter().copied().max().unwrap_or(0);
    weights.fill(0);
    for (weight, score) in weights[seen.clone()].iter_mut().zip(&scores[seen.clone()]) {
        let entry = (largest - score).min(255) as usize;
        *weight = attention.exp2_table.entries[entry];
    }
    weights[seen].iter().map(|&weight| i32::from(weight)).sum()
}

fn average_values(attention: Attention<'_>, weights: &[u8], sum: i32, output: &mut [u8]) {
    let mut sums = [0_i32; MAX_HEAD_DIM as usize];
    let (weights, _) = weights.as_chunks::<{ ring::QUAD }>();
    let panels = attention.ring.panels(attention.span);
    let (quads, quad_len) = (span::PANEL / ring::QUAD, ring::QUAD * attention.head_dim);
    for ((_, values), weights) in panels.zip(weights.chunks_exact(quads)) {
        for (values, weight) in values.chunks_exact(quad_len).zip(weights) {
            let (values, _) = values.as_chunks();
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += dot(*weight, *value);
            }
        }
    }
    for (output, weighted) in output.iter_mut().zip(sums) {
        let average = (weighted as f32 / sum as f32).round_ties_even();
        *output = (average as i32 + 128) as u8;
    }
}

/// Shared with the other kernels, which compile it for their instructions.
#[inline(always)]
#[allow(clippy::inline_always)] // else it would keep the caller's vectors unused
pub(super) fn squared_relu(results: &[i32], hidden: &mut [u8]) {
    for (&result, hidden) in results.iter().zip(hidden) {
        let positive = result.clamp(0, 255);
        *hidden = ((positive * positive + 64) >> 7).min(255) as u8;
    }
}

/// Shared with the other kernels, which compile it for their instructions.
#[inline(always)]
#[allow(clippy::inline_always)] // else it would keep the caller's vectors unused
pub(super) fn add_branch(residual: &mut [i32], branch: &[i32]) {
    for (x, branch) in residual.iter_mut().zip(branch) {
        *x = (*x + branch).clamp(-32_767, 32_767);
    }
}
