//! `Lane`: what an executor remembers of one context.

use super::ring::Ring;
use crate::error::Result;
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
    /// Creates an empty context.
    pub fn new(architecture: &Architecture) -> Self {
        let head_dim = architecture.head_dim as usize;
        let rings = slots(architecture).map(|slots| Ring::new(slots, head_dim));
        Self {
            hasher: ContextHasher::new(architecture),
            position: 0,
            rings: rings.collect(),
        }
    }

    /// Bytes of the rings of one lane after so many positions; the rest is less than a thousand.
    pub fn ring_bytes(architecture: &Architecture, positions: usize) -> usize {
        let in_use = slots(architecture).map(|slots| Ring::slots_in_use(slots, positions));
        2 * in_use.sum::<usize>() * architecture.head_dim as usize
    }

    /// Makes room for so many more positions.
    pub fn reserve(&mut self, steps: usize) -> Result<()> {
        let positions = self.position + steps;
        let mut rings = self.rings.iter_mut();
        rings.try_for_each(|ring| ring.reserve(positions))
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
