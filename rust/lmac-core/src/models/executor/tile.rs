//! `Tile`: some rows on their way through the network, with all the room they need.
//!
//! A row is one position of one lane. The rows of a tile need not belong together: whatever
//! positions are computed at the same time share the reading of the weights. What joins positions
//! is attention alone, and it works on the rings of the lanes: so a layer is divided at the point
//! where all keys and values must have been stored, and several tiles can take the same steps
//! side by side.

use super::Network;
use super::attention::{Attention, Scratch};
use super::lane::Lane;
use super::team::Team;
use crate::error::Result;
use crate::memory::{filled, prefetch};
use crate::models::span::Span;
use crate::models::weights::sparse::{Active, ColumnMatrix, STRIP};

/// Rows of a tile: enough for the arithmetic to outweigh the reading of the weights, few enough
/// for the activations to stay in the second-level cache.
pub(crate) const TILE_ROWS: usize = 32;

/// One position of one lane.
#[derive(Debug, Clone, Copy)]
struct Row {
    /// Index of the lane.
    lane: usize,
    /// The position in the lane's context.
    position: usize,
    symbol: u32,
    /// Which row of the logits follows.
    output: usize,
}

/// Rows and their activations; every buffer has room for `TILE_ROWS` rows.
#[derive(Debug)]
pub(crate) struct Tile {
    rows: Vec<Row>,
    /// `(rows, contexts)`.
    context_rows: Vec<u32>,
    /// `(rows, contexts * context_dim)`: entries plus 8.
    features: Vec<u8>,
    /// `(rows, width)`.
    residual: Vec<i32>,
    /// `(rows, width)`: norms or attention outputs plus 128.
    normed: Vec<u8>,
    /// `(rows, width)`.
    queries: Vec<i8>,
    /// `(rows, 2 * head_dim)`.
    keys_values: Vec<i8>,
    /// `(rows, hidden)`.
    hidden: Vec<u8>,
    /// `(rows)`: the hidden activations that are not zero.
    active: Vec<Active>,
    /// `(rows, outputs)` of the last matrix.
    results: Vec<i32>,
    scratch: Scratch,
}

impl Tile {
    pub fn new(network: Network<'_>) -> Result<Self> {
        let architecture = network.model.architecture();
        let (width, hidden) = (architecture.width as usize, architecture.hidden as usize);
        let keys_values = 2 * architecture.head_dim as usize;
        let logits = network.model.weights().logits.padded_outputs();
        let results = logits.max(hidden).max(width + keys_values);
        Ok(Self {
            rows: Vec::with_capacity(TILE_ROWS),
            context_rows: Vec::with_capacity(TILE_ROWS * architecture.contexts.len()),
            features: filled(0, TILE_ROWS * architecture.context_inputs())?,
            residual: filled(0, TILE_ROWS * width)?,
            normed: filled(0, TILE_ROWS * width)?,
            queries: filled(0, TILE_ROWS * width)?,
            keys_values: filled(0, TILE_ROWS * keys_values)?,
            hidden: filled(0, TILE_ROWS * hidden)?,
            active: (0..TILE_ROWS)
                .map(|_| Active::new(hidden))
                .collect::<Result<_>>()?,
            results: filled(0, TILE_ROWS * results)?,
            scratch: Scratch::new(architecture.longest_window()),
        })
    }

