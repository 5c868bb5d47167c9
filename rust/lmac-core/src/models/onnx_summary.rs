//! `Summary`: what must be known of anybody's ONNX file before it is run.
//!
//! Is it an exact model of lmac's own? In which other files are its weights, so that a content id can cover them? And is it
//! quantized in the way that vectors of 256 bits compute wrongly: u8 times s8, whose pairs of products saturate at 16 bits?
//! Everything else about a graph, ONNX Runtime says itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::models::onnx::{
    ENTRY_KEY, ENTRY_VALUE, GRAPH_INITIALIZER, INT8, MODEL_GRAPH, TENSOR_DATA_TYPE,
    TENSOR_EXTERNAL_DATA, TENSOR_NAME, bytes_field, has_metadata, messages, varint_field,
};

/// Fields of `GraphProto`, `NodeProto` and `AttributeProto`.
const GRAPH_NODE: u64 = 1;
const NODE_INPUT: u64 = 1;
const NODE_OP_TYPE: u64 = 4;
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;

/// Graphs within graphs: those of `If` and `Loop`.
const MAX_DEPTH: usize = 8;

/// Operators that multiply quantized activations by weights, and which input the weights are.
const QUANTIZED_PRODUCTS: [(&str, usize); 8] = [
    ("MatMulInteger", 1),
    ("MatMulIntegerToFloat", 1),
    ("DynamicQuantizeMatMul", 1),
    ("QAttention", 1),
    ("ConvInteger", 1),
    ("QLinearMatMul", 3),
    ("QLinearConv", 3),
    ("QGemm", 3),
];

/// Another form of the same: activations are quantized and dequantized again, and so are the weights,
/// around a product that ONNX Runtime then makes one of those above.
const QUANTIZE: [&str; 2] = ["QuantizeLinear", "DynamicQuantizeLinear"];
const DEQUANTIZE: &str = "DequantizeLinear";
const ZERO_POINT: usize = 2;

/// What a file says of itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Whether it is an exact model (docs/exact-transformer.md).
    pub is_exact: bool,
    /// Names of the files with weights, relative to its folder, in alphabetical order.
    pub external_files: BTreeSet<String>,
    /// The first operator that multiplies u8 by s8, if there is one.
    pub saturating: Option<String>,
}

impl Summary {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// `InvalidModel` if it is no ONNX file.
    pub fn from_bytes(file: &[u8]) -> Result<Self> {
        let mut summary = Self {
            is_exact: has_metadata(file, "lmac.architecture")?,
            ..Self::default()
        };
        let mut pairs = Pairs::default();
        for graph in messages(file, MODEL_GRAPH) {
            summary.add_graph(graph?, &mut BTreeMap::new(), &mut pairs, 0)?;
        }
        if pairs.has_u8_activations && pairs.has_s8_weights {
            summary.saturating.get_or_insert_with(|| DEQUANTIZE.into());
        }
        Ok(summary)
    }

    /// `types` has the data types of the tensors that the graph may refer to.
    fn add_graph<'a>(
        &mut self,
        graph: &'a [u8],
        types: &mut BTreeMap<&'a [u8], u64>,
        pairs: &mut Pairs,
        depth: usize,
    ) -> Result<()> {
        for tensor in messages(graph, GRAPH_INITIALIZER) {
            let tensor = tensor?;
            self.add_tensor(tensor)?;
            let name = bytes_field(tensor, TENSOR_NAME)?.unwrap_or_default();
            let data_type = varint_field(tensor, TENSOR_DATA_TYPE)?.unwrap_or_default();
            types.insert(name, data_type);
        }
        for node in messages(graph, GRAPH_NODE) {
            let node = node?;
            self.add_node(node, types)?;
            pairs.add_node(node, types)?;
            for attribute in messages(node, NODE_ATTRIBUTE) {
                let attribute = attribute?;
                if let Some(tensor) = bytes_field(attribute, ATTRIBUTE_TENSOR)? {
                    self.add_tensor(tensor)?;
                }
                if let Some(inner) = bytes_field(attribute, ATTRIBUTE_GRAPH)?
                    && depth < MAX_DEPTH
                {
                    self.add_graph(inner, types, pairs, depth + 1)?;
                }
            }
        }
        Ok(())
    }

    fn add_tensor(&mut self, tensor: &[u8]) -> Result<()> {
        for entry in messages(tensor, TENSOR_EXTERNAL_DATA) {
            let entry = entry?;
            if bytes_field(entry, ENTRY_KEY)? == Some(b"location") {
                let name = bytes_field(entry, ENTRY_VALUE)?.unwrap_or_default();
                let name = String::from_utf8_lossy(name).into_owned();
                self.external_files.insert(name);
            }
        }
        Ok(())
    }

    fn add_node(&mut self, node: &[u8], types: &BTreeMap<&[u8], u64>) -> Result<()> {
        let kind = bytes_field(node, NODE_OP_TYPE)?.unwrap_or_default();
        let product = QUANTIZED_PRODUCTS
            .iter()
            .find(|(name, _)| name.as_bytes() == kind);
        let Some(&(name, weights)) = product else {
            return Ok(());
        };
        if type_of_input(node, weights, types)? == Some(INT8) {
            self.saturating.get_or_insert_with(|| name.to_string());
        }
        Ok(())
    }
}

/// What was met of quantized activations and weights that are dequantized again.
#[derive(Default)]
struct Pairs {
    has_u8_activations: bool,
    has_s8_weights: bool,
}

impl Pairs {
    fn add_node(&mut self, node: &[u8], types: &BTreeMap<&[u8], u64>) -> Result<()> {
        let kind = bytes_field(node, NODE_OP_TYPE)?.unwrap_or_default();
        if QUANTIZE.iter().any(|name| name.as_bytes() == kind) {
            // Without a zero point they are u8.
            self.has_u8_activations |= type_of_input(node, ZERO_POINT, types)? != Some(INT8);
        } else if kind == DEQUANTIZE.as_bytes() {
            self.has_s8_weights |= type_of_input(node, 0, types)? == Some(INT8);
        }
        Ok(())
    }
}

/// The data type of an input of a node, if that is an initializer.
fn type_of_input(node: &[u8], index: usize, types: &BTreeMap<&[u8], u64>) -> Result<Option<u64>> {
    let name = messages(node, NODE_INPUT).nth(index).transpose()?;
    Ok(name.and_then(|name| types.get(name)).copied())
}
