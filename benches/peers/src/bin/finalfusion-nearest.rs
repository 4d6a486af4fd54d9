//! finalfusion's part of `nearest.py`: answers questions when it is its turn, and says how long they took.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use finalfusion::similarity::WordSimilarity;
use peers::turns::{Done, Task, serve};
use peers::{Failure, Format, finish, open};

/// Answers questions about the vectors of FILE, given on standard input.
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
