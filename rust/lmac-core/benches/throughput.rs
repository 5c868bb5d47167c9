//! What the executor makes of the machine with the model that lmac ships: `cargo bench --bench
//! throughput -- [NAME]`, with the beginning of the names of the measurements that are wanted.
//!
//! Prints one line a measurement, its parts two spaces apart, for benches/report.py to make a table of. Peak and model are
//! measured alternately, several times, and the median is kept: other work on the machine disturbs
//! both alike.

#![allow(clippy::print_stdout)] // the results

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use lmac_core::cpu::InstructionSet;
use lmac_core::models::executor::Executor;
use lmac_core::models::model::Model;
use lmac_core::predictor::Predictor;

mod peak;

/// What the model reads: how many activations are zero, and need no time, depends on that.
const TEXT: &[u8] = include_bytes!("../../../README.md");
const REPETITIONS: usize = 7;
/// What a measurement should last at least, in seconds.
const DURATION: f64 = 0.05;

fn main() {
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let wanted = wanted.unwrap_or_default();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python/lmac/models/default.onnx");
    let model = Arc::new(Model::from_bytes(&std::fs::read(path).expect("a model file")).unwrap());
    let instruction_set = InstructionSet::from_environment().unwrap();
    let dense = multiply_adds(&model);
    println!("instructions: {instruction_set:?}  -  -");
    println!("dense multiply-adds a byte  {dense}  -");
    let mut cases = Vec::new();
    for threads in [1, 2] {
        for lanes in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] {
            cases.push(Case {
                threads,
                lanes,
                steps: 1,
            });
        }
        for (lanes, steps) in [(1, 128), (8, 16), (64, 2)] {
            cases.push(Case {
                threads,
                lanes,
                steps,
            });
        }
    }
    for case in cases.iter().filter(|case| case.name().starts_with(&wanted)) {
        let mut rates = Vec::new();
        let mut shares = Vec::new();
        let mut run = case.prepare(&model);
        for _ in 0..REPETITIONS {
            let peak = rate(|| peak::multiply_adds(instruction_set));
            let bytes = rate(&mut run);
            rates.push(bytes);
            shares.push(bytes * dense as f64 / (peak * case.threads as f64));
        }
        println!(
            "{}  {:.1}  {:.0} %",
            case.name(),
            median(rates) / 1e3,
            100.0 * median(shares)
        );
    }
    let peaks = (0..REPETITIONS).map(|_| rate(|| peak::multiply_adds(instruction_set)));
    let peak = median(peaks.collect()) / 1e9;
    println!("peak of a thread, 10^9 multiply-adds a second  {peak:.0}  100 %");
}

/// Dense multiply-adds of a symbol, without attention.
fn multiply_adds(model: &Model) -> usize {
    let a = model.architecture();
    let layer = a.width * (2 * a.width + 2 * a.head_dim + 2 * a.hidden);
    (a.layers * layer + a.width * (a.alphabet_size + a.contexts.len() as u32 * a.context_dim))
        as usize
}

struct Case {
    threads: usize,
    lanes: usize,
    steps: usize,
}

impl Case {
    fn name(&self) -> String {
        let kind = if self.steps == 1 { "decode" } else { "encode" };
        format!(
            "{kind}/{}x{}/{} threads",
            self.lanes, self.steps, self.threads
        )
    }

    /// A call of the executor that returns the number of bytes; its windows are full.
    fn prepare(&self, model: &Arc<Model>) -> impl FnMut() -> usize + use<> {
        let mut executor = Executor::new(model.clone(), Some(self.threads)).unwrap();
        let (lanes, steps) = (self.lanes, self.steps);
        executor.start(lanes).unwrap();
        let mut positions: Vec<usize> = (0..lanes).map(|lane| 1000 * lane).collect();
        let mut call = move |steps: usize| {
            let mut symbols = Vec::with_capacity(lanes * steps);
            for position in &mut positions {
                let text = (*position..).map(|place| u32::from(TEXT[place % TEXT.len()]));
                symbols.extend(text.take(steps));
                *position += steps;
            }
            let mut logits = vec![0; lanes * steps * 256];
            executor.advance(&symbols, steps, &mut logits).unwrap();
            black_box(logits);
            lanes * steps
        };
        for _ in 0..4 {
            call(64);
        }
        move || call(steps)
    }
}

/// Units of work a second; `work` returns how many it did.
fn rate(mut work: impl FnMut() -> usize) -> f64 {
    let (began, mut done) = (Instant::now(), 0);
    loop {
        done += work();
        let seconds = began.elapsed().as_secs_f64();
        if seconds > DURATION {
            return done as f64 / seconds;
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
