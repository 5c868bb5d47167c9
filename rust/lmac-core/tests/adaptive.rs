//! The adaptive mode: when the network takes part, and that what was mixed is unmixed.
//!
//! No exact bytes here: tests/golden has them. What holds in static mode, too: tests/frames.rs.

mod contents;
mod predictors;

use contents::{noise, text};
use lmac_core::codec::{Settings, compress, decompress, inspect};
use lmac_core::coding::adaptive::{Initial, Mixture};
use lmac_core::coding::block;
use lmac_core::coding::frequency::FrequencyTable;
use lmac_core::coding::range_coder::{PayloadError, RangeDecoder, RangeEncoder};
use lmac_core::error::{Error, Result};
use lmac_core::format::frame::{Coding, FrameHeader, Mode};
use lmac_core::format::frame_reader::FrameInfo;
use lmac_core::format::lanes::Lanes;
use lmac_core::format::place::Place;
use lmac_core::models::model_id::ModelId;
use lmac_core::predictor::Predictor;
use predictors::{Doubling, Fixed, Rule};
use proptest::prelude::*;

/// A predictor that knows nothing.
fn ignorant() -> Fixed {
    Fixed {
        logits: vec![0; 256],
    }
}

/// What only a network can shrink.
fn ruled(len: usize) -> Vec<u8> {
    Rule::content(&noise(2 * len))
}

/// The frame and what its headers say, after a check that it gives `data` back.
fn pack(
    data: &[u8],
    settings: &Settings,
    predictor: &mut dyn Predictor,
) -> Result<(Vec<u8>, FrameInfo)> {
    let frame = compress(data, predictor, settings, &mut |_| true)?;
    assert_eq!(decompress(&frame, predictor, None, &mut |_| true)?, data);
    let [info] = inspect(&frame)?.try_into().unwrap();
    Ok((frame, info))
}

/// Has the model id of another predictor and answers nothing.
struct Silent(ModelId);

impl Predictor for Silent {
    fn alphabet_size(&self) -> usize {
        256
    }

    fn model_id(&self) -> ModelId {
        self.0
    }

    fn start(&mut self, _lanes: usize) -> Result<()> {
        Err(Error::Predictor("asked to start".into()))
    }

    fn advance(&mut self, _symbols: &[u32], _steps: usize, _logits: &mut [i16]) -> Result<()> {
        Err(Error::Predictor("asked to advance".into()))
    }
}

#[test]
fn the_default_mode_is_adaptive() {
    let (frame, info) = pack(&text(1000), &Settings::default(), &mut ignorant()).unwrap();
    assert_eq!((info.mode, info.lane_len), (Mode::Adaptive, None));
    assert!(frame[2] & 0b1000 != 0);
}

#[test]
fn what_repeats_is_learned_without_a_network() {
    let (frame, info) = pack(&text(20_000), &Settings::default(), &mut ignorant()).unwrap();
    assert_eq!(info.blocks_without_network, 1);
    assert!(frame.len() < 400, "{}", frame.len());
}

#[test]
fn what_the_network_knows_costs_little_more_than_in_static_mode() {
    let data = ruled(20_000);
    let (frame, info) = pack(&data, &Settings::default(), &mut Rule::default()).unwrap();
    assert_eq!((info.blocks_without_network, info.stored_blocks), (0, 0));
    let settings = Settings {
        mode: Mode::Static,
        ..Settings::default()
    };
    let (static_frame, _) = pack(&data, &settings, &mut Rule::default()).unwrap();
    let limit = static_frame.len() + static_frame.len() / 10;
    assert!(frame.len() < limit, "{} of {limit}", frame.len());
}

