//! Vocable's part of `train.py`, which builds and starts it: trains or runs the classifier, and prints a line of JSON that says how
//! long it took.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use serde::{Deserialize, Serialize};
use vocable::Vectors;
use vocable::classifier::{Classifier, DataFormat, DataOptions, Dataset, Splits, Tokenizer, TrainOptions, train};

/// Runs CELL; without it, does nothing.
#[derive(Parser)]
struct Arguments {
    /// The task, as JSON; `train.py` writes it
    cell: Option<String>,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// A task. The Python side reads the same line, which has more fields than are used here.
#[derive(Deserialize)]
struct Cell {
    task: Task,
    texts: String,
    vectors: String,
    embedding: String,
    hidden: usize,
    bidirectional: bool,
    batch: usize,
    /// Epochs of training, or passes over all texts.
    epochs: usize,
    /// Number of predictions of the sentence.
    times: usize,
    sentence: String,
    threads: usize,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Task {
    Train,
    Predict,
    Sentence,
}

#[derive(Serialize)]
struct Done {
    /// Tokens of all texts.
    tokens: usize,
    /// Of each epoch, each pass, or each prediction of the sentence.
    seconds: Vec<f64>,
    /// Peak resident memory, in bytes.
    peak: u64,
}

fn main() -> ExitCode {
    let Some(cell) = Arguments::parse().cell else {
        eprintln!("run by: python3 benches/train.py");
        return ExitCode::SUCCESS;
    };
    let done = perform(&cell).and_then(|done| Ok(serde_json::to_string(&done)?));
    match done {
        Ok(done) => {
            println!("{done}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(cell: &str) -> Result<Done, Box<dyn Error>> {
    let cell: Cell = serde_json::from_str(cell)?;
    // The program does the same.
    rayon::ThreadPoolBuilder::new().num_threads(cell.threads).use_current_thread().build_global()?;
    let options = DataOptions { format: Some(DataFormat::Plain), ..DataOptions::default() };
    let data = Dataset::open(&cell.texts, &options)?;
    let texts: Vec<String> = data.texts.iter().map(|labelled| labelled.text.clone()).collect();
    // No epoch is chosen by it, so two texts are enough, and evaluating them takes no time.
    let dev = Dataset { texts: data.texts[..2].to_vec(), ..data.clone() };
    let splits = Splits { train: data, dev, test: None };
    let training = cell.task == Task::Train;
    let options = TrainOptions {
        embedding: cell.embedding.parse()?,
        // The peers' tokenizer.
        tokenizer: Tokenizer::Whitespace,
        hidden: cell.hidden,
        bidirectional: cell.bidirectional,
        batch: cell.batch,
        epochs: if training { cell.epochs } else { 1 },
        patience: None,
        ..TrainOptions::default()
    };
    let vectors = Arc::new(Vectors::open(&cell.vectors)?);
    let trained = train(&vectors, &splits, &options, &mut |_| {})?;
    let seconds = match cell.task {
        Task::Train => trained.history.iter().map(|epoch| epoch.train_seconds).collect(),
        Task::Predict => asked(&trained.classifier, &texts, cell.epochs),
        Task::Sentence => asked(&trained.classifier, &[cell.sentence], cell.times),
    };
    Ok(Done { tokens: trained.tokens, seconds, peak: peak()? })
}

/// Seconds from texts to labels, repeatedly.
fn asked(classifier: &Classifier, texts: &[String], times: usize) -> Vec<f64> {
    let once = || {
        let began = Instant::now();
        let predictions = classifier.predict(texts);
        let labels: Vec<&str> = predictions.iter().map(|each| classifier.labels()[each.class].as_str()).collect();
        std::hint::black_box(labels);
        began.elapsed().as_secs_f64()
    };
    (0..times).map(|_| once()).collect()
}

/// Peak resident memory so far, in bytes.
fn peak() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    Ok(1024 * line.trim().trim_end_matches(" kB").parse::<u64>()?)
}
