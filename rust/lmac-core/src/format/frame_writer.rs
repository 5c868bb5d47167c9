//! `FrameWriter`: writes the headers of a frame and of its blocks, one after the other.
//!
//! The mirror image of `FrameReader`: both go from place to place, and the check of a block covers its place.
//! Payloads are made by codec.rs, in any order; here they are written in that of the content.
//!
//! Format: docs/format.md, "Frames" and "Blocks".

use crate::error::Result;
use crate::format::cursor::write_varint;
use crate::format::frame::{BlockHeader, Coding, FrameHeader, Payload};
use crate::format::place::Place;
use crate::memory::extend;

/// Where a writer is in a frame.
#[derive(Debug, Clone)]
pub struct FrameWriter {
    header: FrameHeader,
    /// Where the next block will stand.
    place: Place,
}

impl FrameWriter {
    /// Appends the header of a frame to `output`.
    #[must_use]
    pub fn start(header: FrameHeader, output: &mut Vec<u8>) -> Self {
        let start = output.len();
        header.write(output);
        Self {
            place: Place::behind_header(&output[start..]),
            header,
        }
    }

    /// The header of the frame.
    #[must_use]
    pub const fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// Length of the content of all blocks so far, in bytes.
    #[must_use]
    pub const fn content_len(&self) -> u64 {
        self.place.content_offset
    }

    /// Appends a block with its payload; without `coded` it is stored. `content` must not be empty.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn write_block(
        &mut self,
        content: &[u8],
        coded: Option<(Coding, &[u8])>,
        output: &mut Vec<u8>,
    ) -> Result<()> {
        let (payload, bytes) = match coded {
            None => (Payload::Stored, content),
            Some((coding, bytes)) => {
                let len = bytes.len();
                (Payload::Coded { len, coding }, bytes)
            }
        };
        let header = BlockHeader {
            content_len: content.len(),
            payload,
            check: self.place.check(content),
        };
        header.write(self.header.mode, output);
        extend(output, bytes)?;
        self.place = self.place.behind_block(content.len(), header.check);
        Ok(())
    }

    /// Appends the end of the frame, if it has one.
    pub fn end(self, output: &mut Vec<u8>) {
        if self.header.single_block && self.place.block == 1 {
            return;
        }
        write_varint(0, output);
        if self.header.has_end_check() {
            output.extend(self.place.check(&[]).to_le_bytes());
        }
    }
}
