//! What to compare.

use std::str::FromStr;
use std::sync::Arc;

use super::sweep::Sweep;
use crate::classifier::TrainOptions;
use crate::error::{Error, Result};
use crate::nn::EmbeddingMode;
use crate::vectors::Vectors;

/// What to compare: every embedding with every seed, for every combination of the other options that vary.
#[derive(Debug, Clone, PartialEq)]
pub struct CompareOptions {
    /// The embeddings, in the order of the report.
    pub embeddings: Vec<EmbeddingMode>,
    /// The seeds. Runs with the same seed share the order of the texts, the dropout masks of states, and the initial weights of
    /// encoder and head.
    pub seeds: Vec<u64>,
    /// Sizes of the train set; empty for all of it.
    pub train_sizes: Vec<TrainSize>,
    /// Training options that take several values.
    pub sweeps: Vec<Sweep>,
    /// Words whose changes are reported whether they moved far or not. They do not affect the runs.
    pub watch: Vec<String>,
    /// The command line that started the comparison, for the report; may be empty.
    pub command: String,
    /// All other training options. `embedding`, `seed` and the options in `sweeps` are overridden.
    pub train: TrainOptions,
}

impl Default for CompareOptions {
    /// All embeddings but one-hot, with three seeds.
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

/// A size of the train set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainSize {
    /// A number of texts, sampled by [`subset`](crate::classifier::subset).
    Texts(usize),
    /// All texts.
    All,
}

impl FromStr for TrainSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match (text, text.parse()) {
            ("all", _) => Ok(TrainSize::All),
            (_, Ok(texts)) => Ok(TrainSize::Texts(texts)),
            _ => Err(Error::invalid("train sizes", "numbers of texts, or `all`", format!("`{text}`"))),
        }
    }
}

/// Pretrained vectors and their name in a comparison.
#[derive(Debug, Clone)]
pub struct NamedVectors {
    /// Letters, digits, dots, underscores and dashes.
    pub name: String,
    /// The vectors.
    pub vectors: Arc<Vectors>,
}

impl NamedVectors {
    /// Vectors named after their file, without its extensions.
    pub fn of(vectors: Arc<Vectors>) -> NamedVectors {
        const EXTENSIONS: [&str; 9] = [".gz", ".zip", ".txt", ".bin", ".vec", ".npy", ".safetensors", ".csv", ".tsv"];
        let file = vectors.source().path.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut name = file.as_deref().unwrap_or("vectors");
        while let Some(shorter) = EXTENSIONS.iter().find_map(|extension| name.strip_suffix(extension)) {
            name = shorter;
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
        let name: String = name.chars().take(60).map(plain).collect();
        let name = if name.is_empty() || name.starts_with('.') { format!("vectors{name}") } else { name };
        NamedVectors { name, vectors }
    }
}
