//! `Model`: an exact Transformer as its file describes it (docs/exact-transformer.md).
//!
//! A model file is an ONNX file. ONNX Runtime runs its graph; here only the initializers and the
//! metadata are read, and the graph is ignored. The file may come from anywhere: everything the
//! executor relies on is checked here, and nothing is allocated beyond a small multiple of the
//! file's size.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::cpu::InstructionSet;
use crate::error::{Error, Result};
use crate::models::architecture::Architecture;
use crate::models::model_id::ModelId;
use crate::models::onnx::{self, INT8, INT16, Tensor, UINT8};
use crate::models::weights::Weights;

/// More symbols would make loading slow and prove nothing more.
const MAX_KNOWN_SYMBOLS: usize = 4096;

/// A checked model, shared by the executors that run it.
#[derive(Debug)]
pub struct Model {
    architecture: Architecture,
    id: ModelId,
    known_answer: KnownAnswer,
    weights: Weights,
    /// Whether each instruction set reproduces the known answer, once it was tried.
    self_tests: [OnceLock<bool>; InstructionSet::ALL.len()],
}

/// Symbols and the hash of the logits that follow them (section 9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAnswer {
    /// The symbols of one context, without the leading "beginning of context".
    pub symbols: Vec<u32>,
    /// SHA-256 of the logits after the beginning of context and after every symbol.
    pub logits_sha256: [u8; 32],
}

impl Model {
    /// Reads and checks a model file.
    ///
    /// # Errors
    ///
    /// `InvalidModel` tells which rule the file breaks. The known answer is not computed here:
    /// `Executor::new` does that.
    pub fn from_bytes(file: &[u8]) -> Result<Self> {
        let architecture = Architecture::from_json(onnx::metadata(file, "lmac.architecture")?)?;
        let json = onnx::metadata(file, "lmac.known_answer")?;
        let known_answer = KnownAnswer::from_json(json, &architecture)?;
        let layout = layout(&architecture);
        let tensors = onnx::tensors(file, |name| layout.contains_key(name))?;
        for (name, expected) in &layout {
            check_tensor(name, expected, tensors.get(name.as_str()))?;
        }
        let id = content_id(&architecture, &tensors)?;
        let weights = Weights::new(&architecture, |name| match tensors.get(name) {
            Some(tensor) => Ok(tensor.raw_data),
            None => Err(missing(name)),
        })?;
        let self_tests = Default::default();
        Ok(Self {
            architecture,
            id,
            known_answer,
            weights,
            self_tests,
        })
    }

    /// The numbers that describe the model.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The content id, which frames are marked with.
    #[must_use]
    pub fn id(&self) -> ModelId {
        self.id
    }

    /// What an executor must reproduce.
    #[must_use]
    pub fn known_answer(&self) -> &KnownAnswer {
        &self.known_answer
    }

    pub(crate) fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Remembers whether an instruction set passes the self-test, so that it runs once.
    pub(crate) fn self_test(
        &self,
        instruction_set: InstructionSet,
        test: impl FnOnce() -> Result<bool>,
    ) -> Result<()> {
        let known = &self.self_tests[instruction_set as usize];
        let passed = match known.get() {
            Some(&passed) => passed,
            None => test()?, // without memory for it, it is tried again the next time
        };
        if *known.get_or_init(|| passed) {
            return Ok(());
        }
        Err(Error::KnownAnswerMismatch { model_id: self.id })
    }
}

impl KnownAnswer {
    fn from_json(json: &str, architecture: &Architecture) -> Result<Self> {
        #[derive(Deserialize)]
        struct Fields<'a> {
            symbols: Vec<u32>,
            logits_sha256: &'a str,
        }
        let fields: Fields<'_> =
            serde_json::from_str(json).map_err(|error| wrong_answer(&error))?;
        let known = |&symbol: &u32| symbol < architecture.alphabet_size;
        if fields.symbols.len() > MAX_KNOWN_SYMBOLS || !fields.symbols.iter().all(known) {
            return Err(wrong_answer(
                &"too many symbols, or one outside of the alphabet",
            ));
        }
        let logits_sha256 = parse_hex(fields.logits_sha256)
            .ok_or_else(|| wrong_answer(&"logits_sha256 must be 64 hexadecimal digits"))?;
        Ok(Self {
            symbols: fields.symbols,
            logits_sha256,
        })
    }
}

fn wrong_answer(reason: &impl std::fmt::Display) -> Error {
    Error::InvalidModel(format!("lmac.known_answer: {reason}"))
}

