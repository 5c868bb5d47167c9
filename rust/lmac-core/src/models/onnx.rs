//! The few fields of an ONNX file that hold a model's integers: metadata and initializers.
//!
//! An ONNX file is a protobuf message (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>).
//! Only five messages and a dozen fields matter here, and a model file may come from a stranger:
//! so this is a reader over the borrowed bytes that allocates nothing for what it does not return.
//! A generated decoder would copy every tensor, and build a structure of a hundred bytes for every
//! two bytes of a hostile file.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Fields of `ModelProto`.
pub(crate) const MODEL_GRAPH: u64 = 7;
const MODEL_METADATA_PROPS: u64 = 14;
/// Fields of `StringStringEntryProto`.
pub(crate) const ENTRY_KEY: u64 = 1;
pub(crate) const ENTRY_VALUE: u64 = 2;
/// Fields of `GraphProto`.
pub(crate) const GRAPH_INITIALIZER: u64 = 5;
/// Fields of `TensorProto`.
const TENSOR_DIMS: u64 = 1;
pub(crate) const TENSOR_DATA_TYPE: u64 = 2;
pub(crate) const TENSOR_NAME: u64 = 8;
const TENSOR_RAW_DATA: u64 = 9;
pub(crate) const TENSOR_EXTERNAL_DATA: u64 = 13;
const TENSOR_DATA_LOCATION: u64 = 14;

/// No tensor of a model has more dimensions.
const MAX_RANK: usize = 4;

/// `TensorProto.DataType` of the integers that models are made of.
pub(crate) const UINT8: u64 = 2;
pub(crate) const INT8: u64 = 3;
pub(crate) const INT16: u64 = 5;

/// One initializer, borrowed from the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tensor<'a> {
    pub data_type: u64,
    pub dims: Vec<u64>,
    pub raw_data: &'a [u8],
}

/// Whether there is a metadata key.
pub(crate) fn has_metadata(file: &[u8], key: &str) -> Result<bool> {
    for entry in messages(file, MODEL_METADATA_PROPS) {
        if bytes_field(entry?, ENTRY_KEY)? == Some(key.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Finds the value of a metadata key.
pub(crate) fn metadata<'a>(file: &'a [u8], key: &str) -> Result<&'a str> {
    let mut found = None;
    for entry in messages(file, MODEL_METADATA_PROPS) {
        let entry = entry?;
        if bytes_field(entry, ENTRY_KEY)? == Some(key.as_bytes()) {
            let value = bytes_field(entry, ENTRY_VALUE)?.unwrap_or_default();
            if found.replace(value).is_some() {
                return Err(invalid(&format!("the metadata has {key} twice")));
            }
        }
    }
    let missing = || invalid(&format!("the metadata has no {key}: this is no lmac model"));
    let value = found.ok_or_else(missing)?;
    std::str::from_utf8(value).map_err(|_| invalid(&format!("{key} is no text")))
}

/// Collects the initializers with a wanted name; all others belong to the graph.
pub(crate) fn tensors(
    file: &[u8],
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<&str, Tensor<'_>>> {
    let mut tensors = BTreeMap::new();
    for graph in messages(file, MODEL_GRAPH) {
        for message in messages(graph?, GRAPH_INITIALIZER) {
            let message = message?;
            let name = bytes_field(message, TENSOR_NAME)?.unwrap_or_default();
            let Some(name) = std::str::from_utf8(name).ok().filter(|name| wanted(name)) else {
                continue;
            };
            if tensors.insert(name, tensor(name, message)?).is_some() {
                return Err(invalid(&format!("there are two tensors {name}")));
            }
        }
    }
    Ok(tensors)
}

fn tensor<'a>(name: &str, message: &'a [u8]) -> Result<Tensor<'a>> {
    let mut tensor = Tensor::default();
    let mut external = false;
    for field in Fields(message) {
        match field? {
            (TENSOR_DIMS, Value::Varint(dim)) => push_dim(name, &mut tensor.dims, dim)?,
            (TENSOR_DIMS, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    push_dim(name, &mut tensor.dims, varint(&mut packed)?)?;
                }
            }
            (TENSOR_DATA_TYPE, Value::Varint(data_type)) => tensor.data_type = data_type,
            (TENSOR_RAW_DATA, Value::Bytes(raw_data)) => tensor.raw_data = raw_data,
            (TENSOR_DATA_LOCATION, Value::Varint(location)) => external |= location != 0,
            (TENSOR_EXTERNAL_DATA, _) => external = true,
            _ => {}
        }
    }
    if external {
        return Err(invalid(&format!("tensor {name} lies in another file")));
    }
    Ok(tensor)
}

