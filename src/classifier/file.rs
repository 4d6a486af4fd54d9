//! Model files: safetensors with PyTorch's tensor names and shapes; configuration, labels and words are in the metadata.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hasher;
use std::io::Write;
use std::path::Path;

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::checksum::f32_bytes;
use super::{Classifier, Network, Tokenizer, checkpoint};
use crate::error::{Advice, Error, Malformed, Place, Result};
use crate::files::tensors::Tensors;
use crate::files::{Words, bytes, write_atomic};
use crate::nn::{CellKind, Dense, Embedding, EmbeddingMode, Encoder, EncoderShape, Pooling};
use crate::vectors::Case;

/// The metadata key of the header, which is JSON.
const KEY: &str = "vocable";

/// The version of model files that this library writes, and the highest version that it reads.
const VERSION: u32 = 2;

/// Everything in a model file that is not a tensor. Sizes follow from the shapes of the tensors.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    embedding: String,
    /// Missing in version 1, which had only this tokenizer.
    #[serde(default = "whitespace")]
    tokenizer: String,
    case: String,
    /// Missing in older models, which are all LSTMs.
    #[serde(default = "lstm")]
    cell: String,
    /// Missing in older models, which all use the last state.
    #[serde(default = "last")]
    pooling: String,
    layers: usize,
    bidirectional: bool,
    labels: Vec<String>,
    /// Word `i` has row `i + 2` of `embedding.weight`; row 0 is the pad, row 1 the unknown word.
    words: Vec<String>,
    /// Checksum of the rest of the header and of all tensors; not verified if missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

fn whitespace() -> String {
    Tokenizer::Whitespace.to_string()
}

fn lstm() -> String {
    CellKind::Lstm.to_string()
}

fn last() -> String {
    Pooling::Last.to_string()
}

impl Header {
    /// XXH3 (64 bits, seed 0) of this header without its checksum, as JSON, followed by the name, the shape and the bytes of each
    /// tensor in the order of their names.
    fn checksum_with<'t>(&mut self, tensors: impl Iterator<Item = (&'t str, &'t [usize], &'t [u8])>) -> Result<String> {
        self.checksum = None;
        let json = serde_json::to_vec(self).map_err(|e| too_large(&e))?;
        let mut tensors: Vec<_> = tensors.collect();
        tensors.sort_unstable_by_key(|(name, ..)| *name);
        let mut hash = XxHash3_64::with_seed(0);
        hash.write(&json);
        for (name, shape, bytes) in tensors {
            hash.write(name.as_bytes());
            shape.iter().for_each(|&size| hash.write(&(size as u64).to_le_bytes()));
            hash.write(bytes);
        }
        Ok(format!("xxh3:{:016x}", hash.finish()))
    }
}

fn too_large(e: &dyn std::fmt::Display) -> Error {
    Error::invalid("model", "sizes that safetensors can represent", e.to_string())
}

/// A tensor to write.
struct Tensor<'a> {
    name: String,
    shape: Vec<usize>,
    values: Cow<'a, [f32]>,
}

