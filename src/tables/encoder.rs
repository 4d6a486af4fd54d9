//! The writers of the formats.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::error::TableError;
use super::format::{ColumnCompression, TableFormat};
use super::numpy::NumpyWriter;
use super::values::{field, member, value};
use crate::error::{Error, Result};

/// Approximate size of a Parquet row group in bytes. A row group is in memory until it is complete.
const ROW_GROUP_BYTES: usize = 32 << 20;

pub(super) type Output = BufWriter<Box<dyn Write + Send>>;

/// Encodes rows in one of the formats.
pub(super) enum Encoder {
    Parquet(Box<ArrowWriter<Output>>),
    Arrow(FileWriter<Output>),
    ArrowStream(StreamWriter<Output>),
    Csv(Box<csv::Writer<Output>>),
    Tsv(Output),
    JsonLines(Output),
    Numpy(NumpyWriter),
}

/// Buffers an output.
pub(super) fn buffered(out: Box<dyn Write + Send>) -> Output {
    BufWriter::with_capacity(1 << 18, out)
}

impl Encoder {
    /// Writes the header, if the format has one.
    ///
    /// # Errors
    /// I/O errors, a compression that the format does not have, and formats that are not made here: NumPy (see [`NumpyWriter`]) and plain
    /// lines.
    pub fn new(
        path: &Path,
        mut out: Output,
        format: TableFormat,
        schema: &SchemaRef,
        added: &[Field],
        compression: Option<ColumnCompression>,
    ) -> Result<Encoder> {
        let failed = |e: TableError| e.writing(path);
        let ipc_options = || -> Result<IpcWriteOptions> {
            let compression = compression.map_or(Ok(None), ColumnCompression::for_arrow)?;
            let options = IpcWriteOptions::default().try_with_compression(compression);
            options.map_err(|e| failed(e.into()))
        };
        Ok(match format {
            TableFormat::Parquet => {
                let properties = parquet_properties(added, compression);
                let writer = ArrowWriter::try_new(out, Arc::clone(schema), Some(properties));
                Encoder::Parquet(Box::new(writer.map_err(|e| failed(e.into()))?))
            }
            TableFormat::Arrow => {
                let writer = FileWriter::try_new_with_options(out, schema, ipc_options()?);
                Encoder::Arrow(writer.map_err(|e| failed(e.into()))?)
            }
            TableFormat::ArrowStream => {
                let writer = StreamWriter::try_new_with_options(out, schema, ipc_options()?);
                Encoder::ArrowStream(writer.map_err(|e| failed(e.into()))?)
            }
            TableFormat::Csv => {
                let mut writer = csv::WriterBuilder::new().from_writer(out);
                let header = writer.write_record(schema.fields().iter().map(|field| field.name()));
                header.map_err(|e| failed(e.into()))?;
                Encoder::Csv(Box::new(writer))
            }
            TableFormat::Tsv => {
                let names = schema.fields().iter().map(|field| field.name().clone());
                write_tab_separated(&mut out, names).map_err(|e| failed(e.into()))?;
                Encoder::Tsv(out)
            }
            TableFormat::JsonLines => Encoder::JsonLines(out),
            TableFormat::Numpy | TableFormat::Lines => {
                return Err(Error::invalid("output format", "a format with columns", format.to_string()));
            }
        })
    }

    /// Writes all rows of a batch; NumPy files are written by [`NumpyWriter::write`].
    pub fn write_batch(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        match self {
            Encoder::Parquet(writer) => writer.write(batch)?,
            Encoder::Arrow(writer) => writer.write(batch)?,
            Encoder::ArrowStream(writer) => writer.write(batch)?,
            Encoder::Csv(writer) => {
                for row in 0..batch.num_rows() {
                    writer.write_record(batch.columns().iter().map(|column| field(column, row)))?;
                }
            }
            Encoder::Tsv(out) => {
                for row in 0..batch.num_rows() {
                    write_tab_separated(out, batch.columns().iter().map(|column| field(column, row)))?;
                }
            }
            Encoder::JsonLines(out) => {
                let schema = batch.schema();
                for row in 0..batch.num_rows() {
                    out.write_all(b"{")?;
                    for (index, (field, column)) in schema.fields().iter().zip(batch.columns()).enumerate() {
                        member(out, field.name(), &value(column, row), index == 0)?;
                    }
                    out.write_all(b"}\n")?;
                }
            }
            Encoder::Numpy(_) => (),
        }
        Ok(())
    }

    /// Writes JSON objects as they were read, with the added members at the end.
    pub fn write_objects(
        &mut self,
        objects: &[String],
        fields: &[Field],
        columns: &[ArrayRef],
    ) -> Result<(), TableError> {
        let Encoder::JsonLines(out) = self else { return Ok(()) };
        for (row, object) in objects.iter().enumerate() {
            let members = object.strip_suffix('}').unwrap_or(object).trim_end();
            out.write_all(members.as_bytes())?;
            for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
                member(out, field.name(), &value(column, row), index == 0 && members.ends_with('{'))?;
            }
            out.write_all(b"}\n")?;
        }
        Ok(())
    }

    /// Writes what is buffered, and the footer if the format has one.
    pub fn finish(self) -> Result<(), TableError> {
        match self {
            Encoder::Parquet(writer) => writer.into_inner()?.flush()?,
            Encoder::Arrow(mut writer) => {
                writer.finish()?;
                writer.flush()?;
            }
            Encoder::ArrowStream(mut writer) => {
                writer.finish()?;
                writer.flush()?;
            }
            Encoder::Csv(mut writer) => writer.flush()?,
            Encoder::Tsv(mut out) | Encoder::JsonLines(mut out) => out.flush()?,
            Encoder::Numpy(writer) => writer.finish()?,
        }
        Ok(())
    }
}

fn parquet_properties(added: &[Field], compression: Option<ColumnCompression>) -> WriterProperties {
    let compression = compression.unwrap_or(ColumnCompression::Snappy).for_parquet();
    let mut properties =
        WriterProperties::builder().set_compression(compression).set_max_row_group_bytes(Some(ROW_GROUP_BYTES));
    for field in added.iter().filter(|field| matches!(field.data_type(), DataType::FixedSizeList(..))) {
        // Components of vectors hardly repeat, so a dictionary would only cost time.
        let path = [field.name(), "list", "item"].map(str::to_owned);
        properties = properties.set_column_dictionary_enabled(ColumnPath::new(path.to_vec()), false);
    }
    properties.build()
}

/// Writes a line of TSV, which has no way to escape a tab or a line break.
fn write_tab_separated(out: &mut impl Write, fields: impl Iterator<Item = String>) -> io::Result<()> {
    for (index, field) in fields.enumerate() {
        if field.contains(['\t', '\n', '\r']) {
            let what = "a text contains a tab or a line break, which TSV cannot represent; write CSV or JSON Lines";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        if index > 0 {
            out.write_all(b"\t")?;
        }
        out.write_all(field.as_bytes())?;
    }
    out.write_all(b"\n")
}
