//! What the targets share: a predictor without a model, and a stream that must agree with one call.

use lmac_core::codec::{Settings, compress, decompress};
use lmac_core::error::{Error, Result};
use lmac_core::frame::Mode;
use lmac_core::model_id::ModelId;
use lmac_core::predictor::Predictor;
use lmac_core::stream::Decompressor;

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

    fn advance(&mut self, symbols: &[u16], _steps: usize, logits: &mut [i16]) -> Result<()> {
        for (&symbol, logits) in symbols.iter().zip(logits.chunks_exact_mut(256)) {
            logits.fill(0);
            if let Some(logit) = logits.get_mut(usize::from(symbol)) {
                *logit = 100;
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
    }
}

pub fn pack(data: &[u8], settings: &Settings) -> Vec<u8> {
    compress(data, &mut Repetition, settings, &mut |_| true).expect("content compresses")
}

pub fn unpack(data: &[u8]) -> Result<Vec<u8>> {
    decompress(data, &mut Repetition, Some(LIMIT), &mut |_| true)
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
