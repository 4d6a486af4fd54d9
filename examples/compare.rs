//! Frozen, fine-tuned or random: compares embeddings on a text classification task over several seeds.
//!
//!     cargo run --release --example compare

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use vocable::classifier::{DataOptions, Dataset, Splits, Tokenizer, TrainOptions};
use vocable::compare::{CompareOptions, Event, Findings, NamedVectors, Plan, RunOptions};
use vocable::nn::EmbeddingMode;
use vocable::{Result, Vectors, report};

fn main() -> Result<()> {
    // Synthetic film reviews, which come with the library. Each line is a label and a text.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let open = |name: &str| Dataset::open(folder.join(name), &DataOptions::default());
    let splits = Splits {
        train: open("reviews.train.txt")?,
        dev: open("reviews.dev.txt")?,
        test: Some(open("reviews.test.txt")?),
    };

    // The settings that all runs have in common. The reviews are tokenized already.
    let train = TrainOptions {
        tokenizer: Tokenizer::Whitespace,
        hidden: 16,
        batch: 32,
        lr: 3e-3,
        epochs: 8,
        ..TrainOptions::default()
    };
    let options = CompareOptions {
        embeddings: vec![EmbeddingMode::Frozen, EmbeddingMode::Tuned, EmbeddingMode::Random],
        seeds: vec![1, 2, 3],
        train,
        ..CompareOptions::default()
    };

    // Every embedding is trained with every seed. Runs are done in parallel; the callback could stop the comparison.
    let plan = Plan::new(vec![NamedVectors::of(Arc::new(Vectors::demo()?))], splits, &options)?;
    let observe = |event: Event| {
        if let Event::Done { run, .. } = event {
            println!("{}: test accuracy {:.3}", run.name, run.test_accuracy.unwrap_or(f64::NAN));
        }
        ControlFlow::Continue(())
    };
    let findings = Findings::of(&plan, None, &RunOptions::default(), &observe)?;

    // A table with means, confidence intervals and paired tests.
    println!("\n{}", report::comparison(&findings, None));
    Ok(())
}
