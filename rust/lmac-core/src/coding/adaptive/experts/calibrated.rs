//! The language model once more, corrected: what it says, refined by what came true of it after the
//! last symbol, and in the current word.
//!
//! Format: docs/adaptive.md, "The network and order 0".

use crate::coding::adaptive::logistic::stretch;
use crate::coding::adaptive::refinement::Refinement;
use crate::coding::adaptive::tree::Node;
use crate::error::Result;

pub(in crate::coding::adaptive) const INPUTS: usize = 2;

pub(in crate::coding::adaptive) struct Calibrated {
    refinements: [Refinement; INPUTS],
}

impl Calibrated {
    pub(in crate::coding::adaptive) fn new(content_len: usize) -> Result<Self> {
        let refinement = || Refinement::new(content_len);
        Ok(Self {
            refinements: [refinement()?, refinement()?],
        })
    }

    /// Before a symbol, with the hashes of what it comes after.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn begin_symbol(&mut self, contexts: [u32; INPUTS]) {
        for (refinement, context) in self.refinements.iter_mut().zip(contexts) {
            refinement.begin_symbol(context);
        }
    }

    /// What it makes of what the network says at the node, in 1/512 nat.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn predict(
        &mut self,
        node: Node,
        network: i16,
    ) -> [i16; INPUTS] {
        self.refinements.each_mut().map(|refinement| {
            refinement.select(node);
            stretch(refinement.refine(network))
        })
    }

    /// Learns the bit that came at the node.
    #[inline(always)]
    pub(in crate::coding::adaptive) fn update(&mut self, bit: u32) {
        for refinement in &mut self.refinements {
            refinement.update(bit);
        }
    }
}
