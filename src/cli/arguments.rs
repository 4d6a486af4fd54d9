//! The command line as the parser expects it: the command first, terms with a minus last.

use std::ffi::{OsStr, OsString};

use clap::Command;

/// The commands that accept terms with a sign, such as `-man`.
const WITH_SIGNED_TERMS: [&str; 1] = ["nearest"];

/// Rearranges arguments, so that they may be given in any order. `program` must be built.
///
/// - Options before the command become options of the command: `vocable --vectors FILE nearest king`.
/// - Terms with a minus are moved behind a `--`, where the parser does not take them for options. What reads like an option of
///   the command stays one.
/// - A value that starts with a dash (`--not -5`) is joined to its option.
pub fn normalize(program: &Command, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut normalized: Vec<OsString> = arguments.next().into_iter().collect();
    let arguments = command_first(program, arguments.collect());
    let name = arguments.first().and_then(|name| name.to_str()).unwrap_or_default();
    match program.find_subcommand(name).filter(|_| WITH_SIGNED_TERMS.contains(&name)) {
        Some(command) => normalized.extend(signed_terms_last(command, arguments)),
        None => normalized.extend(arguments),
    }
    normalized
}

/// Moves the command in front of the options before it.
fn command_first(program: &Command, mut arguments: Vec<OsString>) -> Vec<OsString> {
    let commands: Vec<&Command> = std::iter::once(program).chain(program.get_subcommands()).collect();
    let mut first_plain = None;
    let mut command = None;
    let mut index = 0;
    while let Some(argument) = arguments.get(index).filter(|argument| *argument != "--") {
        match Kind::of(&commands, argument) {
            Kind::Plain if program.find_subcommand(argument).is_some() => {
                command = Some(index);
                break;
            }
            Kind::Plain => _ = first_plain.get_or_insert(index),
            Kind::BeforeValue => index += 1,
            Kind::Whole | Kind::Unknown => {}
        }
        index += 1;
    }
    match command.or(first_plain) {
        // `help` has no options.
        Some(index) if arguments[index] != "help" => arguments[..=index].rotate_right(1),
        Some(_) => {}
        // Without any command, options of commands are not what is wrong.
        None if arguments.first().is_some_and(|argument| is_option_of_commands(program, argument)) => arguments.clear(),
        None => {}
    }
    arguments
}

/// Whether an argument is an option of some commands, but not of the program itself.
pub fn is_option_of_commands(program: &Command, argument: &OsStr) -> bool {
    let argument = argument.to_str().unwrap_or_default();
    let name = argument.split('=').next().unwrap_or_default().trim_start_matches('-');
    let has = |command: &Command| command.get_arguments().any(|option| option.get_long() == Some(name));
    argument.starts_with("--") && !has(program) && program.get_subcommands().any(has)
}

fn signed_terms_last(command: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let commands = [command];
    let mut arguments = arguments.into_iter();
    let (mut options, mut terms) = (Vec::new(), Vec::new());
    while let Some(mut argument) = arguments.next() {
        if argument == "--" {
            terms.extend(arguments);
            options.push(argument);
            options.extend(terms);
            return options;
        }
        match Kind::of(&commands, &argument) {
            Kind::Unknown => terms.push(argument),
            Kind::BeforeValue => {
                let value = arguments.next();
                // The parser takes a value that starts with a dash for an option, unless it is in the same argument.
                let dashed = value.as_ref().is_some_and(|value| Kind::of(&commands, value) == Kind::Unknown);
                if let Some(value) = value.as_ref().filter(|_| dashed && argument.as_encoded_bytes().starts_with(b"--"))
                {
                    argument.push("=");
                    argument.push(value);
                    options.push(argument);
                } else {
                    options.push(argument);
                    options.extend(value);
                }
            }
            Kind::Plain | Kind::Whole => options.push(argument),
        }
    }
    if !terms.is_empty() {
        options.push("--".into());
        options.extend(terms);
    }
    options
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Not an option: it does not start with a dash, or is a single dash.
    Plain,
    /// An option without a value or with its value in the same argument, or an unknown long option.
    Whole,
    /// An option whose value is the next argument.
    BeforeValue,
    /// A single dash, followed by what is no option.
    Unknown,
}

impl Kind {
    /// What an argument is to any of the commands.
    fn of(commands: &[&Command], argument: &OsStr) -> Kind {
        let bytes = argument.as_encoded_bytes();
        let mut options = commands.iter().flat_map(|command| command.get_arguments());
        let value_follows = |takes_value: bool| if takes_value { Kind::BeforeValue } else { Kind::Whole };
        if let Some(long) = bytes.strip_prefix(b"--") {
            let option = options.find(|option| option.get_long().is_some_and(|name| name.as_bytes() == long));
            return value_follows(option.is_some_and(|option| option.get_action().takes_values()));
        }
        let Some((&first, rest)) = bytes.strip_prefix(b"-").and_then(<[u8]>::split_first) else { return Kind::Plain };
        match options.find(|option| option.get_short() == Some(char::from(first))) {
            Some(option) if rest.is_empty() => value_follows(option.get_action().takes_values()),
            // A number of results: `-k5`, `-k=5`.
            Some(option) if option.get_action().takes_values() => {
                let value = rest.strip_prefix(b"=").unwrap_or(rest);
                if value.iter().all(u8::is_ascii_digit) { Kind::Whole } else { Kind::Unknown }
            }
            _ => Kind::Unknown,
        }
    }
}

/// Splits a term into its sign and its word: whether it has a minus, and what follows the `+` or `-`. A single sign is a word.
pub fn split_sign(term: &[u8]) -> (bool, &[u8]) {
    match term {
        [sign @ (b'-' | b'+'), word @ ..] if !word.is_empty() => (*sign == b'-', word),
        word => (false, word),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use clap::CommandFactory;

    use super::normalize;
    use crate::cli::Cli;

    #[test]
    fn the_command_comes_first_and_signed_terms_last() {
        let mut program = Cli::command();
        program.build();
        for (given, expected) in [
            ("--vectors f nearest king -man", "nearest --vectors f king -- -man"),
            ("--json --vectors=f --threads 2 similarity a b", "similarity --json --vectors=f --threads 2 a b"),
            // A value is no command.
            ("--vectors nearest info", "info --vectors nearest"),
            ("--vectrs f nearest king", "nearest --vectrs f king"),
            ("--vectors f nearst king", "nearst --vectors f king"),
            ("nearest king --not -5 -man", "nearest king --not=-5 -- -man"),
            ("nearest -k5 -king -- -k", "nearest -k5 -- -king -k"),
            ("--vectors f man", "man --vectors f"),
            ("help nearest", "help nearest"),
            ("--vectors f", ""),
            ("--version", "--version"),
        ] {
            let words = |text: &str| format!("vocable {text}").split_whitespace().map(Into::into).collect::<Vec<_>>();
            assert_eq!(normalize(&program, words(given)), words(expected), "{given}");
        }
    }

    #[test]
    fn an_option_takes_a_value_in_every_command_or_in_none() {
        let mut program = Cli::command();
        program.build();
        let mut takes_values = HashMap::new();
        for command in program.get_subcommands() {
            for option in command.get_arguments() {
                let takes = option.get_action().takes_values();
                let long = option.get_long().map(str::to_owned);
                let short = option.get_short().map(String::from);
                for name in [long, short].into_iter().flatten() {
                    let known = *takes_values.entry(name.clone()).or_insert(takes);
                    assert_eq!(known, takes, "{name} of {}", command.get_name());
                }
            }
        }
    }
}
