//! Benchmarks over analogy questions and word pairs, each by a named protocol, to the letter of the tool that it is named for.
//!
//! | | [`Gensim`](AnalogyProtocol::Gensim) | [`Word2vec`](AnalogyProtocol::Word2vec) | [`Glove`](AnalogyProtocol::Glove) |
//! |---|---|---|---|
//! | rows searched | first 300,000 | all | all |
//! | words compared | in upper case, the first row of a form stands for it | in ASCII upper case, likewise | the question in lower case |
//! | left out of the answers | words whose upper-case form is that of a, b or c, within the top 5 | the three rows | the three rows, and `<unk>` |
//! | score must be | any | above 0 | any |
//!
//! All of them skip questions with a word that they do not find, and ask for the row nearest to b - a + c of the unit vectors.
//! Scores are cosines with it: the tools that do not divide by its length rank alike, and a score has the same sign.
//! A question with a word whose row has no direction, where the tools divide by zero, is seen and not answered.

mod analogies;
mod differences;
mod file;
mod pairs;
mod statistics;

use std::borrow::Cow;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashMap;
use rayon::prelude::*;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::{Error, Result};
use crate::vectors::{Case, Vectors};
pub use analogies::{AnalogyCounts, AnalogyPrediction, AnalogyReport, Section};
pub use differences::{AnalogyDifference, Causes, PairDifference, WordDifference};
pub use file::{Benchmark, Pairs, Questions};
pub use pairs::PairReport;

/// Rows that gensim searches by default.
const GENSIM_ROWS: usize = 300_000;

/// Rows whose words one task folds, at the least.
const RUN: usize = 4096;

/// Whose rules analogies are answered by.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum AnalogyProtocol {
    /// gensim's `KeyedVectors.evaluate_word_analogies` (4.4) with its defaults. Words are compared in upper case, and of several
    /// with one form the first row stands for all. Of the five best rows besides the question's own, the first counts whose
    /// form is none of a, b and c; it is right if its form is that of d.
    #[default]
    Gensim,
    /// word2vec's `compute-accuracy FILE 0`. It reads the vectors, writes each word in upper case (`toupper`, which knows ASCII
    /// only), and divides each row by its length. For each question it writes the four words in upper case and looks for
    /// them from the first row on; a question with a word that it does not find is counted and skipped. The vector
    /// `b - a + c` is not divided by its length. Every row but the three found is scored by its dot product, and the first of
    /// the highest wins, if it is above 0: the best score so far begins there. The answer is right if its word in
    /// upper case is that of d. The first five sections are semantic, the others syntactic.
    ///
    /// Not followed: it forgets words beyond 50 bytes, takes a question that begins with `exit` for a section, and sums in
    /// 32 bits one number after the other, so that scores that differ in the seventh digit may change places.
    Word2vec,
    /// GloVe's `eval/python/evaluate.py`. The questions come in lower case and are looked up as they are, among all words but
    /// `<unk>`. Every row but the three of a, b and c is scored, and the best wins. The first five files are semantic, the
    /// others syntactic; here they are sections.
    ///
    /// Not followed: where it divides by zero, at a row of zeros or a section of which no question is seen, it goes on
    /// with what is not a number, or ends.
    Glove,
}

/// Whose rules word pairs are compared by.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum PairProtocol {
    /// gensim's `KeyedVectors.evaluate_word_pairs` (4.4) with its defaults: the first 300,000 rows, words compared in upper case,
    /// of several with one form the first row stands for all.
    #[default]
    Gensim,
    /// The same with words as they are written, over all rows: gensim's with `case_insensitive=False, restrict_vocab=None`.
    Exact,
}

impl AnalogyProtocol {
    /// All protocols.
    pub const ALL: &'static [AnalogyProtocol] = <AnalogyProtocol as VariantArray>::VARIANTS;

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn fold(self) -> Fold {
        match self {
            AnalogyProtocol::Gensim => Fold::Upper,
            AnalogyProtocol::Word2vec => Fold::AsciiUpper,
            AnalogyProtocol::Glove => Fold::LowerQuestions,
        }
    }

    fn restrict(self) -> Option<usize> {
        match self {
            AnalogyProtocol::Gensim => Some(GENSIM_ROWS),
            AnalogyProtocol::Word2vec | AnalogyProtocol::Glove => None,
        }
    }
}

