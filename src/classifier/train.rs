//! Training a classifier.

use std::sync::Arc;
use std::time::Instant;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::dataset::{Dataset, LabelledText};
use super::network::{DropoutRates, Drops, Gradients, Network, Optimizer};
use super::tokenizer::{Tokenizer, WordCounts};
use super::{Classifier, Metrics, probabilities};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::Words;
use crate::nn::{AdamOptions, CellKind, Embedding, EmbeddingMode, EmbeddingOptions, EncoderShape, Pooling};
use crate::vectors::{Case, Vectors};

/// Sequences that one task takes through the network and back. Fixed, and the gradients of a batch's shards are added in
/// their order, so that one thread and many give the same bits.
const SHARD: usize = 32;

/// Streams of random numbers, so that what one part draws does not shift what another does.
mod stream {
    pub const WEIGHTS: u64 = 0;
    pub const SPLIT: u64 = 1;
    pub const ORDER: u64 = 2;
    pub const DROPOUT: u64 = 3;
}

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Which rows of the embedding come from the vectors, and which are trained.
    pub embedding: EmbeddingMode,
    /// How texts are cut into words.
    pub tokenizer: Tokenizer,
    /// How words are looked up in the vectors.
    pub case: Case,
    /// Standard deviation of the rows made for words that the vectors lack.
    pub oov_deviation: f64,
    /// The cells of the encoder.
    pub cell: CellKind,
    /// Hidden size of the encoder.
    pub hidden: usize,
    /// Layers of the encoder.
    pub layers: usize,
    /// Whether the encoder reads both ways.
    pub bidirectional: bool,
    /// How the states of a text's words become one row.
    pub pooling: Pooling,
    /// Rates of dropout.
    pub dropout: DropoutRates,
    /// Learning rate of Adam.
    pub lr: f64,
    /// Largest norm of all gradients together; 0 for no limit.
    pub clip: f64,
    /// Texts a step.
    pub batch: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// Epochs without a better result on the development part after which training stops; 0 for never.
    pub patience: usize,
    /// One seed for everything.
    pub seed: u64,
}

impl Default for TrainOptions {
    fn default() -> Self {
        TrainOptions {
            embedding: EmbeddingMode::Tuned,
            tokenizer: Tokenizer::default(),
            case: Case::Exact,
            oov_deviation: EmbeddingOptions::default().oov_deviation,
            cell: CellKind::Lstm,
            hidden: 128,
            layers: 1,
            bidirectional: false,
            pooling: Pooling::Last,
            dropout: DropoutRates { embedding: 0.2, word: 0.0, hidden: 0.5 },
            lr: 1e-3,
            clip: 5.0,
            batch: 64,
            epochs: 20,
            patience: 5,
            seed: 1,
        }
    }
}

impl TrainOptions {
    /// Refuses settings outside their range.
    ///
    /// # Errors
    /// The first such setting.
    pub fn check(&self) -> Result<()> {
        let whole = |what: &str, value: usize, least: usize, most: usize| {
            let right = (least..=most).contains(&value);
            right.then_some(()).ok_or_else(|| {
                Error::invalid(what, format!("a whole number from {least} to {most}"), value.to_string())
            })
        };
        whole("hidden size", self.hidden, 1, 8192)?;
        whole("layers", self.layers, 1, 4)?;
        whole("batch", self.batch, 1, 1 << 20)?;
        whole("epochs", self.epochs, 1, 1 << 20)?;
        let number = |what: &str, value: f64, right: bool, expected: &str| {
            let error = || Error::invalid(what, expected, value.to_string());
            (value.is_finite() && right).then_some(()).ok_or_else(error)
        };
        let rate = "a number from 0, below 1";
        number("dropout", self.dropout.hidden, (0.0..1.0).contains(&self.dropout.hidden), rate)?;
        number("word dropout", self.dropout.word, (0.0..1.0).contains(&self.dropout.word), rate)?;
        number("embedding dropout", self.dropout.embedding, (0.0..1.0).contains(&self.dropout.embedding), rate)?;
        number("learning rate", self.lr, self.lr > 0.0, "a number above 0")?;
        number("clip", self.clip, self.clip >= 0.0, "a number from 0")?;
        number("deviation of unknown words' rows", self.oov_deviation, self.oov_deviation >= 0.0, "a number from 0")
    }

