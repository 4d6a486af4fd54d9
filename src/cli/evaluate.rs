//! `vocable evaluate`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use vocable::files::bytes;
use vocable::query::{AnalogyReport, PairReport};
use vocable::report;

use super::Common;
use super::output::{Failure, Output};

/// Analogy and word-pair benchmarks, by gensim's protocol.
///
/// A file with `: section` lines holds analogy questions, four words a line (questions-words.txt); any other holds word pairs
/// with a score, separated by tabs (WordSim-353, SimLex-999).
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  vocable evaluate questions-words.txt simlex999.txt --vectors glove.6B.50d.txt")]
pub struct Evaluate {
    /// Benchmark files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Analogies<'a> {
    file: &'a str,
    kind: &'static str,
    protocol: &'static str,
    right: usize,
    seen: usize,
    total: usize,
    accuracy: f64,
    sections: Vec<Section<'a>>,
}

#[derive(Serialize)]
struct Section<'a> {
    section: &'a str,
    right: usize,
    seen: usize,
    total: usize,
}

#[derive(Serialize)]
struct Pairs<'a> {
    file: &'a str,
    kind: &'static str,
    protocol: &'static str,
    used: usize,
    total: usize,
    spearman: f64,
    pearson: f64,
    unknown_percent: f64,
}

impl Evaluate {
    pub fn run(&self, common: &Common, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = common.open()?;
        for path in &self.files {
            let (bytes, _) = bytes::open(path, None)?;
            let text = String::from_utf8_lossy(&bytes);
            let file = path.to_string_lossy();
            if text.lines().any(|line| line.starts_with(": ")) {
                print_analogies(&file, &vectors.evaluate_analogies(&text).map_err(|e| e.in_file(&*file))?, output)?;
            } else {
                print_pairs(&file, &vectors.evaluate_pairs(&text).map_err(|e| e.in_file(&*file))?, output)?;
            }
            output.flush()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn print_analogies(file: &str, outcome: &AnalogyReport, output: &mut Output) -> Result<(), Failure> {
    let (right, seen, total) = outcome.sum();
    if !output.json {
        return output.text(format_args!("{file}: analogies, gensim's protocol\n{}", report::analogies(outcome)));
    }
    let sections = outcome.sections.iter().map(|section| Section {
        section: &section.name,
        right: section.right,
        seen: section.seen,
        total: section.total,
    });
    output.json(&Analogies {
        file,
        kind: "analogies",
        protocol: "gensim",
        right,
        seen,
        total,
        accuracy: outcome.accuracy(),
        sections: sections.collect(),
    })
}

fn print_pairs(file: &str, outcome: &PairReport, output: &mut Output) -> Result<(), Failure> {
    let &PairReport { used, total, spearman, pearson } = outcome;
    if output.json {
        let unknown_percent = outcome.unknown_percent();
        let (kind, protocol) = ("pairs", "gensim");
        output.json(&Pairs { file, kind, protocol, used, total, spearman, pearson, unknown_percent })
    } else {
        output.text(format_args!(
            "{file}: word pairs, gensim's protocol\nSpearman {spearman:.4}, Pearson {pearson:.4}; {used} of {total} pairs used\n",
        ))
    }
}
