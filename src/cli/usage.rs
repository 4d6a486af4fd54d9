//! Parses the command line, and explains what is wrong with it.

use std::ffi::OsString;
use std::num::{ParseFloatError, ParseIntError};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser};

use super::arguments::{is_option_of_commands, normalize};

/// Parses the arguments of the program, of which the first is its own name.
pub fn parse<P: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<P, clap::Error> {
    let mut program = P::command();
    program.build();
    let arguments = normalize(&program, arguments);
    P::try_parse_from(&arguments).map_err(|error| explain(error, program, &arguments))
}

/// Says more than the parser does: what a number option expects, and which command does not use an option.
fn explain(error: clap::Error, mut program: Command, arguments: &[OsString]) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let name = arguments.get(1).and_then(|name| name.to_str()).unwrap_or_default();
    let option = text(ContextKind::InvalidArg);
    let source = std::error::Error::source(&error);
    let expected = match source {
        Some(source) if source.is::<ParseIntError>() => "a whole number",
        Some(source) if source.is::<ParseFloatError>() => "a number",
        _ => "",
    };
    let message = match error.kind() {
        ErrorKind::ValueValidation if !expected.is_empty() => {
            let value = text(ContextKind::InvalidValue);
            let option = with_short(&program, name, option);
            format!("invalid value '{value}' for '{option}': expected {expected}")
        }
        ErrorKind::UnknownArgument if is_option_of_commands(&program, option.as_ref()) => {
            format!("unexpected argument '{option}': `vocable {name}` does not use it")
        }
        _ => return error,
    };
    let kind = error.kind();
    match program.find_subcommand_mut(name) {
        Some(command) => command.error(kind, message),
        None => program.error(kind, message),
    }
}

/// An option as the parser shows it (`--top <N>`), with its short name (`-k, --top <N>`).
fn with_short(program: &Command, name: &str, option: &str) -> String {
    let options = program.find_subcommand(name).map(|command| command.get_opts()).into_iter().flatten();
    let short = options.filter(|found| found.to_string() == option).find_map(|found| found.get_short());
    short.map_or_else(|| option.to_owned(), |short| format!("-{short}, {option}"))
}
