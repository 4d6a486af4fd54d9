//! `vocable embed`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use vocable::classifier::{TextVectors, Tokenizer, Weighting, WordFrequencies};
use vocable::files::bytes;
use vocable::tables::{vector_column, vector_field};
use vocable::vectors::Case;

use super::common::VectorArgs;
use super::output::{self, Failure, Output};
use super::tables::{TableArgs, thousands};
use super::training_options::{case, tokenizer};

/// Compute a vector for each text of a table: the mean of its word vectors, optionally weighted by word frequency.
///
/// Rows keep their order and get a new column `vector`; an `.npy` file contains only the vectors, one row per text.
/// Out-of-vocabulary words are skipped; a text without known words has a zero vector.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  vocable embed --vectors glove.safetensors --in texts.parquet --out vectors.parquet\n  \
                  vocable embed --vectors glove.safetensors --in notes.txt --out notes.npy --weighting frequency"
)]
pub struct Embed {
    #[command(flatten)]
    tables: TableArgs,
    /// Column or JSON key of the texts [default: text, sentence, review, ...]
    #[arg(long, value_name = "NAME", help_heading = "Tables of texts")]
    text_column: Option<String>,
    /// How texts are split into words
    #[arg(long, value_name = "NAME", default_value = "unicode", value_parser = tokenizer())]
    tokenizer: Tokenizer,
    /// How words are looked up
    #[arg(long, value_name = "HOW", default_value = "fold", value_parser = case())]
    case: Case,
    /// Weighting of words: mean (equal weights), or frequency (a / (a + relative frequency), as in SIF)
    #[arg(long, value_name = "HOW", value_enum, default_value_t = WeightingName::Mean)]
    weighting: WeightingName,
    /// The parameter a of the frequency weighting; smaller values reduce the weight of frequent words
    #[arg(long, value_name = "A", default_value_t = 1e-3)]
    a: f64,
    /// Word counts for the frequency weighting, one `WORD COUNT` per line [default: estimated from the row numbers by Zipf's
    /// law]
    #[arg(long, value_name = "FILE")]
    counts: Option<PathBuf>,
    #[command(flatten)]
    vectors: VectorArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum WeightingName {
    Mean,
    Frequency,
}

impl Embed {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let frequencies = match &self.counts {
            Some(_) if self.weighting == WeightingName::Mean => {
                return Err(vocable::Error::other("--counts requires --weighting frequency").into());
            }
            Some(path) => {
                let frequencies = WordFrequencies::parse(&bytes::open(path, None)?.0);
                frequencies.map_err(|e| e.in_file(path.to_string_lossy()))?
            }
            None => WordFrequencies::Zipf,
        };
        let weighting = match self.weighting {
            WeightingName::Mean => Weighting::Mean,
            WeightingName::Frequency => Weighting::Frequency { a: self.a, frequencies },
        };
        let table = Arc::new(self.vectors.open()?);
        let of_texts = TextVectors::new(Arc::clone(&table), self.tokenizer, self.case, weighting)?;
        let (mut words, mut unknown, mut zeros) = (0u64, 0u64, 0u64);
        let added = vec![vector_field(table.dimension(), &self.tables.prefix)];
        self.tables.pass(self.text_column.as_deref(), added, output, |texts| {
            let there: Vec<&str> = texts.iter().flatten().map(AsRef::as_ref).collect();
            let mut found = of_texts.of(&there).into_iter();
            let all: Vec<_> = texts.iter().map(|text| text.as_ref().and_then(|_| found.next())).collect();
            for vector in all.iter().flatten() {
                words += vector.words as u64;
                unknown += vector.unknown as u64;
                zeros += u64::from(vector.words == vector.unknown);
            }
            Ok(vec![vector_column(table.dimension(), &all)?])
        })?;
        if unknown > 0 {
            output::note(format_args!("{} of {} words have no vector", thousands(unknown), thousands(words)));
        }
        if zeros > 0 {
            output::warn(format_args!("texts without known words, with zero vectors: {}", thousands(zeros)));
        }
        Ok(ExitCode::SUCCESS)
    }
}
