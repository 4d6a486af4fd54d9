//! Coverage: how many words of texts are in the vectors.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use super::{Tokenizer, WordCounts};
use crate::error::Result;
use crate::vectors::{Case, Vectors};

/// A number of tokens and of distinct words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CoverageCount {
    /// Number of tokens.
    pub tokens: usize,
    /// Number of distinct words.
    pub words: usize,
}

/// How many words of texts are in the vectors. Each word is counted once, by the first way in which it is found.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// The tokenizer.
    pub tokenizer: Tokenizer,
    /// All words.
    pub all: CoverageCount,
    /// Words found as written.
    pub exact: CoverageCount,
    /// Words found in lower case.
    pub lower_case: CoverageCount,
    /// Words that have subword vectors.
    pub subwords: CoverageCount,
    /// Out-of-vocabulary words.
    pub unknown: CoverageCount,
    /// The out-of-vocabulary words and their counts, most frequent first.
    pub unknown_words: Vec<(String, usize)>,
    /// The number of texts of each length, in tokens.
    pub lengths: BTreeMap<usize, usize>,
}

/// How a word is found.
#[derive(Clone, Copy)]
enum Found {
    Exact,
    LowerCase,
    Subwords,
    Nowhere,
}

impl Coverage {
    /// Tokenizes texts and looks their words up: as written, then in lower case if `case` is [`Case::Fold`], then as subwords.
    ///
    /// # Errors
    /// Vectors in a damaged table file.
    pub fn of<S: AsRef<str> + Sync>(
        vectors: &Vectors,
        texts: &[S],
        tokenizer: Tokenizer,
        case: Case,
    ) -> Result<Coverage> {
        let mut counter = TokenCounter::new(tokenizer);
        counter.add(texts);
        counter.coverage(vectors, case)
    }

    /// The fraction of the tokens that are in the vectors; NaN without tokens.
    pub fn known(&self) -> f64 {
        1.0 - self.unknown.tokens as f64 / self.all.tokens as f64
    }

    /// Number of texts.
    pub fn texts(&self) -> usize {
        number_of_texts(&self.lengths)
    }

    /// The median length of the texts in tokens; the lower median of an even number of texts.
    pub fn median_length(&self) -> usize {
        let mut before = self.texts().saturating_sub(1) / 2;
        for (&length, &texts) in &self.lengths {
            match before.checked_sub(texts) {
                Some(rest) => before = rest,
                None => return length,
            }
        }
        0
    }

    /// The length of the longest text in tokens.
    pub fn longest(&self) -> usize {
        self.lengths.keys().next_back().copied().unwrap_or(0)
    }
}

/// Counts the words of texts that arrive in chunks.
#[derive(Debug, Clone)]
pub struct TokenCounter {
    tokenizer: Tokenizer,
    counts: WordCounts,
    lengths: BTreeMap<usize, usize>,
}

impl TokenCounter {
    /// A counter without texts.
    pub fn new(tokenizer: Tokenizer) -> TokenCounter {
        TokenCounter { tokenizer, counts: WordCounts::default(), lengths: BTreeMap::new() }
    }

    /// Adds texts. The result does not depend on how texts are divided into chunks.
    pub fn add<S: AsRef<str> + Sync>(&mut self, texts: &[S]) {
        let (counts, lengths) = self.tokenizer.count(texts);
        lengths.into_iter().for_each(|length| self.add_texts(length, 1));
        if self.counts.is_empty() {
            self.counts = counts;
        } else {
            counts.in_order().into_iter().for_each(|(word, count)| self.counts.add(word, count));
        }
    }

    /// Adds the results of another counter: the words with their counts, and the lengths with their numbers of texts.
    pub fn add_counts<'w>(
        &mut self,
        words: impl IntoIterator<Item = (&'w str, usize)>,
        lengths: impl IntoIterator<Item = (usize, usize)>,
    ) {
        words.into_iter().for_each(|(word, count)| self.counts.add(word, count));
        lengths.into_iter().for_each(|(length, texts)| self.add_texts(length, texts));
    }

    fn add_texts(&mut self, length: usize, texts: usize) {
        let sum = self.lengths.entry(length).or_default();
        *sum = sum.saturating_add(texts);
    }

    /// Number of texts.
    pub fn texts(&self) -> usize {
        number_of_texts(&self.lengths)
    }

    /// The words with their counts, in the order of first occurrence.
    pub fn words(&self) -> Vec<(&str, usize)> {
        self.counts.in_order()
    }

    /// The number of texts of each length, in tokens.
    pub fn lengths(&self) -> &BTreeMap<usize, usize> {
        &self.lengths
    }

