//! Benchmarks of analogies and word pairs. Each protocol follows the tool that it is named after.
//!
//! | | [`Gensim`](AnalogyProtocol::Gensim) | [`Word2vec`](AnalogyProtocol::Word2vec) | [`Glove`](AnalogyProtocol::Glove) |
//! |---|---|---|---|
//! | rows searched | first 300,000 | all | all |
//! | words compared | in upper case; the first row of an upper-case form | in ASCII upper case, likewise | the question in lower case |
//! | excluded answers | words whose upper-case form is that of a, b or c, within the top 5 | the three rows | the three rows, and `<unk>` |
//! | minimum score | none | above 0 | none |
//!
//! All protocols skip questions with an unknown word, and look for the row nearest to b - a + c of the unit vectors.
//! Scores are cosines; the tools that do not divide by the length of b - a + c give the same ranking and the same signs.
//! A question with a word whose row has no direction, where the tools divide by zero, counts as seen and has no answer.

mod analogies;
mod differences;
mod file;
mod pairs;
mod protocol;
mod statistics;

pub use analogies::{AnalogyCounts, AnalogyPrediction, AnalogyReport, Section};
pub use differences::{AnalogyDifference, Causes, PairDifference, WordDifference};
pub use file::{Benchmark, Pairs, Questions};
pub use pairs::PairReport;
pub use protocol::{AnalogyProtocol, EvaluateOptions, PairProtocol, RowLimit};
