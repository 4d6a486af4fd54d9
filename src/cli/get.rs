//! `vocable get`

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use vocable::fetch::{
    self, CatalogEntry, DownloadPlan, FetchEvent, FetchState, FetchedVectors, GetOptions, IntegrityCheck, Store,
};
use vocable::{Error, report};

use super::common::BadRowArgs;
use super::output::{self, Failure, Output};

/// Download well-known vectors by name, to use as `--vectors NAME`.
///
/// Shows size and licence, and asks for confirmation on a terminal. An interrupted download resumes when the command is run again.
/// The checksum is verified if the publisher provides one; otherwise, rows and dimension are verified. The vectors are converted to a
/// table file in the user's data folder, or in the folder VOCABLE_DATA.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Get {
    /// Name of the vectors; see `vocable list`
    #[arg(value_name = "NAME", add = ArgValueCandidates::new(catalog))]
    name: String,
    /// Do not ask for confirmation
    #[arg(long, short)]
    yes: bool,
    /// Keep the downloaded file next to the table file
    #[arg(long)]
    keep: bool,
    /// Seconds to wait for a response
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Maximum number of failed attempts
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    #[command(flatten)]
    rows: BadRowArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable get glove.6B.50d
  vocable nearest king --vectors glove.6B.50d
  VOCABLE_MIRROR=https://files.example.org/vectors vocable get cc.de.300 --yes

VOCABLE_MIRROR=URL downloads URL/FILE, where FILE is the name of the publisher's file. Proxies are read from \
HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY. SSL_CERT_FILE names a file of certificates to trust instead of the \
built-in ones.

Exit codes: 0 the vectors are available, 1 declined, 2 failed.";

#[derive(Serialize)]
struct GetResult {
    name: &'static str,
    table: String,
    rows: usize,
    dimension: usize,
    bytes: u64,
    check: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    original: Option<String>,
}

impl Get {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let entry = fetch::find(&self.name).ok_or_else(|| {
            let expected = "a name listed by `vocable list`";
            fetch::unknown("NAME", expected, &self.name, &fetch::suggest(&self.name))
        })?;
        let store = Store::of_user()?;
        let options = GetOptions {
            mirror: std::env::var("VOCABLE_MIRROR").ok().filter(|mirror| !mirror.is_empty()),
            timeout: Duration::from_secs(self.timeout),
            attempts: self.attempts,
            keep: self.keep,
            read: self.rows.options(),
            ..GetOptions::default()
        };
        let mut told = |event: FetchEvent| {
            if let FetchEvent::Retrying { reason, pause } = event {
                output::note(retrying(reason, pause));
            }
        };
        let plan = match fetch::plan(entry, &store, &options, &mut told)? {
            FetchState::Available(table, _) => {
                output::note(format_args!("{}: already downloaded", entry.name));
                let vectors = vocable::Vectors::open(&table).map_err(|error| match error {
                    Error::Malformed(mut detail) => {
                        detail.advice = Some("the table file is damaged: delete it and run `vocable get` again".into());
                        Error::Malformed(detail)
                    }
                    error => error,
                })?;
                let (rows, dimension) = (vectors.len(), vectors.dimension());
                let check = IntegrityCheck::of(entry);
                return report_on(
                    entry,
                    &FetchedVectors { table, original: None, rows, dimension, check, warnings: Vec::new() },
                    output,
                );
            }
            FetchState::Downloaded(plan) => {
                output::note(format_args!("{}: already downloaded; creating the table file", entry.name));
                plan
            }
            FetchState::Missing(plan) => {
                show(entry, &plan);
                if !self.yes && !confirm()? {
                    output::note("nothing was downloaded");
                    return Ok(ExitCode::from(1));
                }
                plan
            }
        };
        let bar = Bar::new(&plan);
        let fetched = fetch::get(&plan, &store, &options, &mut |event| bar.show(event));
        bar.bar.finish_and_clear();
        let fetched = fetched?;
        for warning in &fetched.warnings {
            output::warn(format_args!("{}: {warning}", entry.name));
        }
        report_on(entry, &fetched, output)
    }
}

