//! Models that were trained elsewhere: the weights of an embedding, an LSTM or plain recurrent network, and a linear layer, under the names
//! that PyTorch or Keras give them.
//!
//! A PyTorch module's weights are told from Keras' by their names. Keras has its matrices the other way round, and one bias where PyTorch has
//! two; its gates i, f, c, o are in PyTorch's order.

mod names;

use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors};

use self::names::{Parts, named};
use super::{Classifier, Network, Tokenizer};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::{Words, bytes};
use crate::nn::{CellKind, Dense, Embedding, EmbeddingMode, Encoder, EncoderShape, Pooling};
use crate::vectors::Case;

/// A tensor of a model that was trained elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Its name, as in `lstm.weight_ih_l0` or `lstm/lstm_cell/kernel`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, row-major.
    pub values: Vec<f32>,
}

/// What the weights of a model do not say.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// A label for each output, in their order.
    pub labels: Vec<String>,
    /// How texts were cut into words.
    pub tokenizer: Tokenizer,
    /// How words are looked up.
    pub case: Case,
    /// What of the states the linear layer reads.
    pub pooling: Pooling,
    /// The vocabulary's word for a pad, if it has one.
    pub pad: Option<Vec<u8>>,
    /// The vocabulary's word for unknown words; without, an unknown word is a row of zeros.
    pub unknown: Option<Vec<u8>>,
}

