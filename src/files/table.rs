//! Our own file: a safetensors file whose tensors are a word table, mapped and used where it lies.
//!
//! Opening reads the header and compares every size with the file's length; nothing is built and no row is touched, so
//! ten rows and ten million open alike. Nothing in the file is trusted: what points outside is an error at the word it
//! concerns. `docs/reference/formats.md` has the layout.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors};
use serde_json::json;
use twox_hash::XxHash3_64;

use super::index::StoredIndex;
use super::view::TableView;
use super::{Buffer, Bytes, ElementType, SubwordLayout, Subwords, Words, write_atomic};
use crate::error::{Error, Malformed, Place, Result};

/// The version of the table file that this library writes, and the highest it reads.
const VERSION: u32 = 1;

/// What to do about a table file that is not as it was written.
pub(crate) const DAMAGED: &str = "the file is damaged: make it again with `vocable convert`";

/// What a table file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Name of the file that it was made from.
    pub source: String,
    /// Format of that file.
    pub source_format: String,
    /// How the vectors are stored.
    pub dtype: ElementType,
    /// XXH3 (64 bits, seed 0) of everything behind the header.
    pub checksum: u64,
}

/// An open table file.
#[derive(Debug)]
pub struct Table {
    /// The words.
    pub words: Words,
    /// From word to row.
    pub index: StoredIndex,
    /// `[rows, dimension]`.
    pub values: Buffer<f32>,
    /// `[rows]`, Euclidean.
    pub norms: Buffer<f32>,
    /// Numbers a row.
    pub dimension: usize,
    /// The vectors of character n-grams, where the file has them.
    pub subwords: Option<Subwords>,
    /// The rows as 8-bit codes, `[blocks, groups, 16, 4]`, and a scale a row, where the file has them.
    pub codes: Option<(Buffer<u8>, Buffer<f32>)>,
    /// What the file says about itself.
    pub info: TableInfo,
    bytes: Arc<Bytes>,
    /// Where the header ends and the tensors begin.
    data: usize,
}

impl Table {
    /// Opens the table that lies in `bytes`.
    ///
    /// # Errors
    /// Bytes that are not a table file, or whose sizes do not fit together.
    pub fn open(bytes: &Arc<Bytes>) -> Result<Table, Malformed> {
        little_endian()?;
        let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| not_whole(e, bytes.len()))?;
        let data = header + size_of::<u64>();
        let tensors = Tensors { metadata: &metadata, data, bytes };
        let info = info_of(&metadata)?;

