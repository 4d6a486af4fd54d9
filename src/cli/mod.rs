//! The command line: one file a command. A command parses its arguments, calls the library and prints.
//!
//! Answers go to standard output, everything else to standard error. Exit codes: 0 done, 1 a question without an answer (one
//! of a batch is enough) or a download that was declined, 2 bad usage, bad input or a failed download, 130 training ended by
//! Ctrl-C.

mod advice;
mod analogy;
mod arguments;
mod batch;
mod bench;
mod checkpoints;
mod compare;
mod completions;
mod convert;
mod coverage;
mod demo;
mod doctor;
#[cfg(feature = "arrow")]
mod embed;
mod embedding_matrix;
mod evaluate;
#[cfg(feature = "explore")]
mod explore;
mod export;
mod gates;
#[cfg(feature = "get")]
mod get;
mod import;
mod info;
mod input;
mod interrupt;
mod list;
mod man;
mod nearest;
mod odd;
mod output;
mod paths;
mod predict;
mod question;
mod search;
mod shell;
mod similarity;
#[cfg(feature = "arrow")]
mod tables;
mod train;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use vocable::files::{Format, ReadOptions};
use vocable::vectors::Scan;
use vocable::{Error, Vectors, fetch};

use output::{Failure, Output};

const EXACT_SCAN: &str =
    "How rows are searched: codes (reads a quarter) or f32 (reads all); the answers are the same [default: codes]";

/// Ask about words, and train on their vectors: a toolkit for GloVe and word2vec files.
///
/// Without --vectors, small built-in demo vectors answer.
#[derive(Debug, Parser)]
#[command(name = "vocable", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  vocable demo                                            see all of it on built-in data
  vocable get glove.6B.50d                                fetch vectors; --vectors glove.6B.50d opens them from then on
  vocable --vectors glove.6B.50d.txt nearest king         words closest to `king`
  vocable --vectors glove.6B.50d.txt analogy man king woman
  vocable --vectors glove.6B.50d.txt shell                ask one question after the other
  vocable train --vectors glove.6B.50d.txt --train train.txt --test test.txt --out model.safetensors

Exit codes: 0 done, 1 a question without an answer (an unknown word, no word near enough) or a declined download,
2 bad usage, bad input or a failed download, 130 training ended by Ctrl-C.";

/// What every command understands.
#[derive(Debug, Args)]
struct Common {
    /// File of vectors: GloVe or word2vec text, word2vec binary, fastText .vec or .bin, .npy, plain, .gz or .zip; or a
    /// table file; or the name of vectors that `vocable get` fetched; `compare` takes several, each behind its own
    /// --vectors [env: VOCABLE_VECTORS]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Vectors")]
    vectors: Vec<PathBuf>,
    /// Format of the file, if it should not be told by content: glove, word2vec, word2vec-binary, fasttext, numpy, table
    #[arg(long, global = true, value_name = "NAME", help_heading = "Vectors")]
    format: Option<Format>,
    /// Member to take from a zip archive that holds several files
    #[arg(long, global = true, value_name = "NAME", help_heading = "Vectors")]
    member: Option<String>,
    /// Words of a NumPy array, one a line [default: NAME.words.txt beside NAME.npy]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Vectors")]
    word_list: Option<PathBuf>,
    /// Keep rows with NaN or infinite numbers instead of refusing them; they rank last
    #[arg(long, global = true, help_heading = "Vectors")]
    allow_nonfinite: bool,
    /// Skip bad rows and say how many they were, instead of refusing the file
    #[arg(long, global = true, help_heading = "Vectors")]
    skip_bad_rows: bool,
    // Said twice, since a manual page leaves out what short help does.
    #[arg(long, global = true, value_name = "HOW", hide_short_help = true, help = EXACT_SCAN, long_help = EXACT_SCAN)]
    exact_scan: Option<Scan>,
    /// Print answers as JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    /// Threads to use; answers do not depend on it [default: all cores]
    #[arg(long, global = true, value_name = "N")]
    threads: Option<usize>,
}

impl Common {
    /// Opens the vectors, and says on standard error what a user should know about them.
    fn open(&self) -> Result<Vectors, Error> {
        let mut vectors = match self.vectors()? {
            Some(path) => self.open_file(&path)?,
            None => demo_vectors()?,
        };
        vectors.set_scan(self.exact_scan.unwrap_or_default());
        Ok(vectors)
    }

    /// Opens all files of vectors that are named, at least the built-in one.
    fn open_all(&self) -> Result<Vec<Vectors>, Error> {
        if self.vectors.len() > 1 {
            return self.vectors.iter().map(|path| self.open_file(path)).collect();
        }
        Ok(vec![self.open()?])
    }

    /// The file named by the option, or else by the environment, where an empty variable is none.
    fn vectors(&self) -> Result<Option<PathBuf>, Error> {
        let from_environment = || std::env::var_os("VOCABLE_VECTORS").filter(|path| !path.is_empty());
        Ok(self.named_vectors()?.map(Path::to_owned).or_else(|| from_environment().map(PathBuf::from)))
    }

