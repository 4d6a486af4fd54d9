//! What a comparison is made from, as its folder keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::directory::impossible;
use super::plan::{NamedVectors, Plan, path_of};
use crate::classifier::{Dataset, Splits, checksum_of_texts, checksum_of_vectors};
use crate::error::{Malformed, Place, Result};

/// The version of the folder's files that this library writes and reads.
pub(super) const VERSION: u32 = 2;

/// What a comparison is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The version of the folder's files.
    pub version: u32,
    /// The version of the library that made the folder.
    pub vocable: String,
    /// How it was asked for, as a shell reads it, without what no result depends on; empty if not by the program.
    pub command: String,
    /// The vectors that runs begin with.
    pub vectors: Vec<VectorsFile>,
    /// The splits of the task.
    pub texts: TextFiles,
    /// The embeddings, by name.
    pub arms: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Numbers of training texts.
    pub train_sizes: Vec<usize>,
    /// Settings that take several values.
    pub sweeps: BTreeMap<String, Vec<String>>,
    /// All other options of training, those that are swept with the value that they have elsewhere.
    pub options: Value,
    /// Words whose rows are looked at, whether they moved far or not.
    pub watch: Vec<String>,
    /// The names of the runs, in their order.
    pub runs: Vec<String>,
}

/// Vectors that runs begin with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorsFile {
    /// What they are called in the comparison.
    pub name: String,
    /// Where they lay.
    pub path: String,
    /// Words.
    pub rows: usize,
    /// Numbers a word.
    pub dimension: usize,
    /// A checksum of words and rows ([`checksum_of_vectors`]).
    pub checksum: String,
}

/// The splits of the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextFiles {
    /// What is learnt from.
    pub train: TextFile,
    /// What the epoch is chosen by.
    pub dev: TextFile,
    /// What the result is measured on.
    pub test: Option<TextFile>,
}

/// A part of the task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextFile {
    /// Where it lay.
    pub path: String,
    /// How many texts it has.
    pub texts: usize,
    /// A checksum of labels and texts ([`checksum_of_texts`]).
    pub checksum: String,
}

impl Configuration {
    pub(super) fn of(plan: &Plan) -> Result<Configuration> {
        let options = plan.options();
        let mut train = serde_json::to_value(&options.train).map_err(|e| impossible(&e))?;
        // These are the arms and the seeds.
        if let Some(train) = train.as_object_mut() {
            train.remove("embedding");
            train.remove("seed");
        }
        Ok(Configuration {
            version: VERSION,
            vocable: env!("CARGO_PKG_VERSION").to_owned(),
            command: options.command.clone(),
            vectors: plan.vectors().iter().map(VectorsFile::of).collect(),
            texts: TextFiles::of(plan.splits()),
            arms: options.arms.iter().map(|arm| arm.name().to_owned()).collect(),
            seeds: options.seeds.clone(),
            train_sizes: plan.train_sizes().to_vec(),
            sweeps: options.sweeps.iter().map(|s| (s.key().to_owned(), s.values().to_vec())).collect(),
            options: train,
            watch: options.watch.clone(),
            runs: plan.runs().iter().map(|run| run.name.clone()).collect(),
        })
    }

    /// What must be the same for a comparison to be gone on with, by the names that a user knows. Where files lie, which version
    /// wrote the folder, and which words are watched, may change.
    fn essence(&self) -> BTreeMap<String, String> {
        let texts = |file: &TextFile| format!("{} ({})", file.texts, file.checksum);
        let vectors = self.vectors.iter().map(|file| format!("{} ({})", file.name, file.checksum));
        let sweeps = self.sweeps.iter().map(|(key, values)| format!("{key}={}", values.join(",")));
        let mut all = BTreeMap::from(
            [
                ("vectors", vectors.collect::<Vec<_>>().join(", ")),
                ("training texts", texts(&self.texts.train)),
                ("development texts", texts(&self.texts.dev)),
                ("test texts", self.texts.test.as_ref().map_or("none".to_owned(), texts)),
                ("arms", self.arms.join(",")),
                ("seeds", self.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(",")),
                ("training sizes", self.train_sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(",")),
                ("sweeps", sweeps.collect::<Vec<_>>().join(" ")),
                ("runs", self.runs.join(" ")),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        let options = self.options.as_object().into_iter().flatten();
        all.extend(options.map(|(key, value)| (key.replace('_', " "), value.to_string())));
        all
    }

    /// Refuses another configuration than that of the folder, and names what differs.
    pub(super) fn check(&self, wanted: &Configuration, path: &Path) -> Result<()> {
        let (then, now) = (self.essence(), wanted.essence());
        // What runs there are follows from all else; it is named only where nothing else explains a difference.
        let mut keys: Vec<&String> = then.keys().chain(now.keys()).collect::<BTreeSet<_>>().into_iter().collect();
        keys.sort_by_key(|key| *key == "runs");
        let value = |all: &BTreeMap<String, String>, key: &str| all.get(key).cloned().unwrap_or("nothing".to_owned());
        let shown = |value: String| if value.is_empty() { "none".to_owned() } else { value };
        match keys.into_iter().find(|key| then.get(*key) != now.get(*key)) {
            None => Ok(()),
            Some(key) => Err(Malformed::at(
                Place::File,
                format!("a comparison with {key} {}", shown(value(&now, key))),
                format!("one with {}", shown(value(&then, key))),
            )
            .in_file(path.to_string_lossy())
            .advise("use the same settings, or choose another output directory")
            .into()),
        }
    }
}

impl VectorsFile {
    fn of(named: &NamedVectors) -> VectorsFile {
        VectorsFile {
            name: named.name.clone(),
            path: path_of(&named.vectors).to_string_lossy().into_owned(),
            rows: named.vectors.len(),
            dimension: named.vectors.dimension(),
            checksum: checksum_of_vectors(&named.vectors),
        }
    }
}

impl TextFiles {
    fn of(splits: &Splits) -> TextFiles {
        let file = |data: &Dataset| TextFile {
            path: data.name.clone(),
            texts: data.texts.len(),
            checksum: checksum_of_texts(data),
        };
        TextFiles { train: file(&splits.train), dev: file(&splits.dev), test: splits.test.as_ref().map(file) }
    }
}
