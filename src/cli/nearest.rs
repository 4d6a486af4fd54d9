//! `vocable nearest`

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::arguments::split_sign;
use super::batch::Questions;
use super::common::VectorArgs;
use super::output::{Failure, Output};
use super::question::Question;
use super::search::{Search, read_once};

/// Words closest to one or several others.
///
/// The question is the sum of the words' unit vectors, those with a minus subtracted; answers are ranked by cosine. The same as
/// gensim's `most_similar`.
///
/// A word may have a sign: `king -man +woman`. The first + or - of a word is always its sign, unless it is all of the word, so
/// `+-5` asks for the word `-5`. What reads like an option (-k, -k5, -h, -V, and all that begins with --) is one: write
/// `--not k`, or words with signs after `--`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Nearest {
    /// Words to be near to; with a minus, words to be far from
    #[arg(required_unless_present_any = ["not", "vector", "batch"], value_name = "WORD")]
    words: Vec<OsString>,
    /// A word to be far from, as it is; may be given several times
    #[arg(long, value_name = "WORD")]
    not: Vec<OsString>,
    /// Vectors to be near to, each a question of its own: a line of numbers with spaces or commas between them, or a NumPy
    /// array [n, d] or [d]; `-` reads standard input. Words are added to each, scaled to unit length; the vectors are taken as
    /// they are
    #[arg(long, value_name = "FILE")]
    vector: Option<PathBuf>,
    /// Questions, one a line: words with signs, separated by spaces, or by tabs where words hold spaces; `-` reads standard
    /// input. A line without an answer is reported in its place, and the exit code is 1
    #[arg(long, value_name = "FILE", conflicts_with_all = ["words", "not", "vector"])]
    batch: Option<PathBuf>,
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    vectors: VectorArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable nearest king -k 5
  vocable nearest king -man +woman
  vocable nearest king woman --not man                    the same
  vocable nearest paris --within capitals.txt             only words of this list answer
  vocable nearest run --regex 'ing$' --restrict 50000     only words in -ing, of the first 50,000
  vocable nearest good --min-cosine 0.6 -k 100            all that are as near as that, up to 100
  vocable nearest --vector vectors.npy --json             near to vectors of your own
  vocable nearest --batch questions.txt --json > answers.jsonl";

impl Nearest {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        read_once([
            ("--within", self.search.within.as_deref()),
            ("--vector", self.vector.as_deref()),
            ("--batch", self.batch.as_deref()),
        ])?;
        let vectors = self.search.scan.apply(self.vectors.open()?);
        let options = self.search.options(&vectors)?;
        if let Some(path) = &self.batch {
            return Questions::nearest(path)?.answer(&vectors, &options, output);
        }
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for word in &self.words {
            let (is_far, word) = split_sign(word.as_encoded_bytes());
            if is_far { &mut far } else { &mut near }.push(word.to_vec());
        }
        far.extend(self.not.iter().map(|word| word.as_encoded_bytes().to_vec()));
        if let Some(path) = &self.vector {
            return Questions::vectors(path, vectors.dimension(), near, far)?.answer(&vectors, &options, output);
        }
        let question = Question::Nearest { vector: None, near, far };
        question.ask(&vectors, &options, output)
    }
}
