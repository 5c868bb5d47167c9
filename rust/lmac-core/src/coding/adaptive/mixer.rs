//! The mixer: a small gated network of logistic mixers (Mahoney, PAQ8; Mattern 2013), in integers.
//!
//! Inputs are stretched probabilities. Each *set* holds a vector of weights for every value of a
//! small context, and mixes the inputs by the vector that the context selects; each learns on its
//! own. Last sets, of the same kind, mix what they say.
//!
//! Format: docs/adaptive.md, "Mixers".

use super::logistic::{PROBABILITY_BITS, STRETCH_LIMIT, squash_all};

/// A weight of 1. Weights are what 16 bits hold: from -4 to almost 4.
pub(super) const WEIGHT_ONE: i16 = 1 << 13;

/// The greatest learning rate, in 2^-16, with which a step has 16 bits.
pub(super) const MAX_RATE: i32 = 4095;

/// The outputs of a layer: those of its sets, then zeros.
pub(super) const OUTPUTS: usize = 8;

/// Sets that mix the same inputs, each by a context of its own.
pub(super) struct Layer<const INPUTS: usize, const SETS: usize> {
    sets: [WeightSet<INPUTS>; SETS],
    /// Those of all sets, in the order in which they were first met; number 0 is nobody's.
    vectors: Vec<Weights<INPUTS>>,
    /// The number of each set's vector for the inputs at hand.
    selected: [usize; SETS],
    /// What they said, in 1/512 nat.
    outputs: [i16; OUTPUTS],
}

/// A vector of weights; the 32 of a bit's mixer are one cache line.
#[derive(Clone)]
#[repr(align(64))]
struct Weights<const INPUTS: usize>([i16; INPUTS]);

impl<const INPUTS: usize, const SETS: usize> Layer<INPUTS, SETS> {
    /// # Panics
    ///
    /// If the sets have more values together than `u16` can number.
    pub(super) fn new(sets: [WeightSet<INPUTS>; SETS]) -> Self {
        let values: usize = sets.iter().map(|set| set.numbers.len()).sum();
        assert!(u16::try_from(values).is_ok());
        const { assert!(SETS <= OUTPUTS && INPUTS.is_multiple_of(2)) };
        const { assert!(INPUTS as i64 / 2 * GREATEST_TERM < 1 << 31) };
        Self {
            sets,
            vectors: vec![Weights([0; INPUTS])],
            selected: [0; SETS],
            outputs: [0; OUTPUTS],
        }
    }

    /// The mean of the vectors of each group of a set's values.
    pub(super) fn group_means(&self, set: usize) -> Vec<[i16; INPUTS]> {
        let WeightSet {
            numbers,
            initial,
            group_values,
        } = &self.sets[set];
        let groups = initial.iter().zip(numbers.chunks(*group_values));
        let mean_of = |(initial, numbers): (&[i16; INPUTS], &[u16])| {
            let weights = |number: u16| match number {
                0 => initial,
                _ => &self.vectors[usize::from(number)].0,
            };
            std::array::from_fn(|input| {
                let values = numbers
                    .iter()
                    .map(|&number| i64::from(weights(number)[input]));
                (values.sum::<i64>() / numbers.len() as i64) as i16
            })
        };
        groups.map(mean_of).collect()
    }

    /// What the sets said last.
    #[inline(always)]
    pub(super) fn outputs(&self) -> &[i16; OUTPUTS] {
        &self.outputs
    }

    /// Has a set mix by the vector of a value of its context.
    #[inline(always)]
    pub(super) fn select(&mut self, set: usize, value: usize) {
        let number = usize::from(self.sets[set].numbers[value]);
        self.selected[set] = if number == 0 {
            self.begin(set, value)
        } else {
            number
        };
    }

    /// Makes the vector of a value: only then, so that a short message does not wait for thousands that it never meets.
    #[cold]
    fn begin(&mut self, set: usize, value: usize) -> usize {
        let set = &mut self.sets[set];
        let number = self.vectors.len();
        self.vectors
            .push(Weights(set.initial[value / set.group_values]));
        set.numbers[value] = number as u16;
        number
    }

