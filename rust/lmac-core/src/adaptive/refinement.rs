//! Refinement: corrects a probability by what came true of such probabilities before, under a
//! context (secondary symbol estimation; an adaptive probability map in PAQ).
//!
//! Format: docs/adaptive.md, "Refinement".

use super::logistic::{STRETCH_LIMIT, squash};
use crate::prefetch::prefetch;

/// A context's curve has this many points, `SPACING` apart; two curves fill a cache line.
const POINTS: usize = 16;
const SPACING: i32 = 820;

/// How far the two points next to a probability move towards the bit, in 2^-16.
const RATE: i32 = 650;

/// One curve for every context.
pub(super) struct Refinement {
    /// Probability minus the identity's: zeros are curves that correct nothing.
    points: Vec<i16>,
    /// The points used last: this one and the next.
    used: usize,
}

/// The probability at each point of the identity.
static IDENTITY: [i32; POINTS] = {
    let mut points = [0; POINTS];
    let mut point = 0;
    while point < POINTS {
        points[point] = squash(SPACING * point as i32 - STRETCH_LIMIT) as i32;
        point += 1;
    }
    points
};

impl Refinement {
    /// Makes curves for contexts in `0 .. contexts`.
    pub(super) fn new(contexts: usize) -> Self {
        Self {
            points: vec![0; contexts * POINTS],
            used: 0,
        }
    }

    /// How many curves there are.
    #[inline(always)]
    pub(super) fn curves(&self) -> usize {
        self.points.len() / POINTS
    }

    /// Gets the curves of two neighbours, `context` (even) and the next, ready for use.
    #[inline(always)]
    pub(super) fn prefetch(&self, context: usize) {
        prefetch(&self.points, context * POINTS);
    }

    /// The corrected probability, in `1 ..= 65_535`.
    #[inline(always)]
    pub(super) fn refine(&mut self, context: usize, stretched: i32) -> u32 {
        let distance = stretched + STRETCH_LIMIT;
        let point = (distance / SPACING) as usize;
        self.used = context * POINTS + point;
        let [low, high] = [0, 1].map(|next| self.value(self.used + next));
        let probability = low + (high - low) * (distance % SPACING) / SPACING;
        probability.clamp(1, 65_535) as u32
    }

    /// Moves the two points used last towards the bit.
    #[inline(always)]
    pub(super) fn update(&mut self, bit: u32) {
        let target = (bit * 65_535) as i32;
        for index in [self.used, self.used + 1] {
            let value = self.value(index);
            let moved = value + (((target - value) * RATE) >> 16);
            let correction = moved - IDENTITY[index % POINTS];
            self.points[index] = correction.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        }
    }

    #[inline(always)]
    fn value(&self, index: usize) -> i32 {
        IDENTITY[index % POINTS] + i32::from(self.points[index])
    }
}
