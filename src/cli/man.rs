//! `vocable man`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, ValueHint};
use clap_mangen::Man as Page;
use serde::Serialize;
use vocable::Error;
use vocable::error::closest;
use vocable::files::write_atomic;

use super::output::{Failure, Output};

/// Print a manual page, or write the pages of all commands to a folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Man {
    /// Command to print the page of [default: the page of `vocable` itself]
    #[arg(value_name = "COMMAND", conflicts_with = "folder")]
    command: Option<String>,
    /// Write all pages to this folder, which is created if necessary
    #[arg(long = "dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    folder: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  vocable man nearest | man -l -
  vocable man --dir ~/.local/share/man/man1";

#[derive(Serialize)]
struct WrittenPages {
    files: Vec<String>,
}

impl Man {
    /// Prints or writes the pages of `program` and its commands.
    pub fn run(&self, mut program: Command, output: &mut Output) -> Result<ExitCode, Failure> {
        program.build();
        let Some(folder) = &self.folder else {
            let command = match &self.command {
                None => program,
                Some(name) => subcommand(&program, name)?,
            };
            output.text(String::from_utf8_lossy(&page(command)?))?;
            return Ok(ExitCode::SUCCESS);
        };
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create it", e))?;
        let mut files = vec![write(folder, program.clone())?];
        for name in command_names(&program) {
            files.push(write(folder, subcommand(&program, name)?)?);
        }
        if output.json {
            output.json(&WrittenPages { files })?;
        } else {
            output.text(files.iter().map(|file| format!("{file}\n")).collect::<String>())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The commands that have a page.
pub fn command_names(program: &Command) -> Vec<&str> {
    program.get_subcommands().map(Command::get_name).filter(|name| *name != "help").collect()
}

/// A command of the program, under the name of its page: `vocable-nearest`.
fn subcommand(program: &Command, name: &str) -> Result<Command, Error> {
    let command = program.find_subcommand(name).ok_or_else(|| {
        let names = command_names(program);
        let hint = closest(name, &names).map_or(String::new(), |name| format!("; did you mean `{name}`?"));
        Error::other(format!("unknown command `{name}`{hint}"))
    })?;
    Ok(command.clone().display_name(format!("vocable-{name}")))
}

fn page(command: Command) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Page::new(command).source(concat!("vocable ", env!("CARGO_PKG_VERSION"))).render(&mut text)?;
    Ok(text)
}

fn write(folder: &Path, command: Command) -> Result<String, Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = folder.join(format!("{name}.1"));
    let text = page(command)?;
    write_atomic(&path, |out| std::io::Write::write_all(out, &text))?;
    Ok(path.to_string_lossy().into_owned())
}
