//! Blocks in places that are not theirs are noticed: in one call, in pieces and as records, in both modes,
//! stored and coded, whether the frame states its content size or not.

mod contents;
#[allow(dead_code, reason = "other tests need more of them")]
mod predictors;

use contents::{noise, text};
use lmac_core::codec::{Settings, decompress, inspect};
use lmac_core::error::{Error, Result};
use lmac_core::format::cursor::Cursor;
use lmac_core::format::frame::Mode;
use lmac_core::format::frame_reader::FrameReader;
use lmac_core::records::{Form, decompress_many};
use lmac_core::stream::{Compressor, Decompressor, Flush};
use predictors::Doubling;
use proptest::prelude::*;

const BLOCK_LEN: usize = 64;
const BLOCKS: usize = 5;

/// A frame of five blocks.
fn frame(data: &[u8], mode: Mode, is_size_known: bool) -> Vec<u8> {
    let settings = Settings {
        mode,
        block_len: Some(BLOCK_LEN),
        lane_len: Some(16),
        verify: true,
        max_memory: None,
    };
    let mut compressor = Compressor::new(settings).unwrap();
    let size = is_size_known.then_some(data.len() as u64);
    compressor.pledge(size).unwrap();
    let progress = &mut |_| true;
    let frame = compressor.compress(data, Flush::Frame, &mut Doubling::default(), progress);
    frame.unwrap()
}

/// The header, the blocks and the end of a frame.
fn take_apart(frame: &[u8]) -> Vec<&[u8]> {
    let mut reader = FrameReader::start(&mut Cursor::new(frame)).unwrap();
    let (mut parts, mut start) = (Vec::new(), 0);
    loop {
        let end = reader.frame_len() as usize;
        parts.push(&frame[start..end]);
        start = end;
        let rest = &frame[end..];
        if reader.next_block(&mut Cursor::new(rest)).unwrap().is_none() {
            parts.push(rest);
            return parts;
        }
    }
}

fn unpack(frame: &[u8]) -> Result<Vec<u8>> {
    decompress(frame, &mut Doubling::default(), None, &mut |_| true)
}

fn unpack_stream(frame: &[u8]) -> Result<Vec<u8>> {
    let mut decompressor = Decompressor::new(None);
    let progress = &mut |_| true;
    let content = decompressor.decompress(frame, None, &mut Doubling::default(), progress)?;
    let is_whole = decompressor.is_eof() && decompressor.unused_data().is_empty();
    is_whole.then_some(content).ok_or(Error::StreamFailed)
}

fn unpack_record(frame: &[u8]) -> Result<Vec<u8>> {
    let predictor = &mut Doubling::default();
    let mode = Mode::Static; // of bare records
    let records = decompress_many(&[frame], Form::Frame, predictor, mode, None, &mut |_| true);
    records.map(|records| records.concat())
}

/// The frame of any parts of two frames, one after the other.
fn splice(one: &[&[u8]], other: &[&[u8]], choice: &[(bool, usize)]) -> Vec<u8> {
    let part = |&(is_other, part): &(bool, usize)| if is_other { other[part] } else { one[part] };
    choice.iter().flat_map(part).copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_parts_of_two_frames_are_one_of_them_or_an_error(
        choice in prop::collection::vec((any::<bool>(), 1..=BLOCKS), 0..8),
        kept in 0..=BLOCKS,
        has_other_end: bool,
        is_adaptive: bool,
        is_size_known: bool,
        is_stored: bool,
    ) {
        let mode = if is_adaptive { Mode::Adaptive } else { Mode::Static };
        let content_len = BLOCKS * BLOCK_LEN;
        let contents = if is_stored { noise(2 * content_len) } else { text(2 * content_len) };
        let (first, second) = contents.split_at(content_len);
        let frames = [first, second].map(|content| frame(content, mode, is_size_known));
        let [one, other] = [&frames[0], &frames[1]].map(|frame| take_apart(frame));
        // The header and some blocks of the first frame, any parts of both, and one of the ends.
        let mut whole: Vec<_> = (0..=kept).map(|part| (false, part)).collect();
        whole.extend(choice);
        whole.push((has_other_end, BLOCKS + 1));
        let spliced = splice(&one, &other, &whole);
        for restored in [unpack(&spliced), unpack_stream(&spliced), unpack_record(&spliced)] {
            match restored {
                Ok(content) => prop_assert!(frames.contains(&spliced) && (content == first || content == second)),
                Err(_) => prop_assert!(!frames.contains(&spliced)),
            }
        }
    }
}

#[test]
fn what_is_wrong_with_a_place_is_said() {
    let data = text(BLOCKS * BLOCK_LEN);
    for mode in [Mode::Static, Mode::Adaptive] {
        let known = frame(&data, mode, true);
        let unknown = frame(&data, mode, false);
        assert_eq!(unknown.len() + 2, known.len() + 4); // a content size of two bytes, or a check
        let (known, unknown) = (take_apart(&known), take_apart(&unknown));
        let swapped = [
            known[0], known[2], known[1], known[3], known[4], known[5], known[6],
        ]
        .concat();
        let error = unpack(&swapped).unwrap_err();
        assert!(matches!(error, Error::CorruptedBlock { block: 0, .. }));
        assert!(
            error
                .to_string()
                .starts_with("block 0 is damaged or was put here from another place")
        );
        let cut = |parts: &[&[u8]]| [&parts[..4], &parts[6..]].concat().concat();
        let (expected, actual) = (320, 192);
        let size_mismatch = Error::ContentSizeMismatch { expected, actual };
        assert_eq!(unpack(&cut(&known)), Err(size_mismatch));
        let wrong_end = Error::WrongEnd { content_len: 192 };
        assert_eq!(unpack(&cut(&unknown)), Err(wrong_end.clone()));
        assert_eq!(inspect(&cut(&unknown)), Err(wrong_end));
        let no_end = unknown[..6].concat();
        assert_eq!(unpack(&no_end), Err(Error::Truncated("a block header")));
        let half_an_end = [&no_end[..], &unknown[6][..3]].concat();
        assert_eq!(
            unpack(&half_an_end),
            Err(Error::Truncated("the end of a frame"))
        );
    }
}

#[test]
fn an_end_that_is_not_its_own_can_be_skipped() {
    let unknown = frame(&text(BLOCKS * BLOCK_LEN), Mode::Static, false);
    let parts = take_apart(&unknown);
    for (end, is_end) in [(parts[BLOCKS + 1], true), (parts[1], false)] {
        let mut reader = FrameReader::start(&mut Cursor::new(parts[0])).unwrap();
        let header_len = reader.frame_len();
        assert_eq!(reader.skip_end(&mut Cursor::new(end)), Ok(is_end));
        assert_eq!(reader.frame_len(), header_len + if is_end { 5 } else { 0 });
    }
}