#[test]
fn every_block_says_whether_the_network_helped() {
    let settings = Settings {
        block_len: Some(6000),
        ..Settings::default()
    };
    let (helped, not_helped) = (ruled(6000), [vec![0; 6000], text(6000)].concat());
    let data = [&helped[..], &not_helped, &noise(6000), &helped[..5000]].concat();
    let (_, info) = pack(&data, &settings, &mut Rule::default()).unwrap();
    assert_eq!((info.blocks, info.stored_blocks), (5, 1));
    assert_eq!(info.blocks_without_network, 2);
    let (_, info) = pack(&data, &settings, &mut ignorant()).unwrap();
    assert_eq!((info.stored_blocks, info.blocks_without_network), (3, 2));
}

#[test]
fn without_the_network_a_decoder_asks_the_predictor_nothing() {
    for len in [1, 6000, 30_000] {
        let data = text(len);
        let (frame, info) = pack(&data, &Settings::default(), &mut ignorant()).unwrap();
        assert_eq!(info.blocks_without_network + info.stored_blocks, 1);
        let mut silent = Silent(ignorant().model_id());
        let restored = decompress(&frame, &mut silent, None, &mut |_| true);
        assert_eq!(restored.unwrap(), data);
    }
    let (frame, _) = pack(&ruled(3000), &Settings::default(), &mut Rule::default()).unwrap();
    let mut silent = Silent(Rule::default().model_id());
    let refusal = decompress(&frame, &mut silent, None, &mut |_| true);
    assert_eq!(refusal, Err(Error::Predictor("asked to start".into())));
}

#[test]
fn a_match_goes_on_behind_what_differs() {
    // Twelve records of 2,000 bytes that differ in every twentieth byte.
    let bytes = noise(2000 + 12 * 100);
    let (record, differing) = bytes.split_at(2000);
    let records = differing.chunks_exact(100).map(|differing| {
        let mut record = record.to_vec();
        for (byte, other) in record.iter_mut().step_by(20).zip(differing) {
            *byte = *other;
        }
        record
    });
    let data: Vec<u8> = records.flatten().collect();
    let (frame, _) = pack(&data, &Settings::default(), &mut ignorant()).unwrap();
    let ideal = 2000 + 11 * 100;
    assert!(frame.len() < ideal + 250, "{} of {ideal}", frame.len());
}

#[test]
fn independent_symbols_are_coded_by_their_frequencies_alone() {
    for (len, letters) in [(5000, 2), (30_000, 20), (70_000, 64)] {
        let data: Vec<u8> = noise(len)
            .iter()
            .map(|byte| b' ' + byte % letters)
            .collect();
        let frame = FrameHeader::of_single_block([0; 3], Mode::Adaptive, None);
        let coded = block::encode(&data, &frame, &mut ignorant(), &mut |_| true).unwrap();
        let coded = coded.unwrap();
        assert_eq!(coded.coding, Coding::OrderZero);
        // What they say, and what it costs to learn the frequency of each letter, and which bits never change.
        let ideal = len as f64 * f64::from(letters).log2();
        let bits = 8.0 * coded.bytes.len() as f64;
        assert!(
            bits < ideal + 12.0 * f64::from(letters) + 60.0,
            "{bits}, {ideal}"
        );
        let (packed, info) = pack(&data, &Settings::default(), &mut ignorant()).unwrap();
        assert_eq!((info.blocks, info.blocks_without_network), (1, 1));
        let mut silent = Silent(ignorant().model_id());
        let restored = decompress(&packed, &mut silent, None, &mut |_| true);
        assert_eq!(restored.unwrap(), data);
    }
}

#[test]
fn what_shrinks_to_almost_nothing_is_not_shown_to_the_network() {
    let mut silent = Silent(ModelId([7; 32]));
    for data in [vec![0; 20_000], text(200_000)] {
        let (_, info) = pack(&data, &Settings::default(), &mut silent).unwrap();
        assert_eq!(info.blocks_without_network, 1);
    }
}

