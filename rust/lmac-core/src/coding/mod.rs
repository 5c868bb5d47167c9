//! The symbols of a block: [`block`] codes them, bytes or the tokens of a [`vocabulary`]; [`frequency`]
//! makes slots of a predictor's logits, [`adaptive`] makes bits and better probabilities of them,
//! [`range_coder`] makes bytes.

pub mod adaptive;
pub(crate) mod batch;
pub mod block;
mod bytes;
pub mod frequency;
mod noise;
pub mod range_coder;
mod scorer;
mod tokens;
pub mod vocabulary;
