//! Writing vectors, and choosing rows.

use std::path::Path;

use super::{Vectors, Vocabulary};
use crate::error::{Error, Result};
use crate::files::save::{Precision, Saved, TableView, save};
use crate::files::{Format, Words};

impl Vectors {
    /// Writes the vectors to a file, beside its place first and then renamed.
    ///
    /// # Errors
    /// Words that the format cannot hold, a damaged table file, and the system's refusals.
    pub fn save(&self, path: impl AsRef<Path>, format: Format, precision: Precision) -> Result<Saved> {
        self.check()?;
        let source = self.source.path.file_name().unwrap_or(self.source.path.as_os_str()).to_string_lossy();
        let table = TableView {
            words: self.vocabulary.words(),
            values: &self.values,
            norms: &self.norms,
            dimension: self.dimension,
            subwords: self.subwords(),
            source: &source,
            source_format: self.source.format,
        };
        save(path.as_ref(), &table, format, precision)
    }

    /// Some of the rows, copied into memory, in the order named. A row that is named twice keeps its first place; rows that
    /// do not exist are left out.
    pub fn subset(&self, rows: &[u32]) -> Result<Vectors> {
        let mut taken = vec![false; self.len()];
        let (mut words, mut values, mut norms) = (Words::default(), Vec::new(), Vec::new());
        for &row in rows {
            let (Some(word), Some(numbers), Some(norm)) = (self.vocabulary.word(row), self.row(row), self.norm(row))
            else {
                continue;
            };
            if !std::mem::replace(&mut taken[row as usize], true) {
                words.push(word);
                values.extend_from_slice(numbers);
                norms.push(norm);
            }
        }
        if words.is_empty() {
            return Err(Error::invalid("rows", "at least one of the table", "none"));
        }
        let (vocabulary, _) = Vocabulary::index(words);
        let (values, norms) = (values.into(), norms.into());
        Ok(Vectors {
            vocabulary,
            values,
            norms,
            dimension: self.dimension,
            subwords: self.subwords.clone(),
            source: self.source.clone(),
            findings: self.findings.clone(),
            table: None,
        })
    }
}
