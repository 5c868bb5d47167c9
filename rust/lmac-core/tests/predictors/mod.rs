//! Cheap deterministic predictors, so that the format can be tested without a model.

use lmac_core::error::Result;
use lmac_core::models::model_id::ModelId;
use lmac_core::predictor::Predictor;

const ALPHABET_SIZE: usize = 256;

/// Contexts are bytes by their last five bits, then the beginning.
const CONTEXTS: usize = 33;

/// Every sighting of a byte after another doubles its probability there, up to 2^10.
#[derive(Debug, Default)]
pub struct Doubling {
    lanes: Vec<DoublingLane>,
    pub advanced_steps: usize,
}

#[derive(Debug, Clone)]
struct DoublingLane {
    context: usize,
    logits: Vec<i16>, // (CONTEXTS, ALPHABET_SIZE)
}

impl DoublingLane {
    fn push(&mut self, symbol: usize) -> &[i16] {
        if symbol < ALPHABET_SIZE {
            let logit = &mut self.logits[self.context * ALPHABET_SIZE + symbol];
            *logit = (*logit + 16).min(160);
            self.context = symbol % 32;
        }
        &self.logits[self.context * ALPHABET_SIZE..][..ALPHABET_SIZE]
    }
}

impl Predictor for Doubling {
    fn alphabet_size(&self) -> usize {
        ALPHABET_SIZE
    }

    fn model_id(&self) -> ModelId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(b"dbl!");
        ModelId(id)
    }

    fn start(&mut self, lanes: usize) -> Result<()> {
        let logits = vec![0; CONTEXTS * ALPHABET_SIZE];
        self.lanes = vec![
            DoublingLane {
                context: CONTEXTS - 1,
                logits
            };
            lanes
        ];
        Ok(())
    }

    fn advance(&mut self, symbols: &[u32], steps: usize, logits: &mut [i16]) -> Result<()> {
        assert_eq!(symbols.len(), self.lanes.len() * steps);
        assert_eq!(logits.len(), symbols.len() * ALPHABET_SIZE);
        self.advanced_steps += steps;
        let mut rows = logits.chunks_exact_mut(ALPHABET_SIZE);
        for (lane, symbols) in self.lanes.iter_mut().zip(symbols.chunks_exact(steps)) {
            for (&symbol, row) in symbols.iter().zip(&mut rows) {
                row.copy_from_slice(lane.push(symbol as usize));
            }
        }
        Ok(())
    }
}

/// Knows nothing but the same logits for every position.
#[derive(Debug)]
pub struct Fixed {
    pub logits: Vec<i16>,
}

impl Predictor for Fixed {
    fn alphabet_size(&self) -> usize {
        self.logits.len()
    }

    fn model_id(&self) -> ModelId {
        ModelId([0xF1; 32])
    }

    fn start(&mut self, _lanes: usize) -> Result<()> {
        Ok(())
    }

    fn advance(&mut self, _symbols: &[u32], _steps: usize, logits: &mut [i16]) -> Result<()> {
        for row in logits.chunks_exact_mut(self.logits.len()) {
            row.copy_from_slice(&self.logits);
        }
        Ok(())
    }
}

/// Knows a rule that no statistics find: three of four bytes are a hash of the three before them.
#[derive(Debug, Default)]
pub struct Rule {
    /// The last three symbols of each lane.
    lanes: Vec<u32>,
    pub advanced_steps: usize,
}

impl Rule {
    /// The logit of the byte that the rule expects: 2^9.6 times as likely as any other.
    const LOGIT: i16 = 153;

    fn expected(last: u32) -> u8 {
        (last.wrapping_mul(0x9E37_79B1) >> 24) as u8
    }

    fn after(last: u32, symbol: u8) -> u32 {
        (last << 8 | u32::from(symbol)) & 0xFF_FFFF
    }

    /// Content that follows the rule where chance lets it: `chance` has two random bytes for each.
    pub fn content(chance: &[u8]) -> Vec<u8> {
        let mut last = 0;
        let follow = |chance: &[u8]| {
            let symbol = match chance[0] % 4 {
                0 => chance[1],
                _ => Self::expected(last),
            };
            last = Self::after(last, symbol);
            symbol
        };
        chance.chunks_exact(2).map(follow).collect()
    }
}

impl Predictor for Rule {
    fn alphabet_size(&self) -> usize {
        ALPHABET_SIZE
    }

    fn model_id(&self) -> ModelId {
        let mut id = [0; 32];
        id[..4].copy_from_slice(b"rule");
        ModelId(id)
    }

    fn start(&mut self, lanes: usize) -> Result<()> {
        self.lanes = vec![0; lanes];
        Ok(())
    }

    fn advance(&mut self, symbols: &[u32], steps: usize, logits: &mut [i16]) -> Result<()> {
        self.advanced_steps += steps;
        let mut rows = logits.chunks_exact_mut(ALPHABET_SIZE);
        for (last, symbols) in self.lanes.iter_mut().zip(symbols.chunks_exact(steps)) {
            for (&symbol, row) in symbols.iter().zip(&mut rows) {
                if let Ok(symbol) = u8::try_from(symbol) {
                    *last = Self::after(*last, symbol);
                }
                row.fill(0);
                row[usize::from(Self::expected(*last))] = Self::LOGIT;
            }
        }
        Ok(())
    }
}
