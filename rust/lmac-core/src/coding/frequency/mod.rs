//! `FrequencyTable`: a predictor's integer logits become the integer slots of the range coder.
//!
//! The softmax of lmac, in integer arithmetic only, so that every machine cuts the interval at
//! the same places. A logit counts sixteenths of a bit, so `2^(logit / 16)` is a table of 16
//! numbers and a shift, and no exponential is evaluated. Weights below `2^-24` of the largest
//! vanish; every symbol keeps a frequency of at least 1, so that everything can be coded.
//!
//! One division a table: `multiplier = (2^24 - alphabet_size) * 2^31 / sum(weights)`, then
//! `frequency = 1 + (weight * multiplier >> 31)`. What the rounding leaves over goes to the
//! largest logit (the first of several), where it costs least.
//!
//! The encoder needs one slot only, and makes the whole table nevertheless, as the decoder must: the
//! time of a path of its own is small beside a model's, and would be a second definition of the slots.
//!
//! Format: docs/format.md, "Frequencies".

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::coding::range_coder::{Slot, TOTAL, TOTAL_BITS};
use crate::cpu::InstructionSet;
use crate::predictor::LOGIT_FRACTION_BITS;

/// Fraction bits of the multiplier; it is below `2^SHARE_BITS`, since the sum of the weights is at
/// least the largest weight, `2^TOTAL_BITS`.
const SHARE_BITS: u32 = 31;

/// `round(2^24 * 2^(-f / 16))` for f = 0..16.
const EXP2: [u32; 1 << LOGIT_FRACTION_BITS] = [
    16_777_216, 16_065_917, 15_384_775, 14_732_511, 14_107_901, 13_509_772, 12_937_002, 12_388_516,
    11_863_283, 11_360_319, 10_878_679, 10_417_458, 9_975_792, 9_552_851, 9_147_842, 8_760_003,
];

/// The weight of a symbol by the distance of its logit from the largest one; the last entry, 0,
/// stands for all greater distances.
const WEIGHTS: [u32; (TOTAL_BITS as usize + 1) * EXP2.len() + 1] = {
    let mut weights = [0; (TOTAL_BITS as usize + 1) * EXP2.len() + 1];
    let mut distance = 0;
    while distance < weights.len() - 1 {
        weights[distance] = EXP2[distance % EXP2.len()] >> (distance / EXP2.len());
        distance += 1;
    }
    weights
};

/// The smallest and the largest alphabet that a table can hold: a sixteenth of the total goes to
/// the frequency of at least 1.
const ALPHABET_SIZES: std::ops::RangeInclusive<usize> = 2..=1 << 20;

/// The slots of all symbols of an alphabet, reused from one prediction to the next.
///
/// ```
/// use lmac_core::coding::frequency::FrequencyTable;
///
/// let mut table = FrequencyTable::new(2);
/// table.set_logits(&[16, 0]); // the first symbol is twice as likely (16/16 bit)
/// assert_eq!(table.slot(1).frequency(), (1 << 24) / 3);
/// assert_eq!(table.symbol_at(0), (0, table.slot(0)));
/// ```
#[derive(Debug, Clone)]
pub struct FrequencyTable {
    /// Where each symbol's slot starts, then `TOTAL`; strictly increasing.
    starts: Vec<u32>,
    /// The first symbol with the largest logit.
    favourite: usize,
    instruction_set: InstructionSet,
}

impl FrequencyTable {
    /// Makes the table of the uniform distribution; `set_logits` will use the instructions that an
    /// executor would use (`InstructionSet::from_environment`), plain Rust if `LMAC_SIMD` names none.
    ///
    /// # Panics
    ///
    /// If the alphabet has fewer than 2 or more than 2^20 symbols.
    #[must_use]
    pub fn new(alphabet_size: usize) -> Self {
        let instruction_set = InstructionSet::from_environment();
        Self::with_instruction_set(
            alphabet_size,
            instruction_set.unwrap_or(InstructionSet::Scalar),
        )
    }

    /// Makes the table of the uniform distribution, for instructions that this processor has.
    ///
    /// # Panics
    ///
    /// If the processor has not got them, and as `new`.
    #[must_use]
    pub fn with_instruction_set(alphabet_size: usize, instruction_set: InstructionSet) -> Self {
        assert!(instruction_set.is_available());
        assert!(
            ALPHABET_SIZES.contains(&alphabet_size),
            "alphabet size out of range"
        );
        let mut table = Self {
            starts: vec![0; alphabet_size + 1],
            favourite: 0,
            instruction_set,
        };
        table.set_logits(&vec![0; alphabet_size]);
        table
    }

    /// Replaces all slots by those of `logits`, `(alphabet_size)`, in units of 1/16 bit.
    ///
    /// # Panics
    ///
    /// If there is not exactly one logit a symbol.
    pub fn set_logits(&mut self, logits: &[i16]) {
        assert_eq!(logits.len() + 1, self.starts.len(), "one logit a symbol");
        match self.instruction_set {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => {
                // SAFETY: `with_instruction_set` has checked that the processor has them.
                unsafe { self.set_logits_avx512(logits) }
            }
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 | InstructionSet::AvxVnni => {
                // SAFETY: as above.
                unsafe { self.set_logits_avx2(logits) }
            }
            _ => self.set_logits_portable(logits),
        }
    }

