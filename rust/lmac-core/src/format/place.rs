//! `Place`: where a block stands in its frame, which its check covers together with its content.
//!
//! A checksum of the content alone finds damage, but not a block that stands where another should. So
//! the check of a block also covers how much content is before it and the check of the block before,
//! and the first check covers the frame's header: a chain that begins with the header. Whoever walks
//! through the headers knows the place of every block; nothing has to be restored for that, so blocks
//! can be read at random and restored at the same time.
//!
//! Format: docs/format.md, "Checks".

use crate::error::Error;

/// Where a block stands in its frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Index of the block in its frame, from 0.
    pub block: u64,
    /// Offset of the block's first byte in the frame's content.
    pub content_offset: u64,
    /// The check of the block before, as it is written; before the first block, CRC-32 of the frame's header.
    pub check_before: u32,
}

impl Place {
    /// Of the first block behind a frame's header.
    #[must_use]
    pub fn behind_header(header: &[u8]) -> Self {
        Self {
            check_before: crc32fast::hash(header),
            ..Self::default()
        }
    }

    /// The check of a block with this content here; without content, of the end of the frame.
    #[must_use]
    pub fn check(self, content: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.content_offset.to_le_bytes());
        crc.update(&self.check_before.to_le_bytes());
        crc.update(content);
        crc.finalize()
    }

    /// The place behind a block that stands here.
    #[must_use]
    pub const fn behind_block(self, content_len: usize, check: u32) -> Self {
        Self {
            block: self.block + 1,
            content_offset: self.content_offset + content_len as u64,
            check_before: check,
        }
    }

    /// The error that the block at this place is damaged.
    #[must_use]
    pub const fn corrupted(self, content_len: usize, reason: &'static str) -> Error {
        Error::CorruptedBlock {
            block: self.block,
            content_offset: self.content_offset,
            content_len: content_len as u64,
            reason,
        }
    }
}
