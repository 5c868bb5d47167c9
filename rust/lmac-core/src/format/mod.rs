//! The bytes of a frame (docs/format.md): headers as structs in [`frame`], the blocks of a frame in
//! [`frame_reader`], how a block is divided into [`lanes`].

mod fingerprint;
pub mod frame;
pub mod frame_reader;
pub mod lanes;
mod phrases;
