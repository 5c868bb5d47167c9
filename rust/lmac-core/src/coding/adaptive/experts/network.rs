//! The language model: its 256 frequencies, bit by bit.
//!
//! Format: docs/adaptive.md, "The network".

use super::{Expert, Node, centred};
use crate::coding::adaptive::logistic::{PROBABILITY_BITS, stretch};
use crate::coding::adaptive::tree::{LEAVES, Run, Tree};
use crate::coding::frequency::FrequencyTable;
use crate::coding::range_coder::TOTAL;

/// Classes of how sure the network is of its favourite.
pub(in crate::coding::adaptive) const CLASSES: usize = 8;

/// What the network predicts for the symbol at hand; says nothing without one.
pub(in crate::coding::adaptive) struct Network {
    is_there: bool,
    sureness: usize,
    /// The sum of the frequencies of all symbols of lower rank.
    starts: [u32; LEAVES + 1],
}

impl Network {
    pub(in crate::coding::adaptive) fn new() -> Self {
        Self {
            is_there: false,
            sureness: 0,
            starts: [0; LEAVES + 1],
        }
    }

    /// Before a symbol, with its prediction, if there is one.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn begin_symbol(
        &mut self,
        table: Option<&FrequencyTable>,
        tree: &Tree,
    ) {
        (self.is_there, self.sureness) = (table.is_some(), 0);
        if let Some(table) = table {
            let others = TOTAL - table.largest_frequency();
            let sureness = TOTAL.ilog2() - others.max(1).ilog2();
            self.sureness = (sureness as usize).min(CLASSES - 1);
            for &Run { symbol, rank, len } in tree.runs() {
                let [symbol, rank, len] = [symbol.into(), rank.into(), usize::from(len)];
                let ends = &table.starts()[symbol + 1..][..len];
                let moved = self.starts[rank].wrapping_sub(table.start(symbol));
                for (start, end) in self.starts[rank + 1..][..len].iter_mut().zip(ends) {
                    *start = end.wrapping_add(moved);
                }
            }
        }
    }

    /// `-log2` of the probability that the favourite is wrong, up to 7; 0 without a network.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn sureness(&self) -> usize {
        self.sureness
    }
}

impl Expert<2> for Network {
    #[inline(always)]
    fn predict(&mut self, node: Node) -> [i16; 2] {
        if !self.is_there {
            return [0; 2];
        }
        let ranks = [node.first, node.question, node.end];
        let [start, middle, end] = ranks.map(|rank| self.starts[rank as usize]);
        let ones = u64::from(end - middle) << PROBABILITY_BITS;
        let probability = (ones / u64::from(end - start)).clamp(1, 65_535) as u32;
        [stretch(probability), centred(probability)]
    }

    fn update(&mut self, _node: Node, _bit: u32) {}
}
