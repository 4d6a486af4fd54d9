//! The checkpoints of `vocable train`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use vocable::classifier::{Splits, TrainOptions, Training};
use vocable::error::{Malformed, Place};
use vocable::files::check_writable;
use vocable::{Error, Vectors, report};

use super::{advice, output};

/// Where the training state is saved, and whether training resumes from it.
#[derive(Debug, Args)]
pub struct CheckpointArgs {
    /// Save the training state to FILE after every epoch and on Ctrl-C
    #[arg(long, value_name = "FILE", help_heading = "Checkpoints")]
    checkpoint: Option<PathBuf>,
    /// Also save the training state every M minutes
    #[arg(long, value_name = "M", requires = "checkpoint", help_heading = "Checkpoints")]
    checkpoint_minutes: Option<f64>,
    /// Resume training from the checkpoint if it exists
    ///
    /// Texts, vectors and options must be the same as before, except that --epochs and --patience can be increased.
    #[arg(long, requires = "checkpoint", help_heading = "Checkpoints")]
    resume: bool,
}

impl CheckpointArgs {
    /// The checkpoint file.
    pub fn file(&self) -> Option<&std::path::Path> {
        self.checkpoint.as_deref()
    }

    /// Checks the options before training starts.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(minutes) = self.checkpoint_minutes
            && !(minutes > 0.0 && minutes.is_finite())
        {
            return Err(Error::invalid("--checkpoint-minutes", "a number above 0", minutes.to_string()));
        }
        let Some(path) = &self.checkpoint else { return Ok(()) };
        check_writable(path)?;
        if !self.resume && path.exists() {
            let what = Malformed::message(Place::File, "the checkpoint already exists").in_file(path.to_string_lossy());
            return Err(what.advise("add `--resume` to resume from it, or delete it to start from scratch").into());
        }
        Ok(())
    }

    /// Starts a new training, or resumes the saved one.
    pub fn start(&self, vectors: &Arc<Vectors>, splits: &Splits, options: &TrainOptions) -> Result<Training, Error> {
        let Some(path) = self.checkpoint.as_ref().filter(|_| self.resume) else {
            return Training::new(vectors, splits, options);
        };
        if !path.exists() {
            output::note(format_args!("{}: no checkpoint yet; starting from scratch", path.display()));
            return Training::new(vectors, splits, options);
        }
        let training = Training::resume(vectors, splits, options, path)?;
        output::note(format_args!("{}: {}", path.display(), progress(&training)));
        Ok(training)
    }

    /// Whether the interval has passed since the last checkpoint.
    pub fn is_due(&self, saved: Instant) -> bool {
        let every = self.checkpoint_minutes.and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
        every.is_some_and(|every| saved.elapsed() >= every)
    }

    /// Saves the training state, if a checkpoint file is named. Failure is only a warning, because a later attempt may succeed.
    pub fn save(&self, training: &Training) {
        if let Some(path) = &self.checkpoint
            && let Err(error) = training.save(path)
        {
            output::warn(format_args!("cannot write the checkpoint: {}", advice::describe(&error)));
        }
    }

    /// The message for an interrupted training run, with the command that resumes it.
    pub fn interrupted_message(&self, training: &Training) -> String {
        let progress = progress(training);
        match &self.checkpoint {
            Some(_) => format!("interrupted: {progress}; to resume:\n  {}", self.command_line()),
            None => format!("interrupted: {progress}; training cannot be resumed without --checkpoint"),
        }
    }

    /// The command line of this process, with `--resume`.
    fn command_line(&self) -> String {
        let more = if self.resume { "" } else { " --resume" };
        format!("{}{more}", command_line())
    }
}

/// The command line of this process, quoted for a shell.
pub fn command_line() -> String {
    std::env::args_os().map(|word| quoted(&output::shown(&word))).collect::<Vec<_>>().join(" ")
}

/// The command line without the path of the program and without these options, flags and their values.
pub fn command_line_without(options: &[&str], flags: &[&str]) -> String {
    without(std::env::args_os().skip(1).map(|word| output::shown(&word)), options, flags)
}

fn without(arguments: impl Iterator<Item = String>, options: &[&str], flags: &[&str]) -> String {
    let mut kept = vec!["vocable".to_owned()];
    let mut is_value = false;
    for word in arguments {
        let leave_out = is_value || flags.contains(&word.as_str());
        is_value = !is_value && options.contains(&word.as_str());
        let has_value = word.split_once('=').is_some_and(|(option, _)| options.contains(&option));
        if !leave_out && !is_value && !has_value {
            kept.push(quoted(&word));
        }
    }
    kept.join(" ")
}

/// The progress of training, as text.
fn progress(training: &Training) -> String {
    let (epoch, step, steps) = training.position();
    let epochs = report::counted(epoch - 1, "epoch");
    match (training.stop_reason(), step) {
        (Some(_), _) => format!("done after {epochs}"),
        (None, 0) => format!("{epochs} done"),
        (None, _) => format!("{epochs} and {step} of {steps} steps done"),
    }
}

/// A word, quoted for a shell if necessary.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{quoted, without};

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        for (word, expected) in
            [("--lr=0.1", "--lr=0.1"), ("a b", "'a b'"), ("", "''"), ("it's", r"'it'\''s'"), ("$x", "'$x'")]
        {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn options_are_left_out_with_their_values() {
        let words =
            ["compare", "--out", "--seeds", "--seeds", "3", "--out=a b", "--json", "--outer", "x", "--train", "a b"];
        let left = without(words.iter().map(|word| (*word).to_owned()), &["--out"], &["--json"]);
        assert_eq!(left, "vocable compare --seeds 3 --outer x --train 'a b'");
    }
}
