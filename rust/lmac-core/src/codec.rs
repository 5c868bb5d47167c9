//! `compress` and `decompress`: bytes to frames of blocks, and back.
//!
//! Short content becomes one frame of a single block, whose headers cost 12 to 18 bytes; longer
//! content is divided into blocks that are coded independently. A block that does not shrink is
//! stored. Blocks are coded in any order and at the same time, but written one after the other: the check of
//! each covers that of the one before. `decompress_block` does all the work of a block that is restored;
//! stream.rs does the same a piece at a time, `frame_reader.rs` finds the blocks of a frame.
//!
//! Format: docs/format.md.

use crate::coding::block::{self, Coded};
use crate::error::{Error, Result};
use crate::format::cursor::Cursor;
use crate::format::frame::{Coding, FrameHeader, MAX_BLOCK_LEN, Mode, Payload, abbreviate};
use crate::format::frame_reader::{Block, FrameInfo, FrameReader, PAYLOAD};
use crate::format::frame_writer::FrameWriter;
use crate::format::place::Place;
use crate::limits::{self, Limits};
use crate::memory::{copied, extend};
use crate::pool::Pool;
use crate::predictor::Predictor;
use crate::progress::{Progress, Report};

/// Block length of static frames, in bytes: 64 lanes of the default length, a batch that keeps
/// the cores busy.
pub const STATIC_BLOCK_LEN: usize = 1 << 20;

/// Block length of adaptive frames, in bytes: as much as there may be, since what the block has
/// shown is what the adaptive layer knows.
pub const ADAPTIVE_BLOCK_LEN: usize = MAX_BLOCK_LEN;

/// How content is divided and coded; the frame header tells the decoder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Settings {
    /// How symbols are coded.
    pub mode: Mode,
    /// Length of a block's content in bytes, `1 ..= MAX_BLOCK_LEN`; `None` for the mode's default.
    pub block_len: Option<usize>,
    /// Length of a lane in bytes, `1 ..= MAX_BLOCK_LEN`; `None` for the mode's rule.
    pub lane_len: Option<usize>,
    /// Whether blocks that a model in floating point has coded are decoded again before they count as
    /// compressed. Those of an exact model need no such proof.
    pub verify: bool,
    /// The most memory that blocks which are coded at the same time may take, in bytes; they are fewer if need be.
    pub max_memory: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            block_len: None,
            lane_len: None,
            verify: true,
            max_memory: None,
        }
    }
}

impl Settings {
    /// Checks that both lengths are within their limits.
    pub fn check(&self) -> Result<()> {
        let is_valid =
            |len: Option<usize>| len.is_none_or(|len| (1..=MAX_BLOCK_LEN).contains(&len));
        if !is_valid(self.block_len) {
            return Err(Error::InvalidSetting(
                "block_len must be between 1 and 2^24 bytes",
            ));
        }
        if !is_valid(self.lane_len) {
            return Err(Error::InvalidSetting(
                "lane_len must be between 1 and 2^24 bytes",
            ));
        }
        if self.max_memory == Some(0) {
            return Err(Error::InvalidSetting("max_memory must be at least 1 byte"));
        }
        Ok(())
    }

    /// Length of a block's content in bytes.
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.block_len.unwrap_or(match self.mode {
            Mode::Static => STATIC_BLOCK_LEN,
            Mode::Adaptive => ADAPTIVE_BLOCK_LEN,
        })
    }

    /// How many full blocks a predictor codes at the same time; 1 also if not even one fits the memory, which is an error then.
    #[must_use]
    pub fn blocks_at_once(&self, predictor: &dyn Predictor) -> usize {
        let header = self.frame_header(predictor, None, false);
        let needed = limits::block_bytes(header.lanes(self.block_len()), self.mode, predictor);
        let most = limits::most_at_once(predictor);
        limits::at_once(most, needed, self.max_memory).unwrap_or(1)
    }

    /// The header of a frame with these settings.
    pub(crate) fn frame_header(
        &self,
        predictor: &dyn Predictor,
        content_size: Option<u64>,
        single_block: bool,
    ) -> FrameHeader {
        FrameHeader {
            model_id: abbreviate(predictor.model_id()),
            content_size,
            mode: self.mode,
            lane_len: self.lane_len,
            fingerprint: predictor.fingerprint().map(String::from),
            single_block,
        }
    }
}

