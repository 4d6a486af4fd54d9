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
use super::training_options::case;

/// Make a model of weights that were trained in PyTorch or Keras.
///
/// WEIGHTS holds an embedding, an LSTM or plain recurrent network (tanh) and one linear layer, under the names that PyTorch's state_dict or
/// Keras' variables have, told apart by names and shapes. The rest is said here. The model predicts what the original does for texts without padding.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    /// The weights, a safetensors file
    #[arg(value_name = "WEIGHTS")]
    weights: PathBuf,
    /// The vocabulary, a word for each row of the embedding: a list, one a line; a JSON list; or JSON from word to index
    #[arg(long, value_name = "FILE")]
    words: PathBuf,
    /// A label for each output, in their order, separated by commas; of a single output, that for 0 and that for 1
    #[arg(long, value_name = "LABELS", value_delimiter = ',', required = true)]
    labels: Vec<String>,
    /// How texts were cut into words: whitespace, unicode, ptb, or jieba in builds that have it
    #[arg(long, value_name = "NAME")]
    tokenizer: Tokenizer,
    /// How words are looked up: exact, or fold (as written, then in lower case)
    #[arg(long, value_name = "HOW", default_value = "exact", value_parser = case())]
    case: Case,
    /// What the linear layer reads: the last states, or of all states the mean or the max
    #[arg(long, value_name = "HOW", default_value_t = Pooling::default())]
    pooling: Pooling,
    /// The vocabulary's word for a pad
    #[arg(long, value_name = "TOKEN")]
    pad: Option<String>,
    /// The vocabulary's word for unknown words [default: none; an unknown word is a row of zeros]
    #[arg(long, value_name = "TOKEN")]
    unk: Option<String>,
    /// Model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  vocable import weights.safetensors --words words.txt --labels neg,pos --tokenizer whitespace --out model.safetensors
  vocable import keras.safetensors --words words.json --unk '[UNK]' --labels no,yes --tokenizer unicode --out model.safetensors

docs/reference/models.md has the lines of Python that write the weights.";

#[derive(Serialize)]
struct Written {
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
                    "{}: `{name}` is taken for an ordinary word; --{option} '{name}' says what it is",
                    self.words.display()
                ));
            }
        }
        let tensors = read_tensors(&self.weights)?;
        let classifier = Classifier::import(tensors, &vocabulary, &options)
            .map_err(|e| e.in_file(self.weights.to_string_lossy()))?;
        classifier.save(&self.out)?;
        let shape = classifier.network().encoder.shape();
        let written = Written {
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
                if written.bidirectional { "two directions" } else { "one direction" },
                written.pooling,
                report::thousands(written.words),
                written.dimension,
                written.labels.join(", ")
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
