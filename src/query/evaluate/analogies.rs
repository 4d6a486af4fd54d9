//! Analogy benchmarks.

use std::borrow::Cow;

use rayon::prelude::*;

use super::file::{Question, Questions};
use super::protocol::{AnalogyProtocol, CaseFolding, EvaluateOptions};
use super::statistics::wilson_95;
use crate::error::{Error, Result};
use crate::query::nearest::NearestOptions;
use crate::query::question::{Query, ScoredRow, unit};
use crate::vectors::Vectors;

/// Number of best rows among which gensim looks for the first that is not one of the question's words.
const GENSIM_CANDIDATES: usize = 5;

/// Questions per batch: enough to read the rows rarely, few enough to bound the memory for files of any length.
const BATCH: usize = 4096;

/// Number of semantic sections, which come first.
const SEMANTIC: usize = 5;

/// The row that GloVe's trainer adds for words outside the vocabulary.
const UNKNOWN: &[u8] = b"<unk>";

/// Numbers of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnalogyCounts {
    /// Questions answered correctly.
    pub correct: usize,
    /// Questions whose four words are known.
    pub seen: usize,
    /// The denominator of the accuracy: `seen`, or `total` if unknown words count as wrong answers.
    pub counted: usize,
    /// All questions.
    pub total: usize,
}

impl AnalogyCounts {
    /// The accuracy, from 0 to 1; NaN if no question counts.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.counted as f64
    }

    /// Wilson's 95 % interval of the accuracy; `None` if no question counts.
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

/// A section of an analogy benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The name after the colon.
    pub name: String,
    /// Its questions.
    pub count: AnalogyCounts,
}

/// The answer to a question whose four words are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnalogyPrediction {
    /// The row of the answer, if there is one.
    pub row: Option<u32>,
    /// Whether it is correct.
    pub correct: bool,
}

/// The results of an analogy benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnalogyReport {
    /// The protocol.
    pub protocol: AnalogyProtocol,
    /// Rows searched.
    pub rows: usize,
    /// The sections, in the order of the file.
    pub sections: Vec<Section>,
    /// The answer to each question of the file; `None` for a question with an unknown word.
    pub predictions: Vec<Option<AnalogyPrediction>>,
    /// The row of each word of the file.
    pub(super) found: Vec<Option<u32>>,
}

impl AnalogyReport {
    /// All questions: gensim's total accuracy.
    pub fn all(&self) -> AnalogyCounts {
        AnalogyCounts::sum(&self.sections)
    }

    /// The first five sections, which are semantic in `questions-words.txt`.
    pub fn semantic(&self) -> AnalogyCounts {
        AnalogyCounts::sum(self.sections.iter().take(SEMANTIC))
    }

    /// The sections from the sixth on, which are syntactic in `questions-words.txt`.
    pub fn syntactic(&self) -> AnalogyCounts {
        AnalogyCounts::sum(self.sections.iter().skip(SEMANTIC))
    }
}

/// What the questions of a benchmark are answered with.
struct Evaluation<'a> {
    vectors: &'a Vectors,
    protocol: AnalogyProtocol,
    /// Rows searched.
    rows: usize,
    /// The row of `<unk>`, if the protocol excludes it.
    unknown: Option<u32>,
    /// The row of each word of the file.
    found: Vec<Option<u32>>,
    /// The form of each word of the file that is compared.
    forms: Vec<Cow<'a, [u8]>>,
}

impl Vectors {
    /// Evaluates the questions of an analogy benchmark.
    ///
    /// # Errors
    /// [`EvaluateOptions::dummy4unknown`] with a protocol that has no such option; a damaged table file.
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
        let folding = protocol.folding();
        let unknown = if protocol == AnalogyProtocol::Glove { self.row_of(UNKNOWN) } else { None };
        let mut found = self.benchmark_rows(&questions.words, folding, rows)?;
        found.iter_mut().for_each(|row| *row = row.filter(|_| *row != unknown));
        let forms = questions.words.iter().map(|word| folding.of_question(word)).collect();
        let evaluation = Evaluation { vectors: self, protocol, rows, unknown, found, forms };

