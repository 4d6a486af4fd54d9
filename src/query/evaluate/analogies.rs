//! Analogy questions, answered many at a time.

use std::borrow::Cow;

use rayon::prelude::*;

use super::file::Questions;
use super::statistics::wilson_95;
use super::{AnalogyProtocol, EvaluateOptions, Fold};
use crate::error::{Error, Result};
use crate::query::nearest::unit;
use crate::query::{NearestOptions, Query, ScoredRow};
use crate::vectors::Vectors;

/// Answers among which gensim looks for the first that is not one of the question's words.
const GENSIM_CANDIDATES: usize = 5;

/// Questions that are answered at once: enough for the search to read the rows seldom, few enough to hold in memory whatever
/// the file's length.
const SLICE: usize = 4096;

/// Sections, from the first on, whose questions are about meaning.
const SEMANTIC: usize = 5;

/// What GloVe's trainer calls the row for words that it left out.
const UNKNOWN: &[u8] = b"<unk>";

/// Questions, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnalogyCounts {
    /// Answered correctly.
    pub correct: usize,
    /// With four known words.
    pub seen: usize,
    /// That the accuracy is a share of: those seen; all, if unknown words count as answered wrongly.
    pub counted: usize,
    /// In the file.
    pub total: usize,
}

impl AnalogyCounts {
    /// The share answered rightly, from 0 to 1; NaN for none of none.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.counted as f64
    }

    /// The 95 % interval of the accuracy: Wilson's. `None` for none of none.
    pub fn accuracy_95(&self) -> Option<[f64; 2]> {
        wilson_95(self.correct, self.counted)
    }

    /// Questions with an unknown word.
    pub fn skipped(&self) -> usize {
        self.total - self.seen
    }

    fn sum<'a>(sections: impl IntoIterator<Item = &'a Section>) -> AnalogyCounts {
        sections.into_iter().fold(AnalogyCounts::default(), |sum, Section { count, .. }| AnalogyCounts {
            correct: sum.correct + count.correct,
            seen: sum.seen + count.seen,
            counted: sum.counted + count.counted,
            total: sum.total + count.total,
        })
    }
}

/// One section of an analogy benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What stands behind the colon.
    pub name: String,
    /// Its questions.
    pub count: AnalogyCounts,
}

/// What became of a question whose four words are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnalogyPrediction {
    /// The row of the answer; `None` where there is none.
    pub row: Option<u32>,
    /// Whether it is the right one.
    pub correct: bool,
}

/// The outcome of an analogy benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalogyReport {
    /// By whose rules.
    pub protocol: AnalogyProtocol,
    /// Rows searched.
    pub rows: usize,
    /// In the file's order.
    pub sections: Vec<Section>,
    /// For each question of the file what became of it; `None` for one with an unknown word.
    pub predictions: Vec<Option<AnalogyPrediction>>,
    /// The rows that stand for the file's words.
    pub(super) found: Vec<Option<u32>>,
}

impl AnalogyReport {
    /// All questions: what gensim calls total accuracy.
    pub fn all(&self) -> AnalogyCounts {
        AnalogyCounts::sum(&self.sections)
    }

    /// The first five sections, which in `questions-words.txt` are about meaning.
    pub fn semantic(&self) -> AnalogyCounts {
        AnalogyCounts::sum(self.sections.iter().take(SEMANTIC))
    }

    /// The sections from the sixth on, which in `questions-words.txt` are about grammar.
    pub fn syntactic(&self) -> AnalogyCounts {
        AnalogyCounts::sum(self.sections.iter().skip(SEMANTIC))
    }
}

