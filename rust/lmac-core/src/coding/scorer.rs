//! `Scorer`: asks a predictor about some steps of all lanes in one call, and keeps its answers.

use crate::error::Result;
use crate::memory::reserve;
use crate::predictor::Predictor;

/// A predictor that has begun with some lanes, and what it last said.
pub(crate) struct Scorer<'a> {
    predictor: &'a mut dyn Predictor,
    lanes: usize,
    alphabet_size: usize,
    /// How many steps the last call had.
    steps: usize,
    numbers: Vec<u32>, // (lanes, steps)
    logits: Vec<i16>,  // (lanes, steps, alphabet_size)
}

impl<'a> Scorer<'a> {
    /// Begins `lanes` contexts.
    pub fn start(lanes: usize, predictor: &'a mut dyn Predictor) -> Result<Self> {
        predictor.start(lanes)?;
        Ok(Self {
            alphabet_size: predictor.alphabet_size(),
            predictor,
            lanes,
            steps: 0,
            numbers: Vec::new(),
            logits: Vec::new(),
        })
    }

    /// Computes the logits of the next `steps` steps; `before(lane, step)` is what the lane receives at
    /// each of them, counted from 0 in this call: the number one step before, `None` at the beginning.
    pub fn score(
        &mut self,
        steps: usize,
        before: impl Fn(usize, usize) -> Option<u32>,
    ) -> Result<()> {
        self.steps = steps;
        self.numbers.clear();
        let begin = self.alphabet_size as u32;
        for lane in 0..self.lanes {
            let numbers = (0..steps).map(|step| before(lane, step));
            self.numbers
                .extend(numbers.map(|number| number.unwrap_or(begin)));
        }
        let len = self.numbers.len() * self.alphabet_size;
        let more = len.saturating_sub(self.logits.len());
        reserve(&mut self.logits, more)?;
        self.logits.resize(len, 0);
        self.predictor
            .advance(&self.numbers, steps, &mut self.logits)
    }

    /// The logits of a lane's next symbol at a step of the last call.
    pub fn logits(&self, lane: usize, step: usize) -> &[i16] {
        let row = lane * self.steps + step;
        &self.logits[row * self.alphabet_size..][..self.alphabet_size]
    }
}

/// What the context of a lane of bytes receives at a step: the byte before, nothing at the first; zeros
/// behind the end of its content, about which nobody asks.
pub(crate) fn byte_before(content: &[u8], step: usize) -> Option<u32> {
    let before = content.get(step.checked_sub(1)?);
    Some(before.copied().unwrap_or(0).into())
}
