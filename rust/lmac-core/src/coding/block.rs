//! A block: what becomes of its content, and what a payload is restored to.
//!
//! A block is coded with the network or, in adaptive mode, without it or by the mere frequency of
//! symbols, whichever pays; what does not shrink is stored, noise (noise.rs) without trying. Its content is divided into *lanes*, contiguous segments that a predictor
//! advances in lock-step, one symbol each per step, so that a model always runs as a batch. All lanes share
//! one range coder, which takes the symbols in the order (step, lane): a lane costs no header and
//! no flush. The price is a fresh context at the beginning of each lane.
//!
//! Symbols are bytes (bytes.rs) or, if the predictor has a vocabulary, tokens (tokens.rs). Headers and
//! checks are the matter of format and codec.rs. Format: docs/format.md, "Blocks" and "Lanes".

use crate::coding::bytes;
use crate::coding::noise::is_noise;
use crate::coding::range_coder::{PayloadError, RangeDecoder};
use crate::coding::tokens;
use crate::cpu::InstructionSet;
use crate::error::{Error, Result};
use crate::format::frame::{ALPHABET_SIZE, Coding, FrameHeader, Mode};
use crate::format::lanes::Lanes;
use crate::format::place::Place;
use crate::predictor::Predictor;
use crate::progress::{Progress, Report};

/// A coded payload: `Vec<u8>` when it is made, `&[u8]` when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coded<Bytes> {
    /// The payload.
    pub bytes: Bytes,
    /// What predicts the symbols.
    pub coding: Coding,
}

impl<Bytes> Coded<Bytes> {
    pub(crate) const fn with_network(bytes: Bytes) -> Self {
        let coding = Coding::Network;
        Self { bytes, coding }
    }
}

