//! `Predictor`: the one interface between models and the codec (DESIGN: predictors and executors).
//!
//! A predictor holds the contexts of several *lanes* that advance in lock-step. Teacher-forced
//! scoring (encoding: many steps a call) and stepping (decoding: one step a call) are the same
//! method, so that nothing but the number of steps can differ between the two sides.

use crate::error::Result;
use crate::model_id::ModelId;

/// Logits are integers in units of 1/16 bit: `2^(logit / 16)` is proportional to the probability.
pub const LOGIT_FRACTION_BITS: u32 = 4;

/// Predicts the next symbol of every lane, exactly: the same symbols give the same logits however
/// they are divided into calls, lanes and threads.
pub trait Predictor: Send {
    /// Number of symbols; symbols are `0..alphabet_size`.
    fn alphabet_size(&self) -> usize;

    /// The content id of the model behind the predictions.
    fn model_id(&self) -> ModelId;

    /// Begins `lanes` empty contexts, forgetting all earlier ones.
    fn start(&mut self, lanes: usize) -> Result<()>;

    /// Appends `steps` symbols to every lane and predicts what follows each of them.
    ///
    /// `symbols` is `(lanes, steps)`; the first symbol of every context is `alphabet_size`, which
    /// means "beginning of context". `logits` is `(lanes, steps, alphabet_size)`: after each
    /// appended symbol, the logits of the next one, in units of 1/16 bit.
    fn advance(&mut self, symbols: &[u16], steps: usize, logits: &mut [i16]) -> Result<()>;
}
