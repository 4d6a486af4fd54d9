//! Fetching vectors by name: ask the server what there is, fetch it, check it, make a table file of it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Entry;
use super::archive::{self, Member};
use super::client::Client;
use super::download::{Wanted, download, remove, remove_note, there};
use super::store::{Store, Taken};
use crate::error::{Advice, Error, Malformed, Place, Result};
use crate::files::ElementType;
use crate::files::{Format, ReadOptions};
use crate::vectors::Vectors;

/// No file of vectors is longer, in bytes; a server that says otherwise is not believed.
const LONGEST: u64 = 64 << 30;

/// How to fetch.
#[derive(Debug, Clone)]
pub struct GetOptions {
    /// Where to fetch from in place of the publisher's address: the file's name is put behind it.
    pub mirror: Option<String>,
    /// How long to wait for a server that says nothing.
    pub stall: Duration,
    /// How often to ask in vain before giving up, at least once.
    pub attempts: u32,
    /// The pause before asking again; it doubles each time.
    pub pause: Duration,
    /// Keep the file as it was fetched, beside the table file.
    pub keep: bool,
    /// How to read what was fetched; the member is the entry's.
    pub read: ReadOptions,
}

impl Default for GetOptions {
    fn default() -> Self {
        GetOptions {
            mirror: None,
            stall: Duration::from_secs(60),
            attempts: 6,
            pause: Duration::from_secs(1),
            keep: false,
            read: ReadOptions::default(),
        }
    }
}

/// What happens while vectors are fetched.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Another process fetches the same; this one waits for it.
    Waiting,
    /// So many bytes are there by now.
    Received(u64),
    /// What was there is thrown away, and the download begins again; why.
    Restarted(&'a str),
    /// Something went wrong that may have passed after the pause.
    Retrying {
        /// What it was.
        reason: &'a str,
        /// How long to wait.
        pause: Duration,
    },
    /// All bytes are there, and are compared with their checksum.
    Checking,
    /// The table file is being made.
    Converting,
}

/// By what it is known that the right bytes came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// The publisher's MD5 of the file.
    Md5,
    /// The number of rows and the dimension, because no checksum is published.
    RowsAndDimension,
    /// The dimension, and the number of rows that the file itself begins with, because nothing else is known of it.
    Dimension,
}

impl Check {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Check::Md5 => "md5",
            Check::RowsAndDimension => "rows-and-dimension",
            Check::Dimension => "header-and-dimension",
        }
    }

    /// What there is to compare these vectors with.
    pub fn of(entry: &Entry) -> Check {
        match (entry.md5, entry.rows) {
            (Some(_), _) => Check::Md5,
            (None, Some(_)) => Check::RowsAndDimension,
            (None, None) => Check::Dimension,
        }
    }
}

/// What would be fetched, as the server tells it.
#[derive(Debug)]
pub struct Plan {
    entry: Entry,
    address: String,
    wanted: Wanted,
    member: Option<Member>,
    there: u64,
}

impl Plan {
    /// Where the bytes come from.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Bytes to fetch in all, where the server says it.
    pub fn bytes(&self) -> Option<u64> {
        self.wanted.length()
    }

    /// Bytes that are already there from an earlier time.
    pub fn there(&self) -> u64 {
        self.there
    }

    /// Whether one member is fetched out of a larger archive; if so, bytes of that.
    pub fn archive(&self) -> Option<u64> {
        self.member.as_ref().and(self.wanted.total)
    }

    /// By what it will be known that the right bytes came.
    pub fn check(&self) -> Check {
        Check::of(&self.entry)
    }

    /// The file's name as it is fetched.
    fn file_name(&self) -> String {
        match (&self.member, self.entry.member) {
            (Some(_), Some(member)) => format!("{member}.zip"),
            _ => self.entry.file_name().to_owned(),
        }
    }

    /// Whether parts of another state of the file would be noticed: by MD5, or by the CRC of a zip archive or of gzip.
    fn is_checked(&self) -> bool {
        let name = self.entry.file_name();
        self.entry.md5.is_some() || name.ends_with(".zip") || name.ends_with(".gz")
    }
}

