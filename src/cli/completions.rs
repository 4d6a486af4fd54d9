//! `vocable completions`

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use vocable::fetch::CATALOG;

use super::Cli;
use super::output::{Failure, Output};

/// Print a script that lets a shell complete commands, options and names of vectors.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// The shell: bash, elvish, fish, powershell, zsh
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    shell: Shell,
}

const EXAMPLES: &str = "\
Examples:
  vocable completions bash > ~/.local/share/bash-completion/completions/vocable
  vocable completions zsh > ~/.zfunc/_vocable
  vocable completions fish > ~/.config/fish/completions/vocable.fish";

impl Completions {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let names = PossibleValuesParser::new(CATALOG.iter().map(|entry| entry.name));
        let mut program = Cli::command();
        if program.find_subcommand("get").is_some() {
            program = program.mut_subcommand("get", |get| get.mut_arg("name", |name| name.value_parser(names)));
        }
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut program, "vocable", &mut script);
        output.text(String::from_utf8_lossy(&script))?;
        Ok(ExitCode::SUCCESS)
    }
}