impl Classifier {
    /// The contents of the model file.
    ///
    /// # Errors
    /// Sizes that safetensors cannot hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut header = self.header();
        let tensors: Vec<(String, Vec<usize>, Vec<u8>)> =
            self.tensors().into_iter().map(|t| (t.name, t.shape, f32_bytes(&t.values))).collect();
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| too_large(&e))?;
        let parts = tensors.iter().map(|(name, shape, bytes)| (name.as_str(), shape.as_slice(), bytes.as_slice()));
        header.checksum = Some(header.checksum_with(parts)?);
        let json = serde_json::to_string(&header).map_err(|e| too_large(&e))?;
        // There is only one metadata key, because the order of several would change from run to run.
        serialize(views, Some(HashMap::from([(KEY.to_owned(), json)]))).map_err(|e| too_large(&e))
    }

    fn header(&self) -> Header {
        let shape = self.network.encoder.shape();
        Header {
            version: VERSION,
            embedding: self.network.embedding.mode().to_string(),
            tokenizer: self.tokenizer.to_string(),
            case: self.case.name().to_owned(),
            cell: shape.cell.to_string(),
            pooling: shape.pooling.to_string(),
            layers: shape.layers,
            bidirectional: shape.bidirectional,
            labels: self.labels.clone(),
            words: self.vocabulary.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
            checksum: None,
        }
    }

    fn tensors(&self) -> Vec<Tensor<'_>> {
        let Network { embedding, encoder, head } = &self.network;
        let shape = encoder.shape();
        let rows = embedding.weights();
        let mut tensors = Vec::new();
        if embedding.mode() == EmbeddingMode::OneHot {
            let sums = shape.products() / shape.directions();
            for (direction, name) in one_hot_names(&shape).into_iter().enumerate() {
                let column = |sum: usize| rows.iter().skip(direction * sums + sum).step_by(shape.products());
                let values = (0..sums).flat_map(column).copied().collect();
                tensors.push(Tensor { name, shape: vec![sums, embedding.len()], values });
            }
        } else {
            let shape = vec![embedding.len(), embedding.dimension()];
            tensors.push(Tensor { name: "embedding.weight".into(), shape, values: rows.into() });
        }
        for (layer, parameters) in [(shape.cell.name(), encoder.parameters()), ("head", head.parameters())] {
            tensors.extend(parameters.into_iter().map(|p| Tensor {
                name: format!("{layer}.{}", p.name),
                shape: p.shape,
                values: p.values.into(),
            }));
        }
        tensors
    }

    /// Saves the model. An existing file is replaced atomically.
    ///
    /// # Errors
    /// [`Error::Io`]; sizes that safetensors cannot hold.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let bytes = self.to_bytes()?;
        write_atomic(path.as_ref(), |file| file.write_all(&bytes))
    }

    /// Opens a model file.
    ///
    /// # Errors
    /// [`Error::Io`]; a file that is not a model file, or whose contents are inconsistent.
    pub fn open(path: impl AsRef<Path>) -> Result<Classifier> {
        let path = path.as_ref();
        let (bytes, _) = bytes::open(path, None)?;
        Classifier::from_bytes(&bytes).map_err(|e| e.in_file(path.to_string_lossy()))
    }

    /// Reads a model from the contents of its file.
    ///
    /// # Errors
    /// Those of [`Classifier::open`], without [`Error::Io`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Classifier> {
        let (mut header, tensors) = read(bytes)?;
        check_labels(&header)?;
        let mode: EmbeddingMode = header.embedding.parse()?;
        let tokenizer: Tokenizer = header.tokenizer.parse()?;
        let case: Case = header.case.parse()?;
        let mut shape = read_shape(&header, &tensors)?;
        let rows = if mode == EmbeddingMode::OneHot {
            read_one_hot_rows(&tensors, &shape, header.words.len() + 2)?
        } else {
            let (rows, dimension) = read_rows(&tensors, &shape, header.words.len() + 2)?;
            shape.input = dimension;
            rows
        };
        let (encoder, head) = read_dense(&tensors, shape, header.labels.len())?;
        let words: Words = header.words.iter().collect();
        let embedding = Embedding::from_weights(rows, shape.row(), mode)?;
        let network = Network { embedding, encoder, head };
        let classifier = Classifier::new(header.labels.clone(), words, tokenizer, case, network)?;
        // The checksum is verified last, because the errors above are more specific.
        verify_checksum(&mut header, &tensors)?;
        Ok(classifier)
    }
}

/// Reads the header and the tensors of a model file.
fn read(bytes: &[u8]) -> Result<(Header, Tensors<'_>), Malformed> {
    let not_a_model = |found: String| {
        unexpected("a model file (safetensors)", found).advise("the file may be truncated, or is not a saved model")
    };
    let tensors = Tensors::open(bytes).map_err(|e| not_a_model(format!("something else ({e})")))?;
    if tensors.entry(checkpoint::KEY).is_some() {
        return Err(unexpected("a model file", "a training checkpoint").advise(Advice::ResumeTraining));
    }
    let json = tensors.entry(KEY).ok_or_else(|| {
        unexpected("a model written by vocable", format!("a safetensors file without the metadata `{KEY}`"))
    })?;
    let header: Header =
        serde_json::from_str(json).map_err(|e| unexpected("the metadata of a model", e.to_string()))?;
    if header.version > VERSION {
        let expected = format!("a model file of version {VERSION} or lower");
        return Err(unexpected(expected, format!("version {}", header.version)));
    }
    Ok((header, tensors))
}

/// A problem with the file as a whole.
fn unexpected(expected: impl Into<String>, found: impl Into<String>) -> Malformed {
    Malformed::at(Place::File, expected, found)
}

/// The shape and the values of a tensor, which must not be empty.
fn f32<'t>(tensors: &'t Tensors, name: &str) -> Result<(&'t [usize], Vec<f32>), Malformed> {
    let (shape, values) = tensors.f32(name)?;
    match values.is_empty() {
        true => Err(unexpected(format!("numbers in `{name}`"), format!("the shape {shape:?}"))),
        false => Ok((shape, values)),
    }
}

/// The values of a tensor that must have a certain shape.
fn f32_of_shape(tensors: &Tensors, name: &str, shape: &[usize]) -> Result<Vec<f32>, Malformed> {
    let (found, values) = f32(tensors, name)?;
    match found == shape {
        true => Ok(values),
        false => Err(unexpected(format!("`{name}` of shape {shape:?}"), format!("{found:?}"))),
    }
}

