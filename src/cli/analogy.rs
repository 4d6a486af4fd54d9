//! `vocable analogy`

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vocable::query::AnalogyMethod;

use super::batch::QueryReader;
use super::common::VectorArgs;
use super::output::{Failure, Output};
use super::search::{SearchArgs, check_standard_input};
use super::word_query::{WordQuery, analogy_method};

/// Complete an analogy: A is to B as C is to ...
///
/// `man king woman` asks for the word that is to woman as king is to man (the order of word2vec). The three words themselves are
/// excluded from the results.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Analogy {
    /// Word A
    #[arg(required_unless_present = "batch")]
    a: Option<OsString>,
    /// Word B: A is to B
    #[arg(required_unless_present = "batch")]
    b: Option<OsString>,
    /// Word C: as C is to ...
    #[arg(required_unless_present = "batch")]
    c: Option<OsString>,
    /// Read analogies from FILE, one per line; `-` reads standard input
    ///
    /// A line contains three words, separated by spaces, or by tabs if words contain spaces. An analogy without a result is reported in
    /// its place, and the exit code is 1.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["a", "b", "c"])]
    batch: Option<PathBuf>,
    /// Scoring method
    #[arg(long, value_name = "NAME", default_value = "add", value_parser = analogy_method())]
    method: AnalogyMethod,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    vectors: VectorArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable analogy man king woman
  vocable analogy paris france rome --method mul
  vocable analogy paris france rome --within countries.txt -k 1
  vocable analogy --batch questions.txt --json > answers.jsonl";

impl Analogy {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        check_standard_input([("--within", self.search.within.as_deref()), ("--batch", self.batch.as_deref())])?;
        let vectors = self.search.scan.apply(self.vectors.open()?);
        let options = self.search.options(&vectors)?;
        if let Some(path) = &self.batch {
            return QueryReader::analogies(path, self.method)?.run(&vectors, &options, output);
        }
        let words = [&self.a, &self.b, &self.c].into_iter().flatten();
        let words: Vec<&[u8]> = words.map(|word| word.as_encoded_bytes()).collect();
        WordQuery::analogy(&words, self.method)?.run(&vectors, &options, output)
    }
}
