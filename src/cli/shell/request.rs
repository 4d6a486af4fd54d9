//! What a line of the shell asks for.

use std::path::PathBuf;

use vocable::query::AnalogyMethod;
use vocable::{Error, Vectors, report};

use crate::cli::input::words_of;
use crate::cli::question::{Question, text};
use crate::cli::search::{Limits, cosine, matching, within};

/// What may follow a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operands {
    Words,
    File,
    Other,
}

/// All commands, and what may follow them.
pub const COMMANDS: [(&str, Operands); 19] = [
    ("nearest", Operands::Words),
    ("near", Operands::Words),
    ("analogy", Operands::Words),
    ("similarity", Operands::Words),
    ("sim", Operands::Words),
    ("odd", Operands::Words),
    ("k", Operands::Other),
    ("top", Operands::Other),
    ("restrict", Operands::Other),
    ("within", Operands::File),
    ("regex", Operands::Other),
    ("min-cosine", Operands::Other),
    ("method", Operands::Other),
    ("info", Operands::Other),
    ("settings", Operands::Other),
    ("help", Operands::Other),
    ("?", Operands::Other),
    ("quit", Operands::Other),
    ("exit", Operands::Other),
];

/// What `help` says.
pub const HELP: &str = "  king                      words nearest to king
  king -man +woman          near to king and woman, far from man
  man king woman ?          man is to king as woman is to ...; the same: analogy man king woman
  sim france italy          the cosine of two words
  odd bread soup crocodile  the word that does not belong

  k 5                       how many answers
  restrict 50000            search only the first 50,000 rows
  within FILE               only the words listed in FILE may answer, one a line
  regex ing$                only words that match may answer
  min-cosine 0.5            leave out answers whose cosine is lower
  method mul                analogies by products of cosines (3CosMul), or by their sum: method add
  restrict off              takes a setting back; so do within, regex and min-cosine

  info                      the vectors, and what is set
  help                      this
  quit                      ends, as Ctrl-D does

A word that is a command, too, needs a sign: +help. Words with spaces in them: separate words by tabs (Ctrl-V Tab).
";

/// What a line asks for.
pub enum Request<'a> {
    Ask(Question),
    Similarity([&'a [u8]; 2]),
    Odd(Vec<&'a [u8]>),
    /// A setting by its name, and its new value.
    Set(&'a str, &'a str),
    Info,
    Help,
    Quit,
    /// An empty line.
    Nothing,
}

impl<'a> Request<'a> {
    /// Reads a line; analogies are answered by `method`.
    pub fn of(line: &'a [u8], method: AnalogyMethod) -> Result<Request<'a>, Error> {
        let words = words_of(line);
        let Some((first, operands)) = words.split_first() else { return Ok(Request::Nothing) };
        // What a command cannot take may have been meant as a question about the word that it is.
        let expected = |what: &str| {
            let first = text(first);
            let found = if operands.is_empty() { "none".to_owned() } else { operands.len().to_string() };
            Error::invalid(first.clone(), format!("{what} (for the word `{first}`: +{first})"), found)
        };
        Ok(match *first {
            b"nearest" | b"near" if !operands.is_empty() => Request::Ask(Question::nearest(operands.iter().copied())),
            b"nearest" | b"near" => return Err(expected("words")),
            b"analogy" if operands.len() == 3 => Request::Ask(Question::analogy(operands, method)?),
            b"analogy" => return Err(expected("three words")),
            b"similarity" | b"sim" => match *operands {
                [a, b] => Request::Similarity([a, b]),
                _ => return Err(expected("two words")),
            },
            b"odd" if operands.len() >= 2 => Request::Odd(operands.to_vec()),
            b"odd" => return Err(expected("at least two words")),
            b"k" | b"top" | b"restrict" | b"within" | b"regex" | b"min-cosine" | b"method" => {
                let value = line.trim_ascii_start().get(first.len()..).unwrap_or_default();
                match (std::str::from_utf8(first), std::str::from_utf8(value.trim_ascii())) {
                    (Ok(_), Ok("")) => Request::Info,
                    (Ok(name), Ok(value)) => Request::Set(name, value),
                    _ => return Err(Error::invalid(text(first), "text in UTF-8", "other bytes")),
                }
            }
            b"info" | b"settings" if operands.is_empty() => Request::Info,
            b"help" | b"?" if operands.is_empty() => Request::Help,
            b"quit" | b"exit" if operands.is_empty() => Request::Quit,
            b"info" | b"settings" | b"help" | b"quit" | b"exit" => return Err(expected("nothing behind it")),
            _ => match words.as_slice() {
                [before @ .., b"?"] => {
                    // As it is written on paper: man : king = woman : ?
                    let signs: [&[u8]; 3] = [b":", b"=", b"::"];
                    let before: Vec<&[u8]> = before.iter().copied().filter(|word| !signs.contains(word)).collect();
                    if before.len() != 3 {
                        let expected = "three words before it, as in `man king woman ?` (for the word `?`: +?)";
                        return Err(Error::invalid("?", expected, before.len().to_string()));
                    }
                    Request::Ask(Question::analogy(&before, method)?)
                }
                _ => Request::Ask(Question::nearest(words.iter().copied())),
            },
        })
    }
}

/// Changes a setting, and says what it now is.
pub fn set(
    name: &str,
    value: &str,
    limits: &mut Limits,
    method: &mut AnalogyMethod,
    vectors: &Vectors,
) -> Result<String, Error> {
    let off = matches!(value, "off" | "none" | "all");
    let number =
        || value.replace([',', '_'], "").parse().map_err(|_| Error::invalid(name, "a number", format!("`{value}`")));
    match name {
        "restrict" => limits.restrict = if off { None } else { Some(number()?) },
        "min-cosine" if off => limits.min_cosine = None,
        "min-cosine" => {
            limits.min_cosine =
                Some(cosine(value).map_err(|_| Error::invalid(name, "a number from -1 to 1", format!("`{value}`")))?);
        }
        "within" if off => limits.within = None,
        "within" if value == "-" => return Err(Error::invalid(name, "a file, since standard input asks", "`-`")),
        "within" => limits.within = Some((PathBuf::from(value), within(vectors, value.as_ref(), "--within")?)),
        "regex" if off => limits.regex = None,
        "regex" => limits.regex = Some((value.to_owned(), matching(vectors, value)?)),
        "method" => *method = value.parse()?,
        _ => limits.k = number()?,
    }
    let rows = match name {
        "within" => limits.within.as_ref().map(|(_, rows)| rows.len()),
        "regex" => limits.regex.as_ref().map(|(_, rows)| rows.len()),
        _ => None,
    };
    let words = rows.map(|rows| format!(": {} words may answer", report::thousands(rows))).unwrap_or_default();
    Ok(format!("{name} {value}{words}"))
}
