//! The same task with several embeddings and seeds, side by side.
//!
//! A [`Plan`] lists the runs, [`compare`] does them, a [`RunDirectory`] keeps them, and a [`Comparison`] holds what came of them. Where
//! several processes or machines are to do the runs, [`compare_run`] does one of them in a folder that they share.
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
mod plan;
mod records;
mod results;
mod runner;
pub mod statistics;
mod words;

pub use directory::{RunDirectory, load, open_model};
pub use findings::Findings;
pub use plan::{CompareOptions, NamedVectors, Plan, PlannedRun, Sweep, TrainSize};
pub use results::{Comparison, EmbeddingResult, EpochScores, MeanStd, Predictions, Run};
pub use runner::{Event, RunOptions, compare, compare_run};
pub use words::WordChanges;
