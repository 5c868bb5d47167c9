//! The tokens of a block: content to coded payload and back, with a predictor that has a vocabulary.
//!
//! As bytes.rs, but the content of each lane is a sequence of tokens, and all lanes advance by one
//! token a step. Lanes are as long as each other in bytes, not in tokens: one that is complete waits
//! for the others, and goes on receiving its last token, so that every call has the same shape.
//!
//! How a content is divided into tokens is the encoder's choice: the decoder reads them from the payload.
//!
//! Format: docs/format.md, "Tokens".

use std::sync::Arc;

use crate::coding::adaptive::Spelling;
use crate::coding::frequency::FrequencyTable;
use crate::coding::range_coder::{PayloadError, RangeDecoder, RangeEncoder};
use crate::coding::scorer::Scorer;
use crate::coding::vocabulary::Vocabulary;
use crate::error::{Error, Result};
use crate::format::frame::Mode;
use crate::format::lanes::Lanes;
use crate::memory::filled;
use crate::predictor::Predictor;
use crate::progress::{Progress, Reporter};

/// How many logits an encoder asks for in one call, if that is at least one step.
const LOGITS_PER_CALL: usize = 1 << 20;

/// Codes the content of a block; `None` if the payload would be longer than `limit`.
///
/// # Errors
///
/// `Predictor` if the predictor fails or its tokens do not spell the content, `Interrupted` if
/// `progress` asks to stop.
pub(crate) fn encode(
    content: &[u8],
    lanes: Lanes,
    mode: Mode,
    limit: usize,
    vocabulary: &Arc<Vocabulary>,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
) -> Result<Option<Vec<u8>>> {
    let tokens = tokenize(content, lanes, vocabulary, predictor)?;
    let steps = tokens.iter().map(Vec::len).max().unwrap_or(0);
    let is_exact = predictor.fingerprint().is_none();
    let rows_per_call = LOGITS_PER_CALL / vocabulary.alphabet_size();
    let steps_per_call = match rows_per_call / lanes.count() {
        steps if is_exact => steps.clamp(1, 128),
        _ => 1, // as the decoder
    };
    let mut scorer = Scorer::start(lanes.count(), predictor)?;
    let mut spelling = Spelling::of_mode(mode, lanes, vocabulary)?;
    let mut table = FrequencyTable::new(vocabulary.len());
    let mut logits = vec![0; vocabulary.len()];
    let mut encoder = RangeEncoder::of_content(content.len())?;
    let mut reporter = Reporter::new(progress);
    for first_step in (0..steps).step_by(steps_per_call) {
        let call_steps = steps_per_call.min(steps - first_step);
        scorer.score(call_steps, |lane, step| {
            let before = (first_step + step).checked_sub(1)?;
            let tokens = &tokens[lane];
            let symbol = tokens.get(before).or(tokens.last());
            symbol.map(|&symbol| vocabulary.number_of(symbol))
        })?;
        for step in 0..call_steps {
            for (lane, tokens) in tokens.iter().enumerate() {
                let Some(&symbol) = tokens.get(first_step + step) else {
                    continue;
                };
                vocabulary.sort_logits(scorer.logits(lane, step), &mut logits);
                table.set_logits(&logits);
                match &mut spelling {
                    None => encoder.encode(table.slot(symbol)),
                    Some(spelling) => spelling.encode(lane, symbol, &table, &mut encoder),
                }
                reporter.add(vocabulary.string(symbol).len(), encoder.written_len())?;
            }
            if encoder.written_len() > limit {
                return Ok(None);
            }
        }
    }
    Ok(Some(encoder.finish()).filter(|payload| payload.len() <= limit))
}

/// The symbols of each lane.
fn tokenize(
    content: &[u8],
    lanes: Lanes,
    vocabulary: &Vocabulary,
    predictor: &mut dyn Predictor,
) -> Result<Vec<Vec<usize>>> {
    let mut text = Text::new(lanes, vocabulary.prefix())?;
    let mut tokens = Vec::with_capacity(lanes.count());
    for lane in 0..lanes.count() {
        let lane_content = &content[lanes.start(lane)..lanes.start(lane + 1)];
        let numbers = predictor.tokenize(lane_content)?;
        let symbol_of = |&number| vocabulary.symbol_of(number);
        let symbols: Option<Vec<usize>> = numbers.iter().map(symbol_of).collect();
        let spelled = symbols.filter(|symbols| {
            let mut strings = symbols.iter().map(|&symbol| vocabulary.string(symbol));
            strings.all(|string| text.push(lane, string).is_ok()) && text.is_complete(lane)
        });
        tokens.push(spelled.ok_or_else(misspelled)?);
    }
    if text.content != content {
        return Err(misspelled());
    }
    Ok(tokens)
}

