//! Exact models (docs/exact-transformer.md) and what runs them: a [`model`] is read from an ONNX file,
//! is of an [`architecture`], hashes its [`context`], and the [`executor`] computes its logits.

pub mod architecture;
pub mod context;
pub mod executor;
pub mod model;
pub mod model_id;
mod onnx;
pub mod onnx_summary;
mod span;
mod weights;
