//! `vocable nearest`

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::arguments::split_sign;
use super::batch::QueryReader;
use super::common::VectorArgs;
use super::output::{Failure, Output};
use super::search::{SearchArgs, check_standard_input};
use super::word_query::WordQuery;

/// Find the nearest neighbours of one or more words.
///
/// The query is the sum of the unit vectors of the positive terms, minus those of the negative terms. Results are ranked by cosine
/// similarity, as in gensim's `most_similar`.
///
/// The first + or - of a term is its sign, as in `king -man +woman`, unless the term is a single sign; `+-5` is the word `-5`.
/// Terms that look like options (-k, -k5, -h, -V, and anything that starts with --) are read as options: use `--not k`, or write
/// the terms after `--`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Nearest {
    /// Positive terms; prefix with `-` for negative terms
    #[arg(required_unless_present_any = ["not", "vector", "batch"], value_name = "WORD")]
    words: Vec<OsString>,
    /// Negative term, taken literally; can be repeated
    #[arg(long, value_name = "WORD")]
    not: Vec<OsString>,
    /// Query with the vectors in FILE, one query per vector; `-` reads standard input
    ///
    /// FILE is text with one vector per line, numbers separated by spaces or commas, or a NumPy array of shape [n, d] or [d]. The unit
    /// vectors of the terms are added to each vector, which is not normalized.
    #[arg(long, value_name = "FILE")]
    vector: Option<PathBuf>,
    /// Read queries from FILE, one per line; `-` reads standard input
    ///
    /// A line contains terms with optional signs, separated by spaces, or by tabs if words contain spaces. A query without a result is
    /// reported in its place, and the exit code is 1.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["words", "not", "vector"])]
    batch: Option<PathBuf>,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    vectors: VectorArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable nearest king -k 5
  vocable nearest king -man +woman
  vocable nearest king woman --not man                 the same query
  vocable nearest paris --within capitals.txt          only words listed in the file
  vocable nearest run --regex 'ing$' --restrict 50000  only words that end in -ing
  vocable nearest good --min-cosine 0.6 -k 100         only cosines of at least 0.6
  vocable nearest --vector vectors.npy --json          neighbours of your own vectors
  vocable nearest --batch questions.txt --json > answers.jsonl";

impl Nearest {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        check_standard_input([
            ("--within", self.search.within.as_deref()),
            ("--vector", self.vector.as_deref()),
            ("--batch", self.batch.as_deref()),
        ])?;
        let vectors = self.search.scan.apply(self.vectors.open()?);
        let options = self.search.options(&vectors)?;
        if let Some(path) = &self.batch {
            return QueryReader::nearest(path)?.run(&vectors, &options, output);
        }
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for word in &self.words {
            let (is_far, word) = split_sign(word.as_encoded_bytes());
            if is_far { &mut far } else { &mut near }.push(word.to_vec());
        }
        far.extend(self.not.iter().map(|word| word.as_encoded_bytes().to_vec()));
        if let Some(path) = &self.vector {
            return QueryReader::vectors(path, vectors.dimension(), near, far)?.run(&vectors, &options, output);
        }
        let question = WordQuery::Nearest { vector: None, near, far };
        question.run(&vectors, &options, output)
    }
}
