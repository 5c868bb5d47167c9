//! Frames and blocks: exact bytes, sizes around every limit, and what damage does.

mod predictors;

use lmac_core::block;
use lmac_core::codec::{Settings, compress, decompress, inspect};
use lmac_core::error::Error;
use lmac_core::predictor::Predictor;
use predictors::{Doubling, Fixed};

const SMALL: Settings = Settings {
    block_len: 64,
    lane_len: 16,
};

fn pack(data: &[u8], settings: &Settings) -> Vec<u8> {
    compress(data, &mut Doubling::default(), settings, &mut |_| true).unwrap()
}

fn unpack(frame: &[u8]) -> Result<Vec<u8>, Error> {
    decompress(frame, &mut Doubling::default(), None, &mut |_| true)
}

/// Something that a predictor of byte pairs can shrink.
fn text(len: usize) -> Vec<u8> {
    b"she sells sea shells by the sea shore; "
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// Bytes that nothing shrinks (xorshift64).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next_byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 56) as u8
    };
    (0..len).map(|_| next_byte()).collect()
}

/// A predictor of fair bits: `a` and `b` share nearly everything.
fn a_or_b() -> Fixed {
    let mut logits = vec![i16::MIN; 256];
    logits[usize::from(b'a')] = 0;
    logits[usize::from(b'b')] = 0;
    Fixed { logits }
}

#[test]
fn empty_content_is_a_frame_of_seven_bytes() {
    assert_eq!(pack(&[], &Settings::default()), *b"\xAC\x4C\x21dbl\x00");
}

#[test]
fn a_single_byte_is_stored() {
    // content_len 1, coded_len 0 (stored), CRC-32 of "a" is E8B7BE43, the byte.
    let expected = b"\xAC\x4C\x21dbl\x01\x00\x43\xBE\xB7\xE8a";
    assert_eq!(pack(b"a", &Settings::default()), expected);
}

#[test]
fn sixteen_almost_fair_bits_are_three_bytes() {
    // Each of the other 254 symbols takes one unit, so b starts at 2^23 - 30 and the bits
    // 0110 1001 0000 1111 come out a little smaller: 69 0E B4.
    let data = b"abbabaabaaaabbbb";
    let frame = compress(data, &mut a_or_b(), &Settings::default(), &mut |_| true).unwrap();
    let expected = b"\xAC\x4C\x21\xF1\xF1\xF1\x10\x03\x8C\xDA\x0E\x4E\x69\x0E\xB4";
    assert_eq!(frame, expected);
    assert_eq!(
        decompress(&frame, &mut a_or_b(), None, &mut |_| true).unwrap(),
        data
    );
}

#[test]
fn three_lanes_of_different_lengths_share_one_payload() {
    // 20 bytes in lanes of 7, 7 and 6; decoded with tests/reference.py, too.
    let settings = Settings {
        block_len: 20,
        lane_len: 8,
    };
    let frame = pack(b"aaaaaaaaaaaaaaaaaaab", &settings);
    let expected = b"\xAC\x4C\x23\x64\x62\x6C\x08\x14\x10\x74\xDA\x66\xBF\
        \x61\x61\x61\x61\x60\xFF\xFF\xFF\xFF\xFF\xFF\x9F\x5F\x7B\xF3\xB5";
    assert_eq!(frame, expected);
    assert_eq!(unpack(&frame).unwrap(), b"aaaaaaaaaaaaaaaaaaab");
}

#[test]
fn two_blocks_and_a_lane_length_are_in_the_header() {
    let settings = Settings {
        block_len: 2,
        lane_len: 1,
    };
    // content_size 3, lane_len 1; "ab" and "c" stored; the end marker.
    let expected = b"\xAC\x4C\x26dbl\x03\x01\
        \x02\x00\x6D\x48\x83\x9Eab\
        \x01\x00\x6F\xDF\xB9\x06c\
        \x00";
    assert_eq!(pack(b"abc", &settings), expected);
    assert_eq!(unpack(expected).unwrap(), b"abc");
}

#[test]
fn a_frame_of_unknown_size_ends_at_its_marker() {
    let frame = b"\xAC\x4C\x20dbl\x01\x00\x43\xBE\xB7\xE8a\x01\x00\x43\xBE\xB7\xE8a\x00";
    assert_eq!(unpack(frame).unwrap(), b"aa");
    assert_eq!(inspect(frame).unwrap()[0].content_size, None);
}

