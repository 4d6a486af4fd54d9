//! Comparing embeddings on a task: the same classifier trained with several embeddings and seeds.
//!
//! A [`Plan`] lists the runs, [`compare`] does them, a [`RunDirectory`] stores them, and a [`Comparison`] holds their results.
//! [`Findings`] add what the results show: statistics, learning curves, words that changed. To distribute the runs over several
//! processes or machines, each process does some of them with [`compare_run`], in a directory that all of them share.
//!
//! ```
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//!
//! use vocable::Vectors;
//! use vocable::classifier::{DataOptions, Dataset, Splits, TrainOptions};
//! use vocable::compare::{CompareOptions, NamedVectors, Plan, RunOptions, compare};
//! use vocable::nn::EmbeddingMode;
//!
//! let texts = Dataset::parse(b"pos a great film\nneg a dull film\n", &DataOptions::default(), "texts")?;
//! let splits = Splits { train: texts.clone(), dev: texts, test: None };
//! let options = CompareOptions {
//!     embeddings: vec![EmbeddingMode::Frozen, EmbeddingMode::Random],
//!     train: TrainOptions { hidden: 4, epochs: 2, ..TrainOptions::default() },
//!     ..CompareOptions::default()
//! };
//! let vectors = NamedVectors::of(Arc::new(Vectors::demo()?));
//! let plan = Plan::new(vec![vectors], splits, &options)?;
//! let comparison = compare(&plan, None, &RunOptions::default(), &|_| ControlFlow::Continue(()))?;
//! assert_eq!(comparison.runs[5].name, "random-seed3");
//! assert_eq!(comparison.embeddings[0].runs, 3);
//! # Ok::<(), vocable::Error>(())
//! ```

mod configuration;
mod directory;
pub mod disagreements;
pub mod findings;
pub mod movement;
mod options;
mod plan;
mod records;
mod results;
mod runner;
pub mod statistics;
mod sweep;
mod words;

pub use directory::{RunDirectory, load, open_model};
pub use findings::Findings;
pub use options::{CompareOptions, NamedVectors, TrainSize};
pub use plan::{Plan, PlannedRun};
pub use results::{Comparison, EmbeddingResult, EpochScores, MeanStd, Predictions, Run};
pub use runner::{Event, RunOptions, compare, compare_run};
pub use sweep::Sweep;
pub use words::WordChanges;
