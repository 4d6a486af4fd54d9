//! What is read from its front to its end, block by block: gzip, a member of a zip archive, a pipe.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use crate::error::{Advice, Error, Malformed, Place, Problem};

/// Bytes of a block; the last one has fewer.
pub(super) const BLOCK: usize = 1 << 20;

/// An archive may inflate to this many times its size, or to [`SMALL`] bytes if that is more. Texts and vectors come nowhere near
/// it; what does is made to fill memory.
const RATIO: u64 = 64;
const SMALL: u64 = 16 << 20;

/// Names of members that an error lists.
const LISTED: usize = 20;

const FETCH_AGAIN: &str = "the download may be cut short: fetch it again";

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

/// Something that is read from its front, and how it wraps what counts.
pub(super) struct Packed {
    pub compression: Compression,
    /// Member of a zip archive.
    pub member: Option<String>,
    pub origin: Origin,
}

/// Where the bytes come from.
pub(super) enum Origin {
    /// A file, at its beginning, and how long it is.
    File(File, u64),
    /// Bytes in memory.
    Memory(Vec<u8>),
    /// The first bytes of something that does not know its length, and where the others come from.
    Pipe(Vec<u8>, File),
}

/// Why no more could be read.
#[derive(Debug)]
pub(super) enum Failed {
    /// The system did not read on.
    Io(io::Error),
    /// What was read is not what it should be.
    Malformed(Malformed),
}

impl Failed {
    /// The error, of the file at `path`.
    pub fn at(self, path: &Path) -> Error {
        match self {
            Failed::Io(error) => Error::io(path, "read it", error),
            Failed::Malformed(error) => error.in_file(path.to_string_lossy()).into(),
        }
    }
}

impl From<Malformed> for Failed {
    fn from(error: Malformed) -> Self {
        Failed::Malformed(error)
    }
}

impl Packed {
    /// Reads and inflates to the end, and gives each block to `take`, until that has had enough and says so by `false`.
    pub fn read(self, take: &mut dyn FnMut(Vec<u8>) -> bool) -> Result<(), Failed> {
        match (self.compression, self.origin) {
            (Compression::None, origin) => drain(&mut origin.reader().0, |_| u64::MAX, Failed::Io, take),
            (Compression::Gzip, origin) => {
                let (reader, length) = origin.reader();
                let most = |gzip: &MultiGzDecoder<Counted>| most(length.unwrap_or(gzip.get_ref().bytes));
                let wrong = |e| failed(e, "a whole gzip stream".to_owned());
                drain(&mut MultiGzDecoder::new(Counted { reader, bytes: 0 }), most, wrong, take)
            }
            (Compression::Zip, Origin::Memory(bytes)) => {
                let length = bytes.len() as u64;
                unzip(Cursor::new(bytes), length, self.member.as_deref(), take)
            }
            (Compression::Zip, Origin::File(file, length)) => {
                unzip(BufReader::new(file), length, self.member.as_deref(), take)
            }
            // The list of an archive's members stands at its end.
            (Compression::Zip, Origin::Pipe(mut bytes, mut file)) => {
                file.read_to_end(&mut bytes).map_err(Failed::Io)?;
                let length = bytes.len() as u64;
                unzip(Cursor::new(bytes), length, self.member.as_deref(), take)
            }
        }
    }
}

