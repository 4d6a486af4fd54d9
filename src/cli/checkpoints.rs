//! `--checkpoint`: what `vocable train` does so that nothing is lost.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use vocable::classifier::{Splits, TrainOptions, Training};
use vocable::error::{Malformed, Place};
use vocable::files::check_writable;
use vocable::{Error, Vectors, report};

use super::{advice, output};

/// Where a training is saved while it runs, and whether it goes on from there.
#[derive(Debug, Args)]
pub struct Checkpoints {
    /// Save all of the training under way in FILE after every epoch, and when Ctrl-C ends it
    #[arg(long, value_name = "FILE", help_heading = "Checkpoints")]
    checkpoint: Option<PathBuf>,
    /// Save it every M minutes, too
    #[arg(long, value_name = "M", requires = "checkpoint", help_heading = "Checkpoints")]
    checkpoint_minutes: Option<f64>,
    /// Go on from the checkpoint, if it is there. Texts, vectors and options must be the same; --epochs and --patience may
    /// be raised
    #[arg(long, requires = "checkpoint", help_heading = "Checkpoints")]
    resume: bool,
}

impl Checkpoints {
    /// The file, if one is named.
    pub fn file(&self) -> Option<&std::path::Path> {
        self.checkpoint.as_deref()
    }

    /// Refuses what could only go wrong later.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(minutes) = self.checkpoint_minutes
            && !(minutes > 0.0 && minutes.is_finite())
        {
            return Err(Error::invalid("--checkpoint-minutes", "a number above 0", minutes.to_string()));
        }
        let Some(path) = &self.checkpoint else { return Ok(()) };
        check_writable(path)?;
        if !self.resume && path.exists() {
            let what = Malformed::at(Place::File, "no file yet", "one").in_file(path.to_string_lossy());
            return Err(what.advise("add --resume to go on from it, or remove it to begin anew").into());
        }
        Ok(())
    }

    /// A new training, or the one that was saved.
    pub fn begin(&self, vectors: &Arc<Vectors>, splits: &Splits, options: &TrainOptions) -> Result<Training, Error> {
        let Some(path) = self.checkpoint.as_ref().filter(|_| self.resume) else {
            return Training::new(vectors, splits, options);
        };
        if !path.exists() {
            output::note(format_args!("{}: no such file yet; training begins anew", path.display()));
            return Training::new(vectors, splits, options);
        }
        let training = Training::resume(vectors, splits, options, path)?;
        output::note(format_args!("{}: {}", path.display(), place(&training)));
        Ok(training)
    }

    /// Whether minutes were given, and as many have gone by since the last checkpoint.
    pub fn is_due(&self, saved: Instant) -> bool {
        let every = self.checkpoint_minutes.and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
        every.is_some_and(|every| saved.elapsed() >= every)
    }

    /// Saves the training where that was asked for. A disk that is full now may not be later, so a refusal is a warning.
    pub fn save(&self, training: &Training) {
        if let Some(path) = &self.checkpoint
            && let Err(error) = training.save(path)
        {
            output::warn(format_args!("the checkpoint was not written: {}", advice::describe(&error)));
        }
    }

    /// What to do to go on with a training that was interrupted.
    pub fn how_to_go_on(&self, training: &Training) -> String {
        let place = place(training);
        match &self.checkpoint {
            Some(_) => format!("interrupted: {place}; to go on:\n  {}", self.command_line()),
            None => format!("interrupted: {place}; it cannot be gone on with, because no --checkpoint was given"),
        }
    }

    /// The command line that this program was called with, and `--resume`.
    fn command_line(&self) -> String {
        let more = if self.resume { "" } else { " --resume" };
        format!("{}{more}", command_line())
    }
}

/// The command line that this program was called with, as a shell reads it back.
pub fn command_line() -> String {
    std::env::args_os().map(|word| quoted(&output::shown(&word))).collect::<Vec<_>>().join(" ")
}

/// The same without the place of the program, and without the options that are named here, with their values.
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

/// How far a training is.
fn place(training: &Training) -> String {
    let (epoch, step, steps) = training.position();
    let epochs = report::counted(epoch - 1, "epoch");
    match (training.stop_reason(), step) {
        (Some(_), _) => format!("done after {epochs}"),
        (None, 0) => format!("{epochs} done"),
        (None, _) => format!("{epochs} and {step} of {steps} steps done"),
    }
}

/// A word as a shell reads it back.
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
