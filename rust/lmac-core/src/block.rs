//! A block: content to coded payload and back, symbol by symbol, with a predictor.
//!
//! The content is divided into *lanes*, contiguous segments that a predictor advances in
//! lock-step, one symbol each per step, so that a model always runs as a batch. All lanes share
//! one range coder, which takes the symbols in the order (step, lane): a lane costs no header and
//! no flush. The price is a fresh context at the beginning of each lane.
//!
//! Encoding and decoding ask the predictor the same questions. The encoder knows the answers and
//! asks many at once (`ROWS_PER_CALL`), the decoder asks one step at a time; an exact predictor
//! gives the same logits to both (predictor.rs), any other is asked one step at a time by both. Neither
//! asks for what follows the last step.
//!
//! Symbols are bytes here. Those of a predictor that has a vocabulary are tokens: tokens.rs.
//!
//! Headers and checksums are the matter of frame.rs and codec.rs. Format: docs/format.md, "Lanes".

use crate::adaptive::Mixture;
use crate::error::{Error, Result};
use crate::frame::{FrameHeader, Mode};
use crate::frequency::FrequencyTable;
use crate::lanes::Lanes;
use crate::predictor::Predictor;
use crate::range_coder::{PayloadError, RangeDecoder, RangeEncoder};
use crate::tokens;

/// The symbols of the format are bytes.
pub const ALPHABET_SIZE: usize = 256;

/// How many predictions the encoder asks for in one call, if that is at least one step: enough for
/// a matrix product to run at its full speed, few enough for the logits (64 KiB) to stay in the
/// cache. It is also how many symbols pass between two reports of progress.
const ROWS_PER_CALL: usize = 128;

/// Told how many bytes of content are done so far; answers whether to go on.
pub type Progress<'a> = dyn FnMut(u64) -> bool + 'a;

/// Where a block lies in its frame, for error messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Index of the block in its frame, from 0.
    pub block: u64,
    /// Offset of the block's first byte in the frame's content.
    pub content_offset: u64,
}

impl Place {
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

/// A coded payload: `Vec<u8>` when it is made, `&[u8]` when it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coded<Bytes> {
    /// The payload.
    pub bytes: Bytes,
    /// Whether the network predicts the symbols.
    pub has_network: bool,
}

impl<Bytes> Coded<Bytes> {
    pub(crate) const fn with_network(bytes: Bytes) -> Self {
        let has_network = true;
        Self { bytes, has_network }
    }

    const fn without_network(bytes: Bytes) -> Self {
        let has_network = false;
        Self { bytes, has_network }
    }
}

/// Codes the content of a block; `None` if the payload would not be shorter than the content.
///
/// In adaptive mode, the network is left out where it does not pay (`NETWORK_PAYS`).
///
/// `progress` is told the bytes of this block that are done.
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
    check_alphabet(predictor)?;
    if content.is_empty() {
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

/// How much of a block is coded twice to see whether the network pays, and in how many pieces.
const TRIAL_LEN: usize = 1 << 14;
const TRIAL_PIECES: usize = 4;
const PIECE_LEN: usize = TRIAL_LEN / TRIAL_PIECES;

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
    let mut first_progress = |done: u64| progress(done / PROGRESS_SHARE);
    let without = code_without_network(content, &mut first_progress)?;
    let worth = without.len().saturating_sub(content.len() / NETWORK_PAYS);
    if without.len() <= content.len() / REDUNDANT
        || !trial_pays(content, predictor, &mut |_| progress(share))?
    {
        return Ok(Some(Coded::without_network(without)));
    }
    let mut second_progress = |done: u64| progress(share + done - done / PROGRESS_SHARE);
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
        None => Coded::without_network(without),
    }))
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
    let places = (0..TRIAL_PIECES).map(|piece| piece * (content.len() / TRIAL_PIECES));
    let pieces: Vec<&[u8]> = places
        .map(|place| &content[place..place + PIECE_LEN])
        .collect();
    let trial = pieces.concat();
    let without_len = code_without_network(&trial, &mut |_| true)?.len();
    let worth = without_len.saturating_sub(TRIAL_LEN / NETWORK_PAYS);
    let lanes = Lanes::single(TRIAL_LEN);
    let with = encode_with_network(&trial, lanes, Mode::Adaptive, worth, predictor, progress)?;
    Ok(with.is_some())
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
    let mut encoder = RangeEncoder::new();
    let mut mixture = match mode {
        Mode::Static => None,
        Mode::Adaptive => Some(Mixture::new(lanes, true)),
    };
    encode_each(
        content,
        lanes,
        predictor,
        progress,
        |lane, symbol, table| {
            match &mut mixture {
                None => encoder.encode(table.slot(symbol.into())),
                Some(mixture) => mixture.encode(lane, symbol, Some(table), &mut encoder),
            }
            encoder.written_len() <= limit
        },
    )?;
    Ok(Some(encoder.finish()).filter(|bytes| bytes.len() <= limit))
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
    let coded = Coded::without_network(code_without_network(content, progress)?);
    Ok(Some(coded).filter(|coded| coded.bytes.len() < content.len()))
}

