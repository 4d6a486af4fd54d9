//! `vocable evaluate`

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;
use vocable::files::bytes;
use vocable::query::{AnalogyProtocol, AnalogyReport, Benchmark, EvaluateOptions, PairProtocol, Questions, RowLimit};
use vocable::report::json::{AnalogyBenchmarkResult, PairBenchmarkResult};
use vocable::{Error, Vectors, report};

use super::common::{ScanArgs, VectorArgs};
use super::output::{self, Failure, Output};

/// Evaluate vectors on analogy and word-pair benchmarks, by the protocols of gensim, word2vec or GloVe.
///
/// A file with `: section` lines contains analogy questions, four words per line (questions-words.txt); a file with tabs contains word
/// pairs with human scores (WordSim-353, SimLex-999). Both kinds can be given: each file is evaluated by the protocols for its kind.
/// docs/reference/evaluate.md describes the protocols.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Evaluate {
    /// Benchmark files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Protocols to compare, separated by commas: gensim, word2vec or glove for analogies, gensim or exact (as written, all rows)
    /// for word pairs [default: gensim; also exact for word pairs]
    #[arg(long = "protocol", value_name = "NAME", value_delimiter = ',')]
    protocols: Vec<Protocol>,
    /// Search only the first N rows; 0 for all rows [default: 300,000 for gensim, all rows for the others]
    #[arg(long, value_name = "N")]
    restrict: Option<usize>,
    /// Count questions with unknown words as incorrect and pairs with unknown words as cosine 0, like gensim's option of the same
    /// name
    #[arg(long)]
    dummy4unknown: bool,
    #[command(flatten)]
    vectors: VectorArgs,
    #[command(flatten)]
    scan: ScanArgs,
}

const EXAMPLES: &str = "\
Examples:
  vocable evaluate questions-words.txt simlex999.txt --vectors glove.6B.50d.txt
  vocable evaluate questions-words.txt --protocol gensim,word2vec,glove
  vocable evaluate wordsim353.tsv --protocol exact --json";

/// A named protocol, for analogies, for word pairs or for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Protocol {
    analogies: Option<AnalogyProtocol>,
    pairs: Option<PairProtocol>,
}

impl Protocol {
    fn name(self) -> &'static str {
        self.analogies.map(AnalogyProtocol::name).or(self.pairs.map(PairProtocol::name)).unwrap_or_default()
    }
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match (name.parse().ok(), name.parse().ok()) {
            (None, None) => Err(Error::invalid("protocol", "gensim, word2vec, glove or exact", format!("`{name}`"))),
            (analogies, pairs) => Ok(Protocol { analogies, pairs }),
        }
    }
}

