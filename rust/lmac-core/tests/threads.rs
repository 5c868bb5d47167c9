//! Blocks and records on several threads: the same bytes, errors and reports as on one.

#[allow(dead_code)] // other tests use more of them
mod contents;

use std::sync::{Arc, LazyLock};

use contents::text;
use lmac_core::codec::{self, Settings};
use lmac_core::error::Error;
use lmac_core::format::frame::Mode;
use lmac_core::models::executor::Executor;
use lmac_core::models::model::Model;
use lmac_core::predictor::Predictor;
use lmac_core::progress::Report;
use lmac_core::records::{Form, compress_many, decompress_many};
use lmac_core::stream::{Compressor, Flush};

const MODES: [Mode; 2] = [Mode::Static, Mode::Adaptive];

fn settings(mode: Mode) -> Settings {
    Settings {
        mode,
        ..Settings::default()
    }
}

/// Six blocks and a short one.
const BLOCK_LEN: usize = 500;
const CONTENT_LEN: usize = 6 * BLOCK_LEN + 123;

fn in_blocks(mode: Mode) -> Settings {
    Settings {
        mode,
        block_len: Some(BLOCK_LEN),
        ..Settings::default()
    }
}

fn slices(records: &[Vec<u8>]) -> Vec<&[u8]> {
    records.iter().map(Vec::as_slice).collect()
}

fn compress(data: &[u8], threads: usize, settings: &Settings) -> Vec<u8> {
    codec::compress(data, &mut executor(threads), settings, &mut |_| true).unwrap()
}

/// The exact model of the golden files, on so many threads.
fn executor(threads: usize) -> Executor {
    static MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/tiny.onnx");
        Arc::new(Model::from_bytes(&std::fs::read(path).unwrap()).unwrap())
    });
    Executor::new(MODEL.clone(), Some(threads)).unwrap()
}

#[test]
fn the_blobs_are_the_same_on_any_number_of_threads() {
    let records: Vec<Vec<u8>> = (0..60).map(|n| text(n * n)).collect();
    let slices = slices(&records);
    for mode in MODES {
        for form in [Form::Frame, Form::Bare] {
            let settings = settings(mode);
            let [alone, pair, many] = [1, 2, 5].map(|threads| {
                let mut done = 0;
                let executor = &mut executor(threads);
                let blobs = compress_many(&slices, form, executor, &settings, &mut |report| {
                    assert!(report.done >= done);
                    done = report.done;
                    true
                });
                assert_eq!(done as usize, records.concat().len());
                blobs.unwrap()
            });
            assert_eq!(alone, pair);
            assert_eq!(alone, many);
            for threads in [1, 2, 5] {
                let blobs: Vec<&[u8]> = alone.iter().map(Vec::as_slice).collect();
                let executor = &mut executor(threads);
                let restored = decompress_many(&blobs, form, executor, mode, None, &mut |_| true);
                assert_eq!(restored.unwrap(), records, "{threads} threads");
            }
        }
    }
}

#[test]
fn threads_name_the_same_damaged_record_every_time() {
    let records: Vec<Vec<u8>> = (0..200).map(|len| text(len + 100)).collect();
    let mut executor = executor(3);
    let settings = settings(Mode::Adaptive);
    let slices = slices(&records);
    let frames = compress_many(&slices, Form::Frame, &mut executor, &settings, &mut |_| {
        true
    });
    let mut frames = frames.unwrap();
    for frame in frames.iter_mut().step_by(3) {
        let middle = frame.len() / 2;
        frame[middle] ^= 1;
    }
    let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
    let errors: Vec<Error> = (0..10)
        .map(|_| {
            let (form, mode) = (Form::Frame, Mode::Adaptive);
            decompress_many(&frames, form, &mut executor, mode, None, &mut |_| true).unwrap_err()
        })
        .collect();
    assert!(matches!(&errors[0], Error::InRecord { index, .. } if index % 3 == 0));
    assert!(errors.iter().all(|error| *error == errors[0]));
}

#[test]
fn threads_stop_where_they_are_asked_to() {
    let records: Vec<Vec<u8>> = (0..200).map(|len| text(len + 100)).collect();
    let (slices, settings) = (slices(&records), settings(Mode::Static));
    for threads in [1, 3] {
        let mut reports = 0;
        let executor = &mut executor(threads);
        let interrupted = compress_many(&slices, Form::Bare, executor, &settings, &mut |_| {
            reports += 1;
            reports < 2
        });
        assert_eq!(interrupted.unwrap_err(), Error::Interrupted);
        assert_eq!(reports, 2);
    }
}

