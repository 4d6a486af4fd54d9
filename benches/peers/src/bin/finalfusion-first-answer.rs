//! Opens vectors with finalfusion and runs one query.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use finalfusion::similarity::WordSimilarity;
use peers::{Failure, Format, finish, open};

/// Prints the ten words nearest to WORD, or its cosine with OTHER.
#[derive(Parser)]
struct Arguments {
    format: Format,
    file: PathBuf,
    #[arg(required_unless_present = "load_only")]
    word: Option<String>,
    other: Option<String>,
    /// Print the seconds of opening, without a query
    #[arg(long)]
    load_only: bool,
}

fn main() -> ExitCode {
    finish(ask(&Arguments::parse()))
}

fn ask(arguments: &Arguments) -> Result<(), Failure> {
    let start = Instant::now();
    let vectors = open(arguments.format, &arguments.file)?;
    let seconds = start.elapsed().as_secs_f64();
    if arguments.load_only {
        println!("{seconds:.4}");
        return Ok(());
    }
    let word = arguments.word.as_deref().unwrap_or_default();
    let absent = |word: &str| format!("no word `{word}`");
    match arguments.other.as_deref() {
        Some(other) => {
            // finalfusion keeps unit vectors, so a product is a cosine.
            let a = vectors.embedding(word).ok_or_else(|| absent(word))?;
            let b = vectors.embedding(other).ok_or_else(|| absent(other))?;
            println!("{word} {other} {:.4}", a.dot(&b));
        }
        None => {
            for answer in vectors.word_similarity(word, 10, None).ok_or_else(|| absent(word))? {
                println!("{} {:.4}", answer.word(), answer.cosine_similarity());
            }
        }
    }
    Ok(())
}