fn push_dim(name: &str, dims: &mut Vec<u64>, dim: u64) -> Result<()> {
    if dims.len() == MAX_RANK {
        return Err(invalid(&format!(
            "tensor {name} has more than {MAX_RANK} dimensions"
        )));
    }
    dims.push(dim);
    Ok(())
}

/// A field's contents, as far as the wire format tells.
enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes: no field that matters here.
    Fixed,
}

/// The fields of one message, in the order of the file; ends after the first error.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = field(&mut self.0);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Value<'a>)> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Varint(varint(rest)?),
        1 => take(rest, 8).map(|_| Value::Fixed)?,
        2 => {
            let len = varint(rest)?;
            Value::Bytes(take(rest, len)?)
        }
        5 => take(rest, 4).map(|_| Value::Fixed)?,
        wire_type => return Err(invalid(&format!("no ONNX file: wire type {wire_type}"))),
    };
    Ok((tag >> 3, value))
}

fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(invalid("no ONNX file: a number has more than ten bytes"))
}

fn take<'a>(rest: &mut &'a [u8], len: u64) -> Result<&'a [u8]> {
    let split = usize::try_from(len)
        .ok()
        .and_then(|len| rest.split_at_checked(len));
    let (taken, after) = split.ok_or_else(|| invalid("the file is truncated or no ONNX file"))?;
    *rest = after;
    Ok(taken)
}

/// The embedded messages of one field.
pub(crate) fn messages(message: &[u8], number: u64) -> impl Iterator<Item = Result<&[u8]>> {
    Fields(message).filter_map(move |field| match field {
        Ok((found, Value::Bytes(bytes))) if found == number => Some(Ok(bytes)),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

/// The contents of a string or bytes field; the last one counts, as everywhere in protobuf.
pub(crate) fn bytes_field(message: &[u8], number: u64) -> Result<Option<&[u8]>> {
    let mut found = None;
    for bytes in messages(message, number) {
        found = Some(bytes?);
    }
    Ok(found)
}

/// The value of a number; the last one counts.
pub(crate) fn varint_field(message: &[u8], number: u64) -> Result<Option<u64>> {
    let mut found = None;
    for field in Fields(message) {
        if let (field, Value::Varint(value)) = field?
            && field == number
        {
            found = Some(value);
        }
    }
    Ok(found)
}

fn invalid(reason: &str) -> Error {
    Error::InvalidModel(reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacked_dims_and_unknown_fields_are_read() {
        // dims 2 and 3 unpacked, an unknown fixed32 field 20, data_type 3, raw_data "abc".
        let mut message = vec![8, 2, 8, 3, 0xA5, 1, 0, 0, 0, 0, 16, 3, 74, 3];
        message.extend_from_slice(b"abc");
        let expected = Tensor {
            data_type: INT8,
            dims: vec![2, 3],
            raw_data: b"abc",
        };
        assert_eq!(tensor("t", &message).unwrap(), expected);
    }

    #[test]
    fn damaged_messages_are_errors() {
        let damaged: [&[u8]; 6] = [
            &[0x80],                                                   // a tag that does not end
            &[10, 5, 1],                                               // a length beyond the end
            &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], // an endless number
            &[11],                                                     // a group
            &[9, 1, 2],                                                // eight bytes cut short
            &[10, 5, 1, 1, 1, 1, 1],                                   // five dimensions
        ];
        for message in damaged {
            assert!(tensor("t", message).is_err(), "{message:?}");
        }
    }

    #[test]
    fn external_data_is_refused() {
        assert!(tensor("t", &[112, 1]).is_err());
        assert!(tensor("t", &[106, 0]).is_err());
    }
}