    fn generator(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }
}

/// The parts of a task.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What is learnt from.
    pub train: Dataset,
    /// What the epoch is chosen by.
    pub dev: Dataset,
    /// What the result is measured on, once.
    pub test: Option<Dataset>,
}

/// Cuts a development part from a training part: a tenth of it, drawn by chance, at least one text.
///
/// # Errors
/// A training part with fewer than two texts.
pub fn split(train: Dataset, seed: u64) -> Result<(Dataset, Dataset)> {
    if train.texts.len() < 2 {
        return Err(Malformed::at(Place::File, "at least two texts, to cut a development part from", "one")
            .in_file(train.name)
            .into());
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream::SPLIT);
    let mut order: Vec<usize> = (0..train.texts.len()).collect();
    order.shuffle(&mut rng);
    let (dev, rest) = order.split_at((train.texts.len() / 10).max(1));
    let part = |chosen: &[usize], what: &str| {
        let mut chosen = chosen.to_vec();
        chosen.sort_unstable();
        let texts = chosen.iter().map(|&index| train.texts[index].clone()).collect();
        Dataset { name: format!("{} ({what})", train.name), texts, ..train.clone() }
    };
    Ok((part(rest, "training part"), part(dev, "development part")))
}

/// What happened in an epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Epoch {
    /// Counted from 1.
    pub number: usize,
    /// Mean loss over the training texts, as they were met, dropout included.
    pub train_loss: f64,
    /// Figures on the development part.
    pub dev: Metrics,
    /// Seconds for the training half of it.
    pub train_seconds: f64,
    /// Seconds since training began.
    pub seconds: f64,
}

/// What [`train`] reports while it runs.
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

/// The outcome of training.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The classifier as it was after the best epoch.
    pub classifier: Classifier,
    /// All epochs that ran.
    pub history: Vec<Epoch>,
    /// The number of the epoch with the highest accuracy on the development part, of equals the one with the lowest loss.
    pub best_epoch: usize,
    /// Figures of the best epoch on the development part.
    pub dev: Metrics,
    /// Figures of the best epoch on the test part.
    pub test: Option<Metrics>,
    /// Numbers that training could change.
    pub trained_parameters: usize,
    /// Distinct words of the training part, and how many of them the vectors know.
    pub words: (usize, usize),
    /// Tokens of the training part.
    pub tokens: usize,
    /// Seconds in all.
    pub seconds: f64,
}

impl Trained {
    /// Tokens of the training part that went through the network and back in a second.
    pub fn tokens_per_second(&self) -> f64 {
        let seconds: f64 = self.history.iter().map(|epoch| epoch.train_seconds).sum();
        (self.tokens * self.history.len()) as f64 / seconds
    }
}

/// A part in numbers.
struct Encoded {
    sequences: Vec<Vec<u32>>,
    /// Rows of words that have none in the embedding.
    made: Vec<f32>,
    labels: Vec<u32>,
}

