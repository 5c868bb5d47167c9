//! Tokens, of a valid frame whose payload becomes garbage and of nothing but garbage: an error or the right content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmac_fuzz::{frame_of_tokens, pack_tokens, settings, unpack_tokens};

fuzz_target!(|data: &[u8]| {
    let [first, second, third, cut, rest @ ..] = data else {
        return;
    };
    let settings = settings(*first, *second);
    let (content, garbage) = rest.split_at(rest.len() / 2);
    let mut frame = pack_tokens(content, &settings);
    assert_eq!(unpack_tokens(&frame).as_deref(), Ok(content));
    let cut = usize::from(*cut) % frame.len();
    frame.truncate(frame.len() - cut);
    frame.extend_from_slice(garbage);
    if let Ok(restored) = unpack_tokens(&frame) {
        assert!(cut > 0 || restored.starts_with(content));
    }
    let content_len = rest.len() + usize::from(*third);
    if let Ok(restored) = unpack_tokens(&frame_of_tokens(rest, content_len, &settings)) {
        assert_eq!(restored.len(), content_len);
    }
});
