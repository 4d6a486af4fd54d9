//! What training changed in the words of a run, as its directory stores it and reports show it.

use serde::{Deserialize, Serialize};

use super::movement::{ANTONYMS, FrequencyBand, Movement, NeighbourChange, OovRows, PairCosine, WordMap, WordMove};
use crate::classifier::RowChecksum;
use crate::error::Result;

/// Number of the most moved words that are recorded.
const MAX_MOST_MOVED: usize = 20;

/// Number of neighbours that are recorded for a word.
const MAX_NEIGHBOURS: usize = 5;

/// Number of out-of-vocabulary words whose neighbours are recorded, most frequent first.
const MAX_OOV_WORDS: usize = 10;

/// What training changed in the words of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordChanges {
    /// The run.
    pub run: String,
    /// The seed of the run.
    pub seed: u64,
    /// The watched words, in order.
    pub watched: Vec<String>,
    /// Watched words that the task does not have.
    pub absent: Vec<String>,
    /// Number of words of the task that have a row.
    pub words: usize,
    /// Number of rows that changed.
    pub moved: usize,
    /// The words that moved most, by decreasing distance.
    pub most_moved: Vec<WordMove>,
    /// How far the watched words moved, in order.
    pub watched_moves: Vec<WordMove>,
    /// Nearest neighbours among the words of the task, before and after training: of the watched words, then of the most moved words.
    pub neighbours: Vec<NeighbourChange>,
    /// Cosines before and after training: of all pairs of watched words, then of a built-in list of antonyms.
    pub word_pairs: Vec<PairCosine>,
    /// The rows of out-of-vocabulary words.
    pub oov_rows: OovRows,
    /// How far words moved, by their frequency in the train set.
    pub bands: Vec<FrequencyBand>,
    /// Checksums of the rows of in-vocabulary words, which `oov-only` does not change.
    pub known_rows: RowChecksum,
    /// Checksums of the rows of out-of-vocabulary words.
    pub unknown_rows: RowChecksum,
    /// Two-dimensional positions, before and after training, of the watched words, the words of `word_pairs` and the most moved words.
    pub map: WordMap,
}

impl WordChanges {
    /// Collects the changes of a run; `watch` are words to include whether they moved far or not.
    ///
    /// # Errors
    /// Those of a nearest-neighbour search.
    pub fn of(run: &str, seed: u64, movement: &Movement, watch: &[String]) -> Result<WordChanges> {
        let (watched_moves, absent) = partition(movement, watch);
        let most_moved: Vec<WordMove> =
            movement.most_moved(MAX_MOST_MOVED).into_iter().filter(|word| word.distance > 0.0).cloned().collect();
        let pairs: Vec<[&str; 2]> = watch
            .iter()
            .enumerate()
            .flat_map(|(index, first)| watch[index + 1..].iter().map(move |second| [first.as_str(), second.as_str()]))
            .collect();
        let mut word_pairs = movement.pair_cosines(&pairs);
        let is_watched = |pair: &&[&str; 2]| pairs.contains(pair) || pairs.contains(&[pair[1], pair[0]]);
        let others: Vec<[&str; 2]> = ANTONYMS.iter().filter(|pair| !is_watched(pair)).copied().collect();
        word_pairs.extend(movement.pair_cosines(&others));

        let mut shown: Vec<&str> = Vec::new();
        let of_pairs = word_pairs.iter().flat_map(|pair| &pair.words);
        let of_moves = |moves: &'_ [WordMove]| moves.iter().map(|word| word.word.clone()).collect::<Vec<String>>();
        let (watched_words, moved_words) = (of_moves(&watched_moves), of_moves(&most_moved));
        for word in watched_words.iter().chain(of_pairs).chain(&moved_words) {
            if !shown.contains(&word.as_str()) {
                shown.push(word);
            }
        }
        let mut neighbours: Vec<NeighbourChange> = Vec::new();
        for word in watched_words.iter().chain(&moved_words) {
            if neighbours.iter().any(|found| found.word == *word) {
                continue;
            }
            match movement.neighbours(word, MAX_NEIGHBOURS) {
                Ok(found) => neighbours.push(found),
                // A zero row has no neighbours.
                Err(error) if error.is_unanswered() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(WordChanges {
            run: run.to_owned(),
            seed,
            watched: watch.to_vec(),
            absent,
            words: movement.words().len(),
            moved: movement.moved(),
            oov_rows: movement.oov_rows(MAX_OOV_WORDS, MAX_NEIGHBOURS)?,
            bands: movement.bands(),
            known_rows: movement.checksum(true),
            unknown_rows: movement.checksum(false),
            map: movement.map(&shown),
            most_moved,
            watched_moves,
            neighbours,
            word_pairs,
        })
    }
}

/// The watched words that the task has, with how far they moved, and those that it does not have.
fn partition(movement: &Movement, watch: &[String]) -> (Vec<WordMove>, Vec<String>) {
    let (mut moves, mut absent) = (Vec::new(), Vec::new());
    for word in watch {
        match movement.of_word(word) {
            Some(found) => moves.push(found.clone()),
            None => absent.push(word.clone()),
        }
    }
    (moves, absent)
}
