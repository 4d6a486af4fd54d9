//! Tokenizers: how a text is cut into words.
//!
//! A classifier keeps the name of its tokenizer, so that texts are cut for prediction as they were for training.

mod ptb;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use hashbrown::HashMap;
use rayon::prelude::*;
use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};

/// How a text is cut into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tokenizer {
    /// What stands between ASCII white space, as it is written: for texts that are cut already.
    Whitespace,
    /// Words by [Unicode's rules](https://www.unicode.org/reports/tr29/#Word_Boundaries), in lower case. What stands between
    /// words and can be seen, such as punctuation, is a token too.
    #[default]
    Unicode,
    /// As the Penn Treebank, on which GloVe's training texts are modelled: `do n't`, `it 's`, punctuation apart; in lower
    /// case.
    Ptb,
    /// Chinese words by jieba's dictionary, others as it finds them; in lower case.
    #[cfg(feature = "jieba")]
    Jieba,
}

impl Tokenizer {
    /// All tokenizers of this build, in the order in which help texts name them.
    pub const ALL: &[Tokenizer] = &[
        Tokenizer::Whitespace,
        Tokenizer::Unicode,
        Tokenizer::Ptb,
        #[cfg(feature = "jieba")]
        Tokenizer::Jieba,
    ];

    /// The name on the command line and in model files.
    pub fn name(self) -> &'static str {
        match self {
            Tokenizer::Whitespace => "whitespace",
            Tokenizer::Unicode => "unicode",
            Tokenizer::Ptb => "ptb",
            #[cfg(feature = "jieba")]
            Tokenizer::Jieba => "jieba",
        }
    }

    /// The words of a text.
    pub fn words(self, text: &str) -> Vec<Cow<'_, str>> {
        match self {
            // NBSP and other Unicode space is part of a word, as in files of vectors.
            Tokenizer::Whitespace => text.split_ascii_whitespace().map(Cow::Borrowed).collect(),
            Tokenizer::Unicode => text.split_word_bounds().filter(|word| is_seen(word)).map(lower).collect(),
            Tokenizer::Ptb => ptb::words(text),
            #[cfg(feature = "jieba")]
            Tokenizer::Jieba => {
                jieba().cut(text, true).into_iter().map(|token| token.word).filter(|w| is_seen(w)).map(lower).collect()
            }
        }
    }
}

impl Tokenizer {
    /// The distinct words of some texts, and how many words each text has; in parallel.
    pub fn count<S: AsRef<str> + Sync>(self, texts: &[S]) -> (WordCounts, Vec<usize>) {
        const TOGETHER: usize = 512;
        let parts = texts.par_chunks(TOGETHER).map(|texts| {
            let (mut counts, mut lengths) = (WordCounts::default(), Vec::with_capacity(texts.len()));
            for text in texts {
                let words = self.words(text.as_ref());
                words.iter().for_each(|word| counts.add(word, 1));
                lengths.push(words.len());
            }
            (counts, lengths)
        });
        let (mut counts, mut lengths) = (WordCounts::default(), Vec::with_capacity(texts.len()));
        for (part, part_lengths) in parts.collect::<Vec<_>>() {
            part.in_order().into_iter().for_each(|(word, count)| counts.add(word, count));
            lengths.extend(part_lengths);
        }
        (counts, lengths)
    }
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Tokenizer {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Tokenizer::ALL.iter().copied().find(|tokenizer| tokenizer.name() == name).ok_or_else(|| {
            let names = Tokenizer::ALL.iter().map(|tokenizer| tokenizer.name()).collect::<Vec<_>>().join(", ");
            let found = match name {
                "jieba" => {
                    "`jieba`, which this build lacks: build with `cargo build --release --features jieba`".into()
                }
                _ => format!("`{name}`"),
            };
            Error::invalid("tokenizer", names, found)
        })
    }
}

/// Jieba with its own dictionary, read when it is first used.
#[cfg(feature = "jieba")]
fn jieba() -> &'static jieba_rs::Jieba {
    static JIEBA: std::sync::OnceLock<jieba_rs::Jieba> = std::sync::OnceLock::new();
    JIEBA.get_or_init(jieba_rs::Jieba::new)
}

/// Whether a segment has anything to see: not space, control characters or marks of no width alone.
fn is_seen(segment: &str) -> bool {
    let unseen =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    !segment.chars().all(unseen)
}

/// A word in lower case; copied only if that changes it.
fn lower(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        let as_is = !word.bytes().any(|byte| byte.is_ascii_uppercase());
        return if as_is { Cow::Borrowed(word) } else { Cow::Owned(word.to_ascii_lowercase()) };
    }
    let lower = word.to_lowercase();
    if lower == word { Cow::Borrowed(word) } else { Cow::Owned(lower) }
}

/// The distinct words of some texts and how often each occurs, in the order in which they are first met.
#[derive(Debug, Clone, Default)]
pub struct WordCounts {
    places: HashMap<String, usize>,
    counts: Vec<usize>,
}

impl WordCounts {
    /// Adds occurrences of a word.
    pub fn add(&mut self, word: &str, count: usize) {
        match self.places.get(word) {
            Some(&place) => self.counts[place] = self.counts[place].saturating_add(count),
            None => {
                self.places.insert(word.to_owned(), self.counts.len());
                self.counts.push(count);
            }
        }
    }

    /// Whether a word is among them.
    pub fn contains(&self, word: &str) -> bool {
        self.places.contains_key(word)
    }

    /// Number of distinct words.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there are no words.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Words and counts in the order in which the words were first met.
    pub fn in_order(&self) -> Vec<(&str, usize)> {
        let mut words: Vec<(&str, usize)> = self.places.iter().map(|(word, &place)| (word.as_str(), place)).collect();
        words.sort_unstable_by_key(|&(_, place)| place);
        words.iter_mut().for_each(|(_, place)| *place = self.counts[*place]);
        words
    }

    /// Words and counts, most frequent first; of equally frequent ones the one first met.
    pub fn most_frequent(&self) -> Vec<(&str, usize)> {
        let mut words = self.in_order();
        words.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        words
    }
}
