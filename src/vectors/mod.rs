//! The table: words, rows, norms. Open a file, look words up, iterate.

mod vocabulary;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::{Error, Malformed, Place, Result};
use crate::files::{self, Bytes, Format, ReadOptions, Rows, Source, Words, Wrapping};
pub use vocabulary::Vocabulary;

/// The vectors that are built into the library: `fixtures/demo.50d.txt`.
const DEMO: &[u8] = include_bytes!("../../fixtures/demo.50d.txt");

/// How a word is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Case {
    /// As it is written.
    #[default]
    Exact,
    /// As it is written, then in lower case.
    Fold,
}

/// What was found while a table was opened.
#[derive(Debug, Clone)]
pub struct Findings {
    /// Rows dropped because an earlier row has the same word.
    pub duplicates: usize,
    /// Words that are not UTF-8.
    pub non_utf8: usize,
    /// Rows whose components are all zero.
    pub zero_rows: usize,
    /// What a user should be told, a sentence each.
    pub warnings: Vec<String>,
}

/// Pretrained word vectors: a vocabulary and a row of `dimension` numbers for each of its words.
///
/// Rows are kept as the file has them, because training wants the raw values; their norms stand beside them, because
/// queries divide by them. No normalised copy exists.
#[derive(Debug)]
pub struct Vectors {
    vocabulary: Vocabulary,
    /// `[rows, dimension]`.
    values: Vec<f32>,
    /// `[rows]`, Euclidean.
    norms: Vec<f32>,
    dimension: usize,
    source: Source,
    findings: Findings,
}

