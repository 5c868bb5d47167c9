//! The range coder and the frequency table: exact examples, then properties, each against a slow
//! oracle that shares no code with them.

use lmac_core::coding::frequency::FrequencyTable;
use lmac_core::coding::range_coder::{PayloadError, RangeDecoder, RangeEncoder, Slot, TOTAL};
use lmac_core::cpu::InstructionSet;
use num_bigint::BigUint;
use proptest::prelude::*;

const CERTAIN: Slot = Slot::new(0, TOTAL);
const RAREST: Slot = Slot::new(TOTAL - 1, 1);

/// What a payload holds: symbols of tables and single bits, in any order.
#[derive(Debug, Clone, Copy)]
enum Piece {
    Symbol(Slot),
    /// A bit, and the probability of a 1 in units of 2^-16.
    Bit(u32, u32),
}

impl Piece {
    fn surprisal(&self) -> f64 {
        match *self {
            Self::Symbol(slot) => 24.0 - f64::from(slot.frequency()).log2(),
            Self::Bit(0, probability) => 16.0 - f64::from(65_536 - probability).log2(),
            Self::Bit(_, probability) => 16.0 - f64::from(probability).log2(),
        }
    }
}

fn symbols_of(slots: &[Slot]) -> Vec<Piece> {
    slots.iter().copied().map(Piece::Symbol).collect()
}

fn encode(slots: &[Slot]) -> Vec<u8> {
    encode_pieces(&symbols_of(slots))
}

fn decode(payload: &[u8], slots: &[Slot]) -> Result<(), PayloadError> {
    decode_pieces(payload, &symbols_of(slots))
}

fn encode_pieces(pieces: &[Piece]) -> Vec<u8> {
    let mut encoder = RangeEncoder::new();
    for &piece in pieces {
        match piece {
            Piece::Symbol(slot) => encoder.encode(slot),
            Piece::Bit(bit, probability) => encoder.encode_bit(bit, probability),
        }
    }
    encoder.finish()
}

fn decode_pieces(payload: &[u8], pieces: &[Piece]) -> Result<(), PayloadError> {
    let mut decoder = RangeDecoder::new(payload);
    for &piece in pieces {
        match piece {
            Piece::Symbol(slot) => {
                let target = decoder.target();
                assert!((slot.start()..slot.start() + slot.frequency()).contains(&target));
                decoder.consume(slot)?;
            }
            Piece::Bit(bit, probability) => assert_eq!(decoder.decode_bit(probability)?, bit),
        }
    }
    decoder.finish()
}

/// The coder of docs/format.md with `low` as one unbounded number: no carry, no early output.
fn encode_exactly(pieces: &[Piece]) -> Vec<u8> {
    let (mut low, mut range, mut shifted_bytes) = (BigUint::ZERO, u64::MAX, 0);
    for &piece in pieces {
        let (start, width) = match piece {
            Piece::Symbol(slot) => {
                let unit = range >> 24;
                (
                    BigUint::from(unit) * slot.start(),
                    unit * u64::from(slot.frequency()),
                )
            }
            Piece::Bit(bit, probability) => {
                let ones = (range >> 16) * u64::from(probability);
                match bit {
                    0 => (BigUint::from(ones), range - ones),
                    _ => (BigUint::ZERO, ones),
                }
            }
        };
        low += start;
        range = width;
        while range >> 40 == 0 {
            low <<= 24;
            range <<= 24;
            shifted_bytes += 3;
        }
    }
    if pieces.is_empty() {
        return Vec::new();
    }
    let last_bytes = (1..=3)
        .find(|&bytes| range >= 1 << (64 - 8 * bytes))
        .unwrap();
    let last_unit = 1_u64 << (64 - 8 * last_bytes);
    let spelled = ((low + (last_unit - 1)) / last_unit).to_bytes_be();
    let mut payload = vec![0; shifted_bytes + last_bytes];
    let first = payload.len() - spelled.len();
    payload[first..].copy_from_slice(&spelled);
    payload
}

fn code_length_bits(pieces: &[Piece]) -> f64 {
    pieces.iter().map(Piece::surprisal).sum()
}

/// Numbers in `0..TOTAL`, from a multiplicative congruential generator.
fn targets(seed: u64) -> impl Iterator<Item = u32> {
    let mut state = seed;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as u32
    })
}

/// Symbols drawn from the table itself.
fn draw(table: &FrequencyTable, count: usize, seed: u64) -> Vec<Slot> {
    let slots = targets(seed).map(|target| table.symbol_at(target).1);
    slots.take(count).collect()
}

