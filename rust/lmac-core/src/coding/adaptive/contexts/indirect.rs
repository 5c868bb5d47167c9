//! What followed the last symbols, the last times that they were seen.

use super::Context;
use crate::coding::adaptive::past::{Past, hash};

/// The two symbols that last followed the last two symbols.
pub(super) struct Indirect {
    /// By the last two symbols: what followed, the most recent one in the low byte.
    followers: Vec<u16>,
}

impl Indirect {
    pub(super) fn new() -> Self {
        Self {
            followers: vec![0; 1 << 16],
        }
    }
}

impl Context for Indirect {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        let followers = self.followers[past.last(2) as usize];
        hash(14, u64::from(followers) << 16 | past.last(2))
    }

    fn learn(&mut self, past: &Past<'_>, symbol: u8) {
        let followers = &mut self.followers[past.last(2) as usize];
        *followers = *followers << 8 | u16::from(symbol);
    }
}