impl Origin {
    /// What reads the bytes, and how many there are, where that is known.
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

/// A reader, and how many bytes were read from it.
struct Counted {
    reader: Box<dyn Read>,
    bytes: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Reads block after block. More bytes than `most` are refused.
fn drain<R: Read>(
    reader: &mut R,
    most: impl Fn(&R) -> u64,
    wrong: impl Fn(io::Error) -> Failed,
    take: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(), Failed> {
    let mut total = 0;
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let read = reader.by_ref().take(BLOCK as u64).read_to_end(&mut block);
        total += block.len() as u64;
        read.map_err(|e| match wrong(e) {
            Failed::Malformed(mut error) => {
                if let Problem::Unexpected { found, .. } = &mut error.problem {
                    found.push_str(&format!(" after {total} inflated bytes"));
                }
                Failed::Malformed(error)
            }
            io => io,
        })?;
        if total > most(reader) {
            return Err(Malformed::at(
                Place::File,
                format!("an archive that inflates to at most {RATIO} times its size, or {SMALL} bytes"),
                format!("{total} bytes, and more to come"),
            )
            .advise("if that is right, unpack it by hand")
            .into());
        }
        if block.is_empty() || !take(block) {
            return Ok(());
        }
    }
}

/// The most bytes that an archive of so many may inflate to.
pub(crate) fn most(packed: u64) -> u64 {
    packed.saturating_mul(RATIO).max(SMALL)
}

fn failed(error: io::Error, expected: String) -> Failed {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::Other => {
            Malformed::at(Place::File, expected, error.to_string()).advise(FETCH_AGAIN).into()
        }
        _ => Failed::Io(error),
    }
}

fn unzip<R: Read + Seek>(
    reader: R,
    length: u64,
    member: Option<&str>,
    take: &mut dyn FnMut(Vec<u8>) -> bool,
) -> Result<(), Failed> {
    let damaged = |e: ZipError| match e {
        ZipError::Io(e) => failed(e, "a whole zip archive".to_owned()),
        e => Malformed::at(Place::File, "a whole zip archive", e.to_string()).advise(FETCH_AGAIN).into(),
    };
    let mut archive = ZipArchive::new(reader).map_err(damaged)?;
    let mut members = Vec::new();
    for (index, name) in archive.file_names().enumerate() {
        let name = name.map_err(damaged)?;
        // Folders, and what macOS adds of its own.
        if !name.ends_with('/') && !name.starts_with("__MACOSX/") {
            members.push((index, name.into_owned()));
        }
    }
    let (index, name) = choose(&members, member)?;
    let raw = archive.by_index_raw(*index).map_err(damaged)?;
    let refused = |expected: &str, found: &str| {
        Malformed::at(Place::File, expected, format!("`{name}`, which {found}")).advise("unpack it by hand")
    };
    if raw.encrypted() {
        return Err(refused("a member that can be read", "is encrypted").into());
    }
    let method = raw.compression();
    drop(raw);
    if !matches!(method, CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(refused("a member that is stored or deflated", &format!("is packed as {method}")).into());
    }
    let mut file = archive.by_index(*index).map_err(damaged)?;
    drain(&mut file, |_| most(length), |e| failed(e, format!("the whole member `{name}`")), take)
}

/// The member that was asked for, or the only one.
fn choose<'a>(members: &'a [(usize, String)], asked: Option<&str>) -> Result<&'a (usize, String), Malformed> {
    let list = || {
        let names: Vec<&str> = members.iter().take(LISTED).map(|(_, name)| name.as_str()).collect();
        names.join(", ") + if members.len() > LISTED { ", ..." } else { "" }
    };
    if let Some(asked) = asked {
        let found = members.iter().find(|(_, name)| name == asked);
        return found.ok_or_else(|| {
            Malformed::at(Place::File, format!("a member named `{asked}`"), format!("these: {}", list()))
        });
    }
    match members {
        [only] => Ok(only),
        [] => Err(Malformed::at(Place::File, "a zip archive with a file in it", "none")),
        _ if members.iter().any(|(_, name)| name.ends_with("/data.pkl")) => {
            Err(Malformed::at(Place::File, "word vectors", "a PyTorch checkpoint")
                .advise("save its embedding as text or safetensors from PyTorch"))
        }
        [(_, first), ..] => {
            Err(Malformed::at(Place::File, "one file in the archive", format!("{}: {}", members.len(), list()))
                .advise(Advice::SetMember(first.clone())))
        }
    }
}
