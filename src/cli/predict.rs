//! `vocable predict`

use std::borrow::Cow;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use vocable::classifier::{Classifier, MetricsReport, Prediction};
use vocable::report::json::PredictionResult;
use vocable::{Error, report};

use super::common::VectorArgs;
use super::input::skip_bom;
use super::output::{self, Failure, Output};
use super::training_options::DataFormatArgs;

/// Maximum number of lines in a batch.
const MAX_BATCH: usize = 1024;

/// Predict the labels of texts.
///
/// Reads texts from standard input, one per line, and prints the label and the probabilities of each. The model contains the vectors of
/// its vocabulary. With --vectors, other words are looked up in that file; fastText models also provide vectors for unknown words.
///
/// With --in and --out (in builds with the feature `arrow`), reads a table of texts and writes it with new columns: Parquet, Arrow, CSV,
/// TSV or JSON Lines, including files larger than memory.
///
/// With --evaluate, evaluates the model on labelled texts instead.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  echo 'a warm and funny film' | vocable predict model.safetensors --json\n  \
                  vocable predict model.safetensors --evaluate test.txt\n  \
                  vocable predict model.safetensors --in texts.parquet --out labels.parquet")]
pub struct Predict {
    /// Model saved by `vocable train`
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Evaluate the model on labelled texts: accuracy, F1, confusion matrix and more
    #[arg(long, value_name = "FILE")]
    evaluate: Option<PathBuf>,
    #[command(flatten)]
    form: DataFormatArgs,
    #[command(flatten)]
    vectors: VectorArgs,
    #[cfg(feature = "arrow")]
    #[command(flatten)]
    tables: super::tables::TableArgs,
    /// Write a column with the probability of each label, rather than only that of the predicted label
    #[cfg(feature = "arrow")]
    #[arg(long, requires = "input", help_heading = "Tables of texts")]
    probabilities: bool,
}

impl Predict {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        #[cfg(feature = "arrow")]
        if self.tables.are_given() {
            return self.run_on_tables(output);
        }
        if self.evaluate.is_none() && self.form.is_given() {
            let options = "--data-format, --label-column and --text-column";
            return Err(Error::other(format!("{options} require --evaluate")).into());
        }
        let classifier = self.open()?;
        if let Some(path) = &self.evaluate {
            let metrics = classifier.evaluate(&self.form.open(path)?)?;
            let labels = classifier.labels();
            if output.json {
                output.json(&MetricsReport::of(&metrics, labels))?;
            } else {
                output.text(report::metrics(labels, &[("evaluated", &metrics)]))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let mut input = BufReader::new(std::io::stdin().lock());
        skip_bom(&mut input)?;
        let (mut texts, mut replaced, mut empty) = (Vec::new(), 0usize, 0usize);
        loop {
            let mut line = Vec::new();
            let read = input.read_until(b'\n', &mut line)?;
            if read > 0 {
                let text = line.strip_suffix(b"\n").unwrap_or(&line);
                let text = text.strip_suffix(b"\r").unwrap_or(text);
                let text = String::from_utf8_lossy(text);
                replaced += usize::from(matches!(text, Cow::Owned(_)));
                texts.push(text.into_owned());
            }
            // Interactive users and programs that wait for each result get it immediately.
            let has_buffered_line = read > 0 && texts.len() < MAX_BATCH && input.buffer().contains(&b'\n');
            if !has_buffered_line {
                for prediction in classifier.predict(&texts) {
                    empty += usize::from(prediction.words == 0);
                    print(&classifier, &prediction, output)?;
                }
                output.flush()?;
                texts.clear();
            }
            if read == 0 {
                break;
            }
        }
        if replaced > 0 {
            output::warn(format_args!("{replaced} lines are not valid UTF-8; the invalid bytes were replaced"));
        }
        warn_empty(empty);
        Ok(ExitCode::SUCCESS)
    }
}

impl Predict {
    fn open(&self) -> Result<Classifier, Failure> {
        let mut classifier = Classifier::open(&self.model)?;
        // Only vectors named by the option: those of the environment may not be those of the model.
        if let Some(path) = self.vectors.named() {
            classifier.attach_vectors(&Arc::new(self.vectors.read.open(path)?))?;
        }
        Ok(classifier)
    }

    /// Predicts the labels of a table of texts.
    #[cfg(feature = "arrow")]
    fn run_on_tables(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        use vocable::tables::{label_columns, label_fields};

        if self.evaluate.is_some() {
            return Err(Error::other("--in and --evaluate cannot be used together").into());
        }
        let text_column = self.form.text_column_alone()?;
        let classifier = self.open()?;
        let added = label_fields(classifier.labels(), self.probabilities, &self.tables.prefix);
        let mut empty = 0;
        self.tables.pass(text_column, added, output, |texts| {
            let (columns, without_words) = label_columns(&classifier, texts, self.probabilities);
            empty += without_words;
            Ok(columns)
        })?;
        warn_empty(empty);
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints a warning about texts without words.
fn warn_empty(empty: usize) {
    if empty > 0 {
        let lines = if empty == 1 { "1 line has".to_owned() } else { format!("{empty} lines have") };
        output::warn(format_args!("{lines} no words; the prediction there does not depend on the text"));
    }
}

fn print(classifier: &Classifier, prediction: &Prediction, output: &mut Output) -> Result<(), Failure> {
    if output.json {
        return output.json(&PredictionResult::new(classifier, prediction));
    }
    let labels = classifier.labels();
    output.text(labels.get(prediction.class).map_or("", String::as_str))?;
    for (label, probability) in labels.iter().zip(&prediction.probabilities) {
        output.text(format_args!("\t{label}={probability:.4}"))?;
    }
    output.text("\n")
}
