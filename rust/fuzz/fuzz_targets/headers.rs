//! Headers of any bytes: `inspect` and a walk over the same bytes agree, and lengths add up.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lmac_core::codec::inspect;
use lmac_core::error::Result;
use lmac_core::format::cursor::Cursor;
use lmac_core::format::frame_reader::{FrameInfo, FrameReader, MAX_HEADER_LEN};

fn walk(data: &[u8]) -> Result<Vec<FrameInfo>> {
    let mut frames = Vec::new();
    let mut start = 0;
    let head = |from: usize| &data[from.min(data.len())..data.len().min(from + MAX_HEADER_LEN)];
    loop {
        let mut reader = FrameReader::start(&mut Cursor::at(start as u64, head(start)))?;
        let next = |reader: &FrameReader| start + reader.frame_len() as usize;
        while let Some(block) = reader.next_block(&mut Cursor::new(head(next(&reader))))? {
            assert!(block.payload_len() <= block.content_len());
            let end = next(&reader);
            Cursor::new(&data[(end - block.payload_len()).min(data.len())..])
                .take(block.payload_len(), "the payload of a block")?;
        }
        start = next(&reader);
        frames.push(reader.info());
        if start == data.len() {
            return Ok(frames);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let frames = inspect(data);
    if let Ok(frames) = &frames {
        let frames_len: u64 = frames.iter().map(|frame| frame.frame_len).sum();
        assert_eq!(frames_len, data.len() as u64);
    }
    assert_eq!(frames, walk(data));
});
