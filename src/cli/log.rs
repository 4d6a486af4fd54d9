//! The log of a training run: a line of JSON an epoch.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use vocable::Error;
use vocable::classifier::Epoch;

use super::figures::Figures;
use super::output;

/// An epoch in numbers, in the log and in the answer of `train --json`.
#[derive(Serialize)]
pub struct EpochFigures {
    epoch: usize,
    /// Steps since training began.
    step: usize,
    train_loss: f64,
    /// Learning rate of the epoch's last step.
    lr: f64,
    dev: Figures,
    /// Seconds since training began.
    seconds: f64,
    /// Tokens that went through the network and back in a second of the epoch's training half.
    tokens_per_second: f64,
}

impl EpochFigures {
    pub fn of(epoch: &Epoch) -> Self {
        EpochFigures {
            epoch: epoch.number,
            step: epoch.step,
            train_loss: epoch.train_loss,
            lr: epoch.lr,
            dev: Figures::of(&epoch.dev),
            seconds: epoch.seconds,
            tokens_per_second: epoch.tokens as f64 / epoch.train_seconds,
        }
    }
}

/// A log that is open for writing.
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Makes a new file.
    pub fn open(path: &Path) -> Result<Log, Error> {
        let file = File::create(path).map_err(|e| Error::io(path, "write it", e))?;
        Ok(Log { path: path.into(), file })
    }

    /// Writes an epoch's line at once, whole. A full disk is no reason to lose the training: it is warned of.
    pub fn epoch(&mut self, epoch: &Epoch) {
        let line = serde_json::to_string(&EpochFigures::of(epoch)).map_err(io::Error::from);
        let written = line.and_then(|line| self.file.write_all(format!("{line}\n").as_bytes()));
        if let Err(error) = written {
            output::warn(Error::io(&self.path, "write it", error));
        }
    }
}
