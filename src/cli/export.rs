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

/// Export a model to ONNX, for onnxruntime in Python, C#, Java, JavaScript and other languages.
///
/// Inputs are word ids and text lengths, outputs are logits and probabilities; batch size and text length are dynamic. The metadata
/// contains labels, tokenizer and vocabulary.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  vocable export model.safetensors model.onnx\n\ndocs/reference/models.md shows how to run it."
)]
pub struct Export {
    /// Model saved by `vocable train`
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// File to write, with the extension .onnx
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Also write labels, tokenizer and vocabulary to FILE as JSON, for programs that cannot read the metadata
    #[arg(long, value_name = "FILE")]
    vocabulary: Option<PathBuf>,
}

#[derive(Serialize)]
struct ExportResult {
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
            return Err(Error::invalid("OUT", "a name that ends in .onnx", format!("`{}`", self.out.display())).into());
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
        let written = ExportResult {
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
                "{}: ONNX, opset {}; {} words, labels {}, {}\n",
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
