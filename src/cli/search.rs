//! How many answers, and among which rows: what `nearest`, `analogy` and `shell` share.

use std::path::{Path, PathBuf};

use clap::Args;
use regex::bytes::Regex;
use vocable::query::{NearestOptions, RowSet};
use vocable::{Error, Vectors, report};

use super::common::ScanArgs;
use super::input::{is_standard, listed_words, without_row};
use super::output;

/// How many answers, and among which rows.
#[derive(Debug, Args)]
#[command(next_help_heading = "Search")]
pub struct Search {
    /// How many answers
    #[arg(short, long = "top", value_name = "N", default_value_t = 10)]
    k: usize,
    /// Search only the first N rows, in most files the most frequent words
    #[arg(long, value_name = "N")]
    restrict: Option<usize>,
    /// Only the words listed in FILE may answer, one a line; `-` reads them from standard input
    #[arg(long, value_name = "FILE")]
    pub within: Option<PathBuf>,
    /// Only words that match the regular expression R may answer; `^` and `$` tie it to a word's ends, `(?i)` ignores case
    #[arg(long, value_name = "R")]
    regex: Option<String>,
    /// Leave out answers whose cosine is below X, from -1 to 1
    #[arg(long, value_name = "X", value_parser = cosine)]
    min_cosine: Option<f32>,
    #[command(flatten)]
    pub scan: ScanArgs,
}

/// A search's limits, read and checked. Those that name rows hold at once: a row must be among all of them.
#[derive(Debug, Clone)]
pub struct Limits {
    pub k: usize,
    pub restrict: Option<usize>,
    pub min_cosine: Option<f32>,
    /// What was asked for, and its rows.
    pub within: Option<(PathBuf, RowSet)>,
    pub regex: Option<(String, RowSet)>,
}

impl Search {
    /// Reads and checks the limits.
    pub fn limits(&self, vectors: &Vectors) -> Result<Limits, Error> {
        let listed = |path: &PathBuf| within(vectors, path, "--within").map(|rows| (path.clone(), rows));
        let fitting = |pattern: &String| matching(vectors, pattern).map(|rows| (pattern.clone(), rows));
        Ok(Limits {
            k: self.k,
            restrict: self.restrict,
            min_cosine: self.min_cosine,
            within: self.within.as_ref().map(listed).transpose()?,
            regex: self.regex.as_ref().map(fitting).transpose()?,
        })
    }

    /// The options of the library's searches.
    pub fn options(&self, vectors: &Vectors) -> Result<NearestOptions, Error> {
        self.limits(vectors)?.options()
    }
}

impl Limits {
    /// The options of the library's searches.
    pub fn options(&self) -> Result<NearestOptions, Error> {
        if self.k == 0 {
            return Err(Error::invalid("-k", "a number from 1", "0"));
        }
        if self.restrict == Some(0) {
            return Err(Error::invalid("--restrict", "a number from 1", "0"));
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
            return Err(Error::invalid(named.join(", "), "words that all of them allow", "none"));
        }
        Ok(NearestOptions { k: self.k, restrict: self.restrict, within, min_cosine: self.min_cosine })
    }
}

/// Checks that no more than one of these options reads standard input.
pub fn read_once<const N: usize>(options: [(&str, Option<&Path>); N]) -> Result<(), Error> {
    let reading = options.into_iter().filter(|(_, path)| path.is_some_and(is_standard));
    let named: Vec<&str> = reading.map(|(option, _)| option).collect();
    if named.len() > 1 {
        return Err(Error::invalid("standard input", "one option that reads it", named.join(" and ")));
    }
    Ok(())
}

/// The rows of the words listed in the file of an option. Those without a row are counted on standard error.
pub fn within(vectors: &Vectors, path: &Path, option: &str) -> Result<RowSet, Error> {
    let words = listed_words(path)?;
    let (rows, without) = RowSet::of_words(vectors, words.iter())?;
    if rows.is_empty() {
        let found = format!("none among the {} that `{}` lists", report::thousands(words.len()), path.display());
        return Err(Error::invalid(option, "words of the vocabulary", found));
    }
    if !without.is_empty() {
        output::warn(format_args!("{}: {}", path.display(), without_row(&without, words.len())));
    }
    Ok(rows)
}

/// The rows whose words match a regular expression.
pub fn matching(vectors: &Vectors, pattern: &str) -> Result<RowSet, Error> {
    let regex = Regex::new(pattern).map_err(|error| bad_pattern(pattern, &error))?;
    let rows = RowSet::matching(vectors, |word| regex.is_match(word))?;
    if rows.is_empty() {
        let expected = format!("a pattern that fits some of the {} words", report::thousands(vectors.len()));
        return Err(Error::invalid("--regex", expected, format!("`{pattern}`, which fits none")));
    }
    Ok(rows)
}

/// Says what is wrong with a regular expression, and where.
fn bad_pattern(pattern: &str, error: &regex::Error) -> Error {
    let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
    let (place, what) = match parser.parse(pattern) {
        Err(regex_syntax::Error::Parse(error)) => (error.span().start.offset, error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => (error.span().start.offset, error.kind().to_string()),
        _ => return Error::invalid("--regex", "a regular expression of moderate size", error.to_string()),
    };
    let character = pattern.get(..place).map_or(0, |before| before.chars().count()) + 1;
    Error::invalid("--regex", "a regular expression", format!("`{pattern}`: {what} at character {character}"))
}

/// A cosine, as an option has it.
pub fn cosine(text: &str) -> Result<f32, String> {
    let cosine = text.parse().ok().filter(|cosine| (-1.0..=1.0).contains(cosine));
    cosine.ok_or_else(|| "expected a number from -1 to 1".to_owned())
}