impl Vectors {
    /// Answers the questions of a benchmark.
    ///
    /// # Errors
    /// Unknown words that should count as answered wrongly, in a protocol that has no such thing; a damaged table file.
    pub fn evaluate_analogies(
        &self,
        questions: &Questions,
        protocol: AnalogyProtocol,
        options: &EvaluateOptions,
    ) -> Result<AnalogyReport> {
        if options.dummy4unknown && protocol != AnalogyProtocol::Gensim {
            return Err(Error::invalid("dummy4unknown", "gensim's protocol", protocol.name()));
        }
        self.check()?;
        let rows = options.rows(protocol.restrict(), self.len());
        let fold = protocol.fold();
        let unknown = if protocol == AnalogyProtocol::Glove { self.row_of(UNKNOWN) } else { None };
        let mut found = self.rows_standing_for(&questions.words, fold, rows)?;
        found.iter_mut().for_each(|row| *row = row.filter(|_| *row != unknown));
        let forms: Vec<Cow<[u8]>> = questions.words.iter().map(|word| fold.of_question(word)).collect();

        let name = |name: &String| Section { name: name.clone(), count: AnalogyCounts::default() };
        let mut sections: Vec<Section> = questions.sections.iter().map(name).collect();
        let mut answered = vec![None; questions.len()];
        for (questions, answered) in questions.questions.chunks(SLICE).zip(answered.chunks_mut(SLICE)) {
            let rows_of = |words: [usize; 4]| match words.map(|word| found[word]) {
                [Some(a), Some(b), Some(c), Some(_)] => Some([a, b, c]),
                _ => None,
            };
            let asked: Vec<(usize, Query)> = questions
                .par_iter()
                .enumerate()
                .filter_map(|(place, question)| {
                    let named = rows_of(question.words)?;
                    let excluded = named.into_iter().chain(unknown).collect();
                    Some((place, Query { unit: self.offset(named)?, excluded }))
                })
                .collect();
            let (places, queries): (Vec<usize>, Vec<Query>) = asked.into_iter().unzip();
            let k = if protocol == AnalogyProtocol::Gensim { GENSIM_CANDIDATES } else { 1 };
            let search = NearestOptions { k, restrict: Some(rows), ..NearestOptions::default() };
            let mut best = vec![Vec::new(); questions.len()];
            for (place, answers) in places.into_iter().zip(self.nearest_batch(&queries, &search)?) {
                best[place] = answers;
            }
            for ((question, answers), answered) in questions.iter().zip(&best).zip(answered) {
                let count = &mut sections[question.section].count;
                count.total += 1;
                if rows_of(question.words).is_some() {
                    let [a, b, c, d] = question.words.map(|word| forms[word].as_ref());
                    let answer = self.choose(answers, protocol, [a, b, c]);
                    let right = answer.is_some_and(|row| self.form(row, fold).as_ref() == d);
                    count.correct += usize::from(right);
                    count.seen += 1;
                    *answered = Some(AnalogyPrediction { row: answer, correct: right });
                }
                count.counted += usize::from(answered.is_some() || options.dummy4unknown);
            }
        }
        Ok(AnalogyReport { protocol, rows, sections, predictions: answered, found })
    }

    /// The direction of b - a + c of the unit vectors; `None` where it has none.
    fn offset(&self, [a, b, c]: [u32; 3]) -> Option<Vec<f32>> {
        let mut sum = vec![0.0; self.dimension()];
        for (row, weight) in [(b, 1.0), (a, -1.0), (c, 1.0)] {
            self.row_as_query_word(row).ok()?.add_unit(weight, &mut sum);
        }
        unit(&sum)
    }

    /// Which of the best rows a protocol takes for its answer. `named` are the forms of a, b and c.
    fn choose(&self, best: &[ScoredRow], protocol: AnalogyProtocol, named: [&[u8]; 3]) -> Option<u32> {
        let answer = match protocol {
            // Where all of them are the question's words, gensim is left with the last one.
            AnalogyProtocol::Gensim => {
                best.iter().find(|answer| !named.contains(&&*self.form(answer.row, Fold::Upper))).or(best.last())
            }
            AnalogyProtocol::Word2vec => best.first().filter(|answer| answer.score > 0.0),
            AnalogyProtocol::Glove => best.first().filter(|answer| !answer.score.is_nan()),
        };
        answer.map(|answer| answer.row)
    }

    /// What the word of a row is compared by.
    fn form(&self, row: u32, fold: Fold) -> Cow<'_, [u8]> {
        fold.of_row(self.vocabulary().word(row).unwrap_or_default())
    }
}
