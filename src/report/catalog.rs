//! Vectors that can be had by name, as a table.

use super::{fitted, size, thousands};
use crate::fetch::ListedVectors;

/// The column that says whether all of a file is fetched.
const NOTE: usize = 4;

/// What was fetched, then what can be: a line each, or more where a terminal of `width` columns asks for it.
pub fn catalog(list: &[ListedVectors], width: Option<usize>) -> String {
    /// Columns of a terminal that the note has room in.
    const WIDE: usize = 100;
    let narrow = width.is_some_and(|width| width < WIDE);
    let mut columns =
        vec![("name", false), ("rows", true), ("numbers", true), ("size", true), ("", false), ("what they are", false)];
    if narrow {
        columns.remove(NOTE);
    }
    let row = |listed: &ListedVectors| {
        let entry = listed.entry;
        let (bytes, note) = match (&listed.table, entry.bytes, entry.member) {
            (Some((_, bytes)), ..) => (size(*bytes), "on disk"),
            (None, Some(bytes), Some(_)) => (size(bytes), "or a part"),
            (None, Some(bytes), None) => (size(bytes), "to fetch"),
            (None, None, _) => ("?".to_owned(), "to fetch"),
        };
        let rows = entry.rows.map_or("?".to_owned(), thousands);
        let about = entry.about.to_owned();
        let mut row = vec![entry.name.to_owned(), rows, entry.dimension.to_string(), bytes, note.to_owned(), about];
        if narrow {
            row.remove(NOTE);
        }
        row
    };
    let (there, others): (Vec<&ListedVectors>, Vec<&ListedVectors>) =
        list.iter().partition(|listed| listed.table.is_some());
    let mut text = String::new();
    if !there.is_empty() {
        text += "Fetched: --vectors NAME opens them\n\n";
        text += &fitted(&columns, there.into_iter().map(row), width);
        text += "\n";
    }
    if !others.is_empty() {
        text += "To be fetched: vocable get NAME\n\n";
        text += &fitted(&columns, others.into_iter().map(row), width);
    }
    text
}