/// What there is to do.
#[derive(Debug)]
pub enum Planned {
    /// Nothing: the table file is there, and has so many bytes.
    There(PathBuf, u64),
    /// Only to make the table file: the fetched file is there from an earlier time.
    Fetched(Plan),
    /// To fetch.
    Fetch(Plan),
}

/// Vectors that are there now.
#[derive(Debug)]
pub struct Fetched {
    /// The table file.
    pub table: PathBuf,
    /// The fetched file, if it was to be kept.
    pub original: Option<PathBuf>,
    /// Rows of the table.
    pub rows: usize,
    /// Numbers a row.
    pub dimension: usize,
    /// By what it is known that the right bytes came.
    pub check: Check,
    /// What a user should be told about the file, a sentence each.
    pub warnings: Vec<String>,
}

/// Asks the server what fetching these vectors would take. Little is transferred: the first byte, and of an archive the list
/// of its members. Of all events, `events` hears when a server is asked again.
///
/// # Errors
/// A server that cannot be reached, a file that is not there, and an archive without the member, or with one that cannot be
/// read.
pub fn plan(entry: &Entry, store: &Store, options: &GetOptions, events: &mut dyn FnMut(Event)) -> Result<Planned> {
    if let Some((table, bytes)) = store.fetched(entry) {
        return Ok(Planned::There(table, bytes));
    }
    let address = match &options.mirror {
        Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), entry.file_name()),
        None => entry.address.to_owned(),
    };
    let wanted = Wanted { address: address.clone(), first: 0, end: None, total: None, validator: None };
    let mut plan = Plan { entry: entry.clone(), address, wanted, member: None, there: 0 };
    let originals = [Some(plan.file_name()), entry.member.map(|member| format!("{member}.zip"))];
    if originals.iter().flatten().any(|name| store.room(entry).join(name).is_file()) {
        return Ok(Planned::Fetched(plan));
    }
    let client = Client::new(&plan.address, options)?;
    let mut patience = client.patience();
    let answer = loop {
        match client.ask(0, Some(1), None) {
            Ok(answer) => break answer,
            Err(trouble) => {
                let (reason, pause) = patience.after(trouble, &client)?;
                events(Event::Retrying { reason: &reason, pause });
                std::thread::sleep(pause);
            }
        }
    };
    if answer.total == Some(0) {
        return Err(client.wrong("a file", "an empty one"));
    }
    if answer.total.is_some_and(|total| total > LONGEST) {
        return Err(client.wrong(format!("a file of at most {LONGEST} bytes"), "a longer one"));
    }
    (plan.wanted.total, plan.wanted.end) = (answer.total, answer.total);
    plan.wanted.validator = answer.validator.clone();
    if let (true, Some(member), Some(total)) = (answer.partial, entry.member, answer.total) {
        drop(answer);
        plan.member = archive::find(&client, total, plan.wanted.validator.as_deref(), member)?;
        if let Some(member) = &plan.member {
            (plan.wanted.first, plan.wanted.end) = (member.first, Some(member.end));
        }
    }
    let part = store.room(entry).join(format!("{}.part", plan.file_name()));
    plan.there = there(&part, &plan.wanted, plan.is_checked());
    Ok(Planned::Fetch(plan))
}

/// Fetches what was planned, checks it and makes the table file. Only one process at a time does so for the same vectors;
/// others wait, and find them there.
///
/// # Errors
/// What a server refuses or sends wrongly, bytes whose checksum, rows or dimension are not what they should be, and the
/// system's refusals. Under the final name stands a whole table or nothing. What came of a download stays, for the next time,
/// unless it was found to be wrong.
pub fn get(plan: &Plan, store: &Store, options: &GetOptions, events: &mut dyn FnMut(Event)) -> Result<Fetched> {
    let entry = &plan.entry;
    let taken = store.take(entry, || events(Event::Waiting))?;
    let table = store.table(entry);
    if table.is_file() {
        // Another process was faster.
        let vectors = Vectors::open(&table)?;
        return Ok(fetched(entry, table, None, &vectors, Vec::new()));
    }
    let original = original(plan, &taken, options, events)?;
    events(Event::Converting);
    let made = convert(entry, &original, &table, &options.read);
    let (vectors, warnings) = match made {
        Ok(made) => made,
        Err(error @ Error::Io { .. }) => return Err(error),
        Err(error) => {
            let advice = if options.keep {
                Advice::Text(format!("remove {} before you fetch it again", original.display()))
            } else {
                remove(&original);
                Advice::KeepDownload
            };
            let found = format!("something else: {error}");
            return Err(Malformed::at(Place::File, entry.name, found).advise(advice).in_file(&plan.address).into());
        }
    };
    let kept = options.keep.then(|| original.clone());
    if !options.keep {
        std::fs::remove_file(&original).map_err(|e| Error::io(&original, "remove it", e))?;
    }
    Ok(fetched(entry, table, kept, &vectors, warnings))
}

