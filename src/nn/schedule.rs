//! Learning rate schedules.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::Error;

/// A learning rate schedule.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Serialize, Display, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum Schedule {
    /// Constant after the warm-up.
    Constant,
    /// Linear decay to 0.
    Linear,
    /// Cosine decay to 0.
    Cosine,
}

impl Schedule {
    /// All schedules, in the order in which help texts list them.
    pub const ALL: &'static [Schedule] = <Schedule as VariantArray>::VARIANTS;

    /// The name on the command line, in model files and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The factor of the learning rate at a step, counted from 0, of `total` steps. It rises linearly from 0 over the first `warmup`
    /// steps.
    ///
    /// These are the formulas of Hugging Face transformers' `get_constant_schedule_with_warmup`,
    /// `get_linear_schedule_with_warmup` and `get_cosine_schedule_with_warmup`. As there, the first step of a warm-up has a
    /// rate of 0.
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
        let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
        match self {
            Schedule::Constant => 1.0,
            Schedule::Linear => (1.0 - progress).max(0.0),
            Schedule::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0),
        }
    }
}
