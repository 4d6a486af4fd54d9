//! The order of arguments: a word with a minus is a word, wherever it stands.

use std::ffi::{OsStr, OsString};

use clap::Command;

/// The commands whose words may have signs.
const SIGNED: [&str; 1] = ["nearest"];

/// Moves words with a minus (`-man`) behind a `--`, where the parser takes them for words, so that options and words may
/// stand in any order. What reads like an option of the command stays one. A value that begins with a dash (`--not -5`) is
/// joined to its option.
pub fn in_order(program: &Command, arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let (mut ordered, mut words): (Vec<OsString>, Vec<OsString>) = (arguments.next().into_iter().collect(), Vec::new());
    let mut command = program;
    let mut signed = false;
    while let Some(mut argument) = arguments.next() {
        if argument == "--" {
            words.extend(arguments);
            ordered.push(argument);
            ordered.extend(words);
            return ordered;
        }
        let kind = Kind::of(command, &argument);
        if signed && kind == Kind::Unknown {
            words.push(argument);
            continue;
        }
        if kind == Kind::Plain && std::ptr::eq(command, program) {
            command = program.find_subcommand(&argument).unwrap_or(program);
            signed = SIGNED.contains(&command.get_name());
        }
        if kind == Kind::BeforeValue
            && let Some(value) = arguments.next()
        {
            // The parser takes a value that begins with a dash for an option, unless it stands in the same argument.
            if Kind::of(command, &value) == Kind::Unknown && argument.as_encoded_bytes().starts_with(b"--") {
                argument.push("=");
                argument.push(value);
                ordered.push(argument);
            } else {
                ordered.extend([argument, value]);
            }
            continue;
        }
        ordered.push(argument);
    }
    if !words.is_empty() {
        ordered.push("--".into());
        ordered.extend(words);
    }
    ordered
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No option: it has no dash in front, or is nothing but one.
    Plain,
    /// An option without a value, or with its value in the same argument; or a long one that the command does not have.
    Whole,
    /// An option whose value is the next argument.
    BeforeValue,
    /// One dash, and then none of the command's options.
    Unknown,
}

impl Kind {
    fn of(command: &Command, argument: &OsStr) -> Kind {
        let bytes = argument.as_encoded_bytes();
        let value_follows = |takes_value: bool| if takes_value { Kind::BeforeValue } else { Kind::Whole };
        if let Some(long) = bytes.strip_prefix(b"--") {
            let option =
                command.get_opts().find(|option| option.get_long().is_some_and(|name| name.as_bytes() == long));
            return value_follows(option.is_some_and(|option| option.get_action().takes_values()));
        }
        let Some((&first, rest)) = bytes.strip_prefix(b"-").and_then(<[u8]>::split_first) else { return Kind::Plain };
        let short = |name: u8| {
            let mut options = command.get_arguments();
            options.find(|option| option.get_short() == Some(char::from(name)))
        };
        match short(first) {
            Some(option) if rest.is_empty() => value_follows(option.get_action().takes_values()),
            // A number of answers: `-k5`, `-k=5`.
            Some(option) if option.get_action().takes_values() => {
                let value = rest.strip_prefix(b"=").unwrap_or(rest);
                if value.iter().all(u8::is_ascii_digit) { Kind::Whole } else { Kind::Unknown }
            }
            _ => Kind::Unknown,
        }
    }
}

/// Whether a word has a minus, and the word without its sign: a `+` or `-` in front of it that is not all there is.
pub fn signed(word: &[u8]) -> (bool, &[u8]) {
    match word {
        [sign @ (b'-' | b'+'), word @ ..] if !word.is_empty() => (*sign == b'-', word),
        word => (false, word),
    }
}