/// Codes the content of a block; `None` if the payload would not be shorter than the content.
///
/// In adaptive mode, the network is left out where it does not pay (`NETWORK_PAYS`).
///
/// `progress` is told how much of this block is done.
///
/// # Errors
///
/// `Predictor` if the predictor fails or its symbols are not bytes, `Interrupted` if `progress`
/// asks to stop.
pub fn encode(
    content: &[u8],
    frame: &FrameHeader,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Option<Coded<Vec<u8>>>> {
    check_ready(predictor)?;
    if content.is_empty() || is_incompressible(content, predictor)? {
        return Ok(None);
    }
    let coded = match frame.mode {
        Mode::Static => {
            let (lanes, limit) = (frame.lanes(content.len()), content.len());
            let bytes =
                encode_with_network(content, lanes, Mode::Static, limit, predictor, progress)?;
            bytes.map(Coded::with_network)
        }
        Mode::Adaptive => encode_adaptive(content, frame, predictor, progress)?,
    };
    Ok(coded.filter(|coded| coded.bytes.len() < content.len()))
}

/// The network pays if it saves one byte in this many. It takes many times as long as all else,
/// for the encoder and for every decoder.
const NETWORK_PAYS: usize = 512;

/// Without the network, what is coded this much shorter has not enough left for the network to pay.
const REDUNDANT: usize = 128;

/// Content up to this length is not worth the question: the network always codes it.
pub(crate) const SHORT: usize = 1 << 12;

/// How much of a block is coded twice to see whether the network pays, and how much once to see whether it is noise.
const TRIAL_LEN: usize = 1 << 14;
const NOISE_TRIAL_LEN: usize = 1 << 12;
/// In how many pieces.
const TRIAL_PIECES: usize = 4;

/// The part of the progress, 1 in this many, that belongs to coding without the network.
const PROGRESS_SHARE: u64 = 16;

fn encode_adaptive(
    content: &[u8],
    frame: &FrameHeader,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Option<Coded<Vec<u8>>>> {
    let lanes = frame.lanes(content.len());
    if content.len() <= SHORT {
        let bytes = encode_with_network(
            content,
            lanes,
            Mode::Adaptive,
            content.len(),
            predictor,
            progress,
        )?;
        return Ok(bytes.map(Coded::with_network));
    }
    let share = content.len() as u64 / PROGRESS_SHARE;
    let mut first_progress =
        |report: Report| progress(report.with_done(report.done / PROGRESS_SHARE));
    let without = without_network(content, &mut first_progress)?;
    let worth = without
        .bytes
        .len()
        .saturating_sub(content.len() / NETWORK_PAYS);
    let mut trial_progress = |report: Report| progress(report.with_done(share));
    if without.bytes.len() <= content.len() / REDUNDANT
        || !trial_pays(content, predictor, &mut trial_progress)?
    {
        return Ok(Some(without));
    }
    let mut second_progress = |report: Report| {
        let rest = report.done - report.done / PROGRESS_SHARE;
        progress(report.with_done(share + rest))
    };
    let with = encode_with_network(
        content,
        lanes,
        Mode::Adaptive,
        worth,
        predictor,
        &mut second_progress,
    )?;
    Ok(Some(match with {
        Some(bytes) => Coded::with_network(bytes),
        None => without,
    }))
}

/// The mixture without the network, or the frequencies of the symbols, if they say no less.
fn without_network(content: &[u8], progress: &mut Progress<'_>) -> Result<Coded<Vec<u8>>> {
    let mixed = bytes::encode_without_network(content, progress)?;
    let order_zero = bytes::encode_order_zero(content, &mut |_| true)?;
    let (bytes, coding) = if order_zero.len() <= mixed.len() {
        (order_zero, Coding::OrderZero)
    } else {
        (mixed, Coding::Mixture)
    };
    Ok(Coded { bytes, coding })
}

/// Whether the network may pay for the whole block, judged by a few pieces of it.
fn trial_pays(
    content: &[u8],
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<bool> {
    if content.len() <= 8 * TRIAL_LEN {
        return Ok(true);
    }
    let trial = sample(content, TRIAL_LEN);
    let without_len = bytes::encode_without_network(&trial, &mut |_| true)?.len();
    let worth = without_len.saturating_sub(TRIAL_LEN / NETWORK_PAYS);
    let lanes = Lanes::single(TRIAL_LEN);
    let with = encode_with_network(&trial, lanes, Mode::Adaptive, worth, predictor, progress)?;
    Ok(with.is_some())
}

/// Whether content that is long enough for the question is noise, and neither the mixture nor the network, which may know
/// what no statistics show, finds anything in pieces of it.
pub(crate) fn is_incompressible(content: &[u8], predictor: &mut dyn Predictor) -> Result<bool> {
    if content.len() <= SHORT || !is_noise(content) {
        return Ok(false);
    }
    let progress: &mut Progress<'_> = &mut |_| true;
    let trial = sample(content, NOISE_TRIAL_LEN);
    if bytes::encode_without_network(&trial, progress)?.len() < trial.len() {
        return Ok(false);
    }
    let piece = &trial[..NOISE_TRIAL_LEN / TRIAL_PIECES];
    let (lanes, limit) = (Lanes::single(piece.len()), piece.len() - 1);
    let with = encode_with_network(piece, lanes, Mode::Static, limit, predictor, progress)?;
    Ok(with.is_none())
}

/// `len` bytes from all over the content, which is longer.
fn sample(content: &[u8], len: usize) -> Vec<u8> {
    let pieces = content.chunks(content.len() / TRIAL_PIECES);
    let first_parts = pieces.take(TRIAL_PIECES);
    let parts: Vec<&[u8]> = first_parts
        .map(|piece| &piece[..len / TRIAL_PIECES])
        .collect();
    parts.concat()
}

/// `None` if the payload would be longer than `limit`.
pub(crate) fn encode_with_network(
    content: &[u8],
    lanes: Lanes,
    mode: Mode,
    limit: usize,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Option<Vec<u8>>> {
    if let Some(vocabulary) = predictor.vocabulary() {
        let vocabulary = &vocabulary;
        return tokens::encode(content, lanes, mode, limit, vocabulary, predictor, progress);
    }
    bytes::encode(content, lanes, mode, limit, predictor, progress)
}

/// Codes the content of a block without the network; `None` if the mode has no such way, or if the
/// payload would not be shorter than the content.
pub(crate) fn encode_without_network(
    content: &[u8],
    mode: Mode,
    progress: &mut Progress<'_>,
) -> Result<Option<Coded<Vec<u8>>>> {
    if mode == Mode::Static {
        return Ok(None);
    }
    let coded = without_network(content, progress)?;
    Ok(Some(coded).filter(|coded| coded.bytes.len() < content.len()))
}

/// Restores the content of a block from its payload.
///
/// `progress` is told how much of this block is done.
///
/// # Errors
///
/// `CorruptedBlock` if the payload does not hold exactly `content_len` symbols (other damage is
/// for the check to find), `Predictor` if the predictor fails or its symbols are not bytes,
/// `Interrupted` if `progress` asks to stop.
pub fn decode(
    coded: Coded<&[u8]>,
    content_len: usize,
    frame: &FrameHeader,
    predictor: &mut dyn Predictor,
    place: Place,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    check_ready(predictor)?;
    if content_len == 0 {
        return Ok(Vec::new());
    }
    let corrupted = |error: PayloadError| place.corrupted(content_len, error.reason());
    let mut decoder = RangeDecoder::new(coded.bytes);
    let (lanes, mode) = (frame.lanes(content_len), frame.mode);
    let content = match (coded.coding, predictor.vocabulary()) {
        (Coding::OrderZero, _) => {
            bytes::decode_order_zero(content_len, &mut decoder, progress, corrupted)?
        }
        (Coding::Mixture, _) => {
            bytes::decode_without_network(content_len, &mut decoder, progress, corrupted)?
        }
        (Coding::Network, None) => {
            bytes::decode(lanes, mode, &mut decoder, predictor, progress, corrupted)?
        }
        (Coding::Network, Some(vocabulary)) => {
            let (decoder, vocabulary) = (&mut decoder, &vocabulary);
            tokens::decode(
                lanes, mode, decoder, vocabulary, predictor, progress, corrupted,
            )?
        }
    };
    decoder.finish().map_err(corrupted)?;
    Ok(content)
}

/// Checks what coding relies upon: the instructions that `LMAC_SIMD` names, and the alphabet of the predictor.
pub(crate) fn check_ready(predictor: &dyn Predictor) -> Result<()> {
    InstructionSet::from_environment()?;
    let (needed, actual) = match predictor.vocabulary() {
        None => (ALPHABET_SIZE, predictor.alphabet_size()),
        Some(vocabulary) => (predictor.alphabet_size(), vocabulary.alphabet_size()),
    };
    if needed == actual {
        return Ok(());
    }
    Err(Error::Predictor(format!(
        "the codec needs an alphabet of {needed} symbols, this predictor has {actual}"
    )))
}