fn misspelled() -> Error {
    let reason = "the tokens of `tokenize` must spell its argument, with numbers of the vocabulary";
    Error::Predictor(reason.into())
}

/// Restores the content of a block from its payload.
///
/// # Errors
///
/// What `corrupted` makes of a payload that does not hold the tokens of exactly the content, `Predictor`
/// if the predictor fails, `Interrupted` if `progress` asks to stop.
pub(crate) fn decode(
    lanes: Lanes,
    mode: Mode,
    decoder: &mut RangeDecoder<'_>,
    vocabulary: &Arc<Vocabulary>,
    predictor: &mut dyn Predictor,
    progress: &mut Progress<'_>,
    corrupted: impl Fn(PayloadError) -> Error,
) -> Result<Vec<u8>> {
    let mut scorer = Scorer::start(lanes.count(), predictor)?;
    let mut spelling = Spelling::of_mode(mode, lanes, vocabulary)?;
    let mut table = FrequencyTable::new(vocabulary.len());
    let mut logits = vec![0; vocabulary.len()];
    let mut text = Text::new(lanes, vocabulary.prefix())?;
    let mut last = vec![None; lanes.count()];
    let mut reporter = Reporter::new(progress);
    while !(0..lanes.count()).all(|lane| text.is_complete(lane)) {
        scorer.score(1, |lane, _| {
            last[lane].map(|symbol| vocabulary.number_of(symbol))
        })?;
        for (lane, last) in last.iter_mut().enumerate() {
            if text.is_complete(lane) {
                continue;
            }
            vocabulary.sort_logits(scorer.logits(lane, 0), &mut logits);
            table.set_logits(&logits);
            let symbol = match &mut spelling {
                None => {
                    let (symbol, slot) = table.symbol_at(decoder.target());
                    decoder.consume(slot).map_err(&corrupted)?;
                    symbol
                }
                Some(spelling) => {
                    let symbol = spelling.decode(lane, &table, decoder);
                    symbol.map_err(&corrupted)?
                }
            };
            let string = vocabulary.string(symbol);
            text.push(lane, string).map_err(&corrupted)?;
            *last = Some(symbol);
            reporter.add(string.len(), decoder.read_len())?;
        }
    }
    Ok(text.content)
}

impl Spelling {
    /// What static mode does without.
    fn of_mode(mode: Mode, lanes: Lanes, vocabulary: &Arc<Vocabulary>) -> Result<Option<Self>> {
        let new = || Self::new(lanes, Arc::clone(vocabulary));
        (mode == Mode::Adaptive).then(new).transpose()
    }
}

/// The content of a block, as far as its tokens spell it.
struct Text<'a> {
    lanes: Lanes,
    prefix: &'a [u8],
    content: Vec<u8>,
    /// How many bytes each lane has spelled, the prefix included.
    spelled_lens: Vec<usize>,
}

impl<'a> Text<'a> {
    fn new(lanes: Lanes, prefix: &'a [u8]) -> Result<Self> {
        Ok(Self {
            lanes,
            prefix,
            content: filled(0, lanes.content_len())?,
            spelled_lens: filled(0, lanes.count())?,
        })
    }

    /// Appends a token to a lane.
    fn push(&mut self, lane: usize, string: &[u8]) -> std::result::Result<(), PayloadError> {
        let spelled_len = &mut self.spelled_lens[lane];
        let prefix = &self.prefix[(*spelled_len).min(self.prefix.len())..];
        let (of_prefix, of_content) = string.split_at(string.len().min(prefix.len()));
        let start = self.lanes.start(lane) + spelled_len.saturating_sub(self.prefix.len());
        let end = start + of_content.len();
        if !prefix.starts_with(of_prefix) || end > self.lanes.start(lane + 1) {
            return Err(PayloadError::Misspelled);
        }
        self.content[start..end].copy_from_slice(of_content);
        *spelled_len += string.len();
        Ok(())
    }

    fn is_complete(&self, lane: usize) -> bool {
        let lane_len = self.lanes.start(lane + 1) - self.lanes.start(lane);
        self.spelled_lens[lane] == self.prefix.len() + lane_len
    }
}
