//! Training as a course of steps: one can be taken at a time, and all of it saved between two of them.

use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::checkpoint::Sources;
use super::network::Network;
use super::optimizer::Optimizer;
use super::options::{
    Encoded, Splits, TrainOptions, batch_gradients, labels_of, measure, occurring, stream, words_of_task,
};
use super::{Classifier, Metrics};
use crate::error::{Error, Result};
use crate::nn::{CrossEntropy, Embedding, EmbeddingMode, EncoderShape};
use crate::vectors::Vectors;

/// What happened in an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// TokenCounter from 1.
    pub number: usize,
    /// Steps since training began.
    pub step: usize,
    /// Learning rate of its last step, of all but the embedding's rows.
    pub lr: f64,
    /// Tokens that went through the network and back.
    pub tokens: usize,
    /// Mean loss over the training texts, as they were met, dropout included.
    pub train_loss: f64,
    /// Figures on the development part.
    pub dev: Metrics,
    /// Seconds for the training half of it.
    pub train_seconds: f64,
    /// Seconds since training began; time between a checkpoint and going on from it does not count.
    pub seconds: f64,
}

/// What [`Training::advance`] did.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Texts done of those in this epoch.
    Step {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Texts done.
        done: usize,
        /// Texts in an epoch.
        of: usize,
    },
    /// An epoch ended.
    Epoch(&'a Epoch),
}

/// Why training ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs were done.
    MaxEpochs,
    /// No better epoch came for as many as [`TrainOptions::patience`] says.
    EarlyStopping,
    /// It was [finished](Training::finish) before its end.
    Interrupted,
    /// The loss, a weight or a figure was no longer a finite number.
    Diverged {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step within the epoch, counted from 1.
        step: usize,
    },
}

impl StopReason {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            StopReason::MaxEpochs => "max-epochs",
            StopReason::EarlyStopping => "early-stopping",
            StopReason::Interrupted => "interrupted",
            StopReason::Diverged { .. } => "diverged",
        }
    }
}

/// The outcome of training.
#[derive(Debug, Clone)]
pub struct TrainingOutcome {
    /// The classifier as it was after the best epoch.
    pub classifier: Classifier,
    /// All epochs that ran to their end.
    pub history: Vec<Epoch>,
    /// The number of the epoch with the highest accuracy on the development part, of equals the one with the lowest loss.
    pub best_epoch: usize,
    /// Why training ended.
    pub stop_reason: StopReason,
    /// Figures of the best epoch on the development part.
    pub dev: Metrics,
    /// Figures of the best epoch on the test part.
    pub test: Option<Metrics>,
    /// Numbers that training could change.
    pub trainable_parameters: usize,
    /// Distinct words of the training part, and how many of them the vectors know.
    pub words: (usize, usize),
    /// Tokens of the training part.
    pub tokens: usize,
    /// Seconds in all.
    pub seconds: f64,
}

impl TrainingOutcome {
    /// Tokens of the training part that went through the network and back in a second.
    pub fn tokens_per_second(&self) -> f64 {
        let seconds: f64 = self.history.iter().map(|epoch| epoch.train_seconds).sum();
        (self.tokens * self.history.len()) as f64 / seconds
    }
}

/// Trains a classifier on `splits.train`, keeps the epoch that does best on `splits.dev`, measures it on `splits.test`.
///
/// The classifier carries a row for every word of the training part, and for words of the other splits that the vectors know.
/// A [`Training`] does the same a step at a time, and can be saved between two steps.
///
/// # Errors
/// Options outside their range; fewer than two labels, or no words, in the training part; a label elsewhere that it does not have; a
/// loss that is not a number in the first epoch (later, what was best before is kept, and [`TrainingOutcome::stop_reason`] says so); vectors
/// in a damaged table file.
pub fn train(
    vectors: &Arc<Vectors>,
    splits: &Splits,
    options: &TrainOptions,
    observe: &mut dyn FnMut(Progress),
) -> Result<TrainingOutcome> {
    let mut training = Training::new(vectors, splits, options)?;
    while let Some(progress) = training.advance() {
        observe(progress);
    }
    training.finish()
}

