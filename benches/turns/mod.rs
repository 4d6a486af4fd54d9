//! The protocol by which programs take turns: each reads a task as a line of JSON, performs it, and prints the result as a line.
//! Shared by `nearest.rs` and `peers/`; the other side is `nearest.py`.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// A task.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// The nearest words of each word, one query at a time, each timed.
    Nearest {
        /// The query words.
        words: Vec<String>,
        /// Number of results per query.
        k: usize,
    },
    /// The same as one batch.
    Batch {
        /// The query words.
        words: Vec<String>,
        /// Number of results per query.
        k: usize,
    },
    /// An analogy benchmark.
    Analogies {
        /// The file with the questions.
        questions: String,
    },
}

/// The result of a task.
#[derive(Debug, Default, Serialize)]
pub struct Done {
    /// Time of each query, or of all.
    nanoseconds: Vec<u64>,
    /// The nearest words of each query, with their cosines.
    answers: Vec<Vec<(String, f32)>>,
    /// Name, correct and seen questions of each section of a benchmark.
    sections: Vec<(String, usize, usize)>,
}

impl Done {
    /// Runs a query, timed, and keeps its results.
    ///
    /// # Errors
    /// Those of the query.
    pub fn ask<W: AsRef<str>, E>(&mut self, question: impl FnOnce() -> Result<Vec<(W, f32)>, E>) -> Result<(), E> {
        let (took, answers) = timed(question);
        self.nanoseconds.push(took.as_nanos() as u64);
        self.answers.push(owned(answers?));
        Ok(())
    }

    /// The results of a batch.
    pub fn all<W: AsRef<str>>(took: Duration, answers: Vec<Vec<(W, f32)>>) -> Self {
        let answers = answers.into_iter().map(owned).collect();
        Done { nanoseconds: vec![took.as_nanos() as u64], answers, sections: Vec::new() }
    }

    /// The result of a benchmark.
    pub fn sections(took: Duration, sections: Vec<(String, usize, usize)>) -> Self {
        Done { nanoseconds: vec![took.as_nanos() as u64], answers: Vec::new(), sections }
    }
}

fn owned<W: AsRef<str>>(answers: Vec<(W, f32)>) -> Vec<(String, f32)> {
    answers.into_iter().map(|(word, cosine)| (word.as_ref().to_owned(), cosine)).collect()
}

/// Runs `work` and returns its time and result.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let made = work();
    (start.elapsed(), made)
}

/// Reports that the program is ready, then performs tasks until the end of standard input.
///
/// # Errors
/// Errors of a task, or an invalid line.
pub fn serve(mut perform: impl FnMut(Task) -> Result<Done, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let answer = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush())
    };
    answer("ready".to_owned())?;
    for line in std::io::stdin().lock().lines() {
        let done = perform(serde_json::from_str(&line?)?)?;
        answer(serde_json::to_string(&done)?)?;
    }
    Ok(())
}
