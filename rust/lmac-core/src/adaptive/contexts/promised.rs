//! What the match promises: how often it is right about this symbol, and what comes instead.

use super::Context;
use crate::adaptive::past::{Past, hash};

/// The symbol that the match promises, and the class of the match.
pub(super) struct Promised;

impl Context for Promised {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        hash(15, past.promised)
    }
}