/// A training under way. Whoever holds it decides, between two steps, whether to go on.
///
/// ```
/// use std::sync::Arc;
///
/// use vocable::Vectors;
/// use vocable::classifier::{DataOptions, Dataset, Splits, TrainOptions, Training};
///
/// let texts = Dataset::parse(b"pos a great film\nneg a dull film\n", &DataOptions::default(), "texts")?;
/// let splits = Splits { train: texts.clone(), dev: texts, test: None };
/// let options = TrainOptions { hidden: 4, epochs: 3, ..TrainOptions::default() };
/// let mut training = Training::new(&Arc::new(Vectors::demo()?), &splits, &options)?;
/// while let Some(_progress) = training.advance() {
///     if training.history().len() == 2 {
///         break; // because someone asked for it, say
///     }
/// }
/// let trained = training.finish()?;
/// assert_eq!(trained.stop_reason.name(), "interrupted");
/// # Ok::<(), vocable::Error>(())
/// ```
#[derive(Debug)]
pub struct Training {
    pub(super) options: TrainOptions,
    pub(super) sources: Sources,
    pub(super) classifier: Classifier,
    criterion: CrossEntropy,
    train: Encoded,
    dev: Encoded,
    test: Option<Encoded>,
    trainable_parameters: usize,
    words: (usize, usize),
    pub(super) optimizer: Optimizer<f32>,
    /// The texts in the order of the last epoch begun; each epoch shuffles it further.
    pub(super) order: Vec<usize>,
    pub(super) order_rng: ChaCha8Rng,
    pub(super) dropout_rng: ChaCha8Rng,
    /// Steps done in the epoch under way.
    pub(super) step: usize,
    /// Sum of the losses of the texts in these steps.
    pub(super) loss: f64,
    /// Seconds that these steps took.
    pub(super) step_seconds: f64,
    pub(super) history: Vec<Epoch>,
    /// The network after the best epoch so far; before there is one, as it was in the beginning.
    pub(super) best: Network<f32>,
    stop_reason: Option<StopReason>,
    began: Instant,
    /// Seconds that training took before it went on from a checkpoint.
    pub(super) earlier_seconds: f64,
}

impl Training {
    /// A training that has not taken a step.
    ///
    /// # Errors
    /// As [`train`], the loss apart.
    pub fn new(vectors: &Arc<Vectors>, splits: &Splits, options: &TrainOptions) -> Result<Training> {
        options.check()?;
        vectors.check()?;
        let began = Instant::now();
        let labels = labels_of(&splits.train)?;
        let (words, counts) = words_of_task(vectors, splits, options)?;
        let words_listed: Vec<&[u8]> = words.iter().collect();
        let one_hot = options.embedding == EmbeddingMode::OneHot;
        let shape = EncoderShape {
            cell: options.cell,
            input: if one_hot { 0 } else { vectors.dimension() },
            hidden: options.hidden,
            layers: options.layers,
            bidirectional: options.bidirectional,
            pooling: options.pooling,
        };
        let embedding = match one_hot {
            true => Embedding::one_hot(&shape, &words_listed, options.seed),
            false => Embedding::new(vectors, &words_listed, &options.rows())?,
        };
        let sources = Sources::of(splits, &words, &embedding);
        // With one-hot words, too, all other weights are those that a network over the vectors begins with.
        let drawn = EncoderShape { input: vectors.dimension(), ..shape };
        let mut network = Network::new(embedding, drawn, labels.len(), &mut options.generator(stream::WEIGHTS));
        if one_hot {
            network.encoder = network.encoder.without_input_weights();
        }
        let classifier = Classifier::new(labels, words, options.tokenizer, options.case, network)?;
        let train = classifier.encode(&splits.train)?;
        let criterion = CrossEntropy {
            weights: options.class_weights.of(&classifier.labels, &train.labels)?,
            smoothing: options.label_smoothing,
        };
        Ok(Training {
            sources,
            criterion,
            dev: classifier.encode(&splits.dev)?,
            test: splits.test.as_ref().map(|part| classifier.encode(part)).transpose()?,
            trainable_parameters: classifier.network.trainable_parameters(occurring(&train).into_iter()),
            words: counts,
            optimizer: options.new_optimizer(),
            order: (0..train.sequences.len()).collect(),
            order_rng: options.generator(stream::ORDER),
            dropout_rng: options.generator(stream::DROPOUT),
            step: 0,
            loss: 0.0,
            step_seconds: 0.0,
            history: Vec::new(),
            best: classifier.network.clone(),
            stop_reason: None,
            began,
            earlier_seconds: 0.0,
            options: options.clone(),
            train,
            classifier,
        })
    }

