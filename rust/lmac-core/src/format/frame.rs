//! The headers of a frame and of its blocks: the fields of docs/format.md, as structs.
//!
//! Writing and reading are mirror images, field by field. Reading trusts nothing: every length is
//! checked against its limit before anyone allocates for it, and a form that no writer produces
//! (an empty fingerprint, a padded number) is refused. How blocks make a frame is the matter of
//! `FrameReader` and `FrameWriter`.

use crate::error::{Error, Result};
use crate::format::cursor::{Cursor, write_varint};
use crate::format::lanes::Lanes;
use crate::format::{fingerprint, phrases};
use crate::models::model_id::ModelId;
use crate::predictor::Predictor;

/// The first two bytes of every frame.
pub const MAGIC_NUMBER: [u8; 2] = [0xAC, 0x4C];

/// The format that this crate writes and reads.
pub const FORMAT_VERSION: u8 = 1;

/// How many bytes of the model's content id a frame carries: enough to tell the models at hand
/// apart, as an abbreviated git hash does; the checks guard against the rest.
pub const MODEL_ID_LEN: usize = 3;

/// Lane length of a static frame that does not state one, in bytes.
pub const STATIC_LANE_LEN: usize = 1 << 14;

/// The longest short form of a fingerprint, in bytes.
pub const MAX_FINGERPRINT_LEN: usize = 48;

/// The longest content of a block, in bytes; it bounds a reader's memory.
pub const MAX_BLOCK_LEN: usize = 1 << 24;

/// The symbols of the format are bytes.
pub const ALPHABET_SIZE: usize = 256;

const VERSION_SHIFT: u32 = 5;
const HAS_FINGERPRINT: u8 = 0b1_0000;
const ADAPTIVE: u8 = 0b1000;
const HAS_CONTENT_SIZE: u8 = 0b100;
const HAS_LANE_LEN: u8 = 0b10;
const SINGLE_BLOCK: u8 = 0b1;

const LANE_LEN_RULE: &str = "the lane length is not between 1 and 2^24";

const FINGERPRINT_ERROR: Error = Error::InvalidHeader("the fingerprint is not 1 to 48 bytes long");

/// How symbols are coded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// By the network's predictions alone: a symbol at a time.
    Static,
    /// By a mixture of the network and of experts that learn from the block: a bit at a time.
    #[default]
    Adaptive,
}

/// What stands before the blocks of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameHeader {
    /// The first bytes of the model's content id.
    pub model_id: [u8; MODEL_ID_LEN],
    /// Length of the whole content in bytes, if the writer knew it.
    pub content_size: Option<u64>,
    /// How the symbols of its blocks are coded.
    pub mode: Mode,
    /// Lane length in bytes, `1 ..= MAX_BLOCK_LEN`; `None` for the rule of the mode.
    pub lane_len: Option<usize>,
    /// The conditions under which a model in floating point has predicted, in words whose short form has
    /// `1 ..= MAX_FINGERPRINT_LEN` bytes; `None` for an exact model.
    pub fingerprint: Option<String>,
    /// Whether exactly one block follows, without an end marker.
    pub single_block: bool,
}

impl FrameHeader {
    /// Of content of one block, by an exact model.
    #[must_use]
    pub const fn of_single_block(
        model_id: [u8; MODEL_ID_LEN],
        mode: Mode,
        lane_len: Option<usize>,
    ) -> Self {
        Self {
            model_id,
            content_size: None,
            mode,
            lane_len,
            fingerprint: None,
            single_block: true,
        }
    }

    /// Appends the header to `output`.
    pub fn write(&self, output: &mut Vec<u8>) {
        let flags = [
            (self.fingerprint.is_some(), HAS_FINGERPRINT),
            (self.mode == Mode::Adaptive, ADAPTIVE),
            (self.content_size.is_some(), HAS_CONTENT_SIZE),
            (self.lane_len.is_some(), HAS_LANE_LEN),
            (self.single_block, SINGLE_BLOCK),
        ];
        let set = flags.into_iter().filter(|(is_set, _)| *is_set);
        let flags = set.fold(0, |flags, (_, bit)| flags | bit);

        output.extend(MAGIC_NUMBER);
        output.push(FORMAT_VERSION << VERSION_SHIFT | flags);
        output.extend(self.model_id);
        if let Some(content_size) = self.content_size {
            write_varint(content_size, output);
        }
        if let Some(lane_len) = self.lane_len {
            write_varint(lane_len as u64, output);
        }
        if let Some(fingerprint) = &self.fingerprint {
            let short = phrases::shorten(fingerprint);
            write_varint(short.len() as u64, output);
            output.extend(short);
        }
    }

