//! What runs there are: an ordered list, from what is to vary.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::classifier::{Splits, TrainOptions, subset};
use crate::error::{Error, Result};
use crate::nn::EmbeddingMode;
use crate::vectors::Vectors;

/// The most runs that a plan may have.
const MOST_RUNS: usize = 100_000;

/// The most words that may be watched: each is paired with each other.
const MOST_WATCHED: usize = 20;

/// What to compare: every embedding with every seed, and both with every value of all that varies besides.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// The embeddings, in the order of the report.
    pub embeddings: Vec<EmbeddingMode>,
    /// Runs of one seed share the order of the texts, what dropout drops of states, and the first weights of encoder and head.
    pub seeds: Vec<u64>,
    /// How many training texts there are to learn from; nothing stands for all of them.
    pub train_sizes: Vec<TrainSize>,
    /// Settings of `train` that take several values.
    pub sweeps: Vec<Sweep>,
    /// Words whose rows are looked at after training, whether they moved far or not; no run depends on them.
    pub watch: Vec<String>,
    /// How the comparison was asked for, for those who look it over later: a command line, or nothing.
    pub command: String,
    /// Everything else; its `embedding` and `seed`, and what `sweeps` name, are overridden.
    pub train: TrainOptions,
}

impl Default for CompareOptions {
    /// The embeddings but one-hot, three seeds.
    fn default() -> Self {
        use EmbeddingMode::{Frozen, OovOnly, Random, Tuned};
        CompareOptions {
            embeddings: vec![Frozen, Tuned, OovOnly, Random],
            seeds: vec![1, 2, 3],
            train_sizes: Vec::new(),
            sweeps: Vec::new(),
            watch: Vec::new(),
            command: String::new(),
            train: TrainOptions::default(),
        }
    }
}

/// A number of training texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainSize {
    /// So many, drawn as [`subset`] draws them.
    Texts(usize),
    /// All there are.
    All,
}

impl FromStr for TrainSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text, text.parse()) {
            ("all", _) => Ok(TrainSize::All),
            (_, Ok(texts)) => Ok(TrainSize::Texts(texts)),
            _ => Err(Error::invalid("training sizes", "numbers of texts, or `all`", format!("`{text}`"))),
        }
    }
}

/// A setting of training that takes several values, as in `lr=1e-3,2e-3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    key: String,
    values: Vec<String>,
}

/// Sets an option from text, and says its value as it is written in names.
type Set = fn(&mut TrainOptions, &str) -> Option<String>;

/// The settings that can be swept, named as the options of the command line.
const SETTINGS: [(&str, Set); 20] = [
    ("batch", |o, text| set(&mut o.batch, text)),
    ("clip", |o, text| set_limit(&mut o.clip, text)),
    ("dropout", |o, text| set_number(&mut o.dropout.hidden, text)),
    ("embedding-dropout", |o, text| set_number(&mut o.dropout.embedding, text)),
    ("embedding-lr", |o, text| set_number(o.embedding_lr.insert(0.0), text)),
    ("encoder", |o, text| set(&mut o.cell, text)),
    ("hidden", |o, text| set(&mut o.hidden, text)),
    ("label-smoothing", |o, text| set_number(&mut o.label_smoothing, text)),
    ("layers", |o, text| set(&mut o.layers, text)),
    ("lr", |o, text| set_number(&mut o.lr, text)),
    ("max-norm", |o, text| set_limit(&mut o.max_norm, text)),
    ("optimizer", |o, text| set(&mut o.optimizer, text)),
    ("pooling", |o, text| set(&mut o.pooling, text)),
    ("random-std", |o, text| set_number(o.random_std.insert(0.0), text)),
    ("schedule", |o, text| set(&mut o.schedule, text)),
    ("tokenizer", |o, text| set(&mut o.tokenizer, text)),
    ("unfreeze-after", |o, text| set(&mut o.unfreeze_after, text)),
    ("warmup", |o, text| set_number(&mut o.warmup, text)),
    ("weight-decay", |o, text| set_number(&mut o.weight_decay, text)),
    ("word-dropout", |o, text| set_number(&mut o.dropout.word, text)),
];

fn set<T: FromStr + fmt::Display>(target: &mut T, text: &str) -> Option<String> {
    *target = text.parse().ok()?;
    Some(target.to_string())
}

/// Very small and very large numbers are written with an exponent, as they become part of a name.
fn set_number(target: &mut f64, text: &str) -> Option<String> {
    set(target, text)?;
    let plain = *target == 0.0 || (1e-6..1e9).contains(&target.abs());
    Some(if plain { target.to_string() } else { format!("{target:e}") })
}

/// Sets a limit; 0 stands for no limit.
fn set_limit(target: &mut Option<f64>, text: &str) -> Option<String> {
    let mut limit = 0.0;
    let name = set_number(&mut limit, text)?;
    *target = (limit != 0.0).then_some(limit);
    Some(name)
}