    /// Looks the words up; see [`Coverage::of`].
    ///
    /// # Errors
    /// Vectors in a damaged table file.
    pub fn coverage(&self, vectors: &Vectors, case: Case) -> Result<Coverage> {
        vectors.check()?;
        let words = self.counts.most_frequent();
        let found = words.par_iter().map(|(word, _)| -> Result<Found> {
            Ok(if vectors.row_of(word).is_some() {
                Found::Exact
            } else if vectors.find(word, case)?.is_some() {
                Found::LowerCase
            } else if vectors.vector(word).is_some() {
                Found::Subwords
            } else {
                Found::Nowhere
            })
        });
        let found: Vec<Found> = found.collect::<Result<_>>()?;
        let mut coverage = Coverage {
            tokenizer: self.tokenizer,
            all: CoverageCount::default(),
            exact: CoverageCount::default(),
            lower_case: CoverageCount::default(),
            subwords: CoverageCount::default(),
            unknown: CoverageCount::default(),
            unknown_words: Vec::new(),
            lengths: self.lengths.clone(),
        };
        for (&(word, count), found) in words.iter().zip(found) {
            coverage.all.add(count);
            match found {
                Found::Exact => coverage.exact.add(count),
                Found::LowerCase => coverage.lower_case.add(count),
                Found::Subwords => coverage.subwords.add(count),
                Found::Nowhere => {
                    coverage.unknown.add(count);
                    coverage.unknown_words.push((word.to_owned(), count));
                }
            }
        }
        Ok(coverage)
    }
}

/// The number of texts.
fn number_of_texts(lengths: &BTreeMap<usize, usize>) -> usize {
    lengths.values().fold(0, |sum, &texts| sum.saturating_add(texts))
}

impl CoverageCount {
    fn add(&mut self, count: usize) {
        self.tokens = self.tokens.saturating_add(count);
        self.words += 1;
    }
}

/// A suggestion to use another tokenizer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenizerSuggestion {
    /// Whether the texts seem to be tokenized already: punctuation is separated by spaces.
    pub pre_tokenized: bool,
    /// The fraction of the tokens that are in the vectors with the current tokenizer.
    pub known: f64,
    /// The suggested tokenizer.
    pub suggested: Tokenizer,
    /// The fraction of the tokens that are in the vectors with the suggested tokenizer.
    pub suggested_known: f64,
}

/// Suggests another tokenizer if it seems to suit the texts better: [`Tokenizer::Whitespace`] for texts that seem to be tokenized
/// already, otherwise one with which at least two percentage points more of the tokens are in the vectors. Only the first two thousand
/// texts are examined.
///
/// # Errors
/// Vectors in a damaged table file.
pub fn suggest_tokenizer<S: AsRef<str> + Sync>(
    vectors: &Vectors,
    texts: &[S],
    tokenizer: Tokenizer,
    case: Case,
) -> Result<Option<TokenizerSuggestion>> {
    const MAX_TEXTS: usize = 2000;
    const MIN_GAIN: f64 = 0.02;
    let texts = texts.get(..MAX_TEXTS).unwrap_or(texts);
    let known = |tokenizer: Tokenizer| Coverage::of(vectors, texts, tokenizer, case).map(|coverage| coverage.known());
    if tokenizer != Tokenizer::Whitespace && are_tokenized(texts) {
        return Ok(Some(TokenizerSuggestion {
            pre_tokenized: true,
            known: known(tokenizer)?,
            suggested: Tokenizer::Whitespace,
            suggested_known: known(Tokenizer::Whitespace)?,
        }));
    }
    let current = known(tokenizer)?;
    let mut best: Option<TokenizerSuggestion> = None;
    for suggested in [Tokenizer::Unicode, Tokenizer::Ptb, Tokenizer::Whitespace] {
        let suggested_known = known(suggested)?;
        if suggested_known >= current + MIN_GAIN && best.is_none_or(|best| suggested_known > best.suggested_known) {
            best = Some(TokenizerSuggestion { pre_tokenized: false, known: current, suggested, suggested_known });
        }
    }
    Ok(best)
}

/// Whether texts seem to be tokenized: nearly all punctuation marks that end sentences and clauses are separated by spaces.
fn are_tokenized<S: AsRef<str>>(texts: &[S]) -> bool {
    const MIN_MARKS: usize = 10;
    let (mut separated, mut attached) = (0usize, 0usize);
    for word in texts.iter().flat_map(|text| text.as_ref().split_ascii_whitespace()) {
        match word.strip_suffix([',', ';', '?', '!', '.']) {
            Some("") => separated += 1,
            // A full stop may be part of the word, as in `mr.`
            Some(_) if !word.ends_with('.') => attached += 1,
            _ => (),
        }
    }
    separated >= MIN_MARKS && attached * 20 < separated
}
