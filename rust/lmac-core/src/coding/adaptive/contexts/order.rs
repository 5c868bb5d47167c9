//! The last symbols.

use super::Context;
use crate::coding::adaptive::past::{Past, hash};

/// The last 1 to 8 symbols.
pub(super) struct Order(pub(super) u32);

impl Context for Order {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        hash(self.0, past.last(self.0))
    }
}
