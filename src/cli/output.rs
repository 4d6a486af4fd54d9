//! Output: results go to standard output, messages to standard error.

use std::fmt::{self, Display};
use std::io::{self, BufWriter, Stdout, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;
use vocable::Error;

use super::advice;

/// Standard output, buffered.
pub struct Output {
    /// Whether results are printed as JSON.
    pub json: bool,
    /// Whether text can be colored: standard output is a terminal, and the environment (`NO_COLOR`, `TERM`) allows it.
    pub colour: bool,
    /// Width of the terminal in columns; `None` if standard output is not a terminal.
    pub width: Option<usize>,
    out: BufWriter<Stdout>,
}

impl Output {
    pub fn new(json: bool) -> Self {
        let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Output { json, colour, width, out: BufWriter::new(io::stdout()) }
    }

    /// Prints text unchanged.
    pub fn text(&mut self, text: impl Display) -> Result<(), Failure> {
        Ok(write!(self.out, "{text}")?)
    }

    /// Prints a value as one line of JSON.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, value).map_err(io::Error::from)?;
        Ok(writeln!(self.out)?)
    }

    pub fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.out.flush()?)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// An error of the library.
    Library(Error),
    /// Standard output or standard input failed.
    Output(io::Error),
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Library(error) if error.is_unanswered() => ExitCode::from(1),
            _ => ExitCode::from(2),
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Library(error) => f.write_str(&advice::describe(error)),
            Failure::Output(error) => error.fmt(f),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Library(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

/// Prints a message.
pub fn note(text: impl Display) {
    to_stderr(format_args!("{text}"));
}

/// Prints a question; the user answers on the same line.
#[cfg(feature = "get")]
pub fn ask(question: &str) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(question.as_bytes()).and_then(|()| out.flush());
}

/// Prints a warning.
pub fn warn(text: impl Display) {
    to_stderr(format_args!("warning: {text}"));
}

/// Prints a warning about texts of a file that are not UTF-8, if there are any.
pub fn warn_replaced(file: &str, texts: usize) {
    let number = match texts {
        0 => return,
        1 => "1 text is".to_owned(),
        many => format!("{many} texts are"),
    };
    warn(format_args!("{file}: {number} not valid UTF-8; the invalid bytes were replaced"));
}

/// Prints an error.
pub fn error(text: impl Display) {
    to_stderr(format_args!("error: {text}"));
}

fn to_stderr(text: fmt::Arguments) {
    // File content must not control the terminal; only line feeds are kept.
    let is_control = |c: char| c.is_control() && c != '\n';
    let text = text.to_string().replace(is_control, "\u{FFFD}");
    // Ignore a closed standard error.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// An argument as text, for messages and JSON.
pub fn shown(word: &std::ffi::OsStr) -> String {
    word.to_string_lossy().into_owned()
}