/// Compresses `data` to one frame.
///
/// `progress` is told how much of `data` is done.
///
/// # Errors
///
/// `InvalidSetting`, `Predictor`, or `Interrupted` if `progress` asks to stop.
pub fn compress(
    data: &[u8],
    predictor: &mut dyn Predictor,
    settings: &Settings,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    settings.check()?;
    let block_len = settings.block_len();
    let single_block = data.len() <= block_len;
    let content_size = (!single_block).then_some(data.len() as u64);
    let header = settings.frame_header(predictor, content_size, single_block);
    let mut output = Vec::new();
    let mut frame = FrameWriter::start(header, &mut output);
    let blocks: Vec<&[u8]> = data.chunks(block_len).collect();
    compress_blocks(
        &blocks,
        &mut frame,
        settings,
        predictor,
        &mut output,
        progress,
    )?;
    frame.end(&mut output);
    Ok(output)
}

/// Restores the content of one frame or of several in a row.
///
/// `progress` is told how much content is restored.
///
/// # Errors
///
/// `WrongMagicNumber`, `UnsupportedVersion`, `InvalidHeader`, `Truncated`, `CorruptedBlock`,
/// `ContentSizeMismatch` or `WrongEnd` for what is not intact, `ModelMismatch` before anything is decoded with
/// another model, `OutputLimit` before anything beyond the longest content is decoded, `MemoryLimit` before a
/// block that takes more is decoded, `OutOfMemory`, `Predictor`, or `Interrupted` if `progress` asks to stop.
pub fn decompress(
    data: &[u8],
    predictor: &mut dyn Predictor,
    limits: impl Into<Limits>,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    let limits = limits.into();
    let mut reader = Reader {
        cursor: Cursor::new(data),
        frame: None,
        room: Room::new(limits.max_output),
    };
    let mut content = Vec::new();
    loop {
        let mut blocks = Vec::new();
        let is_end = reader.read_blocks(predictor, &mut blocks);
        let done = content.len() as u64;
        let mut after = |report: Report| progress(report.after(done));
        let append = |of_block: Result<Vec<u8>>| extend(&mut content, &of_block?);
        decompress_blocks(&blocks, predictor, limits.max_memory, &mut after, append)?;
        // An error of the reader is behind those of all blocks before.
        if is_end? {
            return Ok(content);
        }
    }
}

/// How many blocks are looked at before they are restored: enough for all threads, few enough for the memory, since a block can be
/// shorter than what is known of it.
const BLOCKS_READ: usize = 256;

/// Frames in a row, and how far they were read.
struct Reader<'a> {
    cursor: Cursor<'a>,
    frame: Option<FrameReader>,
    room: Room,
}