    /// Removes all rows.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.context_rows.clear();
    }

    /// Appends a symbol to lane number `index`; its logits will be row `output`.
    pub fn push(&mut self, index: usize, lane: &mut Lane, symbol: u32, output: usize) {
        let first = self.context_rows.len();
        self.context_rows.resize(first + lane.hasher.len(), 0);
        lane.hasher.push(symbol, &mut self.context_rows[first..]);
        self.rows.push(Row {
            lane: index,
            position: lane.position,
            symbol,
            output,
        });
        lane.position += 1;
    }

    /// Begins the residual stream (section 4).
    pub fn embed(&mut self, network: Network<'_>, team: &mut Team) {
        let weights = network.model.weights();
        let width = network.width();
        if let Some(contexts) = &weights.contexts {
            self.expect_features(network, &contexts.tables);
        }
        for (row, residual) in self.rows.iter().zip(self.residual.chunks_exact_mut(width)) {
            let embedding = &weights.symbol_embedding[row.symbol as usize * width..][..width];
            for (x, &entry) in residual.iter_mut().zip(embedding) {
                *x = i32::from(entry) << weights.symbol_shift;
            }
        }
        if let Some(contexts) = &weights.contexts {
            self.gather_features(network, &contexts.tables);
            let rows = self.rows.len();
            let features = &self.features[..rows * contexts.matrix.inputs()];
            let branch = &mut self.results[..rows * width];
            network.multiply(team, &contexts.matrix, features, branch);
            network
                .kernel
                .add_branch(&mut self.residual[..rows * width], branch);
        }
    }

    /// Asks the memory for what `gather_features` will read: rows anywhere in megabytes.
    fn expect_features(&self, network: Network<'_>, tables: &[u8]) {
        let row_bytes = network.model.architecture().context_dim as usize / 2;
        for &row in &self.context_rows {
            prefetch(tables, row as usize * row_bytes);
        }
    }

    fn gather_features(&mut self, network: Network<'_>, tables: &[u8]) {
        let row_bytes = network.model.architecture().context_dim as usize / 2;
        let features = self.features.chunks_exact_mut(2 * row_bytes);
        for (&row, features) in self.context_rows.iter().zip(features) {
            let packed = &tables[row as usize * row_bytes..][..row_bytes];
            let (low, high) = features.split_at_mut(row_bytes);
            for ((low, high), byte) in low.iter_mut().zip(high).zip(packed) {
                (*low, *high) = (byte & 15, byte >> 4);
            }
        }
    }

    /// Computes the queries, keys and values of a layer (section 6, first half).
    pub fn project(&mut self, network: Network<'_>, team: &mut Team, layer: usize) {
        self.norm(network);
        let (rows, width) = (self.rows.len(), network.width());
        let matrix = &network.model.weights().layers[layer].qkv;
        let stride = matrix.padded_outputs();
        let results = &mut self.results[..rows * stride];
        network.multiply(team, matrix, &self.normed[..rows * width], results);
        let queries = self.queries.chunks_exact_mut(width);
        let keys_values = self.keys_values.chunks_exact_mut(stride - width);
        for ((results, queries), keys_values) in
            results.chunks(stride).zip(queries).zip(keys_values)
        {
            let (to_queries, to_keys_values) = results.split_at(width);
            for (query, result) in queries.iter_mut().zip(to_queries) {
                *query = (*result).clamp(-127, 127) as i8;
            }
            for (key_value, result) in keys_values.iter_mut().zip(to_keys_values) {
                *key_value = (*result).clamp(-127, 127) as i8;
            }
        }
    }

    /// Stores the keys and values of a layer in the rings of the lanes.
    pub fn store(&self, layer: usize, lanes: &mut [Lane]) {
        let len = self.keys_values.len() / TILE_ROWS;
        for (row, key_value) in self.rows.iter().zip(self.keys_values.chunks_exact(len)) {
            let (key, value) = key_value.split_at(len / 2);
            lanes[row.lane].rings[layer].write(row.position, key, value);
        }
    }

    /// Attends and feeds forward (section 6, second half, and section 7), once the keys and values
    /// of all tiles are stored.
    pub fn finish(&mut self, network: Network<'_>, team: &mut Team, layer: usize, lanes: &[Lane]) {
        let (rows, width) = (self.rows.len(), network.width());
        let weights = &network.model.weights().layers[layer];
        let kernel = network.kernel;
        self.attend(network, layer, lanes);
        let branch = &mut self.results[..rows * width];
        network.multiply(team, &weights.out, &self.normed[..rows * width], branch);
        kernel.add_branch(&mut self.residual[..rows * width], branch);
        self.norm(network);
        let up = &mut self.results[..rows * weights.up.padded_outputs()];
        network.multiply(team, &weights.up, &self.normed[..rows * width], up);
        let hidden = &mut self.hidden[..rows * weights.down.inputs()];
        kernel.squared_relu(up, hidden);
        self.multiply_active(network, &weights.down);
        let branch = &self.results[..rows * width];
        kernel.add_branch(&mut self.residual[..rows * width], branch);
    }

    fn attend(&mut self, network: Network<'_>, layer: usize, lanes: &[Lane]) {
        let architecture = network.model.architecture();
        let width = network.width();
        let buffers = self
            .queries
            .chunks_exact(width)
            .zip(self.normed.chunks_exact_mut(width));
        for (row, (queries, outputs)) in self.rows.iter().zip(buffers) {
            let span = Span::new(row.position, architecture.window(layer));
            let attention = Attention {
                ring: &lanes[row.lane].rings[layer],
                span: &span,
                biases: &network.model.weights().layers[layer].biases,
                exp2_table: &network.model.weights().exp2_table,
                score_shift: architecture.score_shift,
                head_dim: architecture.head_dim as usize,
            };
            network
                .kernel
                .attend(attention, queries, &mut self.scratch, outputs);
        }
    }

    /// Multiplies those of the hidden activations that are not zero.
    ///
    /// All rows take a strip before the next one, which they ask for meanwhile: its columns are read in no
    /// order that the processor could foresee.
    fn multiply_active(&mut self, network: Network<'_>, matrix: &ColumnMatrix) {
        let (rows, width) = (self.rows.len(), network.width());
        let strips = matrix.strips();
        let hidden = self.hidden.chunks_exact(matrix.inputs()).take(rows);
        for (row, hidden) in hidden.enumerate() {
            network.kernel.gather(hidden, &mut self.active[row]);
            self.active[row].expect(&strips[0], row, rows);
        }
        let branch = &mut self.results[..rows * width];
        for (index, strip) in strips.iter().enumerate() {
            for (row, branch) in branch.chunks_exact_mut(width).enumerate() {
                if let Some(next) = strips.get(index + 1) {
                    self.active[row].expect(next, row, rows);
                }
                let results = network.kernel.multiply_active(strip, &self.active[row]);
                let branch = branch.chunks_mut(STRIP).nth(index).unwrap();
                branch.copy_from_slice(&results[..branch.len()]);
            }
        }
    }

    /// Computes the logits (section 8).
    pub fn predict(&mut self, network: Network<'_>, team: &mut Team) {
        self.norm(network);
        let (rows, width) = (self.rows.len(), network.width());
        let matrix = &network.model.weights().logits;
        let results = &mut self.results[..rows * matrix.padded_outputs()];
        network.multiply(team, matrix, &self.normed[..rows * width], results);
    }

    /// Copies the logits to where they belong; `logits` is `(.., alphabet_size)`.
    pub fn write_logits(&self, network: Network<'_>, logits: &mut [i16]) {
        let alphabet_size = network.model.architecture().alphabet_size as usize;
        let stride = network.model.weights().logits.padded_outputs();
        for (row, results) in self.rows.iter().zip(self.results.chunks_exact(stride)) {
            let logits = &mut logits[row.output * alphabet_size..][..alphabet_size];
            for (logit, &result) in logits.iter_mut().zip(results) {
                *logit = result.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
            }
        }
    }

    fn norm(&mut self, network: Network<'_>) {
        let width = network.width();
        let normed = self.normed.chunks_exact_mut(width);
        let residual = self.residual.chunks_exact(width).take(self.rows.len());
        residual
            .zip(normed)
            .for_each(|(residual, normed)| network.kernel.norm(residual, normed));
    }
}
