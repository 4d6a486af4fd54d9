//! `vocable nearest`

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::query::NearestOptions;
use vocable::report;

use super::Common;
use super::output::{Failure, Output, shown};

/// Words closest to one or several others.
///
/// The query is the mean of the words' unit vectors, those of --not taken with a minus; answers are ranked by cosine. The same
/// as gensim's `most_similar`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vocable nearest king\n  vocable nearest king woman --not man -k 3")]
pub struct Nearest {
    /// Words to be near to
    #[arg(required = true, value_name = "WORD")]
    words: Vec<OsString>,
    /// A word to be far from; may be given several times
    #[arg(long, value_name = "WORD")]
    not: Vec<OsString>,
    #[command(flatten)]
    search: Search,
}

/// How many answers, and among which rows.
#[derive(Debug, Args)]
pub struct Search {
    /// How many answers
    #[arg(short, long = "top", value_name = "N", default_value_t = 10)]
    k: usize,
    /// Search only the first N rows, in most files the most frequent words
    #[arg(long, value_name = "N")]
    restrict: Option<usize>,
}

impl Search {
    pub fn options(&self) -> NearestOptions {
        NearestOptions { k: self.k, restrict: self.restrict, ..NearestOptions::default() }
    }
}

#[derive(Serialize)]
struct Answer {
    query: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not: Vec<String>,
    neighbours: Vec<Neighbour>,
}

#[derive(Serialize)]
struct Neighbour {
    word: String,
    row: u32,
    cosine: f32,
}

impl Nearest {
    pub fn run(&self, common: &Common, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = common.open()?;
        let positive: Vec<&[u8]> = self.words.iter().map(|word| word.as_encoded_bytes()).collect();
        let negative: Vec<&[u8]> = self.not.iter().map(|word| word.as_encoded_bytes()).collect();
        let answers = vectors.nearest(&positive, &negative, &self.search.options())?;
        if output.json {
            output.json(&Answer {
                query: self.words.iter().map(|word| shown(word)).collect(),
                not: self.not.iter().map(|word| shown(word)).collect(),
                neighbours: answers
                    .iter()
                    .map(|answer| Neighbour {
                        word: vectors.word(answer.row).into_owned(),
                        row: answer.row,
                        cosine: answer.score,
                    })
                    .collect(),
            })?;
        } else {
            output.text(report::answers(&vectors, &answers))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
