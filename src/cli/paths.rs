//! Checks that a command does not write to a file that it also reads, or write a file twice.

use std::path::{Path, PathBuf};

use vocable::Error;

use super::input::is_standard;

/// Files with the options that name them, as in `("--out", path)`; `None` if the option is not used.
pub type NamedFiles<'a> = &'a [(&'a str, Option<&'a Path>)];

/// Fails if an output file is also an input file or another output file, which would be overwritten.
pub fn check_distinct(inputs: NamedFiles, outputs: NamedFiles) -> Result<(), Error> {
    let there = |named: NamedFiles| -> Vec<(String, PathBuf)> {
        let files = named.iter().filter_map(|(name, path)| Some((name, (*path)?)));
        files.filter(|(_, path)| !is_standard(path)).map(|(name, path)| ((*name).to_owned(), place(path))).collect()
    };
    let mut taken: Vec<_> = there(inputs).into_iter().map(|(name, place)| (format!("{name} reads"), place)).collect();
    for (name, place) in there(outputs) {
        if let Some((what, _)) = taken.iter().find(|(_, other)| *other == place) {
            return Err(Error::other(format!("{name} would overwrite {}, which {what}", place.display())));
        }
        taken.push((format!("{name} writes"), place));
    }
    Ok(())
}

/// The absolute path of a file, which may not exist yet.
fn place(path: &Path) -> PathBuf {
    let folder = |path: &Path| match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let new = || Some(folder(path).canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(new).unwrap_or_else(|| path.to_owned())
}
