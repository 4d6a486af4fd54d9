//! Table files, Vocable's own format: a safetensors file with the tensors of a word table, mapped and used in place.
//!
//! Opening a file reads the header and compares every size with the length of the file. Nothing is built and no row is read, so
//! opening takes the same time for ten rows and for ten million. Nothing in the file is trusted: an offset or an index entry
//! that points outside is an error about the word it belongs to. `docs/reference/formats.md` describes the layout.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::Hasher;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensorError};
use serde_json::json;
use twox_hash::XxHash3_64;

use super::buffer::Buffer;
use super::bytes::Bytes;
use super::format::ElementType;
use super::index::StoredIndex;
use super::subwords::{SubwordLayout, Subwords};
use super::tensors::{DAMAGED, Tensors};
use super::view::TableView;
use super::words::Words;
use super::write::write_atomic;
use crate::error::{Error, Malformed, Place, Result};

/// The version of table files that this library writes, and the highest that it reads.
const VERSION: u32 = 1;

/// The metadata of a table file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Name of the file that the table was made from.
    pub source: String,
    /// Format of that file.
    pub source_format: String,
    /// Number type of the stored vectors.
    pub dtype: ElementType,
    /// XXH3 (64 bits, seed 0) of everything after the header.
    pub checksum: u64,
}

/// An open table file.
pub struct Table {
    /// The words.
    pub words: Words,
    /// From word to row.
    pub index: StoredIndex,
    /// The vectors, `[rows, dimension]`.
    pub values: Buffer<f32>,
    /// Euclidean norms of the vectors, `[rows]`.
    pub norms: Buffer<f32>,
    /// Numbers per row.
    pub dimension: usize,
    /// The vectors of character n-grams, if the file has them.
    pub subwords: Option<Subwords>,
    /// The vectors as 8-bit codes, `[blocks, groups, 16, 4]`, and one scale per row, if the file has them.
    pub codes: Option<CodesAndScales>,
    /// The metadata.
    pub info: TableInfo,
    bytes: Arc<Bytes>,
    /// Where the header ends and the tensors begin.
    data: usize,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("rows", &self.words.len())
            .field("dimension", &self.dimension)
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Table {
    /// Opens the table file with these bytes.
    ///
    /// # Errors
    /// Bytes that are not a table file, or sizes that do not fit together.
    pub fn open(bytes: &Arc<Bytes>) -> Result<Table, Malformed> {
        check_byte_order()?;
        let file = TableFile { tensors: Tensors::open(bytes).map_err(|e| incomplete(e, bytes.len()))?, bytes };
        let info = info_of(&file.tensors)?;
        let rows = file.rows()?;
        let dtype = match info.dtype {
            ElementType::F32 => Dtype::F32,
            ElementType::F16 => Dtype::F16,
        };
        let dimension = match *file.shape("vectors", dtype)? {
            [r, dimension] if r == rows && dimension > 0 => dimension,
            ref other => return Err(wrong_shape("vectors", &format!("[{rows}, dimension]"), other)),
        };
        let values = match info.dtype {
            ElementType::F32 => file.buffer("vectors", dtype)?,
            ElementType::F16 => widen(file.buffer::<u16>("vectors", dtype)?.reinterpret_cast(), dimension).into(),
        };
        file.expect_shape("norms", Dtype::F32, &[rows])?;
        Ok(Table {
            words: file.words()?,
            index: file.index(rows)?,
            values,
            norms: file.buffer("norms", Dtype::F32)?,
            dimension,
            subwords: file.subwords(dimension)?,
            codes: file.codes(rows, dimension)?,
            info,
            bytes: Arc::clone(bytes),
            data: file.tensors.data(),
        })
    }

    /// Reads the whole file: compares its checksum, and looks up every word.
    ///
    /// # Errors
    /// The first difference found.
    pub fn verify(&self) -> Result<(), Malformed> {
        let found = XxHash3_64::oneshot(self.bytes.get(self.data..).unwrap_or_default());
        if found != self.info.checksum {
            let expected = format!("the checksum {:016x} of the file's metadata", self.info.checksum);
            return Err(Malformed::at(Place::File, expected, format!("{found:016x}")).advise(DAMAGED));
        }
        self.words.check().map_err(|e| e.advise(DAMAGED))?;
        for (row, word) in (0u32..).zip(self.words.iter()) {
            let found = self.index.row(&self.words, word)?;
            if found != Some(row) {
                let word = String::from_utf8_lossy(word);
                return Err(Malformed::at(
                    Place::File,
                    format!("row {row} for the word `{word}` in the index"),
                    found.map_or("none".to_owned(), |found| format!("row {found}")),
                )
                .advise(DAMAGED));
            }
        }
        Ok(())
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> &Arc<Bytes> {
        &self.bytes
    }
}

/// A table file that is being opened.
struct TableFile<'a> {
    tensors: Tensors<'a>,
    bytes: &'a Arc<Bytes>,
}

impl TableFile<'_> {
    fn shape(&self, name: &str, dtype: Dtype) -> Result<&[usize], Malformed> {
        self.tensors.range(name, dtype).map(|(_, shape)| shape).map_err(|e| e.advise(DAMAGED))
    }

