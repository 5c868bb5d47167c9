//! Frames and blocks, in both modes: exact bytes, sizes around every limit, and what damage does.
//!
//! What holds in one mode only: exact payloads here (static), the rest in tests/adaptive.rs.

mod contents;
mod predictors;

use contents::{noise, text};
use lmac_core::codec::{STATIC_BLOCK_LEN, Settings, compress, decompress, inspect};
use lmac_core::coding::block::{self, Coded};
use lmac_core::error::Error;
use lmac_core::format::frame::{BlockHeader, Coding, FrameHeader, Mode, Payload, STATIC_LANE_LEN};
use lmac_core::format::lanes::MAX_LANES;
use lmac_core::format::place::Place;
use lmac_core::predictor::Predictor;
use predictors::{Doubling, Fixed, Rule};

const MODES: [Mode; 2] = [Mode::Static, Mode::Adaptive];

/// The bit of the descriptor, the third byte of a frame, that stands for the mode.
const ADAPTIVE: u8 = 0b1000;

fn divided(mode: Mode, block_len: usize, lane_len: usize) -> Settings {
    Settings {
        mode,
        block_len: Some(block_len),
        lane_len: Some(lane_len),
        verify: true,
        max_memory: None,
    }
}

fn small(mode: Mode) -> Settings {
    divided(mode, 64, 16)
}

fn undivided(mode: Mode) -> Settings {
    Settings {
        mode,
        ..Settings::default()
    }
}

fn pack(data: &[u8], settings: &Settings) -> Vec<u8> {
    compress(data, &mut Doubling::default(), settings, &mut |_| true).unwrap()
}

fn unpack(frame: &[u8]) -> Result<Vec<u8>, Error> {
    decompress(frame, &mut Doubling::default(), None, &mut |_| true)
}

/// The frame, after a check that it gives `data` back.
fn round_trip(data: &[u8], settings: &Settings, predictor: &mut dyn Predictor) -> Vec<u8> {
    let frame = compress(data, predictor, settings, &mut |_| true).unwrap();
    let restored = decompress(&frame, predictor, None, &mut |_| true).unwrap();
    assert_eq!(restored, data, "{} bytes, {settings:?}", data.len());
    frame
}

/// What only a network can shrink.
fn ruled(len: usize) -> Vec<u8> {
    Rule::content(&noise(2 * len))
}

/// The same frame with the other mode in its descriptor.
fn in_mode(mode: Mode, frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[2] = match mode {
        Mode::Static => frame[2] & !ADAPTIVE,
        Mode::Adaptive => frame[2] | ADAPTIVE,
    };
    frame
}

/// A frame of stored blocks with any header, up to its end mark; the checks are those of docs/format.md.
fn stored(header: &[u8], contents: &[&[u8]]) -> Vec<u8> {
    let mut frame = header.to_vec();
    let (mut offset, mut check) = (0_u64, crc32fast::hash(header));
    for content in contents {
        let place = [&offset.to_le_bytes()[..], &check.to_le_bytes()].concat();
        check = crc32fast::hash(&[&place, *content].concat());
        frame.extend([content.len() as u8, 0]);
        frame.extend(check.to_le_bytes());
        frame.extend(*content);
        offset += content.len() as u64;
    }
    frame.push(0);
    frame
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
    assert_eq!(pack(&[], &undivided(Mode::Static)), *b"\xAC\x4C\x21dbl\x00");
    assert_eq!(
        pack(&[], &undivided(Mode::Adaptive)),
        *b"\xAC\x4C\x29dbl\x00"
    );
}

#[test]
fn a_single_byte_is_stored() {
    // content_len 1, coded_len 0 (stored), the check of "a" behind this header, the byte.
    let expected = b"\xAC\x4C\x21dbl\x01\x00\x50\x34\xB1\x45a";
    assert_eq!(pack(b"a", &undivided(Mode::Static)), expected);
    let expected = b"\xAC\x4C\x29dbl\x01\x00\x48\x96\x69\xFEa";
    assert_eq!(pack(b"a", &undivided(Mode::Adaptive)), expected);
}

