//! How the learning rate changes over training.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::{Error, Result};

/// The course of the learning rate, as a share of the one asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Always the same, after the warm-up.
    Constant,
    /// Falls to 0 on a straight line.
    Linear,
    /// Falls to 0 on half a wave of the cosine.
    Cosine,
}

impl Schedule {
    /// All schedules, in the order in which help texts name them.
    pub const ALL: [Schedule; 3] = [Schedule::Constant, Schedule::Linear, Schedule::Cosine];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Schedule::Constant => "constant",
            Schedule::Linear => "linear",
            Schedule::Cosine => "cosine",
        }
    }

    /// The share of the learning rate at a step, counted from 0, of `total`; it rises from 0 on a straight line over the
    /// first `warmup` steps.
    ///
    /// These are the formulas of Hugging Face transformers' `get_constant_schedule_with_warmup`,
    /// `get_linear_schedule_with_warmup` and `get_cosine_schedule_with_warmup`. As there, the first step of a warm-up has the
    /// rate 0.
    ///
    /// ```
    /// # use vocable::nn::Schedule;
    /// let rates = [0, 1, 2, 4, 6].map(|step| Schedule::Linear.rate(step, 2, 6));
    /// assert_eq!(rates, [0.0, 0.5, 1.0, 0.5, 0.0]);
    /// ```
    pub fn rate(self, step: usize, warmup: usize, total: usize) -> f64 {
        if step < warmup {
            return step as f64 / warmup as f64;
        }
        let done = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
        match self {
            Schedule::Constant => 1.0,
            Schedule::Linear => (1.0 - done).max(0.0),
            Schedule::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * done).cos())).max(0.0),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Schedule::ALL.into_iter().find(|schedule| schedule.name() == name).ok_or_else(|| {
            let names = Schedule::ALL.map(Schedule::name).join(", ");
            Error::invalid("schedule", names, format!("`{name}`"))
        })
    }
}