fn report_on(entry: &'static CatalogEntry, fetched: &FetchedVectors, output: &mut Output) -> Result<ExitCode, Failure> {
    let result = GetResult {
        name: entry.name,
        table: fetched.table.to_string_lossy().into_owned(),
        rows: fetched.rows,
        dimension: fetched.dimension,
        bytes: std::fs::metadata(&fetched.table).map_or(0, |metadata| metadata.len()),
        check: fetched.check.name(),
        original: fetched.original.as_ref().map(|path| path.to_string_lossy().into_owned()),
    };
    if output.json {
        output.json(&result)?;
    } else {
        output.text(format_args!(
            "{}: {} rows x {}, {}, {}\n",
            result.name,
            report::thousands(result.rows),
            result.dimension,
            report::size(result.bytes),
            result.table
        ))?;
        if let Some(original) = &result.original {
            output.text(format_args!("downloaded file: {original}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The names of all vectors in the catalog.
fn catalog() -> Vec<CompletionCandidate> {
    fetch::CATALOG.iter().map(|entry| CompletionCandidate::new(entry.name).help(Some(entry.about.into()))).collect()
}

/// Prints what would be downloaded.
fn show(entry: &CatalogEntry, plan: &DownloadPlan) {
    let size = |bytes: Option<u64>| bytes.map_or("unknown".to_owned(), report::size);
    let mut bytes = size(plan.bytes());
    if let Some(archive) = plan.archive() {
        bytes = format!("{bytes}, from an archive of {}", report::size(archive));
    }
    if plan.received() > 0 {
        bytes = format!("{bytes}; {} already downloaded", report::size(plan.received()));
    }
    let rows = entry.rows.map_or(String::new(), |rows| format!("{} rows x ", report::thousands(rows)));
    let check = match plan.check() {
        IntegrityCheck::Md5 => "MD5 checksum of the publisher",
        IntegrityCheck::RowsAndDimension => "rows and dimension (the publisher provides no checksum)",
        IntegrityCheck::Dimension => "rows of the file header, and dimension (the publisher provides no checksum)",
    };
    output::note(format_args!(
        "{}: {}; {rows}{} dimensions\n  from     {}\n  size     {bytes}\n  licence  {}\n  check    {check}",
        entry.name,
        entry.about,
        entry.dimension,
        plan.address(),
        entry.licence
    ));
}

/// Asks for confirmation, if there is a terminal.
fn confirm() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    output::ask("download? [Y/n] ");
    let mut answer = String::new();
    if std::io::stdin().read_line(&mut answer)? == 0 {
        return Ok(false);
    }
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

fn retrying(reason: &str, pause: Duration) -> String {
    format!("{reason}; retrying in {:.0} s", pause.as_secs_f64().ceil())
}

/// The progress bar of a download; hidden if there is no terminal.
struct Bar {
    bar: ProgressBar,
}

impl Bar {
    fn new(plan: &DownloadPlan) -> Bar {
        let bar = match plan.bytes() {
            Some(bytes) => {
                ProgressBar::new(bytes).with_style(style("{bytes} of {total_bytes} {wide_bar} {bytes_per_sec}, {eta}"))
            }
            None => ProgressBar::new_spinner().with_style(style("{bytes} {bytes_per_sec}")),
        };
        bar.set_position(plan.received());
        bar.reset_eta();
        Bar { bar }
    }

    fn show(&self, event: FetchEvent) {
        let note = |text: String| self.bar.suspend(|| output::note(text));
        match event {
            FetchEvent::Waiting => note("waiting for another process that downloads the same vectors".to_owned()),
            FetchEvent::Received(bytes) => self.bar.set_position(bytes),
            FetchEvent::Restarted(why) => note(format!("restarting: {why}")),
            FetchEvent::Retrying { reason, pause } => note(retrying(reason, pause)),
            FetchEvent::Verifying => self.wait("verifying the checksum"),
            FetchEvent::Converting => self.wait("creating the table file"),
            _ => {}
        }
    }

    fn wait(&self, what: &'static str) {
        self.bar.set_style(style("{spinner} {msg}"));
        self.bar.set_message(what);
        self.bar.enable_steady_tick(Duration::from_millis(200));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