#[test]
fn sixteen_almost_fair_bits_are_three_bytes() {
    // Each of the other 254 symbols takes one unit, so b starts at 2^23 - 30 and the bits
    // 0110 1001 0000 1111 come out a little smaller: 69 0E B4.
    let frame = round_trip(b"abbabaabaaaabbbb", &undivided(Mode::Static), &mut a_or_b());
    let expected = b"\xAC\x4C\x21\xF1\xF1\xF1\x10\x03\x51\x28\xC4\x93\x69\x0E\xB4";
    assert_eq!(frame, expected);
}

#[test]
fn three_lanes_of_different_lengths_share_one_payload() {
    // 20 bytes in lanes of 7, 7 and 6; decoded with tests/reference.py, too.
    let frame = pack(b"aaaaaaaaaaaaaaaaaaab", &divided(Mode::Static, 20, 8));
    let expected = b"\xAC\x4C\x23\x64\x62\x6C\x08\x14\x10\x4C\xCD\x4D\x12\
        \x61\x61\x61\x61\x60\x3D\xFF\xFF\xFF\xFF\xFF\x4A\x24\x92\x74\x4A";
    assert_eq!(frame, expected);
    assert_eq!(unpack(&frame).unwrap(), b"aaaaaaaaaaaaaaaaaaab");
}

#[test]
fn two_blocks_and_a_lane_length_are_in_the_header() {
    // content_size 3, lane_len 1; "ab" and "c" stored; the end marker.
    let expected = b"\xAC\x4C\x26dbl\x03\x01\
        \x02\x00\x7E\xE4\xF1\x7Dab\
        \x01\x00\xB6\x55\xFB\x8Ac\
        \x00";
    assert_eq!(pack(b"abc", &divided(Mode::Static, 2, 1)), expected);
    for mode in MODES {
        let frame = pack(b"abc", &divided(mode, 2, 1));
        let header = in_mode(mode, b"\xAC\x4C\x26dbl\x03\x01");
        assert_eq!(frame, stored(&header, &[b"ab", b"c"]));
        assert_eq!(unpack(&frame).unwrap(), b"abc");
    }
}

#[test]
fn a_frame_of_unknown_size_ends_with_a_mark_and_a_check() {
    let ends = [b"\x34\x96\xA1\x19", b"\x38\x38\xF0\x0E"];
    for (mode, end) in MODES.into_iter().zip(ends) {
        let blocks = stored(&in_mode(mode, b"\xAC\x4C\x20dbl"), &[b"a", b"a"]);
        let frame = [&blocks, &end[..]].concat();
        assert_eq!(unpack(&frame).unwrap(), b"aa");
        assert_eq!(inspect(&frame).unwrap()[0].content_size, None);
    }
}

#[test]
fn a_frame_of_several_blocks_may_have_none() {
    for (mode, with_size) in MODES
        .into_iter()
        .flat_map(|mode| [(mode, true), (mode, false)])
    {
        let header: &[u8] = if with_size {
            b"\xAC\x4C\x24dbl\0"
        } else {
            b"\xAC\x4C\x20dbl"
        };
        let header = in_mode(mode, header);
        let mut frame = stored(&header, &[]);
        if !with_size {
            let place = [&[0; 8][..], &crc32fast::hash(&header).to_le_bytes()].concat();
            frame.extend(crc32fast::hash(&place).to_le_bytes());
        }
        assert_eq!(unpack(&frame), Ok(Vec::new()));
        let last = frame.len() - 1;
        frame[last] ^= 1;
        assert!(unpack(&frame).is_err());
    }
}

#[test]
fn sizes_around_every_limit_come_back() {
    for (block_len, lane_len) in [(64, 16), (100, 7), (4096, 4096)] {
        let limits = [lane_len, 2 * lane_len, block_len, 2 * block_len, 128, 256];
        let around = limits
            .into_iter()
            .filter(|&limit| limit < 4000)
            .flat_map(|at| at - 1..=at + 1);
        for len in around.chain([0, 1, 2]) {
            for mode in MODES {
                let settings = divided(mode, block_len, lane_len);
                for data in [text(len), noise(len), vec![0; len]] {
                    round_trip(&data, &settings, &mut Doubling::default());
                }
                round_trip(&ruled(len), &settings, &mut Rule::default());
            }
        }
    }
}

