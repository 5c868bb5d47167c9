//! Predictors with a vocabulary, exact and in floating point, through the whole codec.

mod words;

use lmac_core::codec::{Settings, compress, decompress, inspect};
use lmac_core::error::Error;
use lmac_core::format::frame::Mode;
use lmac_core::records::{Form, compress_many, decompress_many};
use proptest::prelude::*;
use words::Words;

const MODES: [Mode; 2] = [Mode::Static, Mode::Adaptive];

fn text(len: usize) -> Vec<u8> {
    let sentence =
        b" the cat caught the mouse. the mice and the cats caught th\xE9 cat\xFF and a mouse.";
    sentence.iter().copied().cycle().take(len).collect()
}

fn settings(mode: Mode, lane_len: Option<usize>) -> Settings {
    Settings {
        mode,
        block_len: Some(1 << 14),
        lane_len,
        verify: true,
        max_memory: None,
    }
}

fn pack(data: &[u8], settings: &Settings, predictor: &mut Words) -> Vec<u8> {
    compress(data, predictor, settings, &mut |_| true).unwrap()
}

fn unpack(frame: &[u8], predictor: &mut Words) -> Result<Vec<u8>, Error> {
    decompress(frame, predictor, None, &mut |_| true)
}

#[test]
fn tokens_come_back_from_any_number_of_lanes() {
    let data = text(20_000);
    for mode in MODES {
        for lanes in [1, 2, 3, 7, 16] {
            let settings = settings(mode, Some(data.len().div_ceil(lanes)));
            for prefix in [&b""[..], b" ", b" the"] {
                let frame = pack(&data, &settings, &mut Words::new(prefix));
                assert!(frame.len() < data.len() / 6, "{} bytes", frame.len());
                assert_eq!(unpack(&frame, &mut Words::new(prefix)).unwrap(), data);
            }
        }
    }
}

#[test]
fn static_mode_costs_what_the_model_says() {
    // One lane of "...": after the first, "." follows "." at 2^-(k) odds that the predictor doubles.
    let settings = settings(Mode::Static, None);
    let frame = pack(&[b'.'; 2000], &settings, &mut Words::new(b""));
    // Some 271 symbols share what is left: log2(1 + 270 / 2^10) bits a token at the end.
    let bits = 2000.0 * (1.0 + 15.0 / 1024.0_f64).log2();
    assert!((frame.len() as f64) < bits / 8.0 + 40.0, "{}", frame.len());
}

#[test]
fn adaptive_mode_needs_no_more_than_the_model_alone() {
    let data = text(4000);
    let [alone, mixed] = MODES.map(|mode| {
        let settings = Settings {
            mode,
            ..settings(mode, None)
        };
        pack(&data, &settings, &mut Words::new(b"")).len()
    });
    assert!(mixed <= alone + alone / 50, "{mixed} of {alone}");
}

#[test]
fn a_predictor_in_floating_point_is_asked_the_same_by_both_sides() {
    let data = text(3000);
    for mode in MODES {
        let settings = Settings {
            verify: false,
            max_memory: None,
            ..settings(mode, Some(500))
        };
        let mut encoder = Words::inexact();
        let frame = pack(&data, &settings, &mut encoder);
        let mut decoder = Words::inexact();
        assert_eq!(unpack(&frame, &mut decoder).unwrap(), data);
        assert!(encoder.calls.iter().all(|&call| call == (6, 1)));
        assert_eq!(encoder.calls, decoder.calls);
    }
}

