//! How fast the native executor steps (decoding) and scores (encoding).
//!
//! The model is random, of about the size of the one that lmac ships: width 256, 5 layers, hidden
//! 1024, window 256. Throughput is in symbols (bytes of content) a second; multiply it with the
//! multiply-adds per symbol in the name of the group for the rate of arithmetic.

#[allow(dead_code)] // the tests use more of it
#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lmac_core::models::architecture::{Architecture, Context, ContextKind, Window};
use lmac_core::models::executor::Executor;
use lmac_core::models::model::Model;
use lmac_core::predictor::Predictor;

use support::{Random, TestModel, Values, tiny};

const ALPHABET_SIZE: usize = 256;
/// Steps before the measurement, so that the window is full.
const WARM_UP: usize = 320;

fn architecture() -> Architecture {
    let contexts = [2, 3, 4, 5, 6, 8].map(|order| Context {
        kind: ContextKind::Ngram,
        order,
    });
    let words = [1, 2].map(|order| Context {
        kind: ContextKind::Word,
        order,
    });
    Architecture {
        width: 256,
        heads: 4,
        head_dim: 64,
        hidden: 1024,
        layers: 5,
        window: Window::Same(256),
        score_shift: 7,
        contexts: [&contexts[..], &words].concat(),
        context_dim: 32,
        context_rows_log2: 15,
        ..tiny()
    }
}

fn multiply_adds(a: &Architecture) -> u32 {
    let attention = 2 * a.width * a.window(0) as u32;
    let layer = a.width * (2 * a.width + 2 * a.head_dim + 2 * a.hidden) + attention;
    a.layers * layer + a.width * (a.alphabet_size + a.contexts.len() as u32 * a.context_dim)
}

fn executor_steps(criterion: &mut Criterion) {
    let architecture = architecture();
    let file = TestModel::random(&architecture, Values::Random, 1).to_bytes();
    let model = Arc::new(Model::from_bytes(&file).unwrap());
    let millions = f64::from(multiply_adds(&architecture)) / 1e6;
    let mut group = criterion.benchmark_group(format!("executor/{millions:.2}M multiply-adds"));
    for threads in [1, 2] {
        let mut executor = Executor::new(model.clone(), Some(threads)).unwrap();
        for (lanes, steps) in [(1, 1), (2, 1), (8, 1), (64, 1), (1, 64), (8, 64)] {
            executor.start(lanes).unwrap();
            let mut call = Call::new(lanes, WARM_UP);
            call.make(&mut executor);
            let mut call = Call::new(lanes, steps);
            group.throughput(Throughput::Elements((lanes * steps) as u64));
            let name = format!("{threads} threads/{lanes} lanes x {steps} steps");
            group.bench_function(name, |bencher| bencher.iter(|| call.make(&mut executor)));
        }
    }
    group.finish();
}

/// The arguments of `advance`.
struct Call {
    symbols: Vec<u32>,
    steps: usize,
    logits: Vec<i16>,
}

impl Call {
    fn new(lanes: usize, steps: usize) -> Self {
        let mut random = Random(lanes as u64);
        let symbol = || random.between(0, ALPHABET_SIZE as i64 - 1) as u32;
        let symbols = std::iter::repeat_with(symbol).take(lanes * steps).collect();
        Self {
            symbols,
            steps,
            logits: vec![0; lanes * steps * ALPHABET_SIZE],
        }
    }

    fn make(&mut self, executor: &mut Executor) {
        executor
            .advance(black_box(&self.symbols), self.steps, &mut self.logits)
            .unwrap();
        black_box(&self.logits);
    }
}

criterion_group!(benches, executor_steps);
criterion_main!(benches);
