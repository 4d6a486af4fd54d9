//! The ordered list of runs that a comparison consists of.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use super::options::{CompareOptions, NamedVectors, TrainSize};
use super::sweep::Sweep;
use crate::classifier::{Splits, TrainOptions, subset};
use crate::error::{Error, Result};
use crate::nn::EmbeddingMode;

/// Maximum number of runs of a plan.
const MAX_RUNS: usize = 100_000;

/// Maximum number of watched words: every pair of them is reported.
const MAX_WATCHED: usize = 20;

/// A run to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRun {
    /// The unique name of the run, as in `tuned-n1000-lr0.001-seed3`: embedding, vectors, number of training texts, swept options,
    /// seed. What is the same in all runs is omitted, except embedding and seed. The run's directory has this name.
    pub name: String,
    /// The embedding.
    pub embedding: EmbeddingMode,
    /// Index into [`Plan::vectors`].
    pub vectors: usize,
    /// How many texts the run is trained on.
    pub train_texts: usize,
    /// Values of the swept options.
    pub settings: BTreeMap<String, String>,
    /// The seed.
    pub seed: u64,
    /// The training options.
    pub options: TrainOptions,
}

/// The runs of a comparison and their inputs.
#[derive(Debug)]
pub struct Plan {
    vectors: Vec<NamedVectors>,
    splits: Splits,
    options: CompareOptions,
    sizes: Vec<usize>,
    runs: Vec<PlannedRun>,
}

/// A combination of swept values: the training options, and the values by option.
type SweptOptions = (TrainOptions, BTreeMap<String, String>);

impl Plan {
    /// All combinations of vectors, swept options, train sizes, embeddings and seeds, in this order; the last varies fastest.
    ///
    /// # Errors
    /// Nothing to compare; duplicate values; a train size that the train set does not have; options outside their range; more than
    /// 100,000 runs or 20 watched words.
    pub fn new(vectors: Vec<NamedVectors>, splits: Splits, options: &CompareOptions) -> Result<Plan> {
        let CompareOptions { embeddings, seeds, sweeps, .. } = options;
        if vectors.is_empty() || embeddings.is_empty() || seeds.is_empty() {
            return Err(Error::invalid("comparison", "vectors, at least one embedding and one seed", "none"));
        }
        let vectors = distinct_names(vectors);
        let sizes = sizes(&splits, &options.train_sizes, seeds[0])?;
        check_options(options, &sizes)?;
        check_count(&[vectors.len(), sizes.len(), embeddings.len(), seeds.len()], sweeps)?;

        let mut plan = Plan { vectors, splits, options: options.clone(), sizes, runs: Vec::new() };
        let swept = swept_options(&options.train, sweeps);
        let mut runs = Vec::new();
        for (vectors, swept, train_texts) in plan.groups(&swept) {
            for &embedding in embeddings {
                for &seed in seeds {
                    runs.push(plan.run(vectors, swept, train_texts, embedding, seed)?);
                }
            }
        }
        plan.runs = runs;
        check_distinct("names of runs", plan.runs.iter().map(|run| &run.name))?;
        Ok(plan)
    }

    /// The combinations of vectors (by index), swept options and train size.
    fn groups<'a>(&'a self, swept: &'a [SweptOptions]) -> impl Iterator<Item = (usize, &'a SweptOptions, usize)> {
        let of_vectors = move |vectors| {
            swept.iter().flat_map(move |swept| self.sizes.iter().map(move |&size| (vectors, swept, size)))
        };
        (0..self.vectors.len()).flat_map(of_vectors)
    }

    fn run(
        &self,
        vectors: usize,
        (train, settings): &SweptOptions,
        train_texts: usize,
        embedding: EmbeddingMode,
        seed: u64,
    ) -> Result<PlannedRun> {
        let options = TrainOptions { embedding, seed, ..train.clone() };
        options.check()?;
        let mut name = embedding.name().to_owned();
        if self.vectors.len() > 1 {
            name += &format!("-{}", self.vectors[vectors].name);
        }
        if self.sizes.len() > 1 {
            name += &format!("-n{train_texts}");
        }
        for sweep in self.options.sweeps.iter().filter(|sweep| sweep.values().len() > 1) {
            name += &name_fragment(sweep.key(), &settings[sweep.key()]);
        }
        name += &format!("-seed{seed}");
        Ok(PlannedRun { name, embedding, vectors, train_texts, settings: settings.clone(), seed, options })
    }

    /// The runs, in order.
    pub fn runs(&self) -> &[PlannedRun] {
        &self.runs
    }

    /// The pretrained vectors.
    pub fn vectors(&self) -> &[NamedVectors] {
        &self.vectors
    }

    /// The dev and test sets, and the whole train set.
    pub fn splits(&self) -> &Splits {
        &self.splits
    }

    /// The options of the comparison.
    pub fn options(&self) -> &CompareOptions {
        &self.options
    }

    /// The sizes of the train set, at least one.
    pub fn train_sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// The train, dev and test sets of a run. A smaller train set is a [`subset`] drawn with the seed of the run, the same for every
    /// embedding; the subsets of a seed are nested.
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

