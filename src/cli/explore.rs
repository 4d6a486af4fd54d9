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

/// The vectors in a browser: search, neighbours, maps, analogies.
///
/// Prints an address of this machine to open, and answers there until Ctrl-C. Nobody else on the network can reach it. The same
/// address answers programs, in JSON: /v1/openapi.json says how.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Explore {
    /// Port to listen on [default: one that is free]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Vectors to show beside the others, such as the same after tuning
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// A model that `vocable train` saved, to predict with
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Words to draw a map of, one a line
    #[arg(long, value_name = "FILE")]
    words: Option<PathBuf>,
    /// Words with labels that colour maps, a line each: the word, a tab, its label
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
struct Started {
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
            output::warn(format_args!("Ctrl-C will end the program at once: {error}"));
        }
        let address = format!("http://{}/", server.address());
        if output.json {
            output.json(&Started { address })?;
        } else {
            output.text(format_args!("{address}\n"))?;
        }
        output.flush()?;
        output::note("open this address in a browser; Ctrl-C ends it");
        server.run()?;
        Ok(ExitCode::SUCCESS)
    }

    /// The second table, searched as the first is.
    fn open_compared(&self, path: &Path) -> Result<Arc<Vectors>, Error> {
        Ok(Arc::new(self.scan.apply(self.vectors.read.open(path)?)))
    }

    fn open_model(&self, path: &Path, vectors: &Arc<Vectors>) -> Result<Classifier, Error> {
        let mut model = Classifier::open(path)?;
        // Only vectors named for this call: others need not be the ones the model was trained with.
        if self.vectors.named().is_some() {
            model.attach_vectors(vectors)?;
        }
        Ok(model)
    }
}

/// Reads labels of words. Those without a row are counted on standard error.
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
        return Err(Error::invalid("--labels", "words of the vocabulary", format!("none in `{}`", path.display())));
    }
    if !without.is_empty() {
        let without: Vec<&[u8]> = without.iter().map(Vec::as_slice).collect();
        output::warn(format_args!("{}: {}", path.display(), without_row(&without, count)));
    }
    Ok(Labels::new(labelled.iter().map(|(row, label)| (*row, label.as_str()))))
}
