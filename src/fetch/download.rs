//! Writing a range of the bytes at an address to a file, and going on with it after a break.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Event;
use super::client::{Answer, Client, Trouble};
use crate::error::{Error, Result};

/// Bytes that are read at a time.
const BUFFER: usize = 256 << 10;

/// Bytes after which a connection was worth its while, so that a line that breaks often still gets to the end.
const PROGRESS: u64 = 1 << 20;

/// What is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    /// Where.
    pub address: String,
    /// The first byte.
    pub first: u64,
    /// The byte after the last; `None` where nobody knows how many there are.
    pub end: Option<u64>,
    /// Bytes of the whole file, where that is known.
    pub total: Option<u64>,
    /// What tells this state of the file from others, where the server says it.
    pub validator: Option<String>,
}

impl Wanted {
    /// Bytes of the file that are wanted, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.end.map(|end| end - self.first)
    }

    /// Whether it is the whole file.
    fn is_whole(&self) -> bool {
        self.first == 0 && self.end == self.total
    }
}

/// The note beside a part that says what it is a part of.
fn note_of(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Bytes that are already there of what is wanted.
pub(super) fn there(part: &Path, wanted: &Wanted, checked: bool) -> u64 {
    let length = std::fs::metadata(part).map_or(0, |metadata| metadata.len());
    if length > 0 && continues(part, wanted, checked) && wanted.length().is_none_or(|most| length <= most) {
        length
    } else {
        0
    }
}

/// Whether a part is one of what is wanted: its note says so, and the server tells states of the file apart, or a checksum
/// will.
fn continues(part: &Path, wanted: &Wanted, checked: bool) -> bool {
    let note: Option<Wanted> = std::fs::read(note_of(part)).ok().and_then(|note| serde_json::from_slice(&note).ok());
    note.as_ref() == Some(wanted) && (wanted.validator.is_some() || checked)
}

/// Removes a part and its note.
pub(super) fn remove(part: &Path) {
    // What cannot be removed is seen not to fit, or to be whole, the next time.
    let _ = std::fs::remove_file(part);
    let _ = std::fs::remove_file(note_of(part));
}

/// Removes the note of a part that has become whole.
pub(super) fn remove_note(part: &Path) {
    let _ = std::fs::remove_file(note_of(part));
}

/// A part that grows.
struct Part<'a> {
    path: &'a Path,
    file: File,
    /// Bytes that are there.
    length: u64,
}

impl Part<'_> {
    /// Opens what is there of it, or begins it.
    fn open<'a>(path: &'a Path, wanted: &Wanted, checked: bool) -> Result<(Part<'a>, bool)> {
        let kept = there(path, wanted, checked);
        let found = std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
        let file = File::options().create(true).append(true).open(path).map_err(|e| Error::io(path, "write it", e))?;
        let mut part = Part { path, file, length: kept };
        if kept == 0 {
            part.restart(wanted)?;
        }
        Ok((part, found && kept == 0))
    }

    /// Begins again.
    fn restart(&mut self, wanted: &Wanted) -> Result<()> {
        self.length = 0;
        self.file.set_len(0).map_err(|e| Error::io(self.path, "write it", e))?;
        let note = note_of(self.path);
        let text = serde_json::to_vec(wanted).map_err(|e| Error::io(&note, "write it", e.into()))?;
        std::fs::write(&note, text).map_err(|e| Error::io(&note, "write it", e))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::io(self.path, "write it", e))?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

/// Fetches what is wanted into the file `part`, from where that ends if it is a part of it. `checked` says that a checksum
/// will be compared, so that parts of another state of the file would be noticed. More than `most` bytes are refused.
///
/// # Errors
/// What the server refuses, a server that cannot be reached or breaks off too often, and one that sends other or more bytes
/// than it said. What came stays in `part`, unless it cannot be right.
pub(super) fn download(
    client: &Client,
    wanted: &Wanted,
    part: &Path,
    checked: bool,
    most: u64,
    events: &mut dyn FnMut(Event),
) -> Result<()> {
    let mut wanted = wanted.clone();
    let (mut part, restarted) = Part::open(part, &wanted, checked)?;
    if restarted {
        events(Event::Restarted("what was fetched before is not part of the file that the server has now"));
    }
    let mut patience = client.patience();
    loop {
        events(Event::Received(part.length));
        if wanted.length() == Some(part.length) {
            break;
        }
        let before = part.length;
        let trouble = match once(client, &mut wanted, &mut part, most, events)? {
            None => break,
            Some(trouble) => trouble,
        };
        if part.length >= before + PROGRESS {
            patience.renew();
        }
        let (reason, pause) = patience.after(trouble, client)?;
        events(Event::Retrying { reason: &reason, pause });
        std::thread::sleep(pause);
        if part.length > 0 && wanted.validator.is_none() && !checked {
            events(Event::Restarted("the server does not say whether the file is still the same"));
            part.restart(&wanted)?;
        }
    }
    part.file.sync_all().map_err(|e| Error::io(part.path, "write it", e))
}

