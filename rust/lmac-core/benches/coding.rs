//! How fast symbols become bytes and bytes symbols, without a model: `cargo bench --bench coding`.
//!
//! Throughput is in symbols, which are bytes in `mixture`. A table has 256 symbols and an entropy
//! of about 2 bits, like that of a model on text; `table` shares no work between symbols, since a
//! model has a new one for each.

use std::hint::black_box;

use constriction::stream::model::ContiguousCategoricalEntropyModel;
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode, Encode};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lmac_core::coding::adaptive::Mixture;
use lmac_core::coding::frequency::FrequencyTable;
use lmac_core::coding::range_coder::{RangeDecoder, RangeEncoder, Slot, TOTAL_BITS};
use lmac_core::format::lanes::Lanes;

const ALPHABET_SIZE: usize = 256;
const SYMBOLS: usize = 4096;

/// Logits that fall by half a bit a symbol, beginning at another symbol for each position.
fn rows() -> Vec<Vec<i16>> {
    let row = |position: usize| {
        let logit = |symbol: usize| -8 * ((symbol + 37 * position) % ALPHABET_SIZE) as i16;
        (0..ALPHABET_SIZE).map(logit).collect()
    };
    (0..SYMBOLS).map(row).collect()
}

/// One symbol for each row, drawn from its table.
fn symbols(rows: &[Vec<i16>]) -> Vec<usize> {
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    let mut state = 1_u64;
    let mut draw = |row: &Vec<i16>| {
        table.set_logits(row);
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        table.symbol_at((state >> 40) as u32).0
    };
    rows.iter().map(&mut draw).collect()
}

fn encode(slots: impl Iterator<Item = Slot>) -> Vec<u8> {
    let mut encoder = RangeEncoder::new();
    for slot in slots {
        encoder.encode(slot);
    }
    encoder.finish()
}

/// One table for all symbols, beside the range coder of the crate `constriction`.
fn range_coder(criterion: &mut Criterion) {
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    table.set_logits(&rows()[0]);
    let draw = |index: u32| table.symbol_at(index.wrapping_mul(0x9E37_79B9) >> 8).0;
    let symbols: Vec<usize> = (0..SYMBOLS as u32).map(draw).collect();
    let payload = encode(symbols.iter().map(|&symbol| table.slot(symbol)));

    let mut group = criterion.benchmark_group("range_coder");
    group.throughput(Throughput::Elements(SYMBOLS as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| encode(black_box(&symbols).iter().map(|&symbol| table.slot(symbol))));
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let mut decoder = RangeDecoder::new(black_box(&payload));
            for _ in 0..SYMBOLS {
                let (symbol, slot) = table.symbol_at(decoder.target());
                decoder.consume(slot).unwrap();
                black_box(symbol);
            }
            decoder.finish()
        });
    });

    let frequencies = (0..ALPHABET_SIZE).map(|symbol| table.slot(symbol).frequency());
    let model = Model::from_nonzero_fixed_point_probabilities(frequencies, false).unwrap();
    let compressed = constriction_encode(&symbols, &model);
    group.bench_function("constriction_encode", |bencher| {
        bencher.iter(|| constriction_encode(black_box(&symbols), &model));
    });
    group.bench_function("constriction_decode", |bencher| {
        bencher.iter(|| {
            let compressed = black_box(compressed.as_slice());
            let mut decoder = DefaultRangeDecoder::from_compressed(compressed).unwrap();
            for symbol in decoder.decode_iid_symbols(SYMBOLS, &model) {
                black_box(symbol.unwrap());
            }
        });
    });
    group.finish();
}

type Model = ContiguousCategoricalEntropyModel<u32, Vec<u32>, { TOTAL_BITS as usize }>;

fn constriction_encode(symbols: &[usize], model: &Model) -> Vec<u32> {
    let mut encoder = DefaultRangeEncoder::new();
    encoder.encode_iid_symbols(symbols, model).unwrap();
    encoder.into_compressed().unwrap()
}

