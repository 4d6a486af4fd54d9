//! Downloading vectors by name: ask the server for the file, download it, verify it and write a table file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::archive::{self, ArchiveMember};
use super::catalog::CatalogEntry;
use super::client::Client;
use super::download::{ByteRange, download, received, remove, remove_note};
use super::options::{FetchEvent, GetOptions};
use super::store::{LockedFolder, Store};
use crate::error::{Advice, Error, Malformed, Place, Result};
use crate::files::ElementType;
use crate::files::{Format, ReadOptions};
use crate::vectors::Vectors;

/// Maximum size of a file in bytes. No published file is larger, so a server that announces more is refused.
const MAX_FILE_SIZE: u64 = 64 << 30;

/// How a download is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntegrityCheck {
    /// The publisher's MD5 of the file.
    Md5,
    /// Number of rows and dimension, since no checksum is published.
    RowsAndDimension,
    /// Dimension, and the number of rows in the header of the file, since nothing else is published.
    Dimension,
}

impl IntegrityCheck {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            IntegrityCheck::Md5 => "md5",
            IntegrityCheck::RowsAndDimension => "rows-and-dimension",
            IntegrityCheck::Dimension => "header-and-dimension",
        }
    }

    /// How these vectors can be verified.
    pub fn of(entry: &CatalogEntry) -> IntegrityCheck {
        match (entry.md5, entry.rows) {
            (Some(_), _) => IntegrityCheck::Md5,
            (None, Some(_)) => IntegrityCheck::RowsAndDimension,
            (None, None) => IntegrityCheck::Dimension,
        }
    }
}

/// What would be downloaded, according to the server.
#[derive(Debug)]
pub struct DownloadPlan {
    entry: CatalogEntry,
    address: String,
    range: ByteRange,
    member: Option<ArchiveMember>,
    received: u64,
}

impl DownloadPlan {
    /// The address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Total number of bytes to download, if the server states it.
    pub fn bytes(&self) -> Option<u64> {
        self.range.length()
    }

    /// Number of bytes received by an earlier, interrupted download.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The size of the archive in bytes, if only one member of it is downloaded.
    pub fn archive(&self) -> Option<u64> {
        self.member.as_ref().and(self.range.total)
    }

    /// How the download will be verified.
    pub fn check(&self) -> IntegrityCheck {
        IntegrityCheck::of(&self.entry)
    }

    /// The name of the downloaded file.
    fn file_name(&self) -> String {
        match (&self.member, self.entry.member) {
            (Some(_), Some(member)) => format!("{member}.zip"),
            _ => self.entry.file_name().to_owned(),
        }
    }

    /// Whether bytes of another version of the file would be detected: by MD5, or by the CRC of zip or gzip.
    fn is_checked(&self) -> bool {
        let name = self.entry.file_name();
        self.entry.md5.is_some() || name.ends_with(".zip") || name.ends_with(".gz")
    }
}

/// The state of vectors in the store.
#[derive(Debug)]
pub enum FetchState {
    /// The table file exists; its path and its size in bytes.
    Available(PathBuf, u64),
    /// The file is downloaded, and the table file is not written yet.
    Downloaded(DownloadPlan),
    /// The file is not downloaded, or only in part.
    Missing(DownloadPlan),
}

/// Downloaded vectors.
#[derive(Debug)]
pub struct FetchedVectors {
    /// The table file.
    pub table: PathBuf,
    /// The downloaded file, if it was kept.
    pub original: Option<PathBuf>,
    /// Number of rows.
    pub rows: usize,
    /// Numbers per row.
    pub dimension: usize,
    /// How a download is verified.
    pub check: IntegrityCheck,
    /// Warnings about the file, one sentence each.
    pub warnings: Vec<String>,
}

/// Asks the server about the file of these vectors. Little is transferred: the first byte, and the list of members of an
/// archive. Of all events, only [`FetchEvent::Retrying`] is reported.
///
/// # Errors
/// A server that cannot be reached, a file that is missing, and an archive whose member is missing or cannot be read.
pub fn plan(
    entry: &CatalogEntry,
    store: &Store,
    options: &GetOptions,
    events: &mut dyn FnMut(FetchEvent),
) -> Result<FetchState> {
    if let Some((table, bytes)) = store.fetched(entry) {
        return Ok(FetchState::Available(table, bytes));
    }
    let address = match &options.mirror {
        Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), entry.file_name()),
        None => entry.address.to_owned(),
    };
    let range = ByteRange { address: address.clone(), first: 0, end: None, total: None, validator: None };
    let mut plan = DownloadPlan { entry: entry.clone(), address, range, member: None, received: 0 };
    let originals = [Some(plan.file_name()), entry.member.map(|member| format!("{member}.zip"))];
    if originals.iter().flatten().any(|name| store.folder_of(entry).join(name).is_file()) {
        return Ok(FetchState::Downloaded(plan));
    }
    let client = Client::new(&plan.address, options)?;
    let mut retries = client.retries();
    let response = loop {
        match client.request(0, Some(1), None) {
            Ok(response) => break response,
            Err(error) => {
                let (reason, pause) = retries.after(error, &client)?;
                events(FetchEvent::Retrying { reason: &reason, pause });
                std::thread::sleep(pause);
            }
        }
    };
    if response.total == Some(0) {
        return Err(client.error("a file with vectors", "an empty file"));
    }
    if response.total.is_some_and(|total| total > MAX_FILE_SIZE) {
        return Err(client.error(format!("a file of at most {MAX_FILE_SIZE} bytes"), "a larger one"));
    }
    (plan.range.total, plan.range.end) = (response.total, response.total);
    plan.range.validator = response.validator.clone();
    if let (true, Some(member), Some(total)) = (response.partial, entry.member, response.total) {
        drop(response);
        plan.member = archive::find(&client, total, plan.range.validator.as_deref(), member)?;
        if let Some(member) = &plan.member {
            (plan.range.first, plan.range.end) = (member.first, Some(member.end));
        }
    }
    let part = store.folder_of(entry).join(format!("{}.part", plan.file_name()));
    plan.received = received(&part, &plan.range, plan.is_checked());
    Ok(FetchState::Missing(plan))
}

