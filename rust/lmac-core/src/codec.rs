//! `compress` and `decompress`: bytes to frames of blocks, and back.
//!
//! Short content becomes one frame of a single block, whose headers cost 12 to 18 bytes; longer
//! content is divided into blocks that are coded independently. A block that does not shrink is
//! stored. `compress_block` and `decompress_block` do all the work of a block, header included:
//! a streaming writer or reader needs nothing else but the frame header around them.
//!
//! Format: docs/format.md.

use crate::block::{self, Coded, Place, Progress};
use crate::error::{Error, Result};
use crate::frame::{
    BlockHeader, Cursor, FrameHeader, MAX_BLOCK_LEN, MODEL_ID_LEN, Mode, Payload, abbreviate,
};
use crate::predictor::Predictor;

/// Block length of static frames, in bytes: 64 lanes of the default length, a batch that keeps
/// the cores busy.
pub const STATIC_BLOCK_LEN: usize = 1 << 20;

/// Block length of adaptive frames, in bytes: as much as there may be, since what the block has
/// shown is what the adaptive layer knows.
pub const ADAPTIVE_BLOCK_LEN: usize = MAX_BLOCK_LEN;

/// How content is divided and coded; the frame header tells the decoder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// How symbols are coded.
    pub mode: Mode,
    /// Length of a block's content in bytes, `1 ..= MAX_BLOCK_LEN`; `None` for the mode's default.
    pub block_len: Option<usize>,
    /// Length of a lane in bytes, `1 ..= MAX_BLOCK_LEN`; `None` for the mode's rule.
    pub lane_len: Option<usize>,
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
        Ok(())
    }

    fn block_len(&self) -> usize {
        self.block_len.unwrap_or(match self.mode {
            Mode::Static => STATIC_BLOCK_LEN,
            Mode::Adaptive => ADAPTIVE_BLOCK_LEN,
        })
    }
}

/// Compresses `data` to one frame.
///
/// `progress` is told how many bytes of `data` are done.
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
    let header = FrameHeader {
        model_id: abbreviate(predictor.model_id()),
        content_size: (!single_block).then_some(data.len() as u64),
        mode: settings.mode,
        lane_len: settings.lane_len,
        single_block,
    };
    let mut output = Vec::new();
    header.write(&mut output);
    let mut done = 0;
    for content in data.chunks(block_len) {
        let mut block_progress = |block_done: u64| progress(done + block_done);
        compress_block(
            content,
            &header,
            predictor,
            &mut output,
            &mut block_progress,
        )?;
        done += content.len() as u64;
        report(done, progress)?;
    }
    if data.is_empty() || !single_block {
        BlockHeader::write_end(&mut output);
    }
    Ok(output)
}

/// Restores the content of one frame or of several in a row.
///
/// `progress` is told how many bytes of content are done.
///
/// # Errors
///
/// `WrongMagicNumber`, `UnsupportedVersion`, `InvalidHeader`, `Truncated`, `CorruptedBlock` or
/// `ContentSizeMismatch` for what is not intact, `ModelMismatch` before anything is decoded with
/// another model, `OutputLimit` before anything beyond `max_output` bytes is decoded,
/// `Predictor`, or `Interrupted` if `progress` asks to stop.
pub fn decompress(
    data: &[u8],
    predictor: &mut dyn Predictor,
    max_output: Option<u64>,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    let mut output = Output {
        content: Vec::new(),
        limit: max_output,
    };
    let mut cursor = Cursor::new(data);
    loop {
        let header = FrameHeader::read(&mut cursor)?;
        header.check_model(predictor.model_id())?;
        output.check_room(header.content_size.unwrap_or(0))?;
        let mut blocks = Blocks::new(&header);
        while let Some((place, block_header, payload)) = blocks.next(&mut cursor)? {
            output.check_room(block_header.content_len as u64)?;
            let done = output.content.len() as u64;
            let mut block_progress = |block_done: u64| progress(done + block_done);
            let content = decompress_block(
                &block_header,
                payload,
                place,
                &header,
                predictor,
                &mut block_progress,
            )?;
            output.content.extend(content);
            report(output.content.len() as u64, progress)?;
        }
        if cursor.is_at_end() {
            return Ok(output.content);
        }
    }
}

