//! The language model: its 256 frequencies, bit by bit.
//!
//! Format: docs/adaptive.md, "The network".

use super::{Expert, Node, centred};
use crate::adaptive::logistic::{PROBABILITY_BITS, stretch};
use crate::frequency::FrequencyTable;
use crate::range_coder::TOTAL;

/// Classes of how sure the network is of its favourite.
pub(in crate::adaptive) const CLASSES: usize = 8;

/// What the network predicts for the symbol at hand; says nothing without one.
pub(in crate::adaptive) struct Network<'a> {
    table: Option<&'a FrequencyTable>,
}

impl<'a> Network<'a> {
    pub(in crate::adaptive) fn new(table: Option<&'a FrequencyTable>) -> Self {
        Self { table }
    }

    /// `-log2` of the probability that the favourite is wrong, up to 7; 0 without a network.
    pub(in crate::adaptive) fn sureness(&self) -> usize {
        self.table.map_or(0, |table| {
            let others = TOTAL - table.largest_frequency();
            (TOTAL.ilog2() - others.max(1).ilog2()).min(CLASSES as u32 - 1) as usize
        })
    }
}

impl Expert<2> for Network<'_> {
    #[inline(always)]
    fn predict(&mut self, node: Node) -> [i16; 2] {
        let Some(table) = self.table else {
            return [0; 2];
        };
        let first = (node.index << node.bits_left) as usize - 256;
        let half = 1 << (node.bits_left - 1);
        let start = table.start(first);
        let middle = table.start(first + half);
        let end = table.start(first + 2 * half);
        let ones = u64::from(end - middle) << PROBABILITY_BITS;
        let probability = (ones / u64::from(end - start)).clamp(1, 65_535) as u32;
        [stretch(probability), centred(probability)]
    }

    fn update(&mut self, _node: Node, _bit: u32) {}
}