#[test]
fn a_block_that_cannot_be_restored_is_coded_without_the_model() {
    let data = text(3000);
    for (mode, stored, without_network) in [(Mode::Static, 1, 0), (Mode::Adaptive, 0, 1)] {
        let mut flaky = Words::inexact();
        flaky.fails_from_start = 1; // encoding is the first start, its proof the second
        let frame = pack(&data, &settings(mode, None), &mut flaky);
        let info = &inspect(&frame).unwrap()[0];
        assert_eq!(info.stored_blocks, stored);
        assert_eq!(info.blocks_without_network, without_network);
        assert_eq!(unpack(&frame, &mut Words::inexact()).unwrap(), data);

        let mut flaky = Words::inexact();
        flaky.fails_from_start = 1;
        let unverified = Settings {
            verify: false,
            max_memory: None,
            ..settings(mode, None)
        };
        let frame = pack(&data, &unverified, &mut flaky);
        let error = unpack(&frame, &mut flaky).unwrap_err();
        assert!(matches!(error, Error::CorruptedBlock { .. }), "{error}");
    }
}

#[test]
fn other_conditions_are_refused_before_anything_is_decoded() {
    for data in [text(1000), Vec::new()] {
        let frame = pack(
            &data,
            &settings(Mode::Adaptive, None),
            &mut Words::inexact(),
        );
        let info = &inspect(&frame).unwrap()[0];
        assert_eq!(info.fingerprint.as_deref(), Words::inexact().fingerprint);
        let mut other = Words::inexact();
        other.fingerprint = Some("runtime=words 1.1; threads=2");
        let error = unpack(&frame, &mut other).unwrap_err();
        let difference = "runtime was words 1.0, here it is words 1.1".into();
        assert_eq!(error, Error::FingerprintMismatch { difference });
        assert!(other.calls.is_empty());
        other.ignores_fingerprint = true;
        assert_eq!(unpack(&frame, &mut other).unwrap(), data);
        let error = unpack(&frame, &mut Words::new(b" ")).unwrap_err();
        assert!(matches!(error, Error::FingerprintMismatch { .. }));
    }
}

#[test]
fn records_of_tokens_are_independent_of_each_other() {
    let records: Vec<Vec<u8>> = (0..9).map(|index| text(30 * index)).collect();
    let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
    let mut go_on = |_| true;
    for mode in MODES {
        for make in [|| Words::new(b" "), Words::inexact] {
            let settings = Settings {
                block_len: None,
                ..settings(mode, None)
            };
            for form in [Form::Frame, Form::Bare] {
                let mut words = make();
                let blobs = compress_many(&records, form, &mut words, &settings, &mut go_on);
                let blobs = blobs.unwrap();
                let views: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
                let contents =
                    decompress_many(&views, form, &mut make(), mode, None, &mut go_on).unwrap();
                assert_eq!(contents, records);
                assert!(words.calls.iter().all(|&(lanes, _)| lanes == 1));
                for (record, blob) in records.iter().zip(&blobs) {
                    let [alone] = <[_; 1]>::try_from(
                        compress_many(&[record], form, &mut make(), &settings, &mut go_on).unwrap(),
                    )
                    .unwrap();
                    assert_eq!(&alone, blob);
                    if form == Form::Frame {
                        assert_eq!(&pack(record, &settings, &mut make()), blob);
                    }
                }
            }
        }
    }
}

#[test]
fn damage_is_an_error_or_the_right_bytes() {
    for mode in MODES {
        let data = text(300);
        let frame = pack(&data, &settings(mode, Some(100)), &mut Words::inexact());
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            if let Ok(restored) = unpack(&damaged, &mut Words::inexact()) {
                assert_eq!(restored, data, "bit {bit}");
            }
        }
        for len in 0..frame.len() {
            assert!(unpack(&frame[..len], &mut Words::inexact()).is_err());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back(
        parts in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            (0..80_usize).prop_map(text),
        ], 0..20),
        lane_len in 1..200_usize,
        adaptive in any::<bool>(),
        has_prefix in any::<bool>(),
    ) {
        let data = parts.concat();
        let mode = MODES[usize::from(adaptive)];
        let prefix: &[u8] = if has_prefix { b" " } else { b"" };
        let frame = pack(&data, &settings(mode, Some(lane_len)), &mut Words::new(prefix));
        prop_assert_eq!(unpack(&frame, &mut Words::new(prefix)).unwrap(), data);
    }
}
