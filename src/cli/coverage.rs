//! `vocable coverage`

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use clap::builder::TypedValueParser;
use vocable::classifier::{Coverage as CoverageCounts, TokenCounter, Tokenizer, UnlabelledTexts};
use vocable::report::json::CoverageResult;
use vocable::vectors::Case;
use vocable::{Error, report};

use super::common::VectorArgs;
use super::output::{self, Failure, Output};
use super::training_options::DataFormatArgs;
use super::values;

/// Measure how many tokens and words of a data set are in the vocabulary, and list the most frequent unknown words.
///
/// A word is looked up as written, then in lower case, then through its character n-grams (fastText models). Labelled texts are read
/// as by `vocable train`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vocable coverage train.txt --vectors glove.6B.50d.txt --tokenizer all\n  \
                  vocable coverage notes.txt --unlabelled -k 50")]
pub struct Coverage {
    /// Labelled texts
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// The file contains only texts, one per line, without labels
    #[arg(long, conflicts_with_all = ["data_format", "label_column", "text_column"])]
    unlabelled: bool,
    #[command(flatten)]
    form: DataFormatArgs,
    /// Tokenizer; `all` compares all of them
    #[arg(long, value_name = "NAME", default_value = "unicode", value_parser = tokenizers())]
    tokenizer: Tokenizers,
    /// Maximum number of unknown words to list, the most frequent first
    #[arg(short, value_name = "N", default_value_t = 10)]
    k: usize,
    #[command(flatten)]
    vectors: VectorArgs,
}

/// One tokenizer, or all of them.
#[derive(Debug, Clone)]
struct Tokenizers(Vec<Tokenizer>);

impl FromStr for Tokenizers {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Ok(Tokenizers(if name == "all" { Tokenizer::ALL.to_vec() } else { vec![name.parse()?] }))
    }
}

fn tokenizers() -> impl TypedValueParser<Value = Tokenizers> {
    values::one_of(Tokenizer::ALL.iter().map(|tokenizer| tokenizer.name()).chain(["all"]))
}

impl Coverage {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let file = self.data.to_string_lossy();
        let counted = self.count(&file)?;
        let texts = counted.first().map_or(0, TokenCounter::texts);
        let vectors = self.vectors.open()?;
        let coverages = counted.into_iter().map(|counted| counted.coverage(&vectors, Case::Fold));
        let coverages: Vec<CoverageCounts> = coverages.collect::<Result<_, Error>>()?;
        if !output.json {
            output.text(format_args!("{file}: {}\n\n", report::counted(texts, "text")))?;
            output.text(report::coverage(&coverages, self.k, output.width))?;
            return Ok(ExitCode::SUCCESS);
        }
        for coverage in &coverages {
            output.json(&CoverageResult::new(&file, coverage, self.k))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Counts the words of the texts with each tokenizer.
    fn count(&self, file: &str) -> Result<Vec<TokenCounter>, Failure> {
        let mut counted: Vec<TokenCounter> = self.tokenizer.0.iter().map(|&name| TokenCounter::new(name)).collect();
        #[cfg(feature = "arrow")]
        if vocable::tables::is_columnar(&self.data)? {
            self.count_table(file, &mut counted)?;
            return Ok(counted);
        }
        let texts: Vec<String> = if self.unlabelled {
            let lines = UnlabelledTexts::open(&self.data)?;
            output::warn_replaced(file, lines.replaced);
            lines.texts
        } else {
            self.form.open(&self.data)?.texts.into_iter().map(|text| text.text).collect()
        };
        counted.iter_mut().for_each(|counted| counted.add(&texts));
        Ok(counted)
    }

    /// Counts the words of a Parquet or Arrow file, chunk by chunk.
    #[cfg(feature = "arrow")]
    fn count_table(&self, file: &str, counted: &mut [TokenCounter]) -> Result<(), Failure> {
        use vocable::tables::{TableReader, TableReaderOptions, process};

        let text_column = self.form.text_column_alone()?.map(str::to_owned);
        let reader =
            TableReader::open(&self.data, &TableReaderOptions { text_column, ..TableReaderOptions::default() })?;
        let count = |texts: &[Option<std::borrow::Cow<str>>]| {
            let there: Vec<&str> = texts.iter().flatten().map(AsRef::as_ref).collect();
            counted.iter_mut().for_each(|counted| counted.add(&there));
            Ok(Vec::new())
        };
        let passed = process(reader, None, count, |_| ())?;
        output::warn_replaced(file, passed.replaced as usize);
        Ok(())
    }
}