    /// Reads a header.
    pub fn read(cursor: &mut Cursor<'_>) -> Result<Self> {
        read_magic_number(cursor)?;
        let descriptor = cursor.take(1, "a frame header")?[0];
        check_version(descriptor)?;
        let mut model_id = [0; MODEL_ID_LEN];
        model_id.copy_from_slice(cursor.take(MODEL_ID_LEN, "a frame header")?);
        let content_size = match descriptor & HAS_CONTENT_SIZE {
            0 => None,
            _ => Some(cursor.take_varint("a frame header")?),
        };
        let lane_len = match descriptor & HAS_LANE_LEN {
            0 => None,
            _ => match take_len(cursor, "a frame header")? {
                None | Some(0) => return Err(Error::InvalidHeader(LANE_LEN_RULE)),
                stated => stated,
            },
        };
        let fingerprint = match descriptor & HAS_FINGERPRINT {
            0 => None,
            _ => Some(read_fingerprint(cursor)?),
        };
        let mode = match descriptor & ADAPTIVE {
            0 => Mode::Static,
            _ => Mode::Adaptive,
        };
        Ok(Self {
            model_id,
            content_size,
            mode,
            lane_len,
            fingerprint,
            single_block: descriptor & SINGLE_BLOCK != 0,
        })
    }

    /// Whether a check follows the end mark: where nothing else tells that blocks are missing before it.
    pub(crate) const fn has_end_check(&self) -> bool {
        !self.single_block && self.content_size.is_none()
    }

    /// How the content of a block is divided into lanes, if the network predicts it.
    #[must_use]
    pub fn lanes(&self, content_len: usize) -> Lanes {
        match (self.lane_len, self.mode) {
            (Some(lane_len), _) => Lanes::of(content_len, lane_len),
            (None, Mode::Static) => Lanes::of(content_len, STATIC_LANE_LEN),
            (None, Mode::Adaptive) => Lanes::single(content_len),
        }
    }

    /// Checks that the frame was written with this predictor's model and, if that computes in floating
    /// point, under its conditions.
    pub fn check_predictor(&self, predictor: &dyn Predictor) -> Result<()> {
        let actual = abbreviate(predictor.model_id());
        if self.model_id != actual {
            return Err(Error::ModelMismatch {
                expected: to_hex(self.model_id),
                actual: to_hex(actual),
            });
        }
        if predictor.accepts(self.fingerprint.as_deref()) {
            return Ok(());
        }
        Err(Error::FingerprintMismatch {
            difference: fingerprint::difference(
                self.fingerprint.as_deref(),
                predictor.fingerprint(),
            ),
        })
    }
}

/// The part of a model's content id that a frame carries.
#[must_use]
pub fn abbreviate(model_id: ModelId) -> [u8; MODEL_ID_LEN] {
    let [first, second, third, ..] = model_id.0;
    [first, second, third]
}

fn to_hex(model_id: [u8; MODEL_ID_LEN]) -> String {
    let [first, second, third] = model_id;
    format!("{first:02x}{second:02x}{third:02x}")
}

fn read_magic_number(cursor: &mut Cursor<'_>) -> Result<()> {
    let offset = cursor.offset();
    let rest = cursor.rest();
    let present_len = rest.len().min(MAGIC_NUMBER.len());
    if rest[..present_len] != MAGIC_NUMBER[..present_len] {
        return Err(Error::WrongMagicNumber { offset });
    }
    cursor
        .take(MAGIC_NUMBER.len(), "a magic number")
        .map(|_| ())
}

fn check_version(descriptor: u8) -> Result<()> {
    match descriptor >> VERSION_SHIFT {
        0 => Err(Error::InvalidHeader("there is no format version 0")),
        FORMAT_VERSION => Ok(()),
        newer => Err(Error::UnsupportedVersion(newer)),
    }
}

fn read_fingerprint(cursor: &mut Cursor<'_>) -> Result<String> {
    let len = cursor.take_varint("a frame header")?;
    let len = usize::try_from(len).ok();
    let len = len.filter(|len| (1..=MAX_FINGERPRINT_LEN).contains(len));
    phrases::expand(cursor.take(len.ok_or(FINGERPRINT_ERROR)?, "a frame header")?)
}

/// How many bytes a fingerprint takes in a frame, where `MAX_FINGERPRINT_LEN` are allowed.
#[must_use]
pub fn fingerprint_len(text: &str) -> usize {
    phrases::shorten(text).len()
}

