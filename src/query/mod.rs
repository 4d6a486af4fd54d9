//! Queries: similarity, nearest words, analogies, the odd one out, and benchmarks of analogies and word pairs.
//!
//! All queries are methods of [`Vectors`](crate::Vectors). Each method documents its result and the tool that gives the same.

mod analogy;
mod evaluate;
mod nearest;
mod odd;
mod question;
mod row_set;
mod rows;
mod scan;
mod similarity;
mod suggest;

pub use analogy::AnalogyMethod;
pub use evaluate::{
    AnalogyCounts, AnalogyDifference, AnalogyPrediction, AnalogyProtocol, AnalogyReport, Benchmark, Causes,
    EvaluateOptions, PairDifference, PairProtocol, PairReport, Pairs, Questions, RowLimit, Section, WordDifference,
};
pub use nearest::NearestOptions;
pub use question::{Query, ScoredRow, Term};
pub use row_set::RowSet;
pub use similarity::CosineDifference;
pub(crate) use similarity::cosine;
