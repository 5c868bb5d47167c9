//! What the targets share: predictors without a model, and a stream that must agree with one call.

use std::sync::{Arc, LazyLock};

use lmac_core::codec::{Settings, compress, decompress};
use lmac_core::error::{Error, Result};
use lmac_core::format::frame::Mode;
use lmac_core::models::model_id::ModelId;
use lmac_core::predictor::Predictor;
use lmac_core::stream::Decompressor;
use lmac_core::coding::vocabulary::Vocabulary;

/// The longest content that a target restores, in bytes: more takes time and finds nothing new.
pub const LIMIT: u64 = 1 << 12;

/// Expects the last symbol of the lane to come again.
pub struct Repetition;

impl Predictor for Repetition {
    fn alphabet_size(&self) -> usize {
        256
    }

    fn model_id(&self) -> ModelId {
        ModelId([b'r'; 32])
    }

    fn start(&mut self, _lanes: usize) -> Result<()> {
        Ok(())
    }

    fn advance(&mut self, symbols: &[u32], _steps: usize, logits: &mut [i16]) -> Result<()> {
        for (&symbol, logits) in symbols.iter().zip(logits.chunks_exact_mut(256)) {
            logits.fill(0);
            if let Some(logit) = logits.get_mut(symbol as usize) {
                *logit = 100;
            }
        }
        Ok(())
    }
}

/// Beginnings of each other, two alike, one missing, one that is not UTF-8: as awkward as strings can be.
const TOKENS: [&[u8]; 14] = [
    b"a",
    b"ab",
    b"abc",
    b"",
    b"abcdefgh",
    b"b",
    b"ba",
    b"ab",
    b" a",
    b" ",
    b"\xff\xfe",
    b"\0",
    b"\0\0\0",
    b"cab",
];

static VOCABULARY: LazyLock<Arc<Vocabulary>> =
    LazyLock::new(|| Arc::new(Vocabulary::new(&TOKENS, b" ba").expect("a vocabulary")));

/// Has a vocabulary, a prefix of two tokens, and another opinion after every number.
pub struct Words;

impl Predictor for Words {
    fn alphabet_size(&self) -> usize {
        TOKENS.len()
    }

    fn vocabulary(&self) -> Option<Arc<Vocabulary>> {
        Some(Arc::clone(&VOCABULARY))
    }

    /// The last string that fits, or the first: which of them, the text says.
    fn tokenize(&mut self, content: &[u8]) -> Result<Vec<u32>> {
        let text = [VOCABULARY.prefix(), content].concat();
        let (mut rest, mut numbers) = (&text[..], Vec::new());
        while !rest.is_empty() {
            let fits = |&symbol: &usize| rest.starts_with(VOCABULARY.string(symbol));
            let mut fitting = (0..VOCABULARY.len()).filter(fits);
            let symbol = match rest.len() % 3 {
                0 => fitting.next(),
                _ => fitting.next_back(),
            };
            let symbol = symbol.expect("every byte is a symbol");
            numbers.push(VOCABULARY.number_of(symbol));
            rest = &rest[VOCABULARY.string(symbol).len()..];
        }
        Ok(numbers)
    }

    fn model_id(&self) -> ModelId {
        ModelId([b'w'; 32])
    }

    fn start(&mut self, _lanes: usize) -> Result<()> {
        Ok(())
    }

    fn advance(&mut self, symbols: &[u32], _steps: usize, logits: &mut [i16]) -> Result<()> {
        for (&symbol, logits) in symbols.iter().zip(logits.chunks_exact_mut(TOKENS.len())) {
            for (number, logit) in (0..).zip(logits) {
                *logit = ((symbol * 7 + number * 5) % 16 * 32) as i16;
            }
        }
        Ok(())
    }
}

/// Settings from two bytes: both modes, short and long blocks and lanes.
pub fn settings(first: u8, second: u8) -> Settings {
    let len = |byte: u8| (byte & 0x7F > 0).then_some(usize::from(byte & 0x7F) * 20);
    Settings {
        mode: if first & 0x80 == 0 {
            Mode::Static
        } else {
            Mode::Adaptive
        },
        block_len: len(first),
        lane_len: len(second),
        verify: true,
        max_memory: None,
    }
}

pub fn pack(data: &[u8], settings: &Settings) -> Vec<u8> {
    compress(data, &mut Repetition, settings, &mut |_| true).expect("content compresses")
}

pub fn unpack(data: &[u8]) -> Result<Vec<u8>> {
    decompress(data, &mut Repetition, Some(LIMIT), &mut |_| true)
}

pub fn pack_tokens(data: &[u8], settings: &Settings) -> Vec<u8> {
    compress(data, &mut Words, settings, &mut |_| true).expect("content compresses")
}

pub fn unpack_tokens(data: &[u8]) -> Result<Vec<u8>> {
    decompress(data, &mut Words, Some(LIMIT), &mut |_| true)
}

/// A frame of one block of tokens whose payload is any bytes; nobody knows the check of what they mean.
pub fn frame_of_tokens(payload: &[u8], content_len: usize, settings: &Settings) -> Vec<u8> {
    let is_adaptive = settings.mode == Mode::Adaptive;
    let coding = payload.len() << u32::from(is_adaptive);
    let lane_len = settings.lane_len.unwrap_or(1 << 12);
    let header = [
        &[0xAC, 0x4C, 0b0010_0011 | u8::from(is_adaptive) << 3][..],
        b"www",
    ]
    .concat();
    let lens = [lane_len, content_len, coding].map(varint);
    [header, lens.concat(), vec![0; 4], payload.to_vec()].concat()
}

fn varint(value: usize) -> Vec<u8> {
    match value {
        ..0x80 => vec![value as u8],
        _ => [vec![value as u8 | 0x80], varint(value >> 7)].concat(),
    }
}

/// Restores frames through the stream, in pieces, and checks that it agrees with one call.
pub fn check_stream(data: &[u8], piece_len: usize, expected: &Result<Vec<u8>>) {
    let actual = unpack_stream(data, piece_len.max(1));
    match (expected, &actual) {
        (Ok(expected), Ok(actual)) => assert_eq!(expected, actual),
        // Each frame of a stream has the limit for itself, and offsets begin anew.
        (Err(_), _) => {}
        (Ok(_), Err(error)) => panic!("the stream refuses what one call restores: {error}"),
    }
}

fn unpack_stream(data: &[u8], piece_len: usize) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    let mut rest = data.to_vec();
    loop {
        let mut decompressor = Decompressor::new(Some(LIMIT));
        let mut pieces = rest.chunks(piece_len);
        while !decompressor.is_eof() {
            let piece = match decompressor.needs_input() {
                true => pieces.next().ok_or(Error::Truncated("a frame"))?,
                false => &[],
            };
            let part =
                decompressor.decompress(piece, Some(piece_len), &mut Repetition, &mut |_| true)?;
            assert!(part.len() <= piece_len);
            content.extend(part);
        }
        let unused = [
            decompressor.unused_data(),
            &pieces.collect::<Vec<_>>().concat(),
        ]
        .concat();
        if unused.is_empty() {
            return Ok(content);
        }
        rest = unused;
    }
}
