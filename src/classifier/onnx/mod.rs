//! Export of models to [ONNX](https://onnx.ai). The exported model computes the same logits from the same ids.
//!
//! The graph has the inputs `ids` `[batch, length]` and `lengths` `[batch]`; within it, the time axis comes first, `[length, batch, ...]`.
//! The letters of shapes are those of [`crate::nn`]. The graph appends a pad to every text, so that there is at least one step. Ids after
//! the end of a text have no effect.

mod proto;

use std::io::Write;
use std::path::Path;

use serde::Serialize;

use self::proto::{
    Attribute, Entry, FLOAT, File, Graph, INT32, INT64, Model, Node, OperatorSet, Tensor, Value, Weights,
};
use super::Classifier;
use crate::error::{Error, Result};
use crate::files::write_atomic;
use crate::nn::{Cell, CellKind, EmbeddingMode, EncoderShape, Pooling};

/// The ONNX operator set version of the graph.
pub const ONNX_OPSET: i64 = 14;

/// The ONNX IR version that was released with [`ONNX_OPSET`].
const IR_VERSION: i64 = 7;

/// Maximum size of a protobuf message in bytes.
const MAX_BYTES: usize = i32::MAX as usize;

/// What is needed to convert texts to ids, and classes to labels.
#[derive(Debug, Serialize)]
struct OnnxVocabulary<'a> {
    labels: &'a [String],
    tokenizer: &'static str,
    case: &'static str,
    /// Word `i` has the id `i + 2`; id 0 is the pad, id 1 the unknown word.
    words: Vec<std::borrow::Cow<'a, str>>,
}

impl Classifier {
    /// Exports the model to ONNX (operator set [`ONNX_OPSET`]). An existing file is replaced atomically.
    ///
    /// The inputs of the graph are `ids` (64-bit, `[batch, length]`; word `i` of [`Classifier::vocabulary`] has the id `i + 2`, unknown words
    /// the id 1) and `lengths` (64-bit, `[batch]`; the number of tokens of each text, after which ids are ignored). Its outputs are `logits`
    /// and `probabilities`, `[batch, labels]`. The metadata of the file has the keys `labels` and `words`, which are JSON, `tokenizer` and
    /// `case`. Attached vectors are not exported.
    ///
    /// # Errors
    /// [`Error::Io`]; a model of more than 2 GB, the maximum of protobuf.
    pub fn save_onnx(&self, path: impl AsRef<Path>) -> Result<()> {
        let shape = self.network.encoder.shape();
        // A one between zeros, of which the rows of an identity matrix are slices.
        let mut unit = vec![0.0; 2 * shape.sums() - 1];
        unit[shape.sums() - 1] = 1.0;
        write(path.as_ref(), &self.onnx(&unit)?)
    }

    /// Writes the metadata of [`Classifier::save_onnx`] as a JSON object, for programs that cannot read the metadata of ONNX files.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save_onnx_vocabulary(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomic(path.as_ref(), |out| {
            serde_json::to_writer(&mut *out, &self.onnx_vocabulary())?;
            out.write_all(b"\n")
        })
    }

    fn onnx_vocabulary(&self) -> OnnxVocabulary<'_> {
        OnnxVocabulary {
            labels: &self.labels,
            tokenizer: self.tokenizer.name(),
            case: self.case.name(),
            words: self.vocabulary.iter().map(String::from_utf8_lossy).collect(),
        }
    }

    fn onnx<'a>(&'a self, unit: &'a [f32]) -> Result<File<'a>> {
        let vocabulary = self.onnx_vocabulary();
        let json = |list: &dyn Fn() -> serde_json::Result<String>| {
            list().map_err(|e| Error::invalid("words of a model", "text that JSON can represent", e.to_string()))
        };
        let entry = |key: &str, value: String| Entry { key: key.into(), value };
        let metadata_props = vec![
            entry("labels", json(&|| serde_json::to_string(vocabulary.labels))?),
            entry("tokenizer", vocabulary.tokenizer.into()),
            entry("case", vocabulary.case.into()),
            entry("words", json(&|| serde_json::to_string(&vocabulary.words))?),
        ];
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "vocable".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            doc_string: DESCRIPTION.into(),
            opset_import: vec![OperatorSet { version: ONNX_OPSET }],
            metadata_props,
        };
        let mut builder = GraphBuilder::default();
        builder.classifier(self, unit);
        let classes = Ok(self.labels.len() as i64);
        let graph = Graph {
            name: "classifier".into(),
            input: vec![
                Value::tensor("ids", INT64, &[Err("batch"), Err("length")]),
                Value::tensor("lengths", INT64, &[Err("batch")]),
            ],
            output: ["logits", "probabilities"]
                .map(|name| Value::tensor(name, FLOAT, &[Err("batch"), classes]))
                .to_vec(),
            ..builder.graph
        };
        Ok(File { model, graph, weights: builder.weights })
    }
}

