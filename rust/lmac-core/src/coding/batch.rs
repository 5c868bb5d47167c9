//! A batch: records coded in lock-step, each a lane of the predictor with a coder of its own.
//!
//! Only an exact predictor of bytes may be shared like this: what it says of a record must not depend on the others.
//! Which records go together is the matter of records.rs.

use crate::coding::adaptive::Mixture;
use crate::coding::frequency::FrequencyTable;
use crate::coding::range_coder::{RangeDecoder, RangeEncoder};
use crate::coding::scorer::{Scorer, byte_before};
use crate::error::{Error, Result};
use crate::format::frame::{ALPHABET_SIZE, Mode};
use crate::format::frame_reader;
use crate::format::lanes::Lanes;
use crate::format::place::Place;
use crate::predictor::Predictor;

/// How many predictions an encoder asks for in one call.
const ROWS_PER_CALL: usize = 1024;

/// A coded record.
pub(crate) struct Block<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) content_len: usize,
    pub(crate) mode: Mode,
    /// What checks the content; none in the bare form.
    pub(crate) framed: Option<frame_reader::Block>,
}

/// The payload of every content; `None` if it would not be shorter.
pub(crate) fn encode(
    contents: &[&[u8]],
    mode: Mode,
    predictor: &mut dyn Predictor,
) -> Result<Vec<Option<Vec<u8>>>> {
    let steps = contents
        .iter()
        .map(|content| content.len())
        .max()
        .unwrap_or(0);
    let steps_per_call = (ROWS_PER_CALL / contents.len()).max(1);
    let mut scorer = Scorer::start(contents.len(), predictor)?;
    let mut encoders: Vec<RangeEncoder> = contents
        .iter()
        .map(|content| RangeEncoder::of_content(content.len()))
        .collect::<Result<_>>()?;
    let mut mixtures: Vec<_> = contents
        .iter()
        .map(|content| mixture(mode, content.len()))
        .collect::<Result<_>>()?;
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    for first_step in (0..steps).step_by(steps_per_call) {
        let call_steps = steps_per_call.min(steps - first_step);
        scorer.score(call_steps, |lane, step| {
            byte_before(contents[lane], first_step + step)
        })?;
        let coders = encoders.iter_mut().zip(&mut mixtures);
        for (lane, (content, (encoder, mixture))) in contents.iter().zip(coders).enumerate() {
            let symbols = content.iter().skip(first_step).take(call_steps);
            for (step, &symbol) in symbols.enumerate() {
                table.set_logits(scorer.logits(lane, step));
                match mixture {
                    None => encoder.encode(table.slot(usize::from(symbol))),
                    Some(mixture) => mixture.encode(0, symbol, Some(&table), encoder),
                }
            }
        }
    }
    let payloads = encoders.into_iter().map(RangeEncoder::finish).zip(contents);
    Ok(payloads
        .map(|(payload, content)| Some(payload).filter(|payload| payload.len() < content.len()))
        .collect())
}

/// The contents of a batch of blocks, given with their indices.
pub(crate) fn decode(
    blocks: &[&(usize, Block<'_>)],
    predictor: &mut dyn Predictor,
) -> Result<Vec<Vec<u8>>> {
    let lens = blocks.iter().map(|(_, block)| block.content_len);
    let steps = lens.max().unwrap_or(0);
    let mut scorer = Scorer::start(blocks.len(), predictor)?;
    let mut decoders: Vec<RangeDecoder<'_>> = blocks
        .iter()
        .map(|(_, block)| RangeDecoder::new(block.payload))
        .collect();
    let mut mixtures: Vec<_> = blocks
        .iter()
        .map(|(_, block)| mixture(block.mode, block.content_len))
        .collect::<Result<_>>()?;
    let mut contents: Vec<Vec<u8>> = vec![Vec::new(); blocks.len()];
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    for step in 0..steps {
        scorer.score(1, |lane, _| byte_before(&contents[lane], step))?;
        let coders = decoders.iter_mut().zip(&mut mixtures);
        for (lane, (decoder, mixture)) in coders.enumerate() {
            let (index, block) = blocks[lane];
            if step >= block.content_len {
                continue;
            }
            table.set_logits(scorer.logits(lane, 0));
            let symbol = match mixture {
                None => {
                    let (symbol, slot) = table.symbol_at(decoder.target());
                    decoder.consume(slot).map(|()| symbol as u8)
                }
                Some(mixture) => mixture.decode(0, Some(&table), decoder),
            };
            let symbol = symbol.map_err(|error| block.corrupted(error.reason(), *index))?;
            contents[lane].push(symbol);
        }
    }
    for ((index, block), (decoder, content)) in
        blocks.iter().zip(decoders.into_iter().zip(&contents))
    {
        let end = decoder.finish();
        end.map_err(|error| block.corrupted(error.reason(), *index))?;
        if let Some(framed) = &block.framed {
            let check = framed.check(content);
            check.map_err(|error| error.in_record(*index))?;
        }
    }
    Ok(contents)
}

impl Block<'_> {
    fn corrupted(&self, reason: &'static str, index: usize) -> Error {
        let error = Place::default().corrupted(self.content_len, reason);
        error.in_record(index)
    }
}

/// The adaptive state of one record.
fn mixture(mode: Mode, content_len: usize) -> Result<Option<Box<Mixture>>> {
    let new = || Mixture::new(Lanes::single(content_len), true);
    (mode == Mode::Adaptive).then(new).transpose()
}
