//! The mixer: a small gated network of logistic mixers (Mahoney, PAQ8; Mattern 2013), in integers.
//!
//! Inputs are stretched probabilities. Each *set* holds a vector of weights for every value of a
//! small context, and mixes the inputs by the vector that the context selects; each learns on its
//! own. A last set, of the same kind, mixes what they say.
//!
//! Format: docs/adaptive.md, "Mixers".

use super::logistic::{PROBABILITY_BITS, STRETCH_LIMIT, squash_all};

/// A weight of 1.
pub(super) const WEIGHT_ONE: i32 = 1 << 16;

/// Weights stay within plus and minus this. With inputs below 2^12.6 and weights used without
/// their last five bits, the sum of 40 products is below 2^31.
pub(super) const WEIGHT_LIMIT: i32 = 4 * WEIGHT_ONE - 1;

/// The outputs of a layer: those of its sets, then zeros.
pub(super) const OUTPUTS: usize = 8;

/// Sets that mix the same inputs, each by a context of its own.
pub(super) struct Layer<const INPUTS: usize, const SETS: usize> {
    sets: [WeightSet<INPUTS>; SETS],
    /// Which vector of each set was used last.
    selected: [usize; SETS],
    /// What they said, in 1/512 nat.
    outputs: [i32; OUTPUTS],
}

impl<const INPUTS: usize, const SETS: usize> Layer<INPUTS, SETS> {
    pub(super) fn new(sets: [WeightSet<INPUTS>; SETS]) -> Self {
        const { assert!(SETS <= OUTPUTS) };
        Self {
            sets,
            selected: [0; SETS],
            outputs: [0; OUTPUTS],
        }
    }

    pub(super) fn sets(&self) -> &[WeightSet<INPUTS>; SETS] {
        &self.sets
    }

    /// What the sets said last.
    #[inline(always)]
    pub(super) fn outputs(&self) -> &[i32; OUTPUTS] {
        &self.outputs
    }

    /// Mixes the inputs by the vectors of a value of each set's context.
    #[inline(always)]
    pub(super) fn mix<A: Arithmetic>(
        &mut self,
        values: [usize; SETS],
        inputs: &[i32; INPUTS],
    ) -> &[i32; OUTPUTS] {
        for (set, &value) in self.sets.iter_mut().zip(&values) {
            set.make_ready(value);
        }
        self.selected = values;
        let weights = std::array::from_fn(|set| &self.sets[set].vectors[values[set]]);
        let sums = A::dots::<INPUTS, SETS>(weights, inputs);
        self.outputs = sums.map(|sum| (sum >> 11).clamp(-STRETCH_LIMIT, STRETCH_LIMIT));
        &self.outputs
    }

    /// Moves the vectors used last towards ones that would have said `bit`; `rate` is in 2^-16.
    #[inline(always)]
    pub(super) fn update<A: Arithmetic>(&mut self, inputs: &[i32; INPUTS], bit: u32, rate: i32) {
        let probabilities = squash_all(
            self.outputs
                .first_chunk::<SETS>()
                .expect("a set has an output"),
        );
        // input / 2^9 * error / 2^16 * rate / 2^16, in units of 2^-16: 2^-11 here, 2^-14 there.
        let steps = probabilities.map(|p| (((bit << PROBABILITY_BITS) as i32 - p) * rate) >> 11);
        for (index, set) in self.sets.iter_mut().enumerate() {
            A::train(&mut set.vectors[self.selected[index]], inputs, steps[index]);
        }
    }
}

/// Weight vectors for the values of one context.
pub(super) struct WeightSet<const INPUTS: usize> {
    vectors: Vec<[i32; INPUTS]>,
    /// Whether a value has its initial weights: it gets them when it is first met, so that a short
    /// message does not wait for thousands that it never meets.
    is_ready: Vec<bool>,
    /// What groups of `group_values` values in a row begin with.
    initial: Vec<[i32; INPUTS]>,
    group_values: usize,
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

    #[inline(always)]
    fn make_ready(&mut self, value: usize) {
        if !self.is_ready[value] {
            self.begin(value);
        }
    }

    #[cold]
    fn begin(&mut self, value: usize) {
        self.vectors[value] = self.initial[value / self.group_values];
        self.is_ready[value] = true;
    }
}

/// The two loops over inputs: each instruction set has its own, with the same results.
pub(super) trait Arithmetic {
    /// For each vector of weights, the sum of `(weight >> 5) * input`; then zeros.
    fn dots<const INPUTS: usize, const SETS: usize>(
        weights: [&[i32; INPUTS]; SETS],
        inputs: &[i32; INPUTS],
    ) -> [i32; OUTPUTS];

    /// Adds `(input * step + 2^13) >> 14` to every weight, and clips it.
    fn train<const INPUTS: usize>(weights: &mut [i32; INPUTS], inputs: &[i32; INPUTS], step: i32);
}

/// Plain Rust: every processor.
pub(super) struct Portable;

impl Arithmetic for Portable {
    #[inline(always)]
    fn dots<const INPUTS: usize, const SETS: usize>(
        weights: [&[i32; INPUTS]; SETS],
        inputs: &[i32; INPUTS],
    ) -> [i32; OUTPUTS] {
        let mut sums = [0; OUTPUTS];
        for (sum, weights) in sums.iter_mut().zip(weights) {
            let products = weights.iter().zip(inputs);
            *sum = products.map(|(weight, input)| (weight >> 5) * input).sum();
        }
        sums
    }

    #[inline(always)]
    fn train<const INPUTS: usize>(weights: &mut [i32; INPUTS], inputs: &[i32; INPUTS], step: i32) {
        for (weight, input) in weights.iter_mut().zip(inputs) {
            let change = (input * step + (1 << 13)) >> 14;
            *weight = (*weight + change).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT);
        }
    }
}
