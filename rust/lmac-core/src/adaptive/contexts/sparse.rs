//! Some of the last symbols, without those between.

use super::Context;
use crate::adaptive::past::{Past, hash};

/// The bits of the last eight symbols that a mask selects.
pub(super) struct Sparse(pub(super) u64);

impl Context for Sparse {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        hash(9, past.recent & self.0)
    }
}
