//! `vocable completions`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::env::{CompleteEnv, Shells};

use super::output::{Failure, Output};

/// The environment variable by which a shell asks the program for completions.
const VARIABLE: &str = "VOCABLE_COMPLETE";

/// Print a script that enables completion in a shell.
///
/// It completes commands, options, their values, file names and the names of downloaded vectors. The script calls `vocable` for
/// suggestions and must match the installed version: load it when the shell starts, or print it again after an update.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Completions {
    /// Shell to print the script for
    #[arg(value_name = "SHELL", value_parser = clap::builder::PossibleValuesParser::new(Shells::builtins().names()))]
    shell: String,
}

const EXAMPLES: &str = "\
Examples:
  echo 'source <(vocable completions bash)' >> ~/.bashrc
  echo 'source <(vocable completions zsh)' >> ~/.zshrc
  echo 'vocable completions fish | source' > ~/.config/fish/completions/vocable.fish";

impl Completions {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let shells = Shells::builtins();
        let mut script = Vec::new();
        if let Some(shell) = shells.completer(&self.shell) {
            shell.write_registration(VARIABLE, "vocable", "vocable", &executable(), &mut script)?;
        }
        output.text(String::from_utf8_lossy(&script))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints completions if a shell asks for them. Returns whether one did. `program` is the command line to complete.
pub fn complete(program: fn() -> Command) -> bool {
    let arguments = std::env::args_os();
    let folder = std::env::current_dir().ok();
    let complete = CompleteEnv::with_factory(program).var(VARIABLE).bin("vocable").completer(executable());
    // Errors are ignored: the shell offers no completions then.
    complete.try_complete(arguments, folder.as_deref()).unwrap_or(true)
}

/// How the shell runs this program: by name if it was found by name, or else by its path.
fn executable() -> String {
    let name = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let path = (name.components().count() > 1).then(std::env::current_exe).and_then(Result::ok);
    path.map_or_else(|| "vocable".to_owned(), |path| path.to_string_lossy().into_owned())
}
