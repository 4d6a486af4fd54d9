//! Files that a command reads and files that it writes, which must not be the same.

use std::path::{Path, PathBuf};

use vocable::Error;

use super::input::is_standard;

/// Files by what names them, as in `("--out", path)`; those that were not named are left out.
pub type Named<'a> = &'a [(&'a str, Option<&'a Path>)];

/// Refuses an output that is an input, or another output, before anything is done: it would be lost.
pub fn distinct(inputs: Named, outputs: Named) -> Result<(), Error> {
    let there = |named: Named| -> Vec<(String, PathBuf)> {
        let files = named.iter().filter_map(|(name, path)| Some((name, (*path)?)));
        files.filter(|(_, path)| !is_standard(path)).map(|(name, path)| ((*name).to_owned(), place(path))).collect()
    };
    let mut taken: Vec<_> = there(inputs).into_iter().map(|(name, place)| (format!("{name} reads"), place)).collect();
    for (name, place) in there(outputs) {
        if let Some((what, _)) = taken.iter().find(|(_, other)| *other == place) {
            let found = format!("`{}`, which {what}", place.display());
            return Err(Error::invalid(name, "a file of its own", found));
        }
        taken.push((format!("{name} writes"), place));
    }
    Ok(())
}

/// Where a file is, or will be.
fn place(path: &Path) -> PathBuf {
    let folder = |path: &Path| match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let new = || Some(folder(path).canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(new).unwrap_or_else(|| path.to_owned())
}
