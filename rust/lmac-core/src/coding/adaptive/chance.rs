//! `Chance`: the probability of a 1 bit, learned from the bits seen: fast at first, then slowly.
//!
//! Format: docs/adaptive.md, "Chances".

use super::logistic::PROBABILITY_BITS;

const COUNT_BITS: u32 = 10;
const COUNT_MASK: u32 = (1 << COUNT_BITS) - 1;

/// A probability in the upper 22 bits, and how many bits it has seen in the lower 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chance(u32);

/// `floor(2^16 / (count + 1.5))`
static RATES: [u32; COUNT_MASK as usize + 1] = {
    let mut rates = [0; COUNT_MASK as usize + 1];
    let mut count = 0;
    while count < rates.len() {
        rates[count] = (1 << 17) / (2 * count as u32 + 3);
        count += 1;
    }
    rates
};

impl Chance {
    /// Begins with a probability in `1 ..= 65_535`, as if it had been learned from `count` bits.
    pub(super) const fn new(probability: u32, count: u32) -> Self {
        Self(probability << (32 - PROBABILITY_BITS) | count)
    }

    /// The probability of a 1, in `1 ..= 65_535`.
    #[inline(always)]
    pub(super) fn probability(self) -> u32 {
        (self.0 >> (32 - PROBABILITY_BITS)).max(1)
    }

    /// How many bits it has learned, up to the limit.
    #[inline(always)]
    pub(super) fn count(self) -> u32 {
        self.0 & COUNT_MASK
    }

    /// Learns a bit; `limit` is the count beyond which the rate falls no further.
    #[inline(always)]
    pub(super) fn update(&mut self, bit: u32, limit: u32) {
        let count = self.0 & COUNT_MASK;
        let probability = i64::from(self.0 >> COUNT_BITS);
        let target = if bit == 0 { 0 } else { (1 << 22) - 1 };
        let step = ((target - probability) * i64::from(RATES[count as usize])) >> 16;
        let probability = (probability + step) as u32;
        self.0 = probability << COUNT_BITS | (count + u32::from(count < limit));
    }
}
