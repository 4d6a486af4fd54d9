//! What training is made of: its options, its splits, the gradients of a batch.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::dataset::{Dataset, LabelledText};
use super::network::{BatchDropout, DropoutRates, Gradients, Network};
use super::optimizer::{Optimizer, RowSettings};
use super::tokenizer::{Tokenizer, WordCounts};
use super::{ClassWeights, Classifier, Metrics, probabilities};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::Words;
use crate::nn::{
    CellKind, CrossEntropy, EmbeddingMode, EmbeddingOptions, OptimizerKind, OptimizerOptions, Pooling, Schedule,
};
use crate::vectors::{Case, Vectors};

/// Streams of random numbers, so that what one part draws does not shift what another does.
pub(super) mod stream {
    pub const WEIGHTS: u64 = 0;
    pub const SPLIT: u64 = 1;
    pub const ORDER: u64 = 2;
    pub const DROPOUT: u64 = 3;
    pub const SUBSET: u64 = 4;
}

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainOptions {
    /// Which rows of the embedding come from the vectors, and which are trained.
    pub embedding: EmbeddingMode,
    /// How texts are cut into words.
    pub tokenizer: Tokenizer,
    /// How words are looked up in the vectors.
    pub case: Case,
    /// Standard deviation of the rows made for words that the vectors lack.
    pub oov_std: f64,
    /// Standard deviation of the rows of [`EmbeddingMode::Random`]; `None` for that of the vectors.
    pub random_std: Option<f64>,
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
    /// How the parameters follow their gradients.
    pub optimizer: OptimizerKind,
    /// Learning rate.
    pub lr: f64,
    /// Learning rate of the rows of the embedding; `None` for the same.
    pub embedding_lr: Option<f64>,
    /// Epochs in which the rows of the embedding are kept as they are, before they are trained.
    pub unfreeze_after: usize,
    /// Largest norm that a step may leave a row it touched with; 0 for no limit.
    pub max_norm: f64,
    /// Weight decay of the optimizer; of rows only where a step touches them.
    pub weight_decay: f64,
    /// Momentum of [`OptimizerKind::Sgd`].
    pub momentum: f64,
    /// How the learning rates change over the steps of all `epochs`.
    pub schedule: Schedule,
    /// Share of these steps over which the learning rates rise from 0, rounded up to whole steps.
    pub warmup: f64,
    /// How much the texts of each class count.
    pub class_weights: ClassWeights,
    /// Share of each label that is spread over all classes.
    pub label_smoothing: f64,
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
            max_norm: 0.0,
            weight_decay: 0.0,
            momentum: 0.9,
            schedule: Schedule::Constant,
            warmup: 0.0,
            class_weights: ClassWeights::None,
            label_smoothing: 0.0,
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
        let embedding_lr = self.embedding_lr.unwrap_or(self.lr);
        number("learning rate of the embedding", embedding_lr, embedding_lr > 0.0, "a number above 0")?;
        number("maximum norm", self.max_norm, self.max_norm >= 0.0, "a number from 0")?;
        number("weight decay", self.weight_decay, self.weight_decay >= 0.0, "a number from 0")?;
        number("momentum", self.momentum, (0.0..1.0).contains(&self.momentum), rate)?;
        number("warm-up", self.warmup, (0.0..1.0).contains(&self.warmup), rate)?;
        number("label smoothing", self.label_smoothing, (0.0..1.0).contains(&self.label_smoothing), rate)?;
        self.class_weights.check()?;
        number("clip", self.clip, self.clip >= 0.0, "a number from 0")?;
        let random_std = self.random_std.unwrap_or(0.0);
        number("deviation of random rows", random_std, random_std >= 0.0, "a number from 0")?;
        number("deviation of unknown words' rows", self.oov_std, self.oov_std >= 0.0, "a number from 0")
    }

    /// How the rows of the task's words are made. The words stand as they are looked up: folding is done.
    pub(crate) fn rows(&self) -> EmbeddingOptions {
        EmbeddingOptions {
            mode: self.embedding,
            case: Case::Exact,
            oov_std: self.oov_std,
            random_std: self.random_std,
            seed: self.seed,
        }
    }

    /// An optimizer for a network, with these settings.
    pub(super) fn new_optimizer(&self) -> Optimizer<f32> {
        let options = OptimizerOptions {
            kind: self.optimizer,
            lr: self.lr,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            ..OptimizerOptions::default()
        };
        let unless_zero = |limit: f64| (limit > 0.0).then_some(limit);
        let rows = RowSettings { lr: self.embedding_lr, max_norm: unless_zero(self.max_norm) };
        Optimizer::with_rows(options, unless_zero(self.clip), rows)
    }

    /// The share of the learning rates at a step, counted from 0 over all epochs, of which each has `steps`.
    pub(super) fn rate(&self, step: usize, steps: usize) -> f64 {
        let total = steps.saturating_mul(self.epochs);
        let warmup = (total as f64 * self.warmup).ceil() as usize;
        self.schedule.rate(step, warmup, total)
    }

    pub(super) fn generator(&self, stream: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stream);
        rng
    }
}

