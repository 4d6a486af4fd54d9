//! `vocable similarity`

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::Args;
use vocable::report::json::SimilarityResult;
use vocable::{Error, Vectors};

use super::advice;
use super::common::VectorArgs;
use super::input::{Lines, words_of};
use super::output::{self, Failure, Output, shown};
use super::word_query::text;

/// Compute the cosine similarity of two words.
///
/// With `-`, reads word pairs from standard input, one per line, separated by a tab or a space. A pair with an unknown word is
/// reported and skipped, and the exit code is 1.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vocable similarity france italy\n  vocable similarity - < pairs.txt")]
pub struct Similarity {
    /// Two words, or `-` to read pairs from standard input
    #[arg(required = true, num_args = 1..=2, value_name = "WORD")]
    words: Vec<OsString>,
    #[command(flatten)]
    vectors: VectorArgs,
}

impl Similarity {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        match self.words.as_slice() {
            [a, b] => {
                let vectors = self.vectors.open()?;
                print_similarity(&vectors, a.as_encoded_bytes(), b.as_encoded_bytes(), output)?;
                Ok(ExitCode::SUCCESS)
            }
            [dash] if dash == OsStr::new("-") => self.stream(&self.vectors.open()?, output),
            words => {
                let found = words.iter().map(|word| format!("`{}`", shown(word))).collect::<Vec<_>>().join(", ");
                Err(Error::invalid("WORD", "two words, or `-` to read pairs from standard input", found).into())
            }
        }
    }

    fn stream(&self, vectors: &Vectors, output: &mut Output) -> Result<ExitCode, Failure> {
        let mut code = ExitCode::SUCCESS;
        let mut lines = Lines::standard();
        loop {
            // Interactive users and programs that wait for each result get it immediately.
            if !lines.has_buffered_line() {
                output.flush()?;
            }
            let Some(line) = lines.next()?.map(<[u8]>::to_vec) else { break };
            let number = lines.number();
            let &[a, b] = words_of(&line).as_slice() else {
                let found = format!("`{}`", text(&line));
                return Err(Error::invalid(format!("standard input, line {number}"), "two words", found).into());
            };
            match print_similarity(vectors, a, b, output) {
                Err(Failure::Library(error)) if error.is_unanswered() => {
                    output::error(format_args!("line {number}: {}", advice::describe(&error)));
                    code = ExitCode::from(1);
                }
                other => other?,
            }
        }
        Ok(code)
    }
}

/// Prints the similarity of two words.
pub fn print_similarity(vectors: &Vectors, a: &[u8], b: &[u8], output: &mut Output) -> Result<(), Failure> {
    let cosine = vectors.similarity(a, b)?;
    let (a, b) = (text(a), text(b));
    if output.json {
        output.json(&SimilarityResult { a, b, cosine })
    } else {
        output.text(format_args!("{a} {b} {cosine:.4}\n"))
    }
}
