//! Model files: safetensors, with PyTorch's names and shapes, the configuration, labels and words in the metadata.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hasher;
use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::{Classifier, Network, Tokenizer, checkpoint};
use crate::error::{Advice, Error, Malformed, Place, Result};
use crate::files::{Words, bytes, write_atomic};
use crate::nn::{CellKind, Dense, Embedding, EmbeddingMode, Encoder, EncoderShape, Pooling};
use crate::vectors::Case;

/// The metadata key under which everything that is not a tensor stands, as JSON.
const KEY: &str = "vocable";

/// The version of the model file that this library writes, and the highest it reads.
const VERSION: u32 = 2;

/// Everything of a model that is not a tensor. The shapes are the tensors' own.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    embedding: String,
    /// Version 1 had no other than this.
    #[serde(default = "whitespace")]
    tokenizer: String,
    case: String,
    /// Of models written before there was a choice: an LSTM.
    #[serde(default = "lstm")]
    cell: String,
    /// Of models written before there was a choice: the last state.
    #[serde(default = "last")]
    pooling: String,
    layers: usize,
    bidirectional: bool,
    labels: Vec<String>,
    /// Word `i` has row `i + 2` of `embedding.weight`; rows 0 and 1 are the pad and the unknown word.
    words: Vec<String>,
    /// Of everything else here and of all tensors; a file without it is not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

impl Header {
    /// XXH3 (64 bits, seed 0) of this header without its checksum, as the JSON that is written, then of each tensor in the
    /// order of the names: name, sizes and numbers.
    fn checksum_with<'t>(&mut self, tensors: impl Iterator<Item = (&'t str, &'t [usize], &'t [u8])>) -> Result<String> {
        self.checksum = None;
        let json = serde_json::to_vec(self).map_err(|e| too_large(&e))?;
        let mut tensors: Vec<_> = tensors.collect();
        tensors.sort_unstable_by_key(|(name, ..)| *name);
        let mut hash = XxHash3_64::with_seed(0);
        hash.write(&json);
        for (name, shape, numbers) in tensors {
            hash.write(name.as_bytes());
            shape.iter().for_each(|&size| hash.write(&(size as u64).to_le_bytes()));
            hash.write(numbers);
        }
        Ok(format!("xxh3:{:016x}", hash.finish()))
    }
}

fn too_large(e: &dyn std::fmt::Display) -> Error {
    Error::invalid("model", "sizes that safetensors holds", e.to_string())
}

fn lstm() -> String {
    CellKind::Lstm.name().to_owned()
}

fn last() -> String {
    Pooling::Last.name().to_owned()
}

