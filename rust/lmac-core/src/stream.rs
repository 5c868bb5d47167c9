//! `Compressor` and `Decompressor`: `compress` and `decompress` of codec.rs, a piece at a time.
//!
//! A compressor holds at most one block of content; of a piece that makes several, all are coded at the same time. It
//! decides about the header of a frame when the first block is complete: content that turns out to fit one block becomes the same
//! single-block frame that codec.rs writes. A decompressor holds at most one block of content and
//! the input that it was given and could not use yet. The names and the meaning of `Flush` are those of
//! zstd's streams.
//!
//! The predictor is an argument of every call, not a field: one serves many streams in turn, since
//! every block begins with empty contexts.

use std::iter;

use crate::codec::{Settings, compress_blocks, decompress_block};
use crate::error::{Error, Result};
use crate::format::cursor::Cursor;
use crate::format::frame_reader::{Block, FrameReader};
use crate::format::frame_writer::FrameWriter;
use crate::limits::{Limits, at_once, restoring_bytes};
use crate::memory::extend;
use crate::predictor::Predictor;
use crate::progress::{Progress, Report};

/// How much of the content given to a compressor must come out of it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// What makes full blocks.
    Continue,
    /// All of it, in a block that may be short: a decompressor can restore everything so far.
    Block,
    /// All of it, and the frame ends: what comes later is a new frame.
    Frame,
}

/// Content in pieces to frames in pieces.
#[derive(Debug)]
pub struct Compressor {
    settings: Settings,
    /// Not compressed yet: at most one block.
    content: Vec<u8>,
    /// The frame that has begun; `None` before its first block is written.
    frame: Option<FrameWriter>,
    /// The content size that was announced, for the frame's header.
    pledged: Option<u64>,
    has_failed: bool,
}

impl Compressor {
    /// Begins before the first frame.
    ///
    /// # Errors
    ///
    /// `InvalidSetting`.
    pub fn new(settings: Settings) -> Result<Self> {
        settings.check()?;
        Ok(Self {
            settings,
            content: Vec::new(),
            frame: None,
            pledged: None,
            has_failed: false,
        })
    }

    /// Announces how long the content of the next frame is, so that its header says so; with it, a
    /// compressor writes exactly what `codec::compress` does. `None` takes it back.
    ///
    /// # Errors
    ///
    /// `InvalidSetting` once the frame has content.
    pub fn pledge(&mut self, content_size: Option<u64>) -> Result<()> {
        if self.frame.is_some() || !self.content.is_empty() {
            return Err(Error::InvalidSetting(
                "the content size is announced before the first byte of a frame",
            ));
        }
        if content_size.is_some_and(|size| size >> 63 != 0) {
            return Err(Error::InvalidSetting("the content size is not below 2^63"));
        }
        self.pledged = content_size;
        Ok(())
    }

    /// How much content of the frame that has begun is in complete blocks, in bytes.
    #[must_use]
    pub fn compressed_len(&self) -> u64 {
        self.frame.as_ref().map_or(0, FrameWriter::content_len)
    }

