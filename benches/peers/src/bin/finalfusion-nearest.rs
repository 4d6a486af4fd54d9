//! finalfusion's part of `nearest.py`: runs queries when it is its turn, and reports their times.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use finalfusion::similarity::WordSimilarity;
use peers::turns::{Done, Task, serve};
use peers::{Failure, Format, finish, open};

/// Runs queries, given on standard input, on the vectors of FILE.
#[derive(Parser)]
struct Arguments {
    format: Format,
    file: PathBuf,
}

fn main() -> ExitCode {
    finish(answer(&Arguments::parse()))
}

fn answer(arguments: &Arguments) -> Result<(), Failure> {
    let vectors = open(arguments.format, &arguments.file)?;
    serve(|task| match task {
        Task::Nearest { words, k } => {
            let mut done = Done::default();
            for word in &words {
                done.ask(|| {
                    let answers = vectors.word_similarity(word, k, None).ok_or_else(|| format!("no word `{word}`"))?;
                    let named = answers.iter().map(|answer| (answer.word().to_owned(), answer.cosine_similarity()));
                    Ok::<_, Failure>(named.collect())
                })?;
            }
            Ok(done)
        }
        other => Err(format!("finalfusion has nothing for {other:?}").into()),
    })
}