    /// Takes a step, or measures the network at the end of an epoch; `None` at the end of training.
    pub fn advance(&mut self) -> Option<Progress<'_>> {
        self.stop_reason = self.stop_reason();
        if self.stop_reason.is_some() {
            return None;
        }
        let (number, steps) = (self.history.len() + 1, self.steps());
        if self.step == steps {
            return self.end_epoch();
        }
        let began = Instant::now();
        if self.step == 0 {
            self.order.shuffle(&mut self.order_rng);
        }
        let network = &mut self.classifier.network;
        network.embedding.set_frozen(number <= self.options.unfreeze_after);
        let from = self.step * self.options.batch;
        let batch = &self.order[from..self.order.len().min(from + self.options.batch)];
        let seed = self.dropout_rng.random();
        let rate = self.options.rate((number - 1) * steps + self.step, steps);
        // The whole step on one of the pool's threads: otherwise each of its splits would be handed over anew.
        let loss = rayon::scope(|_| {
            let (loss, gradients) =
                batch_gradients(network, &self.criterion, &self.train, batch, self.options.dropout, seed);
            if loss.is_finite() {
                self.optimizer.step_at(network, &gradients, rate);
            }
            loss
        });
        self.step += 1;
        if !loss.is_finite() {
            self.stop_reason = Some(StopReason::Diverged { epoch: number, step: self.step });
            return None;
        }
        self.loss += loss * batch.len() as f64;
        self.step_seconds += began.elapsed().as_secs_f64();
        Some(Progress::Step { epoch: number, done: from + batch.len(), of: self.order.len() })
    }

    /// Measures the network, and keeps it if it is the best so far.
    fn end_epoch(&mut self) -> Option<Progress<'_>> {
        let number = self.history.len() + 1;
        let dev = measure(&self.classifier.network, &self.dev);
        // The last step may have been the one that went wrong. A model file holds only finite numbers; and where weights are
        // huge but finite, figures may be none.
        if !self.classifier.network.is_finite() || !dev.loss.is_finite() || !dev.calibration_error.is_finite() {
            self.stop_reason = Some(StopReason::Diverged { epoch: number, step: self.step });
            return None;
        }
        let step = number * self.steps();
        self.history.push(Epoch {
            number,
            step,
            lr: self.options.lr * self.options.rate(step - 1, self.steps()),
            tokens: self.tokens(),
            train_loss: self.loss / self.order.len() as f64,
            dev,
            train_seconds: self.step_seconds,
            seconds: self.seconds(),
        });
        if best_epoch(&self.history) == number {
            self.best.clone_from(&self.classifier.network);
        }
        (self.step, self.loss, self.step_seconds) = (0, 0.0, 0.0);
        self.history.last().map(Progress::Epoch)
    }

    /// Whether all epochs are done, or patience is at its end.
    fn end_reached(&self) -> Option<StopReason> {
        let done = self.history.len();
        if done >= self.options.epochs {
            return Some(StopReason::MaxEpochs);
        }
        let waited = done - best_epoch(&self.history);
        (self.options.patience > 0 && waited >= self.options.patience).then_some(StopReason::EarlyStopping)
    }

    /// Steps in an epoch.
    pub(super) fn steps(&self) -> usize {
        self.order.len().div_ceil(self.options.batch)
    }

    /// Tokens of the training part.
    fn tokens(&self) -> usize {
        self.train.sequences.iter().map(Vec::len).sum()
    }

    /// The classifier as the last step left it.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// All epochs that ran to their end.
    pub fn history(&self) -> &[Epoch] {
        &self.history
    }

    /// The epoch under way, counted from 1, how many of its steps are done, and how many it has.
    pub fn position(&self) -> (usize, usize, usize) {
        (self.history.len() + 1, self.step, self.steps())
    }

    /// Why training ended; `None` while it can go on.
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.stop_reason.or_else(|| self.end_reached())
    }

    /// Seconds that training has taken so far.
    pub(super) fn seconds(&self) -> f64 {
        self.earlier_seconds + self.began.elapsed().as_secs_f64()
    }

    /// The classifier as it was after the best epoch, measured on the test part.
    ///
    /// # Errors
    /// No epoch ran to its end: because the loss was no number, or because it was not asked to.
    pub fn finish(self) -> Result<TrainingOutcome> {
        let stop_reason = self.stop_reason().unwrap_or(StopReason::Interrupted);
        let (seconds, tokens) = (self.seconds(), self.tokens());
        let best_epoch = best_epoch(&self.history);
        let Some(dev) = best_epoch.checked_sub(1).and_then(|index| self.history.get(index)).map(|e| e.dev.clone())
        else {
            return Err(match stop_reason {
                StopReason::Diverged { epoch, step } => Error::Diverged { epoch, step },
                _ => Error::invalid("training", "an epoch that ran to its end", "none"),
            });
        };
        let mut classifier = self.classifier;
        classifier.network = self.best;
        classifier.network.embedding.set_frozen(false);
        let measuring = Instant::now();
        let test = self.test.map(|part| measure(&classifier.network, &part));
        Ok(TrainingOutcome {
            classifier,
            best_epoch,
            stop_reason,
            dev,
            test,
            history: self.history,
            trainable_parameters: self.trainable_parameters,
            words: self.words,
            tokens,
            seconds: seconds + measuring.elapsed().as_secs_f64(),
        })
    }
}

/// The number of the best epoch: highest accuracy on the development part, then lowest loss, then the first; 0 of none.
fn best_epoch(history: &[Epoch]) -> usize {
    let better = |a: &&Epoch, b: &&Epoch| {
        a.dev
            .accuracy()
            .total_cmp(&b.dev.accuracy())
            .then(b.dev.loss.total_cmp(&a.dev.loss))
            .then(b.number.cmp(&a.number))
    };
    history.iter().max_by(better).map_or(0, |epoch| epoch.number)
}