/// Checks that a predictor's fingerprint fits a frame, and is printable ASCII: it is shown on terminals.
pub fn check_fingerprint(text: &str) -> Result<()> {
    let is_printable = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    let len = fingerprint_len(text);
    if (1..=MAX_FINGERPRINT_LEN).contains(&len) && text.bytes().all(is_printable) {
        return Ok(());
    }
    Err(Error::Predictor(format!(
        "its fingerprint must be printable ASCII that takes 1 to {MAX_FINGERPRINT_LEN} bytes in a frame, and takes {len}: \
         put a hash in the place of what is long"
    )))
}

/// What the payload of a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// The content itself.
    Stored,
    /// Coded symbols.
    Coded {
        /// Length in bytes, `1 .. content_len`.
        len: usize,
        /// What predicted them.
        coding: Coding,
    },
}

/// What predicts the symbols of a coded payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// The network; in adaptive mode, as one of the experts of a mixture.
    Network,
    /// A mixture without the network; in adaptive mode only.
    Mixture,
    /// Their frequencies so far, whatever they follow; in adaptive mode only.
    OrderZero,
}

/// What stands in the place of a length if the coding is `OrderZero`; the length follows.
const ORDER_ZERO: u64 = 1;

/// What stands before the payload of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockHeader {
    /// Length of the block's content in bytes, `1 ..= MAX_BLOCK_LEN`.
    pub content_len: usize,
    /// What follows.
    pub payload: Payload,
    /// CRC-32 of the block's place and content (`Place::check`).
    pub check: u32,
}

impl BlockHeader {
    /// Appends the header to `output`.
    pub fn write(&self, mode: Mode, output: &mut Vec<u8>) {
        write_varint(self.content_len as u64, output);
        self.payload.write(mode, output);
        output.extend(self.check.to_le_bytes());
    }

    /// Reads a header; `None` is the end mark of the frame.
    pub fn read(mode: Mode, cursor: &mut Cursor<'_>) -> Result<Option<Self>> {
        let content_len = take_len(cursor, "a block header")?.ok_or(Error::InvalidHeader(
            "a block's content is longer than 2^24 bytes",
        ))?;
        if content_len == 0 {
            return Ok(None);
        }
        let payload = Payload::read(mode, cursor)?;
        if !payload.is_shorter_than(content_len) {
            return Err(Error::InvalidHeader(
                "a coded payload is empty or not shorter than its content",
            ));
        }
        let check = cursor.take_check("a block header")?;
        Ok(Some(Self {
            content_len,
            payload,
            check,
        }))
    }

    /// Length of the payload that follows, in bytes.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        match self.payload {
            Payload::Stored => self.content_len,
            Payload::Coded { len, .. } => len,
        }
    }
}

impl Payload {
    fn write(self, mode: Mode, output: &mut Vec<u8>) {
        let Self::Coded { len, coding } = self else {
            return write_varint(0, output);
        };
        let len = len as u64;
        match (mode, coding) {
            (Mode::Static, _) => write_varint(len, output),
            (Mode::Adaptive, Coding::Network) => write_varint(2 * len, output),
            (Mode::Adaptive, Coding::Mixture) => write_varint(2 * len + 1, output),
            (Mode::Adaptive, Coding::OrderZero) => {
                write_varint(ORDER_ZERO, output);
                write_varint(len, output);
            }
        }
    }

    fn read(mode: Mode, cursor: &mut Cursor<'_>) -> Result<Self> {
        let field = cursor.take_varint("a block header")?;
        let (len, coding) = match (mode, field) {
            (_, 0) => return Ok(Self::Stored),
            (Mode::Static, len) => (len, Coding::Network),
            (Mode::Adaptive, ORDER_ZERO) => {
                (cursor.take_varint("a block header")?, Coding::OrderZero)
            }
            (Mode::Adaptive, even) if even & 1 == 0 => (even >> 1, Coding::Network),
            (Mode::Adaptive, odd) => (odd >> 1, Coding::Mixture),
        };
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        Ok(Self::Coded { len, coding })
    }

    fn is_shorter_than(self, content_len: usize) -> bool {
        match self {
            Self::Stored => true,
            Self::Coded { len, .. } => (1..content_len).contains(&len),
        }
    }
}

/// Takes a length of at most `MAX_BLOCK_LEN`; `None` if it is greater.
pub(crate) fn take_len(cursor: &mut Cursor<'_>, what: &'static str) -> Result<Option<usize>> {
    let len = usize::try_from(cursor.take_varint(what)?).ok();
    Ok(len.filter(|&len| len <= MAX_BLOCK_LEN))
}
