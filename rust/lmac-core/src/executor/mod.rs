//! `Executor`: the native implementation of the exact Transformer (docs/exact-transformer.md).
//!
//! It computes the same integers as the ONNX graph and the module that was trained, and so do its
//! kernels, its numbers of threads and every division of a text into calls: all arithmetic is
//! exact, so the schedule is free. Three schedules follow from that freedom:
//!
//! - one thread: lanes and steps are cut into [`Tile`]s of 32 rows;
//! - several lanes for every thread: each thread takes its share of the lanes through the call;
//! - few lanes but many steps: the threads share the steps, and meet once in every layer.
//!
//! A single lane that advances by a single step runs on one thread: meeting in every layer would
//! take longer than the arithmetic.
//!
//! Memory: every lane takes `2 * layers * head_dim * (window + 63, rounded up to
//! 16)` bytes, and every thread one tile.

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
mod kernel;
#[cfg(test)]
mod kernel_tests;
mod lane;
mod matrix;
mod ring;
mod scalar;
mod tile;
pub(crate) mod weights;

use std::ops::Range;
use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};
use sha2::{Digest, Sha256};

pub use self::kernel::InstructionSet;
use self::kernel::Kernel;
use self::lane::{Lane, MAX_STEPS};
use self::tile::{TILE_ROWS, Tile};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::model_id::ModelId;
use crate::predictor::Predictor;

/// The most memory that the contexts of all lanes may take.
const MAX_CONTEXT_BYTES: usize = 1 << 36;
/// Fewer rows for every thread are not worth meeting in every layer.
const MIN_SHARED_ROWS: usize = 8;

/// Runs a model on this processor.
#[derive(Debug)]
pub struct Executor {
    model: Arc<Model>,
    instruction_set: InstructionSet,
    lanes: Vec<Lane>,
    /// One for every thread.
    tiles: Vec<Tile>,
    /// The threads beside the caller's.
    pool: Option<ThreadPool>,
}

/// A model and the kernel that runs it.
#[derive(Clone, Copy)]
pub(crate) struct Network<'a> {
    model: &'a Model,
    kernel: &'static dyn Kernel,
}

impl Network<'_> {
    fn width(self) -> usize {
        self.model.architecture().width as usize
    }
}

impl Executor {
    /// Creates an executor that uses the best instructions of this processor, or those that the
    /// environment variable `LMAC_SIMD` names.
    ///
    /// `threads` is the number of threads that work on a call, the caller's included; by default
    /// one for every processor.
    ///
    /// # Errors
    ///
    /// `KnownAnswerMismatch` if the model's known answer is not reproduced (this is tried once for
    /// every model), `Predictor` if the threads or the instructions cannot be had.
    pub fn new(model: Arc<Model>, threads: Option<usize>) -> Result<Self> {
        Self::with_instruction_set(model, threads, InstructionSet::from_environment()?)
    }

    /// Creates an executor that uses the given instructions.
    pub fn with_instruction_set(
        model: Arc<Model>,
        threads: Option<usize>,
        instruction_set: InstructionSet,
    ) -> Result<Self> {
        let network = network(&model, instruction_set)?;
        model.self_test(instruction_set, || reproduces_known_answer(network))?;
        let threads = match threads {
            Some(0) => return Err(refused("threads must be at least 1")),
            Some(threads) => threads,
            None => std::thread::available_parallelism().map_or(1, usize::from),
        };
        let pool = thread_pool(threads)?;
        let tiles = (0..threads).map(|_| Tile::new(network)).collect();
        Ok(Self {
            model,
            instruction_set,
            lanes: Vec::new(),
            tiles,
            pool,
        })
    }

    /// The instructions in use.
    #[must_use]
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// The model that is run.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    fn check_call(&self, symbols: &[u16], steps: usize, logits: &[i16]) -> Result<()> {
        let rows = self.lanes.len().checked_mul(steps);
        if rows != Some(symbols.len()) {
            return Err(refused("symbols must be (lanes, steps)"));
        }
        let alphabet_size = self.alphabet_size();
        if symbols.len().checked_mul(alphabet_size) != Some(logits.len()) {
            return Err(refused("logits must be (lanes, steps, alphabet_size)"));
        }
        if symbols
            .iter()
            .any(|&symbol| usize::from(symbol) > alphabet_size)
        {
            return Err(refused("a symbol is not in the alphabet"));
        }
        Ok(())
    }
}

impl Predictor for Executor {
    fn alphabet_size(&self) -> usize {
        self.model.architecture().alphabet_size as usize
    }

