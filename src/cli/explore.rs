//! `vocable explore`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use vocable::Error;
use vocable::Vectors;
use vocable::classifier::Classifier;
use vocable::files::BOM;
use vocable::serve::{AppState, Labels, Limits, Server};

use super::common::{ScanArgs, VectorArgs};
use super::input::{Lines, without_row};
use super::output::{self, Failure, Output};
use super::search::{check_standard_input, rows_listed};

/// Explore vectors in a browser: search, neighbours, maps, analogies.
///
/// Prints a local address to open, and serves it until Ctrl-C. It cannot be reached from other machines. The same address has a JSON
/// API, described in /v1/openapi.json.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Explore {
    /// Port to listen on [default: a free port]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Second vector file to compare with, such as the same vectors after fine-tuning
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Model saved by `vocable train`, for predictions
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Words to show on the map, one per line
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
    /// Labels that colour the map: a word, a tab and a label per line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    vectors: VectorArgs,
    #[command(flatten)]
    scan: ScanArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable explore --vectors glove.6B.50d.txt
  vocable explore --vectors glove.6B.50d.txt --labels topics.tsv
  vocable explore --vectors before.txt --compare after.txt
  vocable explore --vectors glove.6B.50d.safetensors --port 8080 --model model.safetensors";

#[derive(Serialize)]
struct ExploreResult {
    address: String,
}

impl Explore {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        check_standard_input([("--words", self.words.as_deref()), ("--labels", self.labels.as_deref())])?;
        let vectors = Arc::new(self.scan.apply(self.vectors.open()?));
        let second = self.compare.as_ref().map(|path| self.open_compared(path)).transpose()?;
        let model = self.model.as_ref().map(|path| self.open_model(path, &vectors)).transpose()?;
        let list = self.words.as_ref().map(|path| rows_listed(&vectors, path, "--words")).transpose()?;
        let labels = self.labels.as_ref().map(|path| labels(&vectors, path)).transpose()?;
        let state = AppState { vectors, second, model, list, labels };
        let server = Server::bind(state, self.port, Limits::default())?;
        let stopper = server.stopper();
        if let Err(error) = ctrlc::set_handler(move || stopper.stop()) {
            output::warn(format_args!("Ctrl-C will exit immediately: {error}"));
        }
        let address = format!("http://{}/", server.address());
        if output.json {
            output.json(&ExploreResult { address })?;
        } else {
            output.text(format_args!("{address}\n"))?;
        }
        output.flush()?;
        output::note("open this address in a browser; press Ctrl-C to stop");
        server.run()?;
        Ok(ExitCode::SUCCESS)
    }

    /// Opens the second vector file, with the same options.
    fn open_compared(&self, path: &Path) -> Result<Arc<Vectors>, Error> {
        Ok(Arc::new(self.scan.apply(self.vectors.read.open(path)?)))
    }

    fn open_model(&self, path: &Path, vectors: &Arc<Vectors>) -> Result<Classifier, Error> {
        let mut model = Classifier::open(path)?;
        // Only vectors named by the option: others may not be those of the model.
        if self.vectors.named().is_some() {
            model.attach_vectors(vectors)?;
        }
        Ok(model)
    }
}

/// Reads labels of words. Prints a warning about words without a row.
fn labels(vectors: &Vectors, path: &Path) -> Result<Labels, Error> {
    let mut lines = Lines::open(path)?;
    let mut labelled: Vec<(u32, String)> = Vec::new();
    let (mut without, mut count) = (Vec::new(), 0);
    while let Some(line) = lines.next()?.map(<[u8]>::to_vec) {
        let number = lines.number();
        let mark = if number == 1 { BOM } else { &[] };
        let line = line.strip_prefix(mark).unwrap_or(&line);
        let place = || format!("{}, line {number}", lines.name());
        let Some(tab) = line.iter().position(|&byte| byte == b'\t') else {
            let found = format!("`{}`", String::from_utf8_lossy(line));
            return Err(Error::invalid(place(), "a word, a tab and a label", found));
        };
        let (word, label) = (&line[..tab], &line[tab + 1..]);
        let label =
            std::str::from_utf8(label).map_err(|_| Error::invalid(place(), "a label in UTF-8", "other bytes"))?;
        count += 1;
        match vectors.row_of(word) {
            Some(row) => labelled.push((row, label.to_owned())),
            None => without.push(word.to_vec()),
        }
    }
    if labelled.is_empty() {
        return Err(Error::other(format!("--labels: none of the words in {} is in the vocabulary", path.display())));
    }
    if !without.is_empty() {
        let without: Vec<&[u8]> = without.iter().map(Vec::as_slice).collect();
        output::warn(format_args!("{}: {}", path.display(), without_row(&without, count)));
    }
    Ok(Labels::new(labelled.iter().map(|(row, label)| (*row, label.as_str()))))
}
