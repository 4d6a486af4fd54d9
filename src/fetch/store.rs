//! Where fetched vectors lie: a folder for each name, with its table file and whatever a download leaves there.

#[cfg(feature = "get")]
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::{CATALOG, Entry};
use crate::error::{Error, Result};

/// Vectors that can be had by name, and whether they are there.
#[derive(Debug)]
pub struct Listed {
    /// What is known of them.
    pub entry: &'static Entry,
    /// Their table file and its bytes, if they were fetched.
    pub table: Option<(PathBuf, u64)>,
}

/// A folder of fetched vectors.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in a folder, which need not exist yet.
    pub fn new(folder: impl Into<PathBuf>) -> Store {
        Store { folder: folder.into() }
    }

    /// The user's: `vectors` in the folder that the environment's `VOCABLE_DATA` names, or else in `vocable` in the user's folder for data.
    ///
    /// # Errors
    /// There is neither.
    pub fn of_user() -> Result<Store> {
        let named = std::env::var_os("VOCABLE_DATA").filter(|path| !path.is_empty()).map(PathBuf::from);
        let own = || {
            let folder = etcetera::choose_base_strategy().ok()?.data_dir();
            // Without a home there is no such folder, and the current one is none.
            folder.is_absolute().then(|| folder.join("vocable"))
        };
        let folder = named.or_else(own).ok_or_else(|| {
            Error::invalid("VOCABLE_DATA", "a folder to keep vectors in, because there is no home folder", "none")
        })?;
        Ok(Store::new(folder.join("vectors")))
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The table file of some vectors, where it is or will be.
    pub fn table(&self, entry: &Entry) -> PathBuf {
        self.folder.join(entry.name).join(format!("{}.safetensors", entry.name))
    }

    /// The table file of some vectors and its bytes, if they were fetched.
    pub fn fetched(&self, entry: &Entry) -> Option<(PathBuf, u64)> {
        let path = self.table(entry);
        let metadata = std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
        Some((path, metadata.len()))
    }

    /// All vectors that can be had by name, those that were fetched with their table file and its bytes.
    pub fn list(&self) -> Vec<Listed> {
        CATALOG.iter().map(|entry| Listed { entry, table: self.fetched(entry) }).collect()
    }

    /// The folder of some vectors.
    #[cfg(feature = "get")]
    pub(super) fn room(&self, entry: &Entry) -> PathBuf {
        self.folder.join(entry.name)
    }

    /// Makes the folder of some vectors and takes it for this process alone. Waits for another that has it, after `waiting`
    /// was called. What a process that was killed left half written there goes away.
    #[cfg(feature = "get")]
    pub(super) fn take(&self, entry: &Entry, waiting: impl FnOnce()) -> Result<Taken> {
        let room = self.room(entry);
        std::fs::create_dir_all(&room).map_err(|e| Error::io(&room, "make it", e))?;
        let path = room.join("lock");
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
        for leftover in std::fs::read_dir(&room).into_iter().flatten().flatten() {
            if leftover.file_name().to_string_lossy().starts_with(".vocable-") {
                // One that stays takes room and harms nothing.
                let _ = std::fs::remove_file(leftover.path());
            }
        }
        Ok(Taken { room, _lock: file })
    }
}

/// The folder of some vectors, taken for this process until this is dropped.
#[cfg(feature = "get")]
pub(super) struct Taken {
    room: PathBuf,
    _lock: File,
}

#[cfg(feature = "get")]
impl Taken {
    /// Where a file of that name is in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.room.join(name)
    }
}
