//! `vocable convert`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::files::ElementType;
use vocable::files::save::format_for;
use vocable::files::{Format, check_writable};
use vocable::{Error, Vectors, report};

use super::common::ReadArgs;
use super::input::{listed_words, without_row};
use super::output::{self, Failure, Output};
use super::values;

/// Convert vectors to another format, such as a table file (.safetensors) that opens instantly.
///
/// The format of IN is detected from its content, that of OUT from its extension: .safetensors (table), .txt (glove), .vec
/// (word2vec), .bin (word2vec-binary), .npy (numpy, with the words next to it in .words.txt), .tsv (projector, with the words next to it
/// in .metadata.tsv). Add .gz to compress text or word2vec binary. Use --to fasttext to write fastText's .bin.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Convert {
    /// Vector file to read
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// File to write; an existing file is replaced once the new one is complete
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Override the output format
    #[arg(long, value_name = "FORMAT", value_parser = values::named::<Format>())]
    to: Option<Format>,
    /// Keep only the first N rows, which are the most frequent words in most files
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Keep only the words listed in FILE, one per line; `-` reads standard input
    ///
    /// Rows keep the order of IN. With a fastText .bin, listed words without a row get a vector from their character n-grams.
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
    /// Number type of a table file or NumPy array; f16 halves the size, and the change in cosine is reported
    #[arg(long, value_name = "TYPE", default_value = "f32", value_parser = values::named::<ElementType>())]
    dtype: ElementType,
    #[command(flatten)]
    read: ReadArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable convert glove.6B.50d.txt glove.safetensors
  vocable convert GoogleNews-vectors-negative300.bin.gz news.safetensors --top 500000 --dtype f16
  vocable convert glove.safetensors small.vec --words vocabulary.txt";

#[derive(Serialize)]
struct ConvertResult {
    files: Vec<String>,
    format: &'static str,
    rows: usize,
    dimension: usize,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    halves: Option<Halves>,
}

#[derive(Serialize)]
struct Halves {
    min_cosine: f64,
    min_cosine_word: String,
    max_change: f64,
    pairs: usize,
}

impl Convert {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let format = self.to.or_else(|| format_for(&self.output)).ok_or_else(|| {
            let expected = "a name that ends in .safetensors, .txt, .vec, .bin, .npy or .tsv, or --to FORMAT";
            Error::invalid("OUT", expected, format!("`{}`", self.output.display()))
        })?;
        if self.top == Some(0) {
            return Err(Error::invalid("--top", "at least 1", "0").into());
        }
        check_writable(&self.output)?;
        let vectors = self.read.open(&self.input)?;
        let chosen = self.choose(&vectors)?;
        let vectors = chosen.as_ref().unwrap_or(&vectors);
        let saved = vectors.save(&self.output, format, self.dtype)?;
        for warning in &saved.warnings {
            output::warn(format_args!("{}: {warning}", self.output.display()));
        }
        let halves = match self.dtype {
            ElementType::F32 => None,
            ElementType::F16 => {
                let difference = vectors.compare_cosines(&Vectors::open(&self.output)?)?;
                Some(Halves {
                    min_cosine: difference.min_cosine,
                    min_cosine_word: vectors.word(difference.row).into_owned(),
                    max_change: difference.max_change,
                    pairs: difference.pairs,
                })
            }
        };
        let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let written = ConvertResult {
            files: saved.files.iter().map(|file| file.to_string_lossy().into_owned()).collect(),
            format: format.name(),
            rows: vectors.len(),
            dimension: vectors.dimension(),
            bytes: saved.files.iter().map(size).sum(),
            halves,
        };
        if output.json {
            output.json(&written)?;
        } else {
            output.text(format_args!(
                "{}: {}, {} rows x {}, {}\n",
                written.files.join(" and "),
                written.format,
                report::thousands(written.rows),
                written.dimension,
                report::size(written.bytes)
            ))?;
            if let Some(halves) = &written.halves {
                output.text(format_args!(
                    "f16: the cosine of a row with its stored form differs from 1 by at most {:.1e} (`{}`); over {} random pairs, \
                     cosines change by at most {:.1e}\n",
                    1.0 - halves.min_cosine,
                    halves.min_cosine_word,
                    report::thousands(halves.pairs),
                    halves.max_change
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The selected rows; `None` for all rows.
    fn choose(&self, vectors: &Vectors) -> Result<Option<Vectors>, Error> {
        let mut others: Vec<Vec<u8>> = Vec::new();
        let mut rows: Vec<u32> = (0..vectors.len() as u32).take(self.top.unwrap_or(usize::MAX)).collect();
        if let Some(path) = &self.words {
            let listed = listed_words(path)?;
            let known: Vec<u32> = listed.iter().filter_map(|word| vectors.row_of(word)).collect();
            let mut wanted = vec![false; vectors.len()];
            known.iter().for_each(|&row| wanted[row as usize] = true);
            rows.retain(|&row| wanted[row as usize]);
            others = listed.iter().filter(|word| vectors.row_of(word).is_none()).map(<[u8]>::to_vec).collect();
            let unknown: Vec<&[u8]> =
                others.iter().map(Vec::as_slice).filter(|word| vectors.vector(word).is_none()).collect();
            let made = others.len() - unknown.len();
            if made > 0 {
                output::note(format_args!(
                    "{}: {} of {} words have no row and get a vector from their character n-grams",
                    path.display(),
                    report::thousands(made),
                    report::thousands(listed.len()),
                ));
            }
            if !unknown.is_empty() {
                output::warn(format_args!("{}: {}", path.display(), without_row(&unknown, listed.len())));
            }
        }
        if rows.len() == vectors.len() && others.is_empty() {
            return Ok(None);
        }
        vectors.subset(&rows, &others).map(Some)
    }
}
