//! Lossless compression by language models, exact ones above all.
//!
//! From the outside in: [`codec`] makes frames of blocks, [`stream`] a piece at a time, [`records`] of
//! many records at once, on a pool of threads. The bytes of a frame are in [`format`], the symbols of a
//! block in [`coding`]; what predicts them is a [`predictor`], for example an exact one of [`models`].
//! [`progress`] tells how far all that is.
//!
//! ```
//! use lmac_core::codec::{Settings, compress, decompress};
//! use lmac_core::models::model_id::ModelId;
//! use lmac_core::predictor::Predictor;
//!
//! /// Expects each byte to be the one before it, with a probability of about 94 %.
//! struct Repetition;
//!
//! impl Predictor for Repetition {
//!     fn alphabet_size(&self) -> usize {
//!         256
//!     }
//!     fn model_id(&self) -> ModelId {
//!         ModelId([1; 32])
//!     }
//!     fn start(&mut self, _lanes: usize) -> lmac_core::error::Result<()> {
//!         Ok(())
//!     }
//!     fn advance(
//!         &mut self,
//!         symbols: &[u32],
//!         _steps: usize,
//!         logits: &mut [i16],
//!     ) -> lmac_core::error::Result<()> {
//!         for (&symbol, logits) in symbols.iter().zip(logits.chunks_exact_mut(256)) {
//!             logits.fill(0);
//!             if let Some(logit) = logits.get_mut(symbol as usize) {
//!                 *logit = 16 * 12; // 2^12 times as likely as any other
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let data = [b'x'; 1000];
//! let frame = compress(&data, &mut Repetition, &Settings::default(), &mut |_| true)?;
//! assert!(frame.len() < 40);
//! assert_eq!(decompress(&frame, &mut Repetition, None, &mut |_| true)?, data);
//! # Ok::<(), lmac_core::error::Error>(())
//! ```

pub mod codec;
pub mod coding;
pub mod cpu;
pub mod error;
pub mod format;
pub mod limits;
pub mod logits;
mod memory;
pub mod models;
mod pool;
pub mod predictor;
pub mod progress;
pub mod records;
pub mod stream;
