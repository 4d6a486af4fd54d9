//! Downloading a range of bytes to a file, and resuming an interrupted download.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::client::{Client, RequestError, Response};
use super::options::FetchEvent;
use crate::error::{Error, Result};

/// Size of the read buffer in bytes.
const BUFFER: usize = 256 << 10;

/// Number of received bytes that reset the count of retries, so that an unreliable connection still completes.
const PROGRESS: u64 = 1 << 20;

/// A range of bytes at an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ByteRange {
    /// The address.
    pub address: String,
    /// The first byte.
    pub first: u64,
    /// The byte after the last; `None` if the size is unknown.
    pub end: Option<u64>,
    /// Size of the whole file in bytes, if known.
    pub total: Option<u64>,
    /// Identifies this version of the file, if the server supports it.
    pub validator: Option<String>,
}

impl ByteRange {
    /// Length of the range in bytes, if known.
    pub fn length(&self) -> Option<u64> {
        self.end.map(|end| end - self.first)
    }

    /// Whether the range is the whole file.
    fn is_whole(&self) -> bool {
        self.first == 0 && self.end == self.total
    }
}

/// The path of the note that describes a partial file.
fn note_path(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Number of bytes of `range` that the partial file already has.
pub(super) fn received(part: &Path, range: &ByteRange, checked: bool) -> u64 {
    let length = std::fs::metadata(part).map_or(0, |metadata| metadata.len());
    if length > 0 && continues(part, range, checked) && range.length().is_none_or(|max| length <= max) {
        length
    } else {
        0
    }
}

/// Whether a partial file belongs to `range`: its note says so, and another version of the file would be detected by the server's
/// validator or by a checksum.
fn continues(part: &Path, range: &ByteRange, checked: bool) -> bool {
    let note: Option<ByteRange> =
        std::fs::read(note_path(part)).ok().and_then(|note| serde_json::from_slice(&note).ok());
    note.as_ref() == Some(range) && (range.validator.is_some() || checked)
}

/// Deletes a partial file and its note.
pub(super) fn remove(part: &Path) {
    // A file that cannot be deleted is checked again before it is used.
    let _ = std::fs::remove_file(part);
    let _ = std::fs::remove_file(note_path(part));
}

/// Deletes the note of a file that is complete.
pub(super) fn remove_note(part: &Path) {
    let _ = std::fs::remove_file(note_path(part));
}

/// A partial file.
struct PartialFile<'a> {
    path: &'a Path,
    file: File,
    /// Number of bytes received.
    length: u64,
}

impl PartialFile<'_> {
    /// Opens the file, or creates it. The second value says whether received bytes were discarded.
    fn open<'a>(path: &'a Path, range: &ByteRange, checked: bool) -> Result<(PartialFile<'a>, bool)> {
        let kept = received(path, range, checked);
        let found = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
        let file = File::options().create(true).append(true).open(path).map_err(|e| Error::io(path, "write it", e))?;
        let mut part = PartialFile { path, file, length: kept };
        if kept == 0 {
            part.restart(range)?;
        }
        Ok((part, found && kept == 0))
    }

    /// Empties the file and writes its note.
    fn restart(&mut self, range: &ByteRange) -> Result<()> {
        self.length = 0;
        self.file.set_len(0).map_err(|e| Error::io(self.path, "write it", e))?;
        let note = note_path(self.path);
        let text = serde_json::to_vec(range).map_err(|e| Error::io(&note, "write it", e.into()))?;
        std::fs::write(&note, text).map_err(|e| Error::io(&note, "write it", e))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::io(self.path, "write it", e))?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// Downloads `range` into the file `part`, and resumes if that has some of it. `checked` says that the caller compares a checksum,
/// so that bytes of another version of the file would be detected. More than `max` bytes are refused.
///
/// # Errors
/// Errors of the server, a server that cannot be reached or interrupts too often, and one that sends other or more bytes than it
/// announced. Received bytes are kept in `part`, unless they cannot be right.
pub(super) fn download(
    client: &Client,
    range: &ByteRange,
    part: &Path,
    checked: bool,
    max: u64,
    events: &mut dyn FnMut(FetchEvent),
) -> Result<()> {
    let mut range = range.clone();
    let (mut part, restarted) = PartialFile::open(part, &range, checked)?;
    if restarted {
        events(FetchEvent::Restarted("the file on the server is not the one of the earlier download"));
    }
    let mut retries = client.retries();
    loop {
        events(FetchEvent::Received(part.length));
        if range.length() == Some(part.length) {
            break;
        }
        let before = part.length;
        let error = match once(client, &mut range, &mut part, max, events)? {
            None => break,
            Some(error) => error,
        };
        if part.length >= before + PROGRESS {
            retries.reset();
        }
        let (reason, pause) = retries.after(error, client)?;
        events(FetchEvent::Retrying { reason: &reason, pause });
        std::thread::sleep(pause);
        if part.length > 0 && range.validator.is_none() && !checked {
            events(FetchEvent::Restarted("the server does not say whether the file is still the same"));
            part.restart(&range)?;
        }
    }
    part.file.sync_all().map_err(|e| Error::io(part.path, "write it", e))
}

