//! Many questions, answered in slices: memory stays bounded, and answers come as the questions do.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use vocable::files::{numpy, parse_vector};
use vocable::query::{AnalogyMethod, NearestOptions};
use vocable::{Error, Vectors, report};

use super::advice;
use super::input::{Lines, words_of};
use super::output::{self, Failure, Output};
use super::question::{Answered, Question, Stated, text};

/// Questions in a slice, at the most.
const SLICE: usize = 2048;

/// How often the progress bar is drawn, at the least.
const TICK: Duration = Duration::from_millis(200);

/// Answers in a slice, at the most.
const ANSWERS: usize = 1 << 22;

/// Where questions come from, one after the other.
pub struct Questions {
    lines: Lines,
    kind: Kind,
    /// Whether an answer was printed as text: the next one is set apart from it.
    printed: bool,
    bar: ProgressBar,
}

enum Kind {
    /// Words with signs, a question a line.
    Nearest,
    /// Three words a line.
    Analogy(AnalogyMethod),
    /// Vectors, to each of which words are added, and others taken away.
    Vectors {
        near: Vec<Vec<u8>>,
        far: Vec<Vec<u8>>,
        dimension: usize,
        /// All vectors `[n, dimension]` of an array, and how many of them were taken; `None` for one a line.
        array: Option<(Vec<f32>, usize)>,
    },
}

/// Where a question came from.
struct Asked {
    /// Its line, or its row in an array, counted from 1.
    number: u64,
    /// The words as they were written.
    words: Vec<String>,
}

#[derive(Serialize)]
struct Unanswered {
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    query: Vec<String>,
    error: String,
}

impl Questions {
    fn new(lines: Lines, kind: Kind) -> Questions {
        let bar = bar(lines.size());
        Questions { lines, kind, printed: false, bar }
    }

    /// Words with signs, a question a line.
    pub fn nearest(path: &Path) -> Result<Questions, Error> {
        Ok(Questions::new(Lines::open(path)?, Kind::Nearest))
    }

    /// Three words a line.
    pub fn analogies(path: &Path, method: AnalogyMethod) -> Result<Questions, Error> {
        Ok(Questions::new(Lines::open(path)?, Kind::Analogy(method)))
    }

    /// Vectors of `dimension` numbers, as text, one a line, or as a NumPy array. Words are added to each, or taken away.
    pub fn vectors(path: &Path, dimension: usize, near: Vec<Vec<u8>>, far: Vec<Vec<u8>>) -> Result<Questions, Error> {
        let mut lines = Lines::open(path)?;
        let array = if lines.peek()? == Some(numpy::FIRST) {
            let values = numpy::parse_vectors(&lines.rest()?, dimension);
            Some((values.map_err(|e| e.in_file(lines.name()))?, 0))
        } else {
            None
        };
        Ok(Questions::new(lines, Kind::Vectors { near, far, dimension, array }))
    }

    /// The next question, which is an error where the line does not state one. What is no vector ends the whole.
    fn next(&mut self) -> Result<Option<(Asked, Stated)>, Error> {
        let Kind::Vectors { near, far, dimension, array } = &mut self.kind else {
            let Some(line) = self.lines.next()? else { return Ok(None) };
            let words = words_of(line);
            let question = match self.kind {
                Kind::Analogy(method) => Question::analogy(&words, method),
                _ => Ok(Question::nearest(words.iter().copied())),
            };
            let words = words.iter().map(|word| text(word)).collect();
            return Ok(Some((Asked { number: self.lines.number(), words }, question)));
        };
        let (number, values) = match array {
            None => {
                let Some(line) = self.lines.next()?.map(<[u8]>::to_vec) else { return Ok(None) };
                let number = self.lines.number();
                (number, parse_vector(&line, number, *dimension).map_err(|e| e.in_file(self.lines.name()))?)
            }
            Some((values, taken)) => {
                let Some(vector) = values.chunks_exact(*dimension).nth(*taken) else { return Ok(None) };
                *taken += 1;
                (*taken as u64, vector.to_vec())
            }
        };
        let signed = |sign: &'static str| move |word: &Vec<u8>| format!("{sign}{}", text(word));
        let words = near.iter().map(signed("+")).chain(far.iter().map(signed("-"))).collect();
        let question = Question::Nearest { vector: Some((number, values)), near: near.clone(), far: far.clone() };
        Ok(Some((Asked { number, words }, Ok(question))))
    }

