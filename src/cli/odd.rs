//! `vocable odd`

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::Vectors;

use super::common::VectorArgs;
use super::output::{Failure, Output};
use super::question::text;

/// The word that does not belong: the one farthest from the mean of all. The same as gensim's `doesnt_match`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  vocable odd breakfast lunch dinner crocodile")]
pub struct Odd {
    /// At least two words
    #[arg(required = true, num_args = 2.., value_name = "WORD")]
    words: Vec<OsString>,
    #[command(flatten)]
    vectors: VectorArgs,
}

#[derive(Serialize)]
struct Answer {
    words: Vec<String>,
    odd: String,
}

impl Odd {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = self.vectors.open()?;
        let words: Vec<&[u8]> = self.words.iter().map(|word| word.as_encoded_bytes()).collect();
        answer(&vectors, &words, output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Answers for some words.
pub fn answer(vectors: &Vectors, words: &[&[u8]], output: &mut Output) -> Result<(), Failure> {
    let odd = vectors.odd(words)?;
    let words: Vec<String> = words.iter().map(|word| text(word)).collect();
    let odd = words[odd].clone();
    if output.json { output.json(&Answer { words, odd }) } else { output.text(format_args!("{odd}\n")) }
}