/// Bits drawn from their own probabilities, which are used in turn.
fn draw_bits(probabilities: &[u32], count: usize, seed: u64) -> Vec<Piece> {
    let bits = targets(seed).zip(probabilities.iter().cycle());
    bits.map(|(target, &probability)| Piece::Bit(u32::from(target >> 8 < probability), probability))
        .take(count)
        .collect()
}

fn table_of(logits: &[i16]) -> FrequencyTable {
    let mut table = FrequencyTable::new(logits.len());
    table.set_logits(logits);
    table
}

/// Named tables: flat, geometric (half a bit more each symbol), skewed (one symbol at 99 %).
fn named_tables() -> [(&'static str, FrequencyTable); 3] {
    let geometric: Vec<i16> = (0..256).map(|symbol| -12 * symbol).collect();
    let mut skewed = vec![0; 256];
    skewed[7] = 16 * 15;
    [
        ("flat", table_of(&[0; 256])),
        ("geometric", table_of(&geometric)),
        ("skewed", table_of(&skewed)),
    ]
}

fn any_slot() -> impl Strategy<Value = Slot> {
    let start = prop_oneof![Just(0), 0..TOTAL, TOTAL - 300..TOTAL];
    (start, any::<u32>(), 0..24_u32).prop_map(|(start, bits, shrink)| {
        let most = TOTAL - start;
        Slot::new(start, 1 + (bits % most) / (1 << shrink))
    })
}

fn any_bit() -> impl Strategy<Value = Piece> {
    let probability = prop_oneof![Just(1), Just(65_535), 1..=65_535_u32];
    (0..2_u32, probability).prop_map(|(bit, probability)| Piece::Bit(bit, probability))
}

fn any_piece() -> impl Strategy<Value = Piece> {
    prop_oneof![any_slot().prop_map(Piece::Symbol), any_bit()]
}

fn any_logits() -> impl Strategy<Value = Vec<i16>> {
    let spread = prop_oneof![Just(0_i16), Just(8), Just(64), Just(400), Just(i16::MAX)];
    let alphabet_size = prop_oneof![2..600_usize, (1..17_usize).prop_map(|count| 32 * count)];
    (spread, alphabet_size).prop_flat_map(|(spread, alphabet_size)| {
        prop::collection::vec(-spread..=spread, alphabet_size)
    })
}

#[test]
fn no_symbol_is_no_byte() {
    assert!(encode(&[]).is_empty());
    assert_eq!(decode(&[], &[]), Ok(()));
    assert_eq!(decode(&[0], &[]), Err(PayloadError::TooLong));
}

#[test]
fn eight_halves_are_one_byte_of_their_bits_and_a_last_byte() {
    let bits = [1, 0, 1, 1, 0, 0, 1, 0].map(|bit| Slot::new(bit << 23, 1 << 23));
    assert_eq!(encode(&bits), [0b1011_0010, 0]);
}

#[test]
fn eight_even_bits_are_one_byte_of_their_complements() {
    let bits = [1, 0, 1, 1, 0, 0, 1, 0].map(|bit| Piece::Bit(bit, 1 << 15));
    assert_eq!(encode_pieces(&bits), [0b0100_1101]); // a 1 is the lower part
}

#[test]
fn the_rarest_bit_costs_16_bits_and_the_commonest_almost_nothing() {
    for rare in [Piece::Bit(1, 1), Piece::Bit(0, 65_535)] {
        let payload = encode_pieces(&[rare; 1000]);
        assert!((2000..=2001).contains(&payload.len()));
        assert_eq!(decode_pieces(&payload, &[rare; 1000]), Ok(()));
    }
    for common in [Piece::Bit(0, 1), Piece::Bit(1, 65_535)] {
        let payload = encode_pieces(&[common; 1000]);
        assert!(payload.len() <= 4, "{payload:?}"); // 22 bits
        assert_eq!(decode_pieces(&payload, &[common; 1000]), Ok(()));
    }
}

#[test]
fn a_carry_runs_through_every_byte_it_must() {
    // The first range is one short of 2^64, so its upper half starts just below one half: the
    // bytes written are 7F FF FF, until the rounding up at the end carries.
    let slots = [Slot::new(1 << 23, 1 << 23), Slot::new(0, 1)];
    assert_eq!(encode(&slots), [0x80, 0, 0, 0]);
    assert_eq!(decode(&encode(&slots), &slots), Ok(()));
}

#[test]
fn the_rarest_symbol_costs_24_bits_and_the_certain_one_nothing() {
    assert_eq!(encode(&[RAREST; 1000]).len(), 3 * 1000 + 1);
    let certain = encode(&vec![CERTAIN; 100_000]);
    assert!(certain.len() <= 2, "{certain:?}");
    let mixed: Vec<Slot> = [RAREST, CERTAIN, CERTAIN].repeat(500);
    let payload = encode(&mixed);
    assert_eq!(payload.len(), 3 * 500 + 1);
    assert_eq!(decode(&payload, &mixed), Ok(()));
    assert_eq!(decode(&certain, &vec![CERTAIN; 100_000]), Ok(()));
}

#[test]
fn a_payload_of_another_length_is_refused() {
    let [_, (_, table), _] = named_tables();
    let slots = draw(&table, 200, 1);
    let mut payload = encode(&slots);
    payload.push(0);
    assert_eq!(decode(&payload, &slots), Err(PayloadError::TooLong));

    let mut decoder = RangeDecoder::new(&payload[..payload.len() / 2]);
    let outcome = (0..200).try_for_each(|_| {
        let (_, slot) = table.symbol_at(decoder.target());
        decoder.consume(slot)
    });
    assert_eq!(outcome, Err(PayloadError::TooShort));
}

#[test]
fn a_short_payload_stops_a_decoder_early() {
    let mut decoder = RangeDecoder::new(&[0x12, 0x34]);
    let bit = |target: u32| Slot::new(target & (1 << 23), 1 << 23);
    let consumed = (0..1_000_000).take_while(|_| decoder.consume(bit(decoder.target())).is_ok());
    assert!(consumed.count() <= 9 * 8);
}

#[test]
fn the_coded_size_is_within_a_ten_thousandth_and_two_bytes_of_the_code_length() {
    let mut tables = named_tables().map(|(_, table)| table).to_vec();
    let mut degenerate = vec![i16::MIN; 256];
    degenerate[255] = i16::MAX;
    tables.push(table_of(&degenerate));
    tables.push(table_of(&[0, 0]));
    for (seed, table) in tables.iter().enumerate() {
        let slots = draw(table, 50_000, seed as u64);
        let payload = encode(&slots);
        let ideal_bytes = code_length_bits(&symbols_of(&slots)) / 8.0;
        assert!(payload.len() as f64 <= ideal_bytes * 1.0001 + 2.0);
        assert_eq!(decode(&payload, &slots), Ok(()));
    }
    let random: Vec<u32> = targets(3)
        .map(|target| (target >> 8).max(1))
        .take(999)
        .collect();
    for (seed, probabilities) in [&[1][..], &[65_535], &[1, 65_535], &[1 << 15], &random]
        .into_iter()
        .enumerate()
    {
        let bits = draw_bits(probabilities, 200_000, seed as u64);
        let payload = encode_pieces(&bits);
        let ideal_bytes = code_length_bits(&bits) / 8.0;
        assert!(payload.len() as f64 <= ideal_bytes * 1.0001 + 2.0);
        assert_eq!(decode_pieces(&payload, &bits), Ok(()));
    }
}

/// What a coder with a range of so many bits, of which so many leave at once, loses to rounding, in bits: each
/// symbol narrows the range by a little more than its frequency says.
fn rounding_loss_bits(slots: &[Slot], range_bits: u32, word_bits: u32) -> f64 {
    let min_range = 1_u64 << (range_bits - word_bits);
    let mut range = u64::MAX >> (64 - range_bits);
    let mut loss_bits = 0.0;
    for slot in slots {
        let unit = range >> 24;
        let lost_part = (range & 0xFF_FFFF) as f64 / range as f64;
        loss_bits -= (-lost_part).ln_1p() / std::f64::consts::LN_2;
        range = unit * u64::from(slot.frequency());
        while range < min_range {
            range <<= word_bits;
        }
    }
    loss_bits
}

#[test]
fn a_narrower_range_would_waste_what_this_one_keeps() {
    for (name, table) in named_tables() {
        let slots = draw(&table, 20_000, 5);
        let ideal_bits = code_length_bits(&symbols_of(&slots));
        let [narrow, fine, this, coarse] =
            [(32, 8), (64, 8), (64, 24), (64, 32)].map(|(range_bits, word_bits)| {
                rounding_loss_bits(&slots, range_bits, word_bits) / ideal_bits
            });
        let bits_a_symbol = ideal_bits / slots.len() as f64;
        eprintln!(
            "{name}: {bits_a_symbol:.3} bits a symbol, {narrow:.6}, {fine:.2e}, {this:.2e}, {coarse:.2e}"
        );
        let (least_narrow, least_coarse) = match name {
            "geometric" => (0.04, 1e-5),
            "skewed" => (0.15, 1e-4),
            _ => (0.0, 0.0), // powers of two divide without a remainder
        };
        assert!(narrow >= least_narrow && coarse >= least_coarse);
        assert!(fine < 1e-8 && this < 1e-5);
    }
}

proptest! {
    // A failing case becomes an example above, not an entry in a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_encoded_is_decoded(pieces in prop::collection::vec(any_piece(), 0..300)) {
        prop_assert_eq!(decode_pieces(&encode_pieces(&pieces), &pieces), Ok(()));
    }

    #[test]
    fn the_bytes_of_symbols_are_those_of_unbounded_arithmetic(
        slots in prop::collection::vec(any_slot(), 0..300),
    ) {
        prop_assert_eq!(encode(&slots), encode_exactly(&symbols_of(&slots)));
    }

    #[test]
    fn the_bytes_of_bits_are_those_of_unbounded_arithmetic(
        bits in prop::collection::vec(any_bit(), 0..600),
    ) {
        prop_assert_eq!(encode_pieces(&bits), encode_exactly(&bits));
    }

    #[test]
    fn the_bytes_of_both_together_are_those_of_unbounded_arithmetic(
        pieces in prop::collection::vec(any_piece(), 0..300),
    ) {
        prop_assert_eq!(encode_pieces(&pieces), encode_exactly(&pieces));
    }

    #[test]
    fn the_coded_size_of_any_pieces_is_that_of_their_code_length(
        pieces in prop::collection::vec(any_piece(), 0..300),
    ) {
        let ideal_bytes = code_length_bits(&pieces) / 8.0;
        prop_assert!(encode_pieces(&pieces).len() as f64 <= ideal_bytes * 1.0001 + 2.0);
    }

    #[test]
    fn random_bytes_never_make_a_decoder_panic(
        payload in prop::collection::vec(any::<u8>(), 0..60),
        logits in any_logits(),
        probabilities in prop::collection::vec(prop_oneof![Just(1), 1..=65_535_u32], 1..9),
    ) {
        let table = table_of(&logits);
        let mut decoder = RangeDecoder::new(&payload);
        for _ in 0..100 {
            if decoder.consume(table.symbol_at(decoder.target()).1).is_err() {
                break;
            }
            if probabilities.iter().any(|&probability| decoder.decode_bit(probability).is_err()) {
                break;
            }
        }
    }

    #[test]
    fn the_table_is_the_one_of_wide_arithmetic(logits in any_logits()) {
        let expected = slots_by_definition(&logits);
        for instruction_set in InstructionSet::available() {
            let mut table = FrequencyTable::with_instruction_set(logits.len(), instruction_set);
            table.set_logits(&logits);
            let slots: Vec<Slot> = (0..logits.len()).map(|symbol| table.slot(symbol)).collect();
            prop_assert_eq!(&slots, &expected, "{:?}", instruction_set);
            let largest = expected.iter().map(|slot| slot.frequency()).max();
            prop_assert_eq!(Some(table.largest_frequency()), largest);
        }
    }

    #[test]
    fn every_target_finds_the_slot_around_it(logits in any_logits(), target in 0..TOTAL) {
        let table = table_of(&logits);
        let (symbol, slot) = table.symbol_at(target);
        prop_assert_eq!(slot, table.slot(symbol));
        prop_assert!((slot.start()..slot.start() + slot.frequency()).contains(&target));
    }

    #[test]
    fn the_table_costs_almost_nothing_against_the_exact_softmax(logits in any_logits()) {
        let (ideal_bits, excess_bits) = entropy_and_excess_bits(&logits);
        // 0.02 %, and the reserve of one unit a symbol, which no table can do without.
        let reserve_bits = 1.5 * logits.len() as f64 / f64::from(TOTAL);
        prop_assert!(excess_bits <= 0.0002 * ideal_bits + reserve_bits);
    }
}