fn frequency_table(criterion: &mut Criterion) {
    let rows = rows();
    let symbols = symbols(&rows);
    let mut table = FrequencyTable::new(ALPHABET_SIZE);

    let mut group = criterion.benchmark_group("frequency_table");
    group.throughput(Throughput::Elements(SYMBOLS as u64));
    group.bench_function("set_logits", |bencher| {
        bencher.iter(|| {
            for (row, &symbol) in rows.iter().zip(&symbols) {
                table.set_logits(black_box(row));
                black_box(table.slot(symbol));
            }
        });
    });
    group.finish();
}

fn both(criterion: &mut Criterion) {
    let rows = rows();
    let symbols = symbols(&rows);
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    let slot_of = |(row, &symbol): (&Vec<i16>, &usize)| {
        table.set_logits(row);
        table.slot(symbol)
    };
    let slots: Vec<Slot> = rows.iter().zip(&symbols).map(slot_of).collect();
    let payload = encode(slots.into_iter());

    let mut group = criterion.benchmark_group("table_and_range_coder");
    group.throughput(Throughput::Elements(SYMBOLS as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            let mut encoder = RangeEncoder::new();
            for (row, &symbol) in rows.iter().zip(&symbols) {
                table.set_logits(row);
                encoder.encode(table.slot(symbol));
            }
            encoder.finish()
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| {
            let mut decoder = RangeDecoder::new(black_box(&payload));
            for row in &rows {
                table.set_logits(row);
                let (_, slot) = table.symbol_at(decoder.target());
                decoder.consume(slot).unwrap();
            }
            decoder.finish()
        });
    });
    group.finish();
}

/// Words by a law of Zipf, in lines: as hard to predict as short words of random letters are.
fn text(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next_below = |limit: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    let words: Vec<Vec<u8>> = (0..4000)
        .map(|_| {
            let letters = 2 + next_below(8);
            (0..letters)
                .map(|_| b"etaoinshrdlu"[next_below(12)])
                .collect()
        })
        .collect();
    let mut text = Vec::new();
    while text.len() < len {
        let most = 1 + next_below(words.len());
        text.extend(&words[next_below(most)]);
        text.push(if next_below(12) == 0 { b'\n' } else { b' ' });
    }
    text.truncate(len);
    text
}

fn mix(content: &[u8], table: Option<&FrequencyTable>) -> Vec<u8> {
    let lanes = Lanes::of(content.len(), content.len());
    let mut mixture = Mixture::new(lanes, table.is_some()).unwrap();
    let mut encoder = RangeEncoder::new();
    for &symbol in content {
        mixture.encode(0, symbol, table, &mut encoder);
    }
    encoder.finish()
}

fn unmix(payload: &[u8], content_len: usize, table: Option<&FrequencyTable>) -> Vec<u8> {
    let lanes = Lanes::of(content_len, content_len);
    let mut mixture = Mixture::new(lanes, table.is_some()).unwrap();
    let mut decoder = RangeDecoder::new(payload);
    let mut next = || mixture.decode(0, table, &mut decoder);
    (0..content_len).map(|_| next().unwrap()).collect()
}

fn mixture(criterion: &mut Criterion) {
    let content = text(200_000);
    let mut table = FrequencyTable::new(ALPHABET_SIZE);
    table.set_logits(&rows()[0]);

    let mut group = criterion.benchmark_group("mixture");
    group.sample_size(10);
    group.measurement_time(std::time::Duration::from_secs(4));
    group.throughput(Throughput::Bytes(content.len() as u64));
    for (name, table) in [("alone", None), ("with_table", Some(&table))] {
        let payload = mix(&content, table);
        group.bench_function(format!("encode_{name}"), |bencher| {
            bencher.iter(|| mix(black_box(&content), table));
        });
        group.bench_function(format!("decode_{name}"), |bencher| {
            bencher.iter(|| unmix(black_box(&payload), content.len(), table));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = range_coder, frequency_table, both, mixture
}
criterion_main!(benches);
