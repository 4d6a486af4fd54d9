//! Vocable's part of `nearest.py`, which builds and starts it: runs queries when it is its turn, and reports their times.

mod turns;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use vocable::Vectors;
use vocable::query::{
    AnalogyCounts, AnalogyProtocol, EvaluateOptions, NearestOptions, Query, Questions, ScoredRow, Term,
};
use vocable::vectors::Scan;

use turns::{Done, Task, serve, timed};

/// Runs queries, given on standard input, on the vectors of FILE; without FILE, does nothing.
#[derive(Parser)]
struct Arguments {
    file: Option<String>,
    /// How rows are scanned: codes or f32
    #[arg(long, default_value = "codes")]
    scan: Scan,
    /// Passed by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(file) = arguments.file else {
        eprintln!("run by: python3 benches/nearest.py");
        return ExitCode::SUCCESS;
    };
    match answer(&file, arguments.scan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer(file: &str, scan: Scan) -> Result<(), Box<dyn Error>> {
    let mut vectors = Vectors::open(file)?;
    vectors.set_scan(scan);
    let options = |k| NearestOptions { k, ..NearestOptions::default() };
    let named = |answers: Vec<ScoredRow>| -> Vec<_> {
        answers.into_iter().map(|answer| (vectors.word(answer.row), answer.score)).collect()
    };
    serve(|task| match task {
        Task::Nearest { words, k } => {
            let mut done = Done::default();
            for word in &words {
                done.ask(|| vectors.nearest(&[word], &[] as &[&str], &options(k)).map(named))?;
            }
            Ok(done)
        }
        Task::Batch { words, k } => {
            let (took, answers) = timed(|| {
                let query = |word: &String| vectors.query(&[(1.0, Term::Word(word.as_bytes()))]);
                let queries = words.iter().map(query).collect::<vocable::Result<Vec<Query>>>()?;
                let answers = vectors.nearest_batch(&queries, &options(k))?;
                Ok::<_, vocable::Error>(answers.into_iter().map(named).collect())
            });
            Ok(Done::all(took, answers?))
        }
        Task::Analogies { questions } => {
            let questions = std::fs::read(questions)?;
            let (took, report) = timed(|| {
                let questions = Questions::parse(&questions)?;
                vectors.evaluate_analogies(&questions, AnalogyProtocol::Gensim, &EvaluateOptions::default())
            });
            let sections = report?.sections.into_iter().map(|section| {
                let AnalogyCounts { correct: right, seen, .. } = section.count;
                (section.name, right, seen)
            });
            Ok(Done::sections(took, sections.collect()))
        }
    })
}
