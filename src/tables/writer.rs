//! Writing tables of texts in chunks.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::chunk::ChunkData;
use super::encoder::{Encoder, buffered};
use super::error::TableError;
use super::format::TableFormat;
use super::numpy::NumpyWriter;
use super::options::TableWriterOptions;
use super::reader::TableReader;
use super::values::check_type;
use crate::error::{Error, Malformed, Place, Result};
use crate::files::AtomicFile;

/// A table of texts that is being written. The file gets its name only in [`TableWriter::finish`].
pub struct TableWriter {
    path: PathBuf,
    encoder: Encoder,
    schema: SchemaRef,
    added: Vec<Field>,
    file: Option<AtomicFile>,
}

/// What the bytes are written to.
enum Destination {
    File(File),
    Pipe(Box<dyn Write + Send>),
}

impl fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableWriter").field("path", &self.path).field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl TableWriter {
    /// Creates a file for the columns of `reader`, followed by the columns `added`. A NumPy file has only the added column, which must be
    /// one of vectors.
    ///
    /// # Errors
    /// A file that cannot be created, an unknown file extension, columns that the format cannot represent.
    pub fn create(
        path: &Path,
        reader: &TableReader,
        added: Vec<Field>,
        options: &TableWriterOptions,
    ) -> Result<TableWriter> {
        let format = options.format.or_else(|| TableFormat::from_extension(path)).ok_or_else(|| {
            let expected = "the extension .parquet, .arrow, .feather, .arrows, .csv, .tsv, .jsonl or .npy";
            Error::invalid("output file", expected, format!("`{}`", path.display()))
        })?;
        crate::files::check_writable(path)?;
        let file = AtomicFile::new(path)?;
        let destination = Destination::File(file.open()?);
        let writer = TableWriter::new(path, destination, format, reader, added, options)?;
        Ok(TableWriter { file: Some(file), ..writer })
    }

    /// Writes to a pipe or another output that cannot seek; `path` is its name in messages.
    ///
    /// # Errors
    /// As [`TableWriter::create`]; the NumPy format, which has the number of rows in its header.
    pub fn from_writer(
        path: &Path,
        out: Box<dyn Write + Send>,
        format: TableFormat,
        reader: &TableReader,
        added: Vec<Field>,
        options: &TableWriterOptions,
    ) -> Result<TableWriter> {
        TableWriter::new(path, Destination::Pipe(out), format, reader, added, options)
    }

    fn new(
        path: &Path,
        destination: Destination,
        format: TableFormat,
        reader: &TableReader,
        added: Vec<Field>,
        options: &TableWriterOptions,
    ) -> Result<TableWriter> {
        check_format(path, format, reader, options)?;
        let schema = output_schema(reader, &added);
        if matches!(format, TableFormat::Csv | TableFormat::Tsv | TableFormat::JsonLines) {
            schema.fields().iter().try_for_each(|field| check_type(path, format, field))?;
        }
        let encoder = match destination {
            Destination::File(file) if format == TableFormat::Numpy => {
                Encoder::Numpy(numpy_writer(path, file, &added)?)
            }
            Destination::Pipe(_) if format == TableFormat::Numpy => {
                return Err(message(path, "the npy format cannot be written to a pipe").advise("write to a file"));
            }
            Destination::File(file) => {
                Encoder::new(path, buffered(Box::new(file)), format, &schema, &added, options.compression)?
            }
            Destination::Pipe(out) => Encoder::new(path, buffered(out), format, &schema, &added, options.compression)?,
        };
        Ok(TableWriter { path: path.into(), encoder, schema, added, file: None })
    }

    /// Writes the rows of a chunk; `added` has one column for each added field.
    ///
    /// # Errors
    /// I/O errors, columns of other types or lengths, text that the format cannot represent.
    pub(super) fn write(&mut self, data: ChunkData, added: Vec<ArrayRef>) -> Result<()> {
        let written = self.write_rows(data, added);
        written.map_err(|e| e.writing(&self.path))
    }

    fn write_rows(&mut self, data: ChunkData, added: Vec<ArrayRef>) -> Result<(), TableError> {
        if let Encoder::Numpy(writer) = &mut self.encoder {
            return Ok(added.iter().try_for_each(|vectors| writer.write(vectors))?);
        }
        match data {
            ChunkData::Objects(objects) => self.encoder.write_objects(&objects, &self.added, &added),
            ChunkData::Batch(batch) => {
                let columns = batch.columns().iter().map(Arc::clone).chain(added).collect();
                self.encoder.write_batch(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
            }
        }
    }

    /// Writes what is buffered and gives the file its name.
    ///
    /// # Errors
    /// I/O errors.
    pub fn finish(self) -> Result<()> {
        self.encoder.finish().map_err(|e| e.writing(&self.path))?;
        self.file.map_or(Ok(()), AtomicFile::persist)
    }
}

/// Checks that the rows of `reader` can be written in a format, and that the options apply to it.
fn check_format(path: &Path, format: TableFormat, reader: &TableReader, options: &TableWriterOptions) -> Result<()> {
    if format == TableFormat::Lines {
        return Err(Error::invalid("output format", "csv, tsv, jsonl, parquet, arrow, arrow-stream or npy", "lines"));
    }
    if reader.schema().is_none() && !matches!(format, TableFormat::JsonLines | TableFormat::Numpy) {
        let text = format!("the rows of JSON Lines have no common columns, which {format} needs");
        return Err(message(path, &text).advise("write JSON Lines"));
    }
    if options.compression.is_some() && !format.is_columnar() {
        return Err(Error::invalid("compression", "Parquet or Arrow as the output format", format.to_string()));
    }
    Ok(())
}

fn message(path: &Path, message: &str) -> Error {
    Malformed::message(Place::File, message).in_file(path.to_string_lossy()).into()
}

/// The columns of `reader`, followed by the added ones.
fn output_schema(reader: &TableReader, added: &[Field]) -> SchemaRef {
    let (fields, metadata) = reader.schema().map_or_else(Default::default, |schema| {
        (schema.fields().iter().map(Arc::clone).collect::<Vec<_>>(), schema.metadata().clone())
    });
    let fields: Vec<_> = fields.into_iter().chain(added.iter().cloned().map(Arc::new)).collect();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

fn numpy_writer(path: &Path, file: File, added: &[Field]) -> Result<NumpyWriter> {
    match added {
        [field] if let DataType::FixedSizeList(_, dimension) = field.data_type() => {
            let dimension = usize::try_from(*dimension).unwrap_or_default();
            NumpyWriter::new(file, dimension).map_err(|e| TableError::from(e).writing(path))
        }
        _ => Err(message(path, "the npy format can only store vectors")),
    }
}
