//! The options of training.

use serde::Serialize;

use super::ClassWeights;
use super::network::DropoutRates;
use super::optimizer::{Optimizer, RowSettings};
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::nn::{CellKind, EmbeddingMode, EmbeddingOptions, OptimizerKind, OptimizerOptions, Pooling, Schedule};
use crate::vectors::Case;

/// The options of training.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainOptions {
    /// Which rows of the embedding are initialised from the vectors, and which are trained.
    pub embedding: EmbeddingMode,
    /// The tokenizer of the texts.
    pub tokenizer: Tokenizer,
    /// How words are looked up in the vectors.
    pub case: Case,
    /// Standard deviation of the random rows of out-of-vocabulary words.
    pub oov_std: f64,
    /// Standard deviation of the rows of [`EmbeddingMode::Random`]; `None` for that of the vectors.
    pub random_std: Option<f64>,
    /// The kind of recurrent cell.
    pub cell: CellKind,
    /// Hidden size of the encoder.
    pub hidden: usize,
    /// Number of layers of the encoder.
    pub layers: usize,
    /// Whether the encoder is bidirectional.
    pub bidirectional: bool,
    /// How the states of a text are pooled into one vector.
    pub pooling: Pooling,
    /// Dropout rates.
    pub dropout: DropoutRates,
    /// The optimizer.
    pub optimizer: OptimizerKind,
    /// Learning rate.
    pub lr: f64,
    /// Learning rate of the embedding rows; `None` for [`TrainOptions::lr`].
    pub embedding_lr: Option<f64>,
    /// Number of epochs for which the embedding is frozen before its rows are trained.
    pub unfreeze_after: usize,
    /// Maximum norm of an embedding row after a step that updated it; `None` for no limit.
    pub max_norm: Option<f64>,
    /// Weight decay of the optimizer; embedding rows decay only in steps that update them.
    pub weight_decay: f64,
    /// Momentum of [`OptimizerKind::Sgd`].
    pub momentum: f64,
    /// Schedule of the learning rates over the steps of all `epochs`.
    pub schedule: Schedule,
    /// Fraction of all steps, rounded up, over which the learning rates increase linearly from 0.
    pub warmup: f64,
    /// Class weights of the loss.
    pub class_weights: ClassWeights,
    /// Label smoothing: the fraction of each label's probability that is distributed over all classes.
    pub label_smoothing: f64,
    /// Maximum global norm of the gradients; `None` for no clipping.
    pub clip: Option<f64>,
    /// Batch size, in texts.
    pub batch: usize,
    /// Maximum number of epochs.
    pub epochs: usize,
    /// Early stopping: the number of epochs without an improvement on the dev set after which training stops. `None` for no early
    /// stopping.
    pub patience: Option<usize>,
    /// Random seed.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            embedding: EmbeddingMode::Tuned,
            tokenizer: Tokenizer::default(),
            case: Case::Exact,
            oov_std: EmbeddingOptions::default().oov_std,
            random_std: EmbeddingOptions::default().random_std,
            cell: CellKind::Lstm,
            hidden: 128,
            layers: 1,
            bidirectional: false,
            pooling: Pooling::Last,
            dropout: DropoutRates { embedding: 0.2, word: 0.0, hidden: 0.5 },
            optimizer: OptimizerKind::Adam,
            lr: 1e-3,
            embedding_lr: None,
            unfreeze_after: 0,
            max_norm: None,
            weight_decay: 0.0,
            momentum: 0.9,
            schedule: Schedule::Constant,
            warmup: 0.0,
            class_weights: ClassWeights::None,
            label_smoothing: 0.0,
            clip: Some(5.0),
            batch: 64,
            epochs: 20,
            patience: Some(5),
            seed: 1,
        }
    }
}

impl TrainOptions {
    /// Checks that all options are in range.
    ///
    /// # Errors
    /// The first option out of range.
    pub fn check(&self) -> Result<()> {
        self.check_sizes()?;
        self.check_rates()?;
        self.class_weights.check()
    }

    fn check_sizes(&self) -> Result<()> {
        let check = |name: &str, value: usize, min: usize, max: usize| match (min..=max).contains(&value) {
            true => Ok(()),
            false => Err(Error::invalid(name, format!("a whole number from {min} to {max}"), value.to_string())),
        };
        check("hidden size", self.hidden, 1, 8192)?;
        check("layers", self.layers, 1, 4)?;
        check("batch", self.batch, 1, 1 << 20)?;
        check("epochs", self.epochs, 1, 1 << 20)?;
        match self.patience {
            Some(0) => Err(Error::invalid("patience", "a whole number from 1", "0")),
            _ => Ok(()),
        }
    }

    fn check_rates(&self) -> Result<()> {
        let check = |name: &str, value: f64, in_range: bool, expected: &str| match value.is_finite() && in_range {
            true => Ok(()),
            false => Err(Error::invalid(name, expected, value.to_string())),
        };
        let fraction = |name: &str, value: f64| {
            check(name, value, (0.0..1.0).contains(&value), "a number of at least 0 and below 1")
        };
        let positive = |name: &str, value: f64| check(name, value, value > 0.0, "a number above 0");
        let not_negative = |name: &str, value: f64| check(name, value, value >= 0.0, "a number of at least 0");
        fraction("dropout", self.dropout.hidden)?;
        fraction("word dropout", self.dropout.word)?;
        fraction("embedding dropout", self.dropout.embedding)?;
        positive("learning rate", self.lr)?;
        positive("learning rate of the embedding", self.embedding_lr.unwrap_or(self.lr))?;
        self.max_norm.map_or(Ok(()), |norm| positive("maximum norm", norm))?;
        not_negative("weight decay", self.weight_decay)?;
        fraction("momentum", self.momentum)?;
        fraction("warm-up", self.warmup)?;
        fraction("label smoothing", self.label_smoothing)?;
        self.clip.map_or(Ok(()), |clip| positive("clip", clip))?;
        not_negative("standard deviation of random rows", self.random_std.unwrap_or(0.0))?;
        not_negative("standard deviation of out-of-vocabulary rows", self.oov_std)
    }

    /// The options of the embedding. The words of a task are already in the spelling in which they are looked up.
    pub(crate) fn embedding_options(&self) -> EmbeddingOptions {
        EmbeddingOptions {
            mode: self.embedding,
            case: Case::Exact,
            oov_std: self.oov_std,
            random_std: self.random_std,
            seed: self.seed,
        }
    }

    /// A new optimizer with these settings.
    pub(super) fn new_optimizer(&self) -> Optimizer<f32> {
        let options = OptimizerOptions {
            kind: self.optimizer,
            lr: self.lr,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            ..OptimizerOptions::default()
        };
        let rows = RowSettings { lr: self.embedding_lr, max_norm: self.max_norm };
        Optimizer::with_rows(options, self.clip, rows)
    }

    /// The factor of the learning rates at a step, counted from 0 over all epochs of `steps` steps each.
    pub(super) fn rate(&self, step: usize, steps: usize) -> f64 {
        let total = steps.saturating_mul(self.epochs);
        let warmup = (total as f64 * self.warmup).ceil() as usize;
        self.schedule.rate(step, warmup, total)
    }
}
