//! `vocable odd`

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::Common;
use super::output::{Failure, Output, shown};

/// The word that does not belong: the one farthest from the mean of all. The same as gensim's `doesnt_match`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  vocable odd breakfast lunch dinner crocodile")]
pub struct Odd {
    /// At least two words
    #[arg(required = true, num_args = 2.., value_name = "WORD")]
    words: Vec<OsString>,
}

#[derive(Serialize)]
struct Answer {
    words: Vec<String>,
    odd: String,
}

impl Odd {
    pub fn run(&self, common: &Common, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = common.open()?;
        let bytes: Vec<&[u8]> = self.words.iter().map(|word| word.as_encoded_bytes()).collect();
        let words: Vec<String> = self.words.iter().map(|word| shown(word)).collect();
        let odd = words[vectors.odd(&bytes)?].clone();
        if output.json {
            output.json(&Answer { words, odd })?;
        } else {
            output.text(format_args!("{odd}\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
