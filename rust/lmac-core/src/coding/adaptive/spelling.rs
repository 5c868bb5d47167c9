//! `Spelling`: the tokens of a language model in adaptive mode, byte by byte.
//!
//! The experts of the mixture know bytes, a language model knows tokens. So a token is spelled: from node to node
//! down the tree of the vocabulary, with two questions at each. Does it end here (ending.rs)? If not, which
//! byte comes next? That is a symbol for the mixture, and what the network says to it is the sums of the
//! frequencies of all tokens that begin alike. By the chain rule, the network by itself would need just the bits of
//! the token; wherever the mixture knows better, fewer.
//!
//! What is certain is not coded: the end where no longer token exists, the byte where only one can follow.
//!
//! Format: docs/adaptive.md, "Tokens".

use std::convert::Infallible;
use std::sync::Arc;

use super::ending::Endings;
use super::past::Past;
use super::{Bits, Mixture, Node as BitNode};
use crate::coding::frequency::FrequencyTable;
use crate::coding::range_coder::{PayloadError, RangeDecoder, RangeEncoder};
use crate::coding::vocabulary::{Node, Vocabulary};
use crate::error;
use crate::format::frame::ALPHABET_SIZE;
use crate::format::lanes::Lanes;

/// The state of a block's adaptive coding of tokens.
pub struct Spelling {
    vocabulary: Arc<Vocabulary>,
    mixture: Box<Mixture>,
    endings: Endings,
    /// The frequencies of the next byte.
    next_byte: FrequencyTable,
    /// How much of the vocabulary's prefix each lane has spelled, in bytes.
    prefix_lens: Vec<usize>,
}