/// One request and its answer, written as it comes. `None` when all is there.
fn once(
    client: &Client,
    wanted: &mut Wanted,
    part: &mut Part,
    most: u64,
    events: &mut dyn FnMut(Event),
) -> Result<Option<Trouble>> {
    let whole = wanted.is_whole() && part.length == 0;
    let (first, end) = if whole { (0, None) } else { (wanted.first + part.length, wanted.end) };
    let mut answer = match client.ask(first, end, wanted.validator.as_deref()) {
        Ok(answer) => answer,
        Err(trouble) => return Ok(Some(trouble)),
    };
    if !whole {
        if answer.partial {
            if answer.total.is_some() && wanted.total.is_some() && answer.total != wanted.total {
                remove(part.path);
                let (now, then) = (answer.total.unwrap_or_default(), wanted.total.unwrap_or_default());
                return Err(client.wrong_advise(
                    format!("a file of {then} bytes, as before"),
                    format!("one of {now}"),
                    "it changed on the server meanwhile: run the command again",
                ));
            }
        } else if wanted.is_whole() {
            let same = answer.validator.is_some() && answer.validator == wanted.validator;
            events(Event::Restarted(if same || wanted.validator.is_none() {
                "the server sends no parts of files"
            } else {
                "the file has changed on the server"
            }));
        } else {
            remove(part.path);
            return Err(client.wrong_advise(
                "a part of the archive",
                "all of it",
                "it changed on the server meanwhile: run the command again",
            ));
        }
    }
    if !answer.partial {
        // The whole file, in the state in which it is now. A server that does not say how long it is has said so before.
        let length = answer.length.or(wanted.total.filter(|_| answer.validator == wanted.validator));
        (wanted.end, wanted.total, wanted.validator) = (length, length, answer.validator.clone());
        if length.is_some_and(|length| length > most) {
            return Err(too_long(client, most, "more"));
        }
        part.restart(wanted)?;
    }
    let limit = wanted.length().unwrap_or(most);
    let outcome = copy(&mut answer, part, limit, events)?;
    match outcome {
        StopReason::Broken(reason) => Ok(Some(Trouble::Passing(reason, None))),
        StopReason::Beyond => {
            remove(part.path);
            Err(too_long(client, limit, "more bytes than that"))
        }
        StopReason::Whole => match wanted.length() {
            Some(length) if part.length < length => {
                let reason = format!("the connection ended after {} of {length} bytes", part.length);
                Ok(Some(Trouble::Passing(reason, None)))
            }
            _ => Ok(None),
        },
    }
}

fn too_long(client: &Client, most: u64, found: &str) -> Error {
    client.wrong(format!("at most {most} bytes"), found)
}

/// How an answer's body ended.
enum StopReason {
    /// The server closed it in good order.
    Whole,
    /// It broke off.
    Broken(String),
    /// It did not end where it should.
    Beyond,
}

fn copy(answer: &mut Answer, part: &mut Part, limit: u64, events: &mut dyn FnMut(Event)) -> Result<StopReason> {
    let mut body = answer.body();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => return Ok(StopReason::Whole),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Ok(StopReason::Broken(reason(&error))),
        };
        if read as u64 > limit.saturating_sub(part.length) {
            return Ok(StopReason::Beyond);
        }
        part.write(&buffer[..read])?;
        events(Event::Received(part.length));
    }
}

/// Why a connection broke off, in plain words where the client's are not.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "nothing came for too long".to_owned(),
        _ if error.get_ref().is_some_and(|e| matches!(e.downcast_ref(), Some(ureq::Error::Timeout(_)))) => {
            "nothing came for too long".to_owned()
        }
        ErrorKind::UnexpectedEof => "the connection ended too early".to_owned(),
        _ => error.to_string(),
    }
}
