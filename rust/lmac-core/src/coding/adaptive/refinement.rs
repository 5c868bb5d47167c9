//! Refinement: corrects a probability by what came true of such probabilities before, under a
//! context (secondary symbol estimation; an adaptive probability map in PAQ).
//!
//! Format: docs/adaptive.md, "Refinement".

use super::logistic::{STRETCH_LIMIT, squash};
use super::past::rehash;
use super::tree::Node;
use crate::error::Result;
use crate::memory::{filled, prefetch};

/// The points of a curve are one nat apart.
const SPACING_BITS: u32 = 9;

/// Not all are used: so many fill a cache line.
const POINTS: usize = 32;
const _: () = assert!(((2 * STRETCH_LIMIT) >> SPACING_BITS) as usize + 1 < POINTS);

/// How far the two points next to a probability move towards the bit, in 2^-16.
const RATE: i32 = 1600;

const MIN_CURVES: usize = 1 << 8;
const MAX_CURVES: usize = 1 << 14;

/// What probabilities become, at points in the logistic domain.
#[derive(Clone)]
#[repr(align(64))]
struct Curve([u16; POINTS]);

/// Before anything is learned: a little nearer to one half than the probability itself, since whoever knows
/// little is rather too sure.
const FIRST: Curve = {
    let mut points = [0; POINTS];
    let mut point = 0;
    while point < POINTS {
        let stretched = ((point as i32) << SPACING_BITS) - STRETCH_LIMIT;
        points[point] = squash(stretched - (stretched >> 5)) as u16;
        point += 1;
    }
    Curve(points)
};

fn curves(content_len: usize) -> usize {
    let curves = (content_len * 8).next_power_of_two();
    curves.clamp(MIN_CURVES, MAX_CURVES)
}

/// A curve for every context.
pub(super) struct Refinement {
    curves: Vec<Curve>,
    /// The hash of what the symbol comes after.
    context: u32,
    /// Where the curves of the next node and its sibling begin.
    pair: usize,
    /// The curve of the node at hand, and the first of the two points that it was asked for.
    curve: usize,
    point: usize,
}

impl Refinement {
    /// Has up to eight curves for each symbol of the content.
    pub(super) fn new(content_len: usize) -> Result<Self> {
        Ok(Self {
            curves: filled(FIRST, curves(content_len))?,
            context: 0,
            pair: 0,
            curve: 0,
            point: 0,
        })
    }

    /// The memory of all curves.
    pub(super) fn bytes(content_len: usize) -> usize {
        curves(content_len) * size_of::<Curve>()
    }

    /// Before a symbol, with the hash of what it comes after.
    #[inline(always)]
    pub(super) fn begin_symbol(&mut self, context: u32) {
        self.context = context;
        self.expect(0);
    }

    /// Selects the curve of a node, and gets those of its children ready for use.
    #[inline(always)]
    pub(super) fn select(&mut self, node: Node) {
        self.curve = self.pair + node.bit as usize;
        self.expect(node.question);
    }

    /// The next node is a child of the one that asks `question`.
    #[inline(always)]
    fn expect(&mut self, question: u32) {
        let hash = rehash(self.context, question);
        self.pair = (hash >> 7) as usize & (self.curves.len() - 2);
        prefetch(&self.curves, self.pair);
        prefetch(&self.curves, self.pair + 1);
    }

    /// The corrected probability, in `1 ..= 65_535`.
    #[inline(always)]
    pub(super) fn refine(&mut self, stretched: i16) -> u32 {
        let distance = (i32::from(stretched) + STRETCH_LIMIT) as usize;
        self.point = distance >> SPACING_BITS;
        let rest = distance as i32 & ((1 << SPACING_BITS) - 1);
        let [low, high] = self.points_used().map(|point| i32::from(*point));
        let probability = low + (((high - low) * rest) >> SPACING_BITS);
        probability.max(1) as u32
    }

    /// Moves the two points used last towards the bit.
    #[inline(always)]
    pub(super) fn update(&mut self, bit: u32) {
        let target = (bit * 65_535) as i32;
        for point in self.points_used() {
            let value = i32::from(*point);
            *point = (value + (((target - value) * RATE) >> 16)) as u16;
        }
    }

    #[inline(always)]
    fn points_used(&mut self) -> [&mut u16; 2] {
        let points = &mut self.curves[self.curve].0;
        let (low, high) = points[self.point % (POINTS - 1)..].split_at_mut(1);
        [&mut low[0], &mut high[0]]
    }
}
