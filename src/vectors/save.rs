//! Writing vectors, and selecting rows.

use std::path::Path;

use hashbrown::HashSet;

use super::codes::{Codes, LazyCodes};
use super::{Vectors, Vocabulary};
use crate::error::{Error, Result};
use crate::files::save::{SaveReport, save};
use crate::files::table::norm;
use crate::files::{ElementType, TableView};
use crate::files::{Format, Words};

impl Vectors {
    /// Writes the vectors to a file atomically: to a temporary file in the same folder, which is then renamed.
    ///
    /// # Errors
    /// Words that the format cannot represent, a damaged table file, and I/O errors.
    pub fn save(&self, path: impl AsRef<Path>, format: Format, dtype: ElementType) -> Result<SaveReport> {
        self.check()?;
        let source = self.source.path.file_name().unwrap_or(self.source.path.as_os_str()).to_string_lossy();
        // 16-bit floats are converted when they are opened; their codes are created in memory, if at all.
        let stored = format == Format::Table && dtype == ElementType::F32;
        let codes = stored.then(|| Codes::new(&self.values, &self.norms, self.dimension));
        let table = TableView {
            words: self.vocabulary.words(),
            values: &self.values,
            norms: &self.norms,
            dimension: self.dimension,
            subwords: self.subwords(),
            codes: codes.as_ref().map(Codes::parts),
            source: &source,
            source_format: self.source.format,
        };
        save(path.as_ref(), &table, format, dtype)
    }

    /// Copies some of the rows into memory, in the order of `rows`, followed by the vectors of `extra_words` without a row, computed
    /// from their character n-grams. Duplicates keep their first place. Rows that do not exist, and words without n-grams, are
    /// skipped.
    ///
    /// # Errors
    /// No rows.
    pub fn subset<W: AsRef<[u8]>>(&self, rows: &[u32], extra_words: &[W]) -> Result<Vectors> {
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
        let mut made: HashSet<&[u8]> = HashSet::new();
        for word in extra_words.iter().map(AsRef::as_ref).filter(|word| self.row_of(word).is_none()) {
            if let Some(vector) = self.vector(word).filter(|_| made.insert(word)) {
                words.push(word);
                norms.push(norm(&vector));
                values.extend_from_slice(&vector);
            }
        }
        if words.is_empty() {
            return Err(Error::invalid("rows", "at least one row of the table", "none"));
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
            load_report: self.load_report.clone(),
            codes: LazyCodes::default(),
            table: None,
        })
    }
}
