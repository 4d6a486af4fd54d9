//! Writing files atomically: a file is complete or not there.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::{Error, Malformed, Place, Result};

/// Writes a temporary file in the folder of `path`, and renames it to `path` once it is complete and on the disk.
///
/// Processes that have the old file open or mapped keep seeing it unchanged. If `write` fails, `path` is unchanged.
///
/// # Errors
/// The errors of `write`, and I/O errors when the file is created, written or renamed.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> Result<()> {
    let file = AtomicFile::new(path)?;
    let mut writer = BufWriter::new(file.file.as_file());
    write(&mut writer).and_then(|()| writer.flush()).map_err(|e| Error::io(path, "write it", e))?;
    drop(writer);
    file.persist()
}

/// A temporary file next to its target, for writing in several steps. It is deleted unless it is renamed by
/// [`AtomicFile::persist`].
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl AtomicFile {
    /// Creates a temporary file in the folder of `path`.
    ///
    /// # Errors
    /// I/O errors.
    pub fn new(path: &Path) -> Result<AtomicFile> {
        Ok(AtomicFile { path: path.into(), file: temporary_file(path)? })
    }

    /// A handle for writing to the file.
    ///
    /// # Errors
    /// I/O errors.
    pub fn open(&self) -> Result<File> {
        self.file.as_file().try_clone().map_err(|e| Error::io(&self.path, "write it", e))
    }

    /// Writes the file to the disk and renames it to its target.
    ///
    /// # Errors
    /// I/O errors.
    pub fn persist(self) -> Result<()> {
        let AtomicFile { path, file } = self;
        file.as_file().sync_all().map_err(|e| Error::io(&path, "write it", e))?;
        file.persist(&path).map_err(|e| Error::io(&path, "move the new file to it", e.error))?;
        Ok(())
    }
}

/// Checks before long work that [`write_atomic`] will be able to create its file.
///
/// # Errors
/// A `path` that is a folder, or is in a folder that does not exist or is not writable.
pub fn check_writable(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Err(Malformed::message(Place::File, "is a folder, not a file").in_file(path.to_string_lossy()).into());
    }
    temporary_file(path).map(drop)
}

/// A new file in the folder of `path`, which is deleted unless it is renamed.
fn temporary_file(path: &Path) -> Result<NamedTempFile> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut builder = Builder::new();
    builder.prefix(".vocable-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The usual permissions of new files, to which the umask applies.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    fs::metadata(folder).map_err(|e| Error::io(path, "create it", e))?;
    // Only the kind of the error: its text names the temporary file.
    builder.tempfile_in(folder).map_err(|e| Error::io(path, "create it", io::Error::from(e.kind())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_target_and_not_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "a").unwrap();
        for path in [folder.path().join("nowhere").join("out"), file.join("out")] {
            for error in [check_writable(&path).unwrap_err(), write_atomic(&path, |_| Ok(())).unwrap_err()] {
                let error = error.to_string();
                assert!(error.starts_with(&format!("{}: cannot create it: ", path.display())), "{error}");
                assert!(!error.contains(".vocable-") && !error.contains(" at path"), "{error}");
            }
        }
    }
}