/// One request; the body is written as it arrives. `None` if the range is complete.
fn once(
    client: &Client,
    range: &mut ByteRange,
    part: &mut PartialFile,
    max: u64,
    events: &mut dyn FnMut(FetchEvent),
) -> Result<Option<RequestError>> {
    let whole = range.is_whole() && part.length == 0;
    let (first, end) = if whole { (0, None) } else { (range.first + part.length, range.end) };
    let mut response = match client.request(first, end, range.validator.as_deref()) {
        Ok(response) => response,
        Err(error) => return Ok(Some(error)),
    };
    if !whole {
        if response.partial {
            if response.total.is_some() && range.total.is_some() && response.total != range.total {
                remove(part.path);
                let (now, then) = (response.total.unwrap_or_default(), range.total.unwrap_or_default());
                return Err(client.error_with_advice(
                    format!("a file of {then} bytes, as before"),
                    format!("one of {now}"),
                    "it has changed on the server: run the command again",
                ));
            }
        } else if range.is_whole() {
            let same = response.validator.is_some() && response.validator == range.validator;
            events(FetchEvent::Restarted(if same || range.validator.is_none() {
                "the server does not support range requests"
            } else {
                "the file has changed on the server"
            }));
        } else {
            remove(part.path);
            return Err(client.error_with_advice(
                "a range of the archive",
                "the whole archive",
                "it has changed on the server: run the command again",
            ));
        }
    }
    if !response.partial {
        // The whole file in its current version. A server that does not state its length may have stated it before.
        let length = response.length.or(range.total.filter(|_| response.validator == range.validator));
        (range.end, range.total, range.validator) = (length, length, response.validator.clone());
        if length.is_some_and(|length| length > max) {
            return Err(too_long(client, max, "more"));
        }
        part.restart(range)?;
    }
    let limit = range.length().unwrap_or(max);
    let outcome = copy(&mut response, part, limit, events)?;
    match outcome {
        BodyEnd::Interrupted(reason) => Ok(Some(RequestError::Transient(reason, None))),
        BodyEnd::TooLong => {
            remove(part.path);
            Err(too_long(client, limit, "more"))
        }
        BodyEnd::Complete => match range.length() {
            Some(length) if part.length < length => {
                let reason = format!("the connection was closed after {} of {length} bytes", part.length);
                Ok(Some(RequestError::Transient(reason, None)))
            }
            _ => Ok(None),
        },
    }
}

fn too_long(client: &Client, max: u64, found: &str) -> Error {
    client.error(format!("at most {max} bytes"), found)
}

/// How the body of a response ended.
enum BodyEnd {
    /// Complete, as far as the connection tells.
    Complete,
    /// The connection was interrupted, for this reason.
    Interrupted(String),
    /// The server sent more bytes than it announced.
    TooLong,
}

fn copy(
    response: &mut Response,
    part: &mut PartialFile,
    limit: u64,
    events: &mut dyn FnMut(FetchEvent),
) -> Result<BodyEnd> {
    let mut body = response.body();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => return Ok(BodyEnd::Complete),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Ok(BodyEnd::Interrupted(reason(&error))),
        };
        if read as u64 > limit.saturating_sub(part.length) {
            return Ok(BodyEnd::TooLong);
        }
        part.write(&buffer[..read])?;
        events(FetchEvent::Received(part.length));
    }
}

/// Why a connection was interrupted, in plain words.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "the server sent nothing for too long".to_owned(),
        _ if error.get_ref().is_some_and(|e| matches!(e.downcast_ref(), Some(ureq::Error::Timeout(_)))) => {
            "the server sent nothing for too long".to_owned()
        }
        ErrorKind::UnexpectedEof => "the connection was closed too early".to_owned(),
        _ => error.to_string(),
    }
}
