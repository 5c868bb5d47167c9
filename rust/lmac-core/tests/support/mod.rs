//! Random exact Transformers and what they compute: a model file builder on `prost` messages, and
//! [`reference`], a slow and direct implementation of docs/exact-transformer.md.

pub mod reference;

use std::collections::BTreeMap;

use lmac_core::models::architecture::{Architecture, Context, ContextKind, Window};
use prost::Message;
use sha2::{Digest, Sha256};

use reference::Reference;

const UINT8: i32 = 2;
const INT8: i32 = 3;
const INT16: i32 = 5;

/// The fields of `onnx.proto` that a model file uses.
#[derive(Clone, PartialEq, Message)]
pub struct ModelProto {
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<StringStringEntryProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct GraphProto {
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
pub struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(float, repeated, tag = "4")]
    pub float_data: Vec<f32>,
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// One tensor: data type, shape, contents as stored.
#[derive(Debug, Clone)]
pub struct TestTensor {
    pub data_type: i32,
    pub dims: Vec<i64>,
    pub raw_data: Vec<u8>,
}

/// The contents of a model file, to be damaged at will.
#[derive(Debug, Clone)]
pub struct TestModel {
    pub architecture: Architecture,
    pub tensors: BTreeMap<String, TestTensor>,
    /// `lmac.known_answer`; computed by `to_bytes` if empty.
    pub known_answer: String,
}

/// How values are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Anywhere in their range.
    Random,
    /// At the ends of their range, so that sums reach their bounds and everything saturates.
    Extreme,
}

/// A small pseudo-random generator (`SplitMix64`, Steele et al. 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// One of two numbers.
    pub fn either(&mut self, low: i64, high: i64) -> i64 {
        if self.next() & 1 == 0 { low } else { high }
    }
}

/// A byte-wise architecture of one small layer, to be changed by the caller.
pub fn tiny() -> Architecture {
    let context = |kind, order| Context { kind, order };
    Architecture {
        alphabet_size: 256,
        context_dim: 16,
        context_rows_log2: 6,
        contexts: vec![
            context(ContextKind::Ngram, 2),
            context(ContextKind::Word, 2),
        ],
        format: "lmac-exact-transformer".into(),
        head_dim: 16,
        heads: 2,
        hidden: 32,
        layers: 1,
        score_shift: 4,
        version: 1,
        width: 32,
        window: Window::Same(5),
    }
}

impl TestModel {
    /// Draws a valid model.
    pub fn random(architecture: &Architecture, values: Values, seed: u64) -> Self {
        let mut builder = Builder {
            tensors: BTreeMap::new(),
            values,
            random: Random(seed),
        };
        builder.draw(architecture);
        Self {
            architecture: architecture.clone(),
            tensors: builder.tensors,
            known_answer: String::new(),
        }
    }

    /// Writes the model file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_proto().encode_to_vec()
    }

    /// The messages of the model file, with initializers and metadata that are no part of a model.
    pub fn to_proto(&self) -> ModelProto {
        let constant = TensorProto {
            name: "constant_0".into(),
            data_type: 1,
            dims: vec![2],
            float_data: vec![0.5, 1.0],
            ..TensorProto::default()
        };
        let tensors = self.tensors.iter().map(|(name, tensor)| TensorProto {
            name: name.clone(),
            data_type: tensor.data_type,
            dims: tensor.dims.clone(),
            raw_data: tensor.raw_data.clone(),
            ..TensorProto::default()
        });
        let initializer = std::iter::once(constant).chain(tensors).collect();
        ModelProto {
            graph: Some(GraphProto {
                name: "test".into(),
                initializer,
            }),
            metadata_props: self.metadata(),
        }
    }

    fn metadata(&self) -> Vec<StringStringEntryProto> {
        let known_answer = if self.known_answer.is_empty() {
            self.compute_known_answer(&[7, 77, 101 % self.architecture.alphabet_size])
        } else {
            self.known_answer.clone()
        };
        let architecture = serde_json::to_string(&self.architecture).unwrap();
        [
            ("lmac.license", "CC0-1.0".to_string()),
            ("lmac.architecture", architecture),
            ("lmac.known_answer", known_answer),
        ]
        .map(|(key, value)| StringStringEntryProto {
            key: key.into(),
            value,
        })
        .to_vec()
    }

    fn compute_known_answer(&self, symbols: &[u32]) -> String {
        let symbols: Vec<u32> = symbols
            .iter()
            .map(|&symbol| symbol % self.architecture.alphabet_size)
            .collect();
        let context = [&[self.architecture.alphabet_size], &symbols[..]].concat();
        let logits = Reference::new(self).logits(&context);
        let bytes: Vec<u8> = logits
            .iter()
            .flat_map(|logit| logit.to_le_bytes())
            .collect();
        let digits = Sha256::digest(bytes)
            .iter()
            .fold(String::new(), |digits, byte| {
                digits + &format!("{byte:02x}")
            });
        format!("{{\"symbols\": {symbols:?}, \"logits_sha256\": \"{digits}\"}}")
    }
}