impl Spelling {
    /// Knows nothing yet of a block's content.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn new(lanes: Lanes, vocabulary: Arc<Vocabulary>) -> error::Result<Self> {
        Ok(Self {
            vocabulary,
            mixture: Mixture::new(lanes, true)?,
            endings: Endings::new(lanes.content_len()),
            next_byte: FrequencyTable::new(ALPHABET_SIZE),
            prefix_lens: vec![0; lanes.count()],
        })
    }

    /// Codes the next symbol of a lane; `table` is the network's prediction.
    ///
    /// # Panics
    ///
    /// If the symbol spells something else than the prefix and content of as many bytes as are left of the lane.
    pub fn encode(
        &mut self,
        lane: usize,
        symbol: usize,
        table: &FrequencyTable,
        encoder: &mut RangeEncoder,
    ) {
        let vocabulary = Arc::clone(&self.vocabulary);
        let string = vocabulary.string(symbol);
        let mut writer = Writer {
            encoder,
            symbol,
            string,
        };
        let Ok(coded) = self.code(lane, table, &mut writer);
        assert_eq!(coded, Some(symbol), "a token of the content");
    }

    /// Decodes the next symbol of a lane.
    ///
    /// # Errors
    ///
    /// `TooShort` when the payload has no more bytes for what follows, `Misspelled` when it spells no token, or
    /// one beyond the end of the lane.
    pub fn decode(
        &mut self,
        lane: usize,
        table: &FrequencyTable,
        decoder: &mut RangeDecoder<'_>,
    ) -> Result<usize, PayloadError> {
        self.code(lane, table, decoder)?
            .ok_or(PayloadError::Misspelled)
    }

    /// The symbol at the end of a walk down the tree; `None` if the walk leaves the tree or the lane.
    fn code<S: Side>(
        &mut self,
        lane: usize,
        table: &FrequencyTable,
        side: &mut S,
    ) -> Result<Option<usize>, S::Error> {
        let vocabulary = Arc::clone(&self.vocabulary);
        let mut node = vocabulary.root();
        for depth in 0.. {
            if let Some(symbol) = self.code_end(lane, node, depth, table, side)? {
                return Ok(Some(symbol));
            }
            let children = vocabulary.children(node);
            let byte = if let Some(&byte) = vocabulary.prefix().get(self.prefix_lens[lane]) {
                self.prefix_lens[lane] += 1;
                byte
            } else if self.mixture.is_complete(lane) {
                return Ok(None);
            } else if let [only] = children {
                let byte = only.byte();
                let Ok(_) = self.mixture.code(lane, None, &mut Certain(byte));
                byte
            } else {
                self.next_byte.set_weights(children.iter().map(|child| {
                    let weight = table.start(child.end) - table.start(child.first);
                    (child.byte(), weight)
                }));
                side.code_byte(lane, depth, &self.next_byte, &mut self.mixture)?
            };
            match vocabulary.child(node, byte) {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Which of the symbols that are complete at a node it is, if any.
    fn code_end<S: Side>(
        &mut self,
        lane: usize,
        node: &Node,
        depth: usize,
        table: &FrequencyTable,
        side: &mut S,
    ) -> Result<Option<usize>, S::Error> {
        for symbol in node.first..node.first + node.complete {
            if symbol + 1 == node.end {
                return Ok(Some(symbol));
            }
            let left = u64::from(table.start(node.end) - table.start(symbol));
            let here = u64::from(table.slot(symbol).frequency) << 16;
            let network = ((here / left) as u32).clamp(1, 65_535);
            let past = self.mixture.past(lane);
            let probability = self.endings.predict(symbol, depth, &past, network);
            let ends = side.code_end(symbol, probability)?;
            self.endings.update(ends);
            if ends {
                return Ok(Some(symbol));
            }
        }
        Ok(None)
    }
}

impl Mixture {
    fn is_complete(&self, lane: usize) -> bool {
        self.positions[lane] == self.lanes.start(lane + 1)
    }

    fn past(&self, lane: usize) -> Past<'_> {
        Past::of_lane(&self.content, &self.lanes, &self.positions, lane)
    }
}

/// The answers of a walk: given to an encoder, or by a decoder.
trait Side {
    type Error;

    fn code_end(&mut self, symbol: usize, probability: u32) -> Result<bool, Self::Error>;

    fn code_byte(
        &mut self,
        lane: usize,
        depth: usize,
        table: &FrequencyTable,
        mixture: &mut Mixture,
    ) -> Result<u8, Self::Error>;
}

struct Writer<'a> {
    encoder: &'a mut RangeEncoder,
    symbol: usize,
    string: &'a [u8],
}

impl Side for Writer<'_> {
    type Error = Infallible;

    fn code_end(&mut self, symbol: usize, probability: u32) -> Result<bool, Infallible> {
        let ends = symbol == self.symbol;
        self.encoder.encode_bit(ends.into(), probability);
        Ok(ends)
    }

    fn code_byte(
        &mut self,
        lane: usize,
        depth: usize,
        table: &FrequencyTable,
        mixture: &mut Mixture,
    ) -> Result<u8, Infallible> {
        let byte = self.string[depth];
        mixture.encode(lane, byte, Some(table), self.encoder);
        Ok(byte)
    }
}

impl Side for RangeDecoder<'_> {
    type Error = PayloadError;

    fn code_end(&mut self, _symbol: usize, probability: u32) -> Result<bool, PayloadError> {
        Ok(self.decode_bit(probability)? == 1)
    }

    fn code_byte(
        &mut self,
        lane: usize,
        _depth: usize,
        table: &FrequencyTable,
        mixture: &mut Mixture,
    ) -> Result<u8, PayloadError> {
        mixture.decode(lane, Some(table), self)
    }
}

/// A byte that both sides know: the mixture learns it, and nothing is coded.
struct Certain(u8);

impl Bits for Certain {
    type Error = Infallible;

    fn code(&mut self, node: BitNode, _probability: u32) -> Result<u32, Infallible> {
        Ok(node.bit_to(node.tree.rank_of(self.0)))
    }
}
