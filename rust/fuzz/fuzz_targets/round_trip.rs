//! Any content comes back, in one call and in pieces, and pieces give the same frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmac_core::stream::{Compressor, Flush};
use lmac_fuzz::{Repetition, check_stream, pack, settings, unpack};

fuzz_target!(|data: &[u8]| {
    let [first, second, piece_len, content @ ..] = data else {
        return;
    };
    let (settings, piece_len) = (settings(*first, *second), usize::from(*piece_len).max(1));
    let frame = pack(content, &settings);
    let restored = unpack(&frame);
    assert_eq!(restored.as_deref(), Ok(content));
    check_stream(&frame, piece_len, &restored);

    let mut compressor = Compressor::new(settings).unwrap();
    compressor.pledge(Some(content.len() as u64)).unwrap();
    let mut push = |piece: &[u8], flush| {
        compressor
            .compress(piece, flush, &mut Repetition, &mut |_| true)
            .unwrap()
    };
    let mut in_pieces = Vec::new();
    for piece in content.chunks(piece_len) {
        in_pieces.extend(push(piece, Flush::Continue));
    }
    in_pieces.extend(push(&[], Flush::Frame));
    assert_eq!(in_pieces, frame);
});
