//! Tokenizers.
//!
//! A classifier stores the name of its tokenizer, so that texts are tokenized in the same way for training and for prediction.

mod lower;
mod ptb;
mod word_counts;

use std::borrow::Cow;

use rayon::prelude::*;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};
use unicode_segmentation::UnicodeSegmentation;

use self::lower::lower;
pub use self::word_counts::WordCounts;
use crate::error::Error;

/// How a text is split into words.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = unknown_tokenizer)]
pub enum Tokenizer {
    /// Splits at ASCII white space and keeps case, for texts that are tokenized already.
    Whitespace,
    /// Word boundaries by [Unicode's rules](https://www.unicode.org/reports/tr29/#Word_Boundaries), in lower case. Visible characters
    /// between words, such as punctuation, are tokens, too.
    #[default]
    Unicode,
    /// The rules of the Penn Treebank, as in the training texts of GloVe: `do n't`, `it 's`, separate punctuation; in lower case.
    Ptb,
    /// Chinese words by the dictionary of jieba; in lower case.
    #[cfg(feature = "jieba")]
    Jieba,
}

fn unknown_tokenizer(name: &str) -> Error {
    match name {
        "jieba" => Error::other("the tokenizer `jieba` is not part of this build")
            .advise("build with `cargo build --release --features jieba`"),
        _ => Error::unknown_value::<Tokenizer>(name),
    }
}

impl Tokenizer {
    /// All tokenizers of this build, in the order of help texts.
    pub const ALL: &'static [Tokenizer] = <Tokenizer as VariantArray>::VARIANTS;

    /// The name on the command line and in model files.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The words of a text.
    pub fn words(self, text: &str) -> Vec<Cow<'_, str>> {
        match self {
            // A no-break space and other Unicode white space is part of a word, as in vector files.
            Tokenizer::Whitespace => text.split_ascii_whitespace().map(Cow::Borrowed).collect(),
            Tokenizer::Unicode => text.split_word_bounds().filter(|word| is_visible(word)).map(lower).collect(),
            Tokenizer::Ptb => ptb::words(text),
            #[cfg(feature = "jieba")]
            Tokenizer::Jieba => jieba()
                .cut(text, true)
                .into_iter()
                .map(|token| token.word)
                .filter(|w| is_visible(w))
                .map(lower)
                .collect(),
        }
    }

    /// The word counts of some texts and the length of each text in tokens, in parallel.
    pub fn count<S: AsRef<str> + Sync>(self, texts: &[S]) -> (WordCounts, Vec<usize>) {
        const CHUNK: usize = 512;
        let chunks = texts.par_chunks(CHUNK).map(|texts| {
            let (mut counts, mut lengths) = (WordCounts::default(), Vec::with_capacity(texts.len()));
            for text in texts {
                let words = self.words(text.as_ref());
                words.iter().for_each(|word| counts.add(word, 1));
                lengths.push(words.len());
            }
            (counts, lengths)
        });
        let (mut counts, mut lengths) = (WordCounts::default(), Vec::with_capacity(texts.len()));
        for (chunk_counts, chunk_lengths) in chunks.collect::<Vec<_>>() {
            chunk_counts.in_order().into_iter().for_each(|(word, count)| counts.add(word, count));
            lengths.extend(chunk_lengths);
        }
        (counts, lengths)
    }
}

/// Jieba with its built-in dictionary, which is loaded on first use.
#[cfg(feature = "jieba")]
fn jieba() -> &'static jieba_rs::Jieba {
    static JIEBA: std::sync::OnceLock<jieba_rs::Jieba> = std::sync::OnceLock::new();
    JIEBA.get_or_init(jieba_rs::Jieba::new)
}

/// Whether a segment has any visible character: other than white space, control characters and zero-width marks.
fn is_visible(segment: &str) -> bool {
    let invisible =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    !segment.chars().all(invisible)
}