fn parse_hex(digits: &str) -> Option<[u8; 32]> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        *byte = (high? * 16 + low?) as u8;
    }
    Some(bytes)
}

/// What a tensor must be: data type and shape.
type Expected = (u64, Vec<u64>);

/// Every tensor of section 3, by name.
fn layout(architecture: &Architecture) -> BTreeMap<String, Expected> {
    let width = u64::from(architecture.width);
    let alphabet = u64::from(architecture.alphabet_size);
    let mut layout = BTreeMap::from([
        ("symbol_embedding".into(), (INT8, vec![alphabet + 1, width])),
        ("symbol_shift".into(), (UINT8, vec![1])),
        ("exp2_table".into(), (UINT8, vec![256])),
    ]);
    insert_matrix(&mut layout, "logits", alphabet, width);
    if !architecture.contexts.is_empty() {
        let tables = architecture.contexts.len() as u64;
        let row_len = u64::from(architecture.context_dim) / 2;
        let shape = vec![tables, architecture.context_rows() as u64, row_len];
        layout.insert("context_tables".into(), (UINT8, shape));
        insert_matrix(
            &mut layout,
            "context",
            width,
            architecture.context_inputs() as u64,
        );
    }
    for layer in 0..architecture.layers {
        insert_layer(&mut layout, architecture, layer);
    }
    layout
}

fn insert_layer(layout: &mut BTreeMap<String, Expected>, architecture: &Architecture, layer: u32) {
    let width = u64::from(architecture.width);
    let hidden = u64::from(architecture.hidden);
    let projected = width + 2 * u64::from(architecture.head_dim);
    let name = |part: &str| format!("layers.{layer}.{part}");
    let window = architecture.window(layer as usize) as u64;
    let bias_shape = vec![u64::from(architecture.heads), window];
    layout.insert(name("bias"), (INT16, bias_shape));
    insert_matrix(layout, &name("qkv"), projected, width);
    insert_matrix(layout, &name("out"), width, width);
    insert_matrix(layout, &name("up"), hidden, width);
    insert_matrix(layout, &name("down"), width, hidden);
}

fn insert_matrix(layout: &mut BTreeMap<String, Expected>, name: &str, outputs: u64, inputs: u64) {
    layout.insert(format!("{name}_weight"), (INT8, vec![outputs, inputs]));
    layout.insert(format!("{name}_shift"), (UINT8, vec![outputs]));
}

fn check_tensor(name: &str, expected: &Expected, tensor: Option<&Tensor<'_>>) -> Result<()> {
    let (data_type, dims) = expected;
    let tensor = tensor.ok_or_else(|| missing(name))?;
    if tensor.data_type != *data_type {
        let reason = format!(
            "tensor {name} has data type {}, not {data_type}",
            tensor.data_type
        );
        return Err(Error::InvalidModel(reason));
    }
    if tensor.dims != *dims {
        let reason = format!("tensor {name} has shape {:?}, not {dims:?}", tensor.dims);
        return Err(Error::InvalidModel(reason));
    }
    let item_bytes = if *data_type == INT16 { 2 } else { 1 };
    // The limits of the architecture keep every product below 2^41.
    let expected_bytes = dims.iter().product::<u64>() * item_bytes;
    if tensor.raw_data.len() as u64 != expected_bytes {
        let actual = tensor.raw_data.len();
        let reason = format!("tensor {name} has {actual} bytes of raw data, not {expected_bytes}");
        return Err(Error::InvalidModel(reason));
    }
    Ok(())
}

fn missing(name: &str) -> Error {
    Error::InvalidModel(format!("there is no tensor {name}"))
}

/// The hash over architecture and tensors (section 9, "Content id").
fn content_id(
    architecture: &Architecture,
    tensors: &BTreeMap<&str, Tensor<'_>>,
) -> Result<ModelId> {
    let mut hash = Sha256::new();
    hash.update(architecture.canonical_json()?);
    hash.update([0]);
    for (name, tensor) in tensors {
        hash.update(name);
        hash.update([0]);
        hash.update(tensor.raw_data);
    }
    Ok(ModelId(hash.finalize().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_parsed_strictly() {
        assert_eq!(
            parse_hex(&"0aF9".repeat(16)),
            Some(*b"\x0a\xf9".repeat(16).first_chunk().unwrap())
        );
        for wrong in [
            "",
            "0a",
            &"0a".repeat(33),
            &"+a".repeat(32),
            &"0g".repeat(32),
        ] {
            assert_eq!(parse_hex(wrong), None, "{wrong}");
        }
    }
}