impl<'a> Reader<'a> {
    /// Appends the next blocks, with their payloads; returns whether there are no more.
    fn read_blocks(
        &mut self,
        predictor: &dyn Predictor,
        blocks: &mut Vec<(Block, &'a [u8])>,
    ) -> Result<bool> {
        while blocks.len() < BLOCKS_READ {
            let Some(frame) = &mut self.frame else {
                let frame = FrameReader::start(&mut self.cursor)?;
                frame.header().check_predictor(predictor)?;
                self.room.check(frame.header().content_size.unwrap_or(0))?;
                self.frame = Some(frame);
                continue;
            };
            if let Some(block) = frame.next_block(&mut self.cursor)? {
                let payload = self.cursor.take(block.payload_len(), PAYLOAD)?;
                self.room.take(block.content_len() as u64)?;
                blocks.push((block, payload));
            } else if self.cursor.is_at_end() {
                return Ok(true);
            } else {
                self.frame = None;
            }
        }
        Ok(false)
    }
}

/// How many blocks in lmac's own lengths a predictor codes at the same time, in the memory allowed.
#[must_use]
pub fn blocks_at_once(predictor: &dyn Predictor, max_memory: Option<u64>) -> usize {
    let settings = Settings {
        max_memory,
        ..Settings::default()
    };
    settings.blocks_at_once(predictor)
}

/// Appends blocks of some contents, which must not be empty, to `output`, as many at the same time as there are threads for.
///
/// # Errors
///
/// As `compress_block`.
pub(crate) fn compress_blocks(
    contents: &[&[u8]],
    frame: &mut FrameWriter,
    settings: &Settings,
    predictor: &mut dyn Predictor,
    output: &mut Vec<u8>,
    progress: &mut Progress<'_>,
) -> Result<()> {
    let header = frame.header().clone();
    let longest = contents.iter().map(|content| content.len()).max();
    let needed = longest.map_or(0, |len| {
        limits::block_bytes(header.lanes(len.max(1)), header.mode, predictor)
    });
    let most = limits::most_at_once(predictor).min(contents.len());
    let at_once = limits::at_once(most, needed, settings.max_memory)?;
    let mut pool = Pool::new(predictor, at_once)?;
    let compress = |job: usize, predictor: &mut dyn Predictor, progress: &mut Progress<'_>| {
        compress_block(contents[job], &header, settings.verify, predictor, progress)
    };
    pool.for_each(contents.len(), progress, compress, |job, coded| {
        write_block(contents[job], coded.as_ref(), frame, output)
    })
}

/// Restores blocks, given with their payloads, as many at the same time as there are threads for; `finish` gets the content of
/// each, in order, or that it is damaged or cut short.
///
/// # Errors
///
/// That of `finish`; `ModelMismatch`, `MemoryLimit`, `OutOfMemory`, `Predictor`, or `Interrupted` if `progress` asks to stop.
pub fn decompress_blocks(
    blocks: &[(Block, &[u8])],
    predictor: &mut dyn Predictor,
    max_memory: Option<u64>,
    progress: &mut Progress<'_>,
    mut finish: impl FnMut(Result<Vec<u8>>) -> Result<()>,
) -> Result<()> {
    let needed = blocks
        .iter()
        .map(|(block, _)| limits::restoring_bytes(block, predictor));
    let needed = needed.max().unwrap_or(0);
    let most = limits::most_at_once(predictor).min(blocks.len());
    let mut pool = Pool::new(predictor, limits::at_once(most, needed, max_memory)?)?;
    let decompress = |job: usize, predictor: &mut dyn Predictor, progress: &mut Progress<'_>| {
        let (block, payload) = &blocks[job];
        match decompress_block(block, payload, predictor, progress) {
            outcome @ (Ok(_) | Err(Error::CorruptedBlock { .. } | Error::Truncated(_))) => {
                Ok(outcome)
            }
            Err(error) => Err(error),
        }
    };
    pool.for_each(blocks.len(), progress, decompress, |_, content| {
        finish(content)
    })
}