/// Appends a block, its header and its payload, to `output`; `content` must not be empty.
///
/// # Errors
///
/// As `block::encode`.
pub fn compress_block(
    content: &[u8],
    frame: &FrameHeader,
    predictor: &mut dyn Predictor,
    output: &mut Vec<u8>,
    progress: &mut Progress<'_>,
) -> Result<()> {
    let coded = block::encode(content, frame, predictor, progress)?;
    let (payload, bytes) = match &coded {
        None => (Payload::Stored, content),
        Some(Coded { bytes, has_network }) => {
            let (len, has_network) = (bytes.len(), *has_network);
            (Payload::Coded { len, has_network }, bytes.as_slice())
        }
    };
    let header = BlockHeader {
        content_len: content.len(),
        payload,
        content_checksum: crc32fast::hash(content),
    };
    header.write(frame.mode, output);
    output.extend_from_slice(bytes);
    Ok(())
}

/// Restores the content of a block and checks it.
///
/// # Errors
///
/// As `block::decode`, and `CorruptedBlock` if the checksum does not match.
pub fn decompress_block(
    header: &BlockHeader,
    payload: &[u8],
    place: Place,
    frame: &FrameHeader,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    let content_len = header.content_len;
    let content = match header.payload {
        Payload::Stored => payload.to_vec(),
        Payload::Coded { has_network, .. } => {
            let coded = Coded {
                bytes: payload,
                has_network,
            };
            block::decode(coded, content_len, frame, predictor, place, progress)?
        }
    };
    if crc32fast::hash(&content) != header.content_checksum {
        return Err(place.corrupted(content_len, "its checksum does not match"));
    }
    Ok(content)
}

fn report(done: u64, progress: &mut Progress<'_>) -> Result<()> {
    if progress(done) {
        Ok(())
    } else {
        Err(Error::Interrupted)
    }
}

/// The content restored so far, and how much of it is wanted.
struct Output {
    content: Vec<u8>,
    limit: Option<u64>,
}

impl Output {
    /// Checks that `more_len` further bytes are within the limit.
    fn check_room(&self, more_len: u64) -> Result<()> {
        let total_len = (self.content.len() as u64).checked_add(more_len);
        match self.limit {
            Some(limit) if total_len.is_none_or(|total_len| total_len > limit) => {
                Err(Error::OutputLimit { limit })
            }
            _ => Ok(()),
        }
    }
}

/// Walks the blocks of a frame and checks that they add up to its content size.
struct Blocks<'a> {
    frame: &'a FrameHeader,
    place: Place,
}

impl<'a> Blocks<'a> {
    fn new(frame: &'a FrameHeader) -> Self {
        Self {
            frame,
            place: Place::default(),
        }
    }

    /// The place, header and payload of the next block; `None` after the last.
    fn next<'d>(
        &mut self,
        cursor: &mut Cursor<'d>,
    ) -> Result<Option<(Place, BlockHeader, &'d [u8])>> {
        let is_complete = self.frame.single_block && self.place.block == 1;
        let header = if is_complete {
            None
        } else {
            BlockHeader::read(self.frame.mode, cursor)?
        };
        let Some(header) = header else {
            return self
                .check_size(|expected, actual| expected == actual)
                .map(|()| None);
        };
        let payload = cursor.take(header.payload_len(), "the payload of a block")?;
        let place = self.place;
        self.place.block += 1;
        self.place.content_offset += header.content_len as u64;
        self.check_size(|expected, actual| expected >= actual)?;
        Ok(Some((place, header, payload)))
    }

    fn check_size(&self, is_right: fn(u64, u64) -> bool) -> Result<()> {
        let actual = self.place.content_offset;
        match self.frame.content_size {
            Some(expected) if !is_right(expected, actual) => {
                Err(Error::ContentSizeMismatch { expected, actual })
            }
            _ => Ok(()),
        }
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
    let frame_start = cursor.position();
    let header = FrameHeader::read(cursor)?;
    let (mut payload_len, mut stored_blocks, mut blocks_without_network) = (0, 0, 0);
    let mut blocks = Blocks::new(&header);
    while let Some((_, block_header, payload)) = blocks.next(cursor)? {
        payload_len += payload.len() as u64;
        match block_header.payload {
            Payload::Stored => stored_blocks += 1,
            Payload::Coded { has_network, .. } => {
                blocks_without_network += u64::from(!has_network);
            }
        }
    }
    let Place {
        block,
        content_offset,
    } = blocks.place;
    Ok(FrameInfo {
        model_id: header.model_id,
        mode: header.mode,
        lane_len: header.lane_len,
        content_size: header.content_size,
        content_len: content_offset,
        frame_len: (cursor.position() - frame_start) as u64,
        payload_len,
        blocks: block,
        stored_blocks,
        blocks_without_network,
    })
}