/// Trains a classifier on `parts.train`, keeps the epoch that does best on `parts.dev`, measures it on `parts.test`.
///
/// The classifier carries a row for every word of the training part, and for words of the other parts that the vectors know.
///
/// # Errors
/// Options outside their range; fewer than two labels in the training part; a label elsewhere that it does not have; a
/// loss that is not a number; vectors in a damaged table file.
pub fn train(
    vectors: &Arc<Vectors>,
    parts: &Parts,
    options: &TrainOptions,
    observe: &mut dyn FnMut(Progress),
) -> Result<Trained> {
    options.check()?;
    vectors.check()?;
    let began = Instant::now();
    let labels = labels_of(&parts.train)?;
    let (words, counts) = words_of_task(vectors, parts, options);
    if counts.0 == 0 {
        let line = parts.train.texts.first().map_or(Place::File, |text| Place::Line(text.line));
        return Err(Malformed::at(line, "a text behind the label", "none, as in all lines")
            .in_file(&parts.train.name)
            .into());
    }
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
    // The words stand here as they are looked up: folding is done.
    let rows = EmbeddingOptions {
        mode: options.embedding,
        case: Case::Exact,
        oov_deviation: options.oov_deviation,
        seed: options.seed,
    };
    let embedding = match one_hot {
        true => Embedding::one_hot(&shape, &words_listed, options.seed),
        false => Embedding::new(vectors, &words_listed, &rows)?,
    };
    let network = Network::new(embedding, shape, labels.len(), &mut options.generator(stream::WEIGHTS));
    let mut classifier = Classifier::new(labels, words, options.tokenizer, options.case, network)?;
    let encode = |part: &Dataset| classifier.encode(part);
    let train_part = encode(&parts.train)?;
    let dev_part = encode(&parts.dev)?;
    let test_part = parts.test.as_ref().map(encode).transpose()?;
    let trained_parameters = classifier.network.trained_parameters(occurring(&train_part).into_iter());

    let mut optimizer = Optimizer::new(
        AdamOptions { lr: options.lr, ..AdamOptions::default() },
        (options.clip > 0.0).then_some(options.clip),
    );
    let mut order: Vec<usize> = (0..train_part.sequences.len()).collect();
    let mut order_rng = options.generator(stream::ORDER);
    let mut dropout_rng = options.generator(stream::DROPOUT);
    let mut history: Vec<Epoch> = Vec::new();
    let mut best = classifier.network.clone();
    for number in 1..=options.epochs {
        let epoch_began = Instant::now();
        order.shuffle(&mut order_rng);
        let mut loss = 0.0;
        for (step, batch) in order.chunks(options.batch).enumerate() {
            let network = &mut classifier.network;
            let (batch_loss, gradients) =
                batch_gradients(network, &train_part, batch, options.dropout, dropout_rng.random());
            if !batch_loss.is_finite() {
                return Err(Error::Diverged { epoch: number, step: step + 1 });
            }
            optimizer.step(network, &gradients);
            loss += batch_loss * batch.len() as f64;
            let done = step * options.batch + batch.len();
            observe(Progress::Step { epoch: number, done, of: order.len() });
        }
        let train_seconds = epoch_began.elapsed().as_secs_f64();
        let epoch = Epoch {
            number,
            train_loss: loss / order.len() as f64,
            dev: measure(&classifier.network, &dev_part),
            train_seconds,
            seconds: began.elapsed().as_secs_f64(),
        };
        observe(Progress::Epoch(&epoch));
        history.push(epoch);
        let so_far = best_epoch(&history);
        if so_far == number {
            best.clone_from(&classifier.network);
        }
        if options.patience > 0 && number - so_far >= options.patience {
            break;
        }
    }

    classifier.network = best;
    let best_epoch = best_epoch(&history);
    Ok(Trained {
        // Epochs count from 1, and there is one at least.
        dev: history[best_epoch - 1].dev.clone(),
        test: test_part.map(|part| measure(&classifier.network, &part)),
        classifier,
        history,
        best_epoch,
        trained_parameters,
        words: counts,
        tokens: train_part.sequences.iter().map(Vec::len).sum(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// The loss of a batch, the mean over its texts, and its gradients.
fn batch_gradients(
    network: &Network<f32>,
    part: &Encoded,
    batch: &[usize],
    rates: DropoutRates,
    seed: u64,
) -> (f64, Gradients<f32>) {
    // Dealt out by length, so that all shards have about the same work.
    let mut by_length = batch.to_vec();
    by_length.sort_by_key(|&text| std::cmp::Reverse(part.sequences[text].len()));
    let shards = batch.len().div_ceil(SHARD);
    let scale = 1.0 / batch.len() as f64;
    let mut results: Vec<(f64, Gradients<f32>)> = (0..shards)
        .into_par_iter()
        .map(|shard| {
            let texts = || by_length.iter().skip(shard).step_by(shards);
            let sequences: Vec<&[u32]> = texts().map(|&text| part.sequences[text].as_slice()).collect();
            let labels: Vec<u32> = texts().map(|&text| part.labels[text]).collect();
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(shard as u64);
            let drops = Drops { rates, batch: seed, rng: &mut rng };
            network.loss_and_gradients(&sequences, &labels, scale, Some(drops))
        })
        .collect();
    let (mut loss, mut gradients) = results.remove(0);
    for (shard_loss, shard_gradients) in &results {
        loss += shard_loss;
        gradients.add(shard_gradients);
    }
    (loss, gradients)
}

fn measure(network: &Network<f32>, part: &Encoded) -> Metrics {
    Metrics::of(&probabilities(network, &part.sequences, &part.made), &part.labels, network.classes())
}

/// The number of the best epoch: highest accuracy on the development part, then lowest loss, then the first.
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

/// The labels of the training part, sorted.
fn labels_of(train: &Dataset) -> Result<Vec<String>> {
    let mut labels: Vec<&str> = train.texts.iter().map(|text| text.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.len() < 2 {
        let expected = "texts of at least two labels";
        let found = format!("only the label `{}`", labels.first().unwrap_or(&""));
        return Err(Malformed::at(Place::File, expected, found).in_file(&train.name).into());
    }
    Ok(labels.into_iter().map(str::to_owned).collect())
}

/// The words a classifier carries rows for: all of the training part, most frequent first, then those of the other parts that
/// the vectors know. Beside them the number of distinct words of the training part, and how many of them are known.
fn words_of_task(vectors: &Vectors, parts: &Parts, options: &TrainOptions) -> (Words, (usize, usize)) {
    // A word stands as it will be found: as written where the vectors know it so, else in lower case where that is asked for.
    let canonical = |word: &str| match options.case {
        Case::Fold if vectors.row_of(word).is_none() => word.to_lowercase(),
        _ => word.to_owned(),
    };
    let counted = |part: &Dataset| {
        let mut counts = WordCounts::default();
        for (word, count) in options.tokenizer.count(&part.texts).0.in_order() {
            counts.add(&canonical(word), count);
        }
        counts
    };
    let train = counted(&parts.train);
    let known = train.in_order().iter().filter(|(word, _)| vectors.vector(word).is_some()).count();
    let mut words: Words = train.most_frequent().iter().map(|(word, _)| word).collect();
    let mut others = WordCounts::default();
    for part in [Some(&parts.dev), parts.test.as_ref()].into_iter().flatten() {
        for (word, count) in counted(part).in_order() {
            if vectors.vector(word).is_some() && !train.contains(word) {
                others.add(word, count);
            }
        }
    }
    others.in_order().iter().for_each(|(word, _)| words.push(word.as_bytes()));
    (words, (train.len(), known))
}

/// Ids that occur in a part, each once.
fn occurring(part: &Encoded) -> Vec<u32> {
    let mut ids: Vec<u32> = part.sequences.iter().flatten().copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Classifier {
    fn encode(&self, part: &Dataset) -> Result<Encoded> {
        let class = |text: &LabelledText| {
            let found = self.labels.iter().position(|label| *label == text.label);
            found.map(|class| class as u32).ok_or_else(|| {
                let expected = format!("one of the training part's labels ({})", self.labels.join(", "));
                Error::from(
                    Malformed::at(Place::Line(text.line), expected, format!("`{}`", text.label)).in_file(&part.name),
                )
            })
        };
        let (sequences, made) = self.ids(&self.words(&part.texts));
        Ok(Encoded { sequences, made, labels: part.texts.iter().map(class).collect::<Result<Vec<u32>>>()? })
    }

    /// Figures on a labelled data set.
    ///
    /// # Errors
    /// A label that the classifier does not know.
    pub fn measure(&self, data: &Dataset) -> Result<Metrics> {
        Ok(measure(&self.network, &self.encode(data)?))
    }
}
