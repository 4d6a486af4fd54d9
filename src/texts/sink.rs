//! Writing tables of texts, a chunk at a time.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::error::{Refusal, malformed};
use super::numpy::NumpyWriter;
use super::rows::{check, field, member, value};
use super::source::Columns;
use super::{Source, TextFormat};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::AtomicFile;

/// Bytes of a row group of Parquet, about: it is held until it is whole.
const ROW_GROUP: usize = 32 << 20;

/// How columns are compressed in Parquet and Arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Snappy: Parquet only.
    Snappy,
    /// gzip: Parquet only.
    Gzip,
    /// LZ4: raw blocks in Parquet, frames in Arrow.
    Lz4,
    /// Zstandard, level 3.
    Zstd,
}

impl Compression {
    /// All of them, in the order in which help texts name them.
    pub const ALL: [Compression; 5] =
        [Compression::None, Compression::Snappy, Compression::Zstd, Compression::Gzip, Compression::Lz4];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Snappy => "snappy",
            Compression::Gzip => "gzip",
            Compression::Lz4 => "lz4",
            Compression::Zstd => "zstd",
        }
    }

    fn of_parquet(self) -> basic::Compression {
        match self {
            Compression::None => basic::Compression::UNCOMPRESSED,
            Compression::Snappy => basic::Compression::SNAPPY,
            Compression::Gzip => basic::Compression::GZIP(basic::GzipLevel::default()),
            Compression::Lz4 => basic::Compression::LZ4_RAW,
            Compression::Zstd => basic::Compression::ZSTD(basic::ZstdLevel::try_new(3).unwrap_or_default()),
        }
    }

    fn of_arrow(self) -> Result<Option<CompressionType>> {
        match self {
            Compression::None => Ok(None),
            Compression::Lz4 => Ok(Some(CompressionType::LZ4_FRAME)),
            Compression::Zstd => Ok(Some(CompressionType::ZSTD)),
            other => Err(Error::invalid("compression of Arrow", "none, zstd, lz4", format!("`{other}`"))),
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Compression {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Compression::ALL.into_iter().find(|compression| compression.name() == name).ok_or_else(|| {
            let names = Compression::ALL.map(Compression::name).join(", ");
            Error::invalid("compression", names, format!("`{name}`"))
        })
    }
}

/// How to write a table of texts.
#[derive(Debug, Clone, Copy, Default)]
pub struct SinkOptions {
    /// The form; `None` tells it by the file's ending.
    pub format: Option<TextFormat>,
    /// How columns are compressed; `None` takes Snappy in Parquet, and leaves Arrow as it is.
    pub compression: Option<Compression>,
}

/// A table of texts, open for writing. A file stands under its name only once [`Sink::finish`] was called.
pub struct Sink {
    path: PathBuf,
    writer: Writer,
    schema: SchemaRef,
    added: Vec<Field>,
    beside: Option<AtomicFile>,
}

enum Writer {
    Parquet(Box<ArrowWriter<Out>>),
    Arrow(FileWriter<Out>),
    ArrowStream(StreamWriter<Out>),
    Csv(Box<csv::Writer<Out>>),
    Tsv(Out),
    JsonLines(Out),
    Numpy(NumpyWriter),
}

type Out = BufWriter<Box<dyn Write + Send>>;

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sink").field("path", &self.path).field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Sink {
    /// Makes a file for the columns of `source` and those that are added to them. NumPy's takes one column of vectors alone.
    ///
    /// # Errors
    /// A file that cannot be made, an ending that names no form, columns that the form cannot hold.
    pub fn create(path: &Path, source: &Source, added: Vec<Field>, options: &SinkOptions) -> Result<Sink> {
        let format = options.format.or_else(|| TextFormat::of_name(path)).ok_or_else(|| {
            let found = format!("`{}`", path.display());
            Error::invalid(
                "output",
                "an ending: .parquet, .arrow, .feather, .arrows, .csv, .tsv, .jsonl or .npy",
                found,
            )
        })?;
        crate::files::check_writable(path)?;
        let beside = AtomicFile::new(path)?;
        let file = beside.open()?;
        Sink::new(path, To::File(file), Some(beside), format, source, added, options)
    }

    /// Writes to a pipe, or another place that takes bytes one after the other; `path` is what messages call it.
    ///
    /// # Errors
    /// As [`Sink::create`]; NumPy's form, which has the number of its rows at its beginning.
    pub fn write_to(
        path: &Path,
        out: Box<dyn Write + Send>,
        format: TextFormat,
        source: &Source,
        added: Vec<Field>,
        options: &SinkOptions,
    ) -> Result<Sink> {
        Sink::new(path, To::Pipe(out), None, format, source, added, options)
    }

    fn new(
        path: &Path,
        to: To,
        beside: Option<AtomicFile>,
        format: TextFormat,
        source: &Source,
        added: Vec<Field>,
        options: &SinkOptions,
    ) -> Result<Sink> {
        if source.schema().is_none() && !matches!(format, TextFormat::JsonLines | TextFormat::Numpy) {
            return Err(Malformed::at(
                Place::File,
                format!("columns, which {format} has"),
                "JSON lines, each with keys of its own",
            )
            .advise("write JSON lines")
            .in_file(path.to_string_lossy())
            .into());
        }
        let (fields, metadata) = source.schema().map_or_else(Default::default, |schema| {
            (schema.fields().iter().map(Arc::clone).collect::<Vec<_>>(), schema.metadata().clone())
        });
        let fields: Vec<_> = fields.into_iter().chain(added.iter().cloned().map(Arc::new)).collect();
        let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
        if matches!(format, TextFormat::Csv | TextFormat::Tsv | TextFormat::JsonLines) {
            schema.fields().iter().try_for_each(|field| check(path, format, field))?;
        }
        if options.compression.is_some() && !format.is_columnar() {
            return Err(Error::invalid("compression", "Parquet or Arrow to be written", format!("the form {format}")));
        }
        let ipc = || -> Result<IpcWriteOptions> {
            let compression = options.compression.unwrap_or(Compression::None).of_arrow()?;
            let with = IpcWriteOptions::default().try_with_compression(compression);
            with.map_err(|e| Refusal::from(e).writing(path))
        };
        let writing = |e: Refusal| e.writing(path);
        let writer = match format {
            TextFormat::Parquet => {
                let compression = options.compression.unwrap_or(Compression::Snappy).of_parquet();
                let mut properties =
                    WriterProperties::builder().set_compression(compression).set_max_row_group_bytes(Some(ROW_GROUP));
                for field in added.iter().filter(|field| matches!(field.data_type(), DataType::FixedSizeList(..))) {
                    // Numbers of vectors hardly repeat: a dictionary of them would be given up after a while.
                    let path = [field.name(), "list", "item"].map(str::to_owned);
                    properties = properties.set_column_dictionary_enabled(ColumnPath::new(path.to_vec()), false);
                }
                let properties = properties.build();
                let writer = ArrowWriter::try_new(to.buffered(), Arc::clone(&schema), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(|e| writing(e.into()))?))
            }
            TextFormat::Arrow => {
                let writer = FileWriter::try_new_with_options(to.buffered(), &schema, ipc()?);
                Writer::Arrow(writer.map_err(|e| writing(e.into()))?)
            }
            TextFormat::ArrowStream => {
                let writer = StreamWriter::try_new_with_options(to.buffered(), &schema, ipc()?);
                Writer::ArrowStream(writer.map_err(|e| writing(e.into()))?)
            }
            TextFormat::Csv => {
                let mut writer = csv::WriterBuilder::new().from_writer(to.buffered());
                let header = writer.write_record(schema.fields().iter().map(|field| field.name()));
                header.map_err(|e| writing(e.into()))?;
                Writer::Csv(Box::new(writer))
            }
            TextFormat::Tsv => {
                let mut out = to.buffered();
                let names = schema.fields().iter().map(|field| field.name().clone());
                tab_separated(&mut out, names).map_err(|e| writing(e.into()))?;
                Writer::Tsv(out)
            }
            TextFormat::JsonLines => Writer::JsonLines(to.buffered()),
            TextFormat::Numpy => match (to, added.as_slice()) {
                (To::File(file), [field]) if let DataType::FixedSizeList(_, columns) = field.data_type() => {
                    let columns = usize::try_from(*columns).unwrap_or_default();
                    Writer::Numpy(NumpyWriter::new(file, columns).map_err(|e| writing(e.into()))?)
                }
                (To::Pipe(_), _) => {
                    return Err(malformed(path, "a file, since the number of rows comes first in npy", "a pipe"));
                }
                _ => return Err(malformed(path, "vectors, which are all that npy holds", "other columns")),
            },
            TextFormat::Lines => {
                return Err(Error::invalid(
                    "output",
                    "a form with columns: csv, tsv, jsonl, parquet, arrow",
                    "plain lines",
                ));
            }
        };
        Ok(Sink { path: path.into(), writer, schema, added, beside })
    }

    /// Writes the rows of a chunk, and what was added to them: a column for each field that was announced.
    ///
    /// # Errors
    /// What the system refuses, columns of other types or lengths, text that the form cannot hold.
    pub(super) fn write(&mut self, columns: Columns, added: Vec<ArrayRef>) -> Result<()> {
        let path = self.path.clone();
        self.write_rows(columns, added).map_err(|e| e.writing(&path))
    }

    fn write_rows(&mut self, columns: Columns, added: Vec<ArrayRef>) -> Result<(), Refusal> {
        if let Writer::Numpy(writer) = &mut self.writer {
            return Ok(added.iter().try_for_each(|vectors| writer.write(vectors))?);
        }
        let batch = match columns {
            Columns::Objects(objects) => return Ok(self.objects(&objects, &added)?),
            Columns::Batch(batch) => {
                let columns = batch.columns().iter().map(Arc::clone).chain(added).collect();
                RecordBatch::try_new(Arc::clone(&self.schema), columns)?
            }
        };
        match &mut self.writer {
            Writer::Parquet(writer) => writer.write(&batch)?,
            Writer::Arrow(writer) => writer.write(&batch)?,
            Writer::ArrowStream(writer) => writer.write(&batch)?,
            Writer::Csv(writer) => {
                for row in 0..batch.num_rows() {
                    writer.write_record(batch.columns().iter().map(|column| field(column, row)))?;
                }
            }
            Writer::Tsv(out) => {
                for row in 0..batch.num_rows() {
                    tab_separated(out, batch.columns().iter().map(|column| field(column, row)))?;
                }
            }
            Writer::JsonLines(out) => {
                let schema = batch.schema();
                for row in 0..batch.num_rows() {
                    out.write_all(b"{")?;
                    for (place, (field, column)) in schema.fields().iter().zip(batch.columns()).enumerate() {
                        member(out, field.name(), &value(column, row), place == 0)?;
                    }
                    out.write_all(b"}\n")?;
                }
            }
            Writer::Numpy(_) => (),
        }
        Ok(())
    }

    /// JSON objects as they came, and the added members at their end.
    fn objects(&mut self, objects: &[String], added: &[ArrayRef]) -> io::Result<()> {
        let Writer::JsonLines(out) = &mut self.writer else { return Ok(()) };
        for (row, object) in objects.iter().enumerate() {
            let members = object.strip_suffix('}').unwrap_or(object).trim_end();
            out.write_all(members.as_bytes())?;
            for (place, (field, column)) in self.added.iter().zip(added).enumerate() {
                member(out, field.name(), &value(column, row), place == 0 && members.ends_with('{'))?;
            }
            out.write_all(b"}\n")?;
        }
        Ok(())
    }

    /// Writes what is left, and gives the file its name.
    ///
    /// # Errors
    /// What the system refuses.
    pub fn finish(self) -> Result<()> {
        let Sink { path, writer, beside, .. } = self;
        let ended = || -> Result<(), Refusal> {
            match writer {
                Writer::Parquet(writer) => writer.into_inner()?.flush()?,
                Writer::Arrow(mut writer) => {
                    writer.finish()?;
                    writer.flush()?;
                }
                Writer::ArrowStream(mut writer) => {
                    writer.finish()?;
                    writer.flush()?;
                }
                Writer::Csv(mut writer) => writer.flush()?,
                Writer::Tsv(mut out) | Writer::JsonLines(mut out) => out.flush()?,
                Writer::Numpy(writer) => writer.finish()?,
            }
            Ok(())
        };
        ended().map_err(|e| e.writing(&path))?;
        beside.map_or(Ok(()), AtomicFile::persist)
    }
}

/// Where bytes go.
enum To {
    File(File),
    Pipe(Box<dyn Write + Send>),
}

impl To {
    fn buffered(self) -> Out {
        BufWriter::with_capacity(
            1 << 18,
            match self {
                To::File(file) => Box::new(file),
                To::Pipe(out) => out,
            },
        )
    }
}

/// A line of TSV, in which a tab or a line feed within a field would be the end of it.
fn tab_separated(out: &mut impl Write, fields: impl Iterator<Item = String>) -> io::Result<()> {
    for (place, field) in fields.enumerate() {
        if field.contains(['\t', '\n', '\r']) {
            let what = "a text holds a tab or a line break, which TSV cannot hold; write CSV or JSON lines";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        if place > 0 {
            out.write_all(b"\t")?;
        }
        out.write_all(field.as_bytes())?;
    }
    out.write_all(b"\n")
}
