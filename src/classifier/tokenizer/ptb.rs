//! The tokenizer of the Penn Treebank.
//!
//! The rules are those of the Treebank's own script, as in NLTK's `TreebankWordTokenizer`, which expects single sentences. For texts of
//! several sentences, they follow Stanford's tokenizer, with which the training texts of GloVe were tokenized: the full stop of every
//! sentence is a token, not only that of the last one; single quotes are distinguished from apostrophes; and curly quotes, dashes and
//! ellipses are normalised. docs/reference/text.md lists the differences.

use std::borrow::Cow;

use super::lower::lower;

/// Endings that are separate tokens after an apostrophe.
const CLITICS: [&str; 6] = ["s", "m", "d", "ll", "re", "ve"];

/// Words that keep an initial apostrophe.
const ELIDED: [&str; 7] = ["em", "til", "n", "cause", "bout", "round", "cuz"];

/// Contractions without an apostrophe, and the index at which they are split.
const CONTRACTIONS: [(&str, usize); 8] =
    [("cannot", 3), ("d'ye", 1), ("gimme", 3), ("gonna", 3), ("gotta", 3), ("lemme", 3), ("more'n", 4), ("wanna", 3)];

/// Words that keep their full stop, besides initials (`j.`) and letters separated by full stops (`u.s.`).
const ABBREVIATIONS: [&str; 38] = [
    "mr.", "mrs.", "ms.", "messrs.", "dr.", "prof.", "rev.", "st.", "jr.", "sr.", "gen.", "col.", "capt.", "lt.",
    "sgt.", "gov.", "sen.", "rep.", "inc.", "corp.", "co.", "ltd.", "bros.", "vs.", "etc.", "ph.d.", "ave.", "blvd.",
    "jan.", "feb.", "apr.", "aug.", "sept.", "oct.", "nov.", "dec.", "mt.", "ft.",
];

/// The tokens of a text, in lower case.
pub fn words(text: &str) -> Vec<Cow<'_, str>> {
    let mut splitter = Splitter { words: Vec::new() };
    text.split_whitespace().for_each(|chunk| splitter.split(chunk));
    splitter.words
}

struct Splitter<'t> {
    words: Vec<Cow<'t, str>>,
}

impl<'t> Splitter<'t> {
    /// Splits a text without white space.
    fn split(&mut self, chunk: &'t str) {
        // The current word is `chunk[start..at]`.
        let (mut start, mut at) = (0, 0);
        let mut before = None;
        while let Some(c) = chunk[at..].chars().next() {
            let rest = &chunk[at..];
            // The common case: letters that continue the word.
            let letters = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
            if letters > 0 {
                at += letters;
                before = chunk[..at].chars().next_back();
                continue;
            }
            let run = |c: char| rest.len() - rest.trim_start_matches(c).len();
            let opens = start == at && before.is_none_or(|before| "([{<\"“„‘`'-—–".contains(before));
            let one = c.len_utf8();
            // The number of bytes to take, and the token that they are; `None` if they continue the word.
            let (length, token) = match c {
                '.' if run('.') > 1 => (run('.'), Some("...")),
                '…' => (one, Some("...")),
                '-' if run('-') > 1 => (run('-'), Some("--")),
                '`' if run('`') > 1 => (2, Some("``")),
                '\'' if rest.starts_with("''") => (2, Some("''")),
                '"' | '“' | '„' | '”' => (one, Some(if c == '"' && !opens || c == '”' { "''" } else { "``" })),
                '‘' => (one, Some("`")),
                ',' | ':' => {
                    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
                    let in_number = digit(before) && start < at && digit(rest.chars().nth(1));
                    (one, (!in_number).then_some(&rest[..one]))
                }
                '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | ';' | '@' | '#' | '$' | '%' | '&' | '?' | '!' | '`'
                | '«' | '»' | '—' | '–' => (one, Some(&rest[..one])),
                '\'' | '’' => {
                    let (end, length) = self.apostrophe(&chunk[start..at], &rest[one..], one, opens);
                    if length == 0 {
                        (one, None)
                    } else {
                        self.word(&chunk[start..start + end]);
                        // `n't` begins before the apostrophe.
                        let token = &chunk[start + end..at + length];
                        self.push(if token == "'" && opens && length < rest.len() { "`" } else { token });
                        (start, at) = (at + length, at + length);
                        before = chunk[..at].chars().next_back();
                        continue;
                    }
                }
                _ => (one, None),
            };
            if let Some(token) = token {
                self.word(&chunk[start..at]);
                self.push(token);
                start = at + length;
            }
            at += length;
            before = chunk[..at].chars().next_back();
        }
        self.word(&chunk[start..]);
    }

    /// The token that contains an apostrophe of `one` bytes between `word` and `after`: its start within the word, and its number of bytes
    /// from the apostrophe on, which is 0 if the apostrophe continues the word.
    fn apostrophe(&self, word: &str, after: &str, one: usize, opens: bool) -> (usize, usize) {
        let letters = after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len());
        // A hyphen continues the word.
        let ends = !after[letters..].starts_with("-");
        let (suffix, is) = (&after[..letters], |suffix: &str, other: &&str| suffix.eq_ignore_ascii_case(other));
        if ends && CLITICS.iter().any(|clitic| is(suffix, clitic)) {
            return (word.len(), one + letters);
        }
        if word.is_empty() {
            if is(suffix, &"tis") || is(suffix, &"twas") {
                return (0, one + 1);
            }
            let elided = suffix.starts_with(|c: char| c.is_ascii_digit()) || ELIDED.iter().any(|e| is(suffix, e));
            return if opens && elided { (0, 0) } else { (0, one) };
        }
        if ends && is(suffix, &"t") && word.ends_with(['n', 'N']) {
            return (word.len() - 1, one + letters);
        }
        // `rock'n'roll` and `o'clock` are single words; in `dogs'` the apostrophe is separate.
        if letters > 0 { (0, 0) } else { (word.len(), one) }
    }

    /// Adds a word without punctuation around it, and the full stop that ends it.
    fn word(&mut self, word: &'t str) {
        let (word, stop) = match word.strip_suffix('.') {
            Some(before) if !before.is_empty() && !keeps_stop(word) => (before, true),
            _ => (word, false),
        };
        if word.is_empty() {
            return;
        }
        let contraction = CONTRACTIONS.iter().find(|(contraction, _)| contraction.eq_ignore_ascii_case(word));
        match contraction.and_then(|&(_, second)| word.split_at_checked(second)) {
            Some((first, second)) => [first, second].into_iter().for_each(|word| self.push(word)),
            None => self.push(word),
        }
        if stop {
            self.push(".");
        }
    }

    fn push(&mut self, word: &'t str) {
        self.words.push(if word.contains('’') {
            Cow::Owned(lower(&word.replace('’', "'")).into_owned())
        } else {
            lower(word)
        });
    }
}

/// Whether a full stop is part of the word: `u.s.`, `j.`, `mr.`
fn keeps_stop(word: &str) -> bool {
    let letter = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_uppercase() || c.is_lowercase()) && chars.next().is_none()
    };
    // `I.` is the end of a sentence more often than an initial.
    word.split_terminator('.').all(letter) && !word.eq_ignore_ascii_case("i.")
        || ABBREVIATIONS.iter().any(|abbreviation| abbreviation.eq_ignore_ascii_case(word))
}
