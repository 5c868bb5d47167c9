//! Which rows are computed when, and on which thread.
//!
//! The arithmetic is exact, so every schedule gives the same logits. There are four:
//!
//! - one thread: lanes and steps are cut into [`Tile`]s of 32 rows;
//! - as many lanes as threads, or a multiple, or lanes in plenty: each thread takes its share of
//!   the lanes through the whole call;
//! - few lanes but many steps: the threads share the steps, and meet once in every layer;
//! - one lane and one step: the threads share the outputs of every matrix. Reading the weights is
//!   then most of the work, and each thread's share of them stays in its own cache.

use std::ops::Range;

use super::Network;
use super::lane::{Lane, MAX_STEPS};
use super::team::Team;
use super::tile::{TILE_ROWS, Tile};

/// Fewer rows for every thread are not worth meeting in every layer.
const MIN_SHARED_ROWS: usize = 8;

/// One call of `advance`, or a part of it.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub network: Network<'a>,
    /// `(lanes, steps)`.
    pub symbols: &'a [u32],
    pub steps: usize,
}

impl Call<'_> {
    /// Computes the call on all threads of the team, which has a tile for each.
    pub fn schedule(
        self,
        team: &mut Team,
        tiles: &mut [Tile],
        lanes: &mut [Lane],
        logits: &mut [i16],
    ) {
        if self.is_better_shared_by_steps(lanes.len(), team.threads()) {
            self.share_steps(team, tiles, lanes, logits);
        } else if lanes.len() > 1 && team.threads() > 1 {
            self.share_lanes(team, tiles, lanes, logits);
        } else {
            self.run(team, &mut tiles[0], lanes, logits);
        }
    }

    /// Takes all lanes through all steps, tile by tile; the team helps with tiles of one row.
    pub fn run(self, team: &mut Team, tile: &mut Tile, lanes: &mut [Lane], logits: &mut [i16]) {
        let tiles = lanes.len().div_ceil(TILE_ROWS);
        let lanes_per_tile = lanes.len().div_ceil(tiles);
        let parts = self.divide(lanes_per_tile, lanes, logits);
        for (call, lanes, logits) in parts {
            for steps in chunks(self.steps, TILE_ROWS / lanes.len()) {
                call.run_tile(team, tile, lanes, steps, logits);
            }
        }
    }

    fn run_tile(
        self,
        team: &mut Team,
        tile: &mut Tile,
        lanes: &mut [Lane],
        steps: Range<usize>,
        logits: &mut [i16],
    ) {
        let network = self.network;
        self.load(std::slice::from_mut(tile), lanes, steps);
        tile.embed(network, team);
        for layer in 0..network.model.weights().layers.len() {
            tile.project(network, team, layer);
            tile.store(layer, lanes);
            tile.finish(network, team, layer, lanes);
        }
        tile.predict(network, team);
        tile.write_logits(network, logits);
    }

    /// Gives every thread an equal share of the lanes.
    fn share_lanes(
        self,
        team: &mut Team,
        tiles: &mut [Tile],
        lanes: &mut [Lane],
        logits: &mut [i16],
    ) {
        let lanes_per_thread = lanes.len().div_ceil(tiles.len());
        let parts = self.divide(lanes_per_thread, lanes, logits);
        let mut shares: Vec<_> = tiles.iter_mut().zip(parts).collect();
        team.for_each(&mut shares, |(tile, (call, lanes, logits))| {
            call.run(&mut Team::default(), tile, lanes, logits);
        });
    }

    /// Whether the lanes are too few to occupy the threads equally, and the rows are many.
    fn is_better_shared_by_steps(self, lanes: usize, threads: usize) -> bool {
        let few_lanes = lanes < 4 * threads && !lanes.is_multiple_of(threads);
        few_lanes && self.steps > 1 && self.symbols.len() >= threads * MIN_SHARED_ROWS
    }

    /// Gives every thread an equal share of the steps of all lanes, which are few.
    fn share_steps(
        self,
        team: &mut Team,
        tiles: &mut [Tile],
        lanes: &mut [Lane],
        logits: &mut [i16],
    ) {
        let network = self.network;
        let layers = network.model.weights().layers.len();
        let steps_at_once = (tiles.len() * TILE_ROWS / lanes.len()).min(MAX_STEPS);
        for steps in chunks(self.steps, steps_at_once) {
            self.load(tiles, lanes, steps);
            team.for_each(tiles, |tile| {
                let alone = &mut Team::default();
                tile.embed(network, alone);
                tile.project(network, alone, 0);
            });
            for layer in 0..layers {
                for tile in &*tiles {
                    tile.store(layer, lanes);
                }
                team.for_each(tiles, |tile| {
                    let alone = &mut Team::default();
                    tile.finish(network, alone, layer, lanes);
                    if layer + 1 < layers {
                        tile.project(network, alone, layer + 1);
                    } else {
                        tile.predict(network, alone);
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
