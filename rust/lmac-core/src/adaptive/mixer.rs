//! The mixer: a small gated network of logistic mixers (Mahoney, PAQ8; Mattern 2013), in integers.
//!
//! Inputs are stretched probabilities. Each *set* holds a vector of weights for every value of a
//! small context, and mixes the inputs by the vector that the context selects; each learns on its
//! own. A last set, of the same kind, mixes what they say.
//!
//! Format: docs/adaptive.md, "Mixers".

use super::logistic::{PROBABILITY_BITS, STRETCH_LIMIT, squash};

/// A weight of 1.
pub(super) const WEIGHT_ONE: i32 = 1 << 16;

/// Weights stay within plus and minus this. With inputs below 2^12.6 and weights used without
/// their last five bits, the sum of 40 products is below 2^31.
pub(super) const WEIGHT_LIMIT: i32 = 4 * WEIGHT_ONE - 1;

/// Weight vectors for the values of one context.
pub(super) struct WeightSet<const INPUTS: usize> {
    vectors: Vec<[i32; INPUTS]>,
    /// Whether a value has its initial weights: it gets them when it is first met, so that a short
    /// message does not wait for thousands that it never meets.
    is_ready: Vec<bool>,
    /// What groups of `group_values` values in a row begin with.
    initial: Vec<[i32; INPUTS]>,
    group_values: usize,
    /// The vector used last, and what it said, in 1/512 nat.
    selected: usize,
    output: i32,
}

impl<const INPUTS: usize> WeightSet<INPUTS> {
    /// For `group_values` values of the context in a row, the weights of one of the groups.
    pub(super) fn new(initial: Vec<[i32; INPUTS]>, group_values: usize) -> Self {
        let values = initial.len() * group_values;
        Self {
            vectors: vec![[0; INPUTS]; values],
            is_ready: vec![false; values],
            initial,
            group_values,
            selected: 0,
            output: 0,
        }
    }

    /// The mean of the vectors of each group.
    pub(super) fn group_means(&self) -> Vec<[i32; INPUTS]> {
        let mean = |group: usize| {
            let values = group * self.group_values..(group + 1) * self.group_values;
            let weight_of = |value: usize, input: usize| {
                if self.is_ready[value] {
                    self.vectors[value][input]
                } else {
                    self.initial[group][input]
                }
            };
            let sum_of = |input| -> i64 {
                let weights = values
                    .clone()
                    .map(|value| i64::from(weight_of(value, input)));
                weights.sum()
            };
            std::array::from_fn(|input| (sum_of(input) / self.group_values as i64) as i32)
        };
        (0..self.initial.len()).map(mean).collect()
    }

    #[cold]
    fn make_ready(&mut self, value: usize) {
        self.vectors[value] = self.initial[value / self.group_values];
        self.is_ready[value] = true;
    }

    /// Mixes the inputs by the vector of a value of the context.
    #[inline(always)]
    pub(super) fn mix<A: Arithmetic>(&mut self, value: usize, inputs: &[i32; INPUTS]) -> i32 {
        if !self.is_ready[value] {
            self.make_ready(value);
        }
        self.selected = value;
        let sum = A::dot(&self.vectors[value], inputs);
        self.output = (sum >> 11).clamp(-STRETCH_LIMIT, STRETCH_LIMIT);
        self.output
    }

    /// Moves the vector used last towards one that would have said `bit`; `rate` is in 2^-16.
    #[inline(always)]
    pub(super) fn update<A: Arithmetic>(&mut self, inputs: &[i32; INPUTS], bit: u32, rate: i32) {
        let error = (bit << PROBABILITY_BITS) as i32 - squash(self.output) as i32;
        // input / 2^9 * error / 2^16 * rate / 2^16, in units of 2^-16: 2^-11 here, 2^-14 there.
        let step = (error * rate) >> 11;
        A::train(&mut self.vectors[self.selected], inputs, step);
    }
}

/// The two loops over inputs: each instruction set has its own, with the same results.
pub(super) trait Arithmetic {
    /// The sum of `(weight >> 5) * input`.
    fn dot<const INPUTS: usize>(weights: &[i32; INPUTS], inputs: &[i32; INPUTS]) -> i32;

    /// Adds `(input * step + 2^13) >> 14` to every weight, and clips it.
    fn train<const INPUTS: usize>(weights: &mut [i32; INPUTS], inputs: &[i32; INPUTS], step: i32);
}

/// Plain Rust: every processor.
pub(super) struct Portable;

impl Arithmetic for Portable {
    #[inline(always)]
    fn dot<const INPUTS: usize>(weights: &[i32; INPUTS], inputs: &[i32; INPUTS]) -> i32 {
        let products = weights.iter().zip(inputs);
        products.map(|(weight, input)| (weight >> 5) * input).sum()
    }

    #[inline(always)]
    fn train<const INPUTS: usize>(weights: &mut [i32; INPUTS], inputs: &[i32; INPUTS], step: i32) {
        for (weight, input) in weights.iter_mut().zip(inputs) {
            let change = (input * step + (1 << 13)) >> 14;
            *weight = (*weight + change).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT);
        }
    }
}
