//! A valid frame with bytes changed, cut and added: an error or the right content, as far as checksums can tell.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmac_fuzz::{check_stream, pack, settings, unpack};

fuzz_target!(|data: &[u8]| {
    let [first, second, cut, place, change, rest @ ..] = data else {
        return;
    };
    let (content, garbage) = rest.split_at(rest.len() / 2);
    let mut frame = pack(content, &settings(*first, *second));
    let frame_len = frame.len();
    frame[usize::from(*place) % frame_len] ^= change;
    frame.truncate(frame_len - usize::from(*cut) % frame_len / 2);
    let is_whole = frame.len() == frame_len && *change == 0;
    frame.extend_from_slice(garbage);
    let restored = unpack(&frame);
    if let Ok(restored) = &restored
        && is_whole
    {
        assert!(restored.starts_with(content));
        assert!(garbage.is_empty() || unpack(garbage).is_ok());
    }
    check_stream(&frame, 7, &restored);
});
