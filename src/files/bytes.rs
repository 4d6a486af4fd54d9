//! A whole file as bytes: mapped, or decompressed from gzip or zip. Files are mapped only here.

use std::fs::File;
use std::io::{Read, Seek};
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;

use super::packed::{Compression, Origin, Packed};
use crate::error::{Error, Malformed, Place, Result};

/// The bytes of a file, or of one member of an archive.
#[derive(Debug)]
pub enum Bytes {
    /// The mapped file; it is kept open so that its length can be checked again.
    Mapped(Mmap, File),
    /// Decompressed, or read from a source that cannot be mapped, such as a pipe.
    Owned(Vec<u8>),
    /// Built into the program.
    Static(&'static [u8]),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map, _) => map,
            Bytes::Owned(bytes) => bytes,
            Bytes::Static(bytes) => bytes,
        }
    }
}

/// The system may map pages around one that is accessed, in windows of up to this size, and so load pages again that were just
/// released.
#[cfg(unix)]
const WINDOW: usize = 2 << 20;

impl Bytes {
    /// Tells the system that the pages of `part`, a part of these bytes, will not be accessed for a while, so that a large mapped
    /// file does not count as memory in use. Pages are loaded again when they are accessed.
    pub fn release(&self, part: &[u8]) {
        #[cfg(unix)]
        if let Bytes::Mapped(map, _) = self {
            let start = part.as_ptr().addr().wrapping_sub(map.as_ptr().addr());
            if start <= map.len() && part.len() <= map.len() - start {
                let before = start % WINDOW;
                #[allow(unsafe_code)]
                // SAFETY: pages of a shared, read-only map of a file contain only the file's bytes. A page that is dropped is read
                // from the file again at the next access, so existing slices see no change.
                let advised = unsafe {
                    map.unchecked_advise_range(UncheckedAdvice::DontNeed, start - before, before + part.len())
                };
                // If the system ignores the advice, only the memory in use differs.
                drop(advised);
            }
        }
        #[cfg(not(unix))]
        let _ = part;
    }

    /// Checks that the mapped file at `path` is not shorter than when it was mapped: reading past its end would abort the program.
    ///
    /// # Errors
    /// A file that has become shorter.
    pub fn check_length(&self, path: &Path) -> Result<()> {
        let Bytes::Mapped(map, file) = self else { return Ok(()) };
        let length = file.metadata().map_err(|e| Error::io(path, "read it", e))?.len();
        if length < map.len() as u64 {
            let expected = format!("{} bytes, as when it was opened", map.len());
            return Err(Malformed::at(Place::File, expected, length.to_string())
                .advise("another program has shortened the file: open it again")
                .in_file(path.to_string_lossy())
                .into());
        }
        Ok(())
    }
}

/// A file that was opened.
pub(super) enum Opened {
    /// All of its bytes.
    Whole(Bytes),
    /// A source that must be read from its beginning.
    Packed(Packed),
}

/// Opens a file: maps it, or decompresses it if it begins like gzip or zip.
///
/// `member` names the member to read from a zip archive; it is not needed for an archive with a single file. Pipes and other
/// sources that cannot be mapped are read to their end.
///
/// # Errors
/// A file that is missing or cannot be read; a folder; an archive that is damaged, empty or expands to more than 64 times its size;
/// an archive of several files without a `member` (the error lists them).
pub fn open(path: &Path, member: Option<&str>) -> Result<(Bytes, Compression)> {
    let (opened, compression) = open_lazily(path, member)?;
    let packed = match opened {
        Opened::Whole(bytes) => return Ok((bytes, compression)),
        Opened::Packed(packed) => packed,
    };
    let mut all = Vec::new();
    let read = packed.read(&mut |block| {
        if all.is_empty() {
            all = block;
        } else {
            all.extend_from_slice(&block);
        }
        true
    });
    read.map_err(|e| e.at(path))?;
    Ok((Bytes::Owned(all), compression))
}

/// Opens a file without reading it: an uncompressed file is mapped; of other sources only the first bytes are read.
pub(super) fn open_lazily(path: &Path, member: Option<&str>) -> Result<(Opened, Compression)> {
    let cannot_read = |e| Error::io(path, "read it", e);
    let mut file = File::open(path).map_err(|e| Error::io(path, "open it", e))?;
    let metadata = file.metadata().map_err(cannot_read)?;
    if metadata.is_dir() {
        return Err(Malformed::at(Place::File, "a file", "a folder").in_file(path.to_string_lossy()).into());
    }
    let mut first = Vec::new();
    file.by_ref().take(Compression::MAGIC_LENGTH).read_to_end(&mut first).map_err(cannot_read)?;
    let compression = detect_compression(&first, member)?;
    // An empty file cannot be mapped, and a pipe has no length.
    let origin = if !metadata.is_file() || metadata.len() == 0 {
        Origin::Pipe(first, file)
    } else if compression == Compression::None {
        return Ok((Opened::Whole(map(file, path)?), compression));
    } else {
        file.rewind().map_err(cannot_read)?;
        Origin::File(file, metadata.len())
    };
    Ok((Opened::Packed(Packed { compression, member: member.map(str::to_owned), origin }), compression))
}

/// As [`open_lazily`], for a file whose bytes are in memory.
pub(super) fn in_memory(bytes: Vec<u8>, member: Option<&str>) -> Result<(Opened, Compression)> {
    let compression = detect_compression(&bytes, member)?;
    let opened = match compression {
        Compression::None => Opened::Whole(Bytes::Owned(bytes)),
        _ => Opened::Packed(Packed { compression, member: member.map(str::to_owned), origin: Origin::Memory(bytes) }),
    };
    Ok((opened, compression))
}

fn detect_compression(first: &[u8], member: Option<&str>) -> Result<Compression> {
    let compression = Compression::of(first);
    if compression != Compression::Zip && member.is_some() {
        return Err(Error::other("a member can only be chosen from a zip archive, and the file is not one"));
    }
    Ok(compression)
}

/// Maps a file.
fn map(file: File, path: &Path) -> Result<Bytes> {
    #[allow(unsafe_code)]
    // SAFETY: the map is read-only, and every reader checks bounds against the length at this point. The compiler cannot know
    // that the file does not change meanwhile: if another process writes into it, readers may see a mix of old and new bytes
    // (which they check like any bytes); if another process shortens it, the system ends this process at the first access
    // past the new end. This is the contract of every memory-mapped reader, stated in `docs/reference/formats.md`. This
    // library never writes into an existing file: it writes a new file and renames it.
    let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, "map it", e))?;
    Ok(Bytes::Mapped(map, file))
}
