//! How tables are read and written.

use std::path::Path;

use arrow_schema::Schema;

use super::format::{ColumnCompression, TableFormat};
use crate::classifier::dataset::{TEXT_NAMES, listed};
use crate::error::{Advice, Malformed, Place, Result};

/// How to read a table of texts.
#[derive(Debug, Clone, Default)]
pub struct TableReaderOptions {
    /// The format; `None` detects it from the content.
    pub format: Option<TableFormat>,
    /// Column or JSON key of the text; `None` takes the first of [`TEXT_NAMES`] that the table has.
    pub text_column: Option<String>,
    /// Names of the columns that will be added; a table that already has one of them is an error.
    pub added: Vec<String>,
}

/// How to write a table of texts.
#[derive(Debug, Clone, Copy, Default)]
pub struct TableWriterOptions {
    /// The format; `None` takes it from the file extension.
    pub format: Option<TableFormat>,
    /// Compression of the columns; `None` is Snappy for Parquet and no compression for Arrow.
    pub compression: Option<ColumnCompression>,
}

impl TableReaderOptions {
    /// The index of the text column.
    ///
    /// # Errors
    /// No such column.
    pub(super) fn find_text_column(&self, path: &Path, names: &[String]) -> Result<usize> {
        let found = match &self.text_column {
            Some(wanted) => names.iter().position(|name| name == wanted),
            None => TEXT_NAMES.iter().find_map(|usual| names.iter().position(|name| name.eq_ignore_ascii_case(usual))),
        };
        found.ok_or_else(|| {
            let expected = match &self.text_column {
                Some(wanted) => format!("a column `{wanted}`"),
                None => format!("a column for the text ({})", TEXT_NAMES.join(", ")),
            };
            Malformed::at(Place::File, expected, format!("the columns {}", listed(names)))
                .advise(Advice::SetTextColumn)
                .in_file(path.to_string_lossy())
                .into()
        })
    }

    /// Fails where the table already has a column that will be added.
    pub(super) fn check_added(&self, path: &Path, schema: &Schema) -> Result<()> {
        match self.added.iter().find(|name| schema.fields().iter().any(|field| field.name() == *name)) {
            None => Ok(()),
            Some(name) => Err(duplicate_column(Place::File, name).in_file(path.to_string_lossy()).into()),
        }
    }
}

/// The error of a table that already has the column `name`, which will be added.
pub(super) fn duplicate_column(place: Place, name: &str) -> Malformed {
    Malformed::message(place, format!("there is already a column `{name}`")).advise(Advice::SetPrefix)
}
