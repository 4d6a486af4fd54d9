//! What training did to the words of a run, as the run's folder keeps it and a report shows it.

use serde::{Deserialize, Serialize};

use super::movement::{Band, MadeRows, Neighbours, Opposites, WordMove};
use crate::classifier::RowChecksum;

/// What training did to the words of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordsOfRun {
    /// The run.
    pub run: String,
    /// Its seed.
    pub seed: u64,
    /// Words that were asked for, in that order.
    pub watched: Vec<String>,
    /// Those of them that the task lacks.
    pub absent: Vec<String>,
    /// Words of the task that have a row.
    pub words: usize,
    /// How many of their rows are not what they were.
    pub moved: usize,
    /// The words that moved most, by distance.
    pub moved_most: Vec<WordMove>,
    /// How the watched words moved, in their order.
    pub watched_moves: Vec<WordMove>,
    /// Neighbours before and after among the task's words: of the watched words, then of those that moved most.
    pub neighbours: Vec<Neighbours>,
    /// Cosines before and after: of all pairs of watched words, then of the opposites of a built-in list.
    pub opposites: Vec<Opposites>,
    /// The rows that were made for words which the vectors lack.
    pub made_rows: MadeRows,
    /// How words moved by how frequent they are in the training part.
    pub bands: Vec<Band>,
    /// Checksums of the rows of words that the vectors know; oov-only keeps these.
    pub known_rows: RowChecksum,
    /// Checksums of the rows that were made.
    pub unknown_rows: RowChecksum,
    /// Where some words were, and where they are now.
    pub map: WordMap,
}

/// Words in two dimensions before training and after: rows of both are projected on the first two principal components that they have
/// together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordMap {
    /// The share of the variance along x and along y.
    pub explained: [f64; 2],
    /// The watched words, the opposites, and those that moved most; each once.
    pub arrows: Vec<Arrow>,
}

/// A word in a [`WordMap`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrow {
    /// The word.
    pub word: String,
    /// Whether it was asked for.
    pub watched: bool,
    /// x and y before training.
    pub before: [f32; 2],
    /// x and y after it.
    pub after: [f32; 2],
}
