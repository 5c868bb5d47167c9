//! Any blocks of two frames behind the header of one of them: an error, unless that is one of the two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmac_core::codec::Settings;
use lmac_core::format::cursor::Cursor;
use lmac_core::format::frame_reader::FrameReader;
use lmac_core::stream::{Compressor, Flush};
use lmac_fuzz::{Repetition, check_stream, settings, unpack};

/// A frame of content that is flushed every `piece_len` bytes, with or without its size.
fn pack(content: &[u8], settings: &Settings, piece_len: usize, size: Option<u64>) -> Vec<u8> {
    let mut compressor = Compressor::new(settings.clone()).unwrap();
    compressor.pledge(size).unwrap();
    let mut push = |piece: &[u8], flush| {
        compressor
            .compress(piece, flush, &mut Repetition, &mut |_| true)
            .unwrap()
    };
    let mut frame = Vec::new();
    for piece in content.chunks(piece_len) {
        frame.extend(push(piece, Flush::Block));
    }
    frame.extend(push(&[], Flush::Frame));
    frame
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

fuzz_target!(|data: &[u8]| {
    let [
        first,
        second,
        piece_len,
        is_size_known,
        choice_len,
        rest @ ..,
    ] = data
    else {
        return;
    };
    let (choice, contents) = rest.split_at(usize::from(*choice_len % 16).min(rest.len()));
    let (one, other) = contents.split_at(contents.len() / 2);
    let other = &other[..one.len()];
    let settings = settings(*first, *second);
    let piece_len = usize::from(*piece_len).max(1);
    let size = (*is_size_known % 2 == 1).then_some(one.len() as u64);
    let frames = [one, other].map(|content| pack(content, &settings, piece_len, size));
    let parts = [take_apart(&frames[0]), take_apart(&frames[1])];
    let mut spliced = parts[0][0].to_vec();
    for part in choice {
        let parts = &parts[usize::from(part % 2)];
        spliced.extend_from_slice(parts[1 + usize::from(part / 2) % (parts.len() - 1)]);
    }
    let restored = unpack(&spliced);
    if restored.is_ok() {
        assert!(frames.contains(&spliced));
    }
    check_stream(&spliced, 7, &restored);
});
