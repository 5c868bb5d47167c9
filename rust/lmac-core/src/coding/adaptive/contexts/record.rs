//! What stands above, in the record before, for tables of records of one length.

use super::Context;
use crate::coding::adaptive::past::{Past, hash};

/// The symbol one record before the next one, and the last symbol.
pub(super) struct Record {
    lanes: Vec<State>,
}

#[derive(Clone)]
struct State {
    /// Where each symbol was last, plus 1.
    last: [u32; 256],
    /// The distance that a symbol had from its last occurrence, most recently.
    distance: u32,
    /// How often in a row that distance was seen.
    seen: u32,
    /// The length of a record, as far as it is known.
    len: u32,
}

impl Record {
    pub(super) fn new(lanes: usize) -> Self {
        let state = State {
            last: [0; 256],
            distance: 0,
            seen: 0,
            len: 4,
        };
        Self {
            lanes: vec![state; lanes],
        }
    }
}

impl Context for Record {
    fn hash(&mut self, past: &Past<'_>) -> u32 {
        let len = self.lanes[past.lane].len;
        let above = past.back(len as usize);
        hash(
            13,
            u64::from(above) << 8 | past.last(1) | u64::from(len) << 16,
        )
    }

    fn learn(&mut self, past: &Past<'_>, symbol: u8) {
        let state = &mut self.lanes[past.lane];
        let last = &mut state.last[usize::from(symbol)];
        let next = past.position as u32 + 1;
        let distance = if *last == 0 { 0 } else { next - *last };
        *last = next;
        if distance > 2 && distance == state.distance {
            state.seen += 1;
            if state.seen > 3 {
                state.len = distance;
            }
        } else if distance > 2 {
            state.distance = distance;
            state.seen = 0;
        }
    }
}
