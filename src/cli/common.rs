//! Options that several commands share.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::builder::TypedValueParser;
use clap::{ArgAction, Args};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use vocable::fetch::{self, Store};
use vocable::files::{Format, ReadOptions};
use vocable::vectors::Scan;
use vocable::{Error, Vectors};

use super::{output, values};

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Print results as JSON Lines
    #[arg(long, global = true)]
    pub json: bool,
    /// Number of threads; results are the same for any value [default: number of CPU cores]
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<usize>,
    /// Print help; -h prints a summary
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, global = true, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Which vectors to open, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Vectors")]
pub struct VectorArgs {
    /// Vector file, or the name of vectors downloaded by `vocable get` [env: VOCABLE_VECTORS]
    ///
    /// Reads GloVe and word2vec text, word2vec binary, fastText .vec and .bin, and NumPy .npy files, uncompressed or as .gz or .zip,
    /// and table files (.safetensors). Without this option, the small built-in demo vectors are used.
    #[arg(long, value_name = "FILE", add = ArgValueCompleter::new(complete_vectors))]
    vectors: Option<PathBuf>,
    #[command(flatten)]
    pub read: ReadArgs,
}

impl VectorArgs {
    /// Opens the vectors, or the built-in demo vectors where none are named.
    pub fn open(&self) -> Result<Vectors, Error> {
        match self.path() {
            Some(path) => self.read.open(&path),
            None => demo_vectors(),
        }
    }

    /// The file named by the option, or else by the environment.
    pub fn path(&self) -> Option<PathBuf> {
        self.vectors.clone().or_else(from_environment)
    }

    /// The file named by the option.
    pub fn named(&self) -> Option<&Path> {
        self.vectors.as_deref()
    }
}

/// How to read a vector file.
#[derive(Debug, Args)]
#[command(next_help_heading = "Vectors")]
pub struct ReadArgs {
    /// Override format detection
    #[arg(long, value_name = "FORMAT", value_parser = readable_format())]
    format: Option<Format>,
    /// Member to read from a zip archive that contains several files
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// Words of a NumPy array, one per line [default: NAME.words.txt next to NAME.npy]
    #[arg(long, value_name = "FILE")]
    word_list: Option<PathBuf>,
    #[command(flatten)]
    rows: BadRowArgs,
}

impl ReadArgs {
    /// Opens a file of vectors, or vectors that were downloaded by this name, and prints the warnings about them.
    pub fn open(&self, path: &Path) -> Result<Vectors, Error> {
        let path = &fetch::resolve(path)?;
        let vectors = Vectors::open_with(path, &self.options())?;
        for warning in &vectors.load_report().warnings {
            output::warn(format_args!("{}: {warning}", path.display()));
        }
        Ok(vectors)
    }

    /// The library's options.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            format: self.format,
            member: self.member.clone(),
            word_list: self.word_list.clone(),
            ..self.rows.options()
        }
    }
}

/// What to do with rows that are not as they should be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Vectors")]
pub struct BadRowArgs {
    /// Accept rows with NaN or infinite values; they rank last
    #[arg(long)]
    allow_nonfinite: bool,
    /// Skip malformed rows and report their number, instead of rejecting the file
    #[arg(long)]
    skip_bad_rows: bool,
}

impl BadRowArgs {
    /// The library's options.
    pub fn options(&self) -> ReadOptions {
        ReadOptions {
            allow_nonfinite: self.allow_nonfinite,
            skip_bad_rows: self.skip_bad_rows,
            ..ReadOptions::default()
        }
    }
}

const EXACT_SCAN: &str = "How to scan the rows: 8-bit codes (a quarter of the memory traffic) or full f32 rows; results are the same [default: codes]";

/// How searches scan the rows.
#[derive(Debug, Args)]
pub struct ScanArgs {
    // `long_help` repeats the text, because manual pages omit options that short help hides.
    #[arg(long, value_name = "METHOD", value_parser = values::named::<Scan>(), hide_short_help = true, help = EXACT_SCAN, long_help = EXACT_SCAN)]
    exact_scan: Option<Scan>,
}

impl ScanArgs {
    /// The same vectors, scanned as the option says.
    pub fn apply(&self, mut vectors: Vectors) -> Vectors {
        vectors.set_scan(self.exact_scan.unwrap_or_default());
        vectors
    }
}

/// Parses a format that can be read.
fn readable_format() -> impl TypedValueParser<Value = Format> {
    values::one_of(Format::ALL.iter().filter(|format| **format != Format::Projector).map(|format| format.name()))
}

/// The built-in demo vectors.
pub fn demo_vectors() -> Result<Vectors, Error> {
    let vectors = Vectors::demo()?;
    output::note(format_args!(
        "no --vectors given: using the small built-in demo vectors ({} words x {})",
        vocable::report::thousands(vectors.len()),
        vectors.dimension()
    ));
    Ok(vectors)
}

/// The vectors named by the environment; an empty variable counts as unset.
pub fn from_environment() -> Option<PathBuf> {
    std::env::var_os("VOCABLE_VECTORS").filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Completes names of downloaded vectors, and files.
pub fn complete_vectors(current: &OsStr) -> Vec<CompletionCandidate> {
    let listed = Store::of_user().map(|store| store.list()).unwrap_or_default();
    let names = listed.into_iter().filter(|listed| listed.table.is_some()).map(|listed| listed.entry.name);
    let matching = names.filter(|name| current.to_str().is_some_and(|current| name.starts_with(current)));
    matching.map(CompletionCandidate::new).chain(PathCompleter::file().complete(current)).collect()
}
