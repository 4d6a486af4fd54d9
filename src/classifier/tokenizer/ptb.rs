//! Words as the Penn Treebank cuts them.
//!
//! The rules are those of the Treebank's own script, which NLTK's `TreebankWordTokenizer` carries on. Where whole texts differ from
//! the single sentences that it was made for, they follow Stanford's tokenizer, which cut GloVe's texts: a full stop is
//! apart at the end of every sentence and not of the last alone, single quotes are told from apostrophes, and curly quotes,
//! dashes and ellipses count as what they stand for. docs/reference/text.md lists the differences.

use std::borrow::Cow;

use super::lower;

/// Endings that are words of their own behind an apostrophe.
const CLITICS: [&str; 6] = ["s", "m", "d", "ll", "re", "ve"];

/// What keeps the apostrophe it begins with.
const ELIDED: [&str; 7] = ["em", "til", "n", "cause", "bout", "round", "cuz"];

/// Two words written as one, and where the second begins.
const JOINED: [(&str, usize); 8] =
    [("cannot", 3), ("d'ye", 1), ("gimme", 3), ("gonna", 3), ("gotta", 3), ("lemme", 3), ("more'n", 4), ("wanna", 3)];

/// What keeps its full stop, besides initials (`j.`) and letters with stops between them (`u.s.`).
const ABBREVIATIONS: [&str; 38] = [
    "mr.", "mrs.", "ms.", "messrs.", "dr.", "prof.", "rev.", "st.", "jr.", "sr.", "gen.", "col.", "capt.", "lt.",
    "sgt.", "gov.", "sen.", "rep.", "inc.", "corp.", "co.", "ltd.", "bros.", "vs.", "etc.", "ph.d.", "ave.", "blvd.",
    "jan.", "feb.", "apr.", "aug.", "sept.", "oct.", "nov.", "dec.", "mt.", "ft.",
];

/// The words of a text, in lower case.
pub fn words(text: &str) -> Vec<Cow<'_, str>> {
    let mut cutter = Cutter { words: Vec::new() };
    text.split_whitespace().for_each(|piece| cutter.cut(piece));
    cutter.words
}

struct Cutter<'t> {
    words: Vec<Cow<'t, str>>,
}

impl<'t> Cutter<'t> {
    /// Cuts what stands between two spaces.
    fn cut(&mut self, piece: &'t str) {
        // The word under way is `piece[start..at]`.
        let (mut start, mut at) = (0, 0);
        let mut before = None;
        while let Some(c) = piece[at..].chars().next() {
            let rest = &piece[at..];
            // Most of a text: letters that go on with the word.
            let letters = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
            if letters > 0 {
                at += letters;
                before = piece[..at].chars().next_back();
                continue;
            }
            let run = |c: char| rest.len() - rest.trim_start_matches(c).len();
            let opens = start == at && before.is_none_or(|before| "([{<\"“„‘`'-—–".contains(before));
            let one = c.len_utf8();
            // How many bytes here are a token of their own, and which one; none if they go on with the word.
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
                    let (end, length) = self.apostrophe(&piece[start..at], &rest[one..], one, opens);
                    if length == 0 {
                        (one, None)
                    } else {
                        self.word(&piece[start..start + end]);
                        // `n't` begins before the apostrophe.
                        let token = &piece[start + end..at + length];
                        self.push(if token == "'" && opens && length < rest.len() { "`" } else { token });
                        (start, at) = (at + length, at + length);
                        before = piece[..at].chars().next_back();
                        continue;
                    }
                }
                _ => (one, None),
            };
            if let Some(token) = token {
                self.word(&piece[start..at]);
                self.push(token);
                start = at + length;
            }
            at += length;
            before = piece[..at].chars().next_back();
        }
        self.word(&piece[start..]);
    }

    /// What an apostrophe of `one` bytes between `word` and `after` does: where the token with it begins in the word, and how
    /// many bytes of it stand from the apostrophe on; zero for one that is part of the word.
    fn apostrophe(&self, word: &str, after: &str, one: usize, opens: bool) -> (usize, usize) {
        let letters = after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len());
        // An apostrophe or a hyphen and more letters: not the end of a word.
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
        // `rock'n'roll` and `o'clock` are words, `dogs'` ends before its apostrophe.
        if letters > 0 { (0, 0) } else { (word.len(), one) }
    }

    /// A word between punctuation, and the full stop that ends it.
    fn word(&mut self, word: &'t str) {
        let (word, stop) = match word.strip_suffix('.') {
            Some(before) if !before.is_empty() && !keeps_stop(word) => (before, true),
            _ => (word, false),
        };
        if word.is_empty() {
            return;
        }
        let joined = JOINED.iter().find(|(joined, _)| joined.eq_ignore_ascii_case(word));
        match joined.and_then(|&(_, second)| word.split_at_checked(second)) {
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

/// Whether a word's full stop belongs to it: `u.s.`, `j.`, `mr.`
fn keeps_stop(word: &str) -> bool {
    let letter = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(|c| c.is_uppercase() || c.is_lowercase()) && chars.next().is_none()
    };
    // `I.` ends a sentence more often than it begins a name.
    word.split_terminator('.').all(letter) && !word.eq_ignore_ascii_case("i.")
        || ABBREVIATIONS.iter().any(|abbreviation| abbreviation.eq_ignore_ascii_case(word))
}
