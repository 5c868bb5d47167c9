//! `Slots`: the statistics of hashed contexts, in one table of fixed size.
//!
//! A *bucket* is one cache line: a check and 15 *cells*, for a group of nodes of the tree of symbols. A
//! context owns a bucket for each group on the way to a symbol; they lie in one page of 4 KiB, so that
//! only the first costs the look-up of an address. A cell predicts one bit in two ways: by a
//! probability of its own with a count, and by a bit history whose meaning is learned
//! (`bit_history.rs`). A bucket is looked for at two places; if it is at neither, it takes over the
//! one whose first cell has seen less.
//!
//! Format: docs/adaptive.md, "Slots".

use super::past::rehash;
use crate::error::Result;
use crate::memory::{prefetch, zeros_for_random_use};

/// The cells of a group of nodes, and the check before them.
const BUCKET_LEN: usize = 16;
pub(super) const BUCKET_BYTES: usize = 4 * BUCKET_LEN;

/// So many are a page, in which a context has all its buckets for a symbol.
const PAGE_BUCKETS: usize = 64;

/// Where a cell's count is.
pub(super) const COUNT_BITS: u32 = 0xFF00;

/// The count of a cell stops here: its probability follows the last few hundred bits.
const COUNT_LIMIT: u32 = 127;

/// The statistics of one context at one node of the tree: `probability: 16 | count: 8 | history: 8`
/// from the most significant bit. The probability is stored minus one half, so that zero is empty.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cell(u32);

impl Cell {
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.0
    }

    /// That the next bit is 1, in `0 ..= 65_535`.
    #[inline(always)]
    pub(super) fn probability(self) -> u32 {
        (self.0 >> 16) ^ 0x8000
    }

    /// How many bits it has seen, up to the limit.
    #[inline(always)]
    pub(super) fn count(self) -> u32 {
        (self.0 >> 8) & 0xFF
    }

    #[inline(always)]
    pub(super) fn history(self) -> u8 {
        self.0 as u8
    }

    /// How far its probability moves towards the next bit, in 2^-16.
    #[inline(always)]
    pub(super) fn rate(self) -> u32 {
        RATES[self.count() as usize]
    }

    /// The cell after it has seen `bit`, without a history.
    #[inline(always)]
    #[must_use]
    pub(super) fn moved(self, bit: u32, rate: u32) -> Self {
        // What is left to the bit's probability: to 0 or to 65,535, which is the same upside down.
        let mirror = bit.wrapping_neg() & 0xFFFF;
        let distance = self.probability() ^ mirror;
        let moved = distance - ((distance * rate) >> 16);
        let probability = moved ^ mirror ^ 0x8000;
        let count = self.count();
        let count = count + u32::from(count < COUNT_LIMIT);
        Self(probability << 16 | count << 8)
    }

    /// A cell without a history, with one.
    #[inline(always)]
    #[must_use]
    pub(super) fn with_history(self, history: u8) -> Self {
        Self(self.0 | u32::from(history))
    }
}

/// `floor(2^16 / (count + 1.6))`
static RATES: [u32; 256] = {
    let mut rates = [0; 256];
    let mut count = 0;
    while count < rates.len() {
        rates[count] = (5 << 16) / (5 * count as u32 + 7);
        count += 1;
    }
    rates
};

/// Where a context's bucket is looked for, and how it is recognised.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Address {
    bucket: usize,
    check: u32,
}

impl Address {
    /// The place of the same context's bucket for the group that begins at another node.
    #[inline(always)]
    pub(super) fn of_group(self, context: u32, question: u32) -> Self {
        let hash = rehash(context, question);
        let page = self.bucket / PAGE_BUCKETS * PAGE_BUCKETS;
        Self {
            bucket: page + (hash >> 26) as usize,
            check: check_of(hash),
        }
    }
}

/// All buckets.
pub(super) struct Slots {
    /// Zeroed by the allocator: a page that is never touched costs nothing.
    words: Vec<u32>,
    /// Where the first bucket begins: at a cache line.
    first: usize,
    /// A multiple of `PAGE_BUCKETS`.
    buckets: u32,
}

impl Slots {
    /// Makes at least `buckets` buckets, all empty.
    pub(super) fn new(buckets: usize) -> Result<Self> {
        let buckets = buckets.max(1).next_multiple_of(PAGE_BUCKETS);
        let words = zeros_for_random_use((buckets + 1) * BUCKET_LEN)?;
        let first = words.as_ptr().align_offset(BUCKET_BYTES).min(BUCKET_LEN);
        Ok(Self {
            words,
            first,
            buckets: buckets as u32,
        })
    }

    /// The place of a context's bucket for the first group.
    #[inline(always)]
    pub(super) fn address(&self, hash: u32) -> Address {
        let bucket = ((u64::from(hash) * u64::from(self.buckets)) >> 32) as usize;
        Address {
            bucket,
            check: check_of(hash),
        }
    }

    /// Asks the memory for a bucket that may be needed soon.
    #[inline(always)]
    pub(super) fn prefetch(&self, address: Address) {
        prefetch(&self.words, self.first + address.bucket * BUCKET_LEN);
    }

    /// Finds or makes the bucket at an address; returns where it begins.
    #[inline(always)]
    pub(super) fn find(&mut self, address: Address) -> usize {
        let Address { bucket, check } = address;
        let [home, other] = [bucket, bucket ^ 1].map(|bucket| self.first + bucket * BUCKET_LEN);
        if self.words[home] == check {
            return home;
        }
        if self.words[other] == check {
            return other;
        }
        let seen = |bucket: usize| Cell(self.words[bucket + 1]).count();
        let loser = if seen(home) <= seen(other) {
            home
        } else {
            other
        };
        let mut bucket = [0; BUCKET_LEN];
        bucket[0] = check;
        self.words[loser..loser + BUCKET_LEN].copy_from_slice(&bucket);
        loser
    }

    /// A cell of a bucket; `node` is in `1 ..= 15`.
    #[inline(always)]
    pub(super) fn cell(&self, bucket: usize, node: usize) -> Cell {
        Cell(self.words[bucket + node])
    }

    /// Replaces a cell.
    #[inline(always)]
    pub(super) fn set_cell(&mut self, bucket: usize, node: usize, cell: Cell) {
        self.words[bucket + node] = cell.0;
    }
}

/// Never 0, the check of an empty bucket.
#[inline(always)]
fn check_of(hash: u32) -> u32 {
    hash & 0xFF_FFFF | 1 << 24
}
