//! Training step by step, so that it can be observed, stopped and saved between two steps.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};

use super::checksum::InputChecksums;
use super::encoded::EncodedDataset;
use super::network::Network;
use super::optimizer::Optimizer;
use super::options::TrainOptions;
use super::random::{Stream, generator};
use super::splits::Splits;
use super::task_words::TaskWords;
use super::{Classifier, Metrics};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::Words;
use crate::nn::{CrossEntropy, Embedding, EmbeddingMode, EncoderShape};
use crate::vectors::Vectors;

/// The record of an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Number of the epoch, from 1.
    pub number: usize,
    /// Number of steps since the start of training.
    pub step: usize,
    /// Learning rate of the epoch's last step, without regard to [`TrainOptions::embedding_lr`].
    pub lr: f64,
    /// Number of training tokens.
    pub tokens: usize,
    /// Mean loss over the training texts during the epoch, with dropout.
    pub train_loss: f64,
    /// Metrics on the dev set.
    pub dev: Metrics,
    /// Seconds spent on the steps of the epoch, without evaluation.
    pub train_seconds: f64,
    /// Seconds since the start of training, without the time between a checkpoint and resuming from it.
    pub seconds: f64,
}

/// What a call of [`Training::advance`] did.
#[derive(Debug)]
pub enum Progress<'a> {
    /// It took a step.
    Step {
        /// Number of the epoch, from 1.
        epoch: usize,
        /// Number of texts processed in this epoch.
        done: usize,
        /// Number of texts in an epoch.
        of: usize,
    },
    /// It finished an epoch.
    Epoch(&'a Epoch),
}

/// Why training stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum StopReason {
    /// [`TrainOptions::epochs`] was reached.
    MaxEpochs,
    /// The dev set metrics did not improve for [`TrainOptions::patience`] epochs.
    EarlyStopping,
    /// [`Training::finish`] was called before any of the other reasons applied.
    Interrupted,
    /// The loss, a weight or a metric became non-finite.
    Diverged {
        /// Number of the epoch, from 1.
        epoch: usize,
        /// Number of the step within the epoch, from 1.
        step: usize,
    },
}

impl StopReason {
    /// The name in JSON: `max-epochs`, `early-stopping`, `interrupted` or `diverged`.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The outcome of training.
#[derive(Debug, Clone)]
pub struct TrainingOutcome {
    /// The classifier of the best epoch.
    pub classifier: Classifier,
    /// All completed epochs.
    pub history: Vec<Epoch>,
    /// The number of the best epoch: highest accuracy on the dev set; in case of a tie, lowest loss.
    pub best_epoch: usize,
    /// Why training stopped.
    pub stop_reason: StopReason,
    /// Metrics of the best epoch on the dev set.
    pub dev: Metrics,
    /// Metrics of the best epoch on the test set.
    pub test: Option<Metrics>,
    /// Number of trainable parameters.
    pub trainable_parameters: usize,
    /// Number of distinct words of the train set.
    pub train_words: usize,
    /// How many of them are in the vectors.
    pub known_train_words: usize,
    /// Number of tokens of the train set.
    pub tokens: usize,
    /// Seconds in total.
    pub seconds: f64,
}

impl TrainingOutcome {
    /// Training tokens per second, without the time spent on evaluation.
    pub fn tokens_per_second(&self) -> f64 {
        let seconds: f64 = self.history.iter().map(|epoch| epoch.train_seconds).sum();
        (self.tokens * self.history.len()) as f64 / seconds
    }
}

/// Trains a classifier on the train set, selects the best epoch on the dev set, and evaluates it on the test set.
///
/// The classifier has an embedding row for every word of the train set, and for those words of the other sets that are in the vectors.
/// [`Training`] does the same step by step and can be saved between two steps.
///
/// # Errors
/// Options out of range; a train set with fewer than two labels or without words; a label of another set that the train set does not
/// have; [`Error::Diverged`] if training diverges in the first epoch (later, the best epoch so far is returned, see
/// [`TrainingOutcome::stop_reason`]); vectors in a damaged table file.
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

/// A training in progress.
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
///         break; // for example, because the user interrupted it
///     }
/// }
/// let outcome = training.finish()?;
/// assert_eq!(outcome.stop_reason.name(), "interrupted");
/// # Ok::<(), vocable::Error>(())
/// ```
pub struct Training {
    pub(super) options: TrainOptions,
    pub(super) inputs: InputChecksums,
    pub(super) classifier: Classifier,
    criterion: CrossEntropy,
    train: EncodedDataset,
    dev: EncodedDataset,
    test: Option<EncodedDataset>,
    trainable_parameters: usize,
    train_words: usize,
    known_train_words: usize,
    pub(super) optimizer: Optimizer<f32>,
    /// The order of the texts in the current epoch; each epoch shuffles it again.
    pub(super) order: Vec<usize>,
    pub(super) order_rng: ChaCha8Rng,
    pub(super) dropout_rng: ChaCha8Rng,
    /// Number of steps taken in the current epoch.
    pub(super) step: usize,
    /// Sum of the losses of the texts in these steps.
    pub(super) loss: f64,
    /// Duration of these steps in seconds.
    pub(super) step_seconds: f64,
    pub(super) history: Vec<Epoch>,
    /// The network after the best epoch so far; the initial network before the first epoch ends.
    pub(super) best: Network<f32>,
    stop_reason: Option<StopReason>,
    started: Instant,
    /// Duration of training in seconds before it was resumed from a checkpoint.
    pub(super) earlier_seconds: f64,
}

impl Training {
    /// Prepares a training run, without taking a step.
    ///
    /// # Errors
    /// Those of [`train`], except [`Error::Diverged`].
    pub fn new(vectors: &Arc<Vectors>, splits: &Splits, options: &TrainOptions) -> Result<Training> {
        options.check()?;
        vectors.check()?;
        let started = Instant::now();
        let labels = labels_of(splits)?;
        let TaskWords { words, train_words, known_train_words } = TaskWords::of(vectors, splits, options)?;
        let network = initial_network(vectors, &words, labels.len(), options)?;
        let inputs = InputChecksums::of(splits, &words, &network.embedding);
        let classifier = Classifier::new(labels, words, options.tokenizer, options.case, network)?;
        let train = classifier.encode(&splits.train)?;
        let criterion = CrossEntropy {
            weights: options.class_weights.of(&classifier.labels, &train.labels)?,
            smoothing: options.label_smoothing,
        };
        Ok(Training {
            inputs,
            criterion,
            dev: classifier.encode(&splits.dev)?,
            test: splits.test.as_ref().map(|test| classifier.encode(test)).transpose()?,
            trainable_parameters: classifier.network.trainable_parameters(train.distinct_ids().into_iter()),
            train_words,
            known_train_words,
            optimizer: options.new_optimizer(),
            order: (0..train.sequences.len()).collect(),
            order_rng: generator(options.seed, Stream::Order),
            dropout_rng: generator(options.seed, Stream::Dropout),
            step: 0,
            loss: 0.0,
            step_seconds: 0.0,
            history: Vec::new(),
            best: classifier.network.clone(),
            stop_reason: None,
            started,
            earlier_seconds: 0.0,
            options: options.clone(),
            train,
            classifier,
        })
    }