fn write(path: &Path, file: &File) -> Result<()> {
    if file.len() > MAX_BYTES {
        let expected = format!("at most {MAX_BYTES} bytes, the maximum of an ONNX file");
        return Err(Error::invalid("model", expected, file.len().to_string()));
    }
    write_atomic(path, |out| file.write(out))
}

/// The description in the file.
const DESCRIPTION: &str = "A text classifier. ids: [batch, length], word i of `words` (metadata, a JSON list) as i + 2, an unknown word as 1, \
                           any value after the end of a text. lengths: [batch], tokens of each text. logits, probabilities: [batch, \
                           labels], in the order of `labels` (metadata, a JSON list).";

/// Builds the graph.
#[derive(Default)]
struct GraphBuilder<'a> {
    graph: Graph,
    weights: Vec<Weights<'a>>,
}

impl<'a> GraphBuilder<'a> {
    /// Adds an operator, which is named after its first output.
    fn node(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<Attribute>) {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let name = outputs.iter().copied().find(|name| !name.is_empty()).unwrap_or_default();
        self.graph.node.push(Node {
            input: names(inputs),
            output: names(outputs),
            name: format!("{op}:{name}"),
            op_type: op.into(),
            attribute,
        });
    }

    /// Adds an integer constant: a list, or a scalar if `dims` is empty.
    fn integers(&mut self, name: &str, dims: &[i64], values: &[i64]) {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.graph.initializer.push(Tensor { dims: dims.into(), data_type: INT64, name: name.into(), raw_data });
    }

    /// The name of a constant with an axis, for operators that take axes as inputs.
    fn axis(&mut self, axis: i64) -> String {
        let name = format!("axis_{axis}");
        // It is added on first use, because readers warn about unused constants.
        if !self.graph.initializer.iter().any(|tensor| tensor.name == name) {
            self.integers(&name, &[1], &[axis]);
        }
        name
    }

    fn float(&mut self, name: &str, value: f32) {
        let raw_data = value.to_le_bytes().into();
        self.graph.initializer.push(Tensor { dims: Vec::new(), data_type: FLOAT, name: name.into(), raw_data });
    }

    fn weights(&mut self, name: &str, dims: &[usize], parts: Vec<&'a [f32]>) {
        self.weights.push(Weights { name: name.into(), dims: dims.into(), parts });
    }

    fn classifier(&mut self, classifier: &'a Classifier, unit: &'a [f32]) {
        let network = &classifier.network;
        let shape = network.encoder.shape();
        self.integers("zero", &[], &[0]);
        self.integers("one", &[], &[1]);
        self.integers("a_pad_more", &[4], &[0, 0, 0, 1]);
        // [batch, length] to [length + 1, batch].
        self.node("Pad", &["ids", "a_pad_more"], &["padded"], vec![]);
        self.node("Transpose", &["padded"], &["steps"], vec![Attribute::ints("perm", &[1, 0])]);
        // The recurrent operators need not support empty sequences: these read their pad, and the result is replaced below.
        self.node("Max", &["lengths", "one"], &["lengths_read"], vec![]);
        self.node("Cast", &["lengths_read"], &["sequence_lens"], vec![Attribute::int("to", INT32.into())]);

        self.embedding(classifier);
        let cells = network.encoder.cells();
        for (layer, cells) in cells.chunks(shape.directions()).enumerate() {
            for (direction, cell) in cells.iter().enumerate() {
                self.cell(&shape, layer, direction, cell, unit);
            }
            if layer + 1 < shape.layers || shape.pooling != Pooling::Last {
                self.joined(&shape, &format!("states_{layer}"), 2);
            }
        }
        self.pooling(&shape);

        let head = &network.head;
        let (input, output) = head.shape();
        self.weights("head.weight", &[output, input], vec![&head.weight]);
        self.weights("head.bias", &[output], vec![&head.bias]);
        let product = vec![Attribute::int("transB", 1)];
        self.node("Gemm", &["pooled", "head.weight", "head.bias"], &["logits"], product);
        self.node("Softmax", &["logits"], &["probabilities"], vec![Attribute::int("axis", -1)]);
    }