#[test]
fn sizes_around_every_limit_come_back() {
    let settings = [
        SMALL,
        Settings {
            block_len: 100,
            lane_len: 7,
        },
        Settings::default(),
    ];
    for settings in settings {
        let Settings {
            block_len,
            lane_len,
        } = settings;
        let limits = [lane_len, 2 * lane_len, block_len, 2 * block_len, 128, 256];
        let around = limits
            .into_iter()
            .filter(|&limit| limit < 4000)
            .flat_map(|at| at - 1..=at + 1);
        for len in around.chain([0, 1, 2]) {
            for data in [text(len), noise(len), vec![0; len]] {
                assert_eq!(
                    unpack(&pack(&data, &settings)).unwrap(),
                    data,
                    "{len} bytes"
                );
            }
        }
    }
}

#[test]
fn the_default_lane_and_block_limits_come_back() {
    let Settings {
        block_len,
        lane_len,
    } = Settings::default();
    let data = text(block_len + 1);
    for len in [
        lane_len - 1,
        lane_len,
        lane_len + 1,
        2 * lane_len + 1,
        block_len + 1,
    ] {
        let frame = pack(&data[..len], &Settings::default());
        assert!(frame.len() < len / 2);
        assert_eq!(unpack(&frame).unwrap(), data[..len]);
    }
}

#[test]
fn as_many_lanes_as_there_are_bytes_come_back_and_no_more_than_the_limit() {
    for (len, lane_len) in [(300, 1), (300, 2), (block::MAX_LANES + 5, 1)] {
        let mut predictor = Fixed {
            logits: (0..256).map(|byte| -byte).collect(),
        };
        let data: Vec<u8> = (0..len).map(|index| (index % 60) as u8).collect();
        let settings = Settings {
            block_len: 1 << 20,
            lane_len,
        };
        let frame = compress(&data, &mut predictor, &settings, &mut |_| true).unwrap();
        assert!(frame.len() < len);
        assert_eq!(
            decompress(&frame, &mut predictor, None, &mut |_| true).unwrap(),
            data
        );
    }
}

#[test]
fn a_small_frame_costs_at_most_sixteen_bytes_beyond_its_payload() {
    for len in [1, 127, 128, 16_383, 16_384, (1 << 20) - 1, 1 << 20] {
        let mut stored_and_coded = [noise(len), vec![b'a'; len]].into_iter();
        for data in &mut stored_and_coded {
            let frame =
                compress(&data, &mut a_or_b(), &Settings::default(), &mut |_| true).unwrap();
            let [info] = inspect(&frame).unwrap().try_into().unwrap();
            assert!(info.frame_len - info.payload_len <= 16);
        }
    }
    let whole = Settings {
        block_len: 1 << 24,
        ..Settings::default()
    };
    let data = vec![b'a'; (1 << 21) - 1];
    let frame = compress(&data, &mut a_or_b(), &whole, &mut |_| true).unwrap();
    let [info] = inspect(&frame).unwrap().try_into().unwrap();
    assert_eq!(info.frame_len - info.payload_len, 16);
}

#[test]
fn noise_grows_by_a_thousandth_and_sixteen_bytes_at_most() {
    for len in [1, 100, 70_000, (1 << 20) + 1] {
        let mut predictor = Fixed {
            logits: vec![0; 256],
        };
        let frame = compress(
            &noise(len),
            &mut predictor,
            &Settings::default(),
            &mut |_| true,
        );
        let frame_len = frame.unwrap().len();
        assert!(
            frame_len <= len + len / 1000 + 16,
            "{len} became {frame_len}"
        );
    }
}

#[test]
fn the_predictor_is_asked_for_no_more_steps_than_the_longest_lane_has() {
    for (len, steps) in [(1, 1), (16, 16), (17, 9), (64, 16)] {
        let mut predictor = Doubling::default();
        let mut ask = |_| true;
        let payload = block::encode(&vec![0; len], 16, &mut predictor, &mut ask).unwrap();
        assert_eq!(predictor.advanced_steps, steps);
        if let Some(payload) = payload {
            let place = block::Place::default();
            block::decode(&payload, len, 16, &mut predictor, place, &mut ask).unwrap();
            assert_eq!(predictor.advanced_steps, 2 * steps);
        }
    }
}

#[test]
fn concatenated_frames_are_the_concatenated_contents() {
    let parts = [text(100), Vec::new(), noise(70), text(1)];
    let frames: Vec<u8> = parts.iter().flat_map(|part| pack(part, &SMALL)).collect();
    assert_eq!(unpack(&frames).unwrap(), parts.concat());
    assert_eq!(inspect(&frames).unwrap().len(), 4);
}

