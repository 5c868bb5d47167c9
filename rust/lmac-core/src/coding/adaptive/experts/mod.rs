//! The experts: each says how likely the next bit is a 1, in stretched probabilities for the
//! mixer, and learns the bit.

pub(super) mod calibrated;
pub(super) mod hashed;
pub(super) mod matching;
pub(super) mod network;
pub(super) mod order_zero;
pub(super) mod uniform;

use super::tree::Node;

/// Whoever has something to say about the next bit.
pub(super) trait Expert<const INPUTS: usize> {
    /// What it says, in 1/512 nat; zeros if it knows nothing.
    fn predict(&mut self, node: Node) -> [i16; INPUTS];

    /// Learns the bit that came at the node.
    fn update(&mut self, node: Node, bit: u32);
}

/// How far a probability in `1 ..= 65_535` is from one half, on the scale of stretched
/// probabilities: at most 2 nats, and linear, so that it tells most where `stretch` tells least.
#[inline(always)]
pub(super) fn centred(probability: u32) -> i16 {
    ((probability as i32 - 32_768) >> 5) as i16
}
