//! `Executor`: the native implementation of the exact Transformer (docs/exact-transformer.md).
//!
//! It computes the same integers as the ONNX graph and the module that was trained, and so do its
//! kernels (`kernel`), its numbers of threads and every division of a text into calls
//! (`schedule`): all arithmetic is exact, so nothing depends on its order.
//!
//! Memory: every lane takes `2 * head_dim * (window + 63, rounded up to 16)` bytes for every layer, less while it has seen less,
//! and every thread one tile, which is 32 rows of activations and room for a list of those that are not zero.

mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod choice;
mod kernel;
#[cfg(test)]
mod kernel_tests;
mod lane;
#[cfg(target_arch = "aarch64")]
mod neon;
mod ring;
mod scalar;
mod schedule;
mod team;
mod tile;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::choice::kernel_for;
use self::kernel::Kernel;
use self::lane::Lane;
use self::schedule::Call;
use self::team::Team;
use self::tile::{TILE_ROWS, Tile};
use crate::cpu::InstructionSet;
use crate::error::{Error, Result};
use crate::memory::{check_room, reserve};
use crate::models::model::Model;
use crate::models::model_id::ModelId;
use crate::models::weights::matrix::Matrix;
use crate::predictor::Predictor;

/// What a lane takes before it has seen anything, or less.
const LANE_BYTES: usize = 1 << 11;

/// For lanes, and whatever else is small.
const KEPT_BYTES: usize = 16 << 20;

/// Runs a model on this processor.
#[derive(Debug)]
pub struct Executor {
    model: Arc<Model>,
    instruction_set: InstructionSet,
    lanes: Vec<Lane>,
    /// One for every thread.
    tiles: Vec<Tile>,
    team: Team,
}

/// A model and the kernel that runs it.
#[derive(Clone, Copy)]
pub(crate) struct Network<'a> {
    model: &'a Model,
    kernel: &'static dyn Kernel,
}

/// More threads than these would wait for each other longer than they multiply.
const MAX_SHARES: usize = 4;

impl Network<'_> {
    fn width(self) -> usize {
        self.model.architecture().width as usize
    }

    /// Multiplies rows with a matrix; the team shares the outputs of a single row.
    fn multiply(
        self,
        team: &mut Team,
        matrix: &Matrix,
        activations: &[u8],
        mut results: &mut [i32],
    ) {
        let mut panels = matrix.panels();
        let is_single = activations.len() == matrix.inputs();
        let threads = if is_single { team.threads_at_hand() } else { 1 };
        let shares = threads.min(MAX_SHARES).min(panels.len());
        if shares == 1 {
            return self.kernel.multiply(panels, activations, results);
        }
        let mut tasks: [_; MAX_SHARES] = std::array::from_fn(|share| {
            let len = panels.len() / shares.saturating_sub(share).max(1);
            let (first, others) = panels.split_at(len);
            let (to, other_results) = std::mem::take(&mut results).split_at_mut(first.outputs());
            (panels, results) = (others, other_results);
            (first, to)
        });
        team.for_each(&mut tasks[..shares], |(panels, results)| {
            self.kernel.multiply(*panels, activations, results);
        });
    }
}

impl Executor {
    /// Creates an executor that uses the best instructions of this processor, or those that the
    /// environment variable `LMAC_SIMD` names.
    ///
    /// `threads` is the number of threads that work on a call, the caller's included; by default
    /// one for every processor. Where the system refuses more, there are fewer.
    ///
    /// # Errors
    ///
    /// `KnownAnswerMismatch` if the model's known answer is not reproduced (this is tried once for
    /// every model), `Predictor` if the instructions cannot be had.
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
        // Threads may take all the memory there is for their tiles and stacks: what the rest needs is kept from them.
        let mut tiles = vec![Tile::new(network)?];
        let mut kept = Vec::<u8>::new();
        reserve(&mut kept, KEPT_BYTES)?;
        tiles.extend((1..threads).map_while(|_| Tile::new(network).ok()));
        let team = Team::new(tiles.len());
        drop(kept);
        tiles.truncate(team.threads());
        Ok(Self {
            model,
            instruction_set,
            lanes: Vec::new(),
            tiles,
            team,
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

    fn check_call(&self, symbols: &[u32], steps: usize, logits: &[i16]) -> Result<()> {
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
            .any(|&symbol| symbol as usize > alphabet_size)
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

    fn threads(&self) -> usize {
        self.team.threads()
    }

    fn divide(&self, count: usize) -> Result<Vec<Box<dyn Predictor>>> {
        let threads = Some(self.team.threads() / count);
        let part = |_| -> Result<Box<dyn Predictor>> {
            let model = Arc::clone(&self.model);
            let executor = Self::with_instruction_set(model, threads, self.instruction_set)?;
            Ok(Box::new(executor))
        };
        (0..count).map(part).collect()
    }

    fn context_bytes(&self, lanes: usize, steps: usize) -> usize {
        let ring_bytes = Lane::ring_bytes(self.model.architecture(), steps);
        lanes.saturating_mul(LANE_BYTES + ring_bytes)
    }

    fn start(&mut self, lanes: usize) -> Result<()> {
        self.lanes.truncate(lanes);
        self.lanes.iter_mut().for_each(Lane::reset);
        let more = lanes - self.lanes.len();
        check_room(more.saturating_mul(LANE_BYTES))?;
        reserve(&mut self.lanes, more)?;
        let architecture = self.model.architecture();
        self.lanes.resize_with(lanes, || Lane::new(architecture));
        Ok(())
    }

    fn advance(&mut self, symbols: &[u32], steps: usize, logits: &mut [i16]) -> Result<()> {
        self.check_call(symbols, steps, logits)?;
        if symbols.is_empty() {
            return Ok(());
        }
        let mut lanes = self.lanes.iter_mut();
        lanes.try_for_each(|lane| lane.reserve(steps))?;
        let network = network(&self.model, self.instruction_set)?;
        let call = Call {
            network,
            symbols,
            steps,
        };
        call.schedule(&mut self.team, &mut self.tiles, &mut self.lanes, logits);
        Ok(())
    }
}

fn network(model: &Model, instruction_set: InstructionSet) -> Result<Network<'_>> {
    let Some(kernel) = kernel_for(instruction_set) else {
        let reason = format!(
            "this processor has no {}; unset LMAC_SIMD",
            instruction_set.name()
        );
        return Err(refused(&reason));
    };
    Ok(Network { model, kernel })
}

fn refused(reason: &str) -> Error {
    Error::Predictor(reason.to_string())
}

/// Computes the known answer (section 9), in tiles like any other call.
fn reproduces_known_answer(network: Network<'_>) -> Result<bool> {
    let architecture = network.model.architecture();
    let (mut lanes, mut tile) = ([Lane::new(architecture)], Tile::new(network)?);
    let known_answer = network.model.known_answer();
    let mut symbols = vec![architecture.alphabet_size];
    symbols.extend(&known_answer.symbols);
    lanes[0].reserve(symbols.len())?;
    let mut logits = vec![0; TILE_ROWS * architecture.alphabet_size as usize];
    let mut hash = Sha256::new();
    for symbols in symbols.chunks(TILE_ROWS) {
        let logits = &mut logits[..symbols.len() * architecture.alphabet_size as usize];
        Call {
            network,
            symbols,
            steps: symbols.len(),
        }
        .run(&mut Team::default(), &mut tile, &mut lanes, logits);
        for logit in logits {
            hash.update(logit.to_le_bytes());
        }
    }
    Ok(<[u8; 32]>::from(hash.finalize()) == known_answer.logits_sha256)
}
