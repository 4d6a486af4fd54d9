//! Word vectors: opening a file, looking up words, iterating.

pub(crate) mod codes;
pub mod doctor;
pub(crate) mod kernel;
mod pca;
mod save;
mod vocabulary;

use std::borrow::Cow;
use std::fmt;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::{Error, Malformed, Place, Result};
use crate::files::table::norm;
use crate::files::{
    self, Buffer, Bytes, Compression, Contents, Format, ReadOptions, Rows, SkippedRows, Source, Subwords, Table,
    TableInfo, Words,
};
pub use codes::Scan;
use codes::{Codes, LazyCodes};
pub use pca::{Projection, pca};
pub use vocabulary::Vocabulary;

/// The built-in vectors: `fixtures/demo.50d.txt`.
const DEMO: &[u8] = include_bytes!("../../fixtures/demo.50d.txt");

/// How the case of a word is treated in a lookup.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum Case {
    /// Match the word exactly.
    #[default]
    Exact,
    /// Match the word exactly, and otherwise in lower case.
    Fold,
}

impl Case {
    /// All values.
    pub const ALL: &'static [Case] = <Case as VariantArray>::VARIANTS;

    /// The name on the command line, in model files and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What was skipped or changed while a file was opened.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    /// Rows dropped because an earlier row has the same word.
    pub duplicates: usize,
    /// Bad rows that were skipped because of [`ReadOptions::skip_bad_rows`].
    pub skipped: SkippedRows,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Pretrained word vectors: a vocabulary, and a row of `dimension` numbers for each word.
///
/// Rows have the values of the file, because training needs the raw values. Norms are stored separately for queries; there is no
/// normalised copy.
///
/// # Shapes
/// Values `[rows, dimension]`, norms `[rows]`.
pub struct Vectors {
    vocabulary: Vocabulary,
    /// `[rows, dimension]`.
    values: Buffer<f32>,
    /// Euclidean norms, `[rows]`.
    norms: Buffer<f32>,
    dimension: usize,
    /// Character n-grams for words without a row, in the file of the rows, which stays mapped.
    subwords: Option<Subwords>,
    source: Source,
    load_report: LoadReport,
    /// 8-bit codes of the rows for faster exact scans: from the table file, or created on demand.
    codes: LazyCodes,
    /// The mapped table file and its metadata, if the vectors are in one.
    table: Option<(Arc<Bytes>, TableInfo)>,
}

/// A summary, not the values.
impl fmt::Debug for Vectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vectors({} rows x {}, {})", self.len(), self.dimension, self.source.path.display())
    }
}