/// That reports only grow, and end with all of the content.
fn watch(reports: &mut Vec<Report>) -> impl FnMut(Report) -> bool {
    move |report| {
        assert!(reports.last().is_none_or(|last| last.done <= report.done));
        reports.push(report);
        true
    }
}

#[test]
fn blocks_are_the_same_on_any_number_of_threads() {
    let content = text(CONTENT_LEN);
    for mode in MODES {
        let frame = compress(&content, 1, &in_blocks(mode));
        for threads in [2, 3, 4, 16] {
            let executor = &mut executor(threads);
            let mut reports = Vec::new();
            let written = codec::compress(
                &content,
                executor,
                &in_blocks(mode),
                &mut watch(&mut reports),
            );
            assert_eq!(written.unwrap(), frame, "{threads} threads");
            let last = reports.last().unwrap();
            assert_eq!(last.done as usize, CONTENT_LEN);
            assert_eq!(last.pass_content_len as usize, CONTENT_LEN);

            let mut reports = Vec::new();
            let restored = codec::decompress(&frame, executor, None, &mut watch(&mut reports));
            assert_eq!(restored.unwrap(), content);
            assert_eq!(reports.last().unwrap().done as usize, CONTENT_LEN);
        }
    }
}

#[test]
fn a_stream_codes_the_blocks_of_a_piece_at_the_same_time() {
    let content = text(CONTENT_LEN);
    for mode in MODES {
        let frame = compress(&content, 1, &in_blocks(mode));
        for piece_len in [1, 499, 500, 501, 1300, 3000, 3123, 9999] {
            let executor = &mut executor(3);
            let mut compressor = Compressor::new(in_blocks(mode)).unwrap();
            assert_eq!(compressor.piece_len(executor), 3 * BLOCK_LEN);
            compressor.pledge(Some(CONTENT_LEN as u64)).unwrap();
            let mut written = Vec::new();
            let mut pieces = content.chunks(piece_len).peekable();
            while let Some(piece) = pieces.next() {
                let flush = match pieces.peek() {
                    Some(_) => Flush::Continue,
                    None => Flush::Frame,
                };
                let part = compressor.compress(piece, flush, executor, &mut |_| true);
                written.extend(part.unwrap());
            }
            assert_eq!(written, frame, "pieces of {piece_len}");
        }
    }
}

#[test]
fn the_first_damaged_block_is_named_on_any_number_of_threads() {
    let content = text(CONTENT_LEN);
    let frame = compress(&content, 1, &in_blocks(Mode::Adaptive));
    for at in (20..frame.len()).step_by(7) {
        let mut damaged = frame.clone();
        damaged[at] ^= 0x10;
        damaged[frame.len() - 20] ^= 1;
        let [alone, several] = [1, 3].map(|threads| {
            codec::decompress(&damaged, &mut executor(threads), None, &mut |_| true)
        });
        assert!(alone.is_err() || alone == Ok(content.clone()));
        assert_eq!(alone, several, "byte {at}");
    }
}

#[test]
fn blocks_stop_where_they_are_asked_to() {
    let content = text(20_000);
    let settings = Settings {
        block_len: Some(5000),
        ..settings(Mode::Static)
    };
    let frame = compress(&content, 1, &settings);
    for limit in [1, 7000, 19_000] {
        let executor = &mut executor(4);
        let mut stop = |report: Report| report.done < limit;
        let stopped = codec::compress(&content, executor, &settings, &mut stop);
        assert_eq!(stopped, Err(Error::Interrupted));
        let stopped = codec::decompress(&frame, executor, None, &mut stop);
        assert_eq!(stopped, Err(Error::Interrupted));
    }
}

#[test]
fn threads_are_shared_by_the_parts_of_a_predictor() {
    let executor = executor(7);
    for count in 2..=7 {
        let parts = executor.divide(count).unwrap();
        assert_eq!(parts.len(), count);
        for part in parts {
            assert_eq!(part.threads(), 7 / count);
            assert_eq!(part.model_id(), executor.model_id());
        }
    }
}
