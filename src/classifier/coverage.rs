//! How much of some texts the vectors know.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use super::{Tokenizer, WordCounts};
use crate::error::Result;
use crate::vectors::{Case, Vectors};

/// How many tokens, and how many distinct words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CoverageCount {
    /// Words, each as often as it occurs.
    pub tokens: usize,
    /// Distinct words.
    pub words: usize,
}

/// How much of some texts the vectors know: each word counts where it is found first.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// How the texts were cut.
    pub tokenizer: Tokenizer,
    /// All words.
    pub all: CoverageCount,
    /// Words that the vectors have as they are written.
    pub exact: CoverageCount,
    /// Words that they have in lower case.
    pub lower_case: CoverageCount,
    /// Words whose vectors they make of character n-grams.
    pub subwords: CoverageCount,
    /// Words that they do not know.
    pub unknown: CoverageCount,
    /// The unknown words and how often each occurs, most frequent first.
    pub unknown_words: Vec<(String, usize)>,
    /// How many texts have so many words.
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
    /// Cuts texts and looks their words up: as they are written; in lower case, if `case` says so; then what n-grams make.
    ///
    /// # Errors
    /// A damaged table file.
    pub fn of<S: AsRef<str> + Sync>(
        vectors: &Vectors,
        texts: &[S],
        tokenizer: Tokenizer,
        case: Case,
    ) -> Result<Coverage> {
        let mut counted = TokenCounter::new(tokenizer);
        counted.add(texts);
        counted.coverage(vectors, case)
    }

    /// The share of the tokens that are known, from 0 to 1; NaN without tokens.
    pub fn known(&self) -> f64 {
        1.0 - self.unknown.tokens as f64 / self.all.tokens as f64
    }

    /// How many texts there are.
    pub fn texts(&self) -> usize {
        sum(&self.lengths)
    }

    /// The number of words of the middle text; of an even number of texts, of the shorter one of the middle two.
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

    /// The number of words of the longest text.
    pub fn longest(&self) -> usize {
        self.lengths.keys().next_back().copied().unwrap_or(0)
    }
}

/// Words of texts that come chunk by chunk.
#[derive(Debug, Clone)]
pub struct TokenCounter {
    tokenizer: Tokenizer,
    counts: WordCounts,
    lengths: BTreeMap<usize, usize>,
}

impl TokenCounter {
    /// No words yet.
    pub fn new(tokenizer: Tokenizer) -> TokenCounter {
        TokenCounter { tokenizer, counts: WordCounts::default(), lengths: BTreeMap::new() }
    }

    /// Adds the words of more texts. How texts are cut into chunks changes nothing.
    pub fn add<S: AsRef<str> + Sync>(&mut self, texts: &[S]) {
        let (counts, lengths) = self.tokenizer.count(texts);
        lengths.into_iter().for_each(|length| self.add_texts(length, 1));
        if self.counts.is_empty() {
            self.counts = counts;
        } else {
            counts.in_order().into_iter().for_each(|(word, count)| self.counts.add(word, count));
        }
    }

    /// Adds what another process counted: words and how often each occurs, numbers of words and how many texts have so many.
    pub fn add_counted<'w>(
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
        sum(&self.lengths)
    }

    /// Words and how often each occurs, in the order in which they were first met.
    pub fn words(&self) -> Vec<(&str, usize)> {
        self.counts.in_order()
    }

    /// Numbers of words and how many texts have so many.
    pub fn lengths(&self) -> &BTreeMap<usize, usize> {
        &self.lengths
    }

    /// Looks the words up, as [`Coverage::of`] does.
    ///
    /// # Errors
    /// A damaged table file.
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

/// Of how many texts these are the lengths.
fn sum(lengths: &BTreeMap<usize, usize>) -> usize {
    lengths.values().fold(0, |sum, &texts| sum.saturating_add(texts))
}

impl CoverageCount {
    fn add(&mut self, count: usize) {
        self.tokens = self.tokens.saturating_add(count);
        self.words += 1;
    }
}

/// That another tokenizer may suit some texts better than the one chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenizerSuggestion {
    /// Whether the texts look cut into words already: their punctuation stands alone.
    pub cut_already: bool,
    /// The share of the tokens that the vectors know as the texts are cut, from 0 to 1.
    pub known: f64,
    /// The other tokenizer.
    pub other: Tokenizer,
    /// The share that they know as that one cuts.
    pub other_known: f64,
}

/// Says if another tokenizer may suit texts better: [`Tokenizer::Whitespace`] for texts that look cut already, else one by which
/// the vectors know clearly more of the tokens (two points of a hundred). The first two thousand texts are looked at.
///
/// # Errors
/// A damaged table file.
pub fn suggest_tokenizer<S: AsRef<str> + Sync>(
    vectors: &Vectors,
    texts: &[S],
    tokenizer: Tokenizer,
    case: Case,
) -> Result<Option<TokenizerSuggestion>> {
    const LOOKED_AT: usize = 2000;
    const CLEARLY: f64 = 0.02;
    let texts = texts.get(..LOOKED_AT).unwrap_or(texts);
    let known = |cut: Tokenizer| Coverage::of(vectors, texts, cut, case).map(|coverage| coverage.known());
    if tokenizer != Tokenizer::Whitespace && are_cut(texts) {
        let (known, other_known) = (known(tokenizer)?, known(Tokenizer::Whitespace)?);
        return Ok(Some(TokenizerSuggestion { cut_already: true, known, other: Tokenizer::Whitespace, other_known }));
    }
    let now = known(tokenizer)?;
    let mut best: Option<TokenizerSuggestion> = None;
    for other in [Tokenizer::Unicode, Tokenizer::Ptb, Tokenizer::Whitespace] {
        let other_known = known(other)?;
        if other_known >= now + CLEARLY && best.is_none_or(|best| other_known > best.other_known) {
            best = Some(TokenizerSuggestion { cut_already: false, known: now, other, other_known });
        }
    }
    Ok(best)
}

/// Whether texts look cut into words: nearly all marks that end sentences and clauses stand between spaces.
fn are_cut<S: AsRef<str>>(texts: &[S]) -> bool {
    const FEW: usize = 10;
    let (mut alone, mut attached) = (0usize, 0usize);
    for word in texts.iter().flat_map(|text| text.as_ref().split_ascii_whitespace()) {
        match word.strip_suffix([',', ';', '?', '!', '.']) {
            Some("") => alone += 1,
            // Full stops may belong to a word: `mr.`
            Some(_) if !word.ends_with('.') => attached += 1,
            _ => (),
        }
    }
    alone >= FEW && attached * 20 < alone
}