fn code_without_network(content: &[u8], progress: &mut Progress<'_>) -> Result<Vec<u8>> {
    let mut encoder = RangeEncoder::new();
    let mut mixture = Mixture::new(Lanes::single(content.len()), false);
    let mut report = Report::new(progress);
    for &symbol in content {
        mixture.encode(0, symbol, None, &mut encoder);
        report.add(1)?;
    }
    Ok(encoder.finish())
}

/// Asks the predictor about every symbol, in the order (step, lane), until `code` has enough.
fn encode_each(
    content: &[u8],
    lanes: Lanes,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
    mut code: impl FnMut(usize, u8, &FrequencyTable) -> bool,
) -> Result<()> {
    let mut scorer = Scorer::start(lanes, predictor)?;
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    let mut report = Report::new(progress);
    for first_step in (0..lanes.steps()).step_by(scorer.steps_per_call) {
        let steps = scorer.steps_per_call.min(lanes.steps() - first_step);
        scorer.score(content, first_step, steps)?;
        for step in first_step..first_step + steps {
            for lane in 0..lanes.count_at(step) {
                table.set_logits(scorer.logits(lane, step));
                if !code(lane, content[lanes.start(lane) + step], &table) {
                    return Ok(());
                }
            }
            report.add(lanes.count_at(step))?;
        }
    }
    Ok(())
}

/// Restores the content of a block from its payload.
///
/// `progress` is told the bytes of this block that are done.
///
/// # Errors
///
/// `CorruptedBlock` if the payload does not hold exactly `content_len` symbols (other damage is
/// for the checksum to find), `Predictor` if the predictor fails or its symbols are not bytes,
/// `Interrupted` if `progress` asks to stop.
pub fn decode(
    coded: Coded<&[u8]>,
    content_len: usize,
    frame: &FrameHeader,
    predictor: &mut dyn Predictor,
    place: Place,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    check_alphabet(predictor)?;
    if content_len == 0 {
        return Ok(Vec::new());
    }
    let corrupted = |error: PayloadError| place.corrupted(content_len, error.reason());
    let mut decoder = RangeDecoder::new(coded.bytes);
    let lanes = frame.lanes(content_len);
    let vocabulary = predictor.vocabulary().filter(|_| coded.has_network);
    let content = match (vocabulary, frame.mode, coded.has_network) {
        (Some(vocabulary), mode, _) => {
            let decoder = &mut decoder;
            tokens::decode(
                lanes,
                mode,
                decoder,
                &vocabulary,
                predictor,
                progress,
                corrupted,
            )?
        }
        (None, Mode::Static, _) => decode_each(lanes, predictor, progress, |_, table| {
            let (symbol, slot) = table.symbol_at(decoder.target());
            decoder.consume(slot).map_err(corrupted)?;
            Ok(symbol as u8)
        })?,
        (None, Mode::Adaptive, true) => {
            let mut mixture = Mixture::new(lanes, true);
            decode_each(lanes, predictor, progress, |lane, table| {
                let symbol = mixture.decode(lane, Some(table), &mut decoder);
                symbol.map_err(corrupted)
            })?
        }
        (None, Mode::Adaptive, false) => {
            let mut mixture = Mixture::new(Lanes::single(content_len), false);
            let mut report = Report::new(progress);
            let mut next = || {
                report.add(1)?;
                mixture.decode(0, None, &mut decoder).map_err(corrupted)
            };
            (0..content_len).map(|_| next()).collect::<Result<_>>()?
        }
    };
    decoder.finish().map_err(corrupted)?;
    Ok(content)
}