impl Sweep {
    /// The setting, named as the option of the command line is.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its values, at least one, each once.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    fn apply(&self, options: &mut TrainOptions, value: &str) -> Option<String> {
        SETTINGS.iter().find(|(key, _)| *key == self.key).and_then(|(_, set)| set(options, value))
    }
}

impl FromStr for Sweep {
    type Err = Error;

    /// `KEY=VALUE,VALUE,...`
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |expected: String, found: &str| Error::invalid("sweep", expected, format!("`{found}`"));
        let (key, values) = text
            .split_once('=')
            .ok_or_else(|| wrong("a setting and its values, as in lr=1e-3,2e-3".to_owned(), text))?;
        let Some((_, set)) = SETTINGS.iter().find(|(known, _)| *known == key) else {
            let known: Vec<&str> = SETTINGS.iter().map(|(key, _)| *key).collect();
            return Err(wrong(format!("one of {}", known.join(", ")), key));
        };
        let mut all: Vec<String> = Vec::new();
        for value in values.split(',') {
            let mut options = TrainOptions::default();
            let value = set(&mut options, value).ok_or_else(|| wrong(format!("a value of {key}"), value))?;
            options.check()?;
            // Written in two ways it is still one value.
            if all.contains(&value) {
                return Err(wrong(format!("each value of {key} once"), &value));
            }
            all.push(value);
        }
        Ok(Sweep { key: key.to_owned(), values: all })
    }
}

/// Vectors under the name that tells them from others of a comparison.
#[derive(Debug, Clone)]
pub struct NamedVectors {
    /// Letters, digits, dots, underscores and dashes.
    pub name: String,
    /// The vectors.
    pub vectors: Arc<Vectors>,
}

impl NamedVectors {
    /// Vectors named after their file, without its endings.
    pub fn of(vectors: Arc<Vectors>) -> NamedVectors {
        const ENDINGS: [&str; 9] = [".gz", ".zip", ".txt", ".bin", ".vec", ".npy", ".safetensors", ".csv", ".tsv"];
        let file = vectors.source().path.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut name = file.as_deref().unwrap_or("vectors");
        while let Some(shorter) = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)) {
            name = shorter;
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let name: String = name.chars().take(60).map(plain).collect();
        let name = if name.is_empty() || name.starts_with('.') { format!("vectors{name}") } else { name };
        NamedVectors { name, vectors }
    }
}

/// A run to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRun {
    /// What tells it from the others, as in `tuned-n1000-lr0.001-seed3`: embedding, vectors, number of training texts, settings that
    /// are swept, seed; what is the same for all but embedding and seed is left out. It serves as the name of a folder.
    pub name: String,
    /// Its embedding.
    pub embedding: EmbeddingMode,
    /// Which of [`Plan::vectors`].
    pub vectors: usize,
    /// How many texts it learns from.
    pub train_texts: usize,
    /// Values of the settings that are swept.
    pub settings: BTreeMap<String, String>,
    /// Its seed.
    pub seed: u64,
    /// How it is trained.
    pub options: TrainOptions,
}

/// The runs of a comparison, and what they learn from.
#[derive(Debug)]
pub struct Plan {
    vectors: Vec<NamedVectors>,
    splits: Splits,
    options: CompareOptions,
    sizes: Vec<usize>,
    runs: Vec<PlannedRun>,
}

