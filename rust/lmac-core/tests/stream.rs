//! Streams give the same bytes as one call, however their input is cut into pieces.

mod contents;
#[allow(dead_code, reason = "other tests need more of them")]
mod predictors;

use contents::{noise, text};
use lmac_core::codec::{Settings, compress, decompress, decompress_block, inspect};
use lmac_core::error::{Error, Result};
use lmac_core::format::cursor::Cursor;
use lmac_core::format::frame::Mode;
use lmac_core::format::frame_reader::{FrameReader, MAX_HEADER_LEN};
use lmac_core::stream::{Compressor, Decompressor, Flush};
use predictors::Doubling;
use proptest::prelude::*;

const BLOCK_LEN: usize = 100;

fn settings(mode: Mode) -> Settings {
    Settings {
        mode,
        block_len: Some(BLOCK_LEN),
        lane_len: Some(30),
        verify: true,
        max_memory: None,
    }
}

fn once(data: &[u8], mode: Mode) -> Vec<u8> {
    compress(data, &mut Doubling::default(), &settings(mode), &mut |_| {
        true
    })
    .unwrap()
}

fn push(compressor: &mut Compressor, data: &[u8], flush: Flush) -> Result<Vec<u8>> {
    compressor.compress(data, flush, &mut Doubling::default(), &mut |_| true)
}

/// The frame that a compressor makes of pieces.
fn in_pieces(data: &[u8], mode: Mode, piece_len: usize, pledged: Option<u64>) -> Vec<u8> {
    let mut compressor = Compressor::new(settings(mode)).unwrap();
    compressor.pledge(pledged).unwrap();
    let mut frame = Vec::new();
    for piece in data.chunks(piece_len) {
        frame.extend(push(&mut compressor, piece, Flush::Continue).unwrap());
    }
    frame.extend(push(&mut compressor, &[], Flush::Frame).unwrap());
    frame
}

/// Content, what follows the frame, and the most that came out at once.
fn restore(data: &[u8], piece_len: usize, max_len: Option<usize>) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut decompressor = Decompressor::new(None);
    let mut pieces = data.chunks(piece_len);
    let mut content = Vec::new();
    while !decompressor.is_eof() {
        let piece = if decompressor.needs_input() {
            pieces.next().ok_or(Error::Truncated("a test"))?
        } else {
            &[]
        };
        let part =
            decompressor.decompress(piece, max_len, &mut Doubling::default(), &mut |_| true)?;
        assert!(max_len.is_none_or(|max_len| part.len() <= max_len));
        content.extend(part);
    }
    let unused = [
        decompressor.unused_data(),
        &pieces.collect::<Vec<_>>().concat(),
    ]
    .concat();
    Ok((content, unused))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn pieces_of_any_length_give_the_frame_of_one_call(
        len in 0_usize..450, piece_len in 1_usize..250, is_adaptive: bool,
    ) {
        let mode = if is_adaptive { Mode::Adaptive } else { Mode::Static };
        let data = text(len);
        let expected = once(&data, mode);
        prop_assert_eq!(&in_pieces(&data, mode, piece_len, Some(len as u64)), &expected);
        let unpledged = in_pieces(&data, mode, piece_len, None);
        if len <= BLOCK_LEN {
            prop_assert_eq!(&unpledged, &expected);
        }
        let restored = decompress(&unpledged, &mut Doubling::default(), None, &mut |_| true);
        prop_assert_eq!(restored.unwrap(), data);
    }

    #[test]
    fn a_frame_in_pieces_is_restored_and_what_follows_is_left(
        len in 0_usize..450, piece_len in 1_usize..250, max_len in prop::option::of(1_usize..150), more in 0_usize..40,
    ) {
        let data = text(len);
        let junk = noise(more);
        let input = [once(&data, Mode::Adaptive), junk.clone()].concat();
        prop_assert_eq!(restore(&input, piece_len, max_len).unwrap(), (data, junk));
    }

    #[test]
    fn any_bytes_are_an_error_or_what_one_call_makes_of_them(
        mut data in prop::collection::vec(any::<u8>(), 0..200), with_header: bool, piece_len in 1_usize..30,
    ) {
        if with_header {
            data.splice(0..0, once(&[], Mode::Adaptive)[..6].to_vec());
        }
        match restore(&data, piece_len, None) {
            Ok((content, unused)) => {
                let frame = &data[..data.len() - unused.len()];
                let restored = decompress(frame, &mut Doubling::default(), None, &mut |_| true);
                prop_assert_eq!(restored.unwrap(), content);
            }
            Err(error) => {
                let expected = decompress(&data, &mut Doubling::default(), None, &mut |_| true);
                if !matches!(error, Error::Truncated(_)) {
                    prop_assert_eq!(expected.unwrap_err(), error);
                }
            }
        }
    }
}

