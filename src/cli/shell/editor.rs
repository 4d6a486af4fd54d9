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

/// Maximum number of lines in the history.
const MAX_HISTORY: usize = 1000;

/// Maximum number of completions.
const MAX_COMPLETIONS: usize = 40;

/// A prompt at a terminal.
pub struct Prompt<'a> {
    editor: Editor<PromptHelper<'a>, FileHistory>,
    /// The history file; `None` if no history is kept.
    history: Option<PathBuf>,
}

impl<'a> Prompt<'a> {
    /// A prompt that completes the words of `vectors`; the history is kept in the user's state folder if `keep_history` is set.
    pub fn new(vectors: &'a Vectors, keep_history: bool) -> Result<Prompt<'a>, Failure> {
        // The prompt is on the terminal, because standard output may be redirected.
        let config = Config::builder()
            .max_history_size(MAX_HISTORY)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(failure)?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .behavior(Behavior::PreferTerm)
            .build();
        let mut editor = Editor::with_config(config).map_err(failure)?;
        editor.set_helper(Some(PromptHelper { vectors, files: FilenameCompleter::new() }));
        let history = if keep_history { history_file() } else { None };
        if let Some(path) = history.as_deref().filter(|path| path.exists())
            && let Err(error) = editor.load_history(path)
        {
            output::warn(format_args!("{}: cannot read the history: {error}", path.display()));
        }
        Ok(Prompt { editor, history })
    }

    /// The next line; `None` at the end of input. Ctrl-C clears the line.
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

    /// Appends a line to the history file immediately, so that the history survives a crash.
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
            output::warn(format_args!("{}: cannot write the history: {error}", path.display()));
        }
    }
}

/// The history file: `vocable/history` in the user's state folder, or in the data folder on systems without one.
fn history_file() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    let folder = folders.state_dir().unwrap_or_else(|| folders.data_dir());
    // Without a home folder the path is relative.
    folder.is_absolute().then(|| folder.join("vocable").join("history"))
}

fn failure(error: ReadlineError) -> Failure {
    Failure::Output(match error {
        ReadlineError::Io(error) => error,
        other => std::io::Error::other(other.to_string()),
    })
}

/// Completes commands, words and file names.
struct PromptHelper<'a> {
    vectors: &'a Vectors,
    files: FilenameCompleter,
}

impl PromptHelper<'_> {
    /// The most frequent words that start with `prefix`. Their common prefix is that of all words in the vocabulary that start with
    /// `prefix`, because the editor inserts it.
    fn words(&self, prefix: &str) -> Vec<String> {
        let word = |word: &[u8]| {
            let word = std::str::from_utf8(word).ok()?;
            (!word.contains(|c: char| c == ' ' || c.is_control())).then(|| word.to_owned())
        };
        let vocabulary = self.vectors.vocabulary();
        let rows = self.vectors.complete(prefix, MAX_COMPLETIONS);
        let mut completions: Vec<String> = rows.into_iter().filter_map(|row| word(vocabulary.word(row)?)).collect();
        while let Some(common) = common_prefix(&completions).filter(|common| common.len() > prefix.len()) {
            let other = vocabulary.iter().filter(|word| word.starts_with(prefix.as_bytes()));
            match other.filter(|word| !word.starts_with(common.as_bytes())).find_map(word) {
                Some(other) => completions.push(other),
                None => break,
            }
        }
        completions
    }
}

/// The longest common prefix of the words.
fn common_prefix(words: &[String]) -> Option<&str> {
    let (first, rest) = words.split_first()?;
    let mut common = first.as_str();
    for word in rest {
        let same = common.char_indices().zip(word.chars()).take_while(|((_, a), b)| a == b);
        common = &common[..same.map(|((at, c), _)| at + c.len_utf8()).last().unwrap_or(0)];
    }
    Some(common)
}

impl Completer for PromptHelper<'_> {
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
        let mut completions: Vec<String> = Vec::new();
        if command.is_none() && prefix.len() == token.len() {
            completions
                .extend(COMMANDS.iter().map(|(name, _)| (*name).to_owned()).filter(|name| name.starts_with(prefix)));
        }
        if !prefix.is_empty() {
            let words = self.words(prefix);
            completions.extend(
                words.into_iter().filter(|word| COMMANDS.iter().all(|(name, _)| name != word) || command.is_some()),
            );
        }
        // A unique completion is a complete word: add a space.
        let end = if completions.len() == 1 { " " } else { "" };
        let pair = |word: String| Pair { replacement: format!("{word}{end}"), display: word };
        Ok((pos - prefix.len(), completions.into_iter().map(pair).collect()))
    }
}

impl Hinter for PromptHelper<'_> {
    type Hint = String;
}

impl Highlighter for PromptHelper<'_> {}

impl Validator for PromptHelper<'_> {}

impl Helper for PromptHelper<'_> {}
