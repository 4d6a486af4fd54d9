//! `vocable shell`

mod editor;
mod request;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::query::{AnalogyMethod, NearestOptions};
use vocable::{Error, Vectors, report};

use super::common::VectorArgs;
use super::input::Lines;
use super::output::{self, Failure, Output};
use super::search::{SearchArgs, SearchLimits, check_standard_input};
use super::word_query::analogy_method;
use super::{advice, odd, similarity};
use editor::Prompt;
use request::{HELP, Request};

/// Start an interactive prompt with history and word completion.
///
/// The vectors are opened once, so that results are immediate. Type `help` at the prompt for the list of commands. Tab completes
/// words, the most frequent first; Ctrl-C clears the line, Ctrl-D exits. If standard input is not a terminal, each of its lines is
/// run without a prompt; errors are reported, and the remaining lines are run.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Shell {
    /// Scoring method for analogies
    #[arg(long, value_name = "NAME", default_value = "add", value_parser = analogy_method())]
    method: AnalogyMethod,
    /// Do not read or write the history file
    #[arg(long)]
    no_history: bool,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    vectors: VectorArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable shell --vectors glove.safetensors
  vocable> king -man +woman
  vocable> man king woman ?
  vocable> sim france italy
  vocable> odd bread soup crocodile
  vocable> k 5
  printf 'king\\nsim france italy\\n' | vocable shell --json";

/// The state of the shell between two lines.
struct Session<'a> {
    vectors: &'a Vectors,
    limits: SearchLimits,
    /// The library's options for `limits`.
    options: NearestOptions,
    method: AnalogyMethod,
    /// Whether standard input is a terminal: changed settings are confirmed.
    interactive: bool,
}

#[derive(Serialize)]
struct Settings {
    vectors: String,
    rows: usize,
    dimension: usize,
    k: usize,
    restrict: Option<usize>,
    within: Option<String>,
    regex: Option<String>,
    min_cosine: Option<f32>,
    method: &'static str,
}

#[derive(Serialize)]
struct FailedLine {
    line: u64,
    error: String,
}

impl Shell {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        check_standard_input([("--within", self.search.within.as_deref()), ("the shell", Some("-".as_ref()))])?;
        let vectors = self.search.scan.apply(self.vectors.open()?);
        let limits = self.search.limits(&vectors)?;
        let options = limits.options()?;
        let interactive = std::io::stdin().is_terminal();
        let mut session = Session { vectors: &vectors, limits, options, method: self.method, interactive };
        if interactive {
            let mut prompt = Prompt::new(&vectors, !self.no_history)?;
            output::note(format_args!(
                "{} words x {}; type `help` for the list of commands",
                report::thousands(vectors.len()),
                vectors.dimension()
            ));
            let mut number = 0;
            while let Some(line) = prompt.read()? {
                number += 1;
                if !session.run_line(line.as_bytes(), number, output)? {
                    break;
                }
                output.flush()?;
            }
        } else {
            let mut lines = Lines::standard();
            while let Some(line) = lines.next()? {
                let line = line.to_vec();
                if !session.run_line(&line, lines.number(), output)? {
                    break;
                }
                // Programs that wait for each result get it immediately.
                if !lines.has_buffered_line() {
                    output.flush()?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Session<'_> {
    /// Runs a line, and prints an error if it fails. Returns whether to continue.
    fn run_line(&mut self, line: &[u8], number: u64, output: &mut Output) -> Result<bool, Failure> {
        match self.execute(line, output) {
            Err(Failure::Library(error)) => {
                if output.json {
                    output.json(&FailedLine { line: number, error: advice::describe(&error) })?;
                } else if self.interactive {
                    output::error(error);
                } else {
                    output.flush()?;
                    output::error(format_args!("line {number}: {}", advice::describe(&error)));
                }
                Ok(true)
            }
            done => done,
        }
    }

    fn execute(&mut self, line: &[u8], output: &mut Output) -> Result<bool, Failure> {
        match Request::of(line, self.method)? {
            Request::Query(query) => {
                query.run(self.vectors, &self.options, output)?;
            }
            Request::Similarity([a, b]) => similarity::print_similarity(self.vectors, a, b, output)?,
            Request::Odd(words) => odd::print_odd(self.vectors, &words, output)?,
            Request::Set(name, value) => self.set(name, value)?,
            Request::Info => self.info(output)?,
            Request::Help => output::note(HELP.trim_end()),
            Request::Quit => return Ok(false),
            Request::Nothing => {}
        }
        Ok(true)
    }

    /// Changes a setting, unless no word would satisfy all of them.
    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let (mut limits, mut method) = (self.limits.clone(), self.method);
        let now = request::set(name, value, &mut limits, &mut method, self.vectors)?;
        self.options = limits.options()?;
        (self.limits, self.method) = (limits, method);
        if self.interactive {
            output::note(now);
        }
        Ok(())
    }

    fn info(&self, output: &mut Output) -> Result<(), Failure> {
        let limits = &self.limits;
        let info = Settings {
            vectors: self.vectors.source().path.to_string_lossy().into_owned(),
            rows: self.vectors.len(),
            dimension: self.vectors.dimension(),
            k: limits.k,
            restrict: limits.restrict,
            within: limits.within.as_ref().map(|(path, _)| path.to_string_lossy().into_owned()),
            regex: limits.regex.as_ref().map(|(pattern, _)| pattern.clone()),
            min_cosine: limits.min_cosine,
            method: self.method.name(),
        };
        if output.json {
            return output.json(&info);
        }
        let words = |limit: Option<usize>| limit.map(|rows| format!(" ({} words)", report::thousands(rows)));
        let named =
            |name: Option<String>, rows: Option<usize>| name.map(|name| name + &words(rows).unwrap_or_default());
        let off = || "off".to_owned();
        let (within, regex) = (limits.within.as_ref().map(|w| w.1.len()), limits.regex.as_ref().map(|r| r.1.len()));
        output.text(report::key_values([
            ("vectors".to_owned(), info.vectors),
            ("words".to_owned(), format!("{} x {}", report::thousands(info.rows), info.dimension)),
            ("k".to_owned(), info.k.to_string()),
            ("restrict".to_owned(), info.restrict.map_or_else(off, report::thousands)),
            ("within".to_owned(), named(info.within, within).unwrap_or_else(off)),
            ("regex".to_owned(), named(info.regex, regex).unwrap_or_else(off)),
            ("min-cosine".to_owned(), info.min_cosine.map_or_else(off, |min| min.to_string())),
            ("method".to_owned(), info.method.to_owned()),
        ]))
    }
}