    fn model_id(&self) -> ModelId {
        self.model.id()
    }

    fn start(&mut self, lanes: usize) -> Result<()> {
        let architecture = self.model.architecture();
        let bytes = lanes.checked_mul(Lane::ring_bytes(architecture));
        if bytes.is_none_or(|bytes| bytes > MAX_CONTEXT_BYTES) {
            return Err(refused(&format!(
                "{lanes} lanes take too much memory; use fewer"
            )));
        }
        self.lanes.truncate(lanes);
        self.lanes.iter_mut().for_each(Lane::reset);
        while self.lanes.len() < lanes {
            let lane = Lane::new(architecture);
            self.lanes
                .push(lane.ok_or_else(|| refused("out of memory; use fewer lanes"))?);
        }
        Ok(())
    }

    fn advance(&mut self, symbols: &[u16], steps: usize, logits: &mut [i16]) -> Result<()> {
        self.check_call(symbols, steps, logits)?;
        if symbols.is_empty() {
            return Ok(());
        }
        let network = network(&self.model, self.instruction_set)?;
        let (lanes, tiles) = (&mut self.lanes[..], &mut self.tiles[..]);
        let call = Call {
            network,
            symbols,
            steps,
        };
        match &self.pool {
            Some(pool) if call.is_better_shared_by_steps(lanes.len(), tiles.len()) => {
                call.share_steps(pool, tiles, lanes, logits);
            }
            Some(pool) if lanes.len() > 1 => call.share_lanes(pool, tiles, lanes, logits),
            _ => call.run(&mut tiles[0], lanes, logits),
        }
        Ok(())
    }
}

fn network(model: &Model, instruction_set: InstructionSet) -> Result<Network<'_>> {
    let Some(kernel) = instruction_set.kernel() else {
        let reason = format!("this processor has no {instruction_set:?}; unset LMAC_SIMD");
        return Err(refused(&reason));
    };
    Ok(Network { model, kernel })
}

fn thread_pool(threads: usize) -> Result<Option<ThreadPool>> {
    if threads == 1 {
        return Ok(None);
    }
    let pool = ThreadPoolBuilder::new().num_threads(threads - 1).build();
    pool.map(Some)
        .map_err(|error| refused(&format!("cannot start {threads} threads: {error}")))
}

fn refused(reason: &str) -> Error {
    Error::Predictor(reason.to_string())
}

/// Computes the known answer (section 9), in tiles like any other call.
fn reproduces_known_answer(network: Network<'_>) -> bool {
    let architecture = network.model.architecture();
    let Some(lane) = Lane::new(architecture) else {
        return false;
    };
    let (mut lanes, mut tile) = ([lane], Tile::new(network));
    let known_answer = network.model.known_answer();
    let mut symbols = vec![architecture.alphabet_size as u16];
    symbols.extend(&known_answer.symbols);
    let mut logits = vec![0; TILE_ROWS * architecture.alphabet_size as usize];
    let mut hash = Sha256::new();
    for symbols in symbols.chunks(TILE_ROWS) {
        let logits = &mut logits[..symbols.len() * architecture.alphabet_size as usize];
        Call {
            network,
            symbols,
            steps: symbols.len(),
        }
        .run(&mut tile, &mut lanes, logits);
        for logit in logits {
            hash.update(logit.to_le_bytes());
        }
    }
    <[u8; 32]>::from(hash.finalize()) == known_answer.logits_sha256
}

/// One call of `advance`, or a part of it.
#[derive(Clone, Copy)]
struct Call<'a> {
    network: Network<'a>,
    /// `(lanes, steps)`.
    symbols: &'a [u16],
    steps: usize,
}

