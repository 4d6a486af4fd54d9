//! `vocable man`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man as Page;
use serde::Serialize;
use vocable::Error;
use vocable::files::write_atomic;

use super::Cli;
use super::output::{Failure, Output};

/// Print the manual page, or write those of all commands into a folder.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Man {
    /// The folder to write all pages to; it is made if need be [default: print the page of `vocable` itself]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  vocable man ~/.local/share/man/man1
  vocable man | man -l -";

#[derive(Serialize)]
struct Written {
    files: Vec<String>,
}

impl Man {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let mut program = Cli::command();
        program.build();
        let Some(folder) = &self.folder else {
            output.text(String::from_utf8_lossy(&page(program)?))?;
            return Ok(ExitCode::SUCCESS);
        };
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "make it", e))?;
        let commands = program.get_subcommands().filter(|command| command.get_name() != "help").cloned();
        let commands: Vec<Command> = commands.collect();
        let mut files = vec![write(folder, "vocable", program)?];
        for command in commands {
            let name = format!("vocable-{}", command.get_name());
            files.push(write(folder, &name, command.display_name(name.clone()))?);
        }
        if output.json {
            output.json(&Written { files })?;
        } else {
            output.text(files.iter().map(|file| format!("{file}\n")).collect::<String>())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn page(command: Command) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    Page::new(command).render(&mut text)?;
    Ok(text)
}

fn write(folder: &Path, name: &str, command: Command) -> Result<String, Failure> {
    let path = folder.join(format!("{name}.1"));
    let text = page(command)?;
    write_atomic(&path, |out| std::io::Write::write_all(out, &text))?;
    Ok(path.to_string_lossy().into_owned())
}
