//! Bit histories: what a context has seen, in one byte.
//!
//! A state is, for up to four bits, the very bits; after that, how many zeros and ones there
//! were, with an upper bound that shrinks as the rarer bit becomes more frequent, and the last
//! bit. A bit discounts a large count of its opposite: recent bits count for more. What a state
//! means is learned (`hashed.rs`), as in an indirect context model (Mahoney, PAQ6).
//!
//! Format: docs/adaptive.md, "Bit histories".

/// The greatest count of the commoner bit, by the count of the rarer one.
const BOUNDS: [u8; 6] = [37, 24, 12, 8, 6, 5];

/// The longest history that is kept bit by bit.
const WHOLE_BITS: u32 = 4;

#[derive(Clone, Copy)]
struct Counts {
    zeros: u8,
    ones: u8,
    last: u8,
}

struct Tables {
    counts: [Counts; 256],
    next: [[u8; 2]; 256],
}

static TABLES: Tables = make_tables();

/// The state after a bit.
#[inline(always)]
pub(super) fn next(state: u8, bit: u32) -> u8 {
    TABLES.next[state as usize][bit as usize & 1]
}

/// The probability of a 1 that the counts suggest, before anything is learned: in `1 ..= 65_535`.
pub(super) fn prior(state: u8) -> u32 {
    let Counts { zeros, ones, .. } = TABLES.counts[state as usize];
    let (zeros, ones) = (u32::from(zeros), u32::from(ones));
    65_535 * (2 * ones + 1) / (2 * (zeros + ones) + 2)
}

const fn is_allowed(zeros: u8, ones: u8) -> bool {
    let (rare, common) = if zeros < ones {
        (zeros, ones)
    } else {
        (ones, zeros)
    };
    (rare as usize) < BOUNDS.len() && common <= BOUNDS[rare as usize]
}

const fn discounted(count: u8) -> u8 {
    if count <= 5 {
        count
    } else if count >= 9 {
        7
    } else {
        u8::midpoint(count, 5)
    }
}

const fn make_tables() -> Tables {
    let nothing = Counts {
        zeros: 0,
        ones: 0,
        last: 0,
    };
    let mut counts = [nothing; 256];
    let mut next = [[0; 2]; 256];
    // Whole histories: the bits behind a leading 1, minus 1.
    let mut state = 0_usize;
    while state < (2 << WHOLE_BITS) - 1 {
        let marked = state + 1;
        let len = marked.ilog2();
        let ones = marked.count_ones() - 1;
        counts[state] = Counts {
            zeros: (len - ones) as u8,
            ones: ones as u8,
            last: (marked & 1) as u8,
        };
        state += 1;
    }
    // Counts, in ascending order of (zeros, ones, last).
    let first_counted = state;
    let mut zeros = 0;
    while zeros <= BOUNDS[0] {
        let mut ones = 0;
        while ones <= BOUNDS[0] {
            let mut last = 0;
            while last < 2 {
                let is_possible = (last == 0 && zeros > 0) || (last == 1 && ones > 0);
                if is_possible && zeros as u32 + ones as u32 > WHOLE_BITS && is_allowed(zeros, ones)
                {
                    counts[state] = Counts { zeros, ones, last };
                    state += 1;
                }
                last += 1;
            }
            ones += 1;
        }
        zeros += 1;
    }
    let end = state;
    let mut state = 0;
    while state < end {
        let mut bit = 0;
        while bit < 2 {
            next[state][bit] = if state < (1 << WHOLE_BITS) - 1 {
                (2 * (state + 1) + bit - 1) as u8
            } else {
                find(&counts, first_counted, end, after(counts[state], bit as u8))
            };
            bit += 1;
        }
        state += 1;
    }
    Tables { counts, next }
}

const fn after(counts: Counts, bit: u8) -> Counts {
    let Counts {
        mut zeros,
        mut ones,
        ..
    } = counts;
    if bit == 0 {
        zeros += 1;
        ones = discounted(ones);
    } else {
        ones += 1;
        zeros = discounted(zeros);
    }
    while !is_allowed(zeros, ones) {
        if zeros > ones {
            zeros -= 1;
        } else {
            ones -= 1;
        }
    }
    Counts {
        zeros,
        ones,
        last: bit,
    }
}

const fn find(counts: &[Counts; 256], first: usize, end: usize, wanted: Counts) -> u8 {
    let mut state = first;
    while state < end {
        let Counts { zeros, ones, last } = counts[state];
        if zeros == wanted.zeros && ones == wanted.ones && last == wanted.last {
            return state as u8;
        }
        state += 1;
    }
    panic!("every successor is a state")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_count_and_forget() {
        let run = |bits: &[u32]| bits.iter().fold(0, |state, &bit| next(state, bit));
        assert_eq!(run(&[1, 0, 1]), 0b1101 - 1);
        let Counts { zeros, ones, last } = TABLES.counts[run(&[0; 100]) as usize];
        assert_eq!((zeros, ones, last), (37, 0, 0));
        let Counts { zeros, ones, last } =
            TABLES.counts[run(&[&[0; 100][..], &[1]].concat()) as usize];
        assert_eq!((zeros, ones, last), (7, 1, 1));
        assert!(prior(run(&[1; 9])) > 60_000 && prior(0) == 32_767);
    }
}
