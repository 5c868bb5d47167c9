//! Any bytes are an error or content within the limit, and the stream agrees.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmac_fuzz::{LIMIT, check_stream, unpack};

fuzz_target!(|data: &[u8]| {
    let content = unpack(data);
    assert!(
        content
            .as_ref()
            .is_ok_and(|content| content.len() as u64 <= LIMIT)
            || content.is_err()
    );
    check_stream(data, data.len() / 3, &content);
});
