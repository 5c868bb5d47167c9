//! `Weights`: a model's tensors, checked value by value and laid out for the kernels.
//!
//! Two things are proved here and relied upon everywhere else: every value lies in the range of
//! docs/exact-transformer.md (section 3), and no sum of products can pass 2^24 (section 1).

pub(crate) mod biases;
pub(crate) mod matrix;
pub(crate) mod sparse;

use self::biases::{Biases, Exp2Table};
use self::matrix::{Activation, Matrix};
use self::sparse::ColumnMatrix;
use crate::error::{Error, Result};
use crate::models::architecture::Architecture;

/// The largest weight of a matrix: pairs of products with bytes fit 16 bits.
const MAX_WEIGHT: u8 = 63;
/// The largest entry of `symbol_embedding`.
const MAX_EMBEDDING: u8 = 127;
const MAX_SHIFT: u8 = 22;
const MAX_SYMBOL_SHIFT: u8 = 8;
const MAX_BIAS: u16 = 8192;
/// Sums stay exact in a float32 container.
const MAX_SUM: u64 = 1 << 24;

/// Everything that an executor multiplies with or looks up.
#[derive(Debug)]
pub(crate) struct Weights {
    /// `(alphabet_size + 1, width)`.
    pub symbol_embedding: Vec<i8>,
    pub symbol_shift: u32,
    pub contexts: Option<ContextWeights>,
    pub layers: Vec<Layer>,
    pub logits: Matrix,
    pub exp2_table: Exp2Table,
}

/// The hashed contexts' part of the embedding.
#[derive(Debug)]
pub(crate) struct ContextWeights {
    /// `(contexts * rows, context_dim / 2)`, two entries to a byte.
    pub tables: Vec<u8>,
    pub matrix: Matrix,
}

/// One layer.
#[derive(Debug)]
pub(crate) struct Layer {
    pub qkv: Matrix,
    pub biases: Biases,
    pub out: Matrix,
    pub up: Matrix,
    pub down: ColumnMatrix,
}

impl Weights {
    /// Checks and packs the tensors; `tensor` returns the contents of the named tensor, whose
    /// size is known to be right.
    pub fn new<'a>(
        architecture: &Architecture,
        tensor: impl Fn(&str) -> Result<&'a [u8]>,
    ) -> Result<Self> {
        let source = Source { tensor };
        let layers = 0..architecture.layers;
        Ok(Self {
            symbol_embedding: source.signed("symbol_embedding", MAX_EMBEDDING)?,
            symbol_shift: source.symbol_shift()?,
            contexts: source.contexts(architecture)?,
            layers: layers
                .map(|i| source.layer(architecture, i))
                .collect::<Result<_>>()?,
            logits: source.matrix("logits", Activation::SIGNED)?,
            exp2_table: source.exp2_table()?,
        })
    }
}

/// The tensors by name.
struct Source<F> {
    tensor: F,
}

impl<'a, F: Fn(&str) -> Result<&'a [u8]>> Source<F> {
    fn layer(&self, architecture: &Architecture, index: u32) -> Result<Layer> {
        let name = |part: &str| format!("layers.{index}.{part}");
        Ok(Layer {
            qkv: self.matrix(&name("qkv"), Activation::SIGNED)?,
            biases: self.biases(&name("bias"), architecture.window(index as usize))?,
            out: self.matrix(&name("out"), Activation::SIGNED)?,
            up: self.matrix(&name("up"), Activation::SIGNED)?,
            down: self.column_matrix(&name("down"), Activation::UNSIGNED)?,
        })
    }

    fn contexts(&self, architecture: &Architecture) -> Result<Option<ContextWeights>> {
        if architecture.contexts.is_empty() {
            return Ok(None);
        }
        let matrix = self.matrix("context", Activation::NIBBLE)?;
        let tables = (self.tensor)("context_tables")?.to_vec();
        Ok(Some(ContextWeights { tables, matrix }))
    }

    fn matrix(&self, name: &str, activation: Activation) -> Result<Matrix> {
        let (weights, shifts) = self.weights_and_shifts(name, activation)?;
        Ok(Matrix::pack(&weights, shifts, activation.offset))
    }

    fn column_matrix(&self, name: &str, activation: Activation) -> Result<ColumnMatrix> {
        let (weights, shifts) = self.weights_and_shifts(name, activation)?;
        Ok(ColumnMatrix::pack(&weights, shifts))
    }

    /// A matrix `(outputs, inputs)` and the shift of every output.
    fn weights_and_shifts(
        &self,
        name: &str,
        activation: Activation,
    ) -> Result<(Vec<i8>, &'a [u8])> {
        let weight_name = format!("{name}_weight");
        let weights = self.signed(&weight_name, MAX_WEIGHT)?;
        let shift_name = format!("{name}_shift");
        let shifts = (self.tensor)(&shift_name)?;
        within(
            &shift_name,
            shifts.iter().all(|&shift| shift <= MAX_SHIFT),
            "0..=22",
        )?;
        let inputs = weights.len() / shifts.len();
        for (output, (row, &shift)) in weights.chunks_exact(inputs).zip(shifts).enumerate() {
            let sum: u64 = row
                .iter()
                .map(|weight| u64::from(weight.unsigned_abs()))
                .sum();
            let bound = sum * u64::from(activation.magnitude) + ((1 << shift) >> 1);
            if bound > MAX_SUM {
                let reason = format!(
                    "{weight_name}: the sums of row {output} can reach {bound}, beyond 2^24"
                );
                return Err(Error::InvalidModel(reason));
            }
        }
        Ok((weights, shifts))
    }

    fn biases(&self, name: &str, window: usize) -> Result<Biases> {
        let (pairs, _) = (self.tensor)(name)?.as_chunks();
        let by_distance: Vec<i16> = pairs.iter().map(|&pair| i16::from_le_bytes(pair)).collect();
        let range = -(MAX_BIAS as i16)..MAX_BIAS as i16;
        let holds = by_distance.iter().all(|bias| range.contains(bias));
        within(name, holds, "-8192..=8191")?;
        Ok(Biases::new(&by_distance, window))
    }

    fn symbol_shift(&self) -> Result<u32> {
        let shift = first((self.tensor)("symbol_shift")?);
        within("symbol_shift", shift <= MAX_SYMBOL_SHIFT, "0..=8")?;
        Ok(u32::from(shift))
    }

    fn exp2_table(&self) -> Result<Exp2Table> {
        let entries = (self.tensor)("exp2_table")?;
        within("exp2_table", first(entries) > 0, "1.. at its beginning")?;
        if entries.last() != Some(&0) {
            let reason = "exp2_table: the last entry is not 0, so masked positions would count";
            return Err(Error::InvalidModel(reason.into()));
        }
        Ok(Exp2Table::new(std::array::from_fn(|i| {
            entries.get(i).copied().unwrap_or(0)
        })))
    }

    fn signed(&self, name: &str, limit: u8) -> Result<Vec<i8>> {
        let values: Vec<i8> = (self.tensor)(name)?
            .iter()
            .map(|&byte| byte as i8)
            .collect();
        let holds = values.iter().all(|value| value.unsigned_abs() <= limit);
        within(name, holds, &format!("-{limit}..={limit}"))?;
        Ok(values)
    }
}

fn first(bytes: &[u8]) -> u8 {
    bytes.first().copied().unwrap_or(0)
}

fn within(name: &str, holds: bool, range: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::InvalidModel(format!(
        "{name}: a value is not in {range}"
    )))
}
