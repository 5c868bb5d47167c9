//! `Lane`: what an executor remembers of one context.

use super::ring::Ring;
use crate::models::architecture::Architecture;
use crate::models::context::ContextHasher;

/// The most steps that are computed at once: every ring has room for them behind its window.
pub(crate) const MAX_STEPS: usize = 64;

/// The context of one lane.
#[derive(Debug)]
pub(crate) struct Lane {
    pub hasher: ContextHasher,
    /// Number of symbols so far.
    pub position: usize,
    /// One for every layer.
    pub rings: Vec<Ring>,
}

impl Lane {
    /// Creates an empty context, or `None` if there is no memory for it.
    pub fn new(architecture: &Architecture) -> Option<Self> {
        let head_dim = architecture.head_dim as usize;
        let rings = slots(architecture).map(|slots| Ring::new(slots, head_dim));
        Some(Self {
            hasher: ContextHasher::new(architecture),
            position: 0,
            rings: rings.collect::<Option<_>>()?,
        })
    }

    /// Bytes of the rings of one lane; the rest is a few hundred.
    pub fn ring_bytes(architecture: &Architecture) -> usize {
        2 * slots(architecture).sum::<usize>() * architecture.head_dim as usize
    }

    /// Forgets everything; what the rings hold cannot be seen from position 0.
    pub fn reset(&mut self) {
        self.hasher.reset();
        self.position = 0;
    }
}

/// Of the ring of each layer.
fn slots(architecture: &Architecture) -> impl Iterator<Item = usize> {
    let layers = 0..architecture.layers as usize;
    layers.map(|layer| Ring::slots(architecture.window(layer), MAX_STEPS))
}