#[test]
fn the_default_lane_and_block_limits_come_back() {
    let mode = Mode::Static;
    let data = text(STATIC_BLOCK_LEN + 1);
    for len in [
        STATIC_LANE_LEN - 1,
        STATIC_LANE_LEN,
        STATIC_LANE_LEN + 1,
        2 * STATIC_LANE_LEN + 1,
        STATIC_BLOCK_LEN + 1,
    ] {
        let frame = round_trip(&data[..len], &undivided(mode), &mut Doubling::default());
        assert!(frame.len() < len / 2);
    }
}

#[test]
fn as_many_lanes_as_there_are_bytes_come_back_and_no_more_than_the_limit() {
    // 64 of 256 symbols, far from each other, known to the predictor from the first one on.
    let symbol_of = |byte: u8| (byte % 64).wrapping_mul(37);
    let mut logits = vec![-160; 256];
    (0..64).for_each(|byte| logits[usize::from(symbol_of(byte))] = 0);
    let mut predictor = Fixed { logits };
    for (len, lane_len) in [(300, 1), (300, 2), (MAX_LANES + 5, 1)] {
        let data: Vec<u8> = noise(len).into_iter().map(symbol_of).collect();
        for mode in MODES {
            let frame = round_trip(&data, &divided(mode, 1 << 20, lane_len), &mut predictor);
            let [info] = inspect(&frame).unwrap().try_into().unwrap();
            assert_eq!((info.stored_blocks, info.blocks_without_network), (0, 0));
        }
    }
}

#[test]
fn a_small_frame_costs_at_most_sixteen_bytes_beyond_its_payload() {
    let overhead = |data: &[u8], settings: &Settings| {
        let frame = compress(data, &mut a_or_b(), settings, &mut |_| true).unwrap();
        let [info] = inspect(&frame).unwrap().try_into().unwrap();
        info.frame_len - info.payload_len
    };
    for len in [1, 127, 128, 16_383, 16_384, (1 << 20) - 1, 1 << 20] {
        for data in [noise(len), vec![b'a'; len]] {
            assert!(overhead(&data, &undivided(Mode::Static)) <= 16);
        }
    }
    let whole = Settings {
        block_len: Some(1 << 24),
        ..undivided(Mode::Static)
    };
    assert_eq!(overhead(&vec![b'a'; (1 << 21) - 1], &whole), 16);
    for data in [text(16_384), ruled(20_000)] {
        assert!(overhead(&data, &undivided(Mode::Adaptive)) <= 16);
    }
}

#[test]
fn the_header_of_a_block_of_one_mebibyte_is_at_most_ten_bytes_and_eleven_by_order_0() {
    for mode in MODES {
        for len in [1, 127, 128, 16_383, 16_384, (1 << 20) - 1] {
            let codings = match mode {
                Mode::Static => &[Coding::Network][..],
                Mode::Adaptive => &[Coding::Network, Coding::Mixture, Coding::OrderZero],
            };
            for &coding in codings {
                let header = BlockHeader {
                    content_len: len + 1,
                    payload: Payload::Coded { len, coding },
                    check: 0,
                };
                let mut written = Vec::new();
                header.write(mode, &mut written);
                let most = 10 + usize::from(coding == Coding::OrderZero);
                assert!(written.len() <= most, "{mode:?}, {coding:?}, {len}");
            }
        }
    }
}

#[test]
fn noise_grows_by_a_thousandth_and_sixteen_bytes_at_most() {
    let mut predictor = Fixed {
        logits: vec![0; 256],
    };
    for (mode, long) in [
        (Mode::Static, STATIC_BLOCK_LEN + 1),
        (Mode::Adaptive, 140_000),
    ] {
        for len in [1, 100, 70_000, long] {
            let frame = compress(&noise(len), &mut predictor, &undivided(mode), &mut |_| true);
            let frame_len = frame.unwrap().len();
            assert!(
                frame_len <= len + len / 1000 + 16,
                "{len} became {frame_len}"
            );
        }
    }
}