impl PairProtocol {
    /// All protocols.
    pub const ALL: &'static [PairProtocol] = <PairProtocol as VariantArray>::VARIANTS;

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }

    fn fold(self) -> Fold {
        match self {
            PairProtocol::Gensim => Fold::Upper,
            PairProtocol::Exact => Fold::Exact,
        }
    }

    fn restrict(self) -> Option<usize> {
        match self {
            PairProtocol::Gensim => Some(GENSIM_ROWS),
            PairProtocol::Exact => None,
        }
    }
}

/// Changes to the defaults of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EvaluateOptions {
    /// The rows that are searched.
    pub restrict: RowLimit,
    /// gensim's `dummy4unknown`: a question with an unknown word counts as answered wrongly, and a pair with an unknown word as
    /// a pair of cosine 0, instead of being skipped. The protocols of word2vec and GloVe have no such option.
    pub dummy4unknown: bool,
}

/// The rows that a benchmark searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RowLimit {
    /// As many rows as the protocol searches.
    #[default]
    Protocol,
    /// All rows.
    All,
    /// The first rows, which in most files are the most frequent words.
    First(usize),
}

impl EvaluateOptions {
    /// The number of rows that are searched, of `rows` rows and with the limit of a protocol.
    fn rows(&self, protocol: Option<usize>, rows: usize) -> usize {
        let limit = match self.restrict {
            RowLimit::Protocol => protocol,
            RowLimit::All => None,
            RowLimit::First(first) => Some(first),
        };
        limit.map_or(rows, |limit| limit.min(rows))
    }
}

/// How words of a benchmark and of the vectors are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    /// As they are written.
    Exact,
    /// The benchmark's in lower case, the vectors' as they are written.
    LowerQuestions,
    /// Both in upper case.
    Upper,
    /// Both in upper case, as far as they are ASCII.
    AsciiUpper,
}

impl Fold {
    /// What a word of the vectors is compared by. Words that are not UTF-8 have no case but ASCII's where that is all that counts.
    fn of_row(self, word: &[u8]) -> Cow<'_, [u8]> {
        match (self, std::str::from_utf8(word)) {
            (Fold::AsciiUpper, _) => word.to_ascii_uppercase().into(),
            // The same, and far faster.
            (Fold::Upper, Ok(text)) if text.is_ascii() => word.to_ascii_uppercase().into(),
            (Fold::Upper, Ok(text)) => text.to_uppercase().into_bytes().into(),
            (Fold::Upper, Err(_)) | (Fold::Exact | Fold::LowerQuestions, _) => word.into(),
        }
    }

    /// What a word of the benchmark is compared by.
    fn of_question(self, word: &[u8]) -> Cow<'_, [u8]> {
        match (self, std::str::from_utf8(word)) {
            (Fold::LowerQuestions, Ok(text)) => text.to_lowercase().into_bytes().into(),
            _ => self.of_row(word),
        }
    }
}

impl Vectors {
    /// The rows, of the first `first`, that stand for the words of a benchmark: of several rows with the same form the first.
    fn rows_standing_for(&self, words: &[Vec<u8>], fold: Fold, first: usize) -> Result<Vec<Option<u32>>> {
        let forms = words.iter().map(|word| fold.of_question(word));
        match fold {
            Fold::Exact | Fold::LowerQuestions => {
                let find = |form: Cow<[u8]>| self.find(form, Case::Exact);
                forms.map(|form| Ok(find(form)?.filter(|&row| (row as usize) < first))).collect()
            }
            Fold::Upper | Fold::AsciiUpper => {
                // The benchmark's few words are looked for among the vectors' many, so that no table of all forms is made.
                let forms: Vec<Cow<[u8]>> = forms.collect();
                let rows: HashMap<&[u8], AtomicU32> =
                    forms.iter().map(|form| (form.as_ref(), AtomicU32::new(u32::MAX))).collect();
                (0..first as u32).into_par_iter().with_min_len(RUN).for_each(|row| {
                    let word = self.vocabulary().word(row).unwrap_or_default();
                    if let Some(lowest) = rows.get(fold.of_row(word).as_ref()) {
                        lowest.fetch_min(row, Relaxed);
                    }
                });
                let found = forms.iter().map(|form| rows.get(form.as_ref()).map(|row| row.load(Relaxed)));
                Ok(found.map(|row| row.filter(|&row| row != u32::MAX)).collect())
            }
        }
    }
}