impl Vectors {
    /// Opens a vector file. The format is detected from the content. See [`Vectors::open_with`].
    ///
    /// # Errors
    /// As [`Vectors::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Vectors> {
        Vectors::open_with(path, &ReadOptions::default())
    }

    /// Opens a vector file: GloVe text, word2vec text or binary, plain, gzipped or in a zip archive; or a table file, which is
    /// mapped into memory, so that opening it takes the same time for any size.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or does not contain word vectors.
    pub fn open_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Vectors> {
        let (contents, source) = files::read(path.as_ref(), options)?;
        Vectors::from_contents(contents, source)
    }

    /// As [`Vectors::open_with`], for a file in memory. `name` is used in messages.
    ///
    /// # Errors
    /// As [`Vectors::open_with`]; a NumPy array without [`ReadOptions::word_list`].
    pub fn from_bytes(bytes: Vec<u8>, name: &str, options: &ReadOptions) -> Result<Vectors> {
        let (contents, source) = files::read_bytes(bytes, name, options)?;
        Vectors::from_contents(contents, source)
    }

    fn from_contents(contents: Contents, source: Source) -> Result<Vectors> {
        match contents {
            Contents::Table(table) => Ok(Vectors::from_table(*table, source)),
            Contents::Rows(rows, subwords) => {
                let name = source.path.to_string_lossy().into_owned();
                Vectors::from_rows(*rows, subwords, source).map_err(|e| e.in_file(name).into())
            }
        }
    }

    /// The built-in demo vectors of dimension 50, trained on a small synthetic corpus about countries, animals, food, families and
    /// films (`fixtures/README.md`). They are for examples and tests, not for real texts.
    ///
    /// # Errors
    /// None in practice.
    pub fn demo() -> Result<Vectors> {
        let (rows, format) = files::parse(&Bytes::Static(DEMO), &ReadOptions::default())?;
        let source = Source {
            path: PathBuf::from("the built-in demo vectors"),
            format,
            compression: Compression::None,
            bytes: DEMO.len() as u64,
        };
        Ok(Vectors::from_rows(rows, None, source)?)
    }

    /// Vectors from words and values.
    ///
    /// # Shapes
    /// `values` `[words, dimension]`.
    ///
    /// # Errors
    /// No words, a dimension of 0, or a number of values that is not words x dimension.
    pub fn new<W: AsRef<[u8]>>(
        words: impl IntoIterator<Item = W>,
        values: Vec<f32>,
        dimension: usize,
    ) -> Result<Vectors> {
        let words: Words = words.into_iter().collect();
        if dimension == 0 || words.is_empty() || words.len().checked_mul(dimension) != Some(values.len()) {
            return Err(Error::invalid(
                "values",
                format!("{} words x {dimension} numbers, neither of which is zero", words.len()),
                values.len().to_string(),
            ));
        }
        let source = Source {
            path: PathBuf::from("memory"),
            format: Format::Glove,
            compression: Compression::None,
            bytes: (values.len() * size_of::<f32>()) as u64,
        };
        Ok(Vectors::from_rows(Rows { words, values: values.into(), dimension, ..Rows::default() }, None, source)?)
    }

    fn from_rows(rows: Rows, subwords: Option<Subwords>, source: Source) -> Result<Vectors, Malformed> {
        let Rows { words, mut values, dimension, skipped, mut warnings } = rows;
        if u32::try_from(words.len()).is_err() {
            return Err(Malformed::at(Place::File, format!("at most {} rows", u32::MAX), words.len().to_string()));
        }
        let (mut vocabulary, duplicates) = Vocabulary::index(words);
        if !duplicates.is_empty() {
            // Rare: remove the rows, and index the remaining words.
            let removed = duplicates.iter().map(|&row| row as usize);
            let kept = files::remove_rows(vocabulary.words(), &mut values, dimension, removed);
            (vocabulary, _) = Vocabulary::index(kept);
            warnings.push(format!(
                "{} dropped: an earlier row has the same word",
                count(duplicates.len(), "row was", "rows were")
            ));
        }
        let non_utf8 = count_non_utf8(&vocabulary);
        if non_utf8 > 0 {
            warnings.push(format!(
                "{} not UTF-8; invalid bytes are shown as U+FFFD",
                count(non_utf8, "word is", "words are")
            ));
        }
        let norms: Vec<f32> = values.par_chunks_exact(dimension).map(norm).collect();
        let load_report = LoadReport { duplicates: duplicates.len(), skipped, warnings };
        let (norms, codes) = (norms.into(), LazyCodes::default());
        Ok(Vectors { vocabulary, values, norms, dimension, subwords, source, load_report, codes, table: None })
    }

    fn from_table(table: Table, source: Source) -> Vectors {
        let bytes = Arc::clone(table.bytes());
        let codes = table.codes.and_then(|(codes, scales)| Codes::from_file(codes, scales, table.dimension));
        Vectors {
            vocabulary: Vocabulary::stored(table.words, table.index),
            values: table.values,
            norms: table.norms,
            dimension: table.dimension,
            subwords: table.subwords,
            source,
            load_report: LoadReport::default(),
            codes: codes.into(),
            table: Some((bytes, table.info)),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.vocabulary.len()
    }

    /// Whether there are no rows; never true for vectors from a file.
    pub fn is_empty(&self) -> bool {
        self.vocabulary.is_empty()
    }

    /// Numbers per row.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The words.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// The file that the rows are from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What was skipped or changed while the file was opened.
    pub fn load_report(&self) -> &LoadReport {
        &self.load_report
    }

    /// Bytes allocated in memory. A mapped table file is not counted: its pages belong to the system and are shared between
    /// processes.
    pub fn memory(&self) -> usize {
        self.vocabulary.memory() + self.values.memory() + self.norms.memory() + self.codes.memory()
    }

    /// Checks a mapped table file before operations that depend on all of it: that its length has not changed since it was opened,
    /// and that words and index are within bounds. The time is proportional to the number of rows. Vectors in memory always pass.
    ///
    /// # Errors
    /// A file that was truncated or is damaged.
    pub fn check(&self) -> Result<()> {
        self.check_length()?;
        self.vocabulary.check().map_err(|e| self.in_source(e))
    }

    /// Reads a whole table file and verifies its checksum, words and index. Vectors in memory always pass.
    ///
    /// # Errors
    /// The first problem found.
    pub fn verify(&self) -> Result<()> {
        let Some((bytes, _)) = &self.table else { return Ok(()) };
        self.check_length()?;
        Table::open(bytes).and_then(|table| table.verify()).map_err(|e| self.in_source(e))
    }

    /// The metadata of the table file, if the vectors are in one.
    pub fn table_info(&self) -> Option<&TableInfo> {
        self.table.as_ref().map(|(_, info)| info)
    }

    /// Sets how rows are scanned.
    pub fn set_scan(&mut self, scan: Scan) {
        self.codes.set_scan(scan);
    }

    /// The codes of the rows for this many more scans, if these should use codes. Creates the codes after enough scans.
    pub(crate) fn codes(&self, scans: usize) -> Option<&Codes> {
        self.codes.get(|| Codes::new(&self.values, &self.norms, self.dimension), self.len(), scans)
    }

    /// Bytes that a search of all rows reads, without the rows that their codes do not rule out.
    pub(crate) fn searched_bytes(&self) -> usize {
        let rows_bytes = || size_of_val(self.values()) + size_of_val(self.norms());
        self.codes(0).map(Codes::parts).map_or_else(rows_bytes, |(codes, scales)| codes.len() + size_of_val(scales))
    }

    /// Checks that the length of a mapped table file has not changed since it was opened.
    pub(crate) fn check_length(&self) -> Result<()> {
        self.table.as_ref().map_or(Ok(()), |(bytes, _)| bytes.check_length(&self.source.path))
    }

    fn in_source(&self, error: Malformed) -> Error {
        error.in_file(self.source.path.to_string_lossy()).into()
    }

    /// The row of a word, looked up exactly. In a damaged table file a word may not be found; [`Vectors::find`] returns an error.
    pub fn row_of(&self, word: impl AsRef<[u8]>) -> Option<u32> {
        self.vocabulary.row(word)
    }

    /// The row of a word; `None` for an unknown word.
    ///
    /// # Errors
    /// A damaged table file, whose index points outside the table.
    pub fn find(&self, word: impl AsRef<[u8]>, case: Case) -> Result<Option<u32>> {
        let word = word.as_ref();
        let find = |word: &[u8]| self.vocabulary.find(word).map_err(|e| self.in_source(e));
        match (find(word)?, case, std::str::from_utf8(word)) {
            (None, Case::Fold, Ok(word)) => find(word.to_lowercase().as_bytes()),
            (exact, ..) => Ok(exact),
        }
    }

    /// The rows of many words, looked up exactly; `None` for an unknown word.
    ///
    /// # Errors
    /// A damaged table file, whose index points outside the table.
    pub fn find_all(&self, words: &[&[u8]]) -> Result<Vec<Option<u32>>> {
        self.vocabulary.find_all(words, |_| ()).map_err(|e| self.in_source(e))
    }

    /// Copies the vectors of many words, looked up exactly, into `values`. Returns whether all words are known; if not, `values` is
    /// only partly written.
    ///
    /// # Shapes
    /// `values` `[words, dimension]`.
    ///
    /// # Errors
    /// As [`Vectors::find_all`], and `values` of another size.
    pub fn copy_all(&self, words: &[&[u8]], values: &mut [f32]) -> Result<bool> {
        if values.len() != words.len() * self.dimension {
            let expected = format!("{} x {} numbers", words.len(), self.dimension);
            return Err(Error::invalid("values", expected, values.len().to_string()));
        }
        // Reading one number of each cache line loads the row into the cache while words are compared.
        let mut read = 0;
        let prefetch = |row| {
            for value in self.row(row).unwrap_or_default().iter().step_by(16) {
                read ^= value.to_bits();
            }
        };
        let rows = self.vocabulary.find_all(words, prefetch).map_err(|e| self.in_source(e))?;
        black_box(read);
        for (target, row) in values.chunks_exact_mut(self.dimension).zip(rows) {
            match row.and_then(|row| self.row(row)) {
                Some(numbers) => target.copy_from_slice(numbers),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The vector of a word, looked up exactly, `[dimension]`.
    pub fn get(&self, word: impl AsRef<[u8]>) -> Option<&[f32]> {
        self.row(self.row_of(word)?)
    }

    /// The vector of a word, looked up exactly: its row, or else the vector of its character n-grams, if the file has n-grams
    /// (fastText models). `[dimension]`; `None` for a word with neither.
    pub fn vector(&self, word: impl AsRef<[u8]>) -> Option<Cow<'_, [f32]>> {
        let word = word.as_ref();
        let from_subwords = || {
            let vector = self.subwords.as_ref()?.vector(word)?;
            // The rows of n-grams were not checked when the file was opened.
            vector.iter().all(|value| value.is_finite()).then_some(Cow::Owned(vector))
        };
        self.get(word).map(Cow::Borrowed).or_else(from_subwords)
    }

    /// The vectors of character n-grams, if the file has them.
    pub fn subwords(&self) -> Option<&Subwords> {
        self.subwords.as_ref()
    }

    /// The vector at a row, `[dimension]`.
    pub fn row(&self, row: u32) -> Option<&[f32]> {
        let start = (row as usize).checked_mul(self.dimension)?;
        self.values.get(start..start.checked_add(self.dimension)?)
    }

    /// The Euclidean norm of a row.
    pub fn norm(&self, row: u32) -> Option<f32> {
        self.norms.get(row as usize).copied()
    }

    /// The word at a row; invalid UTF-8 is replaced by U+FFFD.
    pub fn word(&self, row: u32) -> Cow<'_, str> {
        String::from_utf8_lossy(self.vocabulary.word(row).unwrap_or_default())
    }

    /// Words and vectors, in row order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[f32])> {
        self.vocabulary.iter().zip(self.values.chunks_exact(self.dimension))
    }

    /// All values, `[rows, dimension]`, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All norms, `[rows]`.
    pub fn norms(&self) -> &[f32] {
        &self.norms
    }

    /// The vector for unknown words, `[dimension]`: the row of `<unk>`, which GloVe's trainer appends, or else the mean of all
    /// finite rows.
    pub fn unknown_vector(&self) -> Vec<f32> {
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

    /// Number of rows whose components are all zero.
    pub fn zero_rows(&self) -> usize {
        self.norms.iter().filter(|&&norm| norm == 0.0).count()
    }

    /// Number of words that are not UTF-8.
    pub fn non_utf8_words(&self) -> usize {
        count_non_utf8(&self.vocabulary)
    }

    /// The mean norm of all finite rows.
    pub fn mean_norm(&self) -> f64 {
        let finite = self.norms.iter().filter(|norm| norm.is_finite());
        let (sum, rows) = finite.fold((0.0, 0usize), |(sum, rows), &norm| (sum + f64::from(norm), rows + 1));
        sum / rows.max(1) as f64
    }

    /// Mean and standard deviation of all components of all finite rows.
    pub fn mean_and_std(&self) -> (f64, f64) {
        let values = || self.finite_rows().flatten().map(|&value| f64::from(value));
        let count = values().count().max(1) as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        (mean, variance.sqrt())
    }

    fn finite_rows(&self) -> impl Iterator<Item = &[f32]> {
        let rows = self.values.chunks_exact(self.dimension).zip(self.norms.iter());
        rows.filter(|(_, norm)| norm.is_finite()).map(|(row, _)| row)
    }
}

fn count_non_utf8(vocabulary: &Vocabulary) -> usize {
    let words = vocabulary.words();
    let is_utf8 = |row| std::str::from_utf8(words.get(row).unwrap_or_default()).is_ok();
    (0..words.len()).into_par_iter().filter(|&row| !is_utf8(row)).count()
}

/// "1 row was", "2 rows were".
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