#[test]
fn the_predictor_is_asked_for_no_more_steps_than_the_longest_lane_has() {
    for mode in MODES {
        let frame = FrameHeader {
            model_id: *b"dbl",
            content_size: None,
            mode,
            lane_len: Some(16),
            fingerprint: None,
            single_block: true,
        };
        for (len, steps) in [(1, 1), (16, 16), (17, 9), (64, 16)] {
            let mut predictor = Rule::default();
            let mut ask = |_| true;
            let coded = block::encode(&ruled(len), &frame, &mut predictor, &mut ask).unwrap();
            assert_eq!(predictor.advanced_steps, steps);
            assert!(coded.is_some() || len < 64);
            if let Some(Coded { bytes, coding }) = coded {
                assert_eq!(coding, Coding::Network);
                let bytes = bytes.as_slice();
                let coded = Coded { bytes, coding };
                let place = Place::default();
                block::decode(coded, len, &frame, &mut predictor, place, &mut ask).unwrap();
                assert_eq!(predictor.advanced_steps, 2 * steps);
            }
        }
    }
}

#[test]
fn concatenated_frames_are_the_concatenated_contents() {
    let parts = [text(100), Vec::new(), noise(70), text(1)];
    let modes = [Mode::Static, Mode::Adaptive, Mode::Adaptive, Mode::Static];
    let frames: Vec<u8> = parts
        .iter()
        .zip(modes)
        .flat_map(|(part, mode)| pack(part, &small(mode)))
        .collect();
    assert_eq!(unpack(&frames).unwrap(), parts.concat());
    let infos = inspect(&frames).unwrap();
    assert!(infos.iter().map(|info| info.mode).eq(modes));
}

#[test]
fn inspect_counts_what_compress_wrote() {
    let data = [vec![b'a'; 256], noise(64), noise(10)].concat();
    for mode in MODES {
        let frame = pack(&data, &small(mode));
        let [info] = inspect(&frame).unwrap().try_into().unwrap();
        assert_eq!((info.content_size, info.content_len), (Some(330), 330));
        assert_eq!((info.blocks, info.stored_blocks), (6, 2));
        assert_eq!((info.mode, info.lane_len), (mode, Some(16)));
        assert!(mode == Mode::Adaptive || info.blocks_without_network == 0);
        // Magic number, descriptor, model id, content size, lane length; the blocks; the end.
        assert_eq!(info.frame_len - info.payload_len, 9 + 6 * 6 + 1);
        assert_eq!(
            (info.frame_len, info.model_id),
            (frame.len() as u64, *b"dbl")
        );
        let [info] = inspect(&pack(&data, &undivided(mode)))
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(
            (info.blocks, info.content_size, info.lane_len),
            (1, None, None)
        );
    }
}

#[test]
fn what_is_not_a_frame_is_named_with_its_offset() {
    let mut frame = pack(b"abc", &small(Mode::Adaptive));
    let offset = frame.len() as u64;
    assert_eq!(unpack(b"hello"), Err(Error::WrongMagicNumber { offset: 0 }));
    assert_eq!(unpack(b""), Err(Error::Truncated("a magic number")));
    frame.push(b'\n');
    assert_eq!(unpack(&frame), Err(Error::WrongMagicNumber { offset }));
    assert_eq!(inspect(&frame), Err(Error::WrongMagicNumber { offset }));
}

#[test]
fn another_model_is_refused_even_for_stored_blocks() {
    for mode in MODES {
        let frame = pack(b"abc", &small(mode));
        let refusal = decompress(&frame, &mut a_or_b(), None, &mut |_| true);
        let (expected, actual) = ("64626c".to_owned(), "f1f1f1".to_owned());
        assert_eq!(refusal, Err(Error::ModelMismatch { expected, actual }));
    }
}

