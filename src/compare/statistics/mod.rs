//! Statistics of a comparison: intervals, tests, the number of seeds needed, and a sentence that states the result.
//!
//! A comparison has two sources of chance. Another **seed** trains another model: [`Summary`] and [`Paired`] describe scores over seeds,
//! on the given test texts. Other **test texts** would be classified differently: [`McNemar`] and [`TextDifference`] describe texts,
//! with the given models. Neither covers the other, so a report needs both. Runs with the same seed share the initial weights,
//! the order of the texts and the dropout masks, so all comparisons are paired.
//!
//! [`pairs`] computes everything for all pairs of embeddings. Scores are fractions from 0 to 1; a point is a hundredth.

mod pair;
mod seeds;
mod summary;
mod texts;

pub use pair::{EmbeddingScores, Pair, Verdict, pairs};
pub use seeds::{MAX_SEEDS, Paired, Permutation, permutation, power, seeds_needed};
pub use summary::{LEVEL, Summary, holm};
pub use texts::{McNemar, RESAMPLES, TextDifference};
