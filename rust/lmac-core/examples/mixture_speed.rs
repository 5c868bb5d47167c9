//! How fast the adaptive mixture is alone, without a network, on one core.
//!
//!     cargo run --release --example mixture_speed -- FILE...
//!
//! Every file is coded nine times as one lane, and restored. Prints its length, the bytes it takes, and megabytes a second both ways, in the
//! median and at best; what it needs to set up counts as well.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::Instant;

use lmac_core::coding::adaptive::Mixture;
use lmac_core::coding::range_coder::{PayloadError, RangeDecoder, RangeEncoder};
use lmac_core::format::lanes::Lanes;

const RUNS: usize = 9;

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "file                      bytes    coded   compress   at best   decompress   at best"
    );
    for path in std::env::args().skip(1) {
        let content = std::fs::read(&path)?;
        let mut speeds = [Vec::new(), Vec::new()];
        let mut coded = Vec::new();
        for _ in 0..RUNS {
            let began = Instant::now();
            coded = encoded(&content);
            speeds[0].push(content.len() as f64 / began.elapsed().as_secs_f64() / 1e6);
            let began = Instant::now();
            let restored = decoded(&coded, content.len());
            speeds[1].push(content.len() as f64 / began.elapsed().as_secs_f64() / 1e6);
            assert!(
                restored.as_ref() == Ok(&content),
                "{path} does not come back"
            );
        }
        let [(compress, compress_best), (decompress, decompress_best)] =
            speeds.map(median_and_best);
        let name = path.rsplit('/').next().unwrap_or(&path);
        println!(
            "{name:22} {:>8} {:>8} {compress:>10.2} {compress_best:>9.2} {decompress:>12.2} {decompress_best:>9.2}",
            content.len(),
            coded.len()
        );
    }
    Ok(())
}

fn encoded(content: &[u8]) -> Vec<u8> {
    let mut mixture = Mixture::new(Lanes::single(content.len()), false).unwrap();
    let mut encoder = RangeEncoder::new();
    for &symbol in content {
        mixture.encode(0, symbol, None, &mut encoder);
    }
    encoder.finish()
}

fn decoded(coded: &[u8], len: usize) -> Result<Vec<u8>, PayloadError> {
    let mut mixture = Mixture::new(Lanes::single(len), false).unwrap();
    let mut decoder = RangeDecoder::new(coded);
    (0..len)
        .map(|_| mixture.decode(0, None, &mut decoder))
        .collect()
}

fn median_and_best(mut speeds: Vec<f64>) -> (f64, f64) {
    speeds.sort_by(f64::total_cmp);
    (speeds[speeds.len() / 2], speeds[speeds.len() - 1])
}
