//! The protobuf messages of an ONNX model: the required subset of
//! [`onnx.proto`](https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
//!
//! Weights are not copied into messages: [`File::write`] writes them directly at the position that protobuf prescribes.

use std::io::{self, Write};

use prost::Message;

/// `ModelProto`, without its graph.
#[derive(Clone, PartialEq, Message)]
pub struct Model {
    #[prost(int64, tag = "1")]
    pub ir_version: i64,
    #[prost(string, tag = "2")]
    pub producer_name: String,
    #[prost(string, tag = "3")]
    pub producer_version: String,
    #[prost(string, tag = "6")]
    pub doc_string: String,
    #[prost(message, repeated, tag = "8")]
    pub opset_import: Vec<OperatorSet>,
    #[prost(message, repeated, tag = "14")]
    pub metadata_props: Vec<Entry>,
}

/// `OperatorSetIdProto`; a missing domain is that of ONNX.
#[derive(Clone, PartialEq, Message)]
pub struct OperatorSet {
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// `StringStringEntryProto`
#[derive(Clone, PartialEq, Message)]
pub struct Entry {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `GraphProto`, without the initializers that are weights.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub node: Vec<Node>,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializer: Vec<Tensor>,
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<Value>,
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<Value>,
}

/// `NodeProto`
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    #[prost(string, repeated, tag = "1")]
    pub input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub output: Vec<String>,
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attribute: Vec<Attribute>,
}

/// `AttributeProto`
#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, optional, tag = "3")]
    pub i: Option<i64>,
    #[prost(string, optional, tag = "4")]
    pub s: Option<String>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    pub kind: i32,
}

impl Attribute {
    /// An integer attribute.
    pub fn int(name: &str, value: i64) -> Self {
        Attribute { name: name.into(), i: Some(value), kind: 2, ..Attribute::default() }
    }

    /// An attribute with a list of integers.
    pub fn ints(name: &str, values: &[i64]) -> Self {
        Attribute { name: name.into(), ints: values.into(), kind: 7, ..Attribute::default() }
    }

    /// A string attribute.
    pub fn text(name: &str, value: &str) -> Self {
        Attribute { name: name.into(), s: Some(value.into()), kind: 3, ..Attribute::default() }
    }
}

/// `TensorProto`
#[derive(Clone, PartialEq, Message)]
pub struct Tensor {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[prost(string, tag = "8")]
    pub name: String,
    /// Empty if the values follow the message.
    #[prost(bytes = "vec", tag = "9")]
    pub raw_data: Vec<u8>,
}

/// `TensorProto.DataType.FLOAT`
pub const FLOAT: i32 = 1;
/// `TensorProto.DataType.INT32`
pub const INT32: i32 = 6;
/// `TensorProto.DataType.INT64`
pub const INT64: i32 = 7;

/// `ValueInfoProto`
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<Type>,
}

/// `TypeProto`, which is always a tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Type {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorType>,
}

/// `TypeProto.Tensor`
#[derive(Clone, PartialEq, Message)]
pub struct TensorType {
    #[prost(int32, tag = "1")]
    pub elem_type: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<Shape>,
}

/// `TensorShapeProto`
#[derive(Clone, PartialEq, Message)]
pub struct Shape {
    #[prost(message, repeated, tag = "1")]
    pub dim: Vec<Dimension>,
}

/// `TensorShapeProto.Dimension`: a fixed size, or the name of a variable size.
#[derive(Clone, PartialEq, Message)]
pub struct Dimension {
    #[prost(int64, optional, tag = "1")]
    pub dim_value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub dim_param: Option<String>,
}

impl Value {
    /// A tensor with its name, its element type and its fixed or variable sizes.
    pub fn tensor(name: &str, elem_type: i32, sizes: &[Result<i64, &str>]) -> Self {
        let dimension = |size: &Result<i64, &str>| match *size {
            Ok(number) => Dimension { dim_value: Some(number), dim_param: None },
            Err(any) => Dimension { dim_value: None, dim_param: Some(any.into()) },
        };
        let shape = Shape { dim: sizes.iter().map(dimension).collect() };
        Value { name: name.into(), kind: Some(Type { tensor: Some(TensorType { elem_type, shape: Some(shape) }) }) }
    }
}

/// An initializer of 32-bit floats, which are borrowed in parts.
#[derive(Debug)]
pub struct Weights<'a> {
    pub name: String,
    pub dims: Vec<usize>,
    pub parts: Vec<&'a [f32]>,
}

impl Weights<'_> {
    /// The message without its values.
    fn tensor(&self) -> Tensor {
        let dims = self.dims.iter().map(|&size| size as i64).collect();
        Tensor { dims, data_type: FLOAT, name: self.name.clone(), raw_data: Vec::new() }
    }

    fn bytes(&self) -> usize {
        4 * self.parts.iter().map(|part| part.len()).sum::<usize>()
    }

    /// Size of the message in bytes.
    fn len(&self) -> usize {
        self.tensor().encoded_len() + prefix(9, self.bytes()).len() + self.bytes()
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.tensor().encode_to_vec())?;
        out.write_all(&prefix(9, self.bytes()))?;
        for part in &self.parts {
            // ONNX is little-endian on all machines.
            part.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))?;
        }
        Ok(())
    }
}

/// A model with its graph and its weights.
#[derive(Debug)]
pub struct File<'a> {
    pub model: Model,
    pub graph: Graph,
    pub weights: Vec<Weights<'a>>,
}

impl File<'_> {
    /// Size of the file in bytes.
    pub fn len(&self) -> usize {
        self.model.encoded_len() + prefix(7, self.graph_len()).len() + self.graph_len()
    }

    fn graph_len(&self) -> usize {
        let initializer = |weights: &Weights| prefix(5, weights.len()).len() + weights.len();
        self.graph.encoded_len() + self.weights.iter().map(initializer).sum::<usize>()
    }

    /// Writes the file.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.model.encode_to_vec())?;
        out.write_all(&prefix(7, self.graph_len()))?;
        out.write_all(&self.graph.encode_to_vec())?;
        for weights in &self.weights {
            out.write_all(&prefix(5, weights.len()))?;
            weights.write(out)?;
        }
        Ok(())
    }
}

/// The prefix of a length-delimited protobuf field: its number and the length of its value.
fn prefix(field: u8, length: usize) -> Vec<u8> {
    const LENGTH_DELIMITED: u8 = 2;
    let mut bytes = vec![field << 3 | LENGTH_DELIMITED];
    // Writing to a vector cannot fail.
    let _ = prost::encode_length_delimiter(length, &mut bytes);
    bytes
}
