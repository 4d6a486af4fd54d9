//! How a program takes turns with others: it waits for a line of JSON that says what to do, does it, and answers with a line.
//! Shared by `nearest.rs` and `peers/`; `nearest.py` holds the other end.

use std::error::Error;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What a program is asked to do.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "kebab-case")]
pub enum Task {
    /// The words nearest to each word, one question after the other, each timed.
    Nearest {
        /// What is asked about.
        words: Vec<String>,
        /// How many answers each.
        k: usize,
    },
    /// The same, all questions at once.
    Batch {
        /// What is asked about.
        words: Vec<String>,
        /// How many answers each.
        k: usize,
    },
    /// An analogy benchmark.
    Analogies {
        /// The file with the questions.
        questions: String,
    },
}

/// What a program answers.
#[derive(Debug, Default, Serialize)]
pub struct Done {
    /// What the clock showed, for each question or for all.
    nanoseconds: Vec<u64>,
    /// For each question the nearest words with their cosines.
    answers: Vec<Vec<(String, f32)>>,
    /// Name, questions answered rightly and questions seen of each section of a benchmark.
    sections: Vec<(String, usize, usize)>,
}

impl Done {
    /// Asks a question within the clock and keeps its answers.
    ///
    /// # Errors
    /// Those of the question.
    pub fn ask<W: AsRef<str>, E>(&mut self, question: impl FnOnce() -> Result<Vec<(W, f32)>, E>) -> Result<(), E> {
        let (took, answers) = timed(question);
        self.nanoseconds.push(took.as_nanos() as u64);
        self.answers.push(owned(answers?));
        Ok(())
    }

    /// Many questions that were asked at once.
    pub fn all<W: AsRef<str>>(took: Duration, answers: Vec<Vec<(W, f32)>>) -> Self {
        let answers = answers.into_iter().map(owned).collect();
        Done { nanoseconds: vec![took.as_nanos() as u64], answers, sections: Vec::new() }
    }

    /// A benchmark.
    pub fn sections(took: Duration, sections: Vec<(String, usize, usize)>) -> Self {
        Done { nanoseconds: vec![took.as_nanos() as u64], answers: Vec::new(), sections }
    }
}

fn owned<W: AsRef<str>>(answers: Vec<(W, f32)>) -> Vec<(String, f32)> {
    answers.into_iter().map(|(word, cosine)| (word.as_ref().to_owned(), cosine)).collect()
}

/// How long something takes, and what comes of it.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let made = work();
    (start.elapsed(), made)
}

/// Says that the program is ready, then does what it is told to until there is no more.
///
/// # Errors
/// Whatever a task fails with, or a line that is none.
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