#[test]
fn the_network_sees_all_of_a_long_block_only_if_it_helps_with_a_part() {
    const TRIAL_STEPS: usize = 1 << 14;
    const NOISE_TRIAL_STEPS: usize = 1 << 10; // to statistics, the content is noise
    let len = 140_000;
    let mut predictor = Rule::default();
    let mut ask = |_| true;
    let frame = compress(&ruled(len), &mut predictor, &Settings::default(), &mut ask).unwrap();
    assert_eq!(inspect(&frame).unwrap()[0].blocks_without_network, 0);
    assert_eq!(
        predictor.advanced_steps,
        NOISE_TRIAL_STEPS + TRIAL_STEPS + len
    );
    assert_eq!(
        decompress(&frame, &mut predictor, None, &mut ask).unwrap(),
        ruled(len)
    );

    let mut predictor = Doubling::default();
    let frame = compress(&noise(len), &mut predictor, &Settings::default(), &mut ask).unwrap();
    assert!((1..=TRIAL_STEPS).contains(&predictor.advanced_steps)); // as soon as it is hopeless
    assert_eq!(inspect(&frame).unwrap()[0].stored_blocks, 1);
}

#[test]
fn content_longer_than_a_block_is_divided() {
    let data = [ruled(5000), text(4000), noise(1001)].concat();
    for lane_len in [None, Some(300), Some(1 << 24)] {
        let settings = Settings {
            block_len: Some(2500),
            lane_len,
            ..Settings::default()
        };
        let (_, info) = pack(&data, &settings, &mut Rule::default()).unwrap();
        assert_eq!((info.blocks, info.content_size), (5, Some(10_001)));
        assert_eq!(info.lane_len, lane_len);
    }
}

#[test]
fn a_block_is_one_lane_unless_the_frame_says_otherwise() {
    let mut frame = FrameHeader::of_single_block(*b"dbl", Mode::Adaptive, None);
    for content_len in [1, 1 << 15, 1 << 24] {
        assert_eq!(frame.lanes(content_len).count(), 1);
    }
    frame.lane_len = Some(1000);
    assert_eq!(frame.lanes(1 << 15).count(), 33);
    assert_eq!(frame.lanes(1 << 24).count(), 4096);
}

#[test]
fn every_damaged_bit_gives_an_error_or_the_right_bytes() {
    let settings = Settings {
        block_len: Some(6000),
        lane_len: Some(40),
        ..Settings::default()
    };
    for (data, without) in [(vec![b'a'; 6000], 1), (ruled(200), 0)] {
        let (frame, info) = pack(&data, &settings, &mut Rule::default()).unwrap();
        assert_eq!(info.stored_blocks, 0);
        assert_eq!(info.blocks_without_network, without);
        for position in 0..8 * frame.len() {
            let mut damaged = frame.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            if let Ok(restored) = decompress(&damaged, &mut Rule::default(), None, &mut |_| true) {
                assert_eq!(restored, data);
            }
        }
    }
}

#[test]
fn the_file_of_initial_values_is_used_up_exactly() {
    let both = [true, false].map(|has_network| Initial::of_format(has_network).clone());
    let file = include_bytes!("../src/coding/adaptive/initial.bin");
    assert_eq!(Initial::to_bytes(&both), file);
}

/// What a network says of each symbol; it is asked by position in the content.
struct Tables(Vec<FrequencyTable>);

impl Tables {
    fn at(&self, position: usize) -> Option<&FrequencyTable> {
        let index = position.checked_rem(self.0.len())?;
        Some(&self.0[index])
    }
}

/// The positions of a block's symbols, with their lanes, in the order (step, lane).
fn order_of(lanes: Lanes) -> impl Iterator<Item = (usize, usize)> {
    (0..lanes.steps()).flat_map(move |step| {
        (0..lanes.count_at(step)).map(move |lane| (lane, lanes.start(lane) + step))
    })
}

