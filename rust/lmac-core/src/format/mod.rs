//! The bytes of a frame (docs/format.md): headers as structs in [`frame`], from block to block with
//! [`frame_reader`] and [`frame_writer`], the [`place`] of a block and its check, how a block is divided into [`lanes`].
//!
//! What a payload means, the format does not know: that is the matter of `coding`.

pub mod cursor;
mod fingerprint;
pub mod frame;
pub mod frame_reader;
pub mod frame_writer;
pub mod lanes;
mod phrases;
pub mod place;
