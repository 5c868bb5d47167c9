//! The hashed contexts: under each, what its cells have seen at the node.
//!
//! Format: docs/adaptive.md, "Slots".

use std::ops::Range;

use super::Node;
use crate::coding::adaptive::bit_history;
use crate::coding::adaptive::contexts::{self, Context};
use crate::coding::adaptive::logistic::{HALF, rough_stretch};
use crate::coding::adaptive::mixer::Arithmetic;
use crate::coding::adaptive::past::Past;
use crate::coding::adaptive::slots::{Address, BUCKET_BYTES, COUNT_BITS, Cell, Slots};
use crate::error::Result;

pub(in crate::coding::adaptive) const CONTEXTS: usize = contexts::COUNT;

/// What a context says: its probability, and its bit history's meaning.
pub(in crate::coding::adaptive) const INPUTS_EACH: usize = 2;

pub(in crate::coding::adaptive) const INPUTS: usize = CONTEXTS * INPUTS_EACH;

/// Contexts, and what fills up a vector.
const PADDED: usize = CONTEXTS.next_multiple_of(8);

/// Buckets that a symbol uses: few use more.
const BUCKETS_PER_SYMBOL: usize = 2 * CONTEXTS;

/// 48 MiB.
const MAX_BUCKETS: usize = 3 << 18;

const fn buckets(content_len: usize) -> usize {
    let buckets = content_len * BUCKETS_PER_SYMBOL;
    if buckets < MAX_BUCKETS {
        buckets
    } else {
        MAX_BUCKETS
    }
}

/// A meaning goes this part of the way, `2^-MEANING_SHIFT`, towards each bit.
const MEANING_SHIFT: u32 = 7;

/// Meanings before anything is learned, in 2^-16.
pub(in crate::coding::adaptive) fn prior() -> [u16; 256] {
    std::array::from_fn(|history| bit_history::prior(history as u8) as u16)
}

pub(in crate::coding::adaptive) struct Hashed {
    contexts: [Box<dyn Context>; CONTEXTS],
    slots: Slots,
    /// For the symbol at hand, by context.
    hashes: [u32; CONTEXTS],
    addresses: [Address; CONTEXTS],
    /// Those of the groups that may come next, by the bit that leads there.
    next_addresses: [[Address; CONTEXTS]; 2],
    buckets: [usize; CONTEXTS],
    /// The cells of the node at hand; padded, as the next, for vectors.
    cells: [Cell; PADDED],
    /// What their histories mean.
    said: [u32; PADDED],
    /// By context: the probability of a 1 after each history, in 2^-32, stored without `HALF`. Not in the struct itself: a
    /// thread may have little stack.
    meanings: Box<[[u32; 256]; CONTEXTS]>,
}

impl Hashed {
    pub(in crate::coding::adaptive) fn new(
        content_len: usize,
        lanes: usize,
        meanings: &[[u16; 256]; CONTEXTS],
    ) -> Result<Self> {
        let meanings: Vec<[u32; 256]> = meanings
            .iter()
            .map(|meanings| meanings.map(|meaning| u32::from(meaning) << 16 ^ HALF))
            .collect();
        Ok(Self {
            contexts: contexts::all(lanes),
            slots: Slots::new(buckets(content_len))?,
            hashes: [0; CONTEXTS],
            addresses: [Address::default(); CONTEXTS],
            next_addresses: [[Address::default(); CONTEXTS]; 2],
            buckets: [0; CONTEXTS],
            cells: [Cell::default(); PADDED],
            said: [0; PADDED],
            meanings: meanings.try_into().expect("as many as there were"),
        })
    }

    /// The memory of all slots.
    pub(in crate::coding::adaptive) const fn bytes(content_len: usize) -> usize {
        buckets(content_len) * BUCKET_BYTES
    }

    /// The meanings as they are now, in 2^-16.
    pub(in crate::coding::adaptive) fn meanings(&self) -> [[u16; 256]; CONTEXTS] {
        std::array::from_fn(|context| {
            self.meanings[context].map(|meaning| ((meaning ^ HALF) >> 16) as u16)
        })
    }

    /// Looks up some contexts before a symbol.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn begin_symbol(
        &mut self,
        contexts: Range<usize>,
        past: &Past<'_>,
    ) {
        for index in contexts {
            self.hashes[index] = self.contexts[index].hash(past);
            self.addresses[index] = self.slots.address(self.hashes[index]);
            self.slots.prefetch(self.addresses[index]);
        }
    }

    /// Finds the buckets that `begin_symbol` or `expect_group` asked the memory for.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn find_buckets(&mut self) {
        for (bucket, &address) in self.buckets.iter_mut().zip(&self.addresses) {
            *bucket = self.slots.find(address);
        }
    }

    /// Looks up all contexts again, for the groups that begin after the next bit.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn expect_group(&mut self, node: Node) {
        for (bit, next) in self.next_addresses.iter_mut().enumerate() {
            let child = node.child(bit as u32);
            if child.symbol().is_some() {
                continue;
            }
            let contexts = self.addresses.iter().zip(&self.hashes);
            for (next, (address, &hash)) in next.iter_mut().zip(contexts) {
                *next = address.of_group(hash, child.question);
                self.slots.prefetch(*next);
            }
        }
    }

    /// Goes on with one of them.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn begin_group(&mut self, node: Node) {
        self.addresses = self.next_addresses[node.bit as usize & 1];
    }

    /// The hash of a context.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn hash(&self, context: usize) -> u32 {
        self.hashes[context]
    }

    /// Learns the symbol that followed `past`.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn learn(&mut self, past: &Past<'_>, symbol: u8) {
        for context in &mut self.contexts {
            context.learn(past, symbol);
        }
    }

    /// What all contexts say, and how many know anything.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn predict<A: Arithmetic>(
        &mut self,
        node: Node,
        inputs: &mut [i16; INPUTS],
    ) -> usize {
        let place = node.in_group as usize;
        for (cell, &bucket) in self.cells.iter_mut().zip(&self.buckets) {
            *cell = self.slots.cell(bucket, place);
        }
        let (inputs, _) = inputs.as_chunks_mut::<INPUTS_EACH>();
        for (index, inputs) in inputs.iter_mut().enumerate() {
            let cell = self.cells[index];
            let meaning = self.meanings[index][cell.history() as usize];
            self.said[index] = meaning;
            *inputs = [rough_stretch(cell.bits()), rough_stretch(meaning)];
        }
        A::count(&self.cells.map(Cell::bits), COUNT_BITS)
    }

    #[inline(always)]
    pub(in crate::coding::adaptive) fn update(&mut self, node: Node, bit: u32) {
        // First what vectors can do, for all contexts at once.
        let mirror = bit.wrapping_neg() ^ HALF;
        let rates = self.cells.map(Cell::rate);
        let mut moved = [Cell::default(); PADDED];
        for (index, moved) in moved.iter_mut().enumerate() {
            let distance = self.said[index] ^ mirror;
            self.said[index] = (distance - (distance >> MEANING_SHIFT)) ^ mirror;
            *moved = self.cells[index].moved(bit, rates[index]);
        }
        let place = node.in_group as usize;
        for (index, moved) in moved[..CONTEXTS].iter().enumerate() {
            let history = self.cells[index].history();
            self.meanings[index][history as usize] = self.said[index];
            let cell = moved.with_history(bit_history::next(history, bit));
            self.slots.set_cell(self.buckets[index], place, cell);
        }
    }
}
