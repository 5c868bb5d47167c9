//! Where a mixture begins: weights, meanings and chances, learned once from text that is none of
//! the content, so that the first bytes of a message lose nothing.
//!
//! They are part of the format. `cargo run --release --example train_mixture` makes them.
//!
//! Format: docs/adaptive.md, "Initial values".

use std::sync::LazyLock;

use super::experts::hashed::CONTEXTS;
use super::experts::matching::CLASSES;
use super::mixer::WEIGHT_ONE;
use super::{CALIBRATED, GROUPS, INPUTS, MATCHING, NETWORK, ORDER_ZERO, SETS};

/// The file: little-endian numbers of 16 bits.
static BYTES: &[u8] = include_bytes!("initial.bin");

/// What a mixture has learned that is worth beginning with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initial {
    /// For every set, one vector for each group of the values of its context.
    pub(super) weights: [Vec<[i16; INPUTS]>; SETS],
    /// For every context, the probability of a 1 after each history, in 2^-16.
    pub(super) meanings: [[u16; 256]; CONTEXTS],
    /// That a match is right, by its class, in 2^-16.
    pub(super) chances: [u16; CLASSES],
}

impl Initial {
    /// Those of the format, with or without a network.
    #[must_use]
    pub fn of_format(has_network: bool) -> &'static Self {
        static BOTH: LazyLock<[Initial; 2]> = LazyLock::new(|| Initial::from_bytes(BYTES));
        &BOTH[usize::from(!has_network)]
    }

    /// Reads those with and those without a network.
    fn from_bytes(bytes: &[u8]) -> [Self; 2] {
        let (pairs, _) = bytes.as_chunks();
        let mut numbers = pairs.iter().map(|&pair| u16::from_le_bytes(pair));
        let mut next = || numbers.next().expect("the file is complete");
        [(); 2].map(|()| Self {
            weights: GROUPS.map(|groups| {
                let mut vector = || std::array::from_fn(|_| next() as i16);
                (0..groups).map(|_| vector()).collect()
            }),
            meanings: [(); CONTEXTS].map(|()| std::array::from_fn(|_| next())),
            chances: std::array::from_fn(|_| next()),
        })
    }

    /// Writes those with and those without a network.
    #[must_use]
    pub fn to_bytes(with_and_without: &[Self; 2]) -> Vec<u8> {
        let mut numbers = Vec::new();
        for initial in with_and_without {
            let weights = initial.weights.iter().flatten().flatten();
            numbers.extend(weights.map(|&weight| weight as u16));
            numbers.extend(initial.meanings.iter().flatten());
            numbers.extend(initial.chances);
        }
        numbers.into_iter().flat_map(u16::to_le_bytes).collect()
    }

    /// The mean of several.
    ///
    /// # Panics
    ///
    /// If there are none.
    #[must_use]
    pub fn mean(all: &[Self]) -> Self {
        let mean_of =
            |number: &dyn Fn(&Self) -> i64| all.iter().map(number).sum::<i64>() / all.len() as i64;
        let mut mean = all[0].clone();
        for (set, vectors) in mean.weights.iter_mut().enumerate() {
            for (group, vector) in vectors.iter_mut().enumerate() {
                for (input, weight) in vector.iter_mut().enumerate() {
                    *weight = mean_of(&|one| one.weights[set][group][input].into()) as i16;
                }
            }
        }
        for (context, meanings) in mean.meanings.iter_mut().enumerate() {
            for (history, meaning) in meanings.iter_mut().enumerate() {
                *meaning = mean_of(&|one| one.meanings[context][history].into()) as u16;
            }
        }
        for (class, chance) in mean.chances.iter_mut().enumerate() {
            *chance = mean_of(&|one| one.chances[class].into()) as u16;
        }
        mean
    }

    /// The same with less trust in the network, by a twentieth of a weight for what it says and as much for
    /// what is made of it: what one learns such values from is of the kinds that the network was trained on, where it
    /// deserves more of it than elsewhere.
    #[must_use]
    pub fn with_doubts(mut self) -> Self {
        for vector in self.weights.iter_mut().flatten() {
            vector[NETWORK] -= WEIGHT_ONE / 20;
            vector[CALIBRATED] -= WEIGHT_ONE / 20;
        }
        self
    }

    /// What a mixture begins with that has learned nothing: equal trust in all contexts, and three
    /// times as much in the network.
    #[must_use]
    pub fn untrained(has_network: bool) -> Self {
        use super::experts::{hashed, matching};
        let mut vector = [0; INPUTS];
        vector[..hashed::INPUTS].fill(WEIGHT_ONE / 50 * 9);
        vector[MATCHING..NETWORK].fill(WEIGHT_ONE / 10);
        if has_network {
            vector[NETWORK] = WEIGHT_ONE / 5 * 2;
            vector[CALIBRATED..ORDER_ZERO].fill(WEIGHT_ONE / 10);
        }
        Self {
            weights: GROUPS.map(|groups| vec![vector; groups]),
            meanings: [hashed::prior(); CONTEXTS],
            chances: std::array::from_fn(matching::prior),
        }
    }
}
