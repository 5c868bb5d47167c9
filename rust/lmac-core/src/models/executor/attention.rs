//! The fixed parts of attention: the score biases and the table of powers of two
//! (docs/exact-transformer.md, section 6), laid out for the kernels.

use super::ring::{PANEL, Ring, Span};

/// The score of a position that is not seen: below every other by more than any score's range,
/// and far enough from `i32::MIN` for sums and differences.
pub(crate) const UNSEEN: i32 = i32::MIN / 2;

/// Heads that a kernel works on together, because they share their keys and values.
pub(crate) const HEADS: usize = 4;

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

/// What one position's attention reads.
#[derive(Clone, Copy)]
pub(crate) struct Attention<'a> {
    pub ring: &'a Ring,
    pub span: &'a Span,
    pub biases: &'a Biases,
    pub exp2_table: &'a Exp2Table,
    pub score_shift: u32,
    pub head_dim: usize,
}

impl Attention<'_> {
    /// What the sum of a query's products with a key, to which an offset has been added, begins
    /// with, so that it ends as the score before the shift, rounding included.
    pub fn first_sum(&self, query: &[i8], key_offset: u8) -> i32 {
        let sum: i32 = query.iter().map(|&x| i32::from(x)).sum();
        ((1 << self.score_shift) >> 1) - i32::from(key_offset) * sum
    }
}

/// Room for the scores and weights of a group of heads.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Entries of one head: a multiple of 64.
    pub stride: usize,
    /// `(HEADS, stride)`.
    pub scores: Vec<i32>,
    /// `(HEADS, stride)`: `exp2_table` of the scores.
    pub weights: Vec<u8>,
}

impl Scratch {
    pub fn new(window: usize) -> Self {
        let stride = Span::max_len(window).next_multiple_of(64);
        Self {
            stride,
            scores: vec![0; HEADS * stride],
            weights: vec![0; HEADS * stride],
        }
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
