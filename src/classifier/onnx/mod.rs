//! Models as [ONNX](https://onnx.ai), which other programs run: the same logits from the same ids.
//!
//! The graph takes `ids` `[batch, length]` and `lengths` `[batch]`, and works step by step of time, `[length, batch, ...]`. Letters are those of
//! [`crate::nn`]. Texts have a pad more than they come with, so that there is a step where all are empty; what stands behind a
//! text's length changes nothing.

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

/// The version of ONNX's operators that the graph is made of.
pub const ONNX_OPSET: i64 = 14;

/// The version of the file's structure that came with [`ONNX_OPSET`].
const IR_VERSION: i64 = 7;

/// Bytes that protobuf lets a message have.
const MOST: usize = i32::MAX as usize;

/// What the graph does not say: how a text becomes ids.
#[derive(Debug, Serialize)]
struct Reading<'a> {
    labels: &'a [String],
    tokenizer: &'static str,
    case: &'static str,
    /// Word `i` has the id `i + 2`; 0 is the pad, 1 the unknown word.
    words: Vec<std::borrow::Cow<'a, str>>,
}

impl Classifier {
    /// Writes the model as ONNX (operators of version [`ONNX_OPSET`]), beside `path` first and then renamed.
    ///
    /// The graph reads `ids` (64-bit, `[batch, length]`, word `i` of [`Classifier::vocabulary`] as `i + 2`, unknown words as 1) and
    /// `lengths` (64-bit, `[batch]`: the words of each text; what stands behind them does not matter), and answers `logits` and
    /// `probabilities`, `[batch, labels]`. The file's metadata holds `labels` and `words` as JSON, `tokenizer` and `case`. Vectors in which
    /// further words are looked up stay behind.
    ///
    /// # Errors
    /// A model of more than 2 GB, which protobuf does not hold, and the system's refusals.
    pub fn save_onnx(&self, path: impl AsRef<Path>) -> Result<()> {
        let shape = self.network.encoder.shape();
        // A one among zeros: the rows of an identity matrix are pieces of it.
        let mut unit = vec![0.0; 2 * shape.sums() - 1];
        unit[shape.sums() - 1] = 1.0;
        write(path.as_ref(), &self.onnx(&unit)?)
    }

    /// Writes what the metadata of [`Classifier::save_onnx`] holds as a JSON object, for programs that cannot read metadata.
    ///
    /// # Errors
    /// The system's refusals.
    pub fn save_onnx_vocabulary(&self, path: impl AsRef<Path>) -> Result<()> {
        write_atomic(path.as_ref(), |out| {
            serde_json::to_writer(&mut *out, &self.reading())?;
            out.write_all(b"\n")
        })
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            labels: &self.labels,
            tokenizer: self.tokenizer.name(),
            case: self.case.name(),
            words: self.vocabulary.iter().map(String::from_utf8_lossy).collect(),
        }
    }

    fn onnx<'a>(&'a self, unit: &'a [f32]) -> Result<File<'a>> {
        let reading = self.reading();
        let json = |list: &dyn Fn() -> serde_json::Result<String>| {
            list().map_err(|e| Error::invalid("words of a model", "text that JSON holds", e.to_string()))
        };
        let entry = |key: &str, value: String| Entry { key: key.into(), value };
        let metadata_props = vec![
            entry("labels", json(&|| serde_json::to_string(reading.labels))?),
            entry("tokenizer", reading.tokenizer.into()),
            entry("case", reading.case.into()),
            entry("words", json(&|| serde_json::to_string(&reading.words))?),
        ];
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "vocable".into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            doc_string: DESCRIPTION.into(),
            opset_import: vec![OperatorSet { version: ONNX_OPSET }],
            metadata_props,
        };
        let mut drawn = Drawn::default();
        drawn.classifier(self, unit);
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
            ..drawn.graph
        };
        Ok(File { model, graph, weights: drawn.weights })
    }
}