    /// Mixes the inputs by the selected vectors.
    #[inline(always)]
    pub(super) fn mix<A: Arithmetic>(&mut self, inputs: &[i16; INPUTS]) -> &[i16; OUTPUTS] {
        let weights = self.selected.map(|number| &self.vectors[number].0);
        let sums = A::dots::<INPUTS, SETS>(weights, inputs);
        self.outputs = sums.map(|sum| (sum >> 11).clamp(-STRETCH_LIMIT, STRETCH_LIMIT) as i16);
        &self.outputs
    }

    /// Moves the selected vectors towards ones that would have said `bit`; `rate` is in 2^-16.
    #[inline(always)]
    pub(super) fn update<A: Arithmetic>(&mut self, inputs: &[i16; INPUTS], bit: u32, rate: i32) {
        debug_assert!((0..=MAX_RATE).contains(&rate));
        let probabilities = squash_all(&self.outputs);
        for (&number, probability) in self.selected.iter().zip(probabilities) {
            // input / 2^9 * error / 2^16 * rate / 2^16, in units of 2^-13: 2^-13 here, 2^-15 there.
            let error = (bit << PROBABILITY_BITS) as i32 - probability;
            let step = ((error * rate) >> 13) as i16;
            A::train(&mut self.vectors[number].0, inputs, step);
        }
    }
}

/// Weight vectors for the values of one context.
pub(super) struct WeightSet<const INPUTS: usize> {
    /// By value: which one of the layer's vectors it has; 0 before it is first met.
    numbers: Vec<u16>,
    /// What groups of `group_values` values in a row begin with.
    initial: Vec<[i16; INPUTS]>,
    group_values: usize,
}

impl<const INPUTS: usize> WeightSet<INPUTS> {
    /// For `group_values` values of the context in a row, the weights of one of the groups.
    pub(super) fn new(initial: Vec<[i16; INPUTS]>, group_values: usize) -> Self {
        Self {
            numbers: vec![0; initial.len() * group_values],
            initial,
            group_values,
        }
    }
}

/// What a pair of inputs adds to a sum is at most this.
const GREATEST_TERM: i64 = (2 * (1 << 15) * STRETCH_LIMIT as i64) >> 2;

/// Loops over vectors: each instruction set has its own, with the same results.
pub(super) trait Arithmetic {
    /// For each vector of weights, the sum over all pairs of neighbours of the sum of their two
    /// products with the inputs, `>> 2`; then zeros.
    fn dots<const INPUTS: usize, const SETS: usize>(
        weights: [&[i16; INPUTS]; SETS],
        inputs: &[i16; INPUTS],
    ) -> [i32; OUTPUTS];

    /// Adds `(input * step + 2^14) >> 15` to every weight, and clips it to 16 bits.
    fn train<const INPUTS: usize>(weights: &mut [i16; INPUTS], inputs: &[i16; INPUTS], step: i16);

    /// How many of the words have any of the bits.
    fn count<const LEN: usize>(words: &[u32; LEN], bits: u32) -> usize;
}

/// Plain Rust: every processor.
pub(super) struct Portable;

impl Arithmetic for Portable {
    #[inline(always)]
    fn dots<const INPUTS: usize, const SETS: usize>(
        weights: [&[i16; INPUTS]; SETS],
        inputs: &[i16; INPUTS],
    ) -> [i32; OUTPUTS] {
        let product = |weight: i16, input: i16| i32::from(weight) * i32::from(input);
        let mut sums = [0; OUTPUTS];
        for (sum, weights) in sums.iter_mut().zip(weights) {
            let pairs = weights.as_chunks().0.iter().zip(inputs.as_chunks().0);
            let terms = pairs.map(|([w, v], [x, y])| (product(*w, *x) + product(*v, *y)) >> 2);
            *sum = terms.sum();
        }
        sums
    }

    #[inline(always)]
    fn train<const INPUTS: usize>(weights: &mut [i16; INPUTS], inputs: &[i16; INPUTS], step: i16) {
        for (weight, &input) in weights.iter_mut().zip(inputs) {
            let change = (i32::from(input) * i32::from(step) + (1 << 14)) >> 15;
            *weight = weight.saturating_add(change as i16);
        }
    }

    #[inline(always)]
    fn count<const LEN: usize>(words: &[u32; LEN], bits: u32) -> usize {
        words.iter().filter(|&word| word & bits != 0).count()
    }
}
