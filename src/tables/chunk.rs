//! Some rows of a table.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;

/// Maximum number of rows in a chunk.
pub(super) const MAX_ROWS: usize = 8192;

/// Approximate maximum size of a chunk in bytes; a chunk of longer texts has fewer rows.
pub(super) const MAX_BYTES: usize = 8 << 20;

/// Some rows of a table.
#[derive(Debug)]
pub struct Chunk {
    pub(super) texts: ArrayRef,
    pub(super) data: ChunkData,
    /// Number of rows with invalid UTF-8 that was replaced while reading.
    pub(super) replaced: usize,
}

/// All columns of a chunk.
#[derive(Debug)]
pub(super) enum ChunkData {
    Batch(RecordBatch),
    /// JSON objects, as they are in the file.
    Objects(Vec<String>),
}

impl Chunk {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether the chunk has no rows.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The text of each row (`None` for null), and the number of rows in which invalid UTF-8 was replaced by U+FFFD.
    pub fn texts(&self) -> (Vec<Option<Cow<'_, str>>>, usize) {
        let texts = &self.texts;
        fn borrowed(text: Option<&str>) -> Option<Cow<'_, str>> {
            text.map(Cow::Borrowed)
        }
        fn lossy(bytes: Option<&[u8]>) -> Option<Cow<'_, str>> {
            bytes.map(String::from_utf8_lossy)
        }
        let texts: Vec<Option<Cow<str>>> = match texts.data_type() {
            DataType::Utf8 => return (texts.as_string::<i32>().iter().map(borrowed).collect(), self.replaced),
            DataType::LargeUtf8 => return (texts.as_string::<i64>().iter().map(borrowed).collect(), self.replaced),
            DataType::Utf8View => return (texts.as_string_view().iter().map(borrowed).collect(), self.replaced),
            DataType::Binary => texts.as_binary::<i32>().iter().map(lossy).collect(),
            DataType::LargeBinary => texts.as_binary::<i64>().iter().map(lossy).collect(),
            DataType::BinaryView => texts.as_binary_view().iter().map(lossy).collect(),
            _ => vec![None; texts.len()],
        };
        let replaced = texts.iter().filter(|text| matches!(text, Some(Cow::Owned(_)))).count();
        (texts, replaced)
    }
}
