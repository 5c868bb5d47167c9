//! What kinds of symbols came last: where numbers and names change, how they are written does not.

use super::Context;
use crate::adaptive::past::{Past, hash};

/// The shapes of the last eight symbols.
pub(super) struct Shape;

impl Context for Shape {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        let shapes = past.recent.to_be_bytes().map(shape_of);
        hash(9, u64::from_be_bytes(shapes))
    }
}

/// The same for all digits, for all capital letters, and for all other letters.
#[inline(always)]
fn shape_of(symbol: u8) -> u8 {
    match symbol {
        b'0'..=b'9' => b'0',
        b'A'..=b'Z' => b'A',
        b'a'..=b'z' | 128.. => b'a',
        other => other,
    }
}
