//! The one error type of the core: one variant per broken rule, the data in the variant.
//!
//! The binding maps the variants onto the Python family (`FormatError`, `ModelMismatchError`,
//! `CorruptedDataError`, `PredictorError`); every message says what was wrong and what to do.

use crate::models::model_id::ModelId;

/// Everything that can go wrong between bytes and bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input does not begin with the magic number of a frame.
    #[error(
        "not an lmac file: byte {offset} does not begin a frame; check that this is the right file"
    )]
    WrongMagicNumber {
        /// Where in the input the frame was expected, in bytes.
        offset: u64,
    },
    /// The frame was written by a newer lmac.
    #[error(
        "format version {0} is newer than this lmac understands; upgrade lmac to read the file"
    )]
    UnsupportedVersion(u8),
    /// A field of a frame or block header breaks a rule of docs/format.md.
    #[error("invalid frame header: {0}; the file is damaged or was not written by lmac")]
    InvalidHeader(&'static str),
    /// The input ends inside a frame.
    #[error("the file is truncated: it ends inside {0}; get a complete copy")]
    Truncated(&'static str),
    /// A block's coded symbols are inconsistent or its check does not match.
    #[error(
        "block {block} is damaged or was put here from another place ({reason}): {content_len} bytes from byte {content_offset} of the content cannot be restored; get another copy of the file"
    )]
    CorruptedBlock {
        /// Index of the block in its frame, from 0.
        block: u64,
        /// Offset of the block's first byte in the frame's content.
        content_offset: u64,
        /// Length of the block's content, in bytes.
        content_len: u64,
        /// Which rule was broken.
        reason: &'static str,
    },
    /// The frame's blocks do not add up to the content size of its header.
    #[error(
        "the frame holds {actual} bytes of content but its header says {expected}; the file is damaged"
    )]
    ContentSizeMismatch {
        /// The header's `content_size`, in bytes.
        expected: u64,
        /// What the blocks hold, in bytes.
        actual: u64,
    },
    /// The end of a frame is not the one that was written behind its blocks.
    #[error(
        "the end of the frame does not belong to the {content_len} bytes of content before it: blocks are missing, or are not its own; get another copy of the file"
    )]
    WrongEnd {
        /// What the blocks hold, in bytes.
        content_len: u64,
    },
    /// The content is larger than the caller allows.
    #[error(
        "the content is larger than the limit of {limit} bytes; raise the limit to decompress it"
    )]
    OutputLimit {
        /// The caller's limit, in bytes.
        limit: u64,
    },
    /// The system has no more memory.
    #[error(
        "not enough memory: {bytes} bytes more cannot be had; use fewer threads, shorter blocks or longer lanes"
    )]
    OutOfMemory {
        /// What was asked for, in bytes.
        bytes: u64,
    },
    /// A block takes more memory than the caller allows.
    #[error(
        "a block needs {needed} bytes of memory, and the limit is {limit}; raise the limit (max_memory, -M), or compress in shorter blocks"
    )]
    MemoryLimit {
        /// What it takes, in bytes.
        needed: u64,
        /// The caller's limit, in bytes.
        limit: u64,
    },
    /// The content is not as long as the caller announced.
    #[error(
        "the content has {actual} bytes or more, but {pledged} were announced; announce its true size, or none"
    )]
    PledgeExceeded {
        /// What was announced, in bytes.
        pledged: u64,
        /// What there is so far, in bytes.
        actual: u64,
    },
    /// The content ended before it was as long as the caller announced.
    #[error(
        "the content ends after {actual} bytes, but {pledged} were announced; announce its true size, or none"
    )]
    PledgeMissed {
        /// What was announced, in bytes.
        pledged: u64,
        /// What there is, in bytes.
        actual: u64,
    },
    /// A stream goes on after an error.
    #[error(
        "an earlier call of this compressor failed and its frame is incomplete; begin a new one"
    )]
    StreamFailed,
    /// One of many records cannot be restored.
    #[error("record {index}: {error}")]
    InRecord {
        /// Which one, from 0.
        index: usize,
        /// Why.
        error: Box<Error>,
    },
    /// The frame was written with another model.
    #[error(
        "the frame was compressed with model {expected}, but the model given is {actual}; pass the model that was used to compress it"
    )]
    ModelMismatch {
        /// The model id of the frame header, as hexadecimal digits.
        expected: String,
        /// The model at hand, as the same number of hexadecimal digits.
        actual: String,
    },
    /// The frame was written by a model in floating point, under other conditions.
    #[error(
        "the frame was compressed under other conditions, and numbers in floating point depend on them: {difference}; decompress it where all is the same, or try it with ignore_fingerprint (lmac --ignore-fingerprint): if the numbers differ, the checks of the blocks will say so"
    )]
    FingerprintMismatch {
        /// What differs.
        difference: String,
    },
    /// A model file breaks a rule of docs/exact-transformer.md.
    #[error("invalid model file: {0}")]
    InvalidModel(String),
    /// The executor does not reproduce the known answers stored in the model file.
    #[error(
        "model {model_id} failed its self-test: this executor does not reproduce the known answers in the model file; the file is damaged or this build is faulty"
    )]
    KnownAnswerMismatch {
        /// The full id of the model.
        model_id: ModelId,
    },
    /// A setting of the caller is outside its limits.
    #[error("invalid setting: {0}")]
    InvalidSetting(&'static str),
    /// A predictor broke its contract.
    #[error("predictor error: {0}")]
    Predictor(String),
    /// The caller's progress function asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The same error, found in one of many records; an error of no record stays what it is.
    pub(crate) fn in_record(self, index: usize) -> Self {
        match self {
            Self::Predictor(_)
            | Self::Interrupted
            | Self::OutputLimit { .. }
            | Self::OutOfMemory { .. }
            | Self::MemoryLimit { .. } => self,
            _ => Self::InRecord {
                index,
                error: Box::new(self),
            },
        }
    }
}

/// The result of every fallible function of this crate.
pub type Result<T> = std::result::Result<T, Error>;
