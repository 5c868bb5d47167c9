//! `Matrix`: an int8 matrix laid out for the kernels, with everything that follows its product.
//!
//! Sixteen outputs make a *panel*; a panel's [`Block`] holds the weights of four consecutive
//! inputs for each of them. A kernel broadcasts four activation bytes and multiplies them with a
//! block: every output has its own accumulator, so no sum crosses a vector register and the
//! requantization runs on whole vectors. Blocks are read in order of address, once per tile of
//! activation rows.
//!
//! Activations are passed as unsigned bytes, `activation + offset`: `u8 x s8` is what
//! `vpmaddubsw` and its relatives multiply. The surplus `offset * sum(weights)` is known
//! beforehand and taken off by `biases`, together with the rounding of the requantization.
//! Where instructions multiply `s8 x s8`, a kernel takes 128 off the unsigned bytes and begins
//! with `signed_biases`.
//!
//! Where most activations are zero, [`ColumnMatrix`](super::sparse::ColumnMatrix) is the better layout.

/// Outputs that are computed together.
pub(crate) const PANEL: usize = 16;
/// Inputs of one block.
pub(crate) const QUAD: usize = 4;

/// The weights of four inputs for sixteen outputs: `[output][input]`.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Block(pub [i8; PANEL * QUAD]);

/// What kind of activation a matrix is multiplied with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activation {
    /// The largest magnitude.
    pub magnitude: u32,
    /// What is added to make it an unsigned byte.
    pub offset: u8,
}

impl Activation {
    /// Norms and attention outputs: -127..=127.
    pub const SIGNED: Self = Self {
        magnitude: 127,
        offset: 128,
    };
    /// The feed-forward layer: 0..=255.
    pub const UNSIGNED: Self = Self {
        magnitude: 255,
        offset: 0,
    };
    /// Entries of context tables: -8..=7.
    pub const NIBBLE: Self = Self {
        magnitude: 8,
        offset: 8,
    };
}

/// How a panel's sums begin, and by how many bits they are shifted to the right in the end.
#[derive(Debug, Clone, Copy, Default)]
struct Requantization {
    biases: [i32; PANEL],
    /// In place of `biases` if the activations are multiplied as `unsigned - 128`.
    signed_biases: [i32; PANEL],
    /// 0..=22.
    shifts: [i32; PANEL],
}

/// A packed matrix with the shift of every output.
#[derive(Debug)]
pub(crate) struct Matrix {
    inputs: usize,
    /// `(panels, inputs / 4)`.
    blocks: Vec<Block>,
    /// `(panels)`: the outputs, rounded up to whole panels; the surplus outputs are 0.
    requantizations: Vec<Requantization>,
}

impl Matrix {
    /// Packs `weights` `(outputs, inputs)`; `inputs` is a multiple of four, every weight in
    /// -63..=63 and every shift in 0..=22, as the model has checked.
    pub fn pack(weights: &[i8], shifts: &[u8], offset: u8) -> Self {
        let outputs = shifts.len();
        let inputs = weights.len() / outputs;
        let panels = outputs.div_ceil(PANEL);
        let mut matrix = Self {
            inputs,
            blocks: vec![Block([0; PANEL * QUAD]); panels * (inputs / QUAD)],
            requantizations: vec![Requantization::default(); panels],
        };
        for (output, (row, &shift)) in weights.chunks_exact(inputs).zip(shifts).enumerate() {
            matrix.pack_row(output, row);
            let sum: i32 = row.iter().map(|&weight| i32::from(weight)).sum();
            let bias = ((1 << shift) >> 1) - i32::from(offset) * sum;
            let requantization = &mut matrix.requantizations[output / PANEL];
            requantization.biases[output % PANEL] = bias;
            requantization.signed_biases[output % PANEL] = bias + 128 * sum;
            requantization.shifts[output % PANEL] = i32::from(shift);
        }
        matrix
    }

    fn pack_row(&mut self, output: usize, row: &[i8]) {
        let quads = self.inputs / QUAD;
        let panel = &mut self.blocks[output / PANEL * quads..][..quads];
        for (block, weights) in panel.iter_mut().zip(row.chunks_exact(QUAD)) {
            block.0[output % PANEL * QUAD..][..QUAD].copy_from_slice(weights);
        }
    }

    /// Length of an activation row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Length of a result row.
    pub fn padded_outputs(&self) -> usize {
        self.requantizations.len() * PANEL
    }

    /// All panels.
    pub fn panels(&self) -> Panels<'_> {
        Panels {
            inputs: self.inputs,
            blocks: &self.blocks,
            requantizations: &self.requantizations,
        }
    }
}

/// Some consecutive panels of a matrix: the whole, or a thread's share.
#[derive(Clone, Copy)]
pub(crate) struct Panels<'a> {
    inputs: usize,
    blocks: &'a [Block],
    requantizations: &'a [Requantization],
}

impl<'a> Panels<'a> {
    /// Number of panels.
    pub fn len(&self) -> usize {
        self.requantizations.len()
    }

    /// Length of an activation row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Length of a result row.
    pub fn outputs(&self) -> usize {
        self.len() * PANEL
    }

    /// The first `len` panels and the others.
    pub fn split_at(self, len: usize) -> (Self, Self) {
        let (blocks, other_blocks) = self.blocks.split_at(len * (self.inputs / QUAD));
        let (requantizations, other_requantizations) = self.requantizations.split_at(len);
        let part = |blocks, requantizations| Self {
            inputs: self.inputs,
            blocks,
            requantizations,
        };
        (
            part(blocks, requantizations),
            part(other_blocks, other_requantizations),
        )
    }

    /// The panels one by one.
    pub fn iter(self) -> impl Iterator<Item = Panel<'a>> {
        (0..self.len()).map(move |index| self.get(index))
    }

    /// One of the panels.
    pub fn get(&self, index: usize) -> Panel<'a> {
        let quads = self.inputs / QUAD;
        let requantization = &self.requantizations[index];
        Panel {
            blocks: &self.blocks[index * quads..][..quads],
            biases: &requantization.biases,
            signed_biases: &requantization.signed_biases,
            shifts: &requantization.shifts,
        }
    }
}

/// Sixteen outputs of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// One for every four inputs.
    pub blocks: &'a [Block],
    pub biases: &'a [i32; PANEL],
    #[cfg_attr(not(target_arch = "aarch64"), expect(dead_code))]
    pub signed_biases: &'a [i32; PANEL],
    pub shifts: &'a [i32; PANEL],
}
