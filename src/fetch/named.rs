//! Finding the file of vectors that were downloaded by name.

use std::path::{Component, Path, PathBuf};

use super::catalog::{find, suggest};
use super::store::Store;
use crate::error::{Error, Result, alternatives};

/// The file that `path` refers to: an existing file of this name, or the table file of the vectors that were downloaded by this
/// name.
///
/// # Errors
/// The name of vectors that were not downloaded, and a misspelled name.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    let itself = || Ok(path.to_owned());
    let mut parts = path.components();
    let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else { return itself() };
    let Some(name) = name.to_str().filter(|_| path.symlink_metadata().is_err()) else { return itself() };
    if let Some(entry) = find(name) {
        let fetched = Store::of_user()?.fetched(entry);
        return fetched.map(|(table, _)| table).ok_or_else(|| {
            Error::other(format!("the vectors `{name}` are not downloaded yet"))
                .advise(format!("download them with `vocable get {name}`"))
        });
    }
    match suggest(name).as_slice() {
        [] => itself(),
        near => Err(unknown("vectors", "a file, or a name from `vocable list`", name, near)),
    }
}

/// The error for a name that is not in the catalog; `near` are similar names.
pub fn unknown(what: &str, expected: &str, name: &str, near: &[&str]) -> Error {
    let near: Vec<String> = near.iter().map(|&name| name.to_owned()).collect();
    let question = match near.as_slice() {
        [] => String::new(),
        near => format!("; did you mean {}?", alternatives(near)),
    };
    Error::invalid(what, expected, format!("`{name}`{question}"))
}