    /// Takes content, and returns as much of the frame as is complete.
    ///
    /// `progress` is told how much of the frame's content is compressed.
    ///
    /// # Errors
    ///
    /// `PledgeExceeded` or `PledgeMissed` for content of another length than was announced,
    /// `Predictor`, or `Interrupted` if `progress` asks to stop. After an error the frame cannot
    /// be completed: every later call is `StreamFailed`, so that no frame lacks what a failed call took.
    pub fn compress(
        &mut self,
        data: &[u8],
        flush: Flush,
        predictor: &mut dyn Predictor,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<u8>> {
        if self.has_failed {
            return Err(Error::StreamFailed);
        }
        let result = self.take(data, flush, predictor, progress);
        self.has_failed = result.is_err();
        result
    }

    fn take(
        &mut self,
        data: &[u8],
        flush: Flush,
        predictor: &mut dyn Predictor,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<u8>> {
        let (block_len, len) = (self.settings.block_len(), self.content.len() + data.len());
        self.check_pledge(len, flush)?;
        let blocks = match flush {
            Flush::Continue => len.saturating_sub(1) / block_len, // the last may be the only one of its frame
            Flush::Block | Flush::Frame => len.div_ceil(block_len),
        };
        let single_block = flush == Flush::Frame && self.frame.is_none() && blocks <= 1;
        let mut output = Vec::new();
        let now_len = (blocks * block_len).saturating_sub(self.content.len());
        let (now, later) = data.split_at(now_len.min(data.len()));
        if blocks > 0 {
            self.write_blocks(now, single_block, predictor, &mut output, progress)?;
        }
        extend(&mut self.content, later)?;
        if flush == Flush::Frame {
            self.end_frame(predictor, &mut output);
        }
        Ok(output)
    }

    /// `len` is that of the content which is not compressed yet.
    fn check_pledge(&self, len: usize, flush: Flush) -> Result<()> {
        let actual = self.compressed_len() + len as u64;
        match self.pledged {
            Some(pledged) if actual > pledged => Err(Error::PledgeExceeded { pledged, actual }),
            Some(pledged) if actual < pledged && flush == Flush::Frame => {
                Err(Error::PledgeMissed { pledged, actual })
            }
            _ => Ok(()),
        }
    }

    /// Writes the end of the frame, and its header if it has no content.
    fn end_frame(&mut self, predictor: &dyn Predictor, output: &mut Vec<u8>) {
        self.take_frame(true, predictor, output).end(output);
        self.pledged = None;
    }

    /// The frame, begun now if it was not before.
    fn take_frame(
        &mut self,
        single_block: bool,
        predictor: &dyn Predictor,
        output: &mut Vec<u8>,
    ) -> FrameWriter {
        self.frame.take().unwrap_or_else(|| {
            let content_size = self.pledged.filter(|_| !single_block);
            let header = self
                .settings
                .frame_header(predictor, content_size, single_block);
            FrameWriter::start(header, output)
        })
    }

    /// Writes what is held back and `data` as blocks, of which the last may be short.
    fn write_blocks(
        &mut self,
        data: &[u8],
        single_block: bool,
        predictor: &mut dyn Predictor,
        output: &mut Vec<u8>,
        progress: &mut Progress<'_>,
    ) -> Result<()> {
        let block_len = self.settings.block_len();
        let room = block_len - self.content.len();
        let (first, others) = data.split_at(room.min(data.len()));
        extend(&mut self.content, first)?;
        let mut frame = self.take_frame(single_block, predictor, output);
        let done = frame.content_len();
        let progress: &mut Progress<'_> = &mut |report: Report| progress(report.after(done));
        let first = iter::once(self.content.as_slice());
        let blocks: Vec<&[u8]> = first.chain(others.chunks(block_len)).collect();
        compress_blocks(
            &blocks,
            &mut frame,
            &self.settings,
            predictor,
            output,
            progress,
        )?;
        self.frame = Some(frame);
        self.content.clear();
        Ok(())
    }

    /// How much content makes as many blocks as are coded at the same time.
    #[must_use]
    pub fn piece_len(&self, predictor: &dyn Predictor) -> usize {
        let at_once = self.settings.blocks_at_once(predictor);
        self.settings.block_len() * at_once
    }
}

/// One frame in pieces to its content in pieces.
#[derive(Debug, Default)]
pub struct Decompressor {
    limits: Limits,
    /// What was given; the first `used_len` bytes of it are used up.
    input: Vec<u8>,
    used_len: usize,
    frame: Option<FrameReader>,
    /// The block whose payload comes next.
    block: Option<Block>,
    /// What was restored; the first `taken_len` bytes of it are handed out.
    content: Vec<u8>,
    taken_len: usize,
    /// Whether the end of the frame was read.
    has_ended: bool,
}

impl Decompressor {
    /// Begins before the first byte of a frame.
    #[must_use]
    pub fn new(limits: impl Into<Limits>) -> Self {
        Self {
            limits: limits.into(),
            ..Self::default()
        }
    }

    /// Whether the frame has ended and all of its content was handed out.
    #[must_use]
    pub fn is_eof(&self) -> bool {
        self.has_ended && self.taken_len == self.content.len()
    }

    /// Whether nothing more can be handed out before there is more input.
    #[must_use]
    pub fn needs_input(&self) -> bool {
        !self.has_ended && self.taken_len == self.content.len() && !self.has_block()
    }

    /// What was given after the end of the frame; empty before `is_eof`.
    #[must_use]
    pub fn unused_data(&self) -> &[u8] {
        if self.is_eof() { self.unused() } else { &[] }
    }

    /// Takes a piece of the frame, and returns at most `max_len` bytes of its content.
    ///
    /// An error changes nothing but that `data` was taken: the same call without it fails again.
    ///
    /// # Errors
    ///
    /// As `codec::decompress`; never `Truncated`, since more may come.
    pub fn decompress(
        &mut self,
        data: &[u8],
        max_len: Option<usize>,
        predictor: &mut dyn Predictor,
        progress: &mut Progress<'_>,
    ) -> Result<Vec<u8>> {
        self.take_input(data)?;
        let mut output = Vec::new();
        loop {
            let room = max_len.map_or(usize::MAX, |max_len| max_len - output.len());
            self.hand_out(room, &mut output)?;
            if self.taken_len < self.content.len() {
                return Ok(output); // no room
            }
            self.read_headers(predictor)?; // also without room: the frame may end here
            if max_len == Some(output.len()) || !self.restore_block(predictor, progress)? {
                return Ok(output);
            }
        }
    }

    fn unused(&self) -> &[u8] {
        &self.input[self.used_len..]
    }

    /// Forgets used input, but only when that is most of it: each byte is moved once, not once a call.
    fn take_input(&mut self, data: &[u8]) -> Result<()> {
        if self.used_len > self.input.len() / 2 {
            self.input.drain(..self.used_len);
            self.used_len = 0;
        }
        extend(&mut self.input, data)
    }

    fn hand_out(&mut self, room: usize, output: &mut Vec<u8>) -> Result<()> {
        let rest = &self.content[self.taken_len..];
        let taken = &rest[..rest.len().min(room)];
        extend(output, taken)?;
        self.taken_len += taken.len();
        Ok(())
    }

    fn has_block(&self) -> bool {
        let payload_len = self.block.as_ref().map(Block::payload_len);
        payload_len.is_some_and(|len| len <= self.unused().len())
    }

    /// Reads on, up to the next payload or the end of the frame.
    fn read_headers(&mut self, predictor: &dyn Predictor) -> Result<()> {
        while !self.has_ended && self.block.is_none() {
            match self.read_header(predictor) {
                Err(Error::Truncated(_)) => return Ok(()), // more may come
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn read_header(&mut self, predictor: &dyn Predictor) -> Result<()> {
        let mut cursor = Cursor::new(&self.input[self.used_len..]);
        match &mut self.frame {
            None => {
                let frame = FrameReader::start(&mut cursor)?;
                frame.header().check_predictor(predictor)?;
                self.check_limit(frame.header().content_size.unwrap_or(0))?;
                self.frame = Some(frame);
            }
            Some(frame) => {
                let before = frame.clone();
                let block = frame.next_block(&mut cursor)?;
                let content_len = frame.info().content_len;
                if let Err(error) = self.check_limit(content_len) {
                    self.frame = Some(before);
                    return Err(error);
                }
                self.has_ended = block.is_none();
                self.block = block;
            }
        }
        self.used_len += cursor.position();
        Ok(())
    }

    fn check_limit(&self, content_len: u64) -> Result<()> {
        match self.limits.max_output {
            Some(limit) if content_len > limit => Err(Error::OutputLimit { limit }),
            _ => Ok(()),
        }
    }

    /// Restores the next block, if all of it is there.
    fn restore_block(
        &mut self,
        predictor: &mut dyn Predictor,
        progress: &mut Progress<'_>,
    ) -> Result<bool> {
        let Some(block) = self
            .block
            .take_if(|block| block.payload_len() <= self.input.len() - self.used_len)
        else {
            return Ok(false);
        };
        let payload_end = self.used_len + block.payload_len();
        let payload = &self.input[self.used_len..payload_end];
        let needed = restoring_bytes(&block, predictor);
        let allowed = at_once(1, needed, self.limits.max_memory);
        match allowed.and_then(|_| decompress_block(&block, payload, predictor, progress)) {
            Ok(content) => {
                (self.content, self.taken_len) = (content, 0);
                self.used_len = payload_end;
                Ok(true)
            }
            Err(error) => {
                self.block = Some(block);
                Err(error)
            }
        }
    }
}