#[test]
fn tables_of_large_vocabularies_are_those_of_wide_arithmetic() {
    for alphabet_size in [50_257, 151_936, 1 << 20] {
        let scattered = |symbol: usize| ((symbol * 7919 + symbol / 300) % 500) as i16 - 250;
        let cases: [Vec<i16>; 3] = [
            vec![0; alphabet_size],
            (0..alphabet_size).map(scattered).collect(),
            (0..alphabet_size)
                .map(|symbol| if symbol + 1 == alphabet_size { 400 } else { -3 })
                .collect(),
        ];
        for logits in cases {
            let expected = slots_by_definition(&logits);
            for instruction_set in InstructionSet::available() {
                let mut table =
                    FrequencyTable::with_instruction_set(alphabet_size, instruction_set);
                table.set_logits(&logits);
                assert!((0..alphabet_size).all(|symbol| table.slot(symbol) == expected[symbol]));
                for target in [0, 1, TOTAL / 3, TOTAL - 1] {
                    let (symbol, slot) = table.symbol_at(target);
                    assert_eq!(slot, expected[symbol]);
                    assert!((slot.start()..slot.start() + slot.frequency()).contains(&target));
                }
            }
        }
    }
}

/// docs/format.md, "Frequencies", in 128-bit arithmetic and with exact roots of two.
fn slots_by_definition(logits: &[i16]) -> Vec<Slot> {
    let largest = *logits.iter().max().unwrap();
    let weights: Vec<u128> = logits
        .iter()
        .map(|&logit| {
            let distance = i32::from(largest) - i32::from(logit);
            exp2_of(distance as u32 % 16)
                .checked_shr(distance as u32 / 16)
                .unwrap_or(0)
        })
        .collect();
    let sum: u128 = weights.iter().sum();
    let multiplier = ((u128::from(TOTAL) - logits.len() as u128) << 31) / sum;
    let mut frequencies: Vec<u128> = weights
        .iter()
        .map(|weight| 1 + ((weight * multiplier) >> 31))
        .collect();
    let remainder = u128::from(TOTAL) - frequencies.iter().sum::<u128>();
    let favourite = logits.iter().position(|&logit| logit == largest).unwrap();
    frequencies[favourite] += remainder;
    let mut start = 0;
    let slot_of = |&frequency: &u128| {
        let slot = Slot::new(start, frequency as u32);
        start += slot.frequency();
        slot
    };
    let slots: Vec<Slot> = frequencies.iter().map(slot_of).collect();
    assert!(frequencies.iter().all(|&frequency| frequency >= 1) && start == TOTAL);
    slots
}

