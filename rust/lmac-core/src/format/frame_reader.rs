//! `FrameReader`: finds the blocks of a frame by its headers, one after the other.
//!
//! It reads headers only: the payload behind each is the caller's, to take from memory, to await
//! from a pipe, or to skip by a seek. Thus the one-shot decoder (codec.rs), the stream (stream.rs),
//! the index of a file and the listing of `lmac -l` share one walk and one set of checks. What a payload
//! holds is codec.rs's matter; whether that is the content of this block, in this place, the block itself knows.
//!
//! Format: docs/format.md, "Frames" and "Blocks".

use crate::error::{Error, Result};
use crate::format::cursor::Cursor;
use crate::format::frame::{
    BlockHeader, Coding, FrameHeader, MAX_FINGERPRINT_LEN, MODEL_ID_LEN, Mode, Payload,
};
use crate::format::place::Place;

/// Frame and block headers are shorter than this many bytes: with as many, or with the whole rest
/// of the input, `start` and `next_block` never call an intact input truncated.
pub const MAX_HEADER_LEN: usize = 32 + MAX_FINGERPRINT_LEN;

/// What input that ends too early ends inside of, for `Error::Truncated`.
pub const PAYLOAD: &str = "the payload of a block";

/// Where a reader is in a frame, and what it has met so far.
#[derive(Debug, Clone)]
pub struct FrameReader {
    header: FrameHeader,
    /// Where the next block would lie.
    place: Place,
    /// Length of all headers and payloads up to there, in bytes.
    frame_len: u64,
    payload_len: u64,
    stored_blocks: u64,
    blocks_without_network: u64,
}

impl FrameReader {
    /// Reads the header of a frame.
    ///
    /// # Errors
    ///
    /// `WrongMagicNumber`, `UnsupportedVersion`, `InvalidHeader` or `Truncated`.
    pub fn start(cursor: &mut Cursor<'_>) -> Result<Self> {
        let start = cursor.position();
        let header = FrameHeader::read(cursor)?;
        Ok(Self {
            header,
            place: Place::behind_header(cursor.taken_since(start)),
            frame_len: (cursor.position() - start) as u64,
            payload_len: 0,
            stored_blocks: 0,
            blocks_without_network: 0,
        })
    }

    /// The header of the frame.
    #[must_use]
    pub const fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// Length of the frame up to the end of the last block met, or of its end marker, in bytes.
    #[must_use]
    pub const fn frame_len(&self) -> u64 {
        self.frame_len
    }

    /// Reads the header of the next block, whose payload follows; `None` after the last.
    ///
    /// An error leaves the reader as it was: after `Truncated` it can be asked again with more input.
    ///
    /// # Errors
    ///
    /// `InvalidHeader`, `Truncated`, `ContentSizeMismatch` as soon as blocks exceed the frame's
    /// content size, or end before it, or `WrongEnd` if the end is that of other blocks.
    pub fn next_block(&mut self, cursor: &mut Cursor<'_>) -> Result<Option<Block>> {
        let start = cursor.position();
        let Some(header) = self.read_header(cursor)? else {
            self.check_end(cursor)?;
            self.frame_len += (cursor.position() - start) as u64;
            return Ok(None);
        };
        let block = Block {
            frame: self.header.clone(),
            header,
            place: self.place,
        };
        let next = self
            .place
            .behind_block(block.content_len(), block.header.check);
        self.check_size(next.content_offset, |expected, actual| expected >= actual)?;
        self.place = next;
        self.frame_len += (cursor.position() - start + block.payload_len()) as u64;
        self.count(&block);
        Ok(Some(block))
    }