        let section = |name: &String| Section { name: name.clone(), count: AnalogyCounts::default() };
        let mut sections: Vec<Section> = questions.sections.iter().map(section).collect();
        let mut predictions = Vec::with_capacity(questions.len());
        for batch in questions.questions.chunks(BATCH) {
            let batch_predictions = evaluation.answer(batch)?;
            for (question, prediction) in batch.iter().zip(&batch_predictions) {
                let count = &mut sections[question.section].count;
                count.correct += usize::from(prediction.is_some_and(|prediction| prediction.correct));
                count.seen += usize::from(prediction.is_some());
                count.counted += usize::from(prediction.is_some() || options.dummy4unknown);
                count.total += 1;
            }
            predictions.extend(batch_predictions);
        }
        Ok(AnalogyReport { protocol, rows, sections, predictions, found: evaluation.found })
    }

    /// The direction of b - a + c of the unit vectors; `None` if it has none.
    fn offset(&self, [a, b, c]: [u32; 3]) -> Option<Vec<f32>> {
        let mut sum = vec![0.0; self.dimension()];
        for (row, weight) in [(b, 1.0), (a, -1.0), (c, 1.0)] {
            self.row_as_query_word(row).ok()?.add_unit(weight, &mut sum);
        }
        unit(&sum)
    }
}

impl Evaluation<'_> {
    /// Answers some questions; `None` for a question with an unknown word.
    fn answer(&self, questions: &[Question]) -> Result<Vec<Option<AnalogyPrediction>>> {
        let (indices, queries): (Vec<usize>, Vec<Query>) = questions
            .par_iter()
            .enumerate()
            .filter_map(|(index, question)| {
                let named = self.rows_of(question)?;
                let excluded = named.into_iter().chain(self.unknown).collect();
                Some((index, Query { unit: self.vectors.offset(named)?, excluded }))
            })
            .collect::<Vec<(usize, Query)>>()
            .into_iter()
            .unzip();
        let k = if self.protocol == AnalogyProtocol::Gensim { GENSIM_CANDIDATES } else { 1 };
        let search = NearestOptions { k, restrict: Some(self.rows), ..NearestOptions::default() };
        let mut best = vec![Vec::new(); questions.len()];
        for (index, results) in indices.into_iter().zip(self.vectors.nearest_batch(&queries, &search)?) {
            best[index] = results;
        }
        let predict = |(question, results): (&Question, &Vec<ScoredRow>)| {
            self.rows_of(question)?;
            let [a, b, c, d] = question.words.map(|word| self.forms[word].as_ref());
            let row = self.choose(results, [a, b, c]);
            Some(AnalogyPrediction { row, correct: row.is_some_and(|row| self.form(row).as_ref() == d) })
        };
        Ok(questions.iter().zip(&best).map(predict).collect())
    }

    /// The rows of a, b and c; `None` if any of the four words is unknown.
    fn rows_of(&self, question: &Question) -> Option<[u32; 3]> {
        match question.words.map(|word| self.found[word]) {
            [Some(a), Some(b), Some(c), Some(_)] => Some([a, b, c]),
            _ => None,
        }
    }

    /// The row that the protocol chooses from the best rows. `named` are the forms of a, b and c.
    fn choose(&self, best: &[ScoredRow], named: [&[u8]; 3]) -> Option<u32> {
        let chosen = match self.protocol {
            // If all of them are words of the question, gensim is left with the last one.
            AnalogyProtocol::Gensim => {
                best.iter().find(|result| !named.contains(&&*self.form(result.row))).or(best.last())
            }
            AnalogyProtocol::Word2vec => best.first().filter(|result| result.score > 0.0),
            AnalogyProtocol::Glove => best.first().filter(|result| !result.score.is_nan()),
        };
        chosen.map(|result| result.row)
    }

    /// The form of the word of a row that is compared.
    fn form(&self, row: u32) -> Cow<'_, [u8]> {
        let folding: CaseFolding = self.protocol.folding();
        folding.of_row(self.vectors.vocabulary().word(row).unwrap_or_default())
    }
}
