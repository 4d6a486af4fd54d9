//! Detecting the format of a table from its first bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::malformed;
use super::format::TableFormat;
use super::options::TableReaderOptions;
use crate::error::{Error, Result};
use crate::files::BOM;

/// Whether a file begins like a Parquet or an Arrow file.
///
/// # Errors
/// A file that cannot be read.
pub fn is_columnar(path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(|e| Error::io(path, "open it", e))?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(false);
    }
    let mut head = Vec::new();
    file.take(8).read_to_end(&mut head).map_err(|e| Error::io(path, "read it", e))?;
    Ok(by_magic_bytes(&head).is_some())
}

/// The binary format whose magic bytes `head` begins with.
pub(super) fn by_magic_bytes(head: &[u8]) -> Option<TableFormat> {
    match head {
        [b'P', b'A', b'R', b'1', ..] => Some(TableFormat::Parquet),
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Some(TableFormat::Arrow),
        [0xff, 0xff, 0xff, 0xff, ..] => Some(TableFormat::ArrowStream),
        _ => None,
    }
}

/// The format of a text file: from its first line or, if that is ambiguous, from the file extension.
pub(super) fn text_format(head: &[u8], path: &Path, options: &TableReaderOptions) -> Result<TableFormat> {
    for (magic, what) in
        [(&b"PK\x03\x04"[..], "a zip archive"), (b"FEA1", "Feather version 1"), (b"ORC", "ORC"), (b"Obj\x01", "Avro")]
    {
        if head.starts_with(magic) {
            return Err(malformed(path, "Parquet, Arrow, CSV, TSV, JSON Lines or plain lines", what));
        }
    }
    let head = head.strip_prefix(BOM).unwrap_or(head);
    let first = head.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let first = String::from_utf8_lossy(first.unwrap_or_default());
    if first.trim_start().starts_with('{') {
        return Ok(TableFormat::JsonLines);
    }
    // A line is a header if it names the text column.
    for (format, delimiter) in [(TableFormat::Tsv, '\t'), (TableFormat::Csv, ',')] {
        let names: Vec<String> = first.split(delimiter).map(|name| name.trim().trim_matches('"').to_owned()).collect();
        if names.len() > 1 && options.find_text_column(path, &names).is_ok() {
            return Ok(format);
        }
    }
    Ok(match TableFormat::from_extension(path) {
        Some(format @ (TableFormat::Csv | TableFormat::Tsv | TableFormat::JsonLines)) => format,
        // The caller named a column: the reader reports which columns there are.
        _ if options.text_column.is_some() && first.contains('\t') => TableFormat::Tsv,
        _ if options.text_column.is_some() => TableFormat::Csv,
        _ => TableFormat::Lines,
    })
}