    fn expect_shape(&self, name: &str, dtype: Dtype, expected: &[usize]) -> Result<(), Malformed> {
        let shape = self.shape(name, dtype)?;
        if shape == expected { Ok(()) } else { Err(wrong_shape(name, &format!("{expected:?}"), shape)) }
    }

    /// The numbers of a tensor, read in place where they are aligned.
    fn buffer<T: bytemuck::Pod>(&self, name: &str, dtype: Dtype) -> Result<Buffer<T>, Malformed> {
        let (range, _) = self.tensors.range(name, dtype).map_err(|e| e.advise(DAMAGED))?;
        let place = Place::Byte(range.start as u64);
        Buffer::in_file(self.bytes, range).ok_or_else(|| {
            Malformed::at(place, format!("the numbers of `{name}`"), "the end of the file").advise(DAMAGED)
        })
    }

    /// The number of rows.
    fn rows(&self) -> Result<usize, Malformed> {
        match *self.shape("words.offsets", Dtype::U64)? {
            // The index stores row ids plus one in 32 bits.
            [ends] if ends > 1 && ends <= u32::MAX as usize => Ok(ends - 1),
            ref other => Err(wrong_shape("words.offsets", "[rows + 1]", other)),
        }
    }

    fn words(&self) -> Result<Words, Malformed> {
        match self.shape("words.bytes", Dtype::U8)? {
            [_] => {
                let offsets = self.buffer("words.offsets", Dtype::U64)?;
                Ok(Words::in_file(self.buffer("words.bytes", Dtype::U8)?, offsets))
            }
            other => Err(wrong_shape("words.bytes", "[bytes]", other)),
        }
    }

    fn index(&self, rows: usize) -> Result<StoredIndex, Malformed> {
        let shape = self.shape("words.index", Dtype::U32)?;
        let index = match shape {
            [_, 2] => StoredIndex::in_file(self.buffer("words.index", Dtype::U32)?, rows),
            _ => None,
        };
        let expected = || format!("[slots, 2] with slots a power of two above {rows}");
        index.ok_or_else(|| wrong_shape("words.index", &expected(), shape))
    }

    fn subwords(&self, dimension: usize) -> Result<Option<Subwords>, Malformed> {
        let Some((min, max)) = ngram_lengths(&self.tensors)? else { return Ok(None) };
        let (range, shape) = self.tensors.range("subwords.vectors", Dtype::F32).map_err(|e| e.advise(DAMAGED))?;
        let buckets = match *shape {
            [buckets, d] if d == dimension => u32::try_from(buckets).ok(),
            _ => None,
        };
        let expected = || format!("[buckets, {dimension}]");
        let buckets = buckets.ok_or_else(|| wrong_shape("subwords.vectors", &expected(), shape))?;
        let layout = SubwordLayout { start: range.start, buckets, dimension, min, max };
        Subwords::new(Arc::clone(self.bytes), layout).map(Some)
    }

    fn codes(&self, rows: usize, dimension: usize) -> Result<Option<CodesAndScales>, Malformed> {
        if self.tensors.info("codes").is_none() {
            return Ok(None);
        }
        self.expect_shape("codes", Dtype::U8, &codes_shape(rows, dimension))?;
        self.expect_shape("codes.scale", Dtype::F32, &[rows])?;
        Ok(Some((self.buffer("codes", Dtype::U8)?, self.buffer("codes.scale", Dtype::F32)?)))
    }
}

/// The codes of all rows, and the scale of each row.
type CodesAndScales = (Buffer<u8>, Buffer<f32>);

/// A tensor to be written: name, type, shape and bytes.
type Tensor<'a> = (&'static str, &'static str, Vec<usize>, &'a [u8]);

