//! What training did to the words of a run, as the run's folder keeps it and a report shows it.

use serde::{Deserialize, Serialize};

use super::movement::{ANTONYMS, FrequencyBand, Movement, NeighbourChange, OovRows, PairCosine, WordMap, WordMove};
use crate::classifier::RowChecksum;
use crate::error::Result;

/// How many of the words that moved most are told.
const MOVED_MOST: usize = 20;

/// How many neighbours of a word are told.
const NEIGHBOURS: usize = 5;

/// Of how many words that the vectors lack, most frequent first, the neighbours are told.
const MADE_ROWS: usize = 10;

/// What training did to the words of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordChanges {
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
    pub most_moved: Vec<WordMove>,
    /// How the watched words moved, in their order.
    pub watched_moves: Vec<WordMove>,
    /// NeighbourChange before and after among the task's words: of the watched words, then of those that moved most.
    pub neighbours: Vec<NeighbourChange>,
    /// Cosines before and after: of all pairs of watched words, then of the word_pairs of a built-in list.
    pub word_pairs: Vec<PairCosine>,
    /// The rows that were made for words which the vectors lack.
    pub oov_rows: OovRows,
    /// How words moved by how frequent they are in the training part.
    pub bands: Vec<FrequencyBand>,
    /// Checksums of the rows of words that the vectors know; oov-only keeps these.
    pub known_rows: RowChecksum,
    /// Checksums of the rows that were made.
    pub unknown_rows: RowChecksum,
    /// Where the watched words, the word_pairs and those that moved most were, and where they are now; each once.
    pub map: WordMap,
}

impl WordChanges {
    /// Of a run; `watch` are words to look at whether they moved far or not.
    ///
    /// # Errors
    /// None but those of a search.
    pub fn of(run: &str, seed: u64, movement: &Movement, watch: &[String]) -> Result<WordChanges> {
        let (watched_moves, absent) = partition(movement, watch);
        let most_moved: Vec<WordMove> =
            movement.most_moved(MOVED_MOST).into_iter().filter(|word| word.distance > 0.0).cloned().collect();
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
            match movement.neighbours(word, NEIGHBOURS) {
                Ok(found) => neighbours.push(found),
                // A row of zeros has no neighbours.
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
            oov_rows: movement.oov_rows(MADE_ROWS, NEIGHBOURS)?,
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

/// How the words that the task has moved, and those that it lacks.
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
