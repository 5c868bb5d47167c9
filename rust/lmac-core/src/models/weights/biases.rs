//! The fixed parts of attention: the score biases and the table of powers of two
//! (docs/exact-transformer.md, section 6), laid out for the kernels.

use crate::models::span::{PANEL, Span};

/// The score of a position that is not seen: below every other by more than any score's range,
/// and far enough from `i32::MIN` for sums and differences.
pub(crate) const UNSEEN: i32 = i32::MIN / 2;

/// The score biases of a layer, in ascending order of position.
#[derive(Debug)]
pub(crate) struct Biases {
    window: usize,
    /// Length of one head's biases.
    stride: usize,
    /// `(heads, stride)`: [`UNSEEN`] where the distance is negative or reaches the window.
    values: Vec<i32>,
}

impl Biases {
    /// Lays out `by_distance` `(heads, window)`.
    pub fn new(by_distance: &[i16], window: usize) -> Self {
        let margin = PANEL - 1;
        let stride = window + 2 * margin;
        let mut values = vec![UNSEEN; by_distance.len() / window * stride];
        for (row, head) in by_distance
            .chunks_exact(window)
            .zip(values.chunks_exact_mut(stride))
        {
            let ascending = row.iter().rev().map(|&bias| i32::from(bias));
            head[margin..]
                .iter_mut()
                .zip(ascending)
                .for_each(|(value, bias)| *value = bias);
        }
        Self {
            window,
            stride,
            values,
        }
    }

    /// The biases of one head for the entries of a span, one for each entry.
    pub fn of_span(&self, head: usize, span: &Span) -> &[i32] {
        let newest = self.window + PANEL - 2;
        let first = head * self.stride + newest - (span.seen.end - 1);
        &self.values[first..first + span.panels * PANEL]
    }
}

/// `exp2_table` and how much of it is in use.
#[derive(Debug)]
pub(crate) struct Exp2Table {
    pub entries: [u8; 256],
    /// All entries from `16 * used` on are 0.
    pub used: usize,
}

impl Exp2Table {
    pub fn new(entries: [u8; 256]) -> Self {
        let used = entries
            .iter()
            .rposition(|&entry| entry != 0)
            .map_or(0, |last| last / 16 + 1);
        Self { entries, used }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn biases_follow_the_distance() {
        for window in [1, 7, 16, 40] {
            let by_distance: Vec<i16> = (0..2 * window as i16).collect();
            let biases = Biases::new(&by_distance, window);
            for position in 0..100 {
                let span = Span::new(position, window);
                for (entry, &bias) in biases.of_span(1, &span).iter().enumerate() {
                    let distance = position as i64 - (span.first_panel * PANEL + entry) as i64;
                    let seen = (0..window as i64).contains(&distance);
                    let expected = if seen {
                        window as i32 + distance as i32
                    } else {
                        UNSEEN
                    };
                    assert_eq!(bias, expected, "window {window} position {position}");
                }
            }
        }
    }

    #[test]
    fn the_used_part_of_a_table_ends_after_its_last_nonzero_entry() {
        let mut entries = [0; 256];
        assert_eq!(Exp2Table::new(entries).used, 0);
        entries[16] = 1;
        assert_eq!(Exp2Table::new(entries).used, 2);
        entries[255] = 1;
        assert_eq!(Exp2Table::new(entries).used, 16);
    }
}
