//! `Words`: a predictor whose symbols are tokens.

use std::sync::Arc;

use lmac_core::coding::vocabulary::Vocabulary;
use lmac_core::error::Result;
use lmac_core::models::model_id::ModelId;
use lmac_core::predictor::Predictor;

/// A few words, two of them alike, and some of their beginnings; the empty one never occurs.
const TOKENS: [&str; 16] = [
    " the", " t", " cat", " ca", " caught", " mouse", "", ".", " th", " and", "s", " the", "a",
    "th", "\u{e9}", " mice",
];

/// Every sighting of a token after another doubles its probability there, up to 2^10.
#[derive(Debug)]
pub struct Words {
    vocabulary: Arc<Vocabulary>,
    /// By lane: the last number, and the logits after each number.
    lanes: Vec<(usize, Vec<Vec<i16>>)>,
    /// `None`: it is exact.
    pub fingerprint: Option<&'static str>,
    pub ignores_fingerprint: bool,
    /// From this start on, everything it says is wrong: floating point at its worst.
    pub fails_from_start: usize,
    starts: usize,
    pub calls: Vec<(usize, usize)>, // (lanes, steps)
}

impl Words {
    pub fn new(prefix: &[u8]) -> Self {
        Self {
            vocabulary: Arc::new(Vocabulary::new(&TOKENS, prefix).unwrap()),
            lanes: Vec::new(),
            fingerprint: None,
            ignores_fingerprint: false,
            fails_from_start: usize::MAX,
            starts: 0,
            calls: Vec::new(),
        }
    }

    pub fn inexact() -> Self {
        Self {
            fingerprint: Some("runtime=words 1.0; threads=2"),
            ..Self::new(b" ")
        }
    }

    /// The numbers of the longest tokens that spell a text.
    fn longest(&self, mut text: &[u8]) -> Vec<u32> {
        let mut numbers = Vec::new();
        while let Some(&first) = text.first() {
            let strings = TOKENS.iter().enumerate();
            let fitting = strings
                .filter(|(_, token)| !token.is_empty() && text.starts_with(token.as_bytes()));
            let number = match fitting.max_by_key(|(_, token)| token.len()) {
                Some((number, _)) => number as u32,
                None => TOKENS.len() as u32 + 1 + u32::from(first),
            };
            numbers.push(number);
            let symbol = self.vocabulary.symbol_of(number).unwrap();
            text = &text[self.vocabulary.string(symbol).len()..];
        }
        numbers
    }
}

impl Predictor for Words {
    fn alphabet_size(&self) -> usize {
        TOKENS.len()
    }

    fn vocabulary(&self) -> Option<Arc<Vocabulary>> {
        Some(Arc::clone(&self.vocabulary))
    }

    fn tokenize(&mut self, content: &[u8]) -> Result<Vec<u32>> {
        Ok(self.longest(&[self.vocabulary.prefix(), content].concat()))
    }

    fn fingerprint(&self) -> Option<&str> {
        self.fingerprint
    }

    fn accepts(&self, fingerprint: Option<&str>) -> bool {
        self.ignores_fingerprint || self.fingerprint == fingerprint
    }

    fn model_id(&self) -> ModelId {
        ModelId(*b"words are tokens of many bytes! ")
    }

    fn start(&mut self, lanes: usize) -> Result<()> {
        let begin = TOKENS.len();
        self.lanes = vec![(begin, vec![vec![0; TOKENS.len()]; begin + 257]); lanes];
        self.starts += 1;
        Ok(())
    }

    fn advance(&mut self, symbols: &[u32], steps: usize, logits: &mut [i16]) -> Result<()> {
        self.calls.push((self.lanes.len(), steps));
        let is_wrong = self.starts > self.fails_from_start;
        let mut rows = logits.chunks_exact_mut(TOKENS.len());
        for ((last, counts), symbols) in self.lanes.iter_mut().zip(symbols.chunks_exact(steps)) {
            for (&symbol, row) in symbols.iter().zip(&mut rows) {
                if let Some(logit) = counts[*last].get_mut(symbol as usize) {
                    *logit = (*logit + 16).min(160);
                }
                *last = symbol as usize;
                row.copy_from_slice(&counts[*last]);
                if is_wrong {
                    row[7] -= 100;
                    row[0] += 50;
                }
            }
        }
        Ok(())
    }
}
