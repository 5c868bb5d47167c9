//! Which rows are computed when, and on which thread.
//!
//! The arithmetic is exact, so every schedule gives the same logits. There are three:
//!
//! - one thread: lanes and steps are cut into [`Tile`]s of 32 rows;
//! - as many lanes as threads, or a multiple, or lanes in plenty: each thread takes its share of
//!   the lanes through the whole call;
//! - few lanes but many steps: the threads share the steps, and meet once in every layer.
//!
//! A single lane that advances by a single step runs on one thread: meeting in every layer would
//! take longer than the arithmetic.

use std::ops::Range;

use rayon::ThreadPool;

use super::Network;
use super::lane::{Lane, MAX_STEPS};
use super::tile::{TILE_ROWS, Tile};

/// Fewer rows for every thread are not worth meeting in every layer.
const MIN_SHARED_ROWS: usize = 8;

/// One call of `advance`, or a part of it.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub network: Network<'a>,
    /// `(lanes, steps)`.
    pub symbols: &'a [u16],
    pub steps: usize,
}

impl Call<'_> {
    /// Takes all lanes through all steps on this thread.
    pub fn run(self, tile: &mut Tile, lanes: &mut [Lane], logits: &mut [i16]) {
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
    pub fn share_lanes(
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
    pub fn is_better_shared_by_steps(self, lanes: usize, threads: usize) -> bool {
        let few_lanes = lanes < 4 * threads && !lanes.is_multiple_of(threads);
        few_lanes && self.steps > 1 && self.symbols.len() >= threads * MIN_SHARED_ROWS
    }

    /// Gives every thread an equal share of the steps of all lanes, which are few.
    pub fn share_steps(
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
