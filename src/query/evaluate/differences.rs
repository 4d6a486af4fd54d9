//! Why two protocols differ on a file.

use super::analogies::{AnalogyPrediction, AnalogyReport};
use super::file::{Pairs, Questions};
use super::pairs::PairReport;

/// Words of a benchmark that one protocol finds and another does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WordDifference {
    /// Found in another casing only.
    pub by_folding: usize,
    /// Found in rows that the other does not search only.
    pub beyond_rows: usize,
}

impl WordDifference {
    /// Those that `one` has rows for and `other`, which searches the first `rows`, has none for.
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

/// Why one protocol answers rightly what another does not: questions, each counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Causes {
    /// Folding gives a word another row, or takes another casing of the answer for right.
    pub folding: usize,
    /// The answer of one stands in rows that the other does not search.
    pub rows: usize,
    /// One leaves the other's answer out.
    pub left_out: usize,
    /// One answers only with scores above 0.
    pub not_positive: usize,
}

impl Causes {
    /// All of them.
    pub fn sum(&self) -> usize {
        self.folding + self.rows + self.left_out + self.not_positive
    }
}

/// Why the outcomes of two protocols differ on a file of analogies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnalogyDifference {
    /// Questions that the first sees and the second does not.
    pub only_first: usize,
    /// Questions that the second sees and the first does not.
    pub only_second: usize,
    /// Words that the first finds and the second does not.
    pub words_of_first: WordDifference,
    /// Words that the second finds and the first does not.
    pub words_of_second: WordDifference,
    /// Questions seen by both.
    pub both: usize,
    /// Of those, right by the first and wrong by the second.
    pub lost: Causes,
    /// Of those, wrong by the first and right by the second.
    pub gained: Causes,
}

impl AnalogyDifference {
    /// Compares two outcomes of the same questions.
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

/// Why two answers are not right alike. The same query ranks the rows alike, so that what remains are the rules.
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
        &mut causes.left_out
    }
}

/// Why the outcomes of two protocols differ on a file of word pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairDifference {
    /// Pairs whose words the first knows and the second does not.
    pub only_first: usize,
    /// Pairs whose words the second knows and the first does not.
    pub only_second: usize,
    /// Words that the first finds and the second does not.
    pub words_of_first: WordDifference,
    /// Words that the second finds and the first does not.
    pub words_of_second: WordDifference,
    /// Pairs that both know and for which they read different rows, by folding.
    pub other_rows: usize,
}

impl PairDifference {
    /// Compares two outcomes of the same pairs.
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