/// Writes a table file and renames it into place. The same contents always give the same bytes.
///
/// # Errors
/// I/O errors; with [`ElementType::F16`] a number that is too large for 16 bits.
pub(super) fn write(path: &Path, table: &TableView, stored: ElementType) -> Result<()> {
    check_byte_order()?;
    let TableView { words, values, norms, dimension, .. } = *table;
    let rows = words.len();
    let index = StoredIndex::build(words);
    let (text, offsets) = words.parts();
    let halves;
    let half_norms: Vec<f32>;
    let (dtype, norms, vectors): (_, &[f32], &[u8]) = match stored {
        ElementType::F32 => ("F32", norms, bytemuck::cast_slice(values)),
        ElementType::F16 => {
            halves = narrow(values, dimension, words)?;
            half_norms = widen(&halves, dimension).par_chunks_exact(dimension).map(norm).collect();
            ("F16", &half_norms, bytemuck::cast_slice(halves.reinterpret_cast()))
        }
    };
    // Widest first, so that each tensor is aligned for its type.
    let mut tensors: Vec<Tensor> = vec![
        ("words.offsets", "U64", vec![rows + 1], bytemuck::cast_slice(offsets)),
        ("norms", "F32", vec![rows], bytemuck::cast_slice(norms)),
        ("words.index", "U32", vec![index.len(), 2], bytemuck::cast_slice(&index)),
        ("vectors", dtype, vec![rows, dimension], vectors),
        ("words.bytes", "U8", vec![text.len()], text),
    ];
    if let Some(subwords) = table.subwords {
        let shape = vec![subwords.layout().buckets as usize, dimension];
        tensors.insert(2, ("subwords.vectors", "F32", shape, subwords.rows()));
    }
    if let Some((codes, scales)) = table.codes {
        let shape = codes_shape(rows, dimension).to_vec();
        tensors.insert(2, ("codes.scale", "F32", vec![rows], bytemuck::cast_slice(scales)));
        tensors.push(("codes", "U8", shape, codes));
    }
    let header = header_of(table, &tensors)?;
    write_atomic(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        tensors.iter().try_for_each(|(.., bytes)| file.write_all(bytes))
    })
}

/// The header of a table file, padded so that the tensors are aligned.
///
/// The safetensors crate would write the metadata in an order that changes from run to run.
fn header_of(table: &TableView, tensors: &[Tensor]) -> Result<Vec<u8>> {
    let mut checksum = XxHash3_64::new();
    tensors.iter().for_each(|(.., bytes)| checksum.write(bytes));
    let mut about = json!({
        "vocable.version": VERSION.to_string(),
        "vocable.source": table.source,
        "vocable.source_format": table.source_format.name(),
        "vocable.checksum": format!("xxh3:{:016x}", checksum.finish()),
    });
    if let Some(layout) = table.subwords.map(Subwords::layout) {
        about["vocable.ngrams"] = json!(format!("{} {}", layout.min, layout.max));
    }
    let mut header = BTreeMap::from([("__metadata__", about)]);
    let mut end = 0;
    for (name, dtype, shape, bytes) in tensors {
        let start = end;
        end += bytes.len();
        header.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }));
    }
    let mut header = serde_json::to_vec(&header).map_err(|e| Error::invalid("table", "a header", e.to_string()))?;
    header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
    Ok(header)
}

/// Blocks of sixteen rows, in groups of four components.
fn codes_shape(rows: usize, dimension: usize) -> [usize; 4] {
    [rows.div_ceil(16), dimension.div_ceil(4), 16, 4]
}

/// Euclidean norm, summed in f64 so that tiny and huge components do not underflow or overflow.
pub(crate) fn norm(row: &[f32]) -> f32 {
    // Eight sums, which the compiler keeps in vector registers.
    let (eights, rest) = row.as_chunks::<8>();
    let mut sums = [0.0f64; 8];
    for eight in eights {
        for (sum, &value) in sums.iter_mut().zip(eight) {
            *sum += f64::from(value).powi(2);
        }
    }
    let rest: f64 = rest.iter().map(|&value| f64::from(value).powi(2)).sum();
    (sums.iter().sum::<f64>() + rest).sqrt() as f32
}