    /// Adds the lookup of embedding rows, `[length + 1, batch, E]`. One-hot embeddings have separate rows for each direction, `[.., G H]`.
    fn embedding(&mut self, classifier: &'a Classifier) {
        let embedding = &classifier.network.embedding;
        let shape = classifier.network.encoder.shape();
        let width = if embedding.mode() == EmbeddingMode::OneHot { shape.sums() } else { embedding.dimension() };
        for direction in 0..embedding.dimension() / width.max(1) {
            let parts: Vec<&[f32]> = embedding.rows().map(|row| &row[direction * width..][..width]).collect();
            let weight = if direction == 0 { "embedding.weight" } else { "embedding.weight_reverse" };
            self.weights(weight, &[parts.len(), width], parts);
            let axis = vec![Attribute::int("axis", 0)];
            self.node("Gather", &[weight, "steps"], &[&format!("rows_{direction}")], axis);
        }
    }

    /// Adds a layer in one direction. Its output are all states `[length + 1, batch, H]`; those of the last layer are only the last states
    /// `[batch, H]` if the pooling is [`Pooling::Last`].
    fn cell(&mut self, shape: &EncoderShape, layer: usize, direction: usize, cell: &'a Cell<f32>, unit: &'a [f32]) {
        let (sums, hidden) = (shape.sums(), shape.hidden);
        let last = layer + 1 == shape.layers && shape.pooling == Pooling::Last;
        let one_hot = layer == 0 && shape.input == 0;
        let of = |name: &str| format!("{name}_l{layer}{}", if direction == 1 { "_reverse" } else { "" });
        let parts = |values: &'a [f32]| gates(shape.cell, values);
        let input = if one_hot {
            // One-hot rows are products already; an identity matrix puts the gates into ONNX's order.
            let row = |sum: usize| &unit[sums - 1 - sum..2 * sums - 1 - sum];
            order(shape.cell).iter().flat_map(|gate| gate * hidden..(gate + 1) * hidden).map(row).collect()
        } else {
            parts(&cell.weight_ih)
        };
        let width = if one_hot { sums } else { cell.weight_ih.len() / sums };
        let bias = [parts(&cell.bias_ih), parts(&cell.bias_hh)].concat();
        let [ih, hh, b] = ["weight_ih", "weight_hh", "bias"].map(of);
        self.weights(&ih, &[1, sums, width], input);
        self.weights(&hh, &[1, sums, hidden], parts(&cell.weight_hh));
        self.weights(&b, &[1, 2 * sums], bias);

        let rows = match layer {
            0 => format!("rows_{}", if one_hot { direction } else { 0 }),
            _ => format!("states_{}", layer - 1),
        };
        let output = of("output");
        let (op, outputs) = match (shape.cell, last) {
            (CellKind::Lstm, false) => ("LSTM", vec![output.as_str()]),
            (CellKind::Rnn, false) => ("RNN", vec![output.as_str()]),
            (CellKind::Lstm, true) => ("LSTM", vec!["", &output]),
            (CellKind::Rnn, true) => ("RNN", vec!["", &output]),
        };
        let attributes = vec![
            Attribute::int("hidden_size", hidden as i64),
            Attribute::text("direction", if direction == 1 { "reverse" } else { "forward" }),
        ];
        self.node(op, &[&rows, &ih, &hh, &b, "sequence_lens"], &outputs, attributes);
        let result = match (last, shape.bidirectional) {
            (_, true) => format!("{}_{direction}", if last { "ends".to_owned() } else { format!("states_{layer}") }),
            (true, false) => "ends".to_owned(),
            (false, false) => format!("states_{layer}"),
        };
        // The axis of directions, of which each operator here has one.
        let axis = self.axis(if last { 0 } else { 1 });
        self.node("Squeeze", &[&output, &axis], &[&result], vec![]);
    }

