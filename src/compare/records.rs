//! Files of a comparison's directory: JSON, labelled texts, the lock, and errors about altered files.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::classifier::{Dataset, LabelledText};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::write_atomic;

const LOCK: &str = ".lock";

/// A file that is locked while it is open. File systems without locks grant every request.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Locks a directory for this process alone, or fails if another process has locked it.
    pub(super) fn exclusive(directory: &Path) -> Result<Lock> {
        Lock::acquire(directory, File::try_lock)
    }

    /// Locks a directory together with other processes, or fails if another process has locked it exclusively.
    pub(super) fn shared(directory: &Path) -> Result<Lock> {
        Lock::acquire(directory, File::try_lock_shared)
    }

    fn acquire(directory: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Result<Lock> {
        let path = directory.join(LOCK);
        let file = File::create(&path).map_err(|e| Error::io(&path, "create it", e))?;
        match lock(&file) {
            Err(TryLockError::WouldBlock) => Err(Error::Locked { path: directory.to_owned() }),
            _ => Ok(Lock(file)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process forked in the meantime may still have it open.
        let _ = self.0.unlock();
    }
}

pub(super) fn read_json<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, "read it", e))?;
    serde_json::from_slice(&bytes).map_err(|e| altered(path, expected, e.to_string()))
}

pub(super) fn write_json(path: &Path, value: &impl Serialize, pretty: bool) -> Result<()> {
    let bytes = if pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    let bytes = bytes.map_err(|e| not_json(&e))?;
    write_atomic(path, |file| {
        file.write_all(&bytes)?;
        writeln!(file)
    })
}

/// A labelled text as a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
struct TextRecord {
    label: String,
    text: String,
    line: u64,
}

pub(super) fn read_texts(path: &Path) -> Result<Vec<LabelledText>> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, "read it", e))?;
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let text = |line| {
        let TextRecord { label, text, line } = serde_json::from_slice(line)?;
        Ok(LabelledText { label, text, line })
    };
    let texts: Result<_, serde_json::Error> = lines.map(text).collect();
    texts.map_err(|e| altered(path, "texts as JSON Lines", e.to_string()))
}

pub(super) fn write_texts(path: &Path, data: &Dataset) -> Result<()> {
    write_atomic(path, |file| {
        for LabelledText { label, text, line } in &data.texts {
            serde_json::to_writer(&mut *file, &TextRecord { label: label.clone(), text: text.clone(), line: *line })?;
            writeln!(file)?;
        }
        Ok(())
    })
}

/// Removes temporary files of a process that was killed while it wrote.
pub(super) fn remove_temporary_files(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".vocable-")) {
        // A file that cannot be removed does no harm.
        let _ = fs::remove_file(entry.path());
    }
}

/// A file of the directory does not hold what was written to it.
pub(super) fn altered(path: &Path, expected: impl Into<String>, found: impl Into<String>) -> Error {
    let what = Malformed::at(Place::File, expected, found).in_file(path.to_string_lossy());
    what.advise("the file was altered; delete its folder to repeat the runs in it").into()
}

/// A value that JSON cannot represent.
pub(super) fn not_json(e: &dyn std::fmt::Display) -> Error {
    Error::invalid("comparison", "values that JSON can represent", e.to_string())
}