/// Asks the predictor about every symbol in the order (step, lane), and `decode` what it is.
fn decode_each(
    lanes: Lanes,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
    mut decode: impl FnMut(usize, &FrequencyTable) -> Result<u8>,
) -> Result<Vec<u8>> {
    let mut stepper = Scorer::start_stepping(lanes, predictor)?;
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    let mut content = vec![0; lanes.content_len()];
    let mut report = Report::new(progress);
    for step in 0..lanes.steps() {
        stepper.score(&content, step, 1)?;
        for lane in 0..lanes.count_at(step) {
            table.set_logits(stepper.logits(lane, step));
            content[lanes.start(lane) + step] = decode(lane, &table)?;
        }
        report.add(lanes.count_at(step))?;
    }
    Ok(content)
}

pub(crate) fn check_alphabet(predictor: &dyn Predictor) -> Result<()> {
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

/// The symbol that a lane's predictor sees at `step`: the one before.
fn input(lanes: Lanes, content: &[u8], lane: usize, step: usize) -> u32 {
    match step.checked_sub(1) {
        None => ALPHABET_SIZE as u32, // begins a context
        Some(previous) => u32::from(content[lanes.start(lane) + previous]),
    }
}

/// Asks the predictor about a few steps of all lanes at a time.
struct Scorer<'a> {
    lanes: Lanes,
    predictor: &'a mut dyn Predictor,
    /// How many steps the buffers hold.
    steps_per_call: usize,
    /// The steps that the logits belong to: `first_step .. first_step + steps`.
    first_step: usize,
    steps: usize,
    symbols: Vec<u32>, // (lanes, steps)
    logits: Vec<i16>,  // (lanes, steps, ALPHABET_SIZE)
}

impl<'a> Scorer<'a> {
    /// For an encoder: as many steps a call as make `ROWS_PER_CALL` rows, if the predictor is exact.
    fn start(lanes: Lanes, predictor: &'a mut dyn Predictor) -> Result<Self> {
        let steps_per_call = match predictor.fingerprint() {
            None => (ROWS_PER_CALL / lanes.count()).clamp(1, lanes.steps()),
            Some(_) => 1,
        };
        Self::with_steps(steps_per_call, lanes, predictor)
    }

    /// For a decoder: one step a call.
    fn start_stepping(lanes: Lanes, predictor: &'a mut dyn Predictor) -> Result<Self> {
        Self::with_steps(1, lanes, predictor)
    }

    fn with_steps(
        steps_per_call: usize,
        lanes: Lanes,
        predictor: &'a mut dyn Predictor,
    ) -> Result<Self> {
        predictor.start(lanes.count())?;
        let rows = lanes.count() * steps_per_call;
        Ok(Self {
            lanes,
            predictor,
            steps_per_call,
            first_step: 0,
            steps: 0,
            symbols: vec![0; rows],
            logits: vec![0; rows * ALPHABET_SIZE],
        })
    }

    /// Computes the logits of the steps from `first_step`, given the content before each of them.
    fn score(&mut self, content: &[u8], first_step: usize, steps: usize) -> Result<()> {
        (self.first_step, self.steps) = (first_step, steps);
        let rows = self.lanes.count() * steps;
        for (lane, symbols) in self.symbols[..rows].chunks_exact_mut(steps).enumerate() {
            for (symbol, step) in symbols.iter_mut().zip(first_step..) {
                *symbol = input(self.lanes, content, lane, step);
            }
        }
        let logits = &mut self.logits[..rows * ALPHABET_SIZE];
        self.predictor.advance(&self.symbols[..rows], steps, logits)
    }

    /// The logits of a lane's symbol at a step of the last call.
    fn logits(&self, lane: usize, step: usize) -> &[i16] {
        let row = lane * self.steps + step - self.first_step;
        &self.logits[row * ALPHABET_SIZE..][..ALPHABET_SIZE]
    }
}

/// Counts symbols and reports them, but not one by one.
pub(crate) struct Report<'a, 'b> {
    progress: &'a mut Progress<'b>,
    done: usize,
    reported: usize,
}

impl<'a, 'b> Report<'a, 'b> {
    pub(crate) fn new(progress: &'a mut Progress<'b>) -> Self {
        Self {
            progress,
            done: 0,
            reported: 0,
        }
    }

    pub(crate) fn add(&mut self, symbols: usize) -> Result<()> {
        self.done += symbols;
        if self.done - self.reported < ROWS_PER_CALL {
            return Ok(());
        }
        self.reported = self.done;
        if (self.progress)(self.done as u64) {
            Ok(())
        } else {
            Err(Error::Interrupted)
        }
    }
}