#[test]
fn inspect_counts_what_compress_wrote() {
    let data = [vec![b'a'; 256], noise(64), noise(10)].concat();
    let frame = pack(&data, &SMALL);
    let [info] = inspect(&frame).unwrap().try_into().unwrap();
    assert_eq!((info.content_size, info.content_len), (Some(330), 330));
    assert_eq!((info.blocks, info.stored_blocks, info.lane_len), (6, 2, 16));
    assert_eq!(
        (info.frame_len, info.model_id),
        (frame.len() as u64, *b"dbl")
    );
}

#[test]
fn what_is_not_a_frame_is_named_with_its_offset() {
    let mut frame = pack(b"abc", &SMALL);
    let offset = frame.len() as u64;
    assert_eq!(unpack(b"hello"), Err(Error::WrongMagicNumber { offset: 0 }));
    assert_eq!(unpack(b""), Err(Error::Truncated("a magic number")));
    frame.push(b'\n');
    assert_eq!(unpack(&frame), Err(Error::WrongMagicNumber { offset }));
    assert_eq!(inspect(&frame), Err(Error::WrongMagicNumber { offset }));
}

#[test]
fn another_model_is_refused_even_for_stored_blocks() {
    let frame = pack(b"abc", &SMALL);
    let refusal = decompress(&frame, &mut a_or_b(), None, &mut |_| true);
    let (expected, actual) = ("64626c".to_owned(), "f1f1f1".to_owned());
    assert_eq!(refusal, Err(Error::ModelMismatch { expected, actual }));
}

#[test]
fn headers_that_break_a_rule_are_refused() {
    let is_invalid = |frame: &[u8]| matches!(unpack(frame), Err(Error::InvalidHeader(_)));
    assert_eq!(
        unpack(b"\xAC\x4C\x41dbl\x00"),
        Err(Error::UnsupportedVersion(2))
    );
    assert!(is_invalid(b"\xAC\x4C\x01dbl\x00"), "version 0");
    assert!(is_invalid(b"\xAC\x4C\x31dbl\x00"), "reserved bit 4");
    assert!(is_invalid(b"\xAC\x4C\x29dbl\x00"), "reserved bit 3");
    assert!(is_invalid(b"\xAC\x4C\x23dbl\x00\x00"), "no lane length");
    assert!(
        is_invalid(b"\xAC\x4C\x23dbl\x81\x80\x80\x08\x00"),
        "lane length 2^24 + 1"
    );
    assert!(is_invalid(b"\xAC\x4C\x21dbl\x80\x00"), "padded number");
    assert!(
        is_invalid(b"\xAC\x4C\x25dbl\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x00"),
        "2^63"
    );
    assert!(
        is_invalid(b"\xAC\x4C\x21dbl\x81\x80\x80\x08\x00\x00\x00\x00\x00"),
        "too long a block"
    );
    assert!(
        is_invalid(b"\xAC\x4C\x21dbl\x02\x02\x00\x00\x00\x00ab"),
        "coded, but not shorter"
    );
}

#[test]
fn a_wrong_content_size_is_found_as_soon_as_it_is_exceeded() {
    let too_much = b"\xAC\x4C\x24dbl\x01\x01\x00\x43\xBE\xB7\xE8a\x01\x00\x43\xBE\xB7\xE8a\x00";
    let too_little = b"\xAC\x4C\x25dbl\x02\x01\x00\x43\xBE\xB7\xE8a";
    assert_eq!(
        unpack(too_much),
        Err(Error::ContentSizeMismatch {
            expected: 1,
            actual: 2
        })
    );
    assert_eq!(
        unpack(too_little),
        Err(Error::ContentSizeMismatch {
            expected: 2,
            actual: 1
        })
    );
}

#[test]
fn the_output_limit_holds_with_and_without_a_content_size() {
    let unpack_at_most = |frame: &[u8], limit: u64| {
        decompress(frame, &mut Doubling::default(), Some(limit), &mut |_| true)
    };
    let single = pack(&text(60), &SMALL);
    let several = pack(&text(200), &SMALL);
    let both = [single.clone(), several.clone()].concat();
    for (frame, len) in [(single, 60), (several, 200), (both, 260)] {
        assert_eq!(unpack_at_most(&frame, len).unwrap().len() as u64, len);
        assert_eq!(
            unpack_at_most(&frame, len - 1),
            Err(Error::OutputLimit { limit: len - 1 })
        );
    }
}

#[test]
fn settings_outside_their_limits_are_refused() {
    for (block_len, lane_len) in [(0, 1), (1, 0), ((1 << 24) + 1, 1), (1, (1 << 24) + 1)] {
        let settings = Settings {
            block_len,
            lane_len,
        };
        let refusal = compress(b"", &mut Doubling::default(), &settings, &mut |_| true);
        assert!(matches!(refusal, Err(Error::InvalidSetting(_))));
    }
}