    fn set_logits_portable(&mut self, logits: &[i16]) {
        let largest = largest_of(logits);
        let mut weight_sum = 0;
        for (weight, &logit) in self.starts[1..].iter_mut().zip(logits) {
            *weight = weight_of(largest, logit);
            weight_sum += u64::from(*weight);
        }
        self.favourite = first_index_of(largest, logits);
        self.make_frequencies_of_weights(weight_sum);
    }

    /// Replaces all slots by those of weights, given as pairs of a symbol and its weight, in the order of the
    /// symbols; of the others, the weight is 0.
    ///
    /// # Panics
    ///
    /// If a symbol is not in the alphabet, or if the weights add up to nothing or to more than `TOTAL`.
    pub(crate) fn set_weights(&mut self, weights: impl Iterator<Item = (u8, u32)> + Clone) {
        let weight_sum: u32 = weights.clone().map(|(_, weight)| weight).sum();
        assert!((1..=TOTAL).contains(&weight_sum));
        let shift = TOTAL_BITS - weight_sum.ilog2(); // so that the sum is at least 2^24
        let mut largest = 0;
        self.starts.fill(0);
        for (symbol, weight) in weights {
            self.starts[usize::from(symbol) + 1] = weight << shift;
            if weight > largest {
                (self.favourite, largest) = (usize::from(symbol), weight);
            }
        }
        self.make_frequencies_of_weights(u64::from(weight_sum) << shift);
    }

    /// Turns weights, which stand in the places of the slots' ends, into slots.
    fn make_frequencies_of_weights(&mut self, weight_sum: u64) {
        let multiplier = multiplier_of(weight_sum, self.starts.len() - 1);
        let mut end = 0;
        for start in &mut self.starts[1..] {
            end += frequency_of(*start, multiplier);
            *start = end;
        }
        self.give_remainder_to_favourite();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn set_logits_avx512(&mut self, logits: &[i16]) {
        self.favourite = avx512::set_ends(&mut self.starts[1..], logits);
        self.give_remainder_to_favourite();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn set_logits_avx2(&mut self, logits: &[i16]) {
        self.favourite = avx2::set_ends(&mut self.starts[1..], logits);
        self.give_remainder_to_favourite();
    }

    /// The slot of a symbol.
    ///
    /// # Panics
    ///
    /// If the symbol is not in the alphabet.
    #[inline]
    #[must_use]
    pub fn slot(&self, symbol: usize) -> Slot {
        let start = self.starts[symbol];
        Slot {
            start,
            frequency: self.starts[symbol + 1] - start,
        }
    }

    /// The sum of the frequencies of all symbols before `symbol`; `TOTAL` for the one after the last.
    ///
    /// # Panics
    ///
    /// If the symbol is greater than the size of the alphabet.
    #[inline]
    #[must_use]
    pub fn start(&self, symbol: usize) -> u32 {
        self.starts[symbol]
    }

    /// `start` of every symbol, then `TOTAL`.
    #[inline]
    pub(crate) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The frequency of the symbol with the largest logit.
    #[inline]
    #[must_use]
    pub fn largest_frequency(&self) -> u32 {
        self.slot(self.favourite).frequency
    }

    /// The symbol whose slot contains `target`, and the slot.
    ///
    /// # Panics
    ///
    /// If `target` is not below `TOTAL`.
    #[inline]
    #[must_use]
    pub fn symbol_at(&self, target: u32) -> (usize, Slot) {
        assert!(target < TOTAL);
        // A binary search waits for memory at every step; to count takes the place of its last steps.
        let (chunks, rest) = self.starts.as_chunks::<16>();
        let chunk = chunks.partition_point(|chunk| chunk[0] <= target);
        let is_in_rest = rest.first().is_some_and(|&start| start <= target);
        let (before, starts) = match chunk.checked_sub(1) {
            Some(last) if !is_in_rest => (last * 16, &chunks[last][..]),
            _ => (chunks.len() * 16, rest),
        };
        let within: u32 = starts.iter().map(|&start| u32::from(start <= target)).sum();
        let symbol = before + within as usize - 1;
        (symbol, self.slot(symbol))
    }

    #[inline(always)]
    #[allow(clippy::inline_always)] // so that it is compiled for the caller's instructions
    fn give_remainder_to_favourite(&mut self) {
        let remainder = TOTAL - self.starts[self.starts.len() - 1];
        for start in &mut self.starts[self.favourite + 1..] {
            *start += remainder;
        }
    }
}

fn largest_of(logits: &[i16]) -> i16 {
    logits
        .iter()
        .fold(i16::MIN, |largest, &logit| largest.max(logit))
}

fn first_index_of(largest: i16, logits: &[i16]) -> usize {
    logits
        .iter()
        .position(|&logit| logit == largest)
        .unwrap_or(0)
}

#[inline]
fn weight_of(largest: i16, logit: i16) -> u32 {
    let distance = i32::from(largest) - i32::from(logit);
    WEIGHTS[(distance as usize).min(WEIGHTS.len() - 1)]
}

fn multiplier_of(weight_sum: u64, alphabet_size: usize) -> u32 {
    (((u64::from(TOTAL) - alphabet_size as u64) << SHARE_BITS) / weight_sum) as u32
}

/// Below `2^24`, since a weight is a part of the sum in the multiplier's denominator.
#[inline]
fn frequency_of(weight: u32, multiplier: u32) -> u32 {
    1 + ((u64::from(weight) * u64::from(multiplier)) >> SHARE_BITS) as u32
}
