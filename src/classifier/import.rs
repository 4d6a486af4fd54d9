//! Import of models from PyTorch and Keras: the weights of an embedding, an LSTM or plain recurrent network, and a linear layer.
//!
//! The framework is detected from the names of the tensors. Keras stores matrices transposed and has one bias vector instead of two; the
//! order of its gates, i, f, c, o, is that of PyTorch.

mod names;
mod tensor;
mod weights;

use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors};

use self::names::model_weights;
pub use self::tensor::NamedTensor;
use self::tensor::unexpected;
use self::weights::ModelWeights;
use super::{Classifier, Network, Tokenizer};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::{Words, bytes};
use crate::nn::{CellKind, Dense, Embedding, EmbeddingMode, Encoder, EncoderShape, Pooling};
use crate::vectors::Case;

/// What the weights of a model do not determine.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// The labels in the order of the outputs.
    pub labels: Vec<String>,
    /// The tokenizer that the model was trained with.
    pub tokenizer: Tokenizer,
    /// How words are looked up.
    pub case: Case,
    /// How states are pooled for the linear layer.
    pub pooling: Pooling,
    /// The word of the vocabulary for pads, if it has one.
    pub pad: Option<Vec<u8>>,
    /// The word of the vocabulary for unknown words; without one, the row of unknown words is zero.
    pub unknown: Option<Vec<u8>>,
}

/// Reads the floating-point tensors of a safetensors file. Other tensors, such as the state of a random number generator, are skipped.
///
/// # Errors
/// [`Error::Io`]; a file that is not a safetensors file.
pub fn read_tensors(path: impl AsRef<Path>) -> Result<Vec<NamedTensor>> {
    let path = path.as_ref();
    let (bytes, _) = bytes::open(path, None)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| {
        Error::from(
            Malformed::at(Place::File, "a safetensors file with weights", format!("something else ({e})"))
                .in_file(path.to_string_lossy()),
        )
    })?;
    let mut found = Vec::new();
    for (name, view) in tensors.iter() {
        let data = view.data();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Dtype::F64 => data.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
            Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
            Dtype::BF16 => data.as_chunks().0.iter().map(|&bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
            _ => continue,
        };
        found.push(NamedTensor { name: name.to_owned(), shape: view.shape().to_vec(), values });
    }
    Ok(found)
}

impl Classifier {
    /// Creates a classifier from the weights of a PyTorch or Keras model.
    ///
    /// `vocabulary` has the word of each row of the embedding, `None` for rows without a word. The model consists of `nn.Embedding`,
    /// `nn.LSTM` or `nn.RNN` (with tanh) and `nn.Linear`, or of `Embedding`, `LSTM` or `SimpleRNN` and `Dense`. It may have any number of
    /// layers of the same size, be bidirectional, and have no biases. A linear layer with a single output, which is the logit of the
    /// second of two labels, is converted to one with two outputs.
    ///
    /// # Errors
    /// Missing or unsupported tensors, inconsistent shapes, non-finite values; a vocabulary of another size than the embedding; fewer than
    /// two labels, or a repeated label.
    pub fn import(
        tensors: Vec<NamedTensor>,
        vocabulary: &[Option<Vec<u8>>],
        options: &ImportOptions,
    ) -> Result<Classifier> {
        let labels = &options.labels;
        if labels.len() < 2 {
            return Err(Error::invalid("labels", "two or more", labels.len().to_string()));
        }
        if let Some(repeated) = (1..labels.len()).find(|&i| labels[..i].contains(&labels[i])) {
            return Err(Error::invalid("labels", "distinct labels", format!("`{}` twice", labels[repeated])));
        }
        tensors.iter().try_for_each(check)?;
        let mut weights = model_weights(tensors)?;
        let shape = shape_of(&weights, options.pooling)?;

        let table = weights.take("embedding.weight", &[vocabulary.len(), shape.input]).map_err(|e| {
            e.advise("the vocabulary must have one line for each row of the embedding, including those of pad and unknown words")
        })?;
        let (words, rows) = rows_of_words(vocabulary, &table, shape.input, options)?;
        let embedding = Embedding::from_weights(rows, shape.input, EmbeddingMode::Tuned)?;

        let mut encoder = Encoder::zeros(shape);
        let names: Vec<(String, Vec<usize>)> = encoder.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
        let has_bias = weights.has("bias_ih_l0");
        for ((name, shape), target) in names.iter().zip(encoder.parameters_mut()) {
            if has_bias || !name.starts_with("bias") {
                target.copy_from_slice(&weights.take(name, shape)?);
            }
        }
        let head = head_of(&mut weights, shape.output(), labels.len())?;
        weights.check_all_used()?;
        Classifier::new(labels.clone(), words, options.tokenizer, options.case, Network { embedding, encoder, head })
    }
}

