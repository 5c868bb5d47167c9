//! `Past`: what a context may look at: everything of the block that has been coded.

use crate::format::lanes::Lanes;

/// A lane at the moment before its next symbol.
#[derive(Clone, Copy)]
pub(super) struct Past<'a> {
    /// The content of the block, as far as it is known; unknown symbols are 0.
    pub(super) content: &'a [u8],
    /// Where the lane begins in the content.
    pub(super) start: usize,
    /// Where its next symbol stands.
    pub(super) position: usize,
    /// Index of the lane.
    pub(super) lane: usize,
    /// The last eight symbols of the lane, the last one in the low byte; 0 before its beginning.
    pub(super) recent: u64,
    /// What the match of the lane promises (`Matching::promised`); 0 before it was looked for.
    pub(super) promised: u64,
}

impl<'a> Past<'a> {
    /// What a lane may look at, with the positions of all lanes.
    #[inline(always)]
    pub(super) fn of_lane(
        content: &'a [u8],
        lanes: &Lanes,
        positions: &[usize],
        lane: usize,
    ) -> Self {
        let (start, position) = (lanes.start(lane), positions[lane]);
        let known = &content[start..position];
        let recent = known.last_chunk().map_or_else(
            || {
                known
                    .iter()
                    .fold(0, |recent, &symbol| recent << 8 | u64::from(symbol))
            },
            |last| u64::from_be_bytes(*last),
        );
        Self {
            content,
            start,
            position,
            lane,
            recent,
            promised: 0,
        }
    }

    /// The symbol `distance >= 1` before the next one; 0 before the beginning of the lane.
    #[inline(always)]
    pub(super) fn back(&self, distance: usize) -> u8 {
        if distance <= self.position - self.start {
            self.content[self.position - distance]
        } else {
            0
        }
    }

    /// The last `order` symbols, `1 ..= 8`, as a number.
    #[inline(always)]
    pub(super) fn last(&self, order: u32) -> u64 {
        self.recent << (64 - 8 * order) >> (64 - 8 * order)
    }
}

/// A hash of the same context and something more: cheaper than a new one.
#[inline(always)]
pub(super) fn rehash(hash: u32, more: u32) -> u32 {
    (hash ^ more.wrapping_mul(0x9E37_79B1)).wrapping_mul(0x2C1B_3C6D)
}

/// Mixes a context into 32 bits; `kind` tells apart the contexts of different experts.
#[inline(always)]
pub(super) fn hash(kind: u32, context: u64) -> u32 {
    const MULTIPLIER: u64 = 0xD6E8_FEB8_6659_FD93;
    let mixed = context ^ u64::from(kind).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = mixed.wrapping_mul(MULTIPLIER);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(MULTIPLIER);
    (mixed >> 32) as u32
}