    /// Whether another question can be had without waiting for anyone.
    fn more_at_hand(&self) -> bool {
        matches!(self.kind, Kind::Vectors { array: Some(_), .. }) || self.lines.more_at_hand()
    }

    /// How many bytes of the questions are done with.
    fn position(&self) -> u64 {
        match (&self.kind, self.lines.size()) {
            (Kind::Vectors { array: Some((values, taken)), dimension, .. }, Some(size)) => {
                (size as f64 * (taken * dimension) as f64 / values.len() as f64) as u64
            }
            _ => self.lines.position(),
        }
    }

    /// Answers all questions, in their order. One without an answer is reported in its place, and the exit code is 1.
    pub fn answer(
        mut self,
        vectors: &Vectors,
        options: &NearestOptions,
        output: &mut Output,
    ) -> Result<ExitCode, Failure> {
        let slice = (ANSWERS / options.k.clamp(1, vectors.len())).clamp(1, SLICE);
        let (mut done, mut unanswered) = (0, 0);
        let (mut asked, mut questions) = (Vec::new(), Vec::new());
        loop {
            let next = self.next().map(|next| match next {
                Some((from, question)) => {
                    asked.push(from);
                    questions.push(question);
                    true
                }
                None => false,
            });
            // Someone who types a question, or a program that waits for each answer, gets it at once.
            if !matches!(next, Ok(true)) || asked.len() >= slice || !self.more_at_hand() {
                let outcomes = Question::answer_all(std::mem::take(&mut questions), vectors, options)?;
                for (from, outcome) in asked.drain(..).zip(outcomes) {
                    done += 1;
                    unanswered += usize::from(!self.print(&from, outcome, vectors, options, output)?);
                }
                output.flush()?;
                self.bar.set_position(self.position());
            }
            if !next? {
                break;
            }
        }
        self.bar.finish_and_clear();
        if unanswered == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let (unanswered, done) = (report::thousands(unanswered), report::thousands(done));
        output::note(format_args!("{unanswered} of {done} questions have no answer"));
        Ok(ExitCode::from(1))
    }

    /// Prints an answer, or what stands in the way of one: whether there is one.
    fn print(
        &mut self,
        from: &Asked,
        outcome: Answered,
        vectors: &Vectors,
        options: &NearestOptions,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        let of_vectors = matches!(self.kind, Kind::Vectors { .. });
        let place = if of_vectors { "vector" } else { "line" };
        let (question, answers) = match outcome {
            Ok(answered) => answered,
            // What is wrong with the vectors that are asked is wrong for all questions.
            Err(error @ (Error::Malformed(_) | Error::Io { .. })) => return Err(error.into()),
            Err(error) => {
                if output.json {
                    let number = |wanted: bool| wanted.then_some(from.number);
                    let (vector, line) = (number(of_vectors), number(!of_vectors));
                    output.json(&Unanswered {
                        vector,
                        line,
                        query: from.words.clone(),
                        error: advice::describe(&error),
                    })?;
                } else {
                    output.flush()?;
                    let name = self.lines.name();
                    self.bar.suspend(|| {
                        output::error(format_args!("{name}: {place} {}: {}", from.number, advice::describe(&error)))
                    });
                }
                return Ok(false);
            }
        };
        if output.json {
            question.print_json(vectors, &answers, output)?;
        } else {
            let mut heading = from.words.clone();
            if of_vectors {
                heading.insert(0, format!("vector {}", from.number));
            }
            let lines = report::answers(vectors, &answers, "  ");
            let before = if std::mem::replace(&mut self.printed, true) { "\n" } else { "" };
            output.text(format_args!("{before}{}\n{lines}", heading.join(" ")))?;
        }
        Ok(!answers.is_empty() || options.k == 0)
    }
}

/// A bar on standard error that shows how far the reading is, if that is a terminal and the answers do not go there too.
fn bar(size: Option<u64>) -> ProgressBar {
    let (Some(size), false) = (size, std::io::stdout().is_terminal()) else { return ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} of questions {elapsed:>4}");
    let bar = ProgressBar::new(size).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    bar
}
