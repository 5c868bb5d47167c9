//! The match model: finds where the last symbols occurred before, anywhere in the block, and
//! expects what followed there.
//!
//! Format: docs/adaptive.md, "Matches".

use super::{Expert, Node, centred};
use crate::coding::adaptive::chance::Chance;
use crate::coding::adaptive::logistic::stretch;
use crate::coding::adaptive::past::{Past, hash};
use crate::coding::adaptive::tree::{NO_RANK, Tree};
use crate::error::Result;
use crate::memory::{filled, prefetch, zeros_for_random_use};

const INPUTS: usize = 2;

/// The chances follow the last few hundred bits.
const CHANCE_LIMIT: u32 = 250;

/// The initial chances count as learned from so many bits.
const PRIOR_COUNT: u32 = 10;

/// Entries of a table at most: 4 MiB each.
const MAX_ENTRIES: usize = 1 << 20;

fn entries(content_len: usize) -> usize {
    content_len.clamp(1, MAX_ENTRIES).next_power_of_two()
}

/// Symbols that must agree for a match, long ones tried first.
const MIN_LENS: [u32; 2] = [8, 5];

/// A match of this length is not given up for another. That is also how many symbols are compared.
const LONG: u32 = 32;

/// Lengths beyond this are not told apart.
const MAX_LEN: u32 = 65_535;

/// How many symbols in a row must agree before a match is trusted as one that was never wrong.
const RECOVERY: u8 = 8;

/// Classes of the length, for matches that were right of late, and then for those that recover.
pub(in crate::coding::adaptive) const CLASSES: usize = 2 * LENGTH_CLASSES;
const LENGTH_CLASSES: usize = 16;

/// What a match can expect: nothing, a 0, a 1.
pub(in crate::coding::adaptive) const EXPECTATIONS: usize = 3;

/// That a match is right, before anything is learned, in 2^-16.
pub(in crate::coding::adaptive) fn prior(class: usize) -> u16 {
    let length_class = class % LENGTH_CLASSES;
    (65_536 - 65_536 / (4 + 2 * length_class * length_class)) as u16
}

/// One lane's match. It goes on after a symbol that did not agree: in tables, logs and programs, what differs
/// is often as long as what it stands for.
#[derive(Clone, Copy, Default)]
struct Match {
    /// Where the expected symbol stands in the content; 0: no match.
    position: usize,
    /// How many symbols before it agree with the last ones, halved by each that did not agree.
    len: u32,
    /// How many symbols must agree until the last one that did not is forgotten.
    recovery: u8,
}

impl Match {
    #[inline(always)]
    fn class(&self) -> usize {
        let length_class = match self.len {
            0..=15 => (self.len / 2) as usize + 1,
            16..=23 => 9,
            24..=31 => 10,
            32..=63 => 11,
            64..=127 => 12,
            128..=511 => 13,
            512..=2047 => 14,
            _ => 15,
        };
        length_class + LENGTH_CLASSES * usize::from(self.recovery > 0)
    }
}

pub(in crate::coding::adaptive) struct Matching {
    lanes: Vec<Match>,
    /// By hash of the last symbols: where the next one stands, plus 1.
    tables: [Vec<u32>; MIN_LENS.len()],
    /// By class of the match: that the expected bit is right.
    chances: [Chance; CLASSES],
    /// The symbol that the match promised before the first bit.
    promised: Option<u8>,
    /// Its rank, until a bit contradicts it.
    expected: u32,
    class: usize,
}

impl Matching {
    pub(in crate::coding::adaptive) fn new(
        content_len: usize,
        lanes: usize,
        chances: &[u16; CLASSES],
    ) -> Result<Self> {
        let entries = entries(content_len);
        Ok(Self {
            lanes: filled(Match::default(), lanes)?,
            tables: [
                zeros_for_random_use(entries)?,
                zeros_for_random_use(entries)?,
            ],
            chances: chances.map(|chance| Chance::new(chance.into(), PRIOR_COUNT)),
            promised: None,
            expected: NO_RANK,
            class: 0,
        })
    }

    /// The memory of both tables.
    pub(in crate::coding::adaptive) fn bytes(content_len: usize) -> usize {
        MIN_LENS.len() * entries(content_len) * size_of::<u32>()
    }

