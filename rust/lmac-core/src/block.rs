//! A block: content to coded payload and back, symbol by symbol, with a predictor.
//!
//! The content is divided into *lanes*, contiguous segments that a predictor advances in
//! lock-step, one symbol each per step, so that a model always runs as a batch. All lanes share
//! one range coder, which takes the symbols in the order (step, lane): a lane costs no header and
//! no flush. The price is a fresh context at the beginning of each lane.
//!
//! Encoding and decoding ask the predictor the same questions. The encoder knows the answers and
//! asks many at once (`ROWS_PER_CALL`), the decoder asks one step at a time; an exact predictor
//! gives the same logits to both (predictor.rs). Neither asks for what follows the last step.
//!
//! Headers and checksums are the matter of frame.rs and codec.rs. Format: docs/format.md, "Lanes".

use crate::error::{Error, Result};
use crate::frequency::FrequencyTable;
use crate::predictor::Predictor;
use crate::range_coder::{PayloadError, RangeDecoder, RangeEncoder};

/// The symbols of the format are bytes.
pub const ALPHABET_SIZE: usize = 256;

/// The greatest number of lanes in a block; it bounds what a hostile header can make a predictor
/// allocate.
pub const MAX_LANES: usize = 4096;

/// How many predictions the encoder asks for in one call, if that is at least one step: enough for
/// a matrix product to run at its full speed, few enough for the logits (64 KiB) to stay in the
/// cache. It is also how many symbols pass between two reports of progress.
const ROWS_PER_CALL: usize = 128;

/// Told how many bytes of content are done so far; answers whether to go on.
pub type Progress<'a> = dyn FnMut(u64) -> bool + 'a;

/// How a block's content is divided into lanes.
///
/// Every lane has `short_len` or `short_len + 1` symbols, the long ones come first. At least one
/// symbol is in each lane, so the symbol before step `t >= 1` exists in every lane, also in those
/// that have no symbol at the last step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lanes {
    count: usize,
    short_len: usize,
    long_count: usize,
}

impl Lanes {
    /// Divides `content_len >= 1` bytes into lanes of about `lane_len >= 1` bytes.
    fn of(content_len: usize, lane_len: usize) -> Self {
        let count = content_len.div_ceil(lane_len).clamp(1, MAX_LANES);
        Self {
            count,
            short_len: content_len / count,
            long_count: content_len % count,
        }
    }

    /// Where a lane begins in the content.
    fn start(&self, lane: usize) -> usize {
        lane * self.short_len + lane.min(self.long_count)
    }

    /// How many steps the longest lane has.
    fn steps(&self) -> usize {
        self.short_len + usize::from(self.long_count > 0)
    }

    /// How many lanes, from the first, have a symbol at this step.
    fn count_at(&self, step: usize) -> usize {
        if step < self.short_len {
            self.count
        } else {
            self.long_count
        }
    }

    /// The symbol that a lane's predictor sees at `step`: the one before.
    fn input(&self, content: &[u8], lane: usize, step: usize) -> u16 {
        match step.checked_sub(1) {
            None => ALPHABET_SIZE as u16, // begins a context
            Some(previous) => u16::from(content[self.start(lane) + previous]),
        }
    }
}

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

/// Codes the content of a block; `None` if the payload would not be shorter than the content.
///
/// `progress` is told the bytes of this block that are done.
///
/// # Errors
///
/// `Predictor` if the predictor fails or its symbols are not bytes, `Interrupted` if `progress`
/// asks to stop.
///
/// # Panics
///
/// If `lane_len` is 0.
pub fn encode(
    content: &[u8],
    lane_len: usize,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Option<Vec<u8>>> {
    check_alphabet(predictor)?;
    if content.is_empty() {
        return Ok(None);
    }
    let lanes = Lanes::of(content.len(), lane_len);
    let mut scorer = Scorer::start(lanes, predictor)?;
    let mut encoder = RangeEncoder::new();
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    let mut report = Report::new(progress);
    for first_step in (0..lanes.steps()).step_by(scorer.steps_per_call) {
        let steps = scorer.steps_per_call.min(lanes.steps() - first_step);
        scorer.score(content, first_step, steps)?;
        for step in first_step..first_step + steps {
            for lane in 0..lanes.count_at(step) {
                let symbol = usize::from(content[lanes.start(lane) + step]);
                table.set_logits(scorer.logits(lane, step));
                encoder.encode(table.slot(symbol));
            }
            report.add(lanes.count_at(step))?;
        }
        if encoder.written_len() + 1 >= content.len() {
            return Ok(None);
        }
    }
    Ok(Some(encoder.finish()))
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
///
/// # Panics
///
/// If `lane_len` is 0.
pub fn decode(
    payload: &[u8],
    content_len: usize,
    lane_len: usize,
    predictor: &mut dyn Predictor,
    place: Place,
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    check_alphabet(predictor)?;
    if content_len == 0 {
        return Ok(Vec::new());
    }
    let corrupted = |error: PayloadError| place.corrupted(content_len, error.reason());
    let lanes = Lanes::of(content_len, lane_len);
    let mut stepper = Scorer::start_stepping(lanes, predictor)?;
    let mut decoder = RangeDecoder::new(payload);
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    let mut content = vec![0; content_len];
    let mut report = Report::new(progress);
    for step in 0..lanes.steps() {
        stepper.score(&content, step, 1)?;
        for lane in 0..lanes.count_at(step) {
            table.set_logits(stepper.logits(lane, step));
            let (symbol, slot) = table.symbol_at(decoder.target());
            decoder.consume(slot).map_err(corrupted)?;
            content[lanes.start(lane) + step] = symbol as u8;
        }
        report.add(lanes.count_at(step))?;
    }
    decoder.finish().map_err(corrupted)?;
    Ok(content)
}

fn check_alphabet(predictor: &dyn Predictor) -> Result<()> {
    match predictor.alphabet_size() {
        ALPHABET_SIZE => Ok(()),
        other => Err(Error::Predictor(format!(
            "the codec needs an alphabet of {ALPHABET_SIZE} symbols, this predictor has {other}"
        ))),
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
    symbols: Vec<u16>, // (lanes, steps)
    logits: Vec<i16>,  // (lanes, steps, ALPHABET_SIZE)
}

impl<'a> Scorer<'a> {
    /// For an encoder: as many steps a call as make `ROWS_PER_CALL` rows.
    fn start(lanes: Lanes, predictor: &'a mut dyn Predictor) -> Result<Self> {
        let steps_per_call = (ROWS_PER_CALL / lanes.count).clamp(1, lanes.steps());
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
        predictor.start(lanes.count)?;
        let rows = lanes.count * steps_per_call;
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
        let rows = self.lanes.count * steps;
        for (lane, symbols) in self.symbols[..rows].chunks_exact_mut(steps).enumerate() {
            for (symbol, step) in symbols.iter_mut().zip(first_step..) {
                *symbol = self.lanes.input(content, lane, step);
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
struct Report<'a, 'b> {
    progress: &'a mut Progress<'b>,
    done: usize,
    reported: usize,
}

impl<'a, 'b> Report<'a, 'b> {
    fn new(progress: &'a mut Progress<'b>) -> Self {
        Self {
            progress,
            done: 0,
            reported: 0,
        }
    }

    fn add(&mut self, symbols: usize) -> Result<()> {
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
