//! The table: words, rows, norms. Open a file, look words up, iterate.

pub(crate) mod codes;
pub mod doctor;
pub(crate) mod kernel;
mod pca;
mod save;
mod vocabulary;

use std::borrow::Cow;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::{Error, Malformed, Place, Result};
use crate::files::table::norm;
use crate::files::{
    self, Buffer, Bytes, Compression, Contents, Format, ReadOptions, Rows, Skipped, Source, Subwords, Table, TableInfo,
    Words,
};
pub use codes::Scan;
use codes::{Codes, LazyCodes};
pub use pca::{Projection, pca};
pub use vocabulary::Vocabulary;

/// The vectors that are built into the library: `fixtures/demo.50d.txt`.
const DEMO: &[u8] = include_bytes!("../../fixtures/demo.50d.txt");

/// How a word is looked up.
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
    /// As it is written.
    #[default]
    Exact,
    /// As it is written, then in lower case.
    Fold,
}

impl Case {
    /// All ways.
    pub const ALL: &'static [Case] = <Case as VariantArray>::VARIANTS;

    /// The name on the command line, in model files and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// What was found while a table was opened.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    /// Rows dropped because an earlier row has the same word.
    pub duplicates: usize,
    /// Bad rows that were left out because [`ReadOptions::skip_bad_rows`] asked for it.
    pub skipped: Skipped,
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
    values: Buffer<f32>,
    /// `[rows]`, Euclidean.
    norms: Buffer<f32>,
    dimension: usize,
    /// For words that have no row; they lie in the file that the rows came from, which stays mapped for them.
    subwords: Option<Subwords>,
    source: Source,
    load_report: LoadReport,
    /// 8-bit codes of the rows, for exact scans that read a quarter: from the table file, or made when they pay.
    codes: LazyCodes,
    /// The table file that all of this lies in, if it does, and what it says about itself.
    table: Option<(Arc<Bytes>, TableInfo)>,
}

