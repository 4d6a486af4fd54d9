//! The commands of the shell.

use std::path::PathBuf;

use vocable::query::AnalogyMethod;
use vocable::{Error, Vectors, report};

use crate::cli::input::words_of;
use crate::cli::search::{SearchLimits, cosine, rows_listed, rows_matching};
use crate::cli::word_query::{WordQuery, text};

/// The kind of operands of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operands {
    Words,
    File,
    Other,
}

/// All commands with their operands.
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

/// The text of `help`.
pub const HELP: &str = "  king                      nearest neighbours of king
  king -man +woman          positive and negative terms
  man king woman ?          man is to king as woman is to ...; or: analogy man king woman
  sim france italy          cosine similarity of two words
  odd bread soup crocodile  the word that does not belong with the others

  k 5                       maximum number of results
  restrict 50000            search only the first 50,000 rows
  within FILE               restrict results to the words listed in FILE, one per line
  regex ing$                restrict results to words that match
  min-cosine 0.5            omit results with a lower cosine
  method mul                score analogies by 3CosMul (mul) or 3CosAdd (add)
  restrict off              reset a setting; also within, regex and min-cosine

  info                      show the vectors and the settings
  help                      show this list
  quit                      exit, as Ctrl-D does

To query a word that is also a command, add a sign: +help. If words contain spaces, separate them by tabs (Ctrl-V Tab).
";

/// A line of input, parsed.
pub enum Request<'a> {
    Query(WordQuery),
    Similarity([&'a [u8]; 2]),
    Odd(Vec<&'a [u8]>),
    /// The name of a setting and its new value.
    Set(&'a str, &'a str),
    Info,
    Help,
    Quit,
    /// An empty line.
    Nothing,
}

impl<'a> Request<'a> {
    /// Parses a line; analogies are scored by `method`.
    pub fn of(line: &'a [u8], method: AnalogyMethod) -> Result<Request<'a>, Error> {
        let words = words_of(line);
        let Some((first, operands)) = words.split_first() else { return Ok(Request::Nothing) };
        // The line may be meant as a query for the word, rather than as a command.
        let expected = |what: &str| {
            let first = text(first);
            let found = if operands.is_empty() { "none".to_owned() } else { operands.len().to_string() };
            Error::invalid(first.clone(), format!("{what} (to query the word `{first}`, use +{first})"), found)
        };
        Ok(match *first {
            b"nearest" | b"near" if !operands.is_empty() => {
                Request::Query(WordQuery::nearest(operands.iter().copied()))
            }
            b"nearest" | b"near" => return Err(expected("words")),
            b"analogy" if operands.len() == 3 => Request::Query(WordQuery::analogy(operands, method)?),
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
            b"info" | b"settings" | b"help" | b"quit" | b"exit" => return Err(expected("no operands")),
            _ => match words.as_slice() {
                [before @ .., b"?"] => {
                    // The notation man : king = woman : ? is accepted.
                    let signs: [&[u8]; 3] = [b":", b"=", b"::"];
                    let before: Vec<&[u8]> = before.iter().copied().filter(|word| !signs.contains(word)).collect();
                    if before.len() != 3 {
                        let expected =
                            "three words before it, as in `man king woman ?` (to query the word `?`, use +?)";
                        return Err(Error::invalid("?", expected, before.len().to_string()));
                    }
                    Request::Query(WordQuery::analogy(&before, method)?)
                }
                _ => Request::Query(WordQuery::nearest(words.iter().copied())),
            },
        })
    }
}

/// Changes a setting, and returns a message with its new value.
pub fn set(
    name: &str,
    value: &str,
    limits: &mut SearchLimits,
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
        "within" if value == "-" => {
            return Err(Error::other("within: standard input is used for commands; name a file"));
        }
        "within" => limits.within = Some((PathBuf::from(value), rows_listed(vectors, value.as_ref(), "--within")?)),
        "regex" if off => limits.regex = None,
        "regex" => limits.regex = Some((value.to_owned(), rows_matching(vectors, value)?)),
        "method" => *method = value.parse()?,
        _ => limits.k = number()?,
    }
    let rows = match name {
        "within" => limits.within.as_ref().map(|(_, rows)| rows.len()),
        "regex" => limits.regex.as_ref().map(|(_, rows)| rows.len()),
        _ => None,
    };
    let words = rows.map(|rows| format!(": {} words", report::thousands(rows))).unwrap_or_default();
    Ok(format!("{name} {value}{words}"))
}