    /// The file named by the option.
    fn named_vectors(&self) -> Result<Option<&Path>, Error> {
        match self.vectors.as_slice() {
            [] => Ok(None),
            [path] => Ok(Some(path)),
            several => {
                Err(Error::invalid("--vectors", "one file; only `compare` takes several", several.len().to_string()))
            }
        }
    }

    fn read_options(&self) -> ReadOptions {
        ReadOptions {
            format: self.format,
            member: self.member.clone(),
            word_list: self.word_list.clone(),
            allow_nonfinite: self.allow_nonfinite,
            skip_bad_rows: self.skip_bad_rows,
        }
    }

    /// Opens a file of vectors, or those that were fetched by this name.
    fn open_file(&self, path: &Path) -> Result<Vectors, Error> {
        let path = &fetch::resolve(path)?;
        let vectors = Vectors::open_with(path, &self.read_options())?;
        for warning in &vectors.load_report().warnings {
            output::warn(format_args!("{}: {warning}", path.display()));
        }
        Ok(vectors)
    }
}

/// The built-in vectors, in place of those that no one named.
fn demo_vectors() -> Result<Vectors, Error> {
    let vectors = Vectors::demo()?;
    output::note(format_args!(
        "no --vectors given: the built-in demo vectors answer ({} words x {})",
        vectors.len(),
        vectors.dimension()
    ));
    Ok(vectors)
}

#[derive(Debug, Subcommand)]
enum Command {
    Nearest(nearest::Nearest),
    Similarity(similarity::Similarity),
    Analogy(analogy::Analogy),
    Odd(odd::Odd),
    Shell(shell::Shell),
    #[cfg(feature = "explore")]
    Explore(explore::Explore),
    Evaluate(evaluate::Evaluate),
    Info(info::Info),
    Doctor(doctor::Doctor),
    Convert(convert::Convert),
    #[cfg(feature = "get")]
    Get(get::Get),
    List(list::List),
    EmbeddingMatrix(embedding_matrix::EmbeddingMatrix),
    Coverage(coverage::Coverage),
    Train(train::Train),
    Predict(predict::Predict),
    #[cfg(feature = "arrow")]
    Embed(embed::Embed),
    Gates(gates::Gates),
    Export(export::Export),
    Import(import::Import),
    Compare(compare::Compare),
    Demo(demo::Demo),
    Bench(bench::Bench),
    Completions(completions::Completions),
    Man(man::Man),
}

/// Runs the program: the exit code says how it went.
pub fn run() -> ExitCode {
    let mut program = Cli::command();
    program.build();
    let cli = Cli::parse_from(arguments::in_order(&program, std::env::args_os()));
    let mut output = Output::new(cli.common.json);
    let outcome = execute(&cli, &mut output).and_then(|code| output.flush().map(|()| code));
    match outcome {
        Ok(code) => code,
        // Whoever read our output has seen enough.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            // Answers that came before the error should not be lost with it.
            let _ = output.flush();
            output::error(&failure);
            failure.exit_code()
        }
    }
}

/// More processors than any machine has for one process.
const MOST_THREADS: usize = 1024;

fn execute(cli: &Cli, output: &mut Output) -> Result<ExitCode, Failure> {
    if let Some(threads) = cli.common.threads {
        // To start very many takes longer than any answer.
        if !(1..=MOST_THREADS).contains(&threads) {
            let expected = format!("a number from 1 to {MOST_THREADS}");
            return Err(Error::invalid("--threads", expected, threads.to_string()).into());
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|e| Error::invalid("--threads", "as many threads as the system grants", e.to_string()))?;
    }
    let common = &cli.common;
    match &cli.command {
        Command::Nearest(command) => command.run(common, output),
        Command::Similarity(command) => command.run(common, output),
        Command::Analogy(command) => command.run(common, output),
        Command::Odd(command) => command.run(common, output),
        Command::Shell(command) => command.run(common, output),
        #[cfg(feature = "explore")]
        Command::Explore(command) => command.run(common, output),
        Command::Evaluate(command) => command.run(common, output),
        Command::Info(command) => command.run(common, output),
        Command::Doctor(command) => command.run(common, output),
        Command::Convert(command) => command.run(common, output),
        #[cfg(feature = "get")]
        Command::Get(command) => command.run(common, output),
        Command::List(command) => command.run(output),
        Command::EmbeddingMatrix(command) => command.run(common, output),
        Command::Coverage(command) => command.run(common, output),
        Command::Train(command) => command.run(common, output),
        Command::Predict(command) => command.run(common, output),
        #[cfg(feature = "arrow")]
        Command::Embed(command) => command.run(common, output),
        Command::Gates(command) => command.run(common, output),
        Command::Export(command) => command.run(output),
        Command::Import(command) => command.run(output),
        Command::Compare(command) => command.run(common, output),
        Command::Demo(command) => command.run(common, output),
        Command::Bench(command) => command.run(common, output),
        Command::Completions(command) => command.run(output),
        Command::Man(command) => command.run(output),
    }
}
