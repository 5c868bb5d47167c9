//! `Limits`: how much content and memory a caller allows, and what a block takes.
//!
//! What a block takes follows from its header, before anything is allocated. Blocks that are coded at the same time share
//! what is allowed: if it is not enough for as many as there are threads, they are fewer.

use crate::coding::adaptive::Mixture;
use crate::error::{Error, Result};
use crate::format::frame::{Coding, Mode, Payload};
use crate::format::frame_reader::Block;
use crate::format::lanes::Lanes;
use crate::predictor::Predictor;

/// The most blocks that are coded at the same time.
const MAX_BLOCKS_AT_ONCE: usize = 16;

/// What they may take together if the caller says nothing: enough for as many honest ones in lmac's own lengths. One block
/// alone may take more.
const MEMORY_AT_ONCE: u64 = 2 << 30;

/// Besides the mixture, tokens take the chances of their ends.
const ENDINGS_BYTES: usize = 24 << 20;

/// What a caller allows; `None` for any amount.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest content, in bytes.
    pub max_output: Option<u64>,
    /// The most memory for the blocks that are worked on, in bytes, beside what is handed in and out.
    pub max_memory: Option<u64>,
}

impl From<Option<u64>> for Limits {
    /// Limits the content alone.
    fn from(max_output: Option<u64>) -> Self {
        Self {
            max_output,
            max_memory: None,
        }
    }
}

/// How many blocks a predictor can code at the same time, if memory allows it.
pub(crate) fn most_at_once(predictor: &dyn Predictor) -> usize {
    predictor.threads().min(MAX_BLOCKS_AT_ONCE)
}

/// How many parts of the work, each of which takes `needed` bytes, can be under way.
///
/// # Errors
///
/// `MemoryLimit` if not even one can.
pub fn at_once(most: usize, needed: u64, max_memory: Option<u64>) -> Result<usize> {
    match max_memory {
        Some(limit) if needed > limit => Err(Error::MemoryLimit { needed, limit }),
        _ => {
            let budget = max_memory.unwrap_or(MEMORY_AT_ONCE);
            let affordable = usize::try_from(budget / needed.max(1)).unwrap_or(usize::MAX);
            Ok(affordable.clamp(1, most.max(1)))
        }
    }
}

/// What a block takes while it is coded with the network, or without it, if `lanes` is that of all its content: an upper bound.
pub(crate) fn block_bytes(lanes: Lanes, mode: Mode, predictor: &dyn Predictor) -> u64 {
    let content_len = lanes.content_len();
    let has_tokens = predictor.vocabulary().is_some();
    let mixture = match mode {
        Mode::Static => 0,
        Mode::Adaptive => Mixture::bytes(lanes) + usize::from(has_tokens) * ENDINGS_BYTES,
    };
    let logits = lanes.count() * predictor.alphabet_size() * size_of::<i16>();
    let contexts = predictor.context_bytes(lanes.count(), lanes.steps());
    let parts = [2 * content_len, mixture, logits, contexts]; // with the payload, which is shorter than the content
    let add = |sum: u64, &bytes: &usize| sum.saturating_add(bytes as u64);
    parts.iter().fold(0, add)
}

/// What a block takes while it is restored, in bytes: an upper bound.
#[must_use]
pub fn restoring_bytes(block: &Block, predictor: &dyn Predictor) -> u64 {
    let (len, frame) = (block.content_len(), block.frame());
    match block.header().payload {
        Payload::Stored => len as u64,
        Payload::Coded { coding, .. } => match coding {
            Coding::OrderZero => 2 * len as u64,
            Coding::Mixture => block_bytes(Lanes::single(len), frame.mode, predictor),
            Coding::Network => block_bytes(frame.lanes(len), frame.mode, predictor),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_share_what_is_allowed() {
        assert_eq!(at_once(16, 100, Some(1000)), Ok(10));
        assert_eq!(at_once(4, 100, Some(1000)), Ok(4));
        assert_eq!(at_once(16, 1 << 40, None), Ok(1));
        let refused = Error::MemoryLimit {
            needed: 1001,
            limit: 1000,
        };
        assert_eq!(at_once(16, 1001, Some(1000)), Err(refused));
    }
}