fn mix(content: &[u8], lane_len: usize, tables: &Tables) -> Vec<u8> {
    let lanes = Lanes::of(content.len(), lane_len);
    let mut mixture = Mixture::new(lanes, !tables.0.is_empty()).unwrap();
    let mut encoder = RangeEncoder::new();
    for (lane, position) in order_of(lanes) {
        mixture.encode(lane, content[position], tables.at(position), &mut encoder);
    }
    encoder.finish()
}

fn unmix(
    payload: &[u8],
    content_len: usize,
    lane_len: usize,
    tables: &Tables,
) -> std::result::Result<Vec<u8>, PayloadError> {
    let lanes = Lanes::of(content_len, lane_len);
    let mut mixture = Mixture::new(lanes, !tables.0.is_empty()).unwrap();
    let mut decoder = RangeDecoder::new(payload);
    let mut content = vec![0; content_len];
    for (lane, position) in order_of(lanes) {
        content[position] = mixture.decode(lane, tables.at(position), &mut decoder)?;
    }
    decoder.finish()?;
    Ok(content)
}

#[test]
fn what_one_lane_has_seen_the_others_know() {
    let no_tables = Tables(Vec::new());
    let once = noise(2000);
    let twice = mix(&[&once[..], &once].concat(), 2000, &no_tables);
    assert!(twice.len() < 2400, "{}", twice.len());
}

#[test]
fn every_byte_of_an_even_distribution_costs_a_byte_and_little_more() {
    let no_tables = Tables(Vec::new());
    let payload = mix(&noise(30_000), 30_000, &no_tables);
    assert!(payload.len() < 30_900, "{}", payload.len());
}

/// Bytes of a small or large alphabet, with repetitions of what came before.
fn any_content() -> impl Strategy<Value = Vec<u8>> {
    let part = (any::<u8>(), 0..8_u32, any::<u16>(), 1..40_usize);
    prop::collection::vec(part, 1..40).prop_map(|parts| {
        let mut content = vec![parts[0].0];
        for (symbol, shift, distance, len) in parts {
            let distance = 1 + usize::from(distance) % content.len();
            for _ in 0..len {
                let repeated = content[content.len() - distance];
                content.push(if shift < 3 { repeated } else { symbol >> shift });
            }
        }
        content
    })
}

fn any_tables() -> impl Strategy<Value = Tables> {
    let spread = prop_oneof![Just(0_i16), Just(64), Just(400), Just(i16::MAX)];
    let logits = spread.prop_flat_map(|spread| prop::collection::vec(-spread..=spread, 256));
    let table = logits.prop_map(|logits| {
        let mut table = FrequencyTable::new(256);
        table.set_logits(&logits);
        table
    });
    prop::collection::vec(table, 0..4).prop_map(Tables)
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} tables", self.0.len())
    }
}

proptest! {
    // A failing case becomes an example above, not an entry in a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_mixed_is_unmixed(
        content in any_content(),
        lane_len in 1..500_usize,
        tables in any_tables(),
    ) {
        let payload = mix(&content, lane_len, &tables);
        prop_assert_eq!(unmix(&payload, content.len(), lane_len, &tables), Ok(content));
    }

    #[test]
    fn any_payload_gives_symbols_or_an_error(
        payload in prop::collection::vec(any::<u8>(), 0..100),
        content_len in 1..600_usize,
        lane_len in 1..500_usize,
        tables in any_tables(),
    ) {
        if let Ok(content) = unmix(&payload, content_len, lane_len, &tables) {
            prop_assert_eq!(content.len(), content_len);
        }
        let frame = FrameHeader::of_single_block([0; 3], Mode::Adaptive, None);
        let place = Place::default();
        for coding in [Coding::OrderZero, Coding::Mixture] {
            let bytes = payload.as_slice();
            let coded = block::Coded { bytes, coding };
            let mut progress = |_| true;
            match block::decode(coded, content_len, &frame, &mut ignorant(), place, &mut progress) {
                Ok(content) => prop_assert_eq!(content.len(), content_len),
                Err(Error::CorruptedBlock { .. }) => {}
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