/// Rounds to 16-bit floats, to the nearest, ties to even.
fn narrow(values: &[f32], dimension: usize, words: &Words) -> Result<Vec<f16>> {
    let mut halves = vec![f16::ZERO; values.len()];
    let rows = halves.par_chunks_exact_mut(dimension).zip(values.par_chunks_exact(dimension)).enumerate();
    let lost = rows.filter_map(|(row, (halves, values))| {
        halves.convert_from_f32_slice(values);
        let lost = halves.iter().zip(values).find(|(half, value)| !half.is_finite() && value.is_finite());
        lost.map(|(_, value)| (row, *value))
    });
    match lost.min_by_key(|(row, _)| *row) {
        None => Ok(halves),
        Some((row, value)) => {
            let word = String::from_utf8_lossy(words.get(row).unwrap_or_default());
            let found = format!("{value} in the row of `{word}`");
            Err(Error::invalid("dtype f16", format!("numbers of magnitude at most {}", f16::MAX), found))
        }
    }
}

fn widen(halves: &[f16], dimension: usize) -> Vec<f32> {
    let mut values = vec![0.0; halves.len()];
    let rows = values.par_chunks_mut(dimension).zip(halves.par_chunks(dimension));
    rows.for_each(|(values, halves)| halves.convert_to_f32_slice(values));
    values
}

fn info_of(tensors: &Tensors) -> Result<TableInfo, Malformed> {
    let text = |key: &str| tensors.entry(key).unwrap_or_default();
    let version = tensors.entry("vocable.version").ok_or_else(|| {
        let mut names = tensors.names();
        names.sort_unstable();
        names.truncate(5);
        Malformed::at(
            Place::File,
            "a table of word vectors written by `vocable convert`",
            format!("a safetensors file with other tensors ({})", names.join(", ")),
        )
        .advise("for a model's embedding, save its matrix as .npy with a list of its words")
    })?;
    if !version.parse::<u32>().is_ok_and(|known| known <= VERSION) {
        let expected = format!("a table file of version {VERSION} or lower");
        return Err(Malformed::at(Place::File, expected, format!("version {version}"))
            .advise("use a newer version of vocable, or make the file again"));
    }
    let checksum = text("vocable.checksum");
    let Some(sum) = checksum.strip_prefix("xxh3:").and_then(|hex| u64::from_str_radix(hex, 16).ok()) else {
        let expected = "a checksum `xxh3:` and 16 hexadecimal digits in the metadata";
        return Err(Malformed::at(Place::File, expected, format!("`{checksum}`")).advise(DAMAGED));
    };
    let half = tensors.info("vectors").is_some_and(|info| info.dtype == Dtype::F16);
    Ok(TableInfo {
        source: text("vocable.source").to_owned(),
        source_format: text("vocable.source_format").to_owned(),
        dtype: if half { ElementType::F16 } else { ElementType::F32 },
        checksum: sum,
    })
}

/// The minimum and the maximum length of the n-grams whose vectors the file has, if it has any.
fn ngram_lengths(tensors: &Tensors) -> Result<Option<(u32, u32)>, Malformed> {
    let Some(text) = tensors.entry("vocable.ngrams") else { return Ok(None) };
    let lengths = text.split_once(' ').and_then(|(min, max)| Some((min.parse().ok()?, max.parse().ok()?)));
    lengths.map(Some).ok_or_else(|| {
        let expected = "two lengths of n-grams, `min max`, in the metadata";
        Malformed::at(Place::File, expected, format!("`{text}`")).advise(DAMAGED)
    })
}

fn wrong_shape(name: &str, expected: &str, found: &[usize]) -> Malformed {
    Malformed::at(Place::File, format!("`{name}` of shape {expected}"), format!("{found:?}")).advise(DAMAGED)
}

fn incomplete(error: SafeTensorError, length: usize) -> Malformed {
    let cut = matches!(
        error,
        SafeTensorError::MetadataIncompleteBuffer
            | SafeTensorError::InvalidHeaderLength
            | SafeTensorError::HeaderTooSmall
    );
    let found = match cut {
        true => format!("{length} bytes, which does not match its header ({error})"),
        false => error.to_string(),
    };
    let advice = if cut { "the file may be truncated; copy or create it again" } else { DAMAGED };
    Malformed::at(Place::File, "a complete safetensors file", found).advise(advice)
}

/// Table files are little-endian, and their numbers are used in place.
fn check_byte_order() -> Result<(), Malformed> {
    if cfg!(target_endian = "little") {
        return Ok(());
    }
    Err(Malformed::message(Place::File, "table files can only be used on little-endian machines"))
}
