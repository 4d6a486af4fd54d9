//! `vocable bench`

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use vocable::bench::{ROUNDS, Subject, measure};
use vocable::{Error, report};

use super::common::VectorArgs;
use super::interrupt;
use super::output::{Failure, Output};

/// Measure how fast this machine opens, queries and trains, compared with its memory bandwidth and peak FLOPS.
///
/// Without --vectors, synthetic vectors are written to a temporary folder, as text (173 MB for 400,000 x 50) and as a table file.
/// With --vectors or VOCABLE_VECTORS, that file is used.
///
/// Takes about ten seconds, longer for large files. Run it on an idle machine; it reports if other processes were active.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vocable bench
  vocable bench --rows 1000000 --dimension 300
  vocable bench --vectors glove.6B.50d.txt --threads 1
  vocable bench --json > this-machine.json")]
pub struct Bench {
    /// Number of synthetic rows, from 100 to 10,000,000 [default: 400000]
    #[arg(long, value_name = "N")]
    rows: Option<usize>,
    /// Dimension of the synthetic vectors, from 1 to 4,096 [default: 50]
    #[arg(long, value_name = "N")]
    dimension: Option<usize>,
    /// Maximum number of rounds, from 1 to 1,000; no round starts after ten seconds
    #[arg(long, value_name = "N", default_value_t = ROUNDS)]
    rounds: usize,
    #[command(flatten)]
    vectors: VectorArgs,
}

impl Bench {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let subject = self.subject()?;
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.set_message("preparing");
        let stop = interrupt::watch();
        let measured = measure(&subject, self.rounds, &mut |round| {
            bar.set_message(format!("round {round} of {}", self.rounds));
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        bar.finish_and_clear();
        let Some(measured) = measured? else { return Ok(interrupt::exit_code()) };
        if output.json {
            output.json(&measured)?;
        } else {
            output.text(report::bench(&measured, output.width))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn subject(&self) -> Result<Subject, Error> {
        if self.rows.is_none() && self.dimension.is_none() {
            if self.vectors.path().is_some() {
                return Ok(Subject::File(Arc::new(self.vectors.open()?), self.vectors.read.options()));
            }
        } else if let Some(path) = self.vectors.named() {
            let path = path.display();
            return Err(Error::other(format!("--rows and --dimension cannot be used with --vectors {path}")));
        }
        Ok(Subject::Synthetic { rows: self.rows.unwrap_or(400_000), dimension: self.dimension.unwrap_or(50) })
    }
}
