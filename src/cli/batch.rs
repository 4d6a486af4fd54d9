//! Batches of queries, answered in chunks: memory stays bounded, and results are printed as queries are read.

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
use super::word_query::{QueryResults, WordQuery, text};

/// Maximum number of queries in a chunk.
const MAX_QUERIES: usize = 2048;

/// Interval at which the progress bar is drawn.
const TICK: Duration = Duration::from_millis(200);

/// Maximum number of results in a chunk.
const MAX_RESULTS: usize = 1 << 22;

/// Queries read from a file or from standard input.
pub struct QueryReader {
    lines: Lines,
    kind: Kind,
    /// Whether a result was printed as text: an empty line separates the next one.
    printed: bool,
    bar: ProgressBar,
}

enum Kind {
    /// Terms with signs, one query per line.
    Nearest,
    /// Three words per line.
    Analogy(AnalogyMethod),
    /// Vectors, to each of which the words of `near` are added and those of `far` subtracted.
    Vectors {
        near: Vec<Vec<u8>>,
        far: Vec<Vec<u8>>,
        dimension: usize,
        /// All vectors `[n, dimension]` of an array, and how many of them were read; `None` if there is one vector per line.
        array: Option<(Vec<f32>, usize)>,
    },
}

/// The position and the words of a query.
struct QuerySource {
    /// The line, or the row of the array, counted from 1.
    number: u64,
    /// The words as written.
    words: Vec<String>,
}

/// A query, or the error of a line that is not one, and where it comes from.
type NextQuery = (QuerySource, Result<WordQuery, Error>);

#[derive(Serialize)]
struct FailedQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    query: Vec<String>,
    error: String,
}

impl QueryReader {
    fn new(lines: Lines, kind: Kind) -> QueryReader {
        let bar = bar(lines.size());
        QueryReader { lines, kind, printed: false, bar }
    }

    /// Terms with signs, one query per line.
    pub fn nearest(path: &Path) -> Result<QueryReader, Error> {
        Ok(QueryReader::new(Lines::open(path)?, Kind::Nearest))
    }

    /// Three words per line.
    pub fn analogies(path: &Path, method: AnalogyMethod) -> Result<QueryReader, Error> {
        Ok(QueryReader::new(Lines::open(path)?, Kind::Analogy(method)))
    }

    /// Vectors of `dimension` numbers, as text with one vector per line or as a NumPy array. The words of `near` are added to each
    /// vector, those of `far` subtracted.
    pub fn vectors(path: &Path, dimension: usize, near: Vec<Vec<u8>>, far: Vec<Vec<u8>>) -> Result<QueryReader, Error> {
        let mut lines = Lines::open(path)?;
        let array = if lines.peek()? == Some(numpy::FIRST) {
            let values = numpy::parse_vectors(&lines.rest()?, dimension);
            Some((values.map_err(|e| e.in_file(lines.name()))?, 0))
        } else {
            None
        };
        Ok(QueryReader::new(lines, Kind::Vectors { near, far, dimension, array }))
    }