#[test]
fn headers_that_break_a_rule_are_refused() {
    let broken: [(&[u8], &str); 11] = [
        (b"\xAC\x4C\x01dbl\x00", "version 0"),
        (b"\xAC\x4C\x31dbl\x00\x00", "no fingerprint"),
        (b"\xAC\x4C\x31dbl\x01\x7F\x00", "no phrase"),
        (b"\xAC\x4C\x31dbl\x01\xFF\x00", "no phrase either"),
        (
            b"\xAC\x4C\x31dbl\x31threads=1; threads=1; threads=1; threads=1; threads=1\x00",
            "a fingerprint of 49 bytes",
        ),
        (b"\xAC\x4C\x23dbl\x00\x00", "no lane length"),
        (
            b"\xAC\x4C\x23dbl\x81\x80\x80\x08\x00",
            "lane length 2^24 + 1",
        ),
        (b"\xAC\x4C\x21dbl\x80\x00", "padded number"),
        (
            b"\xAC\x4C\x25dbl\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x00",
            "2^63",
        ),
        (
            b"\xAC\x4C\x21dbl\x81\x80\x80\x08\x00\x00\x00\x00\x00",
            "too long a block",
        ),
        (
            b"\xAC\x4C\x21dbl\x02\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F\x00\x00\x00\x00ab",
            "a coded length of 2^63 - 1",
        ),
    ];
    for mode in MODES {
        for (frame, rule) in broken {
            let frame = in_mode(mode, frame);
            assert!(
                matches!(unpack(&frame), Err(Error::InvalidHeader(_))),
                "{rule}"
            );
            assert_eq!(inspect(&frame).map(|_| ()), unpack(&frame).map(|_| ()));
        }
        let newer = in_mode(mode, b"\xAC\x4C\x41dbl\x00");
        assert_eq!(unpack(&newer), Err(Error::UnsupportedVersion(2)));
    }
}

#[test]
fn a_coded_payload_that_is_empty_or_not_shorter_than_its_content_is_refused() {
    let field = |mode, field: &[u8]| {
        let frame = [b"\xAC\x4C\x21dbl\x02", field, b"\0\0\0\0abcdef"].concat();
        unpack(&in_mode(mode, &frame))
    };
    let is_refused = |mode, numbers| matches!(field(mode, numbers), Err(Error::InvalidHeader(_)));
    // Static: the length itself; adaptive: twice the length, plus 1 without the network, or 1 and the
    // length of an order-0 payload.
    let broken: [(Mode, &[&[u8]]); 2] = [
        (Mode::Static, &[&[2], &[3]]),
        (
            Mode::Adaptive,
            &[&[4], &[5], &[6], &[1, 0], &[1, 2], &[1, 3]],
        ),
    ];
    for (mode, broken) in broken {
        for &numbers in broken {
            assert!(is_refused(mode, numbers), "{mode:?}, {numbers:?}");
        }
    }
    let valid: [(Mode, &[&[u8]]); 2] = [
        (Mode::Static, &[&[0], &[1]]),
        (Mode::Adaptive, &[&[0], &[2], &[3], &[1, 1]]),
    ];
    for (mode, valid) in valid {
        for &numbers in valid {
            assert!(!is_refused(mode, numbers), "{mode:?}, {numbers:?}");
        }
    }
}

#[test]
fn a_wrong_content_size_is_found_as_soon_as_it_is_exceeded() {
    let refusal = |mode, header: &[u8], contents: &[&[u8]]| {
        let frame = stored(&in_mode(mode, header), contents);
        unpack(&frame)
    };
    for mode in MODES {
        let (expected, actual) = (1, 2);
        assert_eq!(
            refusal(mode, b"\xAC\x4C\x24dbl\x01", &[b"a", b"a"]),
            Err(Error::ContentSizeMismatch { expected, actual })
        );
        let (expected, actual) = (2, 1);
        assert_eq!(
            refusal(mode, b"\xAC\x4C\x25dbl\x02", &[b"a"]),
            Err(Error::ContentSizeMismatch { expected, actual })
        );
    }
}

#[test]
fn the_output_limit_holds_with_and_without_a_content_size() {
    let unpack_at_most = |frame: &[u8], limit: u64| {
        decompress(frame, &mut Doubling::default(), Some(limit), &mut |_| true)
    };
    for mode in MODES {
        let single = pack(&text(60), &small(mode));
        let several = pack(&text(200), &small(mode));
        let both = [single.clone(), several.clone()].concat();
        for (frame, len) in [(single, 60), (several, 200), (both, 260)] {
            assert_eq!(unpack_at_most(&frame, len).unwrap().len() as u64, len);
            assert_eq!(
                unpack_at_most(&frame, len - 1),
                Err(Error::OutputLimit { limit: len - 1 })
            );
        }
    }
}

