//! `vocable import`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::classifier::{Classifier, ImportOptions, Tokenizer, read_tensors};
use vocable::files::{check_writable, vocabulary_file};
use vocable::nn::Pooling;
use vocable::report;
use vocable::vectors::Case;

use super::embedding_matrix::{PADS, UNKNOWNS};
use super::output::{self, Failure, Output};
use super::paths::check_distinct;
use super::training_options::{case, pooling, tokenizer};

/// Import a model from weights trained in PyTorch or Keras.
///
/// WEIGHTS contains an embedding, an LSTM or plain recurrent network (tanh) and one linear layer, with the names of PyTorch's state_dict
/// or of Keras variables; layers are recognized by name and shape. The options provide the rest. Predictions equal those of the
/// original model for texts without padding.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    /// Weights, a safetensors file
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    /// Vocabulary, one word for each row of the embedding: a list with one word per line, a JSON list, or a JSON object from word to
    /// index
    #[arg(long, value_name = "FILE")]
    words: PathBuf,
    /// Labels of the outputs in order, separated by commas; for a single output, the labels of 0 and 1
    #[arg(long, value_name = "LABELS", value_delimiter = ',', required = true)]
    labels: Vec<String>,
    /// How texts are split into words
    #[arg(long, value_name = "NAME", value_parser = tokenizer())]
    tokenizer: Tokenizer,
    /// How words are looked up
    #[arg(long, value_name = "HOW", default_value = "exact", value_parser = case())]
    case: Case,
    /// How the hidden states of a text are pooled
    #[arg(long, value_name = "HOW", default_value_t = Pooling::default(), value_parser = pooling())]
    pooling: Pooling,
    /// Padding token of the vocabulary
    #[arg(long, value_name = "TOKEN")]
    pad: Option<String>,
    /// Unknown-word token of the vocabulary [default: none; unknown words get a zero vector]
    #[arg(long, value_name = "TOKEN")]
    unk: Option<String>,
    /// Save the model to FILE
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  vocable import weights.safetensors --words words.txt --labels neg,pos --tokenizer whitespace --out model.safetensors
  vocable import keras.safetensors --words words.json --unk '[UNK]' --labels no,yes --tokenizer unicode --out model.safetensors

docs/reference/models.md shows how to save the weights in Python.";

#[derive(Serialize)]
struct ImportResult {
    file: String,
    encoder: &'static str,
    hidden: usize,
    layers: usize,
    bidirectional: bool,
    pooling: &'static str,
    dimension: usize,
    words: usize,
    labels: Vec<String>,
}

impl Import {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        check_distinct(
            &[("WEIGHTS", Some(&self.weights)), ("--words", Some(&self.words))],
            &[("--out", Some(&self.out))],
        )?;
        check_writable(&self.out)?;
        let vocabulary = vocabulary_file(&self.words)?;
        let special = |token: &Option<String>| token.as_ref().map(|token| token.clone().into_bytes());
        let options = ImportOptions {
            labels: self.labels.clone(),
            tokenizer: self.tokenizer,
            case: self.case,
            pooling: self.pooling,
            pad: special(&self.pad),
            unknown: special(&self.unk),
        };
        for (given, names, option) in [(&options.pad, PADS, "pad"), (&options.unknown, UNKNOWNS, "unk")] {
            let known = |name: &&&str| vocabulary.iter().flatten().any(|word| word == name.as_bytes());
            if let (None, Some(name)) = (given, names.iter().find(known)) {
                output::warn(format_args!(
                    "{}: `{name}` is treated as an ordinary word; if it is a special token, use --{option} '{name}'",
                    self.words.display()
                ));
            }
        }
        let tensors = read_tensors(&self.weights)?;
        let classifier = Classifier::import(tensors, &vocabulary, &options)
            .map_err(|e| e.in_file(self.weights.to_string_lossy()))?;
        classifier.save(&self.out)?;
        let shape = classifier.network().encoder.shape();
        let written = ImportResult {
            file: self.out.to_string_lossy().into_owned(),
            encoder: shape.cell.name(),
            hidden: shape.hidden,
            layers: shape.layers,
            bidirectional: shape.bidirectional,
            pooling: shape.pooling.name(),
            dimension: shape.input,
            words: classifier.vocabulary().len(),
            labels: self.labels.clone(),
        };
        if output.json {
            output.json(&written)?;
        } else {
            output.text(format_args!(
                "{}: {} of {} x {}, {}, pooling {}; {} words x {}, labels {}\n",
                written.file,
                written.encoder,
                written.layers,
                written.hidden,
                if written.bidirectional { "bidirectional" } else { "unidirectional" },
                written.pooling,
                report::thousands(written.words),
                written.dimension,
                written.labels.join(", ")
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
