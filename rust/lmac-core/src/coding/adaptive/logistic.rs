//! The logistic domain: `stretch(p) = ln(p / (1 - p))` and its inverse `squash`, by table.
//!
//! Probabilities are those of a 1 bit, integers in `1 ..= 65_535`, in units of 2^-16. Stretched
//! probabilities are integers in `-STRETCH_LIMIT ..= STRETCH_LIMIT`, in units of 1/512 nat.
//! Both tables come from one geometric sequence in 62-bit fixed point, at compile time.
//!
//! Format: docs/adaptive.md, "Logistic domain".

/// Bits of a probability.
pub(super) const PROBABILITY_BITS: u32 = 16;

/// The greatest stretched probability, in 1/512 nat: just below 12 nats.
pub(super) const STRETCH_LIMIT: i32 = 12 * 512 - 1;

const STEPS: usize = 12 * 512;
const ONE: u128 = 1 << 62;
/// `floor(2^62 * e^(-1/512))`
const DECAY: u128 = 4_602_687_609_541_841_169;

/// `squash` by its argument in steps of 4, from the most negative; each entry is the value in the middle. What is
/// beyond them is not used: a length that is a power of two spares a look at every index.
static SQUASH: [u16; (STEPS / 2).next_power_of_two()] = {
    let mut table = [0; (STEPS / 2).next_power_of_two()];
    let mut odds = ONE; // e^(-x) at x = step / 512
    let mut step = 0;
    while step < STEPS {
        if step % 4 == 2 {
            let probability =
                ((ONE << PROBABILITY_BITS) + u128::midpoint(ONE, odds)) / (ONE + odds);
            let probability = if probability > 65_535 {
                65_535
            } else {
                probability
            };
            table[STEPS / 4 + step / 4] = probability as u16;
            table[STEPS / 4 - 1 - step / 4] = ((1 << PROBABILITY_BITS) - probability) as u16;
        }
        odds = (odds * DECAY) >> 62;
        step += 1;
    }
    table
};

/// `stretch` of `(first + stride * index) / 2^bits`: the first step of odds at most the smaller
/// side's, with the sign of the larger side.
const fn stretch_table<const LEN: usize>(first: u128, stride: u128, bits: u32) -> [i16; LEN] {
    let mut table = [0; LEN];
    let mut odds = ONE;
    let mut step = 0;
    let mut below = LEN / 2;
    while below > 0 {
        below -= 1;
        let numerator = first + stride * below as u128;
        while step < STRETCH_LIMIT && odds * ((1 << bits) - numerator) > numerator * ONE {
            odds = (odds * DECAY) >> 62;
            step += 1;
        }
        table[below] = -step as i16;
        let above = LEN - below - (first != 0) as usize;
        if above < LEN {
            table[above] = step as i16;
        }
    }
    table
}

/// By probability.
static STRETCH: [i16; 1 << PROBABILITY_BITS] = stretch_table(0, 1, PROBABILITY_BITS);

/// One half, as a probability of 32 bits. Those that are stored are stored without it: empty memory is one half.
pub(super) const HALF: u32 = 1 << 31;

/// By the upper 12 bits of a probability without `HALF`: the value in the middle.
static ROUGH_STRETCH: [i16; 4096] = {
    let by_probability: [i16; 4096] = stretch_table(1, 2, 13);
    let mut table = [0; 4096];
    let mut index = 0;
    while index < table.len() {
        table[index] = by_probability[index ^ (table.len() / 2)];
        index += 1;
    }
    table
};

/// `ln(p / (1 - p))` of a probability in `1 ..= 65_535`.
#[inline(always)]
pub(super) fn stretch(probability: u32) -> i16 {
    STRETCH[probability as usize & 0xFFFF]
}

/// The same of a probability of 32 bits, stored without `HALF`, to its upper 12: the table is small enough to stay
/// in the cache.
#[inline(always)]
pub(super) fn rough_stretch(stored: u32) -> i16 {
    ROUGH_STRETCH[(stored >> 20) as usize]
}

/// The probability of a stretched one; arguments beyond the limit are clipped.
#[inline(always)]
pub(super) const fn squash(x: i32) -> u32 {
    let clipped = if x < -STRETCH_LIMIT {
        -STRETCH_LIMIT
    } else if x > STRETCH_LIMIT {
        STRETCH_LIMIT
    } else {
        x
    };
    SQUASH[squash_index(clipped) % SQUASH.len()] as u32
}

/// The probabilities of several stretched ones within the limit.
#[inline(always)]
pub(super) fn squash_all<const LEN: usize>(all: &[i16; LEN]) -> [i32; LEN] {
    let indices = all.map(|x| (x + (x >> 15) + STEPS as i16) as u16 >> 2);
    indices.map(|index| SQUASH[usize::from(index) % SQUASH.len()].into())
}

/// Steps of 4 are counted from zero in both directions.
#[inline(always)]
const fn squash_index(x: i32) -> usize {
    ((x + (x >> 31) + STEPS as i32) >> 2) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_agree_with_the_formulas() {
        for probability in 1..65_536_u32 {
            let p = f64::from(probability) / 65_536.0;
            let exact = (p / (1.0 - p)).ln() * 512.0;
            let error = (f64::from(stretch(probability)) - exact).abs();
            assert!(
                error <= 1.0 || p.min(1.0 - p) < (-12.0_f64).exp(),
                "{probability}"
            );
            assert_eq!(stretch(probability), -stretch(65_536 - probability));
            let middle = (f64::from(probability >> 4) + 0.5) / 4096.0;
            let exact = (middle / (1.0 - middle)).ln() * 512.0;
            assert!(
                (f64::from(rough_stretch(probability << 16 ^ HALF)) - exact).abs() <= 1.0,
                "{probability}"
            );
        }
        for x in -STRETCH_LIMIT..=STRETCH_LIMIT {
            let exact = 65_536.0 / (1.0 + (-f64::from(x) / 512.0).exp());
            let error = (f64::from(squash(x)) - exact).abs();
            assert!(error < 0.6 + 0.004 * exact.min(65_536.0 - exact), "{x}");
            assert_eq!(squash(x) + squash(-x), 65_536 + u32::from(x == 0) * 128);
        }
    }
}