/// `round(2^24 * 2^(-f / 16))` by an integer root: half of the root of `2^(16 * 25 - f)`, rounded.
fn exp2_of(f: u32) -> u128 {
    let doubled = BigUint::from(2_u32).pow(16 * 25 - f).nth_root(16);
    let doubled: u128 = doubled.try_into().unwrap();
    doubled.div_ceil(2)
}

/// The entropy of the softmax of the logits, and what coding it with their table costs more.
fn entropy_and_excess_bits(logits: &[i16]) -> (f64, f64) {
    let table = table_of(logits);
    let largest = f64::from(*logits.iter().max().unwrap());
    let bits_of = |&logit: &i16| (f64::from(logit) - largest) / 16.0;
    let log_sum = logits
        .iter()
        .map(|logit| bits_of(logit).exp2())
        .sum::<f64>()
        .log2();
    let mut totals = (0.0, 0.0);
    for (symbol, logit) in logits.iter().enumerate() {
        let ideal_bits = log_sum - bits_of(logit);
        let real_bits = 24.0 - f64::from(table.slot(symbol).frequency()).log2();
        let probability = (-ideal_bits).exp2();
        totals.0 += probability * ideal_bits;
        totals.1 += probability * (real_bits - ideal_bits);
    }
    totals
}

#[test]
fn equal_logits_share_equally_and_the_first_takes_the_rest() {
    let table = table_of(&[5, 5, 5]);
    let frequencies = [0, 1, 2].map(|symbol| table.slot(symbol).frequency());
    assert_eq!(frequencies, [5_592_406, 5_592_405, 5_592_405]);
}

#[test]
fn a_certain_symbol_leaves_one_unit_to_each_other() {
    let mut logits = vec![i16::MIN; 65_535];
    logits[9] = i16::MAX;
    let table = table_of(&logits);
    assert_eq!(table.slot(9).frequency(), TOTAL - 65_534);
    assert_eq!(table.slot(65_534), Slot::new(TOTAL - 1, 1));
}