        let (offsets, shape) = tensors.find("words.offsets", Dtype::U64)?;
        let rows = match shape[..] {
            // Row ids are kept plus one in 32 bits.
            [ends] if ends > 1 && ends <= u32::MAX as usize => ends - 1,
            _ => return Err(wrong_shape("words.offsets", "[rows + 1]", shape)),
        };
        let dtype = match info.dtype {
            ElementType::F32 => Dtype::F32,
            ElementType::F16 => Dtype::F16,
        };
        let (vectors, shape) = tensors.find("vectors", dtype)?;
        let dimension = match shape[..] {
            [r, dimension] if r == rows && dimension > 0 => dimension,
            _ => return Err(wrong_shape("vectors", &format!("[{rows}, dimension]"), shape)),
        };
        let (norms, shape) = tensors.find("norms", Dtype::F32)?;
        if shape != [rows] {
            return Err(wrong_shape("norms", &format!("[{rows}]"), shape));
        }
        let (slots, index_shape) = tensors.find("words.index", Dtype::U32)?;
        let index = match index_shape[..] {
            [_, 2] => StoredIndex::in_file(tensors.buffer(slots)?, rows),
            _ => None,
        };
        let index = index.ok_or_else(|| {
            wrong_shape("words.index", &format!("[slots, 2], slots a power of two above {rows}"), index_shape)
        })?;
        let (text, shape) = tensors.find("words.bytes", Dtype::U8)?;
        if shape.len() != 1 {
            return Err(wrong_shape("words.bytes", "[bytes]", shape));
        }
        let values = match info.dtype {
            ElementType::F32 => tensors.buffer(vectors)?,
            ElementType::F16 => widen(&tensors.buffer::<f16>(vectors)?, dimension).into(),
        };
        let words = Words::in_file(tensors.buffer(text)?, tensors.buffer(offsets)?);
        let norms = tensors.buffer(norms)?;
        let subwords = match ngrams_of(&metadata)? {
            None => None,
            Some((min, max)) => {
                let (range, shape) = tensors.find("subwords.vectors", Dtype::F32)?;
                let buckets = match shape[..] {
                    [buckets, d] if d == dimension => u32::try_from(buckets).ok(),
                    _ => None,
                };
                let expected = format!("[buckets, {dimension}]");
                let buckets = buckets.ok_or_else(|| wrong_shape("subwords.vectors", &expected, shape))?;
                let layout = SubwordLayout { start: range.start, buckets, dimension, min, max };
                Some(Subwords::new(Arc::clone(bytes), layout)?)
            }
        };
        let codes = match metadata.info("codes") {
            None => None,
            Some(_) => {
                let (codes, shape) = tensors.find("codes", Dtype::U8)?;
                let (scales, scales_shape) = tensors.find("codes.scale", Dtype::F32)?;
                let expected = codes_shape(rows, dimension);
                if shape != expected {
                    return Err(wrong_shape("codes", &format!("{expected:?}"), shape));
                }
                if scales_shape != [rows] {
                    return Err(wrong_shape("codes.scale", &format!("[{rows}]"), scales_shape));
                }
                Some((tensors.buffer(codes)?, tensors.buffer(scales)?))
            }
        };
        let bytes = Arc::clone(bytes);
        Ok(Table { words, index, values, norms, dimension, subwords, codes, info, bytes, data })
    }

    /// Reads all of the file: compares its checksum, and looks every word up.
    ///
    /// # Errors
    /// The first thing that is not as it was written.
    pub fn verify(&self) -> Result<(), Malformed> {
        let found = XxHash3_64::oneshot(self.bytes.get(self.data..).unwrap_or_default());
        if found != self.info.checksum {
            let expected = format!("the checksum {:016x} that the file states", self.info.checksum);
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

    /// The file that the table lies in.
    pub(crate) fn bytes(&self) -> &Arc<Bytes> {
        &self.bytes
    }
}

/// Writes a table file, beside `path` first and then renamed. The same contents give the same bytes.
///
/// # Errors
/// The system's refusals; with [`ElementType::F16`] a number that halves cannot hold.
pub(super) fn write(path: &Path, table: &TableView, precision: ElementType) -> Result<()> {
    little_endian()?;
    let TableView { words, values, norms, dimension, .. } = *table;
    let rows = words.len();
    let index = StoredIndex::build(words);
    let (text, offsets) = words.parts();
    let halves;
    let half_norms: Vec<f32>;
    let (dtype, norms, vectors): (_, &[f32], &[u8]) = match precision {
        ElementType::F32 => ("F32", norms, bytemuck::cast_slice(values)),
        ElementType::F16 => {
            halves = narrow(values, dimension, words)?;
            half_norms = widen(&halves, dimension).par_chunks_exact(dimension).map(norm).collect();
            ("F16", &half_norms, bytemuck::cast_slice(&halves))
        }
    };
    // Widest first, so that each tensor is aligned for its type.
    let mut tensors: Vec<(&str, &str, Vec<usize>, &[u8])> = vec![
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

    let mut checksum = XxHash3_64::new();
    tensors.iter().for_each(|(.., bytes)| checksum.write(bytes));
    // The safetensors crate would write the metadata in an order that changes from run to run.
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
    for (name, dtype, shape, bytes) in &tensors {
        let start = end;
        end += bytes.len();
        header.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] }));
    }
    let mut header = serde_json::to_vec(&header).map_err(|e| Error::invalid("table", "a header", e.to_string()))?;
    header.resize(header.len().next_multiple_of(size_of::<u64>()), b' ');
    write_atomic(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        tensors.iter().try_for_each(|(.., bytes)| file.write_all(bytes))
    })
}

/// Blocks of sixteen rows, in groups of four components.
fn codes_shape(rows: usize, dimension: usize) -> [usize; 4] {
    [rows.div_ceil(16), dimension.div_ceil(4), 16, 4]
}

/// Euclidean norm, summed in f64 so that tiny and huge components keep theirs.
pub(crate) fn norm(row: &[f32]) -> f32 {
    // In eight sums that a compiler keeps in vector registers.
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

/// Rounds to halves, nearest, ties to even.
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
            Err(Error::invalid("dtype f16", format!("numbers of at most {} in size", f16::MAX), found))
        }
    }
}

fn widen(halves: &[f16], dimension: usize) -> Vec<f32> {
    let mut values = vec![0.0; halves.len()];
    let rows = values.par_chunks_mut(dimension).zip(halves.par_chunks(dimension));
    rows.for_each(|(values, halves)| halves.convert_to_f32_slice(values));
    values
}

/// The tensors of a file, to be found by name.
struct Tensors<'a> {
    metadata: &'a Metadata,
    data: usize,
    bytes: &'a Arc<Bytes>,
}

