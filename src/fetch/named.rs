//! Which file a name stands for.

use std::path::{Component, Path, PathBuf};

use super::{Store, find, suggest};
use crate::error::{Error, Result};

/// The file that `path` stands for: itself, or the table file of the vectors that were fetched by this name. A file of that
/// name comes first.
///
/// # Errors
/// The name of vectors that were not fetched, and one that is spelt like such a name.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    let itself = || Ok(path.to_owned());
    let mut parts = path.components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else { return itself() };
    let Some(name) = name.to_str().filter(|_| path.symlink_metadata().is_err()) else { return itself() };
    if let Some(entry) = find(name) {
        let fetched = Store::of_user()?.fetched(entry);
        return fetched.map(|(table, _)| table).ok_or_else(|| {
            let found = format!("`{name}`, which was not fetched yet: vocable get {name}");
            Error::invalid("vectors", "a file, or vectors that were fetched", found)
        });
    }
    match suggest(name).as_slice() {
        [] => itself(),
        near => Err(unknown("vectors", "a file, or a name that `vocable list` shows", name, near)),
    }
}

/// A name that no vectors have, and those that are like it.
pub fn unknown(what: &str, expected: &str, name: &str, near: &[&str]) -> Error {
    let near: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    let question = match near.as_slice() {
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(" or ")),
    };
    Error::invalid(what, expected, format!("`{name}`{question}"))
}
