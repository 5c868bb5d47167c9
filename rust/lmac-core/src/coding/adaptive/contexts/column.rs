//! What stands above, in the line before, for text in lines.

use super::Context;
use crate::coding::adaptive::past::{Past, hash};

/// The symbol above the next one, and the last symbol.
pub(super) struct Column {
    lanes: Vec<Lines>,
}

#[derive(Clone, Copy, Default)]
struct Lines {
    /// Where the line begins.
    current: usize,
    /// Where the line before begins.
    previous: usize,
}

impl Column {
    pub(super) fn new(lanes: usize) -> Self {
        Self {
            lanes: vec![Lines::default(); lanes],
        }
    }
}

impl Context for Column {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        let Lines { current, previous } = self.lanes[past.lane];
        let column = past.position - current.max(past.start);
        let above = previous.max(past.start) + column;
        let above = if above < current {
            past.content[above]
        } else {
            b'\n'
        };
        hash(
            12,
            u64::from(above) << 8 | past.last(1) | (column.min(255) as u64) << 16,
        )
    }

    fn learn(&mut self, past: &Past<'_>, symbol: u8) {
        if symbol == b'\n' {
            let lines = &mut self.lanes[past.lane];
            lines.previous = lines.current;
            lines.current = past.position + 1;
        }
    }
}