/// Checks that the shape matches the number of values, and that all values are finite.
fn check(tensor: &NamedTensor) -> Result<(), Malformed> {
    let NamedTensor { name, shape, values } = tensor;
    let size = shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n));
    if size != Some(values.len()) || values.is_empty() {
        return Err(unexpected(format!("numbers in `{name}`"), format!("{} for the shape {shape:?}", values.len())));
    }
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(unexpected(format!("finite numbers in `{name}`"), value.to_string())),
        None => Ok(()),
    }
}

/// The shape of the encoder, after checking that all its layers exist.
fn shape_of(weights: &ModelWeights, pooling: Pooling) -> Result<EncoderShape, Malformed> {
    let &[sums, hidden] = weights.shape("weight_hh_l0")? else {
        return Err(weights.unexpected_shape("weight_hh_l0", "a matrix"));
    };
    let cell = match sums.checked_div(hidden).filter(|gates| gates * hidden == sums) {
        Some(4) => CellKind::Lstm,
        Some(1) => CellKind::Rnn,
        Some(3) => {
            return Err(
                weights.unexpected_shape("weight_hh_l0", "that of an LSTM or a plain recurrent network, not a GRU's")
            );
        }
        _ => {
            return Err(weights
                .unexpected_shape("weight_hh_l0", "4H x H as in an LSTM, or H x H as in a plain recurrent network"));
        }
    };
    let layers = (0..).take_while(|layer| weights.has(&format!("weight_hh_l{layer}"))).count();
    for layer in 1..layers {
        weights.check_shape(&format!("weight_hh_l{layer}"), &[sums, hidden])?;
    }
    let &[_, input] = weights.shape("embedding.weight")? else {
        return Err(weights.unexpected_shape("embedding.weight", "a matrix"));
    };
    weights.check_shape("weight_ih_l0", &[sums, input])?;
    let bidirectional = weights.has("weight_hh_l0_reverse");
    Ok(EncoderShape { cell, input, hidden, layers, bidirectional, pooling })
}

/// The words of a model, and their rows after those of pad and unknown word.
fn rows_of_words(
    vocabulary: &[Option<Vec<u8>>],
    table: &[f32],
    width: usize,
    options: &ImportOptions,
) -> Result<(Words, Vec<f32>)> {
    for (what, special) in [("pad", &options.pad), ("word for unknown words", &options.unknown)] {
        if let Some(word) = special.as_ref().filter(|word| !vocabulary.iter().flatten().any(|other| other == *word)) {
            let found = format!("`{}`, which it does not have", String::from_utf8_lossy(word));
            return Err(Error::invalid(what, "a word of the vocabulary", found));
        }
    }
    let mut words: Vec<&str> = Vec::new();
    let mut rows = vec![0.0; 2 * width];
    for (index, (word, row)) in vocabulary.iter().zip(table.chunks_exact(width)).enumerate() {
        let Some(word) = word else { continue };
        let is_unknown = options.unknown.as_ref() == Some(word);
        if is_unknown {
            rows[width..2 * width].copy_from_slice(row);
        }
        if is_unknown || options.pad.as_ref() == Some(word) {
            continue;
        }
        words.push(std::str::from_utf8(word).map_err(|_| {
            let found = format!("`{}` at row {index}", String::from_utf8_lossy(word));
            Error::invalid("vocabulary", "words in UTF-8", found)
        })?);
        rows.extend_from_slice(row);
    }
    Ok((words.into_iter().collect(), rows))
}

/// The linear layer, `[D H]` to `[C]`.
fn head_of(weights: &mut ModelWeights, input: usize, classes: usize) -> Result<Dense<f32>, Malformed> {
    let mut head = Dense::zeros(input, classes);
    // A single output is the logit of the second label; that of the first is 0.
    let single = classes == 2 && weights.shape("head.weight")?.first() == Some(&1);
    let (outputs, first) = if single { (1, 1) } else { (classes, 0) };
    let weight = weights.take("head.weight", &[outputs, input]).map_err(|e| {
        e.advise(
            "the linear layer must have one output for each label, and its inputs must be the states of all directions",
        )
    })?;
    head.weight[first * input..].copy_from_slice(&weight);
    if weights.has("head.bias") {
        head.bias[first..].copy_from_slice(&weights.take("head.bias", &[outputs])?);
    }
    Ok(head)
}
