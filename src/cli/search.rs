//! The search options of `nearest`, `analogy` and `shell`.

use std::path::{Path, PathBuf};

use clap::Args;
use regex::bytes::Regex;
use vocable::query::{NearestOptions, RowSet};
use vocable::{Error, Vectors, report};

use super::common::ScanArgs;
use super::input::{is_standard, listed_words, without_row};
use super::output;

/// How many results to return, and from which rows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Search")]
pub struct SearchArgs {
    /// Maximum number of results
    #[arg(short, long = "top", value_name = "N", default_value_t = 10)]
    k: usize,
    /// Search only the first N rows, which are the most frequent words in most files
    #[arg(long, value_name = "N")]
    restrict: Option<usize>,
    /// Restrict results to the words listed in FILE, one per line; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub within: Option<PathBuf>,
    /// Restrict results to words that match REGEX; `^` and `$` match the ends of a word, `(?i)` ignores case
    #[arg(long, value_name = "REGEX")]
    regex: Option<String>,
    /// Omit results with a cosine below X, from -1 to 1
    #[arg(long, value_name = "X", value_parser = cosine)]
    min_cosine: Option<f32>,
    #[command(flatten)]
    pub scan: ScanArgs,
}

/// The search options, checked, with the files and patterns they name resolved to rows. A result must satisfy all of them.
#[derive(Debug, Clone)]
pub struct SearchLimits {
    pub k: usize,
    pub restrict: Option<usize>,
    pub min_cosine: Option<f32>,
    /// The file and its rows.
    pub within: Option<(PathBuf, RowSet)>,
    /// The pattern and the rows it matches.
    pub regex: Option<(String, RowSet)>,
}

impl SearchArgs {
    /// Reads the files that the options name, and checks the options.
    pub fn limits(&self, vectors: &Vectors) -> Result<SearchLimits, Error> {
        let listed = |path: &PathBuf| rows_listed(vectors, path, "--within").map(|rows| (path.clone(), rows));
        let matching = |pattern: &String| rows_matching(vectors, pattern).map(|rows| (pattern.clone(), rows));
        Ok(SearchLimits {
            k: self.k,
            restrict: self.restrict,
            min_cosine: self.min_cosine,
            within: self.within.as_ref().map(listed).transpose()?,
            regex: self.regex.as_ref().map(matching).transpose()?,
        })
    }

    /// The library's search options.
    pub fn options(&self, vectors: &Vectors) -> Result<NearestOptions, Error> {
        self.limits(vectors)?.options()
    }
}

impl SearchLimits {
    /// The library's search options.
    pub fn options(&self) -> Result<NearestOptions, Error> {
        if self.k == 0 {
            return Err(Error::invalid("--top", "at least 1", "0"));
        }
        if self.restrict == Some(0) {
            return Err(Error::invalid("--restrict", "at least 1", "0"));
        }
        let (listed, matching) =
            (self.within.as_ref().map(|limit| &limit.1), self.regex.as_ref().map(|limit| &limit.1));
        let within = match (listed, matching) {
            (Some(listed), Some(matching)) => Some(listed.intersection(matching)),
            (one, other) => one.or(other).cloned(),
        };
        if within.as_ref().is_some_and(|rows| rows.among_first(self.restrict.unwrap_or(usize::MAX)).is_empty()) {
            let named = [
                self.restrict.map(|_| "--restrict"),
                self.within.as_ref().map(|_| "--within"),
                self.regex.as_ref().map(|_| "--regex"),
            ];
            let named: Vec<&str> = named.into_iter().flatten().collect();
            return Err(Error::other(format!("no word satisfies {}", named.join(" and "))));
        }
        Ok(NearestOptions { k: self.k, restrict: self.restrict, within, min_cosine: self.min_cosine })
    }
}

/// Checks that at most one of these options reads standard input.
pub fn check_standard_input<const N: usize>(options: [(&str, Option<&Path>); N]) -> Result<(), Error> {
    let reading = options.into_iter().filter(|(_, path)| path.is_some_and(is_standard));
    let named: Vec<&str> = reading.map(|(option, _)| option).collect();
    if named.len() > 1 {
        let named = named.join(" and ");
        return Err(Error::other(format!("only one option can read standard input; {named} both do")));
    }
    Ok(())
}

/// The rows of the words listed in the file that `option` names. Prints a warning about words without a row.
pub fn rows_listed(vectors: &Vectors, path: &Path, option: &str) -> Result<RowSet, Error> {
    let words = listed_words(path)?;
    let (rows, without) = RowSet::of_words(vectors, words.iter())?;
    if rows.is_empty() {
        let (count, path) = (report::thousands(words.len()), path.display());
        return Err(Error::other(format!("{option}: none of the {count} words in {path} is in the vocabulary")));
    }
    if !without.is_empty() {
        output::warn(format_args!("{}: {}", path.display(), without_row(&without, words.len())));
    }
    Ok(rows)
}

/// The rows whose words match a regular expression.
pub fn rows_matching(vectors: &Vectors, pattern: &str) -> Result<RowSet, Error> {
    let regex = Regex::new(pattern).map_err(|error| bad_pattern(pattern, &error))?;
    let rows = RowSet::matching(vectors, |word| regex.is_match(word))?;
    if rows.is_empty() {
        return Err(Error::other(format!(
            "--regex: `{pattern}` matches none of the {} words",
            report::thousands(vectors.len())
        )));
    }
    Ok(rows)
}

/// The error for an invalid regular expression, with the position of the mistake.
fn bad_pattern(pattern: &str, error: &regex::Error) -> Error {
    let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
    let (place, what) = match parser.parse(pattern) {
        Err(regex_syntax::Error::Parse(error)) => (error.span().start.offset, error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => (error.span().start.offset, error.kind().to_string()),
        _ => return Error::invalid("--regex", "a smaller regular expression", error.to_string()),
    };
    let character = pattern.get(..place).map_or(0, |before| before.chars().count()) + 1;
    Error::invalid("--regex", "a regular expression", format!("`{pattern}`: {what} at character {character}"))
}

/// Parses a cosine.
pub fn cosine(text: &str) -> Result<f32, String> {
    let cosine = text.parse().ok().filter(|cosine| (-1.0..=1.0).contains(cosine));
    cosine.ok_or_else(|| "expected a number from -1 to 1".to_owned())
}