fn write(path: &Path, file: &File) -> Result<()> {
    if file.len() > MOST {
        let expected = format!("at most {MOST} bytes as ONNX, which is all that protobuf holds");
        return Err(Error::invalid("model", expected, file.len().to_string()));
    }
    write_atomic(path, |out| file.write(out))
}

/// What a reader of the file is told.
const DESCRIPTION: &str = "A text classifier. ids: [batch, length], word i of `words` (metadata, a JSON list) as i + 2, an unknown word as 1, \
                           anything behind a text's end. lengths: [batch], words of each text. logits, probabilities: [batch, labels], in \
                           the order of `labels` (metadata, a JSON list).";

/// A graph that is being drawn. Values have the names of what they are.
#[derive(Default)]
struct Drawn<'a> {
    graph: Graph,
    weights: Vec<Weights<'a>>,
}

impl<'a> Drawn<'a> {
    /// An operator; its first output's name is its own, too.
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

    /// Whole numbers: a list, or where `dims` is empty a single one.
    fn integers(&mut self, name: &str, dims: &[i64], values: &[i64]) {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.graph.initializer.push(Tensor { dims: dims.into(), data_type: INT64, name: name.into(), raw_data });
    }

    /// The name of an axis, as operators that take axes among their inputs want it.
    fn axis(&mut self, axis: i64) -> String {
        let name = format!("axis_{axis}");
        // Only what is asked for is written: readers warn of what nothing uses.
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
        // What reads sequences need not take empty ones: these read their pad, and what comes of it is put aside.
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

    /// The rows of the ids, `[length + 1, batch, E]`; those of one-hot words, which are products, for each direction its own.
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

    /// A layer in one direction: its states `[length + 1, batch, H]`, or of the last layer, where these are asked for, the last ones
    /// `[batch, H]`.
    fn cell(&mut self, shape: &EncoderShape, layer: usize, direction: usize, cell: &'a Cell<f32>, unit: &'a [f32]) {
        let (sums, hidden) = (shape.sums(), shape.hidden);
        let last = layer + 1 == shape.layers && shape.pooling == Pooling::Last;
        let one_hot = layer == 0 && shape.input == 0;
        let of = |name: &str| format!("{name}_l{layer}{}", if direction == 1 { "_reverse" } else { "" });
        let parts = |values: &'a [f32]| gates(shape.cell, values);
        let input = if one_hot {
            // Rows that are products go through an identity, which orders the gates.
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
        // The axis of ONNX's own directions, which are one here.
        let axis = self.axis(if last { 0 } else { 1 });
        self.node("Squeeze", &[&output, &axis], &[&result], vec![]);
    }

    fn unsqueeze(&mut self, value: &str, axis: i64, result: &str) {
        let axis = self.axis(axis);
        self.node("Unsqueeze", &[value, &axis], &[result], vec![]);
    }

    /// Both directions side by side under `name`, where there are two.
    fn joined(&mut self, shape: &EncoderShape, name: &str, axis: i64) {
        if shape.bidirectional {
            let inputs = [format!("{name}_0"), format!("{name}_1")];
            let axis = vec![Attribute::int("axis", axis)];
            self.node("Concat", &inputs.each_ref().map(String::as_str), &[name], axis);
        }
    }

    /// From states to a row for each text, `[batch, D H]`; zeros for an empty text.
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

    /// The states, with `filler` for those of pads.
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

/// The order in which ONNX has the gates: input, output, forget, candidate.
fn order(cell: CellKind) -> &'static [usize] {
    match cell {
        CellKind::Lstm => &[0, 3, 1, 2],
        CellKind::Rnn => &[0],
    }
}

/// Weights of a cell in ONNX's order.
fn gates(cell: CellKind, values: &[f32]) -> Vec<&[f32]> {
    let size = values.len() / cell.gates();
    order(cell).iter().map(|gate| &values[gate * size..][..size]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_protobuf_cannot_hold_is_refused() {
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
        assert!(error.contains("at most 2147483647 bytes as ONNX") && error.contains("found 2147483"), "{error}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), file(2).len() as u64);
    }
}
