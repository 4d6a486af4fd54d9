//! The configuration of a comparison, as its directory stores it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::options::NamedVectors;
use super::plan::Plan;
use super::records::not_json;
use crate::classifier::{Dataset, Splits, checksum_of_texts, checksum_of_vectors};
use crate::error::{Malformed, Place, Result};

/// The version of the directory's files that this library writes and reads.
pub(super) const VERSION: u32 = 3;

/// The inputs and options of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// The version of the directory's files.
    pub version: u32,
    /// The version of the library that created the directory.
    pub vocable: String,
    /// The command line, quoted for a shell, without options that do not affect results; empty if the comparison was not started
    /// by the program.
    pub command: String,
    /// The pretrained vectors.
    pub vectors: Vec<VectorsFile>,
    /// The train, dev and test sets.
    pub texts: TextFiles,
    /// The embeddings, by name.
    pub embeddings: Vec<String>,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Sizes of the train set.
    pub train_sizes: Vec<usize>,
    /// Training options that take several values.
    pub sweeps: BTreeMap<String, Vec<String>>,
    /// All other training options; swept ones have the value they would have without the sweep.
    pub options: Value,
    /// Words whose changes are reported whether they moved far or not.
    pub watch: Vec<String>,
    /// The names of the runs, in order.
    pub runs: Vec<String>,
}

/// A file of pretrained vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorsFile {
    /// Name of the vectors in the comparison.
    pub name: String,
    /// Path they were read from.
    pub path: String,
    /// Number of words.
    pub rows: usize,
    /// Numbers per word.
    pub dimension: usize,
    /// Checksum of words and rows ([`checksum_of_vectors`]).
    pub checksum: String,
}

/// The files of the train, dev and test sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextFiles {
    /// The train set.
    pub train: TextFile,
    /// The dev set, which selects the epoch.
    pub dev: TextFile,
    /// The test set, which results are measured on.
    pub test: Option<TextFile>,
}

/// A file of labelled texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextFile {
    /// Path it was read from.
    pub path: String,
    /// Number of texts.
    pub texts: usize,
    /// Checksum of labels and texts ([`checksum_of_texts`]).
    pub checksum: String,
}

impl Configuration {
    pub(super) fn of(plan: &Plan) -> Result<Configuration> {
        let options = plan.options();
        let mut train = serde_json::to_value(&options.train).map_err(|e| not_json(&e))?;
        // These two are `embeddings` and `seeds`.
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
            embeddings: options.embeddings.iter().map(|embedding| embedding.name().to_owned()).collect(),
            seeds: options.seeds.clone(),
            train_sizes: plan.train_sizes().to_vec(),
            sweeps: options.sweeps.iter().map(|s| (s.key().to_owned(), s.values().to_vec())).collect(),
            options: train,
            watch: options.watch.clone(),
            runs: plan.runs().iter().map(|run| run.name.clone()).collect(),
        })
    }

    /// Everything that must be the same for a comparison to be resumed, by the names that users know. Paths, the version that created
    /// the directory, and the watched words may differ.
    fn identity(&self) -> BTreeMap<String, String> {
        let texts = |file: &TextFile| format!("{} ({})", file.texts, file.checksum);
        let vectors = self.vectors.iter().map(|file| format!("{} ({})", file.name, file.checksum));
        let sweeps = self.sweeps.iter().map(|(key, values)| format!("{key}={}", values.join(",")));
        let mut all = BTreeMap::from(
            [
                ("vectors", vectors.collect::<Vec<_>>().join(", ")),
                ("train set", texts(&self.texts.train)),
                ("dev set", texts(&self.texts.dev)),
                ("test set", self.texts.test.as_ref().map_or("none".to_owned(), texts)),
                ("embeddings", self.embeddings.join(",")),
                ("seeds", self.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(",")),
                ("train sizes", self.train_sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(",")),
                ("sweeps", sweeps.collect::<Vec<_>>().join(" ")),
                ("runs", self.runs.join(" ")),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        let options = self.options.as_object().into_iter().flatten();
        all.extend(options.map(|(key, value)| (key.replace('_', " "), value.to_string())));
        all
    }

    /// Fails if `wanted` is another comparison than the one in the directory, and names the first difference.
    pub(super) fn check(&self, wanted: &Configuration, path: &Path) -> Result<()> {
        let (stored, wanted) = (self.identity(), wanted.identity());
        // The runs follow from everything else, so they are named only if nothing else differs.
        let mut keys: Vec<&String> = stored.keys().chain(wanted.keys()).collect::<BTreeSet<_>>().into_iter().collect();
        keys.sort_by_key(|key| *key == "runs");
        let value = |all: &BTreeMap<String, String>, key: &str| match all.get(key).map(String::as_str) {
            None | Some("") => "none".to_owned(),
            Some(value) => value.to_owned(),
        };
        match keys.into_iter().find(|key| stored.get(*key) != wanted.get(*key)) {
            None => Ok(()),
            Some(key) => Err(Malformed::at(
                Place::File,
                format!("a comparison with {key} {}", value(&wanted, key)),
                format!("one with {}", value(&stored, key)),
            )
            .in_file(path.to_string_lossy())
            .advise("use the options it was created with, or choose another output directory")
            .into()),
        }
    }
}

impl VectorsFile {
    fn of(named: &NamedVectors) -> VectorsFile {
        VectorsFile {
            name: named.name.clone(),
            path: named.vectors.source().path.to_string_lossy().into_owned(),
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
