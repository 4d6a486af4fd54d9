//! One member of a zip archive that lies on a server: found by reading the archive's end, fetched as a range of its bytes,
//! and made an archive of its own by an end of ours.

use std::io::{self, Read, Seek, SeekFrom};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::client::{Client, Trouble};
use crate::error::{Error, Result};
use crate::files::most_inflated;

/// Bytes of a request while the list of members is read: it stands at the end, and fits in most archives.
const BLOCK: u64 = 64 << 10;

/// Bytes of a list of members, and of what precedes a member's data, that are fetched at the most.
const MOST_FETCHED: u64 = 8 << 20;

/// Bytes of a member's entry in the list, without its name and what follows that.
const ENTRY: usize = 46;

/// A field of 32 bits whose number stands elsewhere, in 64.
const ELSEWHERE: [u8; 4] = [0xff; 4];

/// A member: which bytes of the archive to fetch, and what to write behind them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The first byte of the member's header.
    pub first: u64,
    /// The byte after its data.
    pub end: u64,
    /// The end of an archive that has this member alone.
    pub closing: Vec<u8>,
}

/// Finds a member by its name. `None` for one that is too large to be had so.
///
/// # Errors
/// What is no archive, an archive without that member, and a member that cannot be read or inflates without end.
pub(super) fn find(client: &Client, total: u64, validator: Option<&str>, name: &str) -> Result<Option<Member>> {
    let remote = Remote { client, validator, total, at: 0, block: Vec::new(), block_at: 0, fetched: 0 };
    let expected = "a whole zip archive";
    let damaged = |e: ZipError| match e {
        ZipError::Io(e) => match e.downcast::<Error>() {
            Ok(error) => error,
            Err(e) => client.wrong(expected, e.to_string()),
        },
        e => client.wrong(expected, e.to_string()),
    };
    let mut archive = ZipArchive::new(remote).map_err(damaged)?;
    let Some(index) = archive.index_for_name(name) else {
        let names: Vec<String> = archive.file_names().flatten().take(20).map(|name| format!("{name:?}")).collect();
        return Err(client.wrong(format!("a member named `{name}`"), format!("these: {}", names.join(", "))));
    };
    let raw = archive.by_index_raw(index).map_err(damaged)?;
    let refused = |found: String| client.wrong("a member that can be read", format!("`{name}`, which {found}"));
    if raw.encrypted() {
        return Err(refused("is encrypted".to_owned()));
    }
    if !matches!(raw.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
        return Err(refused(format!("is packed as {}", raw.compression())));
    }
    let (packed, size, first, listed) =
        (raw.compressed_size(), raw.size(), raw.header_start(), raw.central_header_start());
    if size > most_inflated(packed) {
        return Err(refused(format!("inflates from {packed} bytes to {size}")));
    }
    let end = raw.data_start().and_then(|start| start.checked_add(packed)).filter(|end| *end <= total && first < *end);
    drop(raw);
    let Some(end) = end else { return Err(refused("ends behind the end of the archive".to_owned())) };
    let mut remote = archive.into_inner();
    let mut entry = vec![0; ENTRY + name.len()];
    let read = remote.seek(SeekFrom::Start(listed)).and_then(|_| remote.read_exact(&mut entry));
    read.map_err(|e| damaged(e.into()))?;
    if !entry.starts_with(b"PK\x01\x02") || entry[ENTRY..] != *name.as_bytes() {
        return Err(client.wrong(expected, format!("another entry in the place of `{name}`")));
    }
    Ok(closing(entry, packed, size, end - first).map(|closing| Member { first, end, closing }))
}

/// The end of an archive whose only member takes its first `length` bytes: the member's entry, as the archive it comes from
/// has it, and the record that ends every archive. `None` where the entry would begin behind 4 GiB.
fn closing(mut entry: Vec<u8>, packed: u64, size: u64, length: u64) -> Option<Vec<u8>> {
    let at = u32::try_from(length).ok().filter(|at| *at < u32::MAX)?;
    // What does not fit in 32 bits follows the name: the size, then the packed size.
    let mut wide = Vec::new();
    for (field, number) in [(24, size), (20, packed)] {
        if entry.get(field..field + 4)? == ELSEWHERE {
            wide.extend(number.to_le_bytes());
        }
    }
    let mut extra = Vec::new();
    if !wide.is_empty() {
        extra.extend([1, 0]);
        extra.extend((wide.len() as u16).to_le_bytes());
        extra.extend(wide);
    }
    // The length of what follows the name; then no comment, on the first disk, no attributes, at the first byte.
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

/// An archive on a server, read in blocks, of which the last one is held.
struct Remote<'a> {
    client: &'a Client,
    validator: Option<&'a str>,
    total: u64,
    at: u64,
    block: Vec<u8>,
    block_at: u64,
    fetched: u64,
}

impl Remote<'_> {
    /// Fetches the block that begins at `first`.
    fn fetch(&mut self, first: u64) -> Result<()> {
        let end = (first + BLOCK).min(self.total);
        self.fetched += end - first;
        if self.fetched > MOST_FETCHED {
            let found = format!("one whose list is longer than {MOST_FETCHED} bytes");
            return Err(self.client.wrong("an archive of a few members", found));
        }
        let mut patience = self.client.patience();
        loop {
            match self.block(first, end) {
                Ok(block) => {
                    (self.block, self.block_at) = (block, first);
                    return Ok(());
                }
                Err(trouble) => {
                    let (_, pause) = patience.after(trouble, self.client)?;
                    std::thread::sleep(pause);
                }
            }
        }
    }

    fn block(&self, first: u64, end: u64) -> Result<Vec<u8>, Trouble> {
        let mut answer = self.client.ask(first, Some(end), self.validator)?;
        if !answer.partial || answer.total.is_some_and(|total| total != self.total) {
            let error = self.client.wrong_advise(
                "the same file as a moment ago",
                "another",
                "it changed on the server meanwhile: run the command again",
            );
            return Err(Trouble::Final(error));
        }
        let mut block = Vec::new();
        let read = answer.body().take(end - first).read_to_end(&mut block);
        read.map_err(|e| Trouble::Passing(e.to_string(), None))?;
        if block.len() as u64 != end - first {
            return Err(Trouble::Passing(format!("{} bytes of {}", block.len(), end - first), None));
        }
        Ok(block)
    }
}

impl Read for Remote<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.total || buffer.is_empty() {
            return Ok(0);
        }
        let held = self.block_at..self.block_at + self.block.len() as u64;
        if !held.contains(&self.at) {
            // Near the end, all that is left up to it: the list of members is read from the back.
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

impl Seek for Remote<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.total.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a place before the beginning"))?;
        Ok(self.at)
    }
}
