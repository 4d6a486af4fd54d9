//! Writing a file without ever leaving half of one under its name.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::{Error, Malformed, Place, Result};

/// Writes a file beside `path` and renames it into place once it is whole and on the disk.
///
/// Whoever has the old file open or mapped keeps it as it was. When `write` fails, `path` is as it was before.
///
/// # Errors
/// Whatever `write` returns, and the system's refusals to make, write or rename the file.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> Result<()> {
    let file = AtomicFile::new(path)?;
    let mut writer = BufWriter::new(file.file.as_file());
    write(&mut writer).and_then(|()| writer.flush()).map_err(|e| Error::io(path, "write it", e))?;
    drop(writer);
    file.persist()
}

/// A new file beside its target, for those who write it bit by bit. It goes away unless it is renamed.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl AtomicFile {
    /// Makes it in the folder of `path`.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn new(path: &Path) -> Result<AtomicFile> {
        Ok(AtomicFile { path: path.into(), file: beside(path)? })
    }

    /// The file, to be written.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn open(&self) -> Result<File> {
        self.file.as_file().try_clone().map_err(|e| Error::io(&self.path, "write it", e))
    }

    /// Renames it into place once it is on the disk.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn persist(self) -> Result<()> {
        let AtomicFile { path, file } = self;
        file.as_file().sync_all().map_err(|e| Error::io(&path, "write it", e))?;
        file.persist(&path).map_err(|e| Error::io(&path, "rename a new file to it", e.error))?;
        Ok(())
    }
}

/// Checks that [`write_atomic`] will be able to make its file, ahead of long work whose result is to be written.
///
/// # Errors
/// A `path` that is a folder, or lies in one that does not exist or may not be written.
pub fn check_writable(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Malformed::at(Place::File, "a file to write", "a folder").in_file(path.to_string_lossy()).into());
    }
    beside(path).map(drop)
}

/// A new file in the folder of `path`, which goes away unless it is renamed.
fn beside(path: &Path) -> Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(".vocable-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any program makes a file, so that the user's umask decides.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    fs::metadata(folder).map_err(|e| Error::io(path, "make it", e))?;
    // By its kind alone: its text names the file beside, which no one asked for.
    builder.tempfile_in(folder).map_err(|e| Error::io(path, "make it", io::Error::from(e.kind())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_file_that_was_asked_for_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "a").unwrap();
        for path in [folder.path().join("nowhere").join("out"), file.join("out")] {
            for error in [check_writable(&path).unwrap_err(), write_atomic(&path, |_| Ok(())).unwrap_err()] {
                let error = error.to_string();
                assert!(error.starts_with(&format!("{}: cannot make it: ", path.display())), "{error}");
                assert!(!error.contains(".vocable-") && !error.contains(" at path"), "{error}");
            }
        }
    }
}