    /// Takes a step, or evaluates the network at the end of an epoch. Returns `None` once training has stopped.
    pub fn advance(&mut self) -> Option<Progress<'_>> {
        self.stop_reason = self.stop_reason();
        if self.stop_reason.is_some() {
            return None;
        }
        let (epoch, steps) = (self.history.len() + 1, self.steps());
        if self.step == steps {
            return self.end_epoch();
        }
        let started = Instant::now();
        if self.step == 0 {
            self.order.shuffle(&mut self.order_rng);
        }
        let network = &mut self.classifier.network;
        network.embedding.set_frozen(epoch <= self.options.unfreeze_after);
        let start = self.step * self.options.batch;
        let batch = &self.order[start..self.order.len().min(start + self.options.batch)];
        let seed = self.dropout_rng.random();
        let rate = self.options.rate((epoch - 1) * steps + self.step, steps);
        // The step runs in the thread pool as a whole, so that its parallel parts need not be handed over to the pool one by one.
        let loss = rayon::scope(|_| {
            let (loss, gradients) =
                self.train.batch_gradients(network, &self.criterion, batch, self.options.dropout, seed);
            if loss.is_finite() {
                self.optimizer.step_at(network, &gradients, rate);
            }
            loss
        });
        self.step += 1;
        if !loss.is_finite() {
            self.stop_reason = Some(StopReason::Diverged { epoch, step: self.step });
            return None;
        }
        self.loss += loss * batch.len() as f64;
        self.step_seconds += started.elapsed().as_secs_f64();
        Some(Progress::Step { epoch, done: start + batch.len(), of: self.order.len() })
    }