fn fetched(
    entry: &Entry,
    table: PathBuf,
    original: Option<PathBuf>,
    vectors: &Vectors,
    warnings: Vec<String>,
) -> Fetched {
    let (rows, dimension) = (vectors.len(), vectors.dimension());
    Fetched { table, original, rows, dimension, check: Check::of(entry), warnings }
}

/// The file as it is fetched, whole and compared with its checksum.
fn original(plan: &Plan, taken: &Taken, options: &GetOptions, events: &mut dyn FnMut(Event)) -> Result<PathBuf> {
    let entry = &plan.entry;
    let name = plan.file_name();
    for there in [Some(name.clone()), entry.member.map(|member| format!("{member}.zip"))].iter().flatten() {
        if taken.path(there).is_file() {
            return Ok(taken.path(there));
        }
    }
    let (original, part) = (taken.path(&name), taken.path(&format!("{name}.part")));
    let client = Client::new(&plan.address, options)?;
    download(&client, &plan.wanted, &part, plan.is_checked(), LONGEST, events)?;
    if let Some(member) = &plan.member {
        append(&part, &member.closing).map_err(|e| Error::io(&part, "write it", e))?;
    }
    if let Some(expected) = entry.md5 {
        events(Event::Checking);
        let found = md5_of(&part)?;
        if found != expected {
            remove(&part);
            let found = format!("another, {found}");
            return Err(Malformed::at(Place::File, format!("a file whose MD5 is {expected}"), found)
                .advise("what came was thrown away: fetch it again; if it happens again, the file was replaced")
                .in_file(client.address())
                .into());
        }
    }
    std::fs::rename(&part, &original).map_err(|e| Error::io(&original, "rename a new file to it", e))?;
    remove_note(&part);
    Ok(original)
}

fn append(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = File::options().append(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn md5_of(path: &Path) -> Result<String> {
    let cannot_read = |e| Error::io(path, "read it", e);
    let mut file = File::open(path).map_err(cannot_read)?;
    let mut context = md5::Context::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(cannot_read)? {
            0 => return Ok(format!("{:x}", context.finalize())),
            read => context.consume(&buffer[..read]),
        }
    }
}

/// Makes the table file, if the rows are those that are expected.
fn convert(entry: &Entry, original: &Path, table: &Path, read: &ReadOptions) -> Result<(Vectors, Vec<String>)> {
    let zipped = original.extension().is_some_and(|extension| extension == "zip");
    let member = entry.member.filter(|_| zipped).map(str::to_owned);
    let vectors = Vectors::open_with(original, &ReadOptions { member, ..read.clone() })?;
    let findings = vectors.load_report();
    let rows = vectors.len() + findings.duplicates + findings.skipped.rows as usize;
    if vectors.dimension() != entry.dimension || entry.rows.is_some_and(|expected| expected != rows) {
        let expected = match entry.rows {
            Some(rows) => format!("{rows} rows x {}", entry.dimension),
            None => format!("rows of {} numbers", entry.dimension),
        };
        return Err(Malformed::at(Place::File, expected, format!("{rows} rows x {}", vectors.dimension()))
            .advise(format!("these are not {}", entry.name))
            .in_file(original.to_string_lossy())
            .into());
    }
    let mut warnings = findings.warnings.clone();
    warnings.extend(vectors.save(table, Format::Table, ElementType::F32)?.warnings);
    Ok((vectors, warnings))
}