#[test]
fn an_alphabet_that_is_not_of_bytes_is_refused() {
    let mut predictor = Fixed {
        logits: vec![0; 257],
    };
    let refusal = compress(b"abc", &mut predictor, &SMALL, &mut |_| true);
    assert!(matches!(refusal, Err(Error::Predictor(_))));
}

#[test]
fn progress_rises_to_the_end_and_can_interrupt() {
    let data = text(10_000);
    let settings = Settings {
        block_len: 3000,
        lane_len: 500,
    };
    let mut seen = Vec::new();
    let mut predictor = Doubling::default();
    let mut note = |done| {
        seen.push(done);
        true
    };
    let frame = compress(&data, &mut predictor, &settings, &mut note).unwrap();
    decompress(&frame, &mut predictor, None, &mut note).unwrap();
    let (compressing, decompressing) = seen.split_at(seen.len() / 2);
    for seen in [compressing, decompressing] {
        assert!(seen.is_sorted() && seen.len() > 50);
        assert_eq!(seen.last(), Some(&10_000));
    }
    let mut stop = |done| done < 5000;
    let stopped = compress(&data, &mut predictor, &settings, &mut stop);
    assert_eq!(stopped, Err(Error::Interrupted));
    assert_eq!(
        decompress(&frame, &mut predictor, None, &mut stop),
        Err(Error::Interrupted)
    );
}

#[test]
fn every_truncation_is_an_error() {
    let frame = pack(&[text(150), noise(30)].concat(), &SMALL);
    for len in 0..frame.len() {
        assert!(
            matches!(unpack(&frame[..len]), Err(Error::Truncated(_))),
            "cut at {len}"
        );
    }
}

#[test]
fn ten_thousand_damaged_bytes_give_an_error_or_the_right_bytes() {
    let settings = Settings {
        block_len: 64,
        lane_len: 40,
    };
    let data = [text(150), noise(20)].concat();
    let frame = pack(&data, &settings);
    let choices = noise(30_000);
    let mut errors = 0;
    for choice in choices.chunks_exact(3) {
        let mut damaged = frame.clone();
        let index = usize::from(u16::from_le_bytes([choice[0], choice[1]])) % frame.len();
        damaged[index] ^= choice[2].max(1);
        match unpack(&damaged) {
            Ok(restored) => assert_eq!(restored, data),
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 9_900, "{errors} of 10,000 noticed");
}

#[test]
fn a_damaged_block_is_named() {
    let data = text(200);
    let mut frame = pack(&data, &SMALL);
    let last_payload_byte = frame.len() - 2;
    frame[last_payload_byte] ^= 1;
    let Err(Error::CorruptedBlock {
        block,
        content_offset,
        content_len,
        ..
    }) = unpack(&frame)
    else {
        panic!("the damage was not noticed");
    };
    assert_eq!((block, content_offset, content_len), (3, 192, 8));
}

/// Asks another predictor about one step at a time, whatever it is asked.
struct OneStep(Doubling);

impl Predictor for OneStep {
    fn alphabet_size(&self) -> usize {
        self.0.alphabet_size()
    }

    fn model_id(&self) -> lmac_core::model_id::ModelId {
        self.0.model_id()
    }

    fn start(&mut self, lanes: usize) -> Result<(), Error> {
        self.0.start(lanes)
    }

    fn advance(&mut self, symbols: &[u16], steps: usize, logits: &mut [i16]) -> Result<(), Error> {
        let lanes = symbols.len() / steps;
        let mut column_logits = vec![0; lanes * 256];
        for step in 0..steps {
            let column: Vec<u16> = symbols.iter().copied().skip(step).step_by(steps).collect();
            self.0.advance(&column, 1, &mut column_logits)?;
            for (lane, row) in column_logits.chunks_exact(256).enumerate() {
                logits[(lane * steps + step) * 256..][..256].copy_from_slice(row);
            }
        }
        Ok(())
    }
}

#[test]
fn how_many_steps_a_call_scores_does_not_change_a_byte() {
    let data = text(5000);
    for lane_len in [5000, 700, 33, 10] {
        let settings = Settings {
            block_len: 5000,
            lane_len,
        };
        let mut one_step = OneStep(Doubling::default());
        let stepped = compress(&data, &mut one_step, &settings, &mut |_| true).unwrap();
        assert_eq!(stepped, pack(&data, &settings));
        assert_eq!(
            decompress(&stepped, &mut one_step, None, &mut |_| true).unwrap(),
            data
        );
    }
}