impl Classifier {
    /// The model as a file holds it.
    ///
    /// # Errors
    /// Sizes that the format cannot hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let network = &self.network;
        let shape = network.encoder.shape();
        let words: Vec<String> =
            self.vocabulary.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let mut header = Header {
            version: VERSION,
            embedding: network.embedding.mode().name().to_owned(),
            tokenizer: self.tokenizer.name().to_owned(),
            case: case_name(self.case).to_owned(),
            cell: shape.cell.name().to_owned(),
            pooling: shape.pooling.name().to_owned(),
            layers: shape.layers,
            bidirectional: shape.bidirectional,
            labels: self.labels.clone(),
            words,
            checksum: None,
        };
        let weights = network.embedding.weights();
        let ids = network.embedding.len();
        let prefix = shape.cell.name();
        let mut tensors: Vec<(String, Vec<usize>, Cow<[f32]>)> = Vec::new();
        if network.embedding.mode() == EmbeddingMode::OneHot {
            for (direction, name) in one_hot_names(&shape).into_iter().enumerate() {
                let sums = shape.products() / shape.directions();
                let column = |sum: usize| weights.iter().skip(direction * sums + sum).step_by(shape.products());
                tensors.push((name, vec![sums, ids], (0..sums).flat_map(column).copied().collect()));
            }
        } else {
            tensors.push(("embedding.weight".into(), vec![ids, network.embedding.dimension()], weights.into()));
        }
        for (prefix, parameters) in [(prefix, network.encoder.parameters()), ("head", network.head.parameters())] {
            tensors.extend(parameters.into_iter().map(|p| (format!("{prefix}.{}", p.name), p.shape, p.values.into())));
        }
        // Little-endian, whatever this machine is.
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
            .into_iter()
            .map(|(name, shape, values)| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| too_large(&e))?;
        let parts = tensors.iter().map(|(name, shape, bytes)| (name.as_str(), shape.as_slice(), bytes.as_slice()));
        header.checksum = Some(header.checksum_with(parts)?);
        let json = serde_json::to_string(&header).map_err(|e| too_large(&e))?;
        // A single key: a map of several would be written in an order that changes from run to run.
        serialize(views, Some(HashMap::from([(KEY.to_owned(), json)]))).map_err(|e| too_large(&e))
    }

    /// Writes the model, beside `path` first and then renamed.
    ///
    /// # Errors
    /// The system's refusals.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let bytes = self.to_bytes()?;
        write_atomic(path.as_ref(), |file| file.write_all(&bytes))
    }

    /// Opens a model file.
    ///
    /// # Errors
    /// A file that is not one, or whose parts do not fit together.
    pub fn open(path: impl AsRef<Path>) -> Result<Classifier> {
        let path = path.as_ref();
        let (bytes, _) = bytes::open(path, None)?;
        Classifier::from_bytes(&bytes).map_err(|e| e.in_file(path.to_string_lossy()))
    }

    /// Reads a model from the bytes of its file.
    ///
    /// # Errors
    /// As [`Classifier::open`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Classifier> {
        let wrong = |expected: &str, found: String| Error::from(Malformed::at(Place::File, expected, found));
        let whole = |found: String| {
            Error::from(
                Malformed::at(Place::File, "a model file (safetensors)", found)
                    .advise("the file may be cut short, or is not a saved model"),
            )
        };
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| whole(e.to_string()))?;
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| whole(e.to_string()))?;
        let entry = |key: &str| metadata.metadata().as_ref().and_then(|all| all.get(key));
        if entry(checkpoint::KEY).is_some() {
            return Err(Malformed::at(Place::File, "a model file", "the checkpoint of a training that is under way")
                .advise(Advice::ResumeTraining)
                .into());
        }
        let json = entry(KEY).ok_or_else(|| {
            wrong("a model written by vocable", format!("a safetensors file without the metadata `{KEY}`"))
        })?;
        let mut header: Header = serde_json::from_str(json).map_err(|e| wrong("a model's metadata", e.to_string()))?;
        if header.version > VERSION {
            let expected = format!("a model file of version {VERSION} or lower");
            return Err(wrong(&expected, format!("version {}", header.version)));
        }
        let read = |name: &str| -> Result<(Vec<usize>, Vec<f32>)> {
            let tensor = tensors.tensor(name).map_err(|_| wrong(&format!("a tensor `{name}`"), "none".to_owned()))?;
            if tensor.dtype() != Dtype::F32 {
                return Err(wrong(&format!("`{name}` in F32"), format!("{:?}", tensor.dtype())));
            }
            // Without zeros no product of sizes exceeds the file's length.
            if tensor.shape().contains(&0) {
                return Err(wrong(&format!("numbers in `{name}`"), format!("the shape {:?}", tensor.shape())));
            }
            let values = tensor.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
            let values: Vec<f32> = values.collect();
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(wrong(&format!("finite numbers in `{name}`"), value.to_string()));
            }
            Ok((tensor.shape().to_vec(), values))
        };
        let fit = |name: &str, expected: &[usize], found: &[usize]| {
            let right = expected == found;
            right.then_some(()).ok_or_else(|| wrong(&format!("`{name}` of shape {expected:?}"), format!("{found:?}")))
        };

        let mode: EmbeddingMode = header.embedding.parse()?;
        let tokenizer: Tokenizer = header.tokenizer.parse()?;
        let case = match header.case.as_str() {
            "exact" => Case::Exact,
            "fold" => Case::Fold,
            other => return Err(wrong("the case `exact` or `fold`", format!("`{other}`"))),
        };
        let cell: CellKind = header.cell.parse()?;
        let pooling: Pooling = header.pooling.parse()?;
        let prefix = cell.name();
        let (hh_shape, _) = read(&format!("{prefix}.weight_hh_l0"))?;
        let hidden = hh_shape.last().copied().unwrap_or(0);
        if header.layers == 0 || header.layers > tensors.len() || hidden == 0 || header.labels.len() < 2 {
            let found = format!("{} layers of {hidden}, {} labels", header.layers, header.labels.len());
            return Err(wrong("layers, states and at least two labels", found));
        }
        if let Some(twice) = (1..header.labels.len()).find(|&i| header.labels[..i].contains(&header.labels[i])) {
            return Err(wrong("distinct labels", format!("`{}` twice", header.labels[twice])));
        }
        let bidirectional = header.bidirectional;
        let mut shape = EncoderShape { cell, input: 0, hidden, layers: header.layers, bidirectional, pooling };
        let sums = cell.gates() * hidden;
        let ids = header.words.len() + 2;
        // Shapes are compared before anything of their size is made.
        fit(&format!("{prefix}.weight_hh_l0"), &[sums, hidden], &hh_shape)?;
        // Every layer must be there before room is made for all.
        for layer in 1..header.layers {
            let name = format!("{prefix}.weight_hh_l{layer}");
            fit(&name, &hh_shape, &read(&name)?.0)?;
        }
        let rows = if mode == EmbeddingMode::OneHot {
            let mut columns = Vec::new();
            for name in &one_hot_names(&shape) {
                let (found, values) = read(name)?;
                fit(name, &[sums, ids], &found)?;
                columns.push(values);
            }
            let mut rows = vec![0.0; ids * shape.products()];
            for (direction, values) in columns.iter().enumerate() {
                for (sum, values) in values.chunks_exact(ids).enumerate() {
                    let column = rows.iter_mut().skip(direction * sums + sum).step_by(shape.products());
                    column.zip(values).for_each(|(row, &value)| *row = value);
                }
            }
            rows
        } else {
            let (found, rows) = read("embedding.weight")?;
            let dimension = found.last().copied().unwrap_or(0);
            fit("embedding.weight", &[ids, dimension], &found)?;
            let name = format!("{prefix}.weight_ih_l0");
            fit(&name, &[sums, dimension], &read(&name)?.0)?;
            shape.input = dimension;
            rows
        };
        let (head_shape, _) = read("head.weight")?;
        fit("head.weight", &[header.labels.len(), shape.output()], &head_shape)?;
        let mut encoder = Encoder::zeros(shape);
        let mut head = Dense::zeros(shape.output(), header.labels.len());
        let names: Vec<(String, Vec<usize>)> =
            (encoder.parameters().into_iter().map(|p| (format!("{prefix}.{}", p.name), p.shape)))
                .chain(head.parameters().into_iter().map(|p| (format!("head.{}", p.name), p.shape)))
                .collect();
        let targets = encoder.parameters_mut().into_iter().chain(head.parameters_mut());
        for ((name, shape), target) in names.iter().zip(targets) {
            let (found, values) = read(name)?;
            fit(name, shape, &found)?;
            target.copy_from_slice(&values);
        }
        let words: Words = header.words.iter().collect();
        let embedding = Embedding::from_weights(rows, shape.row(), mode)?;
        let network = Network { embedding, encoder, head };
        let classifier = Classifier::new(header.labels.clone(), words, tokenizer, case, network)?;
        // Last, because what is wrong in particular says more.
        if let Some(written) = header.checksum.take() {
            let views: Vec<(&str, TensorView)> = tensors.iter().collect();
            let found = header.checksum_with(views.iter().map(|(name, view)| (*name, view.shape(), view.data())))?;
            if found != written {
                return Err(wrong(&format!("the checksum {written}"), format!("{found}: the file was altered")));
            }
        }
        Ok(classifier)
    }
}

/// The tensors that hold the rows of a one-hot embedding: the input weights of each direction.
fn one_hot_names(shape: &EncoderShape) -> Vec<String> {
    let suffixes = ["", "_reverse"].iter().take(shape.directions());
    suffixes.map(|suffix| format!("{}.weight_ih_l0{suffix}", shape.cell)).collect()
}

fn whitespace() -> String {
    Tokenizer::Whitespace.name().to_owned()
}

pub(super) fn case_name(case: Case) -> &'static str {
    match case {
        Case::Exact => "exact",
        Case::Fold => "fold",
    }
}
