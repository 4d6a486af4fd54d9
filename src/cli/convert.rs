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

/// Write vectors in another format; the table file (.safetensors) opens at once.
///
/// The format of IN is told by content, that of OUT by its name: .safetensors (table), .txt (glove), .vec (word2vec), .bin
/// (word2vec-binary), .npy (numpy, with the words in .words.txt beside it), .tsv (projector, with the words in
/// .metadata.tsv beside it); text and word2vec binary are gzipped if .gz follows. --to fasttext writes fastText's .bin.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Convert {
    /// File of vectors to read
    #[arg(value_name = "IN")]
    input: PathBuf,
    /// File to write; it is replaced once the new one is whole
    #[arg(value_name = "OUT")]
    output: PathBuf,
    /// Format to write, if OUT's name should not tell: glove, word2vec, word2vec-binary, fasttext,
    /// numpy, table, projector
    #[arg(long, value_name = "NAME")]
    to: Option<Format>,
    /// Keep the first N rows only; in most files they are the most frequent words
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// Keep the words listed in FILE only, one a line, `-` for standard input; rows stay in the order of IN. From a fastText .bin, listed words
    /// without a row get one from their character n-grams
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
    /// How a table or an array stores numbers: f32, or f16 for half the size (it then says what that costs in cosine)
    #[arg(long, value_name = "TYPE", default_value = "f32")]
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
struct Written {
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
            return Err(Error::invalid("--top", "a number from 1", "0").into());
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
        let written = Written {
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
                    "as halves: a row's cosine with its stored form falls short of 1 by {:.1e} at the most (`{}`); over {} \
                     random pairs, cosines change by {:.1e} at the most\n",
                    1.0 - halves.min_cosine,
                    halves.min_cosine_word,
                    report::thousands(halves.pairs),
                    halves.max_change
                ))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The rows that were asked for; `None` for all of them.
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
                    "{}: {} of {} words have no row and get one from their character n-grams",
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
