//! What went wrong: where (file, line, byte), what was expected, what was found, what to do.
//!
//! One type serves the whole library. Its text is one line, complete in itself, so that a program prints it and is done.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use strum::VariantNames;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused something.
    Io {
        /// The file or folder in question.
        path: PathBuf,
        /// What was tried, as in "cannot {action}".
        action: &'static str,
        /// The system's own word.
        source: io::Error,
    },
    /// Bytes that are not what their format says.
    Malformed(Box<Malformed>),
    /// A word that the vocabulary does not hold.
    UnknownWord {
        /// The word, shown lossily where it is not UTF-8.
        word: String,
        /// Words of the vocabulary that are spelt like it, the most likely first.
        suggestions: Vec<String>,
    },
    /// A question about a word whose vector is zero or not finite, and so has no direction.
    NoDirection {
        /// The word, shown lossily where it is not UTF-8.
        word: String,
    },
    /// An argument or option outside its range.
    Invalid {
        /// Which one.
        what: String,
        /// What it may be.
        expected: String,
        /// What it was.
        found: String,
    },
    /// A name that is none of an option's values.
    UnknownValue {
        /// The name.
        found: String,
        /// The values that exist.
        possible: &'static [&'static str],
    },
    /// Training met a loss that is not a finite number before its first epoch ended.
    Diverged {
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step within the epoch, counted from 1.
        step: usize,
    },
}

/// The detail of [`Error::Malformed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// File name, or what stands for it ("standard input"). Empty until the opener fills it in.
    pub file: String,
    /// Where in the file, where that is known.
    pub place: Place,
    /// What should stand there.
    pub expected: String,
    /// What stands there.
    pub found: String,
    /// What to do about it; may be empty.
    pub advice: String,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    File,
    /// A line, counted from 1.
    Line(u64),
    /// A line and a byte in it, both counted from 1.
    Column(u64, u64),
    /// A byte, counted from 0.
    Byte(u64),
    /// A row of vectors, counted from 1, and the byte it begins at, counted from 0.
    Row(u64, u64),
}

impl Malformed {
    /// A malformed place; name the file later with [`Malformed::in_file`].
    pub fn at(place: Place, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Malformed { file: String::new(), place, expected: expected.into(), found: found.into(), advice: String::new() }
    }

    /// Adds what to do about it.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }

    /// Names the file.
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = file.into();
        self
    }
}

impl Error {
    /// An I/O error on `path` while trying to `action` ("read it", "make it").
    pub fn io(path: impl AsRef<Path>, action: &'static str, source: io::Error) -> Self {
        Error::Io { path: path.as_ref().to_path_buf(), action, source }
    }

    /// An argument outside its range.
    pub fn invalid(what: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Error::Invalid { what: what.into(), expected: expected.into(), found: found.into() }
    }

    /// A name that is none of `T`'s: what its `FromStr` fails with.
    ///
    /// Enums of options derive their names: `#[strum(parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]`.
    pub(crate) fn unknown_value<T: VariantNames>(found: &str) -> Self {
        Error::UnknownValue { found: found.to_owned(), possible: T::VARIANTS }
    }

    /// Names the file that the error is about, where it does not name one yet.
    pub fn in_file(self, file: impl Into<String>) -> Self {
        match self {
            Error::Malformed(detail) if detail.file.is_empty() => detail.in_file(file).into(),
            other => other,
        }
    }

    /// Whether this is a question without an answer (a word that is not there, a word without a direction)
    /// rather than bad usage or bad input.
    pub fn is_unanswered(&self) -> bool {
        matches!(self, Error::UnknownWord { .. } | Error::NoDirection { .. })
    }
}

impl From<Malformed> for Error {
    fn from(detail: Malformed) -> Self {
        Error::Malformed(Box::new(detail))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File => Ok(()),
            Place::Line(line) => write!(f, "line {line}: "),
            Place::Column(line, column) => write!(f, "line {line}, column {column}: "),
            Place::Byte(byte) => write!(f, "byte {byte}: "),
            Place::Row(row, byte) => write!(f, "row {row} (byte {byte}): "),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}: ", self.file)?;
        }
        write!(f, "{}expected {}, found {}", self.place, self.expected, self.found)?;
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { path, action, source } => {
                write!(f, "{}: cannot {action}: {source}", path.display())
            }
            Error::Malformed(detail) => detail.fmt(f),
            Error::UnknownWord { word, suggestions } => {
                write!(f, "`{word}` is not in the vocabulary")?;
                if !suggestions.is_empty() {
                    write!(f, "; did you mean {}?", alternatives(suggestions))?;
                }
                Ok(())
            }
            Error::NoDirection { word } => write!(
                f,
                "`{word}` has a zero or non-finite vector: it has no direction, so its cosine with anything is undefined"
            ),
            Error::Invalid { what, expected, found } => {
                write!(f, "{what}: expected {expected}, found {found}")
            }
            Error::UnknownValue { found, possible } => {
                write!(f, "unknown value `{found}`; possible values: {}", possible.join(", "))
            }
            Error::Diverged { epoch, step } => {
                write!(
                    f,
                    "the loss is not a finite number any more at epoch {epoch}, step {step}; \
                     try a lower --lr, a lower --clip or a longer --warmup"
                )
            }
        }
    }
}

/// "`a`, `b` or `c`".
fn alternatives(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
