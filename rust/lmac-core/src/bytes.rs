//! The bytes of a block: content to coded payload and back, symbol by symbol, with a predictor.
//!
//! Encoding and decoding ask the predictor the same questions. The encoder knows the answers and
//! asks many at once (`ROWS_PER_CALL`), the decoder asks one step at a time; an exact predictor
//! gives the same logits to both (predictor.rs), any other is asked one step at a time by both. Neither
//! asks for what follows the last step.
//!
//! Format: docs/format.md, "Lanes".

use crate::adaptive::Mixture;
use crate::block::{ALPHABET_SIZE, Progress, Report};
use crate::error::{Error, Result};
use crate::frame::Mode;
use crate::frequency::FrequencyTable;
use crate::lanes::Lanes;
use crate::predictor::Predictor;
use crate::range_coder::{PayloadError, RangeDecoder, RangeEncoder};

/// How many predictions the encoder asks for in one call, if that is at least one step: enough for
/// a matrix product to run at its full speed, few enough for the logits (64 KiB) to stay in the
/// cache.
const ROWS_PER_CALL: usize = 128;

/// Codes the content of a block; `None` if the payload would be longer than `limit`.
///
/// # Errors
///
/// `Predictor` if the predictor fails, `Interrupted` if `progress` asks to stop.
pub(crate) fn encode(
    content: &[u8],
    lanes: Lanes,
    mode: Mode,
    limit: usize,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Option<Vec<u8>>> {
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
/// # Errors
///
/// What `corrupted` makes of a payload that does not hold all symbols, `Predictor` if the predictor
/// fails, `Interrupted` if `progress` asks to stop.
pub(crate) fn decode(
    lanes: Lanes,
    mode: Mode,
    decoder: &mut RangeDecoder<'_>,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
    corrupted: impl Fn(PayloadError) -> Error,
) -> Result<Vec<u8>> {
    match mode {
        Mode::Static => decode_each(lanes, predictor, progress, |_, table| {
            let (symbol, slot) = table.symbol_at(decoder.target());
            decoder.consume(slot).map_err(&corrupted)?;
            Ok(symbol as u8)
        }),
        Mode::Adaptive => {
            let mut mixture = Mixture::new(lanes, true);
            decode_each(lanes, predictor, progress, |lane, table| {
                let symbol = mixture.decode(lane, Some(table), decoder);
                symbol.map_err(&corrupted)
            })
        }
    }
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

/// The payload of content that is coded by what it shows itself alone.
///
/// # Errors
///
/// `Interrupted` if `progress` asks to stop.
pub(crate) fn encode_without_network(
    content: &[u8],
    progress: &mut Progress<'_>,
) -> Result<Vec<u8>> {
    let mut encoder = RangeEncoder::new();
    let mut mixture = Mixture::new(Lanes::single(content.len()), false);
    let mut report = Report::new(progress);
    for &symbol in content {
        mixture.encode(0, symbol, None, &mut encoder);
        report.add(1)?;
    }
    Ok(encoder.finish())
}

/// The inverse of `encode_without_network`.
///
/// # Errors
///
/// What `corrupted` makes of a payload that does not hold all symbols, `Interrupted` if `progress`
/// asks to stop.
pub(crate) fn decode_without_network(
    content_len: usize,
    decoder: &mut RangeDecoder<'_>,
    progress: &mut Progress<'_>,
    corrupted: impl Fn(PayloadError) -> Error,
) -> Result<Vec<u8>> {
    let mut mixture = Mixture::new(Lanes::single(content_len), false);
    let mut report = Report::new(progress);
    let mut next = || {
        report.add(1)?;
        mixture.decode(0, None, decoder).map_err(&corrupted)
    };
    (0..content_len).map(|_| next()).collect()
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
