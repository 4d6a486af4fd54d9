//! The catalog of vectors that can be downloaded, as a table.

use super::table::wrapped_table;
use super::text::{size, thousands};
use crate::fetch::ListedVectors;

/// The column that says what is downloaded.
const NOTE_COLUMN: usize = 4;

/// The downloaded vectors, then the others. Lines are wrapped at `width`, if given.
pub fn catalog(list: &[ListedVectors], width: Option<usize>) -> String {
    /// Minimum width of the terminal for the note column.
    const MIN_WIDTH: usize = 100;
    let narrow = width.is_some_and(|width| width < MIN_WIDTH);
    let mut columns =
        vec![("name", false), ("rows", true), ("dim", true), ("size", true), ("", false), ("description", false)];
    if narrow {
        columns.remove(NOTE_COLUMN);
    }
    let row = |listed: &ListedVectors| {
        let entry = listed.entry;
        let (bytes, note) = match (&listed.table, entry.bytes, entry.member) {
            (Some((_, bytes)), ..) => (size(*bytes), "on disk"),
            (None, Some(bytes), Some(_)) => (size(bytes), "or parts of it"),
            (None, Some(bytes), None) => (size(bytes), "to download"),
            (None, None, _) => ("?".to_owned(), "to download"),
        };
        let rows = entry.rows.map_or("?".to_owned(), thousands);
        let about = entry.about.to_owned();
        let mut row = vec![entry.name.to_owned(), rows, entry.dimension.to_string(), bytes, note.to_owned(), about];
        if narrow {
            row.remove(NOTE_COLUMN);
        }
        row
    };
    let (downloaded, others): (Vec<&ListedVectors>, Vec<&ListedVectors>) =
        list.iter().partition(|listed| listed.table.is_some());
    let mut text = String::new();
    if !downloaded.is_empty() {
        text += "Downloaded (open with --vectors NAME):\n\n";
        text += &wrapped_table(&columns, downloaded.into_iter().map(row), width);
        text += "\n";
    }
    if !others.is_empty() {
        text += "Available (download with vocable get NAME):\n\n";
        text += &wrapped_table(&columns, others.into_iter().map(row), width);
    }
    text
}
