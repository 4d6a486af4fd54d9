//! Downloading one member of a zip archive: the member is found in the directory at the archive's end and downloaded as a range of
//! bytes; with a new directory appended, these bytes are a zip archive of one member.

use std::io::{self, Read, Seek, SeekFrom};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::client::{Client, RequestError};
use crate::error::{Error, Result};
use crate::files::max_inflated;

/// Bytes per request while the central directory is read; it usually fits in one request.
const BLOCK: u64 = 64 << 10;

/// Maximum number of bytes that are downloaded to read the central directory and the member's header.
const MAX_FETCHED: u64 = 8 << 20;

/// Size of a central directory entry in bytes, without its name and extra fields.
const ENTRY: usize = 46;

/// The value of a 32-bit field whose number is in a ZIP64 extra field.
const IN_ZIP64: [u8; 4] = [0xff; 4];

/// A member: which bytes of the archive to download, and what to append to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ArchiveMember {
    /// The first byte of the member's header.
    pub first: u64,
    /// The byte after its data.
    pub end: u64,
    /// The central directory of an archive with only this member.
    pub directory: Vec<u8>,
}

/// Finds a member by its name. `None` for one that is too large for a directory without ZIP64.
///
/// # Errors
/// A file that is not a zip archive, a missing member, and a member that cannot be read or expands too much.
pub(super) fn find(client: &Client, total: u64, validator: Option<&str>, name: &str) -> Result<Option<ArchiveMember>> {
    let remote = RemoteArchive { client, validator, total, at: 0, block: Vec::new(), block_at: 0, fetched: 0 };
    let expected = "a complete zip archive";
    let damaged = |e: ZipError| match e {
        ZipError::Io(e) => match e.downcast::<Error>() {
            Ok(error) => error,
            Err(e) => client.error(expected, e.to_string()),
        },
        e => client.error(expected, e.to_string()),
    };
    let mut archive = ZipArchive::new(remote).map_err(damaged)?;
    let Some(index) = archive.index_for_name(name) else {
        let names: Vec<String> = archive.file_names().flatten().take(20).map(|name| format!("{name:?}")).collect();
        return Err(client.error(format!("a member named `{name}`"), names.join(", ")));
    };
    let raw = archive.by_index_raw(index).map_err(damaged)?;
    let refused = |found: String| client.error("a member that can be read", format!("`{name}`, which {found}"));
    if raw.encrypted() {
        return Err(refused("is encrypted".to_owned()));
    }
    if !matches!(raw.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(refused(format!("is compressed with {}", raw.compression())));
    }
    let (packed, size, first, listed) =
        (raw.compressed_size(), raw.size(), raw.header_start(), raw.central_header_start());
    if size > max_inflated(packed) {
        return Err(refused(format!("expands from {packed} bytes to {size}")));
    }
    let end = raw.data_start().and_then(|start| start.checked_add(packed)).filter(|end| *end <= total && first < *end);
    drop(raw);
    let Some(end) = end else { return Err(refused("ends after the end of the archive".to_owned())) };
    let mut remote = archive.into_inner();
    let mut entry = vec![0; ENTRY + name.len()];
    let read = remote.seek(SeekFrom::Start(listed)).and_then(|_| remote.read_exact(&mut entry));
    read.map_err(|e| damaged(e.into()))?;
    if !entry.starts_with(b"PK\x01\x02") || entry[ENTRY..] != *name.as_bytes() {
        return Err(client.error(expected, format!("another entry instead of `{name}`")));
    }
    Ok(directory_of(entry, packed, size, end - first).map(|directory| ArchiveMember { first, end, directory }))
}

/// The central directory of an archive whose only member takes its first `length` bytes: the member's entry in the original
/// archive, and the end record. `None` if the directory would begin after 4 GiB.
fn directory_of(mut entry: Vec<u8>, packed: u64, size: u64, length: u64) -> Option<Vec<u8>> {
    let at = u32::try_from(length).ok().filter(|at| *at < u32::MAX)?;
    // Sizes that do not fit in 32 bits are in a ZIP64 extra field: the size, then the compressed size.
    let mut wide = Vec::new();
    for (field, number) in [(24, size), (20, packed)] {
        if entry.get(field..field + 4)? == IN_ZIP64 {
            wide.extend(number.to_le_bytes());
        }
    }
    let mut extra = Vec::new();
    if !wide.is_empty() {
        extra.extend([1, 0]);
        extra.extend((wide.len() as u16).to_le_bytes());
        extra.extend(wide);
    }
    // The length of the extra fields; then no comment, the first disk, no attributes, the first byte.
    entry.get_mut(30..32)?.copy_from_slice(&(extra.len() as u16).to_le_bytes());
    entry.get_mut(32..ENTRY)?.fill(0);
    entry.extend(extra);
    let listed = entry.len() as u32;
    let mut end = entry;
    end.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    end.extend(listed.to_le_bytes());
    end.extend(at.to_le_bytes());
    end.extend([0, 0]);
    Some(end)
}

/// An archive on a server, read in blocks; the last block is cached.
struct RemoteArchive<'a> {
    client: &'a Client,
    validator: Option<&'a str>,
    total: u64,
    at: u64,
    block: Vec<u8>,
    block_at: u64,
    fetched: u64,
}

impl RemoteArchive<'_> {
    /// Downloads the block that begins at `first`.
    fn fetch(&mut self, first: u64) -> Result<()> {
        let end = (first + BLOCK).min(self.total);
        self.fetched += end - first;
        if self.fetched > MAX_FETCHED {
            let found = format!("one with a directory of more than {MAX_FETCHED} bytes");
            return Err(self.client.error("an archive with few members", found));
        }
        let mut retries = self.client.retries();
        loop {
            match self.block(first, end) {
                Ok(block) => {
                    (self.block, self.block_at) = (block, first);
                    return Ok(());
                }
                Err(error) => {
                    let (_, pause) = retries.after(error, self.client)?;
                    std::thread::sleep(pause);
                }
            }
        }
    }

    fn block(&self, first: u64, end: u64) -> Result<Vec<u8>, RequestError> {
        let mut response = self.client.request(first, Some(end), self.validator)?;
        if !response.partial || response.total.is_some_and(|total| total != self.total) {
            let error = self.client.error_with_advice(
                "the same file as before",
                "another",
                "it has changed on the server: run the command again",
            );
            return Err(RequestError::Permanent(error));
        }
        let mut block = Vec::new();
        let read = response.body().take(end - first).read_to_end(&mut block);
        read.map_err(|e| RequestError::Transient(e.to_string(), None))?;
        if block.len() as u64 != end - first {
            return Err(RequestError::Transient(format!("{} bytes of {}", block.len(), end - first), None));
        }
        Ok(block)
    }
}

impl Read for RemoteArchive<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.total || buffer.is_empty() {
            return Ok(0);
        }
        let held = self.block_at..self.block_at + self.block.len() as u64;
        if !held.contains(&self.at) {
            // Near the end, everything up to the end: the directory is read from there.
            let first = self.at.min(self.total.saturating_sub(BLOCK));
            self.fetch(first).map_err(io::Error::other)?;
        }
        let rest = self.block.get((self.at - self.block_at) as usize..).unwrap_or_default();
        let taken = rest.len().min(buffer.len());
        buffer[..taken].copy_from_slice(&rest[..taken]);
        self.at += taken as u64;
        Ok(taken)
    }
}

impl Seek for RemoteArchive<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.total.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the beginning"))?;
        Ok(self.at)
    }
}
