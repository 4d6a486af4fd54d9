//! Benchmark files: analogy questions, and word pairs with human scores.

use hashbrown::HashMap;

use crate::error::{Malformed, Place, Result};
use crate::files::{BOM, excerpt};

/// What a benchmark file holds.
#[derive(Debug, Clone)]
pub enum Benchmark {
    /// `: section` lines, and four words a line.
    Analogies(Questions),
    /// Two words and a score a line.
    Pairs(Pairs),
}

/// Analogy questions, "a is to b as c is to d", in sections.
#[derive(Debug, Clone)]
pub struct Questions {
    /// Names, in the order of the file.
    pub(super) sections: Vec<String>,
    /// Each word of the file once, as it is written.
    pub(super) words: Vec<Vec<u8>>,
    pub(super) questions: Vec<Question>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// Its place among the sections.
    pub(super) section: usize,
    /// The places of a, b, c and d among the words.
    pub(super) words: [usize; 4],
}

/// Word pairs with human scores.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// Each word of the file once, as it is written.
    pub(super) words: Vec<Vec<u8>>,
    pub(super) pairs: Vec<Pair>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// Their places among the words.
    pub(super) words: [usize; 2],
    pub(super) score: f64,
}

impl Benchmark {
    /// Reads a benchmark file of either kind. The first line that is neither empty nor a comment tells which it is: word pairs
    /// have tabs, all others are analogies if the line begins with a colon or holds four words.
    ///
    /// # Errors
    /// A line that does not fit, with its number, or a file that holds no question or pair.
    pub fn parse(bytes: &[u8]) -> Result<Benchmark> {
        let first = lines(bytes).map(|(_, line)| line).find(|line| !line.starts_with(b"#"));
        let analogies = |line: &[u8]| {
            line.starts_with(b": ") || !line.contains(&b'\t') && (line.starts_with(b":") || fields(line).len() == 4)
        };
        if first.is_some_and(analogies) {
            Questions::parse(bytes).map(Benchmark::Analogies)
        } else {
            Pairs::parse(bytes).map(Benchmark::Pairs)
        }
    }
}

impl Questions {
    /// Reads the questions of a file: `: section` lines, and four words a line, separated by white space. Empty lines do not
    /// count. The form of word2vec's `questions-words.txt`.
    ///
    /// # Errors
    /// A line that is neither, a question before the first section, or no question at all.
    pub fn parse(bytes: &[u8]) -> Result<Questions> {
        let mut distinct = Distinct::default();
        let (mut sections, mut questions) = (Vec::new(), Vec::new());
        for (number, line) in lines(bytes) {
            let refused = |expected: &str| Malformed::at(Place::Line(number), expected, excerpt(line));
            if let Some(name) = line.strip_prefix(b":") {
                if !name.starts_with(b" ") && !name.starts_with(b"\t") || name.trim_ascii().is_empty() {
                    return Err(refused("a colon, a space and the name of a section").into());
                }
                sections.push(String::from_utf8_lossy(name.trim_ascii()).into_owned());
                continue;
            }
            let &[a, b, c, d] = fields(line).as_slice() else {
                return Err(refused("four words, or `: section`").into());
            };
            let Some(section) = sections.len().checked_sub(1) else {
                let refused = refused("a line `: section` before the first question");
                return Err(refused.advise("begin the file with `: ` and a name").into());
            };
            questions.push(Question { section, words: [a, b, c, d].map(|word| distinct.place(word)) });
        }
        if questions.is_empty() {
            return Err(Malformed::at(Place::File, "questions of four words under `: section` lines", "none").into());
        }
        Ok(Questions { sections, words: distinct.words(), questions })
    }

    /// Number of questions.
    pub fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether there are none; never so for a file that was read.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }
}

impl Pairs {
    /// Reads the pairs of a file: two words and a number, separated by tabs. Lines that begin with `#` are comments, empty ones
    /// do not count, and the first of the others may be a header. A pair that comes twice counts twice, as one of
    /// WordSim-353 does. The form of gensim's `wordsim353.tsv` and `simlex999.txt`.
    ///
    /// # Errors
    /// A line of another form, or no pair at all.
    pub fn parse(bytes: &[u8]) -> Result<Pairs> {
        let mut distinct = Distinct::default();
        let mut pairs = Vec::new();
        let mut header_may_come = true;
        for (number, line) in lines(bytes).filter(|(_, line)| !line.starts_with(b"#")) {
            let may_be_header = std::mem::take(&mut header_may_come);
            let fields: Vec<&[u8]> = line.split(|&byte| byte == b'\t').collect();
            let refused = |expected: &str| Malformed::at(Place::Line(number), expected, excerpt(line));
            let &[a, b, score] = fields.as_slice() else {
                let refused = refused("two words and a score, separated by tabs");
                return Err(match fields.len() {
                    10 => refused.advise("SimLex-999 as published has ten columns: keep three by `cut -f 1,2,4`"),
                    _ => refused,
                }
                .into());
            };
            let number = std::str::from_utf8(score).ok().and_then(|score| score.trim().parse::<f64>().ok());
            match number {
                Some(score) if score.is_finite() => {
                    pairs.push(Pair { words: [a, b].map(|word| distinct.place(word)), score });
                }
                None if may_be_header && score.iter().any(u8::is_ascii_alphabetic) => {}
                _ => return Err(refused("a number behind two words").into()),
            }
        }
        if pairs.is_empty() {
            let expected = "word pairs with a score, separated by tabs (or analogy questions under `: section` lines)";
            return Err(Malformed::at(Place::File, expected, "none").into());
        }
        Ok(Pairs { words: distinct.words(), pairs })
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether there are none; never so for a file that was read.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// Lines that are not empty, with their numbers, without line ends and the mark that some editors put at the beginning.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let lines = bytes.strip_prefix(BOM).unwrap_or(bytes).split(|&byte| byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines).filter(|(_, line)| !line.trim_ascii().is_empty())
}

/// What stands between white space.
fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect()
}

/// Words in the order in which they first came.
#[derive(Default)]
struct Distinct<'a> {
    places: HashMap<&'a [u8], usize>,
    words: Vec<&'a [u8]>,
}

impl<'a> Distinct<'a> {
    fn place(&mut self, word: &'a [u8]) -> usize {
        *self.places.entry(word).or_insert_with(|| {
            self.words.push(word);
            self.words.len() - 1
        })
    }

    fn words(self) -> Vec<Vec<u8>> {
        self.words.into_iter().map(<[u8]>::to_vec).collect()
    }
}
