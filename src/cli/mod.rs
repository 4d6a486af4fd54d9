//! The command line: one file per command. A command parses its arguments, calls the library and prints.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 success, 1 a query without a result (one
//! of a batch is enough) or a declined download, 2 bad usage, bad input or a failed download, 130 interrupted by Ctrl-C.

mod advice;
mod analogy;
mod arguments;
mod batch;
mod bench;
mod checkpoints;
mod common;
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
mod search;
mod shell;
mod similarity;
#[cfg(feature = "arrow")]
mod tables;
mod train;
mod training_options;
mod usage;
mod values;
mod word_query;

use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use vocable::Error;

use common::{GlobalArgs, VectorArgs};
use output::{Failure, Output};

/// Query pretrained word vectors (GloVe, word2vec, fastText) and train text classifiers on them.
#[derive(Debug, Parser)]
#[command(name = "vocable", version, propagate_version = true, after_help = EXAMPLES)]
#[command(disable_help_flag = true, disable_version_flag = true, args_override_self = true)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  vocable demo                                   a guided tour on built-in data
  vocable get glove.6B.50d                       download vectors, to use by name
  vocable nearest king --vectors glove.6B.50d    nearest neighbours of `king`
  vocable analogy man king woman --vectors glove.6B.50d
  vocable shell --vectors glove.6B.50d           an interactive prompt
  vocable train --vectors glove.6B.50d --train train.txt --test test.txt --out model.safetensors

Options of a command may be given before or after its name.

Exit codes: 0 success, 1 a query without a result (an unknown word, no word similar enough) or a declined download, \
2 wrong usage, invalid input or a failed download, 130 interrupted by Ctrl-C.";

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

/// Runs the program.
pub fn run() -> ExitCode {
    if completions::complete(completed_program) {
        return ExitCode::SUCCESS;
    }
    let cli = usage::parse::<Cli>(std::env::args_os()).unwrap_or_else(|error| error.exit());
    let mut output = Output::new(cli.global.json);
    let outcome = execute(&cli, &mut output).and_then(|code| output.flush().map(|()| code));
    match outcome {
        Ok(code) => code,
        // The reader of the pipe has closed it: it needs no more.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            // Print the results that precede the error.
            let _ = output.flush();
            output::error(&failure);
            failure.exit_code()
        }
    }
}

/// The command line for completions: with the options that are also accepted before the command, and names of manual pages.
fn completed_program() -> clap::Command {
    let names = || -> Vec<_> {
        man::command_names(&Cli::command()).into_iter().map(|name| CompletionCandidate::new(name.to_owned())).collect()
    };
    VectorArgs::augment_args(Cli::command())
        .mut_subcommand("man", |man| man.mut_arg("command", |name| name.add(ArgValueCandidates::new(names))))
}

/// Starting more threads takes longer than any command.
const MAX_THREADS: usize = 1024;

fn execute(cli: &Cli, output: &mut Output) -> Result<ExitCode, Failure> {
    if let Some(threads) = cli.global.threads {
        if !(1..=MAX_THREADS).contains(&threads) {
            let expected = format!("a number from 1 to {MAX_THREADS}");
            return Err(Error::invalid("--threads", expected, threads.to_string()).into());
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .map_err(|e| Error::invalid("--threads", "a number of threads that the system can start", e.to_string()))?;
    }
    match &cli.command {
        Command::Nearest(command) => command.run(output),
        Command::Similarity(command) => command.run(output),
        Command::Analogy(command) => command.run(output),
        Command::Odd(command) => command.run(output),
        Command::Shell(command) => command.run(output),
        #[cfg(feature = "explore")]
        Command::Explore(command) => command.run(output),
        Command::Evaluate(command) => command.run(output),
        Command::Info(command) => command.run(output),
        Command::Doctor(command) => command.run(output),
        Command::Convert(command) => command.run(output),
        #[cfg(feature = "get")]
        Command::Get(command) => command.run(output),
        Command::List(command) => command.run(output),
        Command::EmbeddingMatrix(command) => command.run(output),
        Command::Coverage(command) => command.run(output),
        Command::Train(command) => command.run(output),
        Command::Predict(command) => command.run(output),
        #[cfg(feature = "arrow")]
        Command::Embed(command) => command.run(output),
        Command::Gates(command) => command.run(output),
        Command::Export(command) => command.run(output),
        Command::Import(command) => command.run(output),
        Command::Compare(command) => command.run(output),
        Command::Demo(command) => command.run(output),
        Command::Bench(command) => command.run(output),
        Command::Completions(command) => command.run(output),
        Command::Man(command) => command.run(Cli::command(), output),
    }
}
