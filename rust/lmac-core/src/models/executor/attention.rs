//! What attention reads and writes, for the kernels (docs/exact-transformer.md, section 6).

use super::ring::Ring;
use crate::models::span::Span;
use crate::models::weights::biases::{Biases, Exp2Table};

/// Heads that a kernel works on together, because they share their keys and values.
pub(crate) const HEADS: usize = 4;

/// What one position's attention reads.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub ring: &'a Ring,
    pub span: &'a Span,
    pub biases: &'a Biases,
    pub exp2_table: &'a Exp2Table,
    pub score_shift: u32,
    pub head_dim: usize,
}

impl Attention<'_> {
    /// What the sum of a query's products with a key, to which an offset has been added, begins
    /// with, so that it ends as the score before the shift, rounding included.
    pub fn first_sum(&self, query: &[i8], key_offset: u8) -> i32 {
        let sum: i32 = query.iter().map(|&x| i32::from(x)).sum();
        ((1 << self.score_shift) >> 1) - i32::from(key_offset) * sum
    }
}

/// Room for the scores and weights of a group of heads.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Entries of one head: a multiple of 64.
    pub stride: usize,
    /// `(HEADS, stride)`.
    pub scores: Vec<i32>,
    /// `(HEADS, stride)`: `exp2_table` of the scores.
    pub weights: Vec<u8>,
}

impl Scratch {
    pub fn new(window: usize) -> Self {
        let stride = Span::max_len(window).next_multiple_of(64);
        Self {
            stride,
            scores: vec![0; HEADS * stride],
            weights: vec![0; HEADS * stride],
        }
    }
}