    /// The next blocks that the cursor holds, payloads included, whose contents are at most `content_len` bytes together.
    ///
    /// It stops before what `next_block` refuses.
    pub fn next_blocks<'a>(
        &mut self,
        cursor: &mut Cursor<'a>,
        content_len: usize,
    ) -> Vec<(Block, &'a [u8])> {
        let limit = self.place.content_offset + content_len as u64;
        let mut blocks = Vec::new();
        loop {
            let (mut reader, mut ahead) = (self.clone(), cursor.clone());
            let Ok(Some(block)) = reader.next_block(&mut ahead) else {
                return blocks;
            };
            let Ok(payload) = ahead.take(block.payload_len(), PAYLOAD) else {
                return blocks;
            };
            if reader.place.content_offset > limit {
                return blocks;
            }
            (*self, *cursor) = (reader, ahead);
            blocks.push((block, payload));
        }
    }

    /// Goes behind an end that `next_block` refuses; whether there is one. Who takes what is left of a damaged file may
    /// go on to the next frame there.
    ///
    /// # Errors
    ///
    /// `InvalidHeader` or `Truncated`.
    pub fn skip_end(&mut self, cursor: &mut Cursor<'_>) -> Result<bool> {
        let start = cursor.position();
        if self.read_header(cursor)?.is_some() {
            return Ok(false);
        }
        self.read_end_check(cursor)?;
        self.frame_len += (cursor.position() - start) as u64;
        Ok(true)
    }

    /// The header of the next block; `None` after the last.
    fn read_header(&self, cursor: &mut Cursor<'_>) -> Result<Option<BlockHeader>> {
        if self.header.single_block && self.place.block == 1 {
            return Ok(None);
        }
        BlockHeader::read(self.header.mode, cursor)
    }

    fn read_end_check(&self, cursor: &mut Cursor<'_>) -> Result<Option<u32>> {
        let is_present = self.header.has_end_check();
        let check = is_present.then(|| cursor.take_check("the end of a frame"));
        check.transpose()
    }

    /// Checks that the frame ends with the blocks that were read.
    fn check_end(&self, cursor: &mut Cursor<'_>) -> Result<()> {
        let content_len = self.place.content_offset;
        self.check_size(content_len, |expected, actual| expected == actual)?;
        match self.read_end_check(cursor)? {
            Some(check) if check != self.place.check(&[]) => Err(Error::WrongEnd { content_len }),
            _ => Ok(()),
        }
    }

    fn check_size(&self, actual: u64, is_right: fn(u64, u64) -> bool) -> Result<()> {
        match self.header.content_size {
            Some(expected) if !is_right(expected, actual) => {
                Err(Error::ContentSizeMismatch { expected, actual })
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, block: &Block) {
        self.payload_len += block.payload_len() as u64;
        match block.header.payload {
            Payload::Stored => self.stored_blocks += 1,
            Payload::Coded { coding, .. } => {
                self.blocks_without_network += u64::from(coding != Coding::Network);
            }
        }
    }

    /// What the headers read so far say.
    #[must_use]
    pub fn info(&self) -> FrameInfo {
        FrameInfo {
            model_id: self.header.model_id,
            mode: self.header.mode,
            lane_len: self.header.lane_len,
            content_size: self.header.content_size,
            fingerprint: self.header.fingerprint.clone(),
            content_len: self.place.content_offset,
            frame_len: self.frame_len,
            payload_len: self.payload_len,
            blocks: self.place.block,
            stored_blocks: self.stored_blocks,
            blocks_without_network: self.blocks_without_network,
        }
    }
}

/// A block without its payload: all that is needed to restore the content once that is there.
#[derive(Debug, Clone)]
pub struct Block {
    frame: FrameHeader,
    header: BlockHeader,
    place: Place,
}

impl Block {
    /// Length of its content, in bytes.
    #[must_use]
    pub const fn content_len(&self) -> usize {
        self.header.content_len
    }

    /// Length of its payload, in bytes.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.header.payload_len()
    }

    /// The header of its frame.
    #[must_use]
    pub const fn frame(&self) -> &FrameHeader {
        &self.frame
    }

    /// Its own header.
    #[must_use]
    pub const fn header(&self) -> &BlockHeader {
        &self.header
    }

    /// Checks that `content` is its content, and that it is where it was written.
    ///
    /// # Errors
    ///
    /// `CorruptedBlock`.
    pub fn check(&self, content: &[u8]) -> Result<()> {
        if self.place.check(content) == self.header.check {
            return Ok(());
        }
        Err(self
            .place
            .corrupted(self.content_len(), "its check does not match"))
    }

    /// Whether the network predicts its symbols, in one lane.
    pub(crate) fn is_one_lane_of_network(&self) -> bool {
        let has_network = matches!(
            self.header.payload,
            Payload::Coded {
                coding: Coding::Network,
                ..
            }
        );
        has_network && self.frame.lanes(self.content_len()).count() == 1
    }

    /// Where it stands in its frame.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }
}

/// What the headers of a frame say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameInfo {
    /// The first bytes of the model's content id.
    pub model_id: [u8; MODEL_ID_LEN],
    /// How symbols are coded.
    pub mode: Mode,
    /// The lane length that the header states, if any, in bytes.
    pub lane_len: Option<usize>,
    /// The content size that the header states, if any, in bytes.
    pub content_size: Option<u64>,
    /// The conditions that the header states, if the model computes in floating point.
    pub fingerprint: Option<String>,
    /// Length of the content of all blocks, in bytes.
    pub content_len: u64,
    /// Length of the whole frame, in bytes.
    pub frame_len: u64,
    /// Length of all payloads, in bytes; the rest of the frame is headers.
    pub payload_len: u64,
    /// How many blocks there are.
    pub blocks: u64,
    /// How many of them are stored.
    pub stored_blocks: u64,
    /// How many of them are coded without the network.
    pub blocks_without_network: u64,
}
