//! Benchmark files: analogy questions, and word pairs with human scores.

use hashbrown::HashMap;

use crate::error::{Malformed, Place, Result};
use crate::files::{BOM, excerpt};

/// The content of a benchmark file.
#[derive(Debug, Clone)]
pub enum Benchmark {
    /// `: section` lines, and lines of four words.
    Analogies(Questions),
    /// Lines of two words and a score.
    Pairs(Pairs),
}

/// Analogy questions, "a is to b as c is to d", in sections.
#[derive(Debug, Clone)]
pub struct Questions {
    /// Names of the sections, in the order of the file.
    pub(super) sections: Vec<String>,
    /// The distinct words of the file.
    pub(super) words: Vec<Vec<u8>>,
    pub(super) questions: Vec<Question>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    /// Index of the section.
    pub(super) section: usize,
    /// Indices of the words a, b, c and d.
    pub(super) words: [usize; 4],
}

/// Word pairs with human scores.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// The distinct words of the file.
    pub(super) words: Vec<Vec<u8>>,
    pub(super) pairs: Vec<Pair>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    /// Indices of the words.
    pub(super) words: [usize; 2],
    pub(super) score: f64,
}

impl Benchmark {
    /// Reads a benchmark file of either kind. The kind is detected from the first line that is neither empty nor a comment: word
    /// pairs are separated by tabs; analogies begin with a colon or have four words.
    ///
    /// # Errors
    /// A line of another form, with its number, or a file without questions or pairs.
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
    /// Reads analogy questions: `: section` lines, and lines of four words separated by white space. Empty lines are ignored.
    /// This is the format of word2vec's `questions-words.txt`.
    ///
    /// # Errors
    /// A line of another form, a question before the first section, or no questions.
    pub fn parse(bytes: &[u8]) -> Result<Questions> {
        let mut distinct = DistinctWords::default();
        let (mut sections, mut questions) = (Vec::new(), Vec::new());
        for (number, line) in lines(bytes) {
            let error = |expected: &str| Malformed::at(Place::Line(number), expected, excerpt(line));
            if let Some(name) = line.strip_prefix(b":") {
                if !name.starts_with(b" ") && !name.starts_with(b"\t") || name.trim_ascii().is_empty() {
                    return Err(error("a colon, a space and the name of a section").into());
                }
                sections.push(String::from_utf8_lossy(name.trim_ascii()).into_owned());
                continue;
            }
            let &[a, b, c, d] = fields(line).as_slice() else {
                return Err(error("four words, or `: section`").into());
            };
            let Some(section) = sections.len().checked_sub(1) else {
                let error = error("a line `: section` before the first question");
                return Err(error.advise("begin the file with `: ` and a name").into());
            };
            questions.push(Question { section, words: [a, b, c, d].map(|word| distinct.index(word)) });
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

    /// Whether there are none; never true for a parsed file.
    pub fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }
}

impl Pairs {
    /// Reads word pairs: lines of two words and a number, separated by tabs. Lines that begin with `#` and empty lines are
    /// ignored, and the first other line may be a header. A pair that occurs twice counts twice, as in WordSim-353. This is the
    /// format of gensim's `wordsim353.tsv` and `simlex999.txt`.
    ///
    /// # Errors
    /// A line of another form, or no pairs.
    pub fn parse(bytes: &[u8]) -> Result<Pairs> {
        let mut distinct = DistinctWords::default();
        let mut pairs = Vec::new();
        let mut header_allowed = true;
        for (number, line) in lines(bytes).filter(|(_, line)| !line.starts_with(b"#")) {
            let may_be_header = std::mem::take(&mut header_allowed);
            let fields: Vec<&[u8]> = line.split(|&byte| byte == b'\t').collect();
            let error = |expected: &str| Malformed::at(Place::Line(number), expected, excerpt(line));
            let &[a, b, score] = fields.as_slice() else {
                let error = error("two words and a score, separated by tabs");
                return Err(match fields.len() {
                    10 => {
                        error.advise("SimLex-999 as published has ten columns; keep three of them with `cut -f 1,2,4`")
                    }
                    _ => error,
                }
                .into());
            };
            let number = std::str::from_utf8(score).ok().and_then(|score| score.trim().parse::<f64>().ok());
            match number {
                Some(score) if score.is_finite() => {
                    pairs.push(Pair { words: [a, b].map(|word| distinct.index(word)), score });
                }
                None if may_be_header && score.iter().any(u8::is_ascii_alphabetic) => {}
                _ => return Err(error("a number after two words").into()),
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

    /// Whether there are none; never true for a parsed file.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// Lines that are not empty, with their numbers, without line ends and byte-order mark.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let lines = bytes.strip_prefix(BOM).unwrap_or(bytes).split(|&byte| byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    (1..).zip(lines).filter(|(_, line)| !line.trim_ascii().is_empty())
}

/// Fields separated by white space.
fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).collect()
}

/// The distinct words, in the order of their first occurrence.
#[derive(Default)]
struct DistinctWords<'a> {
    indices: HashMap<&'a [u8], usize>,
    words: Vec<&'a [u8]>,
}

impl<'a> DistinctWords<'a> {
    fn index(&mut self, word: &'a [u8]) -> usize {
        *self.indices.entry(word).or_insert_with(|| {
            self.words.push(word);
            self.words.len() - 1
        })
    }

    fn words(self) -> Vec<Vec<u8>> {
        self.words.into_iter().map(<[u8]>::to_vec).collect()
    }
}