#[test]
fn a_damaged_block_is_named_before_what_follows_its_frame() {
    let mut data = once(&text(44), Mode::Static);
    let last = data.len() - 1;
    data[last - 8] ^= 0x55;
    data.extend(b"no frame");
    let whole = decompress(&data, &mut Doubling::default(), None, &mut |_| true);
    assert!(
        matches!(whole, Err(Error::CorruptedBlock { block: 0, .. })),
        "{whole:?}"
    );
    assert_eq!(restore(&data, 7, None).unwrap_err(), whole.unwrap_err());
}

#[test]
fn what_was_flushed_can_be_restored_before_the_frame_ends() {
    let mut compressor = Compressor::new(settings(Mode::Adaptive)).unwrap();
    let mut decompressor = Decompressor::new(None);
    for line in ["one line", "another", ""] {
        let part = push(&mut compressor, line.as_bytes(), Flush::Block).unwrap();
        let restored =
            decompressor.decompress(&part, None, &mut Doubling::default(), &mut |_| true);
        assert_eq!(restored.unwrap(), line.as_bytes());
        assert!(!decompressor.is_eof() && decompressor.needs_input());
    }
    let end = push(&mut compressor, &[], Flush::Frame).unwrap();
    assert_eq!((end.len(), end[0]), (5, 0)); // the mark and its check
    decompressor
        .decompress(&end, None, &mut Doubling::default(), &mut |_| true)
        .unwrap();
    assert!(decompressor.is_eof() && !decompressor.needs_input());
}

#[test]
fn a_compressor_writes_one_frame_after_another() {
    let mut compressor = Compressor::new(settings(Mode::Static)).unwrap();
    for len in [0, 5, 300, 0] {
        let data = text(len);
        compressor.pledge(Some(len as u64)).unwrap();
        let frame = push(&mut compressor, &data, Flush::Frame).unwrap();
        assert_eq!(frame, once(&data, Mode::Static));
    }
}

#[test]
fn content_of_another_length_than_announced_is_an_error_and_no_frame() {
    let announce = |size| {
        let mut compressor = Compressor::new(settings(Mode::Static)).unwrap();
        compressor.pledge(Some(size)).unwrap();
        compressor
    };
    let mut compressor = announce(5);
    let too_long = push(&mut compressor, b"sixsix", Flush::Continue);
    assert_eq!(
        too_long,
        Err(Error::PledgeExceeded {
            pledged: 5,
            actual: 6
        })
    );
    assert_eq!(
        push(&mut compressor, &[], Flush::Frame),
        Err(Error::StreamFailed)
    );

    let mut compressor = announce(5);
    let too_short = push(&mut compressor, b"four", Flush::Frame);
    assert_eq!(
        too_short,
        Err(Error::PledgeMissed {
            pledged: 5,
            actual: 4
        })
    );
    assert_eq!(
        push(&mut compressor, &[], Flush::Frame),
        Err(Error::StreamFailed)
    );

    let mut compressor = announce(5);
    push(&mut compressor, b"a", Flush::Continue).unwrap();
    assert!(compressor.pledge(None).is_err());
}