fn check_labels(header: &Header) -> Result<(), Malformed> {
    let labels = &header.labels;
    if labels.len() < 2 {
        return Err(unexpected("at least two labels", labels.len().to_string()));
    }
    match (1..labels.len()).find(|&i| labels[..i].contains(&labels[i])) {
        Some(repeated) => Err(unexpected("distinct labels", format!("`{}` twice", labels[repeated]))),
        None => Ok(()),
    }
}

/// The shape of the encoder, still without the input size.
///
/// All layers are checked before memory for any of them is allocated.
fn read_shape(header: &Header, tensors: &Tensors) -> Result<EncoderShape> {
    let cell: CellKind = header.cell.parse()?;
    let pooling: Pooling = header.pooling.parse()?;
    let (layers, bidirectional) = (header.layers, header.bidirectional);
    let name = |layer: usize| format!("{cell}.weight_hh_l{layer}");
    if layers == 0 || layers > tensors.names().len() {
        return Err(unexpected("at least one layer, and a tensor for each", format!("{layers} layers")).into());
    }
    let (found, _) = f32(tensors, &name(0))?;
    let hidden = found.last().copied().unwrap_or(0);
    for layer in 0..layers {
        f32_of_shape(tensors, &name(layer), &[cell.gates().saturating_mul(hidden), hidden])?;
    }
    Ok(EncoderShape { cell, input: 0, hidden, layers, bidirectional, pooling })
}

/// The rows of an embedding for `ids` ids, and their dimension.
fn read_rows(tensors: &Tensors, shape: &EncoderShape, ids: usize) -> Result<(Vec<f32>, usize), Malformed> {
    let (found, _) = f32(tensors, "embedding.weight")?;
    let dimension = found.last().copied().unwrap_or(0);
    let rows = f32_of_shape(tensors, "embedding.weight", &[ids, dimension])?;
    f32_of_shape(tensors, &format!("{}.weight_ih_l0", shape.cell), &[shape.sums(), dimension])?;
    Ok((rows, dimension))
}

/// The rows of a one-hot embedding for `ids` ids: the columns of the input weights.
fn read_one_hot_rows(tensors: &Tensors, shape: &EncoderShape, ids: usize) -> Result<Vec<f32>, Malformed> {
    let names = one_hot_names(shape);
    let weights = names.iter().map(|name| f32_of_shape(tensors, name, &[shape.sums(), ids]));
    let weights = weights.collect::<Result<Vec<_>, Malformed>>()?;
    let mut rows = vec![0.0; ids * shape.products()];
    for (direction, weights) in weights.iter().enumerate() {
        for (sum, values) in weights.chunks_exact(ids).enumerate() {
            let column = rows.iter_mut().skip(direction * shape.sums() + sum).step_by(shape.products());
            column.zip(values).for_each(|(row, &value)| *row = value);
        }
    }
    Ok(rows)
}

/// The encoder and the head.
fn read_dense(tensors: &Tensors, shape: EncoderShape, classes: usize) -> Result<(Encoder<f32>, Dense<f32>), Malformed> {
    f32_of_shape(tensors, "head.weight", &[classes, shape.output()])?;
    let mut encoder = Encoder::zeros(shape);
    let mut head = Dense::zeros(shape.output(), classes);
    let encoder_names = encoder.parameters().into_iter().map(|p| (format!("{}.{}", shape.cell, p.name), p.shape));
    let head_names = head.parameters().into_iter().map(|p| (format!("head.{}", p.name), p.shape));
    let names: Vec<(String, Vec<usize>)> = encoder_names.chain(head_names).collect();
    let targets = encoder.parameters_mut().into_iter().chain(head.parameters_mut());
    for ((name, shape), target) in names.iter().zip(targets) {
        target.copy_from_slice(&f32_of_shape(tensors, name, shape)?);
    }
    Ok((encoder, head))
}

fn verify_checksum(header: &mut Header, tensors: &Tensors) -> Result<()> {
    let Some(stored) = header.checksum.take() else { return Ok(()) };
    let names = tensors.names();
    let views = names.iter().map(|name| Ok((name.as_str(), tensors.get(name, Dtype::F32)?)));
    let views = views.collect::<Result<Vec<_>, Malformed>>()?;
    let found = header.checksum_with(views.into_iter().map(|(name, (shape, bytes))| (name, shape, bytes)))?;
    match found == stored {
        true => Ok(()),
        false => Err(unexpected(format!("the checksum {stored}"), format!("{found}: the file was altered")).into()),
    }
}

/// The names of the tensors with the rows of a one-hot embedding: the input weights of each direction.
fn one_hot_names(shape: &EncoderShape) -> Vec<String> {
    let suffixes = ["", "_reverse"].iter().take(shape.directions());
    suffixes.map(|suffix| format!("{}.weight_ih_l0{suffix}", shape.cell)).collect()
}
