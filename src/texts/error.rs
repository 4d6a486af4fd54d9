//! What the libraries beneath say, as errors of ours: one line each.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

use crate::error::{Error, Malformed, Place, Result};

/// What a file's reader or writer gave up on.
pub(super) enum Refusal {
    Io(io::Error),
    Said(String),
}

impl From<ArrowError> for Refusal {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Refusal::Io(error),
            error => Refusal::Said(error.to_string()),
        }
    }
}

impl From<ParquetError> for Refusal {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => Refusal::Io(*error),
                Err(error) => Refusal::Said(error.to_string()),
            },
            error => Refusal::Said(error.to_string()),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Refusal::Io(error)
    }
}

impl From<csv::Error> for Refusal {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => Refusal::Io(error),
            kind => Refusal::Said(format!("{kind:?}")),
        }
    }
}

impl Refusal {
    /// The error of a file that is read, in which `expected` should have been found.
    pub fn reading(self, path: &Path, expected: &str) -> Error {
        match self {
            // An early end and bytes that cannot be unpacked are the file's fault, not the system's; and places before a file's begin,
            // to which a short file sends its reader.
            Refusal::Io(error) if error.raw_os_error().is_some() && error.kind() != io::ErrorKind::InvalidInput => {
                Error::io(path, "read it", error)
            }
            Refusal::Io(error) => malformed(path, expected, &error.to_string()),
            Refusal::Said(said) => malformed(path, expected, &said),
        }
    }

    /// The error of a file that is written.
    pub fn writing(self, path: &Path) -> Error {
        match self {
            Refusal::Io(error) => Error::io(path, "write it", error),
            Refusal::Said(said) => Error::io(path, "write it", io::Error::other(one_line(&said))),
        }
    }
}

pub(super) fn malformed(path: &Path, expected: &str, found: &str) -> Error {
    Malformed::at(Place::File, expected, one_line(found)).in_file(path.to_string_lossy()).into()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Does what a hostile file could make a library of others panic at; that is an error then, like any other.
pub(super) fn guarded<T>(path: &Path, expected: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(malformed(path, expected, "bytes that its reader gave up on")))
}
