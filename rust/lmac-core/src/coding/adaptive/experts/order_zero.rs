//! The frequency of each symbol in the block, whatever stands before it: an expert, and a way to code
//! a block whose symbols do not depend on each other, many times as fast as the mixture.

use super::{Expert, Node};
use crate::coding::adaptive::chance::Chance;
use crate::coding::adaptive::logistic::stretch;
use crate::coding::adaptive::tree::{NODES, Tree};
use crate::coding::adaptive::{Bits, Encoding};
use crate::coding::range_coder::{PayloadError, RangeDecoder, RangeEncoder};

/// A chance for every node of the tree.
pub(crate) struct OrderZero {
    chances: [Chance; NODES],
}

impl OrderZero {
    pub(crate) fn new() -> Self {
        Self {
            chances: [Chance::new(1 << 15, 0); NODES],
        }
    }

    /// Codes the next symbol by frequency alone.
    pub(crate) fn encode(&mut self, symbol: u8, encoder: &mut RangeEncoder) {
        let Ok(_) = self.code(&mut Encoding::new(encoder, symbol));
    }

    /// Decodes the next symbol; `TooShort` when the payload has no more bytes for what follows.
    pub(crate) fn decode(&mut self, decoder: &mut RangeDecoder<'_>) -> Result<u8, PayloadError> {
        self.code(decoder)
    }

    #[inline(always)]
    fn code<B: Bits>(&mut self, bits: &mut B) -> Result<u8, B::Error> {
        let mut node = Node::root(Tree::after(0));
        loop {
            let bit = bits.code(node, self.chances[node.number() % NODES].probability())?;
            self.update(node, bit);
            node = node.child(bit);
            if let Some(symbol) = node.symbol() {
                return Ok(symbol);
            }
        }
    }
}

impl Expert<1> for OrderZero {
    #[inline(always)]
    fn predict(&mut self, node: Node) -> [i16; 1] {
        [stretch(self.chances[node.number() % NODES].probability())]
    }

    #[inline(always)]
    fn update(&mut self, node: Node, bit: u32) {
        self.chances[node.number() % NODES].update(bit, 1023);
    }
}
