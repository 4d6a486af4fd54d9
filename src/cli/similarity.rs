//! `vocable similarity`

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::{Error, Vectors};

use super::Common;
use super::output::{self, Failure, Output, shown};

/// The cosine similarity of two words, from -1 to 1.
///
/// With `-`, pairs are read from standard input, one a line, separated by a tab or a space; a pair that has no answer is
/// reported and passed over, and the exit code is 1 at the end.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vocable similarity france italy\n  vocable similarity - < pairs.txt")]
pub struct Similarity {
    /// Two words, or `-`
    #[arg(required = true, num_args = 1..=2, value_name = "WORD")]
    words: Vec<OsString>,
}

#[derive(Serialize)]
struct Answer {
    a: String,
    b: String,
    cosine: f32,
}

impl Similarity {
    pub fn run(&self, common: &Common, output: &mut Output) -> Result<ExitCode, Failure> {
        match self.words.as_slice() {
            [a, b] => {
                let vectors = common.open()?;
                answer(&vectors, a.as_encoded_bytes(), b.as_encoded_bytes(), output)?;
                Ok(ExitCode::SUCCESS)
            }
            [dash] if dash == OsStr::new("-") => self.stream(&common.open()?, output),
            words => {
                let found = words.iter().map(|word| format!("`{}`", shown(word))).collect::<Vec<_>>().join(", ");
                Err(Error::invalid("similarity", "two words, or `-` for pairs from standard input", found).into())
            }
        }
    }

    fn stream(&self, vectors: &Vectors, output: &mut Output) -> Result<ExitCode, Failure> {
        let mut code = ExitCode::SUCCESS;
        let mut input = BufReader::new(std::io::stdin().lock());
        let mut line = Vec::new();
        for number in 1.. {
            // Someone who types a line, or a program that waits for each answer, gets it at once.
            if !input.buffer().contains(&b'\n') {
                output.flush()?;
            }
            line.clear();
            if input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                continue;
            }
            let separator = if line.contains(&b'\t') { b'\t' } else { b' ' };
            let words: Vec<&[u8]> = line.split(|&byte| byte == separator).filter(|w| !w.is_empty()).collect();
            let &[a, b] = words.as_slice() else {
                let found = format!("`{}`", String::from_utf8_lossy(line));
                return Err(Error::invalid(format!("standard input, line {number}"), "two words", found).into());
            };
            match answer(vectors, a, b, output) {
                Err(Failure::Library(error)) if error.is_unanswered() => {
                    output::error(format_args!("line {number}: {error}"));
                    code = ExitCode::from(1);
                }
                other => other?,
            }
        }
        Ok(code)
    }
}

fn answer(vectors: &Vectors, a: &[u8], b: &[u8], output: &mut Output) -> Result<(), Failure> {
    let cosine = vectors.similarity(a, b)?;
    let (a, b) = (String::from_utf8_lossy(a).into_owned(), String::from_utf8_lossy(b).into_owned());
    if output.json { output.json(&Answer { a, b, cosine }) } else { output.text(format_args!("{a} {b} {cosine:.4}\n")) }
}
