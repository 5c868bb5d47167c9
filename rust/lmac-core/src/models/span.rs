//! `Span`: which positions a position attends to, in *panels* of sixteen.
//!
//! Keys, values and score biases are laid out by such panels, so that a kernel works on sixteen positions at once.

use std::ops::Range;

/// Positions of one panel.
pub(crate) const PANEL: usize = 16;

/// The positions that one position attends to, as a run of panels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    /// Index of the first panel, counted from the beginning of the context.
    pub first_panel: usize,
    /// Number of panels.
    pub panels: usize,
    /// Which entries of the panels are seen.
    pub seen: Range<usize>,
}

impl Span {
    /// The span of `position`, which sees itself and the `window - 1` positions before it.
    pub fn new(position: usize, window: usize) -> Self {
        let oldest = position.saturating_sub(window - 1);
        let first_panel = oldest / PANEL;
        let first = first_panel * PANEL;
        Self {
            first_panel,
            panels: position / PANEL - first_panel + 1,
            seen: oldest - first..position - first + 1,
        }
    }

    /// The most entries a span of this window can have.
    pub fn max_len(window: usize) -> usize {
        (window + PANEL - 1).next_multiple_of(PANEL)
    }
}
