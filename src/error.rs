//! Errors: where (file, line, byte), what is wrong, and what to do about it.
//!
//! One type serves the whole library. Its text is one complete line, so that a program can print it and exit. What to do about
//! an error is a value ([`Advice`]): the library's text names it in Rust terms, the program as an option, the Python package as
//! a keyword argument.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use strum::VariantNames;

/// The library's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An operation on a file or folder failed.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was attempted, as in "cannot {action}".
        action: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// A file that does not follow its format.
    Malformed(Box<Malformed>),
    /// A folder that another process is working in.
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// A word that is not in the vocabulary.
    UnknownWord {
        /// The word; bytes that are not UTF-8 are replaced.
        word: String,
        /// Similar words of the vocabulary, the most likely first.
        suggestions: Vec<String>,
    },
    /// A word whose vector is zero or not finite, so that its cosine with other vectors is undefined.
    NoDirection {
        /// The word; bytes that are not UTF-8 are replaced.
        word: String,
    },
    /// An argument or option outside its range.
    Invalid {
        /// The name of the argument.
        what: String,
        /// The values it can have.
        expected: String,
        /// The value it had.
        found: String,
    },
    /// A name that is not one of an option's values.
    UnknownValue {
        /// The name.
        found: String,
        /// The possible values.
        possible: &'static [&'static str],
    },
    /// The training loss became non-finite before the first epoch was complete.
    Diverged {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step within the epoch, counted from 1.
        step: usize,
    },
    /// Any other problem.
    Other {
        /// What is wrong.
        message: String,
        /// What to do about it.
        advice: Option<Advice>,
    },
}

/// The details of [`Error::Malformed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// File name, or a description of the input ("standard input"). Empty until the caller that opened the file sets it.
    pub file: String,
    /// Position in the file, if known.
    pub place: Place,
    /// What is wrong.
    pub problem: Problem,
    /// What to do about it.
    pub advice: Option<Advice>,
}

/// What is wrong with a file or with a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Something else than the format requires.
    Unexpected {
        /// What the format requires.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// A row of vectors with the wrong number of numbers.
    RowLength {
        /// The dimension of the vectors.
        expected: usize,
        /// How many numbers the row has.
        found: usize,
        /// The beginning of the row, in quotes.
        excerpt: String,
    },
    /// A record of a table with the wrong number of columns.
    ColumnCount {
        /// How many columns the header has.
        expected: usize,
        /// How many columns the record has.
        found: usize,
    },
    /// Any other problem, as a clause.
    Message(String),
}

/// A position in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line, counted from 1.
    Line(u64),
    /// A byte within a line.
    Column {
        /// Line, counted from 1.
        line: u64,
        /// Byte within the line, counted from 1.
        column: u64,
    },
    /// A byte, counted from 0.
    Byte(u64),
    /// A row of vectors.
    Row {
        /// Row, counted from 1.
        row: u64,
        /// The byte at which the row begins, counted from 0.
        byte: u64,
    },
}

/// What to do about an error.
///
/// Values that name an option are spelled by each interface in its own terms; [`Display`](fmt::Display) spells them for
/// users of this library.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Advice {
    /// Keep rows with NaN or infinite numbers.
    KeepNonFinite,
    /// Skip rows that cannot be read.
    SkipBadRows,
    /// Read the file in this format.
    SetFormat(&'static str),
    /// Choose a member of the archive, such as this one.
    SetMember(Box<str>),
    /// Name the file that lists the words of an array.
    SetWordList,
    /// Name the column with the texts.
    SetTextColumn,
    /// Name the columns with the labels and the texts.
    SetColumns,
    /// Give new columns a prefix, so that their names are free.
    SetPrefix,
    /// Resume the training whose checkpoint this is.
    ResumeTraining,
    /// Lower the learning rate, or limit the gradients.
    LowerLearningRate,
    /// Ignore case when words are looked up.
    FoldCase,
    /// Keep the downloaded file, to examine it.
    KeepDownload,
    /// Advice that names no option.
    Text(String),
}

impl Malformed {
    /// Reports something else than expected; [`Malformed::in_file`] sets the file name later.
    pub fn at(place: Place, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Malformed::new(place, Problem::Unexpected { expected: expected.into(), found: found.into() })
    }

    /// Reports a problem as a clause, where there is no expected value.
    pub fn message(place: Place, message: impl Into<String>) -> Self {
        Malformed::new(place, Problem::Message(message.into()))
    }

    /// Reports a problem.
    pub fn new(place: Place, problem: Problem) -> Self {
        Malformed { file: String::new(), place, problem, advice: None }
    }

    /// Adds what to do about it.
    pub fn advise(mut self, advice: impl Into<Advice>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Sets the file name.
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = file.into();
        self
    }

    /// The error without its advice.
    pub fn without_advice(mut self) -> Self {
        self.advice = None;
        self
    }
}

impl Error {
    /// An I/O error on `path` during `action` ("read it", "create it").
    pub fn io(path: impl AsRef<Path>, action: &'static str, source: io::Error) -> Self {
        Error::Io { path: path.as_ref().to_path_buf(), action, source }
    }

    /// An argument outside its range.
    pub fn invalid(what: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Error::Invalid { what: what.into(), expected: expected.into(), found: found.into() }
    }

    /// A problem that no other variant describes.
    pub fn other(message: impl Into<String>) -> Self {
        Error::Other { message: message.into(), advice: None }
    }

    /// A name that is not one of `T`'s: the error of its `FromStr`.
    ///
    /// Option enums derive their names: `#[strum(parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]`.
    pub(crate) fn unknown_value<T: VariantNames>(found: &str) -> Self {
        Error::UnknownValue { found: found.to_owned(), possible: T::VARIANTS }
    }

