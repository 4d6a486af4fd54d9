//! `vocable export`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::classifier::{Classifier, ONNX_OPSET};
use vocable::files::check_writable;
use vocable::{Error, report};

use super::output::{Failure, Output};
use super::paths::check_distinct;

/// Write a model as ONNX, which onnxruntime runs from Python, C#, Java, JavaScript and more.
///
/// The file takes ids of words and lengths of texts, and answers logits and probabilities, for any number of texts of any length. Its metadata
/// holds labels, tokenizer and words.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  vocable export model.safetensors model.onnx\n\ndocs/reference/models.md has the lines that run it."
)]
pub struct Export {
    /// A model that `vocable train` saved
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// File to write, named .onnx; it is replaced once the new one is whole
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Write labels, tokenizer and words to FILE too, as JSON, for where metadata cannot be read
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    vocabulary: Option<String>,
    opset: i64,
    words: usize,
    labels: Vec<String>,
    bytes: u64,
}

impl Export {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        if !self.out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")) {
            return Err(Error::invalid("OUT", "a name in .onnx", format!("`{}`", self.out.display())).into());
        }
        check_distinct(
            &[("MODEL", Some(&self.model))],
            &[("OUT", Some(&self.out)), ("--vocabulary", self.vocabulary.as_deref())],
        )?;
        check_writable(&self.out)?;
        self.vocabulary.as_deref().map_or(Ok(()), check_writable)?;
        let classifier = Classifier::open(&self.model)?;
        classifier.save_onnx(&self.out)?;
        if let Some(path) = &self.vocabulary {
            classifier.save_onnx_vocabulary(path)?;
        }
        let written = Written {
            file: self.out.to_string_lossy().into_owned(),
            vocabulary: self.vocabulary.as_ref().map(|path| path.to_string_lossy().into_owned()),
            opset: ONNX_OPSET,
            words: classifier.vocabulary().len(),
            labels: classifier.labels().to_vec(),
            bytes: std::fs::metadata(&self.out).map_or(0, |metadata| metadata.len()),
        };
        if output.json {
            output.json(&written)?;
        } else {
            output.text(format_args!(
                "{}: ONNX, operators of version {}; {} words, labels {}, {}\n",
                written.file,
                written.opset,
                report::thousands(written.words),
                written.labels.join(", "),
                report::size(written.bytes)
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
