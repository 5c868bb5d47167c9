//! The frequency of each symbol in the block, whatever stands before it.

use super::{Expert, Node};
use crate::adaptive::chance::Chance;
use crate::adaptive::logistic::stretch;

/// A chance for every node of the tree.
pub(in crate::adaptive) struct OrderZero {
    chances: [Chance; 256],
}

impl OrderZero {
    pub(in crate::adaptive) fn new() -> Self {
        Self {
            chances: [Chance::new(1 << 15, 0); 256],
        }
    }
}

impl Expert<1> for OrderZero {
    #[inline(always)]
    fn predict(&mut self, node: Node) -> [i32; 1] {
        [stretch(
            self.chances[node.index as usize & 255].probability(),
        )]
    }

    #[inline(always)]
    fn update(&mut self, node: Node, bit: u32) {
        self.chances[node.index as usize & 255].update(bit, 1023);
    }
}
