//! Errors of the libraries that read and write tables, as one-line errors of ours.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

use crate::error::{Error, Malformed, Place, Result};

/// The error of a table library, before the file is named.
pub(super) enum TableError {
    Io(io::Error),
    Message(String),
}

impl From<ArrowError> for TableError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => TableError::Io(error),
            error => TableError::Message(error.to_string()),
        }
    }
}

impl From<ParquetError> for TableError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => TableError::Io(*error),
                Err(error) => TableError::Message(error.to_string()),
            },
            error => TableError::Message(error.to_string()),
        }
    }
}

impl From<io::Error> for TableError {
    fn from(error: io::Error) -> Self {
        TableError::Io(error)
    }
}

impl From<csv::Error> for TableError {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => TableError::Io(error),
            kind => TableError::Message(format!("{kind:?}")),
        }
    }
}

impl TableError {
    /// An error while reading a file that should contain `expected`.
    pub fn reading(self, path: &Path, expected: &str) -> Error {
        match self {
            // Without a system error code, the content is at fault: an unexpected end, or bytes that cannot be decompressed. So it is with
            // `InvalidInput`, which is a seek to before the start of a file that was truncated.
            TableError::Io(error) if error.raw_os_error().is_some() && error.kind() != io::ErrorKind::InvalidInput => {
                Error::io(path, "read it", error)
            }
            TableError::Io(error) => malformed(path, expected, &error.to_string()),
            TableError::Message(message) => malformed(path, expected, &message),
        }
    }

    /// An error while writing a file.
    pub fn writing(self, path: &Path) -> Error {
        match self {
            TableError::Io(error) => Error::io(path, "write it", error),
            TableError::Message(message) => Error::io(path, "write it", io::Error::other(one_line(&message))),
        }
    }
}

/// The error of a file that contains `found` instead of `expected`.
pub(super) fn malformed(path: &Path, expected: &str, found: &str) -> Error {
    Malformed::at(Place::File, expected, one_line(found)).in_file(path.to_string_lossy()).into()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Calls a function and turns a panic into an error: the Parquet and Arrow readers panic on some corrupt files.
pub(super) fn catch_panics<T>(path: &Path, expected: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(malformed(path, expected, "bytes that its reader cannot decode")))
}
