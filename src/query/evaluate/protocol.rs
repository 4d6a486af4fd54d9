//! The protocols, their options, and how they compare words.

use std::borrow::Cow;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use hashbrown::HashMap;
use rayon::prelude::*;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::{Error, Result};
use crate::vectors::{Case, Vectors};

/// Rows that gensim searches by default.
const GENSIM_ROWS: usize = 300_000;

/// Minimum number of rows per task.
const MIN_ROWS_PER_TASK: usize = 4096;

/// The protocol of an analogy benchmark.
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
    /// gensim's `KeyedVectors.evaluate_word_analogies` (4.4) with its defaults. Words are compared in upper case, and the first
    /// row with an upper-case form is used for it. The answer is the first of the five best rows, the question's own excluded,
    /// whose form is not that of a, b or c. It is correct if its form is that of d.
    #[default]
    Gensim,
    /// word2vec's `compute-accuracy FILE 0`. It converts the words of the vectors to upper case (`toupper`, which is limited to
    /// ASCII) and divides each row by its length. For each question it converts the four words to upper case and searches for
    /// them from the first row on; a question with a word that it does not find is counted and skipped. The vector
    /// `b - a + c` is not divided by its length. All rows except the three are scored by the dot product. The answer is the
    /// first row with the highest score, if that is above 0, because the best score is initialised with 0. It is correct if its
    /// word in upper case is that of d. The first five sections are semantic, the others syntactic.
    ///
    /// Not followed: the tool truncates words to 50 bytes, reads a question that begins with `exit` as a section, and sums
    /// sequentially in 32 bits, so that rows whose scores differ in the seventh digit may change order.
    Word2vec,
    /// GloVe's `eval/python/evaluate.py`. The questions are in lower case and are looked up as they are, among all words except
    /// `<unk>`. The answer is the best of all rows except those of a, b and c. The first five files are semantic, the others
    /// syntactic; here they are sections.
    ///
    /// Not followed: where the tool divides by zero (a row of zeros, a section without a seen question), it continues with NaN
    /// or stops.
    Glove,
}

/// The protocol of a word-pair benchmark.
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
    /// the first row with an upper-case form used for it.
    #[default]
    Gensim,
    /// The same with exact words and all rows: gensim's with `case_insensitive=False, restrict_vocab=None`.
    Exact,
}

impl AnalogyProtocol {
    /// All protocols.
    pub const ALL: &'static [AnalogyProtocol] = <AnalogyProtocol as VariantArray>::VARIANTS;

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }

    pub(super) fn folding(self) -> CaseFolding {
        match self {
            AnalogyProtocol::Gensim => CaseFolding::Upper,
            AnalogyProtocol::Word2vec => CaseFolding::AsciiUpper,
            AnalogyProtocol::Glove => CaseFolding::LowerQuestions,
        }
    }

    pub(super) fn restrict(self) -> Option<usize> {
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

    pub(super) fn folding(self) -> CaseFolding {
        match self {
            PairProtocol::Gensim => CaseFolding::Upper,
            PairProtocol::Exact => CaseFolding::Exact,
        }
    }

    pub(super) fn restrict(self) -> Option<usize> {
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
    pub(super) fn rows(&self, protocol: Option<usize>, rows: usize) -> usize {
        let limit = match self.restrict {
            RowLimit::Protocol => protocol,
            RowLimit::All => None,
            RowLimit::First(first) => Some(first),
        };
        limit.map_or(rows, |limit| limit.min(rows))
    }
}

/// How the words of a benchmark are compared with those of the vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CaseFolding {
    /// Both as they are.
    Exact,
    /// The benchmark's words in lower case, the vectors' as they are.
    LowerQuestions,
    /// Both in upper case.
    Upper,
    /// Both in upper case; characters beyond ASCII as they are.
    AsciiUpper,
}

impl CaseFolding {
    /// The form of a word of the vectors that is compared. Words that are not UTF-8 are folded only as ASCII.
    pub fn of_row(self, word: &[u8]) -> Cow<'_, [u8]> {
        match (self, std::str::from_utf8(word)) {
            (CaseFolding::AsciiUpper, _) => word.to_ascii_uppercase().into(),
            // The same, but much faster.
            (CaseFolding::Upper, Ok(text)) if text.is_ascii() => word.to_ascii_uppercase().into(),
            (CaseFolding::Upper, Ok(text)) => text.to_uppercase().into_bytes().into(),
            (CaseFolding::Upper, Err(_)) | (CaseFolding::Exact | CaseFolding::LowerQuestions, _) => word.into(),
        }
    }

    /// The form of a word of the benchmark that is compared.
    pub fn of_question(self, word: &[u8]) -> Cow<'_, [u8]> {
        match (self, std::str::from_utf8(word)) {
            (CaseFolding::LowerQuestions, Ok(text)) => text.to_lowercase().into_bytes().into(),
            _ => self.of_row(word),
        }
    }
}

impl Vectors {
    /// The row of each word of a benchmark, among the first `first` rows: the first row whose word has the same form.
    pub(super) fn benchmark_rows(
        &self,
        words: &[Vec<u8>],
        folding: CaseFolding,
        first: usize,
    ) -> Result<Vec<Option<u32>>> {
        let forms = words.iter().map(|word| folding.of_question(word));
        match folding {
            CaseFolding::Exact | CaseFolding::LowerQuestions => {
                let find = |form: Cow<[u8]>| self.find(form, Case::Exact);
                forms.map(|form| Ok(find(form)?.filter(|&row| (row as usize) < first))).collect()
            }
            CaseFolding::Upper | CaseFolding::AsciiUpper => {
                // Maps the benchmark's few words, not the vectors' many.
                let forms: Vec<Cow<[u8]>> = forms.collect();
                let rows: HashMap<&[u8], AtomicU32> =
                    forms.iter().map(|form| (form.as_ref(), AtomicU32::new(u32::MAX))).collect();
                (0..first as u32).into_par_iter().with_min_len(MIN_ROWS_PER_TASK).for_each(|row| {
                    let word = self.vocabulary().word(row).unwrap_or_default();
                    if let Some(lowest) = rows.get(folding.of_row(word).as_ref()) {
                        lowest.fetch_min(row, Relaxed);
                    }
                });
                let found = forms.iter().map(|form| rows.get(form.as_ref()).map(|row| row.load(Relaxed)));
                Ok(found.map(|row| row.filter(|&row| row != u32::MAX)).collect())
            }
        }
    }
}
