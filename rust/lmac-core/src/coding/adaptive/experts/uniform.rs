//! As if all symbols that are left were equally likely: in noise they are, and the trees say otherwise.
//!
//! Format: docs/adaptive.md, "The network and order 0".

use super::{Expert, Node};
use crate::coding::adaptive::logistic::{PROBABILITY_BITS, stretch};

pub(in crate::coding::adaptive) struct Uniform;

impl Expert<1> for Uniform {
    #[inline(always)]
    fn predict(&mut self, node: Node) -> [i16; 1] {
        [stretch(
            ((node.end - node.question) << PROBABILITY_BITS) / (node.end - node.first),
        )]
    }

    fn update(&mut self, _node: Node, _bit: u32) {}
}