    fn unsqueeze(&mut self, value: &str, axis: i64, result: &str) {
        let axis = self.axis(axis);
        self.node("Unsqueeze", &[value, &axis], &[result], vec![]);
    }

    /// Concatenates the two directions, if the encoder is bidirectional.
    fn joined(&mut self, shape: &EncoderShape, name: &str, axis: i64) {
        if shape.bidirectional {
            let inputs = [format!("{name}_0"), format!("{name}_1")];
            let axis = vec![Attribute::int("axis", axis)];
            self.node("Concat", &inputs.each_ref().map(String::as_str), &[name], axis);
        }
    }

    /// Adds the pooling of states to `[batch, D H]`; zeros for an empty text.
    fn pooling(&mut self, shape: &EncoderShape) {
        let states = format!("states_{}", shape.layers - 1);
        self.float("nothing", 0.0);
        let found = match shape.pooling {
            Pooling::Last => {
                self.joined(shape, "ends", 1);
                "ends"
            }
            Pooling::Mean => {
                self.only_words(&states, "nothing");
                let (steps, keep) = (self.axis(0), vec![Attribute::int("keepdims", 0)]);
                self.node("ReduceSum", &["states_of_words", &steps], &["sums"], keep);
                self.node("Cast", &["lengths_read"], &["counts"], vec![Attribute::int("to", FLOAT.into())]);
                self.unsqueeze("counts", 1, "divisors");
                self.node("Div", &["sums", "divisors"], &["means"], vec![]);
                "means"
            }
            Pooling::Max => {
                self.float("lowest", f32::MIN);
                self.only_words(&states, "lowest");
                let over_steps = vec![Attribute::ints("axes", &[0]), Attribute::int("keepdims", 0)];
                self.node("ReduceMax", &["states_of_words"], &["largest"], over_steps);
                "largest"
            }
        };
        self.node("Greater", &["lengths", "zero"], &["has_words"], vec![]);
        self.unsqueeze("has_words", 1, "text_has_words");
        self.node("Where", &["text_has_words", found, "nothing"], &["pooled"], vec![]);
    }

    /// Replaces the states of pads by `filler`.
    fn only_words(&mut self, states: &str, filler: &str) {
        self.node("Shape", &["steps"], &["steps_and_texts"], vec![]);
        self.node("Gather", &["steps_and_texts", "zero"], &["step_count"], vec![Attribute::int("axis", 0)]);
        self.node("Range", &["zero", "step_count", "one"], &["step_numbers"], vec![]);
        self.unsqueeze("step_numbers", 1, "step_column");
        self.node("Less", &["step_column", "lengths"], &["is_word"], vec![]);
        self.unsqueeze("is_word", 2, "state_is_of_word");
        self.node("Where", &["state_is_of_word", states, filler], &["states_of_words"], vec![]);
    }
}

/// The gates in ONNX's order: input, output, forget, candidate.
fn order(cell: CellKind) -> &'static [usize] {
    match cell {
        CellKind::Lstm => &[0, 3, 1, 2],
        CellKind::Rnn => &[0],
    }
}

/// The weights of a cell in ONNX's order of gates.
fn gates(cell: CellKind, values: &[f32]) -> Vec<&[f32]> {
    let size = values.len() / cell.gates();
    order(cell).iter().map(|gate| &values[gate * size..][..size]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_too_large_for_protobuf_is_an_error() {
        let part = vec![0.5; 1 << 20];
        let weights = |count: usize| Weights {
            name: "weights".into(),
            dims: vec![count, part.len()],
            parts: vec![part.as_slice(); count],
        };
        let file =
            |count: usize| File { model: Model::default(), graph: Graph::default(), weights: vec![weights(count)] };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        write(&path, &file(2)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), file(2).len() as u64);
        let error = write(&path, &file(512)).unwrap_err().to_string();
        assert!(error.contains("at most 2147483647 bytes") && error.contains("found 2147483"), "{error}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), file(2).len() as u64);
    }
}