    /// Evaluates the network on the dev set, and keeps a copy if it is the best so far.
    fn end_epoch(&mut self) -> Option<Progress<'_>> {
        let number = self.history.len() + 1;
        let dev = self.dev.evaluate(&self.classifier.network);
        // The last step may have made weights non-finite, which a model file cannot hold, or so large that metrics are non-finite.
        if !self.classifier.network.is_finite() || !dev.loss.is_finite() || !dev.calibration_error.is_finite() {
            self.stop_reason = Some(StopReason::Diverged { epoch: number, step: self.step });
            return None;
        }
        let step = number * self.steps();
        self.history.push(Epoch {
            number,
            step,
            lr: self.options.lr * self.options.rate(step - 1, self.steps()),
            tokens: self.train.tokens(),
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

    /// Why training stopped; `None` while it is in progress.
    pub fn stop_reason(&self) -> Option<StopReason> {
        let epochs = self.history.len();
        let epochs_without_improvement = epochs - best_epoch(&self.history);
        self.stop_reason.or(if epochs >= self.options.epochs {
            Some(StopReason::MaxEpochs)
        } else if self.options.patience.is_some_and(|patience| epochs_without_improvement >= patience) {
            Some(StopReason::EarlyStopping)
        } else {
            None
        })
    }

    /// Number of steps per epoch.
    pub(super) fn steps(&self) -> usize {
        self.order.len().div_ceil(self.options.batch)
    }

    /// The classifier after the last step.
    pub fn classifier(&self) -> &Classifier {
        &self.classifier
    }

    /// All completed epochs.
    pub fn history(&self) -> &[Epoch] {
        &self.history
    }

    /// The number of the current epoch, from 1, its number of completed steps, and its total number of steps.
    pub fn position(&self) -> (usize, usize, usize) {
        (self.history.len() + 1, self.step, self.steps())
    }

    /// Duration of training so far in seconds.
    pub(super) fn seconds(&self) -> f64 {
        self.earlier_seconds + self.started.elapsed().as_secs_f64()
    }

    /// Ends training: evaluates the classifier of the best epoch on the test set and returns it.
    ///
    /// # Errors
    /// [`Error::Diverged`] if training diverged in the first epoch; an error if it is finished before the end of the first epoch.
    pub fn finish(self) -> Result<TrainingOutcome> {
        let stop_reason = self.stop_reason().unwrap_or(StopReason::Interrupted);
        let seconds = self.seconds();
        let best_epoch = best_epoch(&self.history);
        let Some(best) = self.history.iter().find(|epoch| epoch.number == best_epoch) else {
            return Err(match stop_reason {
                StopReason::Diverged { epoch, step } => Error::Diverged { epoch, step },
                _ => Error::invalid("training", "at least one completed epoch", "none"),
            });
        };
        let mut classifier = self.classifier;
        classifier.network = self.best;
        classifier.network.embedding.set_frozen(false);
        let evaluation_started = Instant::now();
        let test = self.test.map(|test| test.evaluate(&classifier.network));
        Ok(TrainingOutcome {
            classifier,
            best_epoch,
            stop_reason,
            dev: best.dev.clone(),
            test,
            trainable_parameters: self.trainable_parameters,
            train_words: self.train_words,
            known_train_words: self.known_train_words,
            tokens: self.train.tokens(),
            history: self.history,
            seconds: seconds + evaluation_started.elapsed().as_secs_f64(),
        })
    }
}

impl fmt::Debug for Training {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (epoch, step, steps) = self.position();
        f.debug_struct("Training")
            .field("classifier", &self.classifier)
            .field("train_texts", &self.order.len())
            .field("epoch", &epoch)
            .field("step", &format_args!("{step} of {steps}"))
            .field("stop_reason", &self.stop_reason())
            .finish_non_exhaustive()
    }
}

/// The labels of the train set in alphabetical order.
fn labels_of(splits: &Splits) -> Result<Vec<String>> {
    let labels = splits.train.labels();
    if labels.len() < 2 {
        let expected = "texts with at least two labels";
        let found = labels.first().map_or("none".to_owned(), |label| format!("only the label `{label}`"));
        return Err(Malformed::at(Place::File, expected, found).in_file(&splits.train.name).into());
    }
    Ok(labels.into_iter().map(str::to_owned).collect())
}

/// The network before the first step.
fn initial_network(
    vectors: &Arc<Vectors>,
    words: &Words,
    classes: usize,
    options: &TrainOptions,
) -> Result<Network<f32>> {
    let words: Vec<&[u8]> = words.iter().collect();
    let shape = EncoderShape {
        cell: options.cell,
        input: vectors.dimension(),
        hidden: options.hidden,
        layers: options.layers,
        bidirectional: options.bidirectional,
        pooling: options.pooling,
    };
    if options.embedding == EmbeddingMode::OneHot {
        let embedding = Embedding::one_hot(&EncoderShape { input: 0, ..shape }, &words, options.seed);
        // All other weights are initialised as in a network with an embedding of the vectors' dimension.
        let mut network = Network::new(embedding, shape, classes, options.seed);
        network.encoder = network.encoder.without_input_weights();
        return Ok(network);
    }
    let embedding = Embedding::new(vectors, &words, &options.embedding_options())?;
    Ok(Network::new(embedding, shape, classes, options.seed))
}

/// The number of the best epoch: highest accuracy on the dev set, then lowest loss, then the earliest. 0 if there is none.
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
