//! `Endings`: whether a token ends here, or is the beginning of a longer one.
//!
//! The language model knows that well, but only as far as it knows what comes next: where the block repeats itself,
//! its tokens do so too. So the model's opinion is mixed with what came of the same token after the same bytes,
//! by one small mixer of the kind that mixes bits.
//!
//! Format: docs/adaptive.md, "Tokens".

use super::chance::Chance;
use super::logistic::{STRETCH_LIMIT, squash, stretch};
use super::mixer::{Layer, Portable, WEIGHT_ONE, WeightSet};
use super::past::{Past, hash};

/// How many bytes before the token each context has.
const BYTES_BEFORE: [usize; 6] = [0, 1, 2, 3, 5, 9];
const CONTEXTS: usize = BYTES_BEFORE.len();

/// The language model, the contexts, a constant.
const INPUTS: usize = CONTEXTS + 2;
const CONSTANT: usize = INPUTS - 1;

/// Chances of one context, at most: all have 24 MiB.
const MAX_CHANCES: usize = 1 << 20;

/// The chances follow the last few dozen answers.
const CHANCE_LIMIT: u32 = 60;

/// The learning rate, in 2^-16.
const RATE: i32 = 2000;

/// Classes of what the language model says.
const CLASSES: usize = 8;

pub(super) struct Endings {
    /// By hash of the context: that a token ends.
    chances: [Vec<Chance>; CONTEXTS],
    mixer: Layer<INPUTS, 1>,
    /// The question at hand: which chance each context has, and what all said.
    selected: [usize; CONTEXTS],
    inputs: [i16; INPUTS],
}

impl Endings {
    pub(super) fn new(content_len: usize) -> Self {
        let len = content_len.next_power_of_two().min(MAX_CHANCES);
        let mut initial = [WEIGHT_ONE / 8; INPUTS];
        initial[0] = WEIGHT_ONE;
        initial[CONSTANT] = 0;
        Self {
            chances: BYTES_BEFORE.map(|_| vec![Chance::new(1 << 15, 0); len]),
            mixer: Layer::new([WeightSet::new(vec![initial], CLASSES * (CONTEXTS + 1))]),
            selected: [0; CONTEXTS],
            inputs: [0; INPUTS],
        }
    }

    /// The probability that `symbol`, of `len` bytes up to here, ends here; `network` is the language model's.
    pub(super) fn predict(
        &mut self,
        symbol: usize,
        len: usize,
        past: &Past<'_>,
        network: u32,
    ) -> u32 {
        let says = stretch(network);
        self.inputs[0] = says;
        self.inputs[CONSTANT] = 256;
        let mut context = hash(symbol as u32, 0);
        let mut bytes = 0;
        let mut known = 0;
        for (index, bytes_before) in BYTES_BEFORE.into_iter().enumerate() {
            while bytes < bytes_before {
                bytes += 1;
                context = hash(context, past.back(len + bytes).into());
            }
            let chances = &self.chances[index];
            self.selected[index] = context as usize & (chances.len() - 1);
            let chance = chances[self.selected[index]];
            self.inputs[1 + index] = stretch(chance.probability());
            if chance.count() > 0 {
                known = index + 1;
            }
        }
        let class =
            (i32::from(says) + STRETCH_LIMIT) as usize * CLASSES / (2 * STRETCH_LIMIT as usize + 1);
        self.mixer.select(0, class * (CONTEXTS + 1) + known);
        let [mixed, ..] = *self.mixer.mix::<Portable>(&self.inputs);
        squash(mixed.into()).clamp(1, 65_535)
    }

    /// Learns the answer.
    pub(super) fn update(&mut self, ends: bool) {
        let bit = u32::from(ends);
        for (chances, &selected) in self.chances.iter_mut().zip(&self.selected) {
            chances[selected].update(bit, CHANCE_LIMIT);
        }
        self.mixer.update::<Portable>(&self.inputs, bit, RATE);
    }
}