#[test]
fn settings_outside_their_limits_are_refused() {
    for mode in MODES {
        for (block_len, lane_len) in [(0, 1), (1, 0), ((1 << 24) + 1, 1), (1, (1 << 24) + 1)] {
            let settings = divided(mode, block_len, lane_len);
            let refusal = compress(b"", &mut Doubling::default(), &settings, &mut |_| true);
            assert!(matches!(refusal, Err(Error::InvalidSetting(_))));
        }
    }
}

#[test]
fn an_alphabet_that_is_not_of_bytes_is_refused() {
    let mut predictor = Fixed {
        logits: vec![0; 257],
    };
    for mode in MODES {
        let refusal = compress(b"abc", &mut predictor, &small(mode), &mut |_| true);
        assert!(matches!(refusal, Err(Error::Predictor(_))));
    }
}

#[test]
fn every_truncation_is_an_error() {
    for mode in MODES {
        let frame = pack(&[text(150), noise(30)].concat(), &small(mode));
        for len in 0..frame.len() {
            assert!(
                matches!(unpack(&frame[..len]), Err(Error::Truncated(_))),
                "{mode:?}, cut at {len}"
            );
        }
    }
}

/// Damages one byte after the other at random; returns how often that was noticed.
fn errors_of_damage(frame: &[u8], data: &[u8], predictor: &mut dyn Predictor) -> usize {
    let mut errors = 0;
    for choice in noise(30_000).chunks_exact(3) {
        let mut damaged = frame.to_vec();
        let index = usize::from(u16::from_le_bytes([choice[0], choice[1]])) % frame.len();
        damaged[index] ^= choice[2].max(1);
        match decompress(&damaged, predictor, None, &mut |_| true) {
            Ok(restored) => assert_eq!(restored, data),
            Err(_) => errors += 1,
        }
    }
    errors
}

#[test]
fn ten_thousand_damaged_bytes_give_an_error_or_the_right_bytes() {
    for mode in MODES {
        let settings = divided(mode, 64, 40);
        let data = [text(150), noise(20)].concat();
        let frame = pack(&data, &settings);
        let errors = errors_of_damage(&frame, &data, &mut Doubling::default());
        assert!(errors > 9_900, "{errors} of 10,000 noticed");
    }
}

#[test]
fn a_damaged_block_is_named() {
    let data = [text(192), noise(8)].concat(); // the noise is stored
    for mode in MODES {
        let mut frame = pack(&data, &small(mode));
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
}

/// Asks another predictor about one step at a time, whatever it is asked.
struct OneStep<P>(P);

impl<P: Predictor> Predictor for OneStep<P> {
    fn alphabet_size(&self) -> usize {
        self.0.alphabet_size()
    }

    fn model_id(&self) -> lmac_core::models::model_id::ModelId {
        self.0.model_id()
    }

    fn start(&mut self, lanes: usize) -> Result<(), Error> {
        self.0.start(lanes)
    }

    fn advance(&mut self, symbols: &[u32], steps: usize, logits: &mut [i16]) -> Result<(), Error> {
        let lanes = symbols.len() / steps;
        let mut column_logits = vec![0; lanes * 256];
        for step in 0..steps {
            let column: Vec<u32> = symbols.iter().copied().skip(step).step_by(steps).collect();
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
    for mode in MODES {
        for lane_len in [5000, 700, 33, 10] {
            let settings = divided(mode, 5000, lane_len);
            let data = text(5000);
            let stepped = round_trip(&data, &settings, &mut OneStep(Doubling::default()));
            assert_eq!(stepped, pack(&data, &settings));
            let data = ruled(5000);
            let stepped = round_trip(&data, &settings, &mut OneStep(Rule::default()));
            let whole = round_trip(&data, &settings, &mut Rule::default());
            assert_eq!(stepped, whole);
            assert_eq!(inspect(&whole).unwrap()[0].blocks_without_network, 0);
        }
    }
}
