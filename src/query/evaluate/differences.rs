//! Why the results of two protocols differ.

use super::analogies::{AnalogyPrediction, AnalogyReport};
use super::file::{Pairs, Questions};
use super::pairs::PairReport;

/// Numbers of words that one protocol finds and another does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WordDifference {
    /// Words found only in another casing.
    pub by_folding: usize,
    /// Words found only in rows that the other protocol does not search.
    pub beyond_rows: usize,
}

impl WordDifference {
    /// Counts the words with a row in `one` and none in `other`, which searches the first `rows`.
    fn found_by(one: &[Option<u32>], other: &[Option<u32>], rows: usize) -> WordDifference {
        let mut words = WordDifference::default();
        for row in one.iter().zip(other).filter(|(_, other)| other.is_none()).filter_map(|(row, _)| *row) {
            let beyond = row as usize >= rows;
            words.beyond_rows += usize::from(beyond);
            words.by_folding += usize::from(!beyond);
        }
        words
    }
}

/// Why one protocol answers correctly and another does not: numbers of questions, each counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Causes {
    /// Case folding finds another row for a word, or accepts another casing of the answer.
    pub folding: usize,
    /// The answer is a row that the other protocol does not search.
    pub rows: usize,
    /// One protocol excludes the other's answer.
    pub excluded: usize,
    /// One protocol requires a score above 0.
    pub not_positive: usize,
}

impl Causes {
    /// The total.
    pub fn sum(&self) -> usize {
        self.folding + self.rows + self.excluded + self.not_positive
    }
}

/// The differences between the results of two protocols for a file of analogies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnalogyDifference {
    /// Questions seen only by the first.
    pub only_first: usize,
    /// Questions seen only by the second.
    pub only_second: usize,
    /// Words found only by the first.
    pub words_of_first: WordDifference,
    /// Words found only by the second.
    pub words_of_second: WordDifference,
    /// Questions seen by both.
    pub both: usize,
    /// Of these, correct in the first and wrong in the second.
    pub lost: Causes,
    /// Of these, wrong in the first and correct in the second.
    pub gained: Causes,
}

impl AnalogyDifference {
    /// Compares two reports on the same questions.
    pub fn between(questions: &Questions, first: &AnalogyReport, second: &AnalogyReport) -> AnalogyDifference {
        let mut difference = AnalogyDifference {
            words_of_first: WordDifference::found_by(&first.found, &second.found, second.rows),
            words_of_second: WordDifference::found_by(&second.found, &first.found, first.rows),
            ..AnalogyDifference::default()
        };
        for (question, answered) in questions.questions.iter().zip(first.predictions.iter().zip(&second.predictions)) {
            match answered {
                (Some(_), None) => difference.only_first += 1,
                (None, Some(_)) => difference.only_second += 1,
                (None, None) => {}
                (Some(one), Some(other)) => {
                    difference.both += 1;
                    let causes = match (one.correct, other.correct) {
                        (true, false) => &mut difference.lost,
                        (false, true) => &mut difference.gained,
                        _ => continue,
                    };
                    let [a, b, c, _] = question.words;
                    let same_query = [a, b, c].iter().all(|&word| first.found[word] == second.found[word]);
                    *cause(causes, same_query, (one, first.rows), (other, second.rows)) += 1;
                }
            }
        }
        difference
    }
}

/// Why one of two answers is correct and the other is not. The same query gives the same ranking, so what differs is the rules.
fn cause<'a>(
    causes: &'a mut Causes,
    same_query: bool,
    (one, ones_rows): (&AnalogyPrediction, usize),
    (other, others_rows): (&AnalogyPrediction, usize),
) -> &'a mut usize {
    let beyond = |answer: Option<u32>, rows: usize| answer.is_some_and(|row| row as usize >= rows);
    if !same_query || one.row == other.row {
        &mut causes.folding
    } else if beyond(one.row, others_rows) || beyond(other.row, ones_rows) {
        &mut causes.rows
    } else if one.row.is_none() || other.row.is_none() {
        &mut causes.not_positive
    } else {
        &mut causes.excluded
    }
}

/// The differences between the results of two protocols for a file of word pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairDifference {
    /// Pairs known only to the first.
    pub only_first: usize,
    /// Pairs known only to the second.
    pub only_second: usize,
    /// Words found only by the first.
    pub words_of_first: WordDifference,
    /// Words found only by the second.
    pub words_of_second: WordDifference,
    /// Pairs known to both, for which case folding finds different rows.
    pub other_rows: usize,
}

impl PairDifference {
    /// Compares two reports on the same pairs.
    pub fn between(pairs: &Pairs, first: &PairReport, second: &PairReport) -> PairDifference {
        let mut difference = PairDifference {
            words_of_first: WordDifference::found_by(&first.found, &second.found, second.rows),
            words_of_second: WordDifference::found_by(&second.found, &first.found, first.rows),
            ..PairDifference::default()
        };
        for pair in &pairs.pairs {
            let rows = |report: &PairReport| match pair.words.map(|word| report.found[word]) {
                [Some(a), Some(b)] => Some([a, b]),
                _ => None,
            };
            match (rows(first), rows(second)) {
                (Some(_), None) => difference.only_first += 1,
                (None, Some(_)) => difference.only_second += 1,
                (one, other) => difference.other_rows += usize::from(one != other),
            }
        }
        difference
    }
}
