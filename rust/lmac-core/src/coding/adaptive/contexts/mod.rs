//! The hashed contexts: each file says what a context looks at, `CONTEXTS` which ones there are.
//!
//! To add one: write what it looks at, as a `Context`, and give it a line in `NAMES` and in `all`, above
//! `promised`, which comes last (`PROMISED`).

mod column;
mod indirect;
mod order;
mod promised;
mod record;
mod shape;
mod word;

use super::past::Past;

/// Something in the past of a lane under which statistics are kept.
pub(super) trait Context: Send {
    /// What the context is before the lane's next symbol.
    fn hash(&mut self, past: &Past<'_>) -> u32;

    /// Learns the symbol that the lane had next; `past` is still the one before it.
    fn learn(&mut self, past: &Past<'_>, symbol: u8) {
        let _ = (past, symbol);
    }
}

/// Every context, by name in the order of `all`.
pub(super) const NAMES: [&str; 11] = [
    "order 1",
    "order 2",
    "order 3",
    "order 6",
    "word",
    "two words",
    "shape",
    "column",
    "record",
    "indirect",
    "promised",
];

/// How many contexts there are.
pub(super) const COUNT: usize = NAMES.len();

/// Those that select other things, too.
pub(super) const ORDER_1: usize = 0;
pub(super) const ORDER_2: usize = 1;
pub(super) const WORD: usize = 4;
pub(super) const SHAPE: usize = 6;

/// Which one needs the match. It is the last: while the match is looked for, the memory of all others comes.
pub(super) const PROMISED: usize = COUNT - 1;

/// Every context, before it has seen anything.
pub(super) fn all(lanes: usize) -> [Box<dyn Context>; COUNT] {
    [
        Box::new(order::Order(1)),
        Box::new(order::Order(2)),
        Box::new(order::Order(3)),
        Box::new(order::Order(6)),
        Box::new(word::Word::new(lanes, 1)),
        Box::new(word::Word::new(lanes, 2)),
        Box::new(shape::Shape),
        Box::new(column::Column::new(lanes)),
        Box::new(record::Record::new(lanes)),
        Box::new(indirect::Indirect::new()),
        Box::new(promised::Promised),
    ]
}