#[test]
fn after_an_interruption_no_frame_can_be_completed() {
    let mut compressor = Compressor::new(settings(Mode::Static)).unwrap();
    let data = text(500);
    let interrupted = compressor.compress(
        &data,
        Flush::Continue,
        &mut Doubling::default(),
        &mut |_| false,
    );
    assert_eq!(interrupted, Err(Error::Interrupted));
    assert_eq!(
        push(&mut compressor, &[], Flush::Frame),
        Err(Error::StreamFailed)
    );
}

#[test]
fn a_limit_is_checked_before_a_block_is_restored() {
    let frame = once(&text(250), Mode::Static);
    for (limit, expected_len) in [(249, None), (250, Some(250))] {
        let mut decompressor = Decompressor::new(Some(limit));
        let restored =
            decompressor.decompress(&frame, None, &mut Doubling::default(), &mut |_| true);
        assert_eq!(restored.map(|content| content.len()).ok(), expected_len);
    }
}

#[test]
fn a_decompressor_repeats_its_error() {
    let mut frame = once(&text(250), Mode::Adaptive);
    let last = frame.len() - 3;
    frame[last] ^= 1;
    let mut decompressor = Decompressor::new(None);
    let mut attempt =
        |data: &[u8]| decompressor.decompress(data, None, &mut Doubling::default(), &mut |_| true);
    let first = attempt(&frame).unwrap_err();
    assert!(matches!(first, Error::CorruptedBlock { block: 2, .. }));
    assert_eq!(attempt(&[]).unwrap_err(), first);
}

#[test]
fn headers_are_shorter_than_their_limit_and_lead_from_block_to_block() {
    let data = text(450);
    let frame = once(&data, Mode::Adaptive);
    let head = |from: usize| &frame[from..frame.len().min(from + MAX_HEADER_LEN)];
    let mut reader = FrameReader::start(&mut Cursor::new(head(0))).unwrap();
    let mut content = Vec::new();
    while let Some(block) = {
        let start = reader.frame_len() as usize;
        reader.next_block(&mut Cursor::new(head(start))).unwrap()
    } {
        let end = reader.frame_len() as usize;
        let payload = &frame[end - block.payload_len()..end];
        content.extend(
            decompress_block(&block, payload, &mut Doubling::default(), &mut |_| true).unwrap(),
        );
        let shorter = &payload[1..];
        let outcome = decompress_block(&block, shorter, &mut Doubling::default(), &mut |_| true);
        assert!(outcome.is_err());
    }
    assert_eq!(content, data);
    assert_eq!(reader.frame_len() as usize, frame.len());
    assert_eq!([reader.info()], inspect(&frame).unwrap()[..]);
}

#[test]
fn a_run_of_blocks_is_what_one_after_the_other_would_be() {
    let frame = once(&text(450), Mode::Adaptive);
    let header_len = {
        let reader = FrameReader::start(&mut Cursor::new(&frame)).unwrap();
        reader.frame_len() as usize
    };
    for (given_len, content_len) in
        (header_len..=frame.len()).flat_map(|len| [(len, 450), (len, 250), (len, 99)])
    {
        let mut cursor = Cursor::new(&frame[..given_len]);
        let mut reader = FrameReader::start(&mut cursor).unwrap();
        let mut slow = reader.clone();
        let blocks = reader.next_blocks(&mut cursor, content_len);
        for (block, payload) in &blocks {
            let start = slow.frame_len() as usize;
            let expected = slow
                .next_block(&mut Cursor::new(&frame[start..]))
                .unwrap()
                .unwrap();
            assert_eq!(
                (block.place(), block.header()),
                (expected.place(), expected.header())
            );
            let end = slow.frame_len() as usize;
            assert_eq!(*payload, &frame[end - payload.len()..end]);
        }
        assert_eq!(reader.info(), slow.info());
        assert_eq!(cursor.position(), reader.frame_len() as usize);
        let next = slow
            .next_block(&mut Cursor::new(&frame[cursor.position()..]))
            .unwrap();
        let is_whole = |_: &_| slow.frame_len() as usize <= given_len;
        let is_wanted = slow.info().content_len <= content_len as u64;
        assert!(!next.as_ref().is_some_and(is_whole) || !is_wanted);
    }
}
