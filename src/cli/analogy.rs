//! `vocable analogy`

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::query::Method;
use vocable::report;

use super::Common;
use super::nearest::Search;
use super::output::{Failure, Output, shown};

/// A is to B as C is to ...
///
/// `man king woman` asks: man is to king as woman is to whom? (word2vec's order.) The three words are left out of the answers.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  vocable analogy man king woman\n  vocable analogy paris france rome --method mul")]
pub struct Analogy {
    /// A
    a: OsString,
    /// is to B
    b: OsString,
    /// as C is to ...
    c: OsString,
    /// add: nearest to B - A + C (3CosAdd); mul: products of cosines (3CosMul)
    #[arg(long, value_name = "NAME", default_value = "add")]
    method: Method,
    #[command(flatten)]
    search: Search,
}

#[derive(Serialize)]
struct Answers {
    a: String,
    b: String,
    c: String,
    method: &'static str,
    answers: Vec<Answer>,
}

#[derive(Serialize)]
struct Answer {
    word: String,
    row: u32,
    score: f32,
}

impl Analogy {
    pub fn run(&self, common: &Common, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = common.open()?;
        let [a, b, c] = [&self.a, &self.b, &self.c].map(|word| word.as_encoded_bytes());
        let answers = vectors.analogy(a, b, c, self.method, &self.search.options())?;
        if output.json {
            let answers = answers.iter().map(|answer| Answer {
                word: vectors.word(answer.row).into_owned(),
                row: answer.row,
                score: answer.score,
            });
            output.json(&Answers {
                a: shown(&self.a),
                b: shown(&self.b),
                c: shown(&self.c),
                method: self.method.name(),
                answers: answers.collect(),
            })?;
        } else {
            output.text(report::answers(&vectors, &answers))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
