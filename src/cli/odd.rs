//! `vocable odd`

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::Vectors;

use super::common::VectorArgs;
use super::output::{Failure, Output};
use super::word_query::text;

/// Find the word that does not belong with the others.
///
/// It is the word whose vector is farthest from the mean of all unit vectors, as in gensim's `doesnt_match`.
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
struct OddResult {
    words: Vec<String>,
    odd: String,
}

impl Odd {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = self.vectors.open()?;
        let words: Vec<&[u8]> = self.words.iter().map(|word| word.as_encoded_bytes()).collect();
        print_odd(&vectors, &words, output)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints the word that does not belong.
pub fn print_odd(vectors: &Vectors, words: &[&[u8]], output: &mut Output) -> Result<(), Failure> {
    let odd = vectors.odd(words)?;
    let words: Vec<String> = words.iter().map(|word| text(word)).collect();
    let odd = words[odd].clone();
    if output.json { output.json(&OddResult { words, odd }) } else { output.text(format_args!("{odd}\n")) }
}
