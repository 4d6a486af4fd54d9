//! The line editor: history, and completion of words.

use std::path::PathBuf;

use etcetera::BaseStrategy;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Behavior, CompletionType, Config, Context, Editor, Helper};
use vocable::Vectors;

use super::request::{COMMANDS, Operands};
use crate::cli::output::{self, Failure};

/// Lines of history that are kept.
const HISTORY: usize = 1000;

/// Words that are offered for the beginning of one.
const OFFERED: usize = 40;

/// A prompt at a terminal.
pub struct Prompt<'a> {
    editor: Editor<Words<'a>, FileHistory>,
    /// Where history is kept; `None` for nowhere.
    history: Option<PathBuf>,
}

impl<'a> Prompt<'a> {
    /// A prompt that completes the words of some vectors, and keeps its history in the user's state folder if it may.
    pub fn new(vectors: &'a Vectors, keep_history: bool) -> Result<Prompt<'a>, Failure> {
        // At the terminal itself: standard output may lead elsewhere.
        let config = Config::builder()
            .max_history_size(HISTORY)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(failure)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .behavior(Behavior::PreferTerm)
            .build();
        let mut editor = Editor::with_config(config).map_err(failure)?;
        editor.set_helper(Some(Words { vectors, files: FilenameCompleter::new() }));
        let history = if keep_history { history_file() } else { None };
        if let Some(path) = history.as_deref().filter(|path| path.exists())
            && let Err(error) = editor.load_history(path)
        {
            output::warn(format_args!("{}: cannot read the history: {error}", path.display()));
        }
        Ok(Prompt { editor, history })
    }

    /// The next line; `None` at the end of input. Ctrl-C begins a new one.
    pub fn read(&mut self) -> Result<Option<String>, Failure> {
        loop {
            match self.editor.readline("vocable> ") {
                Ok(line) => {
                    self.remember(&line);
                    return Ok(Some(line));
                }
                Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(failure(error)),
            }
        }
    }

    /// Keeps a line in the history, at once: what ends the program does not take the history with it.
    fn remember(&mut self, line: &str) {
        let kept = self.editor.add_history_entry(line).and_then(|new| match &self.history {
            Some(path) if new => {
                path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
                self.editor.append_history(path)
            }
            _ => Ok(()),
        });
        if let Err(error) = kept
            && let Some(path) = self.history.take()
        {
            output::warn(format_args!("{}: cannot keep the history: {error}", path.display()));
        }
    }
}

/// The file of the history: `vocable/history` in the user's folder for state, or for data where there is none.
fn history_file() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    let folder = folders.state_dir().unwrap_or_else(|| folders.data_dir());
    // Without a home there is no such folder, and the current one is none.
    folder.is_absolute().then(|| folder.join("vocable").join("history"))
}

fn failure(error: ReadlineError) -> Failure {
    Failure::Output(match error {
        ReadlineError::Io(error) => error,
        other => std::io::Error::other(other.to_string()),
    })
}

/// Completes commands, words and file names.
struct Words<'a> {
    vectors: &'a Vectors,
    files: FilenameCompleter,
}

impl Words<'_> {
    /// Words that begin with `prefix`, the most frequent ones. What all of them have in common beyond the prefix, all
    /// words of the vocabulary that begin with it have in common: the editor fills it in.
    fn words(&self, prefix: &str) -> Vec<String> {
        let word = |word: &[u8]| {
            let word = std::str::from_utf8(word).ok()?;
            (!word.contains(|c: char| c == ' ' || c.is_control())).then(|| word.to_owned())
        };
        let vocabulary = self.vectors.vocabulary();
        let rows = self.vectors.complete(prefix, OFFERED);
        let mut offered: Vec<String> = rows.into_iter().filter_map(|row| word(vocabulary.word(row)?)).collect();
        while let Some(common) = common_prefix(&offered).filter(|common| common.len() > prefix.len()) {
            let other = vocabulary.iter().filter(|word| word.starts_with(prefix.as_bytes()));
            match other.filter(|word| !word.starts_with(common.as_bytes())).find_map(word) {
                Some(other) => offered.push(other),
                None => break,
            }
        }
        offered
    }
}

/// What some words begin with, all of them.
fn common_prefix(words: &[String]) -> Option<&str> {
    let (first, rest) = words.split_first()?;
    let mut common = first.as_str();
    for word in rest {
        let same = common.char_indices().zip(word.chars()).take_while(|((_, a), b)| a == b);
        common = &common[..same.map(|((at, c), _)| at + c.len_utf8()).last().unwrap_or(0)];
    }
    Some(common)
}

impl Completer for Words<'_> {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, context: &Context) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..pos).unwrap_or_default();
        let start = before.rfind([' ', '\t']).map_or(0, |space| space + 1);
        let (earlier, token) = before.split_at(start);
        let command = earlier.split_ascii_whitespace().next();
        let operands = COMMANDS.iter().find(|(name, _)| Some(*name) == command).map(|(_, operands)| *operands);
        match operands {
            Some(Operands::File) => return self.files.complete(line, pos, context),
            Some(Operands::Other) => return Ok((start, Vec::new())),
            Some(Operands::Words) | None => {}
        }
        let prefix = token.strip_prefix(['+', '-']).unwrap_or(token);
        let mut offered: Vec<String> = Vec::new();
        if command.is_none() && prefix.len() == token.len() {
            offered.extend(COMMANDS.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name.starts_with(prefix)));
        }
        if !prefix.is_empty() {
            let words = self.words(prefix);
            offered.extend(
                words.into_iter().filter(|word| COMMANDS.iter().all(|(name, _)| name != word) || command.is_some()),
            );
        }
        // A word that is the only one is whole: another may follow.
        let end = if offered.len() == 1 { " " } else { "" };
        let pair = |word: String| Pair { replacement: format!("{word}{end}"), display: word };
        Ok((pos - prefix.len(), offered.into_iter().map(pair).collect()))
    }
}

impl Hinter for Words<'_> {
    type Hint = String;
}

impl Highlighter for Words<'_> {}

impl Validator for Words<'_> {}

impl Helper for Words<'_> {}
