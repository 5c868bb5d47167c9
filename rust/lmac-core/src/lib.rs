//! Lossless compression by language models, exact ones above all.
//!
//! From the outside in: [`codec`] makes frames of blocks (headers in [`frame`]), [`stream`] a piece
//! at a time, [`records`] of many records at once; [`frame_reader`] finds the blocks of a frame,
//! [`block`] codes a block's symbols in [`lanes`], bytes or the tokens of a [`vocabulary`];
//! [`frequency`] makes slots of a [`predictor`]'s logits, [`adaptive`] makes bits and better
//! probabilities of them, [`range_coder`] makes bytes. [`progress`] tells how far all that is.
//!
//! ```
//! use lmac_core::codec::{Settings, compress, decompress};
//! use lmac_core::model_id::ModelId;
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

pub mod adaptive;
pub mod architecture;
mod batch;
pub mod block;
mod bytes;
pub mod codec;
pub mod context;
pub mod error;
pub mod executor;
mod fingerprint;
pub mod frame;
pub mod frame_reader;
pub mod frequency;
pub mod lanes;
pub mod logits;
mod memory;
pub mod model;
pub mod model_id;
mod onnx;
pub mod onnx_summary;
mod pool;
pub mod predictor;
pub mod progress;
pub mod range_coder;
pub mod records;
mod scorer;
pub mod stream;
mod tokens;
pub mod vocabulary;