fn check_options(options: &CompareOptions, sizes: &[usize]) -> Result<()> {
    check_distinct("embeddings", options.embeddings.iter())?;
    check_distinct("seeds", options.seeds.iter())?;
    check_distinct("watched words", options.watch.iter())?;
    if options.watch.len() > MAX_WATCHED {
        let found = options.watch.len().to_string();
        return Err(Error::invalid("watched words", format!("at most {MAX_WATCHED}"), found));
    }
    check_distinct("sweeps", options.sweeps.iter().map(Sweep::key))?;
    check_distinct("train sizes", sizes.iter())
}

fn check_distinct<T: fmt::Display>(what: &str, values: impl Iterator<Item = T>) -> Result<()> {
    let mut seen = HashSet::new();
    for value in values {
        let value = value.to_string();
        if seen.contains(&value) {
            return Err(Error::invalid(what, "distinct values", format!("`{value}` twice")));
        }
        seen.insert(value);
    }
    Ok(())
}

fn check_count(factors: &[usize], sweeps: &[Sweep]) -> Result<()> {
    let mut factors = sweeps.iter().map(|sweep| sweep.values().len()).chain(factors.iter().copied());
    let count = factors.try_fold(1, |product: usize, factor| product.checked_mul(factor));
    if count.is_none_or(|count| count > MAX_RUNS) {
        let found = count.map_or("more".to_owned(), |count| count.to_string());
        return Err(Error::invalid("number of runs", format!("at most {MAX_RUNS}"), found));
    }
    Ok(())
}

/// All combinations of swept values, applied to the training options.
fn swept_options(train: &TrainOptions, sweeps: &[Sweep]) -> Vec<SweptOptions> {
    let mut all = vec![(train.clone(), BTreeMap::new())];
    for sweep in sweeps {
        let with = |(options, settings): &SweptOptions, value: &String| {
            let (mut options, mut settings) = (options.clone(), settings.clone());
            settings.insert(sweep.key().to_owned(), sweep.apply(&mut options, value)?);
            Some((options, settings))
        };
        all = all.iter().flat_map(|base| sweep.values().iter().filter_map(move |value| with(base, value))).collect();
    }
    all
}

/// A swept option in the name of a run. A value that is a name stands alone; a number follows the name of its option.
fn name_fragment(key: &str, value: &str) -> String {
    let is_name = value.starts_with(|c: char| c.is_ascii_alphabetic());
    if is_name { format!("-{value}") } else { format!("-{key}{value}") }
}

/// The sizes of the train set, in the order of `wanted`.
fn sizes(splits: &Splits, wanted: &[TrainSize], seed: u64) -> Result<Vec<usize>> {
    let all = splits.train.texts.len();
    let number = |size: &TrainSize| match *size {
        TrainSize::All => Ok(all),
        // Fails for sizes that cannot be sampled.
        TrainSize::Texts(texts) => subset(&splits.train, texts, seed).map(|_| texts),
    };
    if wanted.is_empty() { Ok(vec![all]) } else { wanted.iter().map(number).collect() }
}

/// Appends numbers to names that are not unique. Names that differ in case alone count as the same, since some file systems ignore
/// case.
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
