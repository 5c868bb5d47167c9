//! The bytes of a block: content to coded payload and back, symbol by symbol, with a predictor.
//!
//! Encoding and decoding ask the predictor the same questions. The encoder knows the answers and
//! asks many at once (`ROWS_PER_CALL`), the decoder asks one step at a time; an exact predictor
//! gives the same logits to both (predictor.rs), any other is asked one step at a time by both. Neither
//! asks for what follows the last step.
//!
//! Format: docs/format.md, "Lanes".

use crate::coding::adaptive::{Mixture, OrderZero};
use crate::coding::frequency::FrequencyTable;
use crate::coding::range_coder::{PayloadError, RangeDecoder, RangeEncoder};
use crate::coding::scorer::{Scorer, byte_before};
use crate::error::{Error, Result};
use crate::format::frame::{ALPHABET_SIZE, Mode};
use crate::format::lanes::Lanes;
use crate::memory::{filled, reserve};
use crate::predictor::Predictor;
use crate::progress::{Progress, Reporter};

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
    match mode {
        Mode::Static => {
            let encode = |_, symbol: u8, table: &FrequencyTable, encoder: &mut RangeEncoder| {
                encoder.encode(table.slot(symbol.into()));
            };
            encode_each(content, lanes, limit, predictor, progress, encode)
        }
        Mode::Adaptive => {
            let mut mixture = Mixture::new(lanes, true)?;
            let encode = |lane, symbol, table: &FrequencyTable, encoder: &mut RangeEncoder| {
                mixture.encode(lane, symbol, Some(table), encoder);
            };
            encode_each(content, lanes, limit, predictor, progress, encode)
        }
    }
}

/// Asks the predictor about every symbol, in the order (step, lane), and has `encode` write it, as long
/// as the payload is within `limit`.
fn encode_each(
    content: &[u8],
    lanes: Lanes,
    limit: usize,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
    mut encode: impl FnMut(usize, u8, &FrequencyTable, &mut RangeEncoder),
) -> Result<Option<Vec<u8>>> {
    let steps_per_call = match predictor.fingerprint() {
        None => (ROWS_PER_CALL / lanes.count()).clamp(1, lanes.steps()),
        Some(_) => 1, // as the decoder
    };
    let mut scorer = Scorer::start(lanes.count(), predictor)?;
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    let mut encoder = RangeEncoder::of_content(content.len())?;
    let mut reporter = Reporter::new(progress);
    for first_step in (0..lanes.steps()).step_by(steps_per_call) {
        let steps = steps_per_call.min(lanes.steps() - first_step);
        scorer.score(steps, |lane, step| {
            byte_before(&content[lanes.start(lane)..], first_step + step)
        })?;
        for step in first_step..first_step + steps {
            for lane in 0..lanes.count_at(step) {
                table.set_logits(scorer.logits(lane, step - first_step));
                let symbol = content[lanes.start(lane) + step];
                encode(lane, symbol, &table, &mut encoder);
                if encoder.written_len() > limit {
                    return Ok(None);
                }
            }
            reporter.add(lanes.count_at(step), encoder.written_len())?;
        }
    }
    Ok(Some(encoder.finish()).filter(|bytes| bytes.len() <= limit))
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
        Mode::Static => {
            let decode = |_, table: &FrequencyTable, decoder: &mut RangeDecoder<'_>| {
                let (symbol, slot) = table.symbol_at(decoder.target());
                decoder.consume(slot).map_err(&corrupted)?;
                Ok(symbol as u8)
            };
            decode_each(lanes, decoder, predictor, progress, decode)
        }
        Mode::Adaptive => {
            let mut mixture = Mixture::new(lanes, true)?;
            let decode = |lane, table: &FrequencyTable, decoder: &mut RangeDecoder<'_>| {
                let symbol = mixture.decode(lane, Some(table), decoder);
                symbol.map_err(&corrupted)
            };
            decode_each(lanes, decoder, predictor, progress, decode)
        }
    }
}

/// Asks the predictor about every symbol in the order (step, lane), and `decode` what it is.
fn decode_each(
    lanes: Lanes,
    decoder: &mut RangeDecoder<'_>,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
    mut decode: impl FnMut(usize, &FrequencyTable, &mut RangeDecoder<'_>) -> Result<u8>,
) -> Result<Vec<u8>> {
    let mut scorer = Scorer::start(lanes.count(), predictor)?;
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    let mut content = filled(0, lanes.content_len())?;
    let mut reporter = Reporter::new(progress);
    for step in 0..lanes.steps() {
        scorer.score(1, |lane, _| {
            byte_before(&content[lanes.start(lane)..], step)
        })?;
        for lane in 0..lanes.count_at(step) {
            table.set_logits(scorer.logits(lane, 0));
            content[lanes.start(lane) + step] = decode(lane, &table, decoder)?;
        }
        reporter.add(lanes.count_at(step), decoder.read_len())?;
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
    let mut mixture = Mixture::new(Lanes::single(content.len()), false)?;
    let encode = |symbol, encoder: &mut RangeEncoder| mixture.encode(0, symbol, None, encoder);
    encode_symbols(content, progress, encode)
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
    let mut mixture = Mixture::new(Lanes::single(content_len), false)?;
    let decode = |decoder: &mut RangeDecoder<'_>| {
        let symbol = mixture.decode(0, None, decoder);
        symbol.map_err(&corrupted)
    };
    decode_symbols(content_len, decoder, progress, decode)
}

/// The payload of content whose symbols are coded by their frequencies alone.
///
/// # Errors
///
/// As `encode_without_network`.
pub(crate) fn encode_order_zero(content: &[u8], progress: &mut Progress<'_>) -> Result<Vec<u8>> {
    let mut order_zero = OrderZero::new();
    let encode = |symbol, encoder: &mut RangeEncoder| order_zero.encode(symbol, encoder);
    encode_symbols(content, progress, encode)
}

/// The inverse of `encode_order_zero`.
///
/// # Errors
///
/// As `decode_without_network`.
pub(crate) fn decode_order_zero(
    content_len: usize,
    decoder: &mut RangeDecoder<'_>,
    progress: &mut Progress<'_>,
    corrupted: impl Fn(PayloadError) -> Error,
) -> Result<Vec<u8>> {
    let mut order_zero = OrderZero::new();
    let decode = |decoder: &mut RangeDecoder<'_>| order_zero.decode(decoder).map_err(&corrupted);
    decode_symbols(content_len, decoder, progress, decode)
}

/// Writes all symbols in order, without a predictor.
fn encode_symbols(
    content: &[u8],
    progress: &mut Progress<'_>,
    mut encode: impl FnMut(u8, &mut RangeEncoder),
) -> Result<Vec<u8>> {
    let mut encoder = RangeEncoder::of_content(content.len())?;
    let mut reporter = Reporter::new(progress);
    for &symbol in content {
        encode(symbol, &mut encoder);
        reporter.add(1, encoder.written_len())?;
    }
    Ok(encoder.finish())
}

/// Reads all symbols in order, without a predictor.
fn decode_symbols(
    content_len: usize,
    decoder: &mut RangeDecoder<'_>,
    progress: &mut Progress<'_>,
    mut decode: impl FnMut(&mut RangeDecoder<'_>) -> Result<u8>,
) -> Result<Vec<u8>> {
    let mut reporter = Reporter::new(progress);
    let mut next = || {
        let symbol = decode(decoder)?;
        reporter.add(1, decoder.read_len())?;
        Ok(symbol)
    };
    let mut content = Vec::new();
    reserve(&mut content, content_len)?;
    for _ in 0..content_len {
        content.push(next()?);
    }
    Ok(content)
}
