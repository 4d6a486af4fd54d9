//! `vocable list`

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::fetch::{CatalogEntry, Store};
use vocable::report;

use super::output::{Failure, Output};

/// List the vectors that `vocable get` can download, and those already downloaded.
///
/// Sizes, rows and licences are those stated by the publishers; --json also prints addresses and sources.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vocable list
  vocable list --downloaded
  vocable list --json")]
pub struct List {
    /// List only downloaded vectors
    #[arg(long)]
    downloaded: bool,
}

#[derive(Serialize)]
struct ListResult {
    #[serde(flatten)]
    entry: &'static CatalogEntry,
    /// The table file, if it exists.
    table: Option<String>,
    /// Size of the table file in bytes.
    table_bytes: Option<u64>,
}

impl List {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let mut list = Store::of_user()?.list();
        list.retain(|listed| listed.table.is_some() || !self.downloaded);
        if !output.json {
            output.text(report::catalog(&list, output.width))?;
            return Ok(ExitCode::SUCCESS);
        }
        for listed in list {
            let (table, table_bytes) = listed.table.unzip();
            let table = table.map(|path| path.to_string_lossy().into_owned());
            output.json(&ListResult { entry: listed.entry, table, table_bytes })?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
