//! What kinds of symbols came last: where numbers and names change, how they are written does not.

use super::Context;
use crate::coding::adaptive::past::{Past, hash};

/// The shapes of the last six symbols.
pub(super) struct Shape;

impl Context for Shape {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        let symbols = past.last(6).to_be_bytes();
        let shapes = symbols.map(|symbol| SHAPES[usize::from(symbol)]);
        hash(9, u64::from_be_bytes(shapes))
    }
}

/// By symbol: the same for all digits, for all capital letters, and for all other letters.
static SHAPES: [u8; 256] = {
    let mut shapes = [0; 256];
    let mut symbol = 0;
    while symbol < shapes.len() {
        shapes[symbol] = match symbol as u8 {
            b'0'..=b'9' => b'0',
            b'A'..=b'Z' => b'A',
            b'a'..=b'z' | 128.. => b'a',
            other => other,
        };
        symbol += 1;
    }
    shapes
};
