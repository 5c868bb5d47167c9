//! A document and what a model predicts for each of its bytes.

use std::path::Path;
use std::sync::Arc;

use lmac_core::coding::adaptive::Mixture;
use lmac_core::coding::frequency::FrequencyTable;
use lmac_core::coding::range_coder::RangeEncoder;
use lmac_core::error::Result;
use lmac_core::format::lanes::Lanes;
use lmac_core::models::executor::Executor;
use lmac_core::models::model::Model;
use lmac_core::predictor::Predictor;

const ALPHABET_SIZE: usize = 256;

/// Predictions in one call.
const STEPS: usize = 1 << 10;

pub struct Document {
    pub content: Vec<u8>,
    logits: Vec<i16>, // (content, ALPHABET_SIZE)
}

pub fn open_model(path: &Path) -> std::result::Result<Executor, Box<dyn std::error::Error>> {
    let model = Model::from_bytes(&std::fs::read(path)?)?;
    Ok(Executor::new(Arc::new(model), None)?)
}

impl Document {
    /// Asks the model about every byte of `content`, which is not empty.
    pub fn score(content: Vec<u8>, executor: &mut Executor) -> Result<Self> {
        let mut symbols = vec![ALPHABET_SIZE as u32];
        symbols.extend(
            content[..content.len() - 1]
                .iter()
                .map(|&byte| u32::from(byte)),
        );
        let mut logits = vec![0; content.len() * ALPHABET_SIZE];
        executor.start(1)?;
        let calls = symbols
            .chunks(STEPS)
            .zip(logits.chunks_mut(STEPS * ALPHABET_SIZE));
        for (symbols, logits) in calls {
            executor.advance(symbols, symbols.len(), logits)?;
        }
        Ok(Self { content, logits })
    }

    /// One lane for all of it.
    pub fn lanes(&self) -> Lanes {
        Lanes::of(self.content.len(), self.content.len())
    }

    /// Codes it; returns the length of the payload in bytes.
    pub fn code(&self, mixture: &mut Mixture, has_network: bool) -> usize {
        let mut encoder = RangeEncoder::new();
        let mut table = FrequencyTable::new(ALPHABET_SIZE);
        let rows = self.logits.chunks_exact(ALPHABET_SIZE);
        for (&symbol, logits) in self.content.iter().zip(rows) {
            table.set_logits(logits);
            mixture.encode(0, symbol, has_network.then_some(&table), &mut encoder);
        }
        encoder.finish().len()
    }
}
