//! `vocable demo`

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde::Serialize;
use vocable::classifier::{DataOptions, Dataset, Splits, Tokenizer, TrainOptions};
use vocable::compare::{CompareOptions, Findings, NamedVectors, Plan, RunOptions};
use vocable::nn::EmbeddingMode;
use vocable::query::{AnalogyMethod, NearestOptions};
use vocable::{Error, Vectors, report};

use super::compare::compare_with_bar;
use super::output::{Failure, Output};

/// The built-in labelled reviews: `fixtures/reviews.*.txt`.
const REVIEWS: [(&str, &[u8]); 3] = [
    ("the demo's train set", include_bytes!("../../fixtures/reviews.train.txt")),
    ("the demo's dev set", include_bytes!("../../fixtures/reviews.dev.txt")),
    ("the demo's test set", include_bytes!("../../fixtures/reviews.test.txt")),
];

#[cfg(feature = "get")]
const NEXT: &str = "\
What to try next
  With real vectors (GloVe 6B: 400,000 words, dimension 50; `vocable list` shows others):
    vocable get glove.6B.50d
    vocable --vectors glove.6B.50d nearest king
    vocable --vectors glove.6B.50d analogy man king woman
  With your own texts (one label and text per line; or CSV, TSV, JSON Lines, fastText's format):
    vocable compare --vectors glove.6B.50d --train train.txt --test test.txt --html page.html
    vocable train --vectors glove.6B.50d --train train.txt --out model.safetensors
    vocable predict model.safetensors < texts.txt
  All commands: vocable --help
";

#[cfg(not(feature = "get"))]
const NEXT: &str = "\
What to try next
  With real vectors (GloVe 6B: 400,000 words; the zip archive contains dimensions 50, 100, 200 and 300):
    download glove.6B.zip from https://nlp.stanford.edu/projects/glove/
    vocable --vectors glove.6B.zip --member glove.6B.50d.txt nearest king
    vocable --vectors glove.6B.zip --member glove.6B.50d.txt analogy man king woman
  With your own texts (one label and text per line; or CSV, TSV, JSON Lines, fastText's format):
    vocable compare --vectors glove.6B.zip --member glove.6B.50d.txt --train train.txt --test test.txt
    vocable train --vectors glove.6B.zip --member glove.6B.50d.txt --train train.txt --out model.safetensors
    vocable predict model.safetensors < texts.txt
  All commands: vocable --help
";

/// Run a guided tour on built-in data, in under a minute: queries, training, and a comparison of frozen and fine-tuned embeddings.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  vocable demo
  vocable demo --seeds 10")]
pub struct Demo {
    /// Number of seeds of the comparison
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: u64,
}

#[derive(Serialize)]
struct DemoResult {
    rows: usize,
    dimension: usize,
    comparison: Findings,
}

impl Demo {
    pub fn run(&self, output: &mut Output) -> Result<ExitCode, Failure> {
        let vectors = Arc::new(Vectors::demo()?);
        if !output.json {
            questions(&vectors, output)?;
        }
        let splits = splits()?;
        if !output.json {
            output.text(format_args!(
                "3  Training: is a film review positive or negative?\n\n\
                 Train set: {} reviews, dev set: {}, test set: {}. Most opinion words of the test set do not occur in the\n\
                 train set, so that only pretrained vectors provide their meaning. An LSTM classifies the reviews, with four\n\
                 kinds of embeddings and {} seeds each.\n\n",
                splits.train.texts.len(),
                splits.dev.texts.len(),
                splits.test.as_ref().map_or(0, |test| test.texts.len()),
                self.seeds
            ))?;
            output.flush()?;
        }
        use EmbeddingMode::{Frozen, OovOnly, Random, Tuned};
        let options = CompareOptions {
            embeddings: vec![Frozen, Tuned, OovOnly, Random],
            seeds: (1..=self.seeds).collect(),
            train: TrainOptions {
                // The reviews are tokenized already.
                tokenizer: Tokenizer::Whitespace,
                hidden: 32,
                batch: 32,
                lr: 3e-3,
                epochs: 15,
                patience: Some(4),
                ..TrainOptions::default()
            },
            ..CompareOptions::default()
        };
        let plan = Plan::new(vec![NamedVectors::of(Arc::clone(&vectors))], splits, &options)?;
        // Ctrl-C ends the program: the flag is never set.
        let comparison = compare_with_bar(&plan, None, &RunOptions::default(), &AtomicBool::new(false))?;
        if output.json {
            let (rows, dimension) = (vectors.len(), vectors.dimension());
            output.json(&DemoResult { rows, dimension, comparison })?;
            return Ok(ExitCode::SUCCESS);
        }
        output.text(report::comparison(&comparison, output.width))?;
        output.text(
            "\n\
             frozen    pretrained vectors, kept fixed\n\
             tuned     pretrained vectors, trained with the rest of the model\n\
             oov-only  pretrained vectors, kept fixed; only out-of-vocabulary words are trained\n\
             random    random initialization, without pretrained vectors\n\n",
        )?;
        output.text(NEXT)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn splits() -> Result<Splits, Error> {
    let [train, dev, test] = REVIEWS.map(|(name, bytes)| Dataset::parse(bytes, &DataOptions::default(), name));
    Ok(Splits { train: train?, dev: dev?, test: Some(test?) })
}

fn questions(vectors: &Vectors, output: &mut Output) -> Result<(), Failure> {
    output.text(format_args!(
        "1  The vectors\n\n\
         {} words with vectors of dimension {}, built into the program. They were trained on a small synthetic\n\
         corpus, so that this demo needs no download; real files have hundreds of thousands of words.\n\n\
         2  Queries\n\n",
        report::thousands(vectors.len()),
        vectors.dimension()
    ))?;
    for (a, b) in [("france", "italy"), ("ball", "crocodile")] {
        let cosine = vectors.similarity(a, b)?;
        output.text(format_args!("$ vocable similarity {a} {b}\n{a} {b} {cosine:.4}\n\n"))?;
    }
    let few = NearestOptions { k: 5, ..NearestOptions::default() };
    for word in ["king", "superb"] {
        let answers = vectors.nearest(&[word], &[] as &[&str], &few)?;
        output
            .text(format_args!("$ vocable nearest {word} -k 5\n{}\n", report::scored_words(vectors, &answers, "")))?;
    }
    let three = NearestOptions { k: 3, ..NearestOptions::default() };
    for (a, b, c) in [("man", "king", "woman"), ("paris", "france", "rome")] {
        let answers = vectors.analogy(a, b, c, AnalogyMethod::Add, &three)?;
        output.text(format_args!(
            "$ vocable analogy {a} {b} {c} -k 3\n{}\n",
            report::scored_words(vectors, &answers, "")
        ))?;
    }
    let words = ["bread", "cheese", "soup", "crocodile"];
    let odd = words[vectors.odd(&words)?];
    output.text(format_args!("$ vocable odd {}\n{odd}\n\n", words.join(" ")))?;
    output.flush()
}