impl Vectors {
    /// Opens a file of vectors; its format is told by content. See [`Vectors::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Vectors> {
        Vectors::open_with(path, &ReadOptions::default())
    }

    /// Opens a file of vectors: GloVe text, word2vec text or binary, plain, gzipped or in a zip archive.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or is not word vectors: the error says where and what to do.
    pub fn open_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Vectors> {
        let (rows, source) = files::read(path.as_ref(), options)?;
        let name = source.path.to_string_lossy().into_owned();
        Vectors::from_rows(rows, source).map_err(|e| e.in_file(name).into())
    }

    /// The demo vectors built into the library: 50 numbers a word, from a small made-up corpus about countries, animals,
    /// food, families and films (`fixtures/README.md`). Good for examples and tests, not for real texts.
    ///
    /// # Errors
    /// None in practice: the built-in file is tested.
    pub fn demo() -> Result<Vectors> {
        let (rows, format) = files::parse(&Bytes::Static(DEMO), &ReadOptions::default())?;
        let source = Source {
            path: PathBuf::from("the built-in demo vectors"),
            format,
            wrapping: Wrapping::Plain,
            bytes: DEMO.len() as u64,
        };
        Ok(Vectors::from_rows(rows, source)?)
    }

    /// A table of words and rows made elsewhere: `values` is `[words, dimension]`.
    ///
    /// # Errors
    /// No words, a dimension of zero, or a number of values that is not words x dimension.
    pub fn new<W: AsRef<[u8]>>(
        words: impl IntoIterator<Item = W>,
        values: Vec<f32>,
        dimension: usize,
    ) -> Result<Vectors> {
        let words: Words = words.into_iter().collect();
        if dimension == 0 || words.is_empty() || words.len().checked_mul(dimension) != Some(values.len()) {
            return Err(Error::invalid(
                "values",
                format!("{} words x {dimension} numbers, neither of them zero", words.len()),
                values.len().to_string(),
            ));
        }
        let source = Source {
            path: PathBuf::from("memory"),
            format: Format::Glove,
            wrapping: Wrapping::Plain,
            bytes: (values.len() * size_of::<f32>()) as u64,
        };
        Ok(Vectors::from_rows(Rows { words, values, dimension, warnings: Vec::new() }, source)?)
    }

    fn from_rows(rows: Rows, source: Source) -> Result<Vectors, Malformed> {
        let Rows { mut words, mut values, dimension, mut warnings } = rows;
        if u32::try_from(words.len()).is_err() {
            return Err(Malformed::at(Place::File, format!("at most {} rows", u32::MAX), words.len().to_string()));
        }
        let (mut vocabulary, repeated) = Vocabulary::index(words);
        if !repeated.is_empty() {
            // Rare: close the gaps, and index again what is left.
            let mut kept = Words::default();
            let mut gone = repeated.iter().copied().peekable();
            for row in 0..vocabulary.len() {
                if gone.next_if_eq(&(row as u32)).is_some() {
                    continue;
                }
                values.copy_within(row * dimension..(row + 1) * dimension, kept.len() * dimension);
                kept.push(vocabulary.word(row as u32).unwrap_or_default());
            }
            values.truncate(kept.len() * dimension);
            words = kept;
            (vocabulary, _) = Vocabulary::index(words);
            warnings.push(format!(
                "{} dropped: an earlier row has the same word",
                count(repeated.len(), "row was", "rows were")
            ));
        }
        let non_utf8 = vocabulary.iter().filter(|word| std::str::from_utf8(word).is_err()).count();
        if non_utf8 > 0 {
            warnings.push(format!(
                "{} not UTF-8, shown with a mark in place of such bytes",
                count(non_utf8, "word is", "words are")
            ));
        }
        let norms: Vec<f32> = values.par_chunks_exact(dimension).map(norm).collect();
        let zero_rows = norms.iter().filter(|&&norm| norm == 0.0).count();
        let findings = Findings { duplicates: repeated.len(), non_utf8, zero_rows, warnings };
        Ok(Vectors { vocabulary, values, norms, dimension, source, findings })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.vocabulary.len()
    }

    /// Whether there are no rows; never so for a table that opened.
    pub fn is_empty(&self) -> bool {
        self.vocabulary.is_empty()
    }

    /// Numbers a row.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The words.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Where the rows came from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What was found while opening.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Bytes held in memory.
    pub fn memory(&self) -> usize {
        self.vocabulary.memory() + (self.values.len() + self.norms.len()) * size_of::<f32>()
    }

    /// The row of a word, looked up exactly.
    pub fn row_of(&self, word: impl AsRef<[u8]>) -> Option<u32> {
        self.vocabulary.row(word)
    }

    /// The row of a word, looked up as `case` says.
    pub fn find(&self, word: impl AsRef<[u8]>, case: Case) -> Option<u32> {
        let word = word.as_ref();
        let exact = self.vocabulary.row(word);
        match case {
            Case::Exact => exact,
            Case::Fold => exact.or_else(|| {
                let lower = std::str::from_utf8(word).ok()?.to_lowercase();
                self.vocabulary.row(lower)
            }),
        }
    }

    /// The vector of a word, looked up exactly: `[dimension]`, as the file has it.
    pub fn get(&self, word: impl AsRef<[u8]>) -> Option<&[f32]> {
        self.row(self.row_of(word)?)
    }

    /// The vector at a row: `[dimension]`, as the file has it.
    pub fn row(&self, row: u32) -> Option<&[f32]> {
        let start = (row as usize).checked_mul(self.dimension)?;
        self.values.get(start..start.checked_add(self.dimension)?)
    }

    /// The Euclidean norm of a row.
    pub fn norm(&self, row: u32) -> Option<f32> {
        self.norms.get(row as usize).copied()
    }

    /// The word at a row, shown lossily where it is not UTF-8.
    pub fn word(&self, row: u32) -> Cow<'_, str> {
        String::from_utf8_lossy(self.vocabulary.word(row).unwrap_or_default())
    }

    /// Words and vectors in the order of the rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[f32])> {
        self.vocabulary.iter().zip(self.values.chunks_exact(self.dimension))
    }

    /// All values: `[rows, dimension]`, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All norms: `[rows]`.
    pub fn norms(&self) -> &[f32] {
        &self.norms
    }

    /// The vector for words that have none: the row of `<unk>`, which GloVe's own trainer appends, or else the mean of
    /// all rows whose components are finite.
    pub fn unknown(&self) -> Vec<f32> {
        if let Some(row) = self.get("<unk>") {
            return row.to_vec();
        }
        let mut sums = vec![0.0f64; self.dimension];
        let mut rows = 0usize;
        for row in self.finite_rows() {
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
            rows += 1;
        }
        sums.iter().map(|sum| (sum / rows.max(1) as f64) as f32).collect()
    }

    /// The mean norm of the rows whose components are finite.
    pub fn mean_norm(&self) -> f64 {
        let finite = self.norms.iter().filter(|norm| norm.is_finite());
        let (sum, rows) = finite.fold((0.0, 0usize), |(sum, rows), &norm| (sum + f64::from(norm), rows + 1));
        sum / rows.max(1) as f64
    }

    /// Mean and standard deviation over all components of all rows whose components are finite.
    pub fn moments(&self) -> (f64, f64) {
        let values = || self.finite_rows().flatten().map(|&value| f64::from(value));
        let count = values().count().max(1) as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt())
    }

    fn finite_rows(&self) -> impl Iterator<Item = &[f32]> {
        let rows = self.values.chunks_exact(self.dimension).zip(&self.norms);
        rows.filter(|(_, norm)| norm.is_finite()).map(|(row, _)| row)
    }
}

/// Euclidean norm, summed in f64 so that tiny and huge components keep theirs.
fn norm(row: &[f32]) -> f32 {
    row.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt() as f32
}

/// "1 row was", "2 rows were".
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
