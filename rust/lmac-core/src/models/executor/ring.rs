//! `Ring`: the keys and values of one lane in one layer, as far as the window reaches back.
//!
//! Position `p` lies in slot `p mod slots`. Slots are grouped by sixteen into *panels* so that a
//! kernel works on sixteen positions (or four quads of them) at once:
//!
//! - a panel of keys is `[quad of dimensions][position][4]`: four products of sixteen scores;
//! - a panel of values is `[quad of positions][dimension][4]`: four products of every dimension.
//!
//! Four products of an unsigned and a signed byte are what vector units add up in one instruction.
//! Weights are unsigned and meet signed values; queries are signed and meet keys offset by 128
//! ([`KEY_OFFSET`]), whose surplus, 128 times the sum of the query, is known beforehand.
//!
//! A [`Span`] says which panels a position sees. Its first and last panel also hold positions that
//! it does not see (too old, still to come, or left from an earlier context): their weight is made
//! zero, so their contents do not matter and a ring need not be cleared.

use crate::error::Result;
use crate::memory;
use crate::models::span::{PANEL, Span};

/// Dimensions of a key, or positions of a value, that lie together.
pub(crate) const QUAD: usize = 4;
/// What is added to a key to make it an unsigned byte.
pub(crate) const KEY_OFFSET: u8 = 128;

/// The keys and values of one lane in one layer.
///
/// It grows with the context, whole panels at a time, until it has all its slots: a lane takes no more memory than what
/// it has seen. Before that nothing is overwritten, and a position's slot is the position.
#[derive(Debug)]
pub(crate) struct Ring {
    head_dim: usize,
    /// A multiple of `PANEL`, up to `max_slots`.
    slots: usize,
    max_slots: usize,
    keys: Vec<u8>,
    values: Vec<i8>,
}

impl Ring {
    /// Number of slots that keep a window while `steps` positions are appended at once.
    pub fn slots(window: usize, steps: usize) -> usize {
        (window + steps - 1).next_multiple_of(PANEL)
    }

    /// Creates a ring that may have so many slots, a multiple of `PANEL`, and has none yet.
    pub fn new(max_slots: usize, head_dim: usize) -> Self {
        Self {
            head_dim,
            slots: 0,
            max_slots,
            keys: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Makes room for a context of so many positions; none is stored before.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn reserve(&mut self, positions: usize) -> Result<()> {
        let needed = Self::slots_in_use(self.max_slots, positions);
        if needed > self.slots {
            let slots = needed.max(2 * self.slots).min(self.max_slots);
            let len = slots * self.head_dim;
            let more = len - self.keys.len();
            memory::reserve(&mut self.keys, more)?;
            memory::reserve(&mut self.values, more)?;
            self.keys.resize(len, 0);
            self.values.resize(len, 0);
            self.slots = slots;
        }
        Ok(())
    }

    /// How many of the slots a context of so many positions needs.
    pub fn slots_in_use(max_slots: usize, positions: usize) -> usize {
        positions.min(max_slots).next_multiple_of(PANEL)
    }

    /// Stores the key and the value of a position.
    pub fn write(&mut self, position: usize, key: &[i8], value: &[i8]) {
        let slot = position % self.slots;
        let (panel, within) = (slot / PANEL * PANEL * self.head_dim, slot % PANEL);
        let keys = &mut self.keys[panel..][..PANEL * self.head_dim];
        let (quads, _) = key.as_chunks::<QUAD>();
        for (quads, quad) in keys.chunks_exact_mut(QUAD * PANEL).zip(quads) {
            let offset = quad.map(|key| key as u8 ^ KEY_OFFSET);
            quads[QUAD * within..][..QUAD].copy_from_slice(&offset);
        }
        let quad_len = QUAD * self.head_dim;
        let values = &mut self.values[panel + within / QUAD * quad_len..][..quad_len];
        for (quad, &value) in values.chunks_exact_mut(QUAD).zip(value) {
            quad[within % QUAD] = value;
        }
    }

    /// The panels of a span in order: keys and values, `16 * head_dim` entries each.
    pub fn panels(&self, span: &Span) -> impl Iterator<Item = (&[u8], &[i8])> {
        let panel_len = PANEL * self.head_dim;
        let panels = self.slots / PANEL;
        let first = span.first_panel % panels;
        (first..first + span.panels).map(move |panel| {
            // A span is never longer than the ring: one wrap is enough.
            let panel = if panel < panels {
                panel
            } else {
                panel - panels
            };
            let range = panel * panel_len..(panel + 1) * panel_len;
            (&self.keys[range.clone()], &self.values[range])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_covers_the_window_and_nothing_more_is_seen() {
        for window in [1, 2, 15, 16, 17, 33, 512] {
            for position in 0..1200 {
                let span = Span::new(position, window);
                let first = span.first_panel * PANEL;
                assert_eq!(span.seen.end + first, position + 1);
                assert_eq!(span.seen.len(), window.min(position + 1));
                assert!(span.seen.start < PANEL && span.seen.end <= span.panels * PANEL);
                assert!(span.panels * PANEL <= Span::max_len(window));
                assert!(span.panels * PANEL <= Ring::slots(window, 64));
            }
        }
    }

    #[test]
    fn what_is_written_is_read_in_order_after_a_wrap() {
        let mut ring = Ring::new(48, 16);
        for position in 0..200_usize {
            ring.reserve(position + 1).unwrap();
            assert_eq!(ring.slots, (position + 1).next_multiple_of(16).min(48));
            let key: Vec<i8> = (0..16).map(|i| (position as i8).wrapping_add(i)).collect();
            let value: Vec<i8> = key.iter().map(|&x| !x).collect();
            ring.write(position, &key, &value);
        }
        let span = Span::new(199, 33);
        let panels: Vec<_> = ring.panels(&span).collect();
        for seen in span.seen.clone() {
            let position = span.first_panel * PANEL + seen;
            let (keys, values) = panels[seen / PANEL];
            for n in 0..16 {
                let expected = (position as i8).wrapping_add(n as i8);
                let key = keys[n / 4 * 64 + seen % PANEL * 4 + n % 4];
                assert_eq!(i32::from(key) - 128, i32::from(expected));
                assert_eq!(values[seen % PANEL / 4 * 64 + n * 4 + seen % 4], !expected);
            }
        }
    }
}
