//! `vocable compare`

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use indicatif::ProgressBar;
use vocable::classifier::Progress;
use vocable::compare::{CompareOptions, Comparison, compare};
use vocable::nn::EmbeddingMode;
use vocable::{Error, Vectors, classifier, report};

use super::Common;
use super::output::{self, Failure, Output};
use super::train::{Data, Settings, bar, note_tokenizer};

/// Train the same classifier with frozen, tuned, oov-only and random embeddings, and compare.
///
/// Each embedding is trained with several seeds. Runs of the same seed share the first weights, the order of the texts and what
/// dropout drops, so that they differ in the embedding alone. Figures are mean ± standard deviation over the seeds.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  vocable compare --vectors glove.6B.50d.txt --train train.txt --dev dev.txt --test test.txt --seeds 5"
)]
pub struct Compare {
    #[command(flatten)]
    data: Data,
    /// Embeddings to compare, separated by commas
    #[arg(long, value_name = "MODES", value_delimiter = ',', default_value = "frozen,tuned,oov-only,random")]
    arms: Vec<EmbeddingMode>,
    /// How many seeds each is trained with
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed; the others count up from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    settings: Settings,
}

impl Compare {
    pub fn run(&self, common: &Common, output: &mut Output) -> Result<ExitCode, Failure> {
        let options = CompareOptions {
            arms: self.arms.clone(),
            seeds: (0..self.seeds).map(|index| self.seed.wrapping_add(index)).collect(),
            train: self.settings.options(EmbeddingMode::Frozen, self.seed)?,
        };
        let parts = self.data.open(self.seed)?;
        let vectors = Arc::new(common.open()?);
        note_tokenizer(&vectors, &parts, &options.train)?;
        let comparison = compare_with_bar(&vectors, &parts, &options)?;
        if output.json {
            output.json(&comparison)?;
        } else {
            output.text(report::comparison(&comparison))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Compares while a progress bar shows how far it is; without a terminal, a line a run says so.
pub fn compare_with_bar(
    vectors: &Arc<Vectors>,
    parts: &classifier::Parts,
    options: &CompareOptions,
) -> Result<Comparison, Error> {
    let runs = options.arms.len() * options.seeds.len();
    let bar: ProgressBar = bar();
    let mut announced = 0;
    let comparison = compare(vectors, parts, options, &mut |run, arm, seed, progress| {
        if announced < run && bar.is_hidden() {
            output::note(format_args!("run {run} of {runs}: {arm}, seed {seed}"));
        }
        announced = run;
        if let Progress::Step { epoch, done, of } = progress {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            bar.set_message(format!("{run}/{runs} {arm} epoch {epoch}"));
        }
    });
    bar.finish_and_clear();
    for run in comparison.iter().flat_map(|comparison| &comparison.runs).filter(|run| run.ended == "diverged") {
        output::warn(format_args!(
            "{}, seed {}: the loss was no number after epoch {}; its best epoch before counts. Try a lower --lr",
            run.arm, run.seed, run.epochs
        ));
    }
    comparison
}
