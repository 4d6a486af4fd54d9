//! `vocable list`

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::fetch::{CatalogEntry, Store};
use vocable::report;

use super::output::{Failure, Output};

/// Well-known vectors by name: those that were fetched, and those that `vocable get` fetches.
///
/// Sizes, rows and licences are what their publishers say; --json has the addresses and sources, too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vocable list
  vocable list --fetched
  vocable list --json")]
pub struct List {
    /// Only those that were fetched
    #[arg(long)]
    fetched: bool,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    entry: &'static CatalogEntry,
    /// The table file, if it is there.
    table: Option<String>,
    /// Its bytes.
    table_bytes: Option<u64>,
}

impl List {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let mut list = Store::of_user()?.list();
        list.retain(|listed| listed.table.is_some() || !self.fetched);
        if !output.json {
            output.text(report::catalog(&list, output.width))?;
            return Ok(ExitCode::SUCCESS);
        }
        for listed in list {
            let (table, table_bytes) = listed.table.unzip();
            let table = table.map(|path| path.to_string_lossy().into_owned());
            output.json(&Shown { entry: listed.entry, table, table_bytes })?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
