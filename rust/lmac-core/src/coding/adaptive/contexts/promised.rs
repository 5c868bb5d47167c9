//! What the match promises: how often it is right about this symbol, and what comes instead.

use super::Context;
use crate::coding::adaptive::past::{Past, hash};
use crate::coding::adaptive::tree::Tree;

/// The symbol that the match promises, the class of the match, and the tree in which the symbol is looked for.
pub(super) struct Promised;

impl Context for Promised {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        let tree = Tree::after(past.back(1)).number;
        hash(15, past.promised | u64::from(tree) << 16)
    }
}