impl Plan {
    /// All combinations of what varies, in this order: vectors, settings, numbers of training texts, embeddings, seeds; the last
    /// varies fastest.
    ///
    /// # Errors
    /// Nothing to compare; a value that is there twice; a number of texts that the training part does not have; settings outside
    /// their range; more than 100,000 runs, or 20 watched words.
    pub fn new(vectors: Vec<NamedVectors>, splits: Splits, options: &CompareOptions) -> Result<Plan> {
        let CompareOptions { embeddings, seeds, sweeps, .. } = options;
        if vectors.is_empty() || embeddings.is_empty() || seeds.is_empty() {
            return Err(Error::invalid("comparison", "vectors, at least one embedding and one seed", "none"));
        }
        let vectors = distinct_names(vectors);
        let sizes = sizes(&splits, &options.train_sizes, seeds[0])?;
        each_once("embeddings", embeddings.iter())?;
        each_once("seeds", seeds.iter())?;
        each_once("watched words", options.watch.iter())?;
        if options.watch.len() > MOST_WATCHED {
            let found = options.watch.len().to_string();
            return Err(Error::invalid("watched words", format!("at most {MOST_WATCHED}"), found));
        }
        each_once("sweeps", sweeps.iter().map(Sweep::key))?;
        each_once("training sizes", sizes.iter())?;

        let mut counts =
            sweeps.iter().map(|sweep| sweep.values.len()).chain([vectors.len(), sizes.len(), embeddings.len()]);
        let count = counts.try_fold(seeds.len(), |product: usize, count| product.checked_mul(count));
        if count.is_none_or(|count| count > MOST_RUNS) {
            let found = count.map_or("more".to_owned(), |count| count.to_string());
            return Err(Error::invalid("number of runs", format!("at most {MOST_RUNS}"), found));
        }

        // The settings of each combination of swept values.
        let mut swept = vec![(options.train.clone(), BTreeMap::new())];
        for sweep in sweeps {
            let with = |(options, settings): &(TrainOptions, BTreeMap<String, String>), value: &String| {
                let (mut options, mut settings) = (options.clone(), settings.clone());
                settings.insert(sweep.key.clone(), sweep.apply(&mut options, value)?);
                Some((options, settings))
            };
            swept = swept.iter().flat_map(|base| sweep.values.iter().filter_map(move |v| with(base, v))).collect();
        }
        let mut runs = Vec::new();
        for (number, named) in vectors.iter().enumerate() {
            for (train, settings) in &swept {
                for &train_texts in &sizes {
                    for &embedding in embeddings {
                        for &seed in seeds {
                            let options = TrainOptions { embedding, seed, ..train.clone() };
                            options.check()?;
                            let mut name = embedding.name().to_owned();
                            if vectors.len() > 1 {
                                name += &format!("-{}", named.name);
                            }
                            if sizes.len() > 1 {
                                name += &format!("-n{train_texts}");
                            }
                            for sweep in sweeps.iter().filter(|sweep| sweep.values.len() > 1) {
                                name += &fragment(&sweep.key, &settings[&sweep.key]);
                            }
                            name += &format!("-seed{seed}");
                            let (settings, vectors) = (settings.clone(), number);
                            runs.push(PlannedRun { name, embedding, vectors, train_texts, settings, seed, options });
                        }
                    }
                }
            }
        }
        each_once("names of runs", runs.iter().map(|run| &run.name))?;
        Ok(Plan { vectors, splits, options: options.clone(), sizes, runs })
    }

    /// The runs, in their order.
    pub fn runs(&self) -> &[PlannedRun] {
        &self.runs
    }

    /// What the runs begin with.
    pub fn vectors(&self) -> &[NamedVectors] {
        &self.vectors
    }

    /// The splits of the task, with all training texts.
    pub fn splits(&self) -> &Splits {
        &self.splits
    }

    /// What was asked for.
    pub fn options(&self) -> &CompareOptions {
        &self.options
    }

    /// Numbers of training texts, at least one.
    pub fn train_sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The splits of the task as a run has them: those of fewer texts take a [`subset`] by their seed, whatever their embedding, so that
    /// smaller ones are splits of larger ones.
    ///
    /// # Errors
    /// As [`subset`].
    pub fn splits_of(&self, run: &PlannedRun) -> Result<Cow<'_, Splits>> {
        if run.train_texts == self.splits.train.texts.len() {
            return Ok(Cow::Borrowed(&self.splits));
        }
        let train = subset(&self.splits.train, run.train_texts, run.seed)?;
        Ok(Cow::Owned(Splits { train, ..self.splits.clone() }))
    }
}

/// The part of a run's name that tells a setting: a name stands for itself, a number stands behind its key.
fn fragment(key: &str, value: &str) -> String {
    let is_name = value.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_name { format!("-{value}") } else { format!("-{key}{value}") }
}

/// Numbers of training texts, in the order given.
fn sizes(splits: &Splits, wanted: &[TrainSize], seed: u64) -> Result<Vec<usize>> {
    let all = splits.train.texts.len();
    let number = |size: &TrainSize| match *size {
        TrainSize::All => Ok(all),
        // Refuses what cannot be drawn.
        TrainSize::Texts(texts) => subset(&splits.train, texts, seed).map(|_| texts),
    };
    if wanted.is_empty() { Ok(vec![all]) } else { wanted.iter().map(number).collect() }
}

/// Vectors of one name get numbers, also where only the case of letters tells them apart: not all file systems do.
fn distinct_names(mut vectors: Vec<NamedVectors>) -> Vec<NamedVectors> {
    let mut taken = HashSet::new();
    for named in &mut vectors {
        let name = named.name.clone();
        for number in 2.. {
            if taken.insert(named.name.to_lowercase()) {
                break;
            }
            named.name = format!("{name}-{number}");
        }
    }
    vectors
}

fn each_once<T: fmt::Display>(what: &str, values: impl Iterator<Item = T>) -> Result<()> {
    let mut seen = HashSet::new();
    for value in values {
        let value = value.to_string();
        if seen.contains(&value) {
            return Err(Error::invalid(what, "each once", format!("`{value}` twice")));
        }
        seen.insert(value);
    }
    Ok(())
}

/// The file that vectors came from, for those who look a comparison over later.
pub(super) fn path_of(vectors: &Vectors) -> &Path {
    &vectors.source().path
}