impl Vectors {
    /// Opens a file of vectors; its format is told by content. See [`Vectors::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Vectors> {
        Vectors::open_with(path, &ReadOptions::default())
    }

    /// Opens a file of vectors: GloVe text, word2vec text or binary, plain, gzipped or in a zip archive; or a table file,
    /// which is mapped and used where it lies: opening it costs the same however large it is.
    ///
    /// # Errors
    /// A file that cannot be read, is damaged, or is not word vectors: the error says where and what to do.
    pub fn open_with(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Vectors> {
        let (contents, source) = files::read(path.as_ref(), options)?;
        Vectors::from_contents(contents, source)
    }

    /// As [`Vectors::open_with`], of a file whose bytes are in memory; `name` stands for it in messages.
    ///
    /// # Errors
    /// As [`Vectors::open_with`]. A NumPy array, unless [`ReadOptions::word_list`] names its words.
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
            compression: Compression::None,
            bytes: DEMO.len() as u64,
        };
        Ok(Vectors::from_rows(rows, None, source)?)
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
        let (mut vocabulary, repeated) = Vocabulary::index(words);
        if !repeated.is_empty() {
            // Rare: close the gaps, and index again what is left.
            let gone = repeated.iter().map(|&row| row as usize);
            let kept = files::remove_rows(vocabulary.words(), &mut values, dimension, gone);
            (vocabulary, _) = Vocabulary::index(kept);
            warnings.push(format!(
                "{} dropped: an earlier row has the same word",
                count(repeated.len(), "row was", "rows were")
            ));
        }
        let non_utf8 = count_non_utf8(&vocabulary);
        if non_utf8 > 0 {
            warnings.push(format!(
                "{} not UTF-8, shown with a mark in place of such bytes",
                count(non_utf8, "word is", "words are")
            ));
        }
        let norms: Vec<f32> = values.par_chunks_exact(dimension).map(norm).collect();
        let load_report = LoadReport { duplicates: repeated.len(), skipped, warnings };
        let (norms, codes) = (norms.into(), LazyCodes::default());
        Ok(Vectors { vocabulary, values, norms, dimension, subwords, source, load_report, codes, table: None })
    }

    fn from_table(table: Table, source: Source) -> Vectors {
        let bytes = Arc::clone(table.bytes());
        let codes = table.codes.and_then(|(codes, scales)| Codes::stored(codes, scales, table.dimension));
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
    pub fn load_report(&self) -> &LoadReport {
        &self.load_report
    }

    /// Bytes held in memory of its own. What lies in a mapped table file is not counted: its pages are the system's, shared
    /// with all who have the file open.
    pub fn memory(&self) -> usize {
        self.vocabulary.memory() + self.values.memory() + self.norms.memory() + self.codes.memory()
    }

    /// Checks a mapped table file before work that relies on all of it: that it is as long as it was when it was opened,
    /// and that words and index point inside. Takes time in proportion to the rows, and none for vectors in memory.
    ///
    /// # Errors
    /// A file that was shortened, or is damaged.
    pub fn check(&self) -> Result<()> {
        self.check_length()?;
        self.vocabulary.check().map_err(|e| self.in_source(e))
    }

    /// Reads all of a table file: its checksum, its words and their index. Vectors in memory were read when they were
    /// opened, and pass.
    ///
    /// # Errors
    /// The first thing that is not as it was written.
    pub fn verify(&self) -> Result<()> {
        let Some((bytes, _)) = &self.table else { return Ok(()) };
        self.check_length()?;
        Table::open(bytes).and_then(|table| table.verify()).map_err(|e| self.in_source(e))
    }

    /// What the table file says about itself that the vectors lie in, if they do.
    pub fn table_info(&self) -> Option<&TableInfo> {
        self.table.as_ref().map(|(_, info)| info)
    }

    /// Says how rows are to be searched.
    pub fn set_scan(&mut self, scan: Scan) {
        self.codes.set_scan(scan);
    }

    /// The codes of the rows, where so many scans should use them; made now if enough scans have come to pay for it.
    pub(crate) fn codes(&self, scans: usize) -> Option<&Codes> {
        self.codes.get(|| Codes::of(&self.values, &self.norms, self.dimension), self.len(), scans)
    }

    /// Bytes that a search of all rows reads, but for the rows that their codes do not rule out.
    pub(crate) fn searched_bytes(&self) -> usize {
        let of_rows = || size_of_val(self.values()) + size_of_val(self.norms());
        self.codes(0).map(Codes::parts).map_or_else(of_rows, |(codes, scales)| codes.len() + size_of_val(scales))
    }

    /// Checks that a mapped table file is as long as it was when it was opened.
    pub(crate) fn check_length(&self) -> Result<()> {
        self.table.as_ref().map_or(Ok(()), |(bytes, _)| bytes.check_length(&self.source.path))
    }

    fn in_source(&self, error: Malformed) -> Error {
        error.in_file(self.source.path.to_string_lossy()).into()
    }

    /// The row of a word, looked up exactly. In a damaged table file a word may be missed: [`Vectors::find`] says so.
    pub fn row_of(&self, word: impl AsRef<[u8]>) -> Option<u32> {
        self.vocabulary.row(word)
    }

    /// The row of a word, looked up as `case` says; `None` for a word that is not there.
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

    /// The rows of many words, looked up exactly; `None` for a word that is not there.
    ///
    /// # Errors
    /// A damaged table file, whose index points outside the table.
    pub fn find_all(&self, words: &[&[u8]]) -> Result<Vec<Option<u32>>> {
        self.vocabulary.find_all(words, |_| ()).map_err(|e| self.in_source(e))
    }

    /// Copies the vectors of many words, looked up exactly, into `values`: `[words, dimension]`. Whether all of them have one; if not, `values` is
    /// only partly written.
    ///
    /// # Errors
    /// As [`Vectors::find_all`], and `values` of another size.
    pub fn copy_all(&self, words: &[&[u8]], values: &mut [f32]) -> Result<bool> {
        if values.len() != words.len() * self.dimension {
            let expected = format!("room for {} vectors of {} numbers", words.len(), self.dimension);
            return Err(Error::invalid("values", expected, format!("room for {} numbers", values.len())));
        }
        // Reading a number of each cache line has the memory fetch the row while words are compared.
        let mut read = 0;
        let soon = |row| {
            for value in self.row(row).unwrap_or_default().iter().step_by(16) {
                read ^= value.to_bits();
            }
        };
        let rows = self.vocabulary.find_all(words, soon).map_err(|e| self.in_source(e))?;
        black_box(read);
        for (target, row) in values.chunks_exact_mut(self.dimension).zip(rows) {
            match row.and_then(|row| self.row(row)) {
                Some(numbers) => target.copy_from_slice(numbers),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The vector of a word, looked up exactly: `[dimension]`, as the file has it.
    pub fn get(&self, word: impl AsRef<[u8]>) -> Option<&[f32]> {
        self.row(self.row_of(word)?)
    }

    /// The vector of a word, looked up exactly: its row, or else what its character n-grams make of it, where the file has
    /// them (fastText's models). `[dimension]`; `None` for a word that has neither.
    pub fn vector(&self, word: impl AsRef<[u8]>) -> Option<Cow<'_, [f32]>> {
        let word = word.as_ref();
        let made = || {
            let vector = self.subwords.as_ref()?.vector(word)?;
            // The rows of n-grams were not looked through when the file was opened.
            vector.iter().all(|value| value.is_finite()).then_some(Cow::Owned(vector))
        };
        self.get(word).map(Cow::Borrowed).or_else(made)
    }

    /// The vectors of character n-grams, where the file has them.
    pub fn subwords(&self) -> Option<&Subwords> {
        self.subwords.as_ref()
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

    /// The mean norm of the rows whose components are finite.
    pub fn mean_norm(&self) -> f64 {
        let finite = self.norms.iter().filter(|norm| norm.is_finite());
        let (sum, rows) = finite.fold((0.0, 0usize), |(sum, rows), &norm| (sum + f64::from(norm), rows + 1));
        sum / rows.max(1) as f64
    }

    /// Mean and standard deviation over all components of all rows whose components are finite.
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
