//! Sources that are read from beginning to end in blocks: gzip, a member of a zip archive, a pipe.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Advice, Error, Malformed, Place, Problem};

/// Bytes per block; the last block may be shorter.
pub(super) const BLOCK: usize = 1 << 20;

/// Maximum compression ratio. Texts and vectors do not come near it; a file that does is made to fill the memory.
const MAX_RATIO: u64 = 64;

/// Size in bytes up to which the compression ratio is not limited.
const UNLIMITED_SIZE: u64 = 16 << 20;

/// Maximum number of members that an error lists.
const MAX_LISTED: usize = 20;

const DOWNLOAD_AGAIN: &str = "the file may be truncated or damaged; download it again";

/// How the contents of a file are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, with one or several members.
    Gzip,
    /// A zip archive, of which one member is read.
    Zip,
}

impl Compression {
    /// The number of bytes that detection needs.
    pub(super) const MAGIC_LENGTH: u64 = 4;

    /// Detects the compression from the first bytes.
    pub fn of(bytes: &[u8]) -> Compression {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            Compression::Gzip
        } else if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
            Compression::Zip
        } else {
            Compression::None
        }
    }
}

/// A source that is read from its beginning, and its compression.
pub(super) struct Packed {
    pub compression: Compression,
    /// The member to read from a zip archive.
    pub member: Option<String>,
    pub origin: Origin,
}

/// Where the bytes come from.
pub(super) enum Origin {
    /// A file, positioned at its beginning, and its length.
    File(File, u64),
    /// Bytes in memory.
    Memory(Vec<u8>),
    /// The first bytes of a source of unknown length, and the rest of it.
    Pipe(Vec<u8>, File),
}

/// Why reading failed.
#[derive(Debug)]
pub(super) enum ReadError {
    /// An I/O error.
    Io(io::Error),
    /// Bytes that do not follow the format.
    Malformed(Malformed),
}

impl ReadError {
    /// The error about the file at `path`.
    pub fn at(self, path: &Path) -> Error {
        match self {
            ReadError::Io(error) => Error::io(path, "read it", error),
            ReadError::Malformed(error) => error.in_file(path.to_string_lossy()).into(),
        }
    }
}

impl From<Malformed> for ReadError {
    fn from(error: Malformed) -> Self {
        ReadError::Malformed(error)
    }
}

impl Packed {
    /// Reads and decompresses to the end, and passes each block to `take`. Stops early when `take` returns `false`.
    pub fn read(self, take: &mut dyn FnMut(Vec<u8>) -> bool) -> Result<(), ReadError> {
        match (self.compression, self.origin) {
            (Compression::None, origin) => drain(&mut origin.reader().0, |_| u64::MAX, ReadError::Io, take),
            (Compression::Gzip, origin) => {
                let (reader, length) = origin.reader();
                let max = |gzip: &MultiGzDecoder<CountingReader>| max_inflated(length.unwrap_or(gzip.get_ref().bytes));
                let error = |e| decoding_error(e, "a complete gzip stream".to_owned());
                drain(&mut MultiGzDecoder::new(CountingReader { reader, bytes: 0 }), max, error, take)
            }
            (Compression::Zip, Origin::Memory(bytes)) => {
                let length = bytes.len() as u64;
                unzip(Cursor::new(bytes), length, self.member.as_deref(), take)
            }
            (Compression::Zip, Origin::File(file, length)) => {
                unzip(BufReader::new(file), length, self.member.as_deref(), take)
            }
            // The directory of an archive is at its end.
            (Compression::Zip, Origin::Pipe(mut bytes, mut file)) => {
                file.read_to_end(&mut bytes).map_err(ReadError::Io)?;
                let length = bytes.len() as u64;
                unzip(Cursor::new(bytes), length, self.member.as_deref(), take)
            }
        }
    }
}

impl Origin {
    /// A reader of the bytes, and their number, if known.
    fn reader(self) -> (Box<dyn Read>, Option<u64>) {
        match self {
            Origin::File(file, length) => (Box::new(file), Some(length)),
            Origin::Memory(bytes) => {
                let length = bytes.len() as u64;
                (Box::new(Cursor::new(bytes)), Some(length))
            }
            Origin::Pipe(first, file) => (Box::new(Cursor::new(first).chain(file)), None),
        }
    }
}

/// A reader that counts its bytes.
struct CountingReader {
    reader: Box<dyn Read>,
    bytes: u64,
}