/// The splits of a task.
#[derive(Debug, Clone)]
pub struct Splits {
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
pub fn split_dev_set(train: Dataset, seed: u64) -> Result<(Dataset, Dataset)> {
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

/// Some texts of a training part, in its order: drawn by chance, the labels in the shares that they have in all of it, and each
/// label at least once.
///
/// With one seed, smaller subsets are splits of larger ones. The texts of each label are shuffled; text `i` of a label's `n`,
/// counted from 0, then stands at `i / n`, and a subset is what stands first.
///
/// # Errors
/// A number of texts that is larger than the part, or smaller than its number of labels.
pub fn subset(train: &Dataset, texts: usize, seed: u64) -> Result<Dataset> {
    let mut labels: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, text) in train.texts.iter().enumerate() {
        labels.entry(&text.label).or_default().push(index);
    }
    if texts < labels.len() || texts > train.texts.len() {
        let expected =
            format!("from {} (a text of each label) to {} (all of {})", labels.len(), train.texts.len(), train.name);
        return Err(Error::invalid("number of training texts", expected, texts.to_string()));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream::SUBSET);
    let mut places: Vec<(usize, usize, usize)> = Vec::with_capacity(train.texts.len());
    for indices in labels.values_mut() {
        indices.shuffle(&mut rng);
        places.extend(indices.iter().enumerate().map(|(place, &index)| (place, indices.len(), index)));
    }
    // Stable: where several labels have a text at one place, the labels' order decides. Products of two lengths of lists in
    // memory fit.
    places.sort_by(|a, b| (a.0 as u128 * b.1 as u128).cmp(&(b.0 as u128 * a.1 as u128)));
    let mut chosen: Vec<usize> = places.into_iter().take(texts).map(|(.., index)| index).collect();
    chosen.sort_unstable();
    let texts = chosen.into_iter().map(|index| train.texts[index].clone()).collect();
    Ok(Dataset { name: train.name.clone(), format: train.format, texts, replaced: train.replaced })
}

/// A part in numbers.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) sequences: Vec<Vec<u32>>,
    /// Rows of words that have none in the embedding.
    made: Vec<f32>,
    pub(super) labels: Vec<u32>,
}

/// The loss of a batch, the mean over its texts (each counting as its class does), and its gradients.
pub(super) fn batch_gradients(
    network: &Network<f32>,
    criterion: &CrossEntropy,
    part: &Encoded,
    batch: &[usize],
    rates: DropoutRates,
    seed: u64,
) -> (f64, Gradients<f32>) {
    let sequences: Vec<&[u32]> = batch.iter().map(|&text| part.sequences[text].as_slice()).collect();
    let labels: Vec<u32> = batch.iter().map(|&text| part.labels[text]).collect();
    let scale = criterion.mean_scale(labels.iter().copied());
    network.loss_and_gradients_with(criterion, &sequences, &labels, scale, Some(BatchDropout { rates, seed }))
}

pub(super) fn measure(network: &Network<f32>, part: &Encoded) -> Metrics {
    Metrics::of(&probabilities(network, &part.sequences, &part.made), &part.labels, network.classes())
}

/// The labels of the training part, sorted.
pub(super) fn labels_of(train: &Dataset) -> Result<Vec<String>> {
    let labels = train.labels();
    if labels.len() < 2 {
        let expected = "texts of at least two labels";
        let found = labels.first().map_or("none".to_owned(), |label| format!("only the label `{label}`"));
        return Err(Malformed::at(Place::File, expected, found).in_file(&train.name).into());
    }
    Ok(labels.into_iter().map(str::to_owned).collect())
}

/// The words a classifier carries rows for: all of the training part, most frequent first, then those of the other splits that
/// the vectors know. AtomicFile them the number of distinct words of the training part, and how many of them are known.
///
/// # Errors
/// A training part without words.
pub(super) fn words_of_task(
    vectors: &Vectors,
    splits: &Splits,
    options: &TrainOptions,
) -> Result<(Words, (usize, usize))> {
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
    let train = counted(&splits.train);
    if train.is_empty() {
        let line = splits.train.texts.first().map_or(Place::File, |text| Place::Line(text.line));
        let error = Malformed::at(line, "a text behind the label", "none, as in all lines");
        return Err(error.in_file(&splits.train.name).into());
    }
    let known = train.in_order().iter().filter(|(word, _)| vectors.vector(word).is_some()).count();
    let mut words: Words = train.most_frequent().iter().map(|(word, _)| word).collect();
    let mut others = WordCounts::default();
    for part in [Some(&splits.dev), splits.test.as_ref()].into_iter().flatten() {
        for (word, count) in counted(part).in_order() {
            if vectors.vector(word).is_some() && !train.contains(word) {
                others.add(word, count);
            }
        }
    }
    others.in_order().iter().for_each(|(word, _)| words.push(word.as_bytes()));
    Ok((words, (train.len(), known)))
}

/// Ids that occur in a part, each once.
pub(super) fn occurring(part: &Encoded) -> Vec<u32> {
    let mut ids: Vec<u32> = part.sequences.iter().flatten().copied().collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Classifier {
    pub(super) fn encode(&self, part: &Dataset) -> Result<Encoded> {
        if part.texts.is_empty() {
            return Err(Malformed::at(Place::File, "labelled texts", "none").in_file(&part.name).into());
        }
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
    pub fn evaluate(&self, data: &Dataset) -> Result<Metrics> {
        Ok(measure(&self.network, &self.encode(data)?))
    }
}
