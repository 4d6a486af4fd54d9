//! `vocable analogy`

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vocable::query::AnalogyMethod;

use super::batch::Questions;
use super::common::VectorArgs;
use super::output::{Failure, Output};
use super::question::Question;
use super::search::{Search, read_once};

/// A is to B as C is to ...
///
/// `man king woman` asks: man is to king as woman is to whom? (word2vec's order.) The three words are left out of the answers.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Analogy {
    /// A
    #[arg(required_unless_present = "batch")]
    a: Option<OsString>,
    /// is to B
    #[arg(required_unless_present = "batch")]
    b: Option<OsString>,
    /// as C is to ...
    #[arg(required_unless_present = "batch")]
    c: Option<OsString>,
    /// Questions, one a line: three words, separated by spaces, or by tabs where words hold spaces; `-` reads standard input. A
    /// line without an answer is reported in its place, and the exit code is 1
    #[arg(long, value_name = "FILE", conflicts_with_all = ["a", "b", "c"])]
    batch: Option<PathBuf>,
    /// add: nearest to B - A + C (3CosAdd); mul: products of cosines (3CosMul)
    #[arg(long, value_name = "NAME", default_value = "add")]
    method: AnalogyMethod,
    #[command(flatten)]
    search: Search,
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
        read_once([("--within", self.search.within.as_deref()), ("--batch", self.batch.as_deref())])?;
        let vectors = self.search.scan.apply(self.vectors.open()?);
        let options = self.search.options(&vectors)?;
        if let Some(path) = &self.batch {
            return Questions::analogies(path, self.method)?.answer(&vectors, &options, output);
        }
        let words = [&self.a, &self.b, &self.c].into_iter().flatten();
        let words: Vec<&[u8]> = words.map(|word| word.as_encoded_bytes()).collect();
        Question::analogy(&words, self.method)?.ask(&vectors, &options, output)
    }
}