    /// Sets the file name, if the error has none yet.
    pub fn in_file(self, file: impl Into<String>) -> Self {
        match self {
            Error::Malformed(detail) if detail.file.is_empty() => detail.in_file(file).into(),
            other => other,
        }
    }

    /// Sets what to do about the error, for the variants that carry advice.
    pub fn advise(mut self, new: impl Into<Advice>) -> Self {
        match &mut self {
            Error::Malformed(detail) => detail.advice = Some(new.into()),
            Error::Other { advice, .. } => *advice = Some(new.into()),
            _ => (),
        }
        self
    }

    /// What to do about the error.
    pub fn advice(&self) -> Option<&Advice> {
        match self {
            Error::Malformed(detail) => detail.advice.as_ref(),
            Error::Other { advice, .. } => advice.as_ref(),
            Error::Diverged { .. } => Some(&LOWER_LEARNING_RATE),
            _ => None,
        }
    }

    /// The text of the error, with its advice as `spell` puts it.
    pub fn text(&self, spell: impl FnOnce(&Advice) -> String) -> String {
        match self.advice() {
            Some(advice) => format!("{}; {}", self.problem(), spell(advice)),
            None => self.problem(),
        }
    }

    /// The text of the error without its advice.
    pub fn problem(&self) -> String {
        match self {
            Error::Io { path, action, source } => format!("{}: cannot {action}: {source}", path.display()),
            Error::Malformed(detail) => detail.problem(),
            Error::Locked { path } => format!("{} is locked by another process", path.display()),
            Error::UnknownWord { word, suggestions } => {
                let hint = match suggestions.as_slice() {
                    [] => String::new(),
                    words => format!("; did you mean {}?", alternatives(words)),
                };
                format!("`{word}` is not in the vocabulary{hint}")
            }
            Error::NoDirection { word } => {
                format!("the vector of `{word}` is zero or not finite, so its cosine with other vectors is undefined")
            }
            Error::Invalid { what, expected, found } => format!("{what}: expected {expected}, found {found}"),
            Error::UnknownValue { found, possible } => {
                let hint = closest(found, possible).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
                format!("unknown value `{found}` (possible values: {}){hint}", possible.join(", "))
            }
            Error::Diverged { epoch, step } => {
                format!("training diverged (non-finite loss) at epoch {epoch}, step {step}")
            }
            Error::Other { message, .. } => message.clone(),
        }
    }

    /// Whether this is a query without a result (an unknown word, a vector without a direction) rather than bad usage or bad
    /// input.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Error::UnknownWord { .. } | Error::NoDirection { .. })
    }
}

static LOWER_LEARNING_RATE: Advice = Advice::LowerLearningRate;

impl Malformed {
    /// The text without the advice.
    fn problem(&self) -> String {
        let file = if self.file.is_empty() { String::new() } else { format!("{}: ", self.file) };
        format!("{file}{}{}", self.place, self.problem)
    }
}

impl From<Malformed> for Error {
    fn from(detail: Malformed) -> Self {
        Error::Malformed(Box::new(detail))
    }
}

impl From<&str> for Advice {
    fn from(text: &str) -> Self {
        Advice::Text(text.to_owned())
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        Advice::Text(text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File => Ok(()),
            Place::Line(line) => write!(f, "line {line}: "),
            Place::Column { line, column } => write!(f, "line {line}, column {column}: "),
            Place::Byte(byte) => write!(f, "byte {byte}: "),
            Place::Row { row, byte } => write!(f, "row {row} (byte {byte}): "),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Unexpected { expected, found } => write!(f, "expected {expected}, found {found}"),
            Problem::RowLength { expected, found, excerpt } => {
                write!(f, "expected a word and {expected} numbers, found {found} in {excerpt}")
            }
            Problem::ColumnCount { expected, found } => {
                write!(f, "expected {expected} columns, as in the header, found {found}")
            }
            Problem::Message(message) => f.write_str(message),
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Advice::KeepNonFinite => {
                f.write_str("set `ReadOptions::allow_nonfinite` to keep such rows (they rank last)")
            }
            Advice::SkipBadRows => f.write_str("set `ReadOptions::skip_bad_rows` to skip such rows"),
            Advice::SetFormat(name) => write!(f, "set `ReadOptions::format` to `{name}` if the file has no header"),
            Advice::SetMember(name) => write!(f, "choose one with `ReadOptions::member`, such as `{name}`"),
            Advice::SetWordList => f.write_str("name the file with `ReadOptions::word_list`"),
            Advice::SetTextColumn => f.write_str("name the column with `text_column`"),
            Advice::SetColumns => f.write_str("name the columns with `label_column` and `text_column`"),
            Advice::SetPrefix => f.write_str("give the new columns a prefix"),
            Advice::ResumeTraining => f.write_str("resume training with `Training::resume`"),
            Advice::LowerLearningRate => f.write_str("try a lower `lr`, a lower `clip` or a longer `warmup`"),
            Advice::FoldCase => f.write_str("use `Case::Fold` to look up words regardless of case"),
            Advice::KeepDownload => f.write_str("set `GetOptions::keep` to keep the download, and try again"),
            Advice::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem())?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(Advice::to_string))
    }
}

/// "`a`, `b` or `c`".
pub(crate) fn alternatives(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// The name that is most similar to `found`, if one is similar enough to be a misspelling.
pub fn closest<'a>(found: &str, possible: &[&'a str]) -> Option<&'a str> {
    let found = found.to_lowercase();
    let max = (found.chars().count() / 3).max(1);
    let distances = possible.iter().map(|name| (strsim::osa_distance(&found, name), *name));
    distances.filter(|(distance, _)| *distance <= max).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
