//! The folder of downloaded vectors: one subfolder per name, with the table file and the state of a download.

#[cfg(feature = "get")]
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::catalog::{CATALOG, CatalogEntry};
use crate::error::{Error, Result};

/// Vectors of the catalog, and whether they were downloaded.
#[derive(Debug)]
pub struct ListedVectors {
    /// The entry of the catalog.
    pub entry: &'static CatalogEntry,
    /// The table file and its size in bytes, if they were downloaded.
    pub table: Option<(PathBuf, u64)>,
}

/// The folder `vocable` in the user's data folder.
#[cfg(feature = "user-folders")]
fn data_folder() -> Option<PathBuf> {
    use etcetera::BaseStrategy;

    let folder = etcetera::choose_base_strategy().ok()?.data_dir();
    // Without a home folder the path is relative; the current folder is not a place for data.
    folder.is_absolute().then(|| folder.join("vocable"))
}

#[cfg(not(feature = "user-folders"))]
fn data_folder() -> Option<PathBuf> {
    None
}

/// A folder of downloaded vectors.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in this folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Store {
        Store { folder: folder.into() }
    }

    /// The store of the user: `vectors` in the folder named by the environment variable `VOCABLE_DATA`, or else in `vocable` in the
    /// user's data folder (feature `user-folders`).
    ///
    /// # Errors
    /// Neither folder is known.
    pub fn of_user() -> Result<Store> {
        let named = std::env::var_os("VOCABLE_DATA").filter(|path| !path.is_empty()).map(PathBuf::from);
        let folder = named.or_else(data_folder).ok_or_else(|| {
            Error::other("no folder for downloaded vectors: there is no home folder")
                .advise("set VOCABLE_DATA to a folder")
        })?;
        Ok(Store::new(folder.join("vectors")))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the table file of these vectors, whether or not it exists.
    pub fn table(&self, entry: &CatalogEntry) -> PathBuf {
        self.folder.join(entry.name).join(format!("{}.safetensors", entry.name))
    }

    /// The table file of these vectors and its size in bytes, if they were downloaded.
    pub fn fetched(&self, entry: &CatalogEntry) -> Option<(PathBuf, u64)> {
        let path = self.table(entry);
        let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
        Some((path, metadata.len()))
    }

    /// All vectors of the catalog, with the table file and its size in bytes for those that were downloaded.
    pub fn list(&self) -> Vec<ListedVectors> {
        CATALOG.iter().map(|entry| ListedVectors { entry, table: self.fetched(entry) }).collect()
    }

    /// The folder of these vectors.
    #[cfg(feature = "get")]
    pub(super) fn folder_of(&self, entry: &CatalogEntry) -> PathBuf {
        self.folder.join(entry.name)
    }

    /// Creates the folder of these vectors and locks it for this process. If another process has the lock, calls `waiting` and
    /// waits. Deletes temporary files that a killed process left in the folder.
    #[cfg(feature = "get")]
    pub(super) fn lock(&self, entry: &CatalogEntry, waiting: impl FnOnce()) -> Result<LockedFolder> {
        let folder = self.folder_of(entry);
        std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create it", e))?;
        let path = folder.join("lock");
        let cannot_lock = |e| Error::io(&path, "lock it", e);
        let file = File::options().create(true).append(true).open(&path).map_err(cannot_lock)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock().map_err(cannot_lock)?;
            }
            Err(TryLockError::Error(error)) => return Err(cannot_lock(error)),
        }
        for leftover in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if leftover.file_name().to_string_lossy().starts_with(".vocable-") {
                // A file that cannot be deleted does no harm.
                let _ = std::fs::remove_file(leftover.path());
            }
        }
        Ok(LockedFolder { folder, _lock: file })
    }
}

/// A locked folder of vectors; dropping this releases the lock.
#[cfg(feature = "get")]
pub(super) struct LockedFolder {
    folder: PathBuf,
    _lock: File,
}

#[cfg(feature = "get")]
impl LockedFolder {
    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