    /// The chances as they are now, in 2^-16.
    pub(in crate::coding::adaptive) fn chances(&self) -> [u16; CLASSES] {
        self.chances.map(|chance| chance.probability() as u16)
    }

    /// Gets the memory of `begin_symbol` ready.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn prefetch(&self, past: &Past<'_>) {
        for (&min_len, table) in MIN_LENS.iter().zip(&self.tables) {
            prefetch(table, entry_of(past, min_len, table.len()));
        }
    }

    /// Looks at the match of the lane before its next symbol.
    pub(in crate::coding::adaptive) fn begin_symbol(
        &mut self,
        past: &Past<'_>,
        tree: &Tree,
        is_known: impl Fn(usize) -> bool,
    ) {
        self.look_up(past);
        let found = self.lanes[past.lane];
        (self.promised, self.expected, self.class) = (None, NO_RANK, 0);
        if found.position > 0 && is_known(found.position) {
            let promised = past.content[found.position];
            self.promised = Some(promised);
            self.expected = tree.rank_of(promised);
            self.class = found.class();
        }
    }

    /// Whether the match expects a 0 or a 1 at the node: 1 or 2; 0 if it expects nothing.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn expectation(&self, node: Node) -> usize {
        let bit = node.bit_to_any(self.expected);
        bit.map_or(0, |bit| 1 + bit as usize)
    }

    /// Class of the match; 0 if there is none.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn class(&self) -> usize {
        self.class
    }

    /// The symbol that the match promises, with a leading 1, and its class above; 0 if there is none.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn promised(&self) -> u64 {
        let class = (self.class as u64) << 9;
        self.promised
            .map_or(0, |symbol| class | 1 << 8 | u64::from(symbol))
    }

    /// Learns the symbol that the lane had.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn learn(&mut self, lane: usize, symbol: u8) {
        let found = &mut self.lanes[lane];
        if self.promised == Some(symbol) {
            found.len = (found.len + 1).min(MAX_LEN);
            found.recovery = found.recovery.saturating_sub(1);
        } else {
            found.len /= 2;
            found.recovery = RECOVERY;
        }
        found.position += usize::from(found.position > 0);
    }

    /// Remembers where the lane is, and looks for a match that is longer than what it has.
    #[inline(always)]
    fn look_up(&mut self, past: &Past<'_>) {
        let found = &mut self.lanes[past.lane];
        for (&min_len, table) in MIN_LENS.iter().zip(&mut self.tables) {
            if past.position - past.start < min_len as usize {
                continue;
            }
            let entry = entry_of(past, min_len, table.len());
            let candidate = std::mem::replace(&mut table[entry], past.position as u32 + 1) as usize;
            let position = candidate.saturating_sub(1); // of which 0 has nothing before it that could agree
            if found.len < LONG && position != found.position {
                let len = common_len(past, position);
                if len >= min_len && len > found.len {
                    *found = Match {
                        position,
                        len,
                        recovery: 0,
                    };
                }
            }
        }
    }
}

impl Expert<INPUTS> for Matching {
    #[inline(always)]
    fn predict(&mut self, node: Node) -> [i16; INPUTS] {
        let Some(bit) = node.bit_to_any(self.expected) else {
            (self.expected, self.class) = (NO_RANK, 0);
            return [0; INPUTS];
        };
        let right = self.chances[self.class].probability();
        let sign = 2 * bit as i16 - 1;
        [sign * stretch(right), sign * centred(right)]
    }

    #[inline(always)]
    fn update(&mut self, node: Node, bit: u32) {
        if let Some(expected) = node.bit_to_any(self.expected) {
            self.chances[self.class].update(u32::from(expected == bit), CHANCE_LIMIT);
        }
    }
}

/// The entry of the last `min_len` symbols.
#[inline(always)]
fn entry_of(past: &Past<'_>, min_len: u32, entries: usize) -> usize {
    hash(min_len, past.last(min_len)) as usize & (entries - 1)
}

/// How many symbols before `candidate` agree with the last ones, up to `LONG`.
fn common_len(past: &Past<'_>, candidate: usize) -> u32 {
    let limit = (LONG as usize)
        .min(candidate)
        .min(past.position - past.start);
    (0..limit)
        .take_while(|&back| {
            past.content[candidate - 1 - back] == past.content[past.position - 1 - back]
        })
        .count() as u32
}
