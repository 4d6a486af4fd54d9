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
use super::tables::{Tables, thousands};
use super::training_options::case;

/// A vector for each text of a table: the mean of its words' vectors, which may be weighted by how rare the words are.
///
/// Rows come out in their order with a new column `vector`; an `.npy` file holds the vectors alone, a row a text.
/// Words that the vectors lack are passed over; a text without any known word has a vector of zeros.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  vocable embed --vectors glove.safetensors --in texts.parquet --out vectors.parquet\n  \
                  vocable embed --vectors glove.safetensors --in notes.txt --out notes.npy --weighting frequency"
)]
pub struct Embed {
    #[command(flatten)]
    tables: Tables,
    /// Column or JSON key of the text [default: text, sentence, review, ...]
    #[arg(long, value_name = "NAME", help_heading = "Tables of texts")]
    text_column: Option<String>,
    /// How texts are cut into words: unicode, ptb, whitespace, jieba (in builds that have it)
    #[arg(long, value_name = "NAME", default_value = "unicode")]
    tokenizer: Tokenizer,
    /// How words are looked up: exact, or fold (in lower case, too, where they are not found as written)
    #[arg(long, value_name = "HOW", default_value = "fold", value_parser = case())]
    case: Case,
    /// How much each word counts: all the same, or a / (a + its share of all words)
    #[arg(long, value_name = "HOW", value_enum, default_value_t = How::Mean)]
    weighting: How,
    /// The a of the frequency weighting; smaller for frequent words to count less
    #[arg(long, value_name = "A", default_value_t = 1e-3)]
    a: f64,
    /// Counts of words, `WORD COUNT` a line, for the frequency weighting [default: by Zipf's law from the words' rows]
    #[arg(long, value_name = "FILE")]
    counts: Option<PathBuf>,
    #[command(flatten)]
    vectors: VectorArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum How {
    Mean,
    Frequency,
}

impl Embed {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let frequencies = match &self.counts {
            Some(_) if self.weighting == How::Mean => {
                return Err(vocable::Error::invalid("--counts", "--weighting frequency beside it", "none").into());
            }
            Some(path) => {
                let frequencies = WordFrequencies::parse(&bytes::open(path, None)?.0);
                frequencies.map_err(|e| vocable::Error::from(e.in_file(path.to_string_lossy())))?
            }
            None => WordFrequencies::Zipf,
        };
        let weighting = match self.weighting {
            How::Mean => Weighting::Mean,
            How::Frequency => Weighting::Frequency { a: self.a, frequencies },
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
            output::warn(format_args!("texts without any known word, whose vectors are zeros: {}", thousands(zeros)));
        }
        Ok(ExitCode::SUCCESS)
    }
}