/// Reads the tensors of floating-point numbers in a safetensors file; others, such as the state of a generator of random numbers, are
/// no weights.
///
/// # Errors
/// A file that cannot be read, or is not a safetensors file.
pub fn read_tensors(path: impl AsRef<Path>) -> Result<Vec<NamedTensor>> {
    let path = path.as_ref();
    let (bytes, _) = bytes::open(path, None)?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| {
        Error::from(
            Malformed::at(Place::File, "weights as a safetensors file", e.to_string()).in_file(path.to_string_lossy()),
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

/// What is wrong with the weights.
fn wrong(expected: impl Into<String>, found: impl Into<String>) -> Malformed {
    Malformed::at(Place::File, expected, found)
}

impl Classifier {
    /// A classifier from the weights of a model that was trained elsewhere.
    ///
    /// `vocabulary` has the word of each row of the embedding, in their order, `None` for a row that no word has. The model is one of
    /// PyTorch (`nn.Embedding`, `nn.LSTM` or `nn.RNN` with tanh, `nn.Linear`) or Keras (`Embedding`, `LSTM` or `SimpleRNN`, `Dense`), with any
    /// number of layers of one size, in one direction or two, with biases or without. A linear layer with a single output, the logit of
    /// the second of two labels, becomes one with an output each.
    ///
    /// # Errors
    /// Tensors that are missing, have shapes that do not fit together or numbers that are not finite; tensors that this kind of model
    /// has no place for; a vocabulary of another size than the embedding; fewer than two labels, or one twice.
    pub fn import(
        tensors: Vec<NamedTensor>,
        vocabulary: &[Option<Vec<u8>>],
        options: &ImportOptions,
    ) -> Result<Classifier> {
        let labels = &options.labels;
        if labels.len() < 2 {
            return Err(Error::invalid("labels", "two or more", labels.len().to_string()));
        }
        if let Some(twice) = (1..labels.len()).find(|&i| labels[..i].contains(&labels[i])) {
            return Err(Error::invalid("labels", "each label once", format!("`{}` twice", labels[twice])));
        }
        tensors.iter().try_for_each(check)?;
        let mut parts = named(tensors)?;
        let shape = shape_of(&parts, options.pooling)?;

        let table = parts.take("embedding.weight", &[vocabulary.len(), shape.input]).map_err(|e| {
            e.advise(
                "the vocabulary has a line for each row of the embedding, those of pad and unknown words among them",
            )
        })?;
        let (words, rows) = rows_of_words(vocabulary, &table, shape.input, options)?;
        let embedding = Embedding::from_weights(rows, shape.input, EmbeddingMode::Tuned)?;

        let mut encoder = Encoder::zeros(shape);
        let places: Vec<(String, Vec<usize>)> = encoder.parameters().into_iter().map(|p| (p.name, p.shape)).collect();
        let has_bias = parts.has("bias_ih_l0");
        for ((name, shape), target) in places.iter().zip(encoder.parameters_mut()) {
            if has_bias || !name.starts_with("bias") {
                target.copy_from_slice(&parts.take(name, shape)?);
            }
        }
        let head = head_of(&mut parts, shape.output(), labels.len())?;
        parts.nothing_left()?;
        Classifier::new(labels.clone(), words, options.tokenizer, options.case, Network { embedding, encoder, head })
    }
}

/// Refuses shapes that are not those of the numbers, and numbers that are not finite.
fn check(tensor: &NamedTensor) -> Result<(), Malformed> {
    let NamedTensor { name, shape, values } = tensor;
    let size = shape.iter().try_fold(1usize, |size, &n| size.checked_mul(n));
    if size != Some(values.len()) || values.is_empty() {
        return Err(wrong(format!("numbers in `{name}`"), format!("{} for the shape {shape:?}", values.len())));
    }
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(wrong(format!("finite numbers in `{name}`"), value.to_string())),
        None => Ok(()),
    }
}

/// The sizes of the encoder, once every layer that they speak of is known to be there.
fn shape_of(parts: &Parts, pooling: Pooling) -> Result<EncoderShape, Malformed> {
    let &[sums, hidden] = parts.shape("weight_hh_l0")? else {
        return Err(parts.misshapen("weight_hh_l0", "a matrix"));
    };
    let cell = match sums.checked_div(hidden).filter(|gates| gates * hidden == sums) {
        Some(4) => CellKind::Lstm,
        Some(1) => CellKind::Rnn,
        Some(3) => {
            return Err(parts.misshapen("weight_hh_l0", "that of an LSTM or a plain recurrent network, not a GRU's"));
        }
        _ => return Err(parts.misshapen("weight_hh_l0", "4H x H as an LSTM has it, or H x H as a plain network")),
    };
    let layers = (0..).take_while(|layer| parts.has(&format!("weight_hh_l{layer}"))).count();
    for layer in 1..layers {
        parts.fit(&format!("weight_hh_l{layer}"), &[sums, hidden])?;
    }
    let &[_, input] = parts.shape("embedding.weight")? else {
        return Err(parts.misshapen("embedding.weight", "a matrix"));
    };
    parts.fit("weight_ih_l0", &[sums, input])?;
    let bidirectional = parts.has("weight_hh_l0_reverse");
    Ok(EncoderShape { cell, input, hidden, layers, bidirectional, pooling })
}

/// The words of a model and their rows, behind those of the pad and of unknown words.
fn rows_of_words(
    vocabulary: &[Option<Vec<u8>>],
    table: &[f32],
    width: usize,
    options: &ImportOptions,
) -> Result<(Words, Vec<f32>)> {
    for (what, special) in [("pad", &options.pad), ("word for unknown words", &options.unknown)] {
        if let Some(word) = special.as_ref().filter(|word| !vocabulary.iter().flatten().any(|other| other == *word)) {
            let found = format!("`{}`, which it lacks", String::from_utf8_lossy(word));
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
fn head_of(parts: &mut Parts, input: usize, classes: usize) -> Result<Dense<f32>, Malformed> {
    let mut head = Dense::zeros(input, classes);
    // One output for two labels is the logit of the second, that of the first being 0.
    let single = classes == 2 && parts.shape("head.weight")?.first() == Some(&1);
    let (outputs, first) = if single { (1, 1) } else { (classes, 0) };
    let weight = parts.take("head.weight", &[outputs, input]).map_err(|e| {
        e.advise(
            "the linear layer reads the states of both directions, if there are two, and has an output for each label",
        )
    })?;
    head.weight[first * input..].copy_from_slice(&weight);
    if parts.has("head.bias") {
        head.bias[first..].copy_from_slice(&parts.take("head.bias", &[outputs])?);
    }
    Ok(head)
}