impl Call<'_> {
    /// Takes all lanes through all steps on this thread.
    fn run(self, tile: &mut Tile, lanes: &mut [Lane], logits: &mut [i16]) {
        let tiles = lanes.len().div_ceil(TILE_ROWS);
        let lanes_per_tile = lanes.len().div_ceil(tiles);
        let parts = self.divide(lanes_per_tile, lanes, logits);
        for (call, lanes, logits) in parts {
            for steps in chunks(self.steps, TILE_ROWS / lanes.len()) {
                call.run_tile(tile, lanes, steps, logits);
            }
        }
    }

    fn run_tile(
        self,
        tile: &mut Tile,
        lanes: &mut [Lane],
        steps: Range<usize>,
        logits: &mut [i16],
    ) {
        let network = self.network;
        self.load(std::slice::from_mut(tile), lanes, steps);
        tile.embed(network);
        for layer in 0..network.model.weights().layers.len() {
            tile.project(network, layer);
            tile.store(layer, lanes);
            tile.finish(network, layer, lanes);
        }
        tile.predict(network);
        tile.write_logits(network, logits);
    }

    /// Gives every thread an equal share of the lanes.
    fn share_lanes(
        self,
        pool: &ThreadPool,
        tiles: &mut [Tile],
        lanes: &mut [Lane],
        logits: &mut [i16],
    ) {
        let lanes_per_thread = lanes.len().div_ceil(tiles.len());
        let parts = self.divide(lanes_per_thread, lanes, logits);
        in_parallel(
            pool,
            tiles.iter_mut().zip(parts),
            |(tile, (call, lanes, logits))| {
                call.run(tile, lanes, logits);
            },
        );
    }

    /// Whether the lanes are too few to occupy the threads equally, and the rows are many.
    fn is_better_shared_by_steps(self, lanes: usize, threads: usize) -> bool {
        let few_lanes = lanes < 4 * threads && !lanes.is_multiple_of(threads);
        few_lanes && self.steps > 1 && self.symbols.len() >= threads * MIN_SHARED_ROWS
    }

    /// Gives every thread an equal share of the steps of all lanes, which are few.
    fn share_steps(
        self,
        pool: &ThreadPool,
        tiles: &mut [Tile],
        lanes: &mut [Lane],
        logits: &mut [i16],
    ) {
        let network = self.network;
        let layers = network.model.weights().layers.len();
        let steps_at_once = (tiles.len() * TILE_ROWS / lanes.len()).min(MAX_STEPS);
        for steps in chunks(self.steps, steps_at_once) {
            self.load(tiles, lanes, steps);
            in_parallel(pool, tiles.iter_mut(), |tile| {
                tile.embed(network);
                tile.project(network, 0);
            });
            for layer in 0..layers {
                for tile in &*tiles {
                    tile.store(layer, lanes);
                }
                in_parallel(pool, tiles.iter_mut(), |tile| {
                    tile.finish(network, layer, lanes);
                    if layer + 1 < layers {
                        tile.project(network, layer + 1);
                    } else {
                        tile.predict(network);
                    }
                });
            }
            for tile in &*tiles {
                tile.write_logits(network, logits);
            }
        }
    }

    /// Divides the lanes into groups with their symbols and logits.
    fn divide<'b>(
        &self,
        lanes_per_group: usize,
        lanes: &'b mut [Lane],
        logits: &'b mut [i16],
    ) -> impl Iterator<Item = (Self, &'b mut [Lane], &'b mut [i16])> {
        let rows = lanes_per_group * self.steps;
        let alphabet_size = self.network.model.architecture().alphabet_size as usize;
        let Self {
            network,
            symbols,
            steps,
        } = *self;
        let calls = symbols.chunks(rows).map(move |symbols| Self {
            network,
            symbols,
            steps,
        });
        let logits = logits.chunks_mut(rows * alphabet_size);
        calls
            .zip(lanes.chunks_mut(lanes_per_group))
            .zip(logits)
            .map(|((call, lanes), logits)| (call, lanes, logits))
    }

    /// Distributes the given steps of all lanes over the tiles.
    fn load(self, tiles: &mut [Tile], lanes: &mut [Lane], steps: Range<usize>) {
        tiles.iter_mut().for_each(Tile::clear);
        let rows_per_tile = (lanes.len() * steps.len()).div_ceil(tiles.len());
        let mut row = 0;
        for (index, lane) in lanes.iter_mut().enumerate() {
            for step in steps.clone() {
                let output = index * self.steps + step;
                let tile = &mut tiles[row / rows_per_tile];
                tile.push(index, lane, self.symbols[output], output);
                row += 1;
            }
        }
    }
}

/// Cuts `0..len` into ranges of `chunk_len`.
fn chunks(len: usize, chunk_len: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len)
        .step_by(chunk_len)
        .map(move |first| first..len.min(first + chunk_len))
}

/// Does the first task on this thread and the others on the pool, and waits for all of them.
fn in_parallel<T: Send>(
    pool: &ThreadPool,
    mut tasks: impl Iterator<Item = T>,
    work: impl Fn(T) + Sync,
) {
    let first = tasks.next();
    pool.in_place_scope(|scope| {
        for task in tasks {
            scope.spawn(|_| work(task));
        }
        if let Some(first) = first {
            work(first);
        }
    });
}
