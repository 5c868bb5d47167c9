//! Many records as a batch: the same frames as one by one, the bare form, and what damage does.

mod contents;
#[allow(dead_code)] // other tests use more of them
mod predictors;

use contents::{noise, text};
use lmac_core::codec::{Settings, compress, decompress};
use lmac_core::error::{Error, Result};
use lmac_core::format::frame::Mode;
use lmac_core::records::{Form, compress_many, decompress_many};
use predictors::{Doubling, Fixed};
use proptest::prelude::*;

const MODES: [Mode; 2] = [Mode::Static, Mode::Adaptive];

fn settings(mode: Mode) -> Settings {
    Settings {
        mode,
        ..Settings::default()
    }
}

fn slices(records: &[Vec<u8>]) -> Vec<&[u8]> {
    records.iter().map(Vec::as_slice).collect()
}

fn pack(records: &[Vec<u8>], form: Form, settings: &Settings) -> Vec<Vec<u8>> {
    let predictor = &mut Doubling::default();
    compress_many(&slices(records), form, predictor, settings, &mut |_| true).unwrap()
}

fn unpack(blobs: &[Vec<u8>], form: Form, mode: Mode, limit: Option<u64>) -> Result<Vec<Vec<u8>>> {
    let predictor = &mut Doubling::default();
    decompress_many(&slices(blobs), form, predictor, mode, limit, &mut |_| true)
}

/// Records of all kinds and lengths: none, one byte, text, noise, longer than a batch likes.
fn records() -> Vec<Vec<u8>> {
    let lens = [0, 1, 2, 3, 64, 127, 128, 129, 1000, 4095, 4096, 4097, 9000];
    let mut records: Vec<Vec<u8>> = lens.iter().map(|&len| text(len)).collect();
    records.extend(lens.iter().map(|&len| noise(len)));
    records.extend((0..300).map(|len| text(len % 90 + 40)));
    records
}

#[test]
fn frames_are_those_of_single_calls() {
    let records = records();
    for mode in MODES {
        let divided = Settings {
            mode,
            block_len: Some(1000),
            lane_len: Some(100),
            verify: true,
            max_memory: None,
        };
        for settings in [settings(mode), divided] {
            let frames = pack(&records, Form::Frame, &settings);
            for (record, frame) in records.iter().zip(&frames) {
                let predictor = &mut Doubling::default();
                let alone = compress(record, predictor, &settings, &mut |_| true).unwrap();
                assert_eq!(*frame, alone, "{} bytes, {settings:?}", record.len());
            }
            assert_eq!(unpack(&frames, Form::Frame, mode, None).unwrap(), records);
        }
    }
}

#[test]
fn bare_records_come_back_and_add_two_bytes() {
    let records = records();
    for mode in MODES {
        let blobs = pack(&records, Form::Bare, &settings(mode));
        assert_eq!(unpack(&blobs, Form::Bare, mode, None).unwrap(), records);
        for (record, blob) in records
            .iter()
            .zip(&blobs)
            .filter(|(record, _)| record.len() < 1 << 14)
        {
            assert!(blob.len() <= record.len() + 2);
        }
    }
}

#[test]
fn bare_records_are_a_length_and_the_coded_symbols() {
    // 16 symbols of four bits each: 8 bytes, and one that ends the payload.
    let mut logits = vec![i16::MIN; 256];
    logits[..16].fill(0);
    let predictor = &mut Fixed { logits };
    let record: Vec<u8> = (0..16).collect();
    let settings = settings(Mode::Static);
    let blobs = compress_many(&[&record], Form::Bare, predictor, &settings, &mut |_| true).unwrap();
    assert_eq!(blobs[0][0], 16);
    assert_eq!(blobs[0].len(), 1 + 9);
    let empty = compress_many(&[&[]], Form::Bare, predictor, &settings, &mut |_| true).unwrap();
    assert_eq!(empty, [Vec::<u8>::new()]);
}

#[test]
fn any_frames_are_read() {
    let predictor = &mut Doubling::default();
    let many_blocks = Settings {
        block_len: Some(50),
        ..Settings::default()
    };
    let content = text(400);
    let mut frames = compress(&content, predictor, &many_blocks, &mut |_| true).unwrap();
    frames.extend(compress(&content, predictor, &settings(Mode::Static), &mut |_| true).unwrap());
    let records = unpack(&[frames], Form::Frame, Mode::Adaptive, None).unwrap();
    assert_eq!(records, [[content.clone(), content].concat()]);
}

#[test]
fn the_limit_is_for_all_records_together() {
    let records = [text(300), text(5000), noise(200), text(100)];
    for mode in MODES {
        for form in [Form::Frame, Form::Bare] {
            let blobs = pack(&records, form, &settings(mode));
            assert_eq!(unpack(&blobs, form, mode, Some(5600)).unwrap(), records);
            let refused = unpack(&blobs, form, mode, Some(5599));
            assert!(
                matches!(refused, Err(Error::OutputLimit { .. })),
                "{refused:?}"
            );
        }
    }
}

#[test]
fn damage_is_an_error_that_names_the_record() {
    let records = [text(300), text(500), text(400)];
    let frames = pack(&records, Form::Frame, &settings(Mode::Adaptive));
    for byte in 0..frames[1].len() {
        let mut damaged = frames.clone();
        damaged[1][byte] ^= 1;
        match unpack(&damaged, Form::Frame, Mode::Adaptive, None) {
            Err(Error::InRecord { index: 1, error }) => {
                let single = decompress(&damaged[1], &mut Doubling::default(), None, &mut |_| true);
                assert_eq!(*error, single.unwrap_err(), "byte {byte}");
            }
            // The last byte may have more than one value.
            other => assert_eq!(
                (byte, other.unwrap()),
                (damaged[1].len() - 1, records.to_vec())
            ),
        }
        damaged[1] = frames[1][..byte].to_vec();
        let truncated = unpack(&damaged, Form::Frame, Mode::Adaptive, None);
        assert!(
            matches!(truncated, Err(Error::InRecord { index: 1, .. })),
            "{byte}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_an_error(
        blobs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5),
        is_static: bool,
        is_bare: bool,
    ) {
        let mode = if is_static { Mode::Static } else { Mode::Adaptive };
        let form = if is_bare { Form::Bare } else { Form::Frame };
        if let Ok(records) = unpack(&blobs, form, mode, Some(1 << 16)) {
            prop_assert_eq!(records.len(), blobs.len());
        }
    }
}