impl Evaluate {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let mut benchmarks = Vec::new();
        for path in &self.files {
            let file = path.to_string_lossy().into_owned();
            let read = || -> Result<Benchmark, Error> {
                let (bytes, _) = bytes::open(path, None)?;
                let benchmark = Benchmark::parse(&bytes).map_err(|e| e.in_file(&*file))?;
                self.check_protocols(&file, &benchmark)?;
                Ok(benchmark)
            };
            // The other files are evaluated if one cannot be read.
            match read() {
                Ok(benchmark) => benchmarks.push((file, benchmark)),
                Err(error) => output::error(error),
            }
        }
        let all_read = benchmarks.len() == self.files.len();
        if all_read {
            self.check_all_used(&benchmarks)?;
        }
        if !benchmarks.is_empty() {
            self.answer(&self.scan.apply(self.vectors.open()?), &benchmarks, output)?;
        }
        Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::from(2) })
    }

    fn for_analogies(&self) -> Vec<AnalogyProtocol> {
        if self.protocols.is_empty() {
            return vec![AnalogyProtocol::Gensim];
        }
        distinct(self.protocols.iter().filter_map(|protocol| protocol.analogies))
    }

    fn for_pairs(&self, json: bool) -> Vec<PairProtocol> {
        match (self.protocols.is_empty(), json) {
            (true, true) => vec![PairProtocol::Gensim],
            (true, false) => PairProtocol::ALL.to_vec(),
            (false, _) => distinct(self.protocols.iter().filter_map(|protocol| protocol.pairs)),
        }
    }

    /// Fails if none of the protocols applies to a file.
    fn check_protocols(&self, file: &str, benchmark: &Benchmark) -> Result<(), Error> {
        let (kind, expected, applies) = match benchmark {
            Benchmark::Analogies(_) => ("analogies", "gensim, word2vec or glove", !self.for_analogies().is_empty()),
            Benchmark::Pairs(_) => ("word pairs", "gensim or exact", !self.for_pairs(true).is_empty()),
        };
        if applies {
            return Ok(());
        }
        let found = self.protocols.iter().map(|protocol| protocol.name()).collect::<Vec<_>>().join(", ");
        Err(Error::invalid(format!("--protocol for {file} ({kind})"), expected, found))
    }

    /// Fails if an option applies to none of the files.
    fn check_all_used(&self, benchmarks: &[(String, Benchmark)]) -> Result<(), Error> {
        let analogies = benchmarks.iter().any(|(_, benchmark)| matches!(benchmark, Benchmark::Analogies(_)));
        let pairs = benchmarks.iter().any(|(_, benchmark)| matches!(benchmark, Benchmark::Pairs(_)));
        let applies =
            |protocol: &&Protocol| protocol.analogies.is_some() && analogies || protocol.pairs.is_some() && pairs;
        if let Some(idle) = self.protocols.iter().find(|protocol| !applies(protocol)) {
            let expected =
                if pairs { "gensim or exact for word pairs" } else { "gensim, word2vec or glove for analogies" };
            return Err(Error::invalid("--protocol", expected, idle.name()));
        }
        let gensims = pairs || self.for_analogies().contains(&AnalogyProtocol::Gensim);
        if self.dummy4unknown && !gensims {
            return Err(Error::other("--dummy4unknown applies only to the protocol gensim"));
        }
        Ok(())
    }

    fn options(&self, gensims: bool) -> EvaluateOptions {
        let restrict = match self.restrict {
            None => RowLimit::Protocol,
            Some(0) => RowLimit::All,
            Some(rows) => RowLimit::First(rows),
        };
        EvaluateOptions { restrict, dummy4unknown: self.dummy4unknown && gensims }
    }

    fn answer(
        &self,
        vectors: &Vectors,
        benchmarks: &[(String, Benchmark)],
        output: &mut Output,
    ) -> Result<(), Failure> {
        // All word pairs are in one table below the analogies, followed by the reasons why protocols differ.
        let (mut rows, mut why) = (Vec::new(), Vec::new());
        for (file, benchmark) in benchmarks {
            match benchmark {
                Benchmark::Analogies(questions) => {
                    let mut outcomes = Vec::new();
                    for protocol in self.for_analogies() {
                        let options = self.options(protocol == AnalogyProtocol::Gensim);
                        let outcome = vectors.evaluate_analogies(questions, protocol, &options)?;
                        if output.json {
                            output.json(&AnalogyBenchmarkResult::new(file, &outcome))?;
                            output.flush()?;
                        }
                        outcomes.push(outcome);
                    }
                    if !output.json {
                        print_analogies(file, questions, &outcomes, output)?;
                    }
                }
                Benchmark::Pairs(pairs) => {
                    let mut outcomes = Vec::new();
                    for protocol in self.for_pairs(output.json) {
                        let outcome = vectors.evaluate_pairs(pairs, protocol, &self.options(true))?;
                        if output.json {
                            output.json(&PairBenchmarkResult::new(file, &outcome))?;
                            output.flush()?;
                        }
                        outcomes.push(outcome);
                    }
                    if outcomes.len() > 1 {
                        why.push(format!("{file}: {}\n", report::pair_differences(pairs, &outcomes)));
                    }
                    rows.extend(outcomes.into_iter().map(|outcome| (file.as_str(), outcome)));
                }
            }
        }
        if !output.json && !rows.is_empty() {
            output.text(report::pairs(&rows, output.width))?;
            output.text(why.concat())?;
        }
        Ok(())
    }
}

fn print_analogies(
    file: &str,
    questions: &Questions,
    outcomes: &[AnalogyReport],
    output: &mut Output,
) -> Result<(), Failure> {
    let (total, table) = (report::thousands(questions.len()), report::analogies(outcomes, output.width));
    output.text(format_args!("{file}: {total} analogies, correct/seen\n{table}"))?;
    if outcomes.len() > 1 {
        output.text(format_args!("{}\n", report::analogy_differences(questions, outcomes)))?;
    }
    output.text("\n")?;
    output.flush()
}

/// The distinct items, in order of first occurrence.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    for item in items {
        if !distinct.contains(&item) {
            distinct.push(item);
        }
    }
    distinct
}