    /// The next query, or an error if the line is not a query. An invalid vector ends the batch.
    fn next(&mut self) -> Result<Option<NextQuery>, Error> {
        let Kind::Vectors { near, far, dimension, array } = &mut self.kind else {
            let Some(line) = self.lines.next()? else { return Ok(None) };
            let words = words_of(line);
            let query = match self.kind {
                Kind::Analogy(method) => WordQuery::analogy(&words, method),
                _ => Ok(WordQuery::nearest(words.iter().copied())),
            };
            let words = words.iter().map(|word| text(word)).collect();
            return Ok(Some((QuerySource { number: self.lines.number(), words }, query)));
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
        let query = WordQuery::Nearest { vector: Some((number, values)), near: near.clone(), far: far.clone() };
        Ok(Some((QuerySource { number, words }, Ok(query))))
    }

    /// Whether another query can be read without waiting for input.
    fn has_buffered_line(&self) -> bool {
        matches!(self.kind, Kind::Vectors { array: Some(_), .. }) || self.lines.has_buffered_line()
    }

    /// Number of bytes that were processed.
    fn position(&self) -> u64 {
        match (&self.kind, self.lines.size()) {
            (Kind::Vectors { array: Some((values, taken)), dimension, .. }, Some(size)) => {
                (size as f64 * (taken * dimension) as f64 / values.len() as f64) as u64
            }
            _ => self.lines.position(),
        }
    }

    /// Runs all queries in order. A query without a result is reported in its place, and the exit code is 1.
    pub fn run(
        mut self,
        vectors: &Vectors,
        options: &NearestOptions,
        output: &mut Output,
    ) -> Result<ExitCode, Failure> {
        let chunk = (MAX_RESULTS / options.k.clamp(1, vectors.len())).clamp(1, MAX_QUERIES);
        let (mut done, mut failed) = (0, 0);
        let (mut sources, mut queries) = (Vec::new(), Vec::new());
        loop {
            let next = self.next().map(|next| match next {
                Some((source, query)) => {
                    sources.push(source);
                    queries.push(query);
                    true
                }
                None => false,
            });
            // Interactive users and programs that wait for each result get it immediately.
            if !matches!(next, Ok(true)) || sources.len() >= chunk || !self.has_buffered_line() {
                let outcomes = WordQuery::results_of_all(std::mem::take(&mut queries), vectors, options)?;
                for (source, outcome) in sources.drain(..).zip(outcomes) {
                    done += 1;
                    failed += usize::from(!self.print(&source, outcome, vectors, options, output)?);
                }
                output.flush()?;
                self.bar.set_position(self.position());
            }
            if !next? {
                break;
            }
        }
        self.bar.finish_and_clear();
        if failed == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let (failed, done) = (report::thousands(failed), report::thousands(done));
        output::note(format_args!("{failed} of {done} queries have no result"));
        Ok(ExitCode::from(1))
    }

    /// Prints the results of a query, or why it has none. Returns whether it has any.
    fn print(
        &mut self,
        source: &QuerySource,
        outcome: Result<QueryResults, Error>,
        vectors: &Vectors,
        options: &NearestOptions,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        let of_vectors = matches!(self.kind, Kind::Vectors { .. });
        let place = if of_vectors { "vector" } else { "line" };
        let (query, results) = match outcome {
            Ok(completed) => completed,
            // Errors in the vector file affect all queries.
            Err(error @ (Error::Malformed(_) | Error::Io { .. })) => return Err(error.into()),
            Err(error) => {
                if output.json {
                    let number = |wanted: bool| wanted.then_some(source.number);
                    let (vector, line) = (number(of_vectors), number(!of_vectors));
                    output.json(&FailedQuery {
                        vector,
                        line,
                        query: source.words.clone(),
                        error: advice::describe(&error),
                    })?;
                } else {
                    output.flush()?;
                    let name = self.lines.name();
                    self.bar.suspend(|| {
                        output::error(format_args!("{name}: {place} {}: {}", source.number, advice::describe(&error)))
                    });
                }
                return Ok(false);
            }
        };
        if output.json {
            query.print_json(vectors, &results, output)?;
        } else {
            let mut heading = source.words.clone();
            if of_vectors {
                heading.insert(0, format!("vector {}", source.number));
            }
            let lines = report::scored_words(vectors, &results, "  ");
            let before = if std::mem::replace(&mut self.printed, true) { "\n" } else { "" };
            output.text(format_args!("{before}{}\n{lines}", heading.join(" ")))?;
        }
        Ok(!results.is_empty() || options.k == 0)
    }
}

/// A progress bar on standard error, unless results are printed to the same terminal.
fn bar(size: Option<u64>) -> ProgressBar {
    let (Some(size), false) = (size, std::io::stdout().is_terminal()) else { return ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} of queries {elapsed:>4}");
    let bar = ProgressBar::new(size).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(TICK);
    bar
}
