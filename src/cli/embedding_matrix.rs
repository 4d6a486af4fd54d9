//! `vocable embedding-matrix`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use vocable::files::{check_writable, matrix_format, save_matrix, vocabulary_file, write_atomic};
use vocable::nn::{self, EmbeddingMatrixOptions};
use vocable::report;
use vocable::vectors::Case;

use super::common::VectorArgs;
use super::output::{self, Failure, Output};
use super::paths::check_distinct;
use super::training_options::case;

/// Common names of the padding token.
pub const PADS: [&str; 4] = ["", "<pad>", "[PAD]", "<PAD>"];

/// Common names of the unknown-word token.
pub const UNKNOWNS: [&str; 4] = ["<unk>", "[UNK]", "<UNK>", "<oov>"];

/// Write the embedding matrix for the vocabulary of another tool.
///
/// VOCAB is a list with one word per line, a JSON list, a JSON object from word to index, or a tokenizer.json. Row i of the matrix is
/// the vector of the word with index i, or a random row for an out-of-vocabulary word, as in `vocable train`. An index without a word
/// gets a zero row.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct EmbeddingMatrix {
    /// Vocabulary file
    #[arg(value_name = "VOCAB")]
    vocabulary: PathBuf,
    /// File to write: a NumPy array (.npy), or a safetensors file with the tensor `weight` (.safetensors)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Padding token of the vocabulary; its row is zero
    #[arg(long, value_name = "TOKEN")]
    pad: Option<String>,
    /// Unknown-word token of the vocabulary; its row is that of `<unk>` in the vectors, or the mean of all rows
    #[arg(long, value_name = "TOKEN")]
    unk: Option<String>,
    /// How words are looked up
    #[arg(long, value_name = "HOW", default_value = "exact", value_parser = case())]
    case: Case,
    /// Write the out-of-vocabulary words to FILE, one per line
    #[arg(long, value_name = "FILE")]
    unknown_list: Option<PathBuf>,
    /// Standard deviation of the random rows of out-of-vocabulary words
    #[arg(long, value_name = "X", default_value_t = EmbeddingMatrixOptions::default().oov_std)]
    oov_std: f64,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = EmbeddingMatrixOptions::default().seed)]
    seed: u64,
    #[command(flatten)]
    vectors: VectorArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable embedding-matrix vocab.txt --vectors glove.6B.300d.txt --out matrix.npy --pad '<pad>' --unk '<unk>'
  vocable embedding-matrix tokenizer.json --vectors glove.safetensors --out weight.safetensors --pad '[PAD]' --unk '[UNK]' --case fold

docs/reference/embedding-matrix.md shows how to load it into PyTorch and Keras.";

#[derive(Serialize)]
struct EmbeddingMatrixResult {
    file: String,
    rows: usize,
    dimension: usize,
    known: usize,
    unknown: usize,
    without_word: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_list: Option<String>,
}

impl EmbeddingMatrix {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        matrix_format(&self.out)?;
        check_distinct(
            &[("VOCAB", Some(&self.vocabulary)), ("--vectors", self.vectors.path().as_deref())],
            &[("--out", Some(&self.out)), ("--unknown-list", self.unknown_list.as_deref())],
        )?;
        check_writable(&self.out)?;
        let vocabulary = vocabulary_file(&self.vocabulary)?;
        let vectors = Arc::new(self.vectors.open()?);
        let special = |token: &Option<String>| token.as_ref().map(|token| token.clone().into_bytes());
        let options = EmbeddingMatrixOptions {
            pad: special(&self.pad),
            unknown: special(&self.unk),
            case: self.case,
            oov_std: self.oov_std,
            seed: self.seed,
        };
        let matrix = nn::EmbeddingMatrix::for_vocabulary(&vectors, &vocabulary, &options)?;
        let word = |row: &usize| vocabulary.get(*row).and_then(Option::as_deref).unwrap_or_default();
        matrix.unknown.iter().for_each(|row| warn_special(*row, word(row)));
        save_matrix(&self.out, &matrix.values, matrix.dimension)?;
        if let Some(path) = &self.unknown_list {
            write_atomic(path, |out| {
                matrix.unknown.iter().try_for_each(|row| {
                    out.write_all(word(row))?;
                    out.write_all(b"\n")
                })
            })?;
        }
        let written = EmbeddingMatrixResult {
            file: self.out.to_string_lossy().into_owned(),
            rows: matrix.rows(),
            dimension: matrix.dimension,
            known: matrix.known,
            unknown: matrix.unknown.len(),
            without_word: matrix.without_word.len(),
            unknown_list: self.unknown_list.as_ref().map(|path| path.to_string_lossy().into_owned()),
        };
        if output.json {
            output.json(&written)?;
        } else {
            output.text(format_args!(
                "{}: {} rows x {}; words in the vectors: {}, out of vocabulary: {}\n",
                written.file,
                report::thousands(written.rows),
                written.dimension,
                report::thousands(written.known),
                report::thousands(written.unknown)
            ))?;
            if written.without_word > 0 {
                output::note(format_args!(
                    "{} rows have no word and are zero",
                    report::thousands(written.without_word)
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a warning if an out-of-vocabulary word has the name of a special token.
fn warn_special(row: usize, word: &[u8]) {
    let has = |names: &[&str]| names.iter().any(|name| name.as_bytes() == word);
    let option = match (has(&PADS), has(&UNKNOWNS)) {
        (true, _) => "pad",
        (_, true) => "unk",
        _ => return,
    };
    let name = String::from_utf8_lossy(word);
    output::warn(format_args!(
        "row {row}, `{name}`, is not in the vectors and gets a random row; if it is a special token, use --{option} '{name}'"
    ));
}
