//! `Predictor`: the one interface between models and the codec (DESIGN: predictors and executors).
//!
//! A predictor holds the contexts of several *lanes* that advance in lock-step. Teacher-forced
//! scoring (encoding: many steps a call) and stepping (decoding: one step a call) are the same
//! method, so that nothing but the number of steps can differ between the two sides.

use std::sync::Arc;

use crate::coding::vocabulary::Vocabulary;
use crate::error::{Error, Result};
use crate::models::model_id::ModelId;

/// Logits are integers in units of 1/16 bit: `2^(logit / 16)` is proportional to the probability.
pub const LOGIT_FRACTION_BITS: u32 = 4;

/// Predicts the next symbol of every lane.
///
/// An *exact* predictor (one without a fingerprint) gives the same logits for the same symbols however they are
/// divided into calls, lanes and threads. A predictor in floating point gives them only to the very same calls: the
/// encoder must then ask as the decoder will, one step a call of as many lanes.
pub trait Predictor: Send {
    /// Number of symbols; symbols are `0..alphabet_size`.
    fn alphabet_size(&self) -> usize;

    /// What its symbols spell; `None`: they are bytes.
    fn vocabulary(&self) -> Option<Arc<Vocabulary>> {
        None
    }

    /// Divides content into the tokens whose strings it is, given by number (`Vocabulary::symbol_of`).
    fn tokenize(&mut self, _content: &[u8]) -> Result<Vec<u32>> {
        let reason = "a predictor with a vocabulary must be able to tokenize";
        Err(Error::Predictor(reason.into()))
    }

    /// What must be the same at the decoder for a predictor in floating point to give the same
    /// logits, as `key=value` parts with `; ` between them; `None`: the predictor is exact.
    fn fingerprint(&self) -> Option<&str> {
        None
    }

    /// Whether it is willing to decode what was written under `fingerprint`.
    fn accepts(&self, fingerprint: Option<&str>) -> bool {
        self.fingerprint() == fingerprint
    }

    /// How many threads it works on, if it can be divided among them; else 1.
    fn threads(&self) -> usize {
        1
    }

    /// Predictors of the same model, which can work at the same time on parts that have nothing to do with each other, and share
    /// as many threads as this one has. `count` is at most `threads`.
    ///
    /// # Errors
    ///
    /// `Predictor` if they cannot be had.
    fn divide(&self, _count: usize) -> Result<Vec<Box<dyn Predictor>>> {
        Ok(Vec::new())
    }

    /// The content id of the model behind the predictions.
    fn model_id(&self) -> ModelId;

    /// How much memory the contexts of so many lanes take after so many steps, in bytes, as far as it knows.
    fn context_bytes(&self, _lanes: usize, _steps: usize) -> usize {
        0
    }

    /// Begins `lanes` empty contexts, forgetting all earlier ones.
    fn start(&mut self, lanes: usize) -> Result<()>;

    /// Appends `steps` symbols to every lane and predicts what follows each of them.
    ///
    /// `symbols` is `(lanes, steps)`; the first symbol of every context is `alphabet_size`, which
    /// means "beginning of context". `logits` is `(lanes, steps, alphabet_size)`: after each
    /// appended symbol, the logits of the next one, in units of 1/16 bit.
    fn advance(&mut self, symbols: &[u32], steps: usize, logits: &mut [i16]) -> Result<()>;
}