impl<'a> Tensors<'a> {
    /// Where a tensor lies in the file, and its shape.
    fn find(&self, name: &str, dtype: Dtype) -> Result<(Range<usize>, &'a [usize]), Malformed> {
        let Some(info) = self.metadata.info(name) else {
            return Err(Malformed::at(Place::File, format!("a tensor `{name}`"), "none").advise(DAMAGED));
        };
        if info.dtype != dtype {
            let expected = format!("`{name}` in {dtype:?}");
            return Err(Malformed::at(Place::File, expected, format!("{:?}", info.dtype)).advise(DAMAGED));
        }
        // Sizes were compared with the file's length when the header was read.
        let (start, end) = info.data_offsets;
        Ok((self.data + start..self.data + end, &info.shape))
    }

    fn buffer<T: bytemuck::Pod>(&self, range: Range<usize>) -> Result<Buffer<T>, Malformed> {
        let found = || Malformed::at(Place::Byte(range.start as u64), "a tensor's numbers", "the end of the file");
        Buffer::in_file(self.bytes, range.clone()).ok_or_else(|| found().advise(DAMAGED))
    }
}

fn info_of(metadata: &Metadata) -> Result<TableInfo, Malformed> {
    let none = || {
        let mut names: Vec<String> = metadata.tensors().into_keys().collect();
        names.sort_unstable();
        names.truncate(5);
        Malformed::at(
            Place::File,
            "a table of word vectors written by `vocable convert`",
            format!("a safetensors file of other tensors ({})", names.join(", ")),
        )
        .advise("for a model's embedding, save its matrix as .npy with a list of its words")
    };
    let about = metadata.metadata().as_ref().ok_or_else(none)?;
    let text = |key: &str| about.get(key).cloned().unwrap_or_default();
    let version = about.get("vocable.version").ok_or_else(none)?;
    match version.parse::<u32>() {
        Ok(known) if known <= VERSION => {}
        _ => {
            let expected = format!("a table file of version {VERSION} or lower");
            return Err(Malformed::at(Place::File, expected, format!("version {version}"))
                .advise("use a newer vocable, or make the file again"));
        }
    }
    let checksum = text("vocable.checksum");
    let Some(sum) = checksum.strip_prefix("xxh3:").and_then(|hex| u64::from_str_radix(hex, 16).ok()) else {
        let expected = "a checksum `xxh3:` and 16 hexadecimal digits in the metadata";
        return Err(Malformed::at(Place::File, expected, format!("`{checksum}`")).advise(DAMAGED));
    };
    let half = metadata.info("vectors").is_some_and(|info| info.dtype == Dtype::F16);
    Ok(TableInfo {
        source: text("vocable.source"),
        source_format: text("vocable.source_format"),
        dtype: if half { ElementType::F16 } else { ElementType::F32 },
        checksum: sum,
    })
}

/// The least and the greatest length of the n-grams that the file has vectors of, if it has.
fn ngrams_of(metadata: &Metadata) -> Result<Option<(u32, u32)>, Malformed> {
    let Some(text) = metadata.metadata().as_ref().and_then(|about| about.get("vocable.ngrams")) else {
        return Ok(None);
    };
    let lengths = text.split_once(' ').and_then(|(min, max)| Some((min.parse().ok()?, max.parse().ok()?)));
    lengths.map(Some).ok_or_else(|| {
        let expected = "two lengths of n-grams, `min max`, in the metadata";
        Malformed::at(Place::File, expected, format!("`{text}`")).advise(DAMAGED)
    })
}

fn wrong_shape(name: &str, expected: &str, found: &[usize]) -> Malformed {
    Malformed::at(Place::File, format!("`{name}` of shape {expected}"), format!("{found:?}")).advise(DAMAGED)
}

fn not_whole(error: SafeTensorError, length: usize) -> Malformed {
    let cut = matches!(
        error,
        SafeTensorError::MetadataIncompleteBuffer
            | SafeTensorError::InvalidHeaderLength
            | SafeTensorError::HeaderTooSmall
    );
    let found = match cut {
        true => format!("{length} bytes, not what its header says ({error})"),
        false => error.to_string(),
    };
    let advice = if cut { "the file may be cut short: copy or make it again" } else { DAMAGED };
    Malformed::at(Place::File, "a whole safetensors file", found).advise(advice)
}

/// The file's numbers are little-endian and are used where they lie.
fn little_endian() -> Result<(), Malformed> {
    if cfg!(target_endian = "little") {
        return Ok(());
    }
    Err(Malformed::at(Place::File, "a little-endian machine, as table files need", "a big-endian one"))
}
