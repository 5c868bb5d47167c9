//! The word so far, without regard to case, and the words before it.

use super::Context;
use crate::coding::adaptive::past::{Past, hash};

/// The last one or two words, the unfinished one included.
pub(super) struct Word {
    words: usize,
    lanes: Vec<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// The letters since the last symbol that is none.
    current: u32,
    /// The word before.
    previous: u32,
}

impl Word {
    pub(super) fn new(lanes: usize, words: usize) -> Self {
        Self {
            words,
            lanes: vec![State::default(); lanes],
        }
    }
}

impl Context for Word {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        let State { current, previous } = self.lanes[past.lane];
        let context = u64::from(current) << 8 | past.last(1);
        match self.words {
            1 => hash(10, context),
            _ => hash(11, context ^ u64::from(previous) << 32),
        }
    }

    fn learn(&mut self, past: &Past<'_>, symbol: u8) {
        let state = &mut self.lanes[past.lane];
        if symbol.is_ascii_alphanumeric() || symbol >= 128 {
            let letter = u32::from(symbol.to_ascii_lowercase());
            let sum = state.current.wrapping_add(letter + 1);
            state.current = sum.wrapping_mul(0x2F0B_4C47);
        } else if state.current != 0 {
            state.previous = state.current;
            state.current = 0;
        }
    }
}
