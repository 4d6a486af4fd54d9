//! `vocable train`

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use vocable::classifier::{Epoch, Progress, StopReason, Training, TrainingLog};
use vocable::files::check_writable;
use vocable::nn::EmbeddingMode;
use vocable::report::json::TrainingResult;
use vocable::{Error, report};

use super::checkpoints::CheckpointArgs;
use super::common::VectorArgs;
use super::output::{self, Failure, Output};
use super::paths::check_distinct;
use super::training_options::{EvaluationData, TrainingArgs, embedding_mode, note_tokenizer};
use super::{advice, interrupt};

/// Train a text classifier on pretrained vectors.
///
/// The classifier is an embedding layer initialized from the vectors, an LSTM (or a plain recurrent network) and a linear layer. It
/// is evaluated on the dev set after each epoch, and the best epoch is kept. Without --dev, a tenth of the train set is used as the
/// dev set.
///
/// Ctrl-C stops training after the current step and saves the best epoch so far; a second Ctrl-C exits immediately. With
/// --checkpoint, training can be resumed after any interruption: run the same command with --resume to get the same model.
///
/// Labelled texts are `LABEL TEXT` lines, fastText's `__label__LABEL TEXT` lines, TSV or CSV with a header, or JSON Lines. The format
/// is detected from the content, or from the extension `.csv`. The model stores the tokenizer, so that predictions tokenize texts in
/// the same way.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  vocable train --vectors glove.6B.50d.txt --train train.txt --dev dev.txt --test test.txt \\
      --embedding tuned --out model.safetensors"
)]
pub struct Train {
    /// Train set: labelled texts
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    train: PathBuf,
    #[command(flatten)]
    data: EvaluationData,
    /// How the embedding is initialized, and which of its rows are trained
    #[arg(long, value_name = "MODE", default_value = "tuned", value_parser = embedding_mode())]
    embedding: EmbeddingMode,
    #[command(flatten)]
    settings: TrainingArgs,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Save the model to FILE
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a JSON line per epoch to FILE: losses, learning rate, dev metrics, speed
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    #[command(flatten)]
    checkpoints: CheckpointArgs,
    #[command(flatten)]
    vectors: VectorArgs,
}

impl Train {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let options = self.settings.options(self.embedding, self.seed)?;
        check_distinct(
            &[
                ("--train", Some(&self.train)),
                ("--dev", self.data.dev.as_deref()),
                ("--test", self.data.test.as_deref()),
                ("--vectors", self.vectors.path().as_deref()),
            ],
            &[
                ("--out", self.out.as_deref()),
                ("--log", self.log.as_deref()),
                ("--checkpoint", self.checkpoints.file()),
            ],
        )?;
        if let Some(path) = &self.out {
            check_writable(path)?;
        }
        self.checkpoints.check()?;
        let splits = self.data.open(&self.train, self.seed)?;
        let vectors = Arc::new(self.vectors.open()?);
        note_tokenizer(&vectors, &splits, &options)?;
        let mut training = self.checkpoints.start(&vectors, &splits, &options)?;
        self.train(&mut training)?;
        let interrupted = training.stop_reason().is_none();
        if interrupted {
            self.checkpoints.save(&training);
            output::warn(self.checkpoints.interrupted_message(&training));
            if training.history().is_empty() {
                output::note("interrupted before the end of the first epoch: there is no model to save");
                return Ok(interrupt::exit_code());
            }
        }
        let trained = training.finish()?;
        match &self.out {
            Some(path) => {
                trained.classifier.save(path)?;
                output::note(format_args!("saved {}", path.display()));
            }
            None => output::note("no --out given: the model is not saved"),
        }
        if let StopReason::Diverged { epoch, step } = trained.stop_reason {
            output::warn(advice::describe(&Error::Diverged { epoch, step }));
            output::note(format_args!("using the best epoch before that, epoch {}", trained.best_epoch));
        }
        let code = if interrupted { interrupt::exit_code() } else { ExitCode::SUCCESS };
        if !output.json {
            output.text(report::training(&trained))?;
            return Ok(code);
        }
        let out = self.out.as_ref().map(|path| path.to_string_lossy().into_owned());
        output.json(&TrainingResult::new(&trained, self.embedding, self.seed, out))?;
        Ok(code)
    }

    /// Trains until the end or until Ctrl-C, with log, checkpoints and a progress bar.
    fn train(&self, training: &mut Training) -> Result<(), Failure> {
        let stop = interrupt::watch();
        let mut saved = Instant::now();
        let mut log = self.log.as_deref().map(TrainingLog::create).transpose()?;
        // The epochs before the checkpoint are written again, so that the log is complete.
        log.iter_mut().for_each(|log| training.history().iter().for_each(|epoch| write(log, epoch)));
        let bar = bar();
        while let Some(progress) = training.advance() {
            let epoch_ended = matches!(progress, Progress::Epoch(_));
            show(&progress, &bar);
            if let (Some(log), Progress::Epoch(epoch)) = (&mut log, &progress) {
                write(log, epoch);
            }
            if epoch_ended || self.checkpoints.is_due(saved) {
                bar.suspend(|| self.checkpoints.save(training));
                saved = Instant::now();
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        bar.finish_and_clear();
        Ok(())
    }
}

/// Writes the log line of an epoch. Failure is only a warning: the training is not lost.
fn write(log: &mut TrainingLog, epoch: &Epoch) {
    if let Err(error) = log.epoch(epoch) {
        output::warn(advice::describe(&error));
    }
}

/// Shows the progress of training.
fn show(progress: &Progress, bar: &ProgressBar) {
    match progress {
        Progress::Step { epoch, done, of } => {
            bar.set_length(*of as u64);
            bar.set_position(*done as u64);
            bar.set_message(format!("epoch {epoch}"));
        }
        Progress::Epoch(epoch) => bar.suspend(|| {
            output::note(format_args!(
                "epoch {:3}   loss {:.4}   dev accuracy {:>6}   dev loss {:.4}   {:.1} s",
                epoch.number,
                epoch.train_loss,
                report::percent(epoch.dev.accuracy()),
                epoch.dev.loss,
                epoch.seconds
            ));
        }),
    }
}

/// A progress bar on standard error, if that is a terminal.
pub fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {wide_bar} {pos}/{len} texts {eta:>4}");
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