/// Codes the content of a block; `None` if it is to be stored.
///
/// With `verify`, what a predictor in floating point has coded is decoded again, and coded in another way
/// if that fails.
///
/// # Errors
///
/// As `block::encode`.
fn compress_block(
    content: &[u8],
    frame: &FrameHeader,
    verify: bool,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Option<Coded<Vec<u8>>>> {
    let coded = if verify && predictor.fingerprint().is_some() {
        encode_verified(content, frame, predictor, progress)?
    } else {
        block::encode(content, frame, predictor, progress)?
    };
    let payload_len = coded
        .as_ref()
        .map_or(content.len(), |coded| coded.bytes.len());
    Report::of_pass(content.len(), payload_len).tell(progress)?;
    Ok(coded)
}

/// As `block::encode`, but without the network if a decoder could not restore the content with it.
fn encode_verified(
    content: &[u8],
    frame: &FrameHeader,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Option<Coded<Vec<u8>>>> {
    let half = content.len() as u64 / 2;
    let mut first_half = |report: Report| progress(report.with_done(report.done / 2));
    let mut coded = block::encode(content, frame, predictor, &mut first_half)?;
    let Some(coded) = coded.take_if(|coded| coded.coding == Coding::Network) else {
        return Ok(coded);
    };
    let whole = Report::of_pass(content.len(), coded.bytes.len());
    let mut second_half = |report: Report| progress(whole.with_done(half + report.done / 2));
    let payload = Coded::with_network(coded.bytes.as_slice());
    let place = Place::default();
    match block::decode(
        payload,
        content.len(),
        frame,
        predictor,
        place,
        &mut second_half,
    ) {
        Ok(restored) if restored == content => Ok(Some(coded)),
        Ok(_) | Err(Error::CorruptedBlock { .. }) => {
            block::encode_without_network(content, frame.mode, progress)
        }
        Err(error) => Err(error),
    }
}

/// Appends a block whose symbols are coded, or that is stored; `content` must not be empty.
pub(crate) fn write_block(
    content: &[u8],
    coded: Option<&Coded<Vec<u8>>>,
    frame: &mut FrameWriter,
    output: &mut Vec<u8>,
) -> Result<()> {
    let coded = coded.map(|coded| (coded.coding, coded.bytes.as_slice()));
    frame.write_block(content, coded, output)
}

/// Restores the content of a block and checks it.
///
/// # Errors
///
/// `ModelMismatch`, `Truncated` if `payload` is too short, as `block::decode`, and `CorruptedBlock` if the check does not match.
pub fn decompress_block(
    block: &Block,
    payload: &[u8],
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    let (frame, content_len) = (block.frame(), block.content_len());
    frame.check_predictor(predictor)?;
    let payload = payload.get(..block.payload_len());
    let payload = payload.ok_or(Error::Truncated(PAYLOAD))?;
    let content = match block.header().payload {
        Payload::Stored => copied(payload)?,
        Payload::Coded { coding, .. } => {
            let coded = Coded {
                bytes: payload,
                coding,
            };
            let place = block.place();
            block::decode(coded, content_len, frame, predictor, place, progress)?
        }
    };
    block.check(&content)?;
    Report::of_pass(content_len, payload.len()).tell(progress)?;
    Ok(content)
}

/// How much more content is wanted.
pub(crate) struct Room {
    limit: Option<u64>,
    left: Option<u64>,
}

impl Room {
    pub fn new(limit: Option<u64>) -> Self {
        Self { limit, left: limit }
    }

    /// How many further bytes there may be.
    pub fn left(&self) -> Option<u64> {
        self.left
    }

    /// Checks that `more_len` further bytes are within the limit.
    fn check(&self, more_len: u64) -> Result<()> {
        match (self.limit, self.left) {
            (Some(limit), Some(left)) if more_len > left => Err(Error::OutputLimit { limit }),
            _ => Ok(()),
        }
    }

    /// Counts `more_len` further bytes, if they are within the limit.
    pub fn take(&mut self, more_len: u64) -> Result<()> {
        self.check(more_len)?;
        self.left = self.left.map(|left| left - more_len);
        Ok(())
    }
}

/// Reads the headers of all frames, without a model and without decoding.
///
/// # Errors
///
/// As `decompress`, for what the headers alone betray.
pub fn inspect(data: &[u8]) -> Result<Vec<FrameInfo>> {
    let mut frames = Vec::new();
    let mut cursor = Cursor::new(data);
    loop {
        frames.push(inspect_frame(&mut cursor)?);
        if cursor.is_at_end() {
            return Ok(frames);
        }
    }
}

fn inspect_frame(cursor: &mut Cursor<'_>) -> Result<FrameInfo> {
    let mut frame = FrameReader::start(cursor)?;
    while let Some(block) = frame.next_block(cursor)? {
        cursor.take(block.payload_len(), PAYLOAD)?;
    }
    Ok(frame.info())
}