impl Read for CountingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Reads block after block. More bytes than `max` are refused.
fn drain<R: Read>(
    reader: &mut R,
    max: impl Fn(&R) -> u64,
    error: impl Fn(io::Error) -> ReadError,
    take: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(), ReadError> {
    let mut total = 0;
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let read = reader.by_ref().take(BLOCK as u64).read_to_end(&mut block);
        total += block.len() as u64;
        read.map_err(|e| match error(e) {
            ReadError::Malformed(mut error) => {
                if let Problem::Unexpected { found, .. } = &mut error.problem {
                    found.push_str(&format!(" after {total} decompressed bytes"));
                }
                ReadError::Malformed(error)
            }
            io => io,
        })?;
        if total > max(reader) {
            return Err(Malformed::at(
                Place::File,
                format!("an archive that expands to at most {MAX_RATIO} times its size, or {UNLIMITED_SIZE} bytes"),
                format!("at least {total} bytes"),
            )
            .advise("if you trust the file, decompress it yourself")
            .into());
        }
        if block.is_empty() || !take(block) {
            return Ok(());
        }
    }
}

/// Maximum decompressed size of `packed` bytes.
pub(crate) fn max_inflated(packed: u64) -> u64 {
    packed.saturating_mul(MAX_RATIO).max(UNLIMITED_SIZE)
}

fn decoding_error(error: io::Error, expected: String) -> ReadError {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::Other => {
            Malformed::at(Place::File, expected, error.to_string()).advise(DOWNLOAD_AGAIN).into()
        }
        _ => ReadError::Io(error),
    }
}

fn unzip<R: Read + Seek>(
    reader: R,
    length: u64,
    member: Option<&str>,
    take: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(), ReadError> {
    let damaged = |e: ZipError| match e {
        ZipError::Io(e) => decoding_error(e, "a complete zip archive".to_owned()),
        e => Malformed::at(Place::File, "a complete zip archive", e.to_string()).advise(DOWNLOAD_AGAIN).into(),
    };
    let mut archive = ZipArchive::new(reader).map_err(damaged)?;
    let mut members = Vec::new();
    for (index, name) in archive.file_names().enumerate() {
        let name = name.map_err(damaged)?;
        // Without folders and the metadata that macOS adds.
        if !name.ends_with('/') && !name.starts_with("__MACOSX/") {
            members.push((index, name.into_owned()));
        }
    }
    let (index, name) = choose(&members, member)?;
    let raw = archive.by_index_raw(*index).map_err(damaged)?;
    let refused = |expected: &str, found: &str| {
        Malformed::at(Place::File, expected, format!("`{name}`, which {found}")).advise("extract it yourself")
    };
    if raw.encrypted() {
        return Err(refused("a member that can be read", "is encrypted").into());
    }
    let method = raw.compression();
    drop(raw);
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(refused("a member that is stored or deflated", &format!("is compressed with {method}")).into());
    }
    let mut file = archive.by_index(*index).map_err(damaged)?;
    drain(&mut file, |_| max_inflated(length), |e| decoding_error(e, format!("the complete member `{name}`")), take)
}

/// The requested member, or the only one.
fn choose<'a>(members: &'a [(usize, String)], requested: Option<&str>) -> Result<&'a (usize, String), Malformed> {
    let list = || {
        let names: Vec<&str> = members.iter().take(MAX_LISTED).map(|(_, name)| name.as_str()).collect();
        names.join(", ") + if members.len() > MAX_LISTED { ", ..." } else { "" }
    };
    if let Some(requested) = requested {
        let found = members.iter().find(|(_, name)| name == requested);
        return found.ok_or_else(|| Malformed::at(Place::File, format!("a member named `{requested}`"), list()));
    }
    match members {
        [only] => Ok(only),
        [] => Err(Malformed::at(Place::File, "a zip archive with a file in it", "an empty archive")),
        _ if members.iter().any(|(_, name)| name.ends_with("/data.pkl")) => {
            Err(Malformed::at(Place::File, "word vectors", "a PyTorch checkpoint")
                .advise("save the embedding as text or .npy from PyTorch"))
        }
        [(_, first), ..] => {
            Err(Malformed::at(Place::File, "an archive with one file", format!("{} files: {}", members.len(), list()))
                .advise(Advice::SetMember(first.as_str().into())))
        }
    }
}
