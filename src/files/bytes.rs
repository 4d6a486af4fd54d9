//! A whole file as bytes: mapped, or inflated from gzip or zip. The one place that maps files.

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
    /// The file itself, mapped; kept open, so that its length can be asked for again.
    Mapped(Mmap, File),
    /// Inflated, or read from something that cannot be mapped (a pipe).
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

/// The system may map pages around one that is touched, in windows of up to this size, and so bring back some of what was
/// released just before.
#[cfg(unix)]
const WINDOW: usize = 2 << 20;

impl Bytes {
    /// Tells the system that the pages of `part`, which is a part of these bytes, will not be touched for a while, so that
    /// a large mapped file does not fill the memory that this process is seen to use. They come back when they are touched.
    pub fn release(&self, part: &[u8]) {
        #[cfg(unix)]
        if let Bytes::Mapped(map, _) = self {
            let start = part.as_ptr().addr().wrapping_sub(map.as_ptr().addr());
            if start <= map.len() && part.len() <= map.len() - start {
                let before = start % WINDOW;
                #[allow(unsafe_code)]
                // SAFETY: pages of a shared, read-only map of a file hold nothing but the file's bytes. One that is dropped
                // is read from the file again when it is touched next, so no byte changes for those who hold slices of it.
                let advised = unsafe {
                    map.unchecked_advise_range(UncheckedAdvice::DontNeed, start - before, before + part.len())
                };
                // Advice that is not taken changes nothing but the memory in use.
                drop(advised);
            }
        }
        #[cfg(not(unix))]
        let _ = part;
    }

    /// Checks that a mapped file, which `path` named, is not shorter than when it was mapped: reading past its end would
    /// end the program.
    ///
    /// # Errors
    /// A file that was shortened meanwhile.
    pub fn check_length(&self, path: &Path) -> Result<()> {
        let Bytes::Mapped(map, file) = self else { return Ok(()) };
        let length = file.metadata().map_err(|e| Error::io(path, "read it", e))?.len();
        if length < map.len() as u64 {
            let expected = format!("{} bytes, as when it was opened", map.len());
            return Err(Malformed::at(Place::File, expected, length.to_string())
                .advise("something shortened the file while it was in use: open it again")
                .in_file(path.to_string_lossy())
                .into());
        }
        Ok(())
    }
}

/// What a file was opened as.
pub(super) enum Opened {
    /// All of its bytes.
    Whole(Bytes),
    /// Something that must be read from its front.
    Packed(Packed),
}

/// Opens a file: maps it, and inflates it when it begins like gzip or zip.
///
/// `member` names the member to take from a zip archive; an archive with a single file needs no name. Pipes and other
/// things that cannot be mapped are read to their end.
///
/// # Errors
/// A file that is not there or may not be read; a folder; an archive that is damaged, empty, inflates to more than 64 times
/// its size, or holds several files and no `member` was named (the error lists them).
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

/// Opens a file: maps it, if that is possible and all there is to do; otherwise nothing of it is read yet but its first bytes.
pub(super) fn open_lazily(path: &Path, member: Option<&str>) -> Result<(Opened, Compression)> {
    let cannot_read = |e| Error::io(path, "read it", e);
    let mut file = File::open(path).map_err(|e| Error::io(path, "open it", e))?;
    let metadata = file.metadata().map_err(cannot_read)?;
    if metadata.is_dir() {
        return Err(Malformed::at(Place::File, "a file", "a folder").in_file(path.to_string_lossy()).into());
    }
    let mut first = Vec::new();
    file.by_ref().take(Compression::MAGIC_LENGTH).read_to_end(&mut first).map_err(cannot_read)?;
    let compression = wrapping_of(&first, member)?;
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

/// As [`open_lazily`], of a file whose bytes are in memory.
pub(super) fn in_memory(bytes: Vec<u8>, member: Option<&str>) -> Result<(Opened, Compression)> {
    let compression = wrapping_of(&bytes, member)?;
    let opened = match compression {
        Compression::None => Opened::Whole(Bytes::Owned(bytes)),
        _ => Opened::Packed(Packed { compression, member: member.map(str::to_owned), origin: Origin::Memory(bytes) }),
    };
    Ok((opened, compression))
}

fn wrapping_of(first: &[u8], member: Option<&str>) -> Result<Compression> {
    let compression = Compression::of(first);
    if compression != Compression::Zip && member.is_some() {
        return Err(Error::invalid("member", "a zip archive", "a file that is not one"));
    }
    Ok(compression)
}

/// The file as it lies on the disk.
fn map(file: File, path: &Path) -> Result<Bytes> {
    #[allow(unsafe_code)]
    // SAFETY: the map is read-only and private to this process, and every reader checks bounds against the length taken
    // here. What the compiler cannot know is that nobody changes the file meanwhile: another process that writes into it
    // may show us a mix of old and new bytes (which the readers then judge as they judge any bytes), and one that
    // shortens it makes the system end this process when a page past the new end is touched. That is the contract of
    // every memory-mapped reader; `docs/reference/formats.md` states it. Our own writers never write into an existing file: they
    // write beside it and rename.
    let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, "map it", e))?;
    Ok(Bytes::Mapped(map, file))
}