/// Draws tensors one after the other.
struct Builder {
    tensors: BTreeMap<String, TestTensor>,
    values: Values,
    random: Random,
}

impl Builder {
    fn draw(&mut self, a: &Architecture) {
        let (width, hidden) = (i64::from(a.width), i64::from(a.hidden));
        let (alphabet, head_dim) = (i64::from(a.alphabet_size), i64::from(a.head_dim));
        let inputs = a.contexts.len() as i64 * i64::from(a.context_dim);
        self.insert("symbol_embedding", INT8, &[alphabet + 1, width], -127, 127);
        self.insert("symbol_shift", UINT8, &[1], 0, 8);
        if inputs > 0 {
            let rows = 1 << a.context_rows_log2;
            let shape = [a.contexts.len() as i64, rows, i64::from(a.context_dim) / 2];
            self.insert("context_tables", UINT8, &shape, 0, 255);
            self.matrix("context", width, inputs, (0, 8));
        }
        for i in 0..a.layers {
            self.matrix(
                &format!("layers.{i}.qkv"),
                width + 2 * head_dim,
                width,
                (5, 11),
            );
            let shape = [i64::from(a.heads), a.window(i as usize) as i64];
            self.insert(&format!("layers.{i}.bias"), INT16, &shape, -200, 200);
            self.matrix(&format!("layers.{i}.out"), width, width, (3, 11));
            self.matrix(&format!("layers.{i}.up"), hidden, width, (5, 10));
            self.matrix(&format!("layers.{i}.down"), width, hidden, (3, 11));
        }
        self.matrix("logits", alphabet, width, (2, 12));
        let table = (0..256)
            .map(|i| (255.0 * (-f64::from(i) / 16.0).exp2()) as u8)
            .collect();
        let exp2_table = TestTensor {
            data_type: UINT8,
            dims: vec![256],
            raw_data: table,
        };
        self.tensors.insert("exp2_table".into(), exp2_table);
    }

    fn matrix(&mut self, name: &str, outputs: i64, inputs: i64, shifts: (i64, i64)) {
        self.insert(&format!("{name}_weight"), INT8, &[outputs, inputs], -63, 63);
        self.insert(
            &format!("{name}_shift"),
            UINT8,
            &[outputs],
            shifts.0,
            shifts.1,
        );
    }

    fn insert(&mut self, name: &str, data_type: i32, dims: &[i64], low: i64, high: i64) {
        let len = dims.iter().product::<i64>();
        // Some extreme rows are of one sign, so that their sums do not cancel; not all of them,
        // or the residual stream would forget the symbols.
        let row_len = *dims.last().unwrap();
        let mut row_value = None;
        let mut raw_data = Vec::new();
        for index in 0..len {
            if index % row_len == 0 {
                let of_one_sign = self.random.between(0, 3) == 0;
                row_value = of_one_sign.then(|| self.random.either(low, high));
            }
            let value = match self.values {
                Values::Random => self.random.between(low, high),
                Values::Extreme => row_value.unwrap_or_else(|| self.random.either(low, high)),
            };
            let bytes = if data_type == INT16 { 2 } else { 1 };
            raw_data.extend_from_slice(&value.to_le_bytes()[..bytes]);
        }
        let tensor = TestTensor {
            data_type,
            dims: dims.to_vec(),
            raw_data,
        };
        self.tensors.insert(name.into(), tensor);
    }
}
