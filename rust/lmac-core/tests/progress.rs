//! What a progress function is told, pass by pass, and that it can end the work in each of them.

#[allow(dead_code)] // other tests use more of them
mod contents;
#[allow(dead_code)]
mod predictors;
#[allow(dead_code)]
mod words;

use contents::noise;
use lmac_core::codec::{Settings, compress, decompress, inspect};
use lmac_core::error::{Error, Result};
use lmac_core::format::frame::Mode;
use lmac_core::predictor::Predictor;
use lmac_core::progress::{Progress, Report};
use lmac_core::records::{Form, compress_many, decompress_many};
use predictors::Rule;
use words::Words;

const MODES: [Mode; 2] = [Mode::Static, Mode::Adaptive];

/// What only a network can shrink, and any part of it about as well as any other.
fn ruled(len: usize) -> Vec<u8> {
    Rule::content(&noise(2 * len))
}

fn divided(mode: Mode, block_len: usize, lane_len: usize) -> Settings {
    Settings {
        mode,
        block_len: Some(block_len),
        lane_len: Some(lane_len),
        verify: true,
        max_memory: None,
    }
}

/// What some work comes to, and all that it reports.
fn watched<T>(work: impl FnOnce(&mut Progress<'_>) -> Result<T>) -> (T, Vec<Report>) {
    let mut reports = Vec::new();
    let outcome = work(&mut |report| {
        reports.push(report);
        true
    });
    (outcome.unwrap(), reports)
}

fn watched_compress(
    data: &[u8],
    predictor: &mut dyn Predictor,
    settings: &Settings,
) -> (Vec<u8>, Vec<Report>) {
    watched(|progress| compress(data, predictor, settings, progress))
}

/// The reports of each pass: where there is less content than before, another has begun.
fn passes(reports: &[Report]) -> Vec<&[Report]> {
    reports
        .chunk_by(|before, after| before.pass_content_len <= after.pass_content_len)
        .collect()
}

fn payload_len(frame: &[u8]) -> u64 {
    inspect(frame).unwrap()[0].payload_len
}

/// The content and the payload that a report states.
const fn lens(report: &Report) -> (u64, u64) {
    (report.pass_content_len, report.pass_payload_len)
}

fn bits_per_byte(report: &Report) -> f64 {
    8.0 * report.pass_payload_len as f64 / report.pass_content_len as f64
}

#[test]
fn content_and_payload_of_a_pass_grow_to_those_of_the_block() {
    let data = ruled(4096);
    for (mode, lane_len) in MODES
        .into_iter()
        .flat_map(|mode| [(mode, 4096), (mode, 500)])
    {
        let settings = divided(mode, 4096, lane_len);
        let (frame, reports) = watched_compress(&data, &mut Rule::default(), &settings);
        let payload_len = payload_len(&frame);
        assert!(reports.is_sorted_by_key(|report| report.done));
        assert!(reports.is_sorted_by_key(|report| report.pass_content_len));
        assert!(reports.is_sorted_by_key(|report| report.pass_payload_len));
        let [before @ .., end] = &reports[..] else {
            panic!("no report");
        };
        assert_eq!((end.done, lens(end)), (4096, (4096, payload_len)));
        assert!(before.len() >= 29, "{} reports", before.len());
        let last = before.last().unwrap();
        assert!(last.pass_content_len > 4096 - 128 - 9);
        assert!(last.pass_payload_len > payload_len - payload_len / 20);
        assert!(last.pass_payload_len < payload_len);
    }
}

#[test]
fn the_bits_per_byte_of_even_content_are_known_from_the_first_report_on() {
    let data = ruled(20_000);
    let settings = divided(Mode::Static, 1 << 20, 1 << 20);
    let (_, reports) = watched_compress(&data, &mut Rule::default(), &settings);
    let of_block = bits_per_byte(reports.last().unwrap());
    assert!(reports[0].pass_content_len <= 256);
    for report in reports {
        let share = bits_per_byte(&report) / of_block;
        assert!((0.6..1.6).contains(&share), "{share} after {report:?}");
    }
}

#[test]
fn a_decoder_reports_what_the_encoder_did() {
    let data = ruled(4000);
    for mode in MODES {
        let settings = divided(mode, 1100, 300);
        let (frame, compressing) = watched_compress(&data, &mut Rule::default(), &settings);
        let restore =
            |progress: &mut Progress<'_>| decompress(&frame, &mut Rule::default(), None, progress);
        let (restored, decompressing) = watched(restore);
        assert_eq!(restored, data);
        assert_eq!(decompressing, compressing);
        let ends = passes(&compressing)
            .into_iter()
            .map(|pass| *pass.last().unwrap());
        let (done, content, payload) = ends.fold((0, 0, 0), |(_, content, payload), end| {
            let (content_len, payload_len) = lens(&end);
            (end.done, content + content_len, payload + payload_len)
        });
        assert_eq!((done, content, payload), (4000, 4000, payload_len(&frame)));
    }
}

#[test]
fn without_the_network_a_decoder_reports_what_the_encoder_did() {
    let data = [b'x'; 5000];
    let settings = Settings::default();
    let (frame, compressing) = watched_compress(&data, &mut Rule::default(), &settings);
    assert_eq!(inspect(&frame).unwrap()[0].blocks_without_network, 1);
    let restore =
        |progress: &mut Progress<'_>| decompress(&frame, &mut Rule::default(), None, progress);
    let (_, decompressing) = watched(restore);
    let lens_of = |reports: &[Report]| reports.iter().map(lens).collect::<Vec<_>>();
    assert_eq!(lens_of(&decompressing), lens_of(&compressing));
}

#[test]
fn every_pass_over_a_block_reports_its_own_payload() {
    let data = ruled(132_000);
    let settings = Settings::default();
    let (frame, reports) = watched_compress(&data, &mut Rule::default(), &settings);
    assert!(reports.is_sorted_by_key(|report| report.done));
    let [without, trial, with] = passes(&reports)[..] else {
        panic!("not three passes");
    };
    let (content_len, len) = lens(without.last().unwrap());
    assert!(content_len > 131_800);
    assert!((130_000..134_000).contains(&len), "{len} bytes");
    let (content_len, len) = lens(trial.last().unwrap());
    assert_eq!(content_len, 1 << 14);
    assert!(len < content_len / 2, "{len} bytes");
    let end = with.last().unwrap();
    assert_eq!(
        (end.done, lens(end)),
        (132_000, (132_000, payload_len(&frame)))
    );
}

#[test]
fn a_stored_block_reports_itself_as_its_payload() {
    let data = noise(3000);
    for mode in MODES {
        let settings = divided(mode, 3000, 3000);
        let (_, reports) = watched_compress(&data, &mut Rule::default(), &settings);
        let end = reports.last().unwrap();
        assert_eq!((end.done, lens(end)), (3000, (3000, 3000)));
    }
}

#[test]
fn while_a_block_is_proved_its_own_payload_is_reported() {
    let data = b" the cat caught the mouse.".repeat(150); // too short to be coded without the network
    let len = data.len() as u64;
    for mode in MODES {
        let mut predictor = Words::new(b"");
        predictor.fingerprint = Some("float;here");
        let settings = divided(mode, 1 << 14, 1 << 14);
        let (frame, reports) = watched_compress(&data, &mut predictor, &settings);
        let block = (len, payload_len(&frame));
        assert!(reports.is_sorted_by_key(|report| report.done));
        let (proof, before): (Vec<Report>, Vec<Report>) = reports
            .into_iter()
            .partition(|report| report.done > len / 2);
        assert!(proof.len() > 20 && before.len() > 20);
        assert!(proof.iter().all(|report| lens(report) == block));
        assert!(lens(&before[10]) < block);
    }
}

#[test]
fn batches_of_records_report_their_payloads() {
    let record = ruled(100);
    let records = vec![record.as_slice(); 150];
    let predictor = &mut Rule::default();
    for mode in MODES {
        let settings = divided(mode, 4096, 4096);
        let (blobs, compressing) =
            watched(|progress| compress_many(&records, Form::Bare, predictor, &settings, progress));
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        let (restored, decompressing) = watched(|progress| {
            decompress_many(&blobs, Form::Bare, predictor, mode, None, progress)
        });
        assert_eq!(restored, records);
        let payload_len: u64 = blobs.iter().map(|blob| blob.len() as u64 - 1).sum();
        for reports in [compressing, decompressing] {
            assert_eq!(reports.last().unwrap().done, 15_000);
            let (content_lens, payload_lens): (Vec<u64>, Vec<u64>) =
                reports.iter().map(lens).unzip();
            assert_eq!(content_lens.iter().sum::<u64>(), 15_000);
            assert_eq!(payload_lens.iter().sum::<u64>(), payload_len);
        }
    }
}

#[test]
fn the_work_can_be_ended_anywhere() {
    let data = ruled(10_000);
    for mode in MODES {
        let settings = divided(mode, 3000, 500);
        let mut predictor = Rule::default();
        let frame = compress(&data, &mut predictor, &settings, &mut |_| true).unwrap();
        let mut stop = |report: Report| report.done < 5000;
        let stopped = compress(&data, &mut predictor, &settings, &mut stop);
        assert_eq!(stopped, Err(Error::Interrupted));
        let stopped = decompress(&frame, &mut predictor, None, &mut stop);
        assert_eq!(stopped, Err(Error::Interrupted));
    }
}

#[test]
fn every_pass_can_be_ended() {
    let data = ruled(132_000);
    let settings = Settings::default();
    let (_, reports) = watched_compress(&data, &mut Rule::default(), &settings);
    let mut calls = 0;
    for pass in passes(&reports) {
        let last_call = calls + pass.len() / 2;
        calls += pass.len();
        let mut left = last_call;
        let mut stop = |_| {
            left -= 1;
            left > 0
        };
        let stopped = compress(&data, &mut Rule::default(), &settings, &mut stop);
        assert_eq!((stopped, left), (Err(Error::Interrupted), 0));
    }
}