/// Downloads the file, verifies it and writes the table file. Only one process at a time does so for the same vectors; others
/// wait and then use its result.
///
/// # Errors
/// Errors of the server, a wrong checksum, number of rows or dimension, and I/O errors. The final name is only ever given to a
/// complete table. A partial download is kept so that it can be resumed, unless it was found to be wrong.
pub fn get(
    plan: &DownloadPlan,
    store: &Store,
    options: &GetOptions,
    events: &mut dyn FnMut(FetchEvent),
) -> Result<FetchedVectors> {
    let entry = &plan.entry;
    let folder = store.lock(entry, || events(FetchEvent::Waiting))?;
    let table = store.table(entry);
    if table.is_file() {
        // Another process wrote it meanwhile.
        let vectors = Vectors::open(&table)?;
        return Ok(fetched(entry, table, None, &vectors, Vec::new()));
    }
    let original = original(plan, &folder, options, events)?;
    events(FetchEvent::Converting);
    let made = convert(entry, &original, &table, &options.read);
    let (vectors, warnings) = match made {
        Ok(made) => made,
        Err(error @ Error::Io { .. }) => return Err(error),
        Err(error) => {
            let advice = if options.keep {
                Advice::Text(format!("remove {} before downloading again", original.display()))
            } else {
                remove(&original);
                Advice::KeepDownload
            };
            let message = format!("the downloaded file is not {}: {}", entry.name, error.problem());
            return Err(Malformed::message(Place::File, message).advise(advice).in_file(&plan.address).into());
        }
    };
    let kept = options.keep.then(|| original.clone());
    if !options.keep {
        std::fs::remove_file(&original).map_err(|e| Error::io(&original, "remove it", e))?;
    }
    Ok(fetched(entry, table, kept, &vectors, warnings))
}

fn fetched(
    entry: &CatalogEntry,
    table: PathBuf,
    original: Option<PathBuf>,
    vectors: &Vectors,
    warnings: Vec<String>,
) -> FetchedVectors {
    let (rows, dimension) = (vectors.len(), vectors.dimension());
    FetchedVectors { table, original, rows, dimension, check: IntegrityCheck::of(entry), warnings }
}

/// The downloaded file, complete and verified.
fn original(
    plan: &DownloadPlan,
    folder: &LockedFolder,
    options: &GetOptions,
    events: &mut dyn FnMut(FetchEvent),
) -> Result<PathBuf> {
    let entry = &plan.entry;
    let name = plan.file_name();
    for there in [Some(name.clone()), entry.member.map(|member| format!("{member}.zip"))].iter().flatten() {
        if folder.path(there).is_file() {
            return Ok(folder.path(there));
        }
    }
    let (original, part) = (folder.path(&name), folder.path(&format!("{name}.part")));
    let client = Client::new(&plan.address, options)?;
    download(&client, &plan.range, &part, plan.is_checked(), MAX_FILE_SIZE, events)?;
    if let Some(member) = &plan.member {
        append(&part, &member.directory).map_err(|e| Error::io(&part, "write it", e))?;
    }
    if let Some(expected) = entry.md5 {
        events(FetchEvent::Verifying);
        let found = md5_of(&part)?;
        if found != expected {
            remove(&part);
            return Err(Malformed::at(Place::File, format!("MD5 {expected}"), found)
                .advise("the download was deleted: try again; if this is repeated, the publisher has replaced the file")
                .in_file(client.address())
                .into());
        }
    }
    std::fs::rename(&part, &original).map_err(|e| Error::io(&original, "move the new file to it", e))?;
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

/// Writes the table file, if the number of rows and the dimension are as expected.
fn convert(entry: &CatalogEntry, original: &Path, table: &Path, read: &ReadOptions) -> Result<(Vectors, Vec<String>)> {
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
        return Err(Malformed::at(Place::File, expected, format!("{rows} rows x {}", vectors.dimension())).into());
    }
    let mut warnings = findings.warnings.clone();
    warnings.extend(vectors.save(table, Format::Table, ElementType::F32)?.warnings);
    Ok((vectors, warnings))
}
