//! The comparison: what it promises about its runs, and what the program prints of it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use vocable::Vectors;
use vocable::classifier::{DataOptions, Dataset, Parts, TrainOptions, train};
use vocable::compare::{CompareOptions, compare};
use vocable::nn::EmbeddingMode;

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).to_string_lossy().into_owned()
}

fn parts() -> Parts {
    let open = |name: &str| Dataset::open(fixture(name), &DataOptions::default()).expect("a data set");
    Parts { train: open("reviews.train.txt"), dev: open("reviews.dev.txt"), test: Some(open("reviews.test.txt")) }
}

fn small() -> TrainOptions {
    TrainOptions { hidden: 16, epochs: 6, lr: 5e-3, batch: 32, ..TrainOptions::default() }
}

#[test]
fn each_run_equals_training_alone_and_summaries_follow_from_the_runs() {
    let vectors = Arc::new(Vectors::demo().expect("the built-in vectors"));
    let parts = parts();
    let arms = vec![EmbeddingMode::Frozen, EmbeddingMode::OovOnly];
    let options = CompareOptions { arms, seeds: vec![4, 5], train: TrainOptions { epochs: 2, ..small() } };
    let mut seen = Vec::new();
    let comparison = compare(&vectors, &parts, &options, &mut |run, arm, seed, _| {
        if seen.last() != Some(&(run, arm, seed)) {
            seen.push((run, arm, seed));
        }
    })
    .expect("a comparison");
    let (frozen, oov) = (EmbeddingMode::Frozen, EmbeddingMode::OovOnly);
    assert_eq!(seen, [(1, frozen, 4), (2, frozen, 5), (3, oov, 4), (4, oov, 5)]);

    let settings = TrainOptions { embedding: EmbeddingMode::OovOnly, seed: 5, ..options.train.clone() };
    let alone = train(&vectors, &parts, &settings, &mut |_| {}).expect("a training");
    let run = &comparison.runs[3];
    assert_eq!((run.arm, run.seed, run.best_epoch, run.epochs), ("oov-only", 5, alone.best_epoch, 2));
    assert_eq!(run.dev_accuracy, alone.dev.accuracy());
    assert_eq!(run.test_accuracy, alone.test.as_ref().map(|test| test.accuracy()));
    assert_eq!(run.trained_parameters, alone.trained_parameters);

    let arm = &comparison.arms[1];
    let (a, b) = (comparison.runs[2].dev_accuracy, comparison.runs[3].dev_accuracy);
    assert!((arm.dev_accuracy.mean - (a + b) / 2.0).abs() < 1e-12);
    assert!((arm.dev_accuracy.deviation - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12);
    assert!(comparison.arms[0].trained_parameters < arm.trained_parameters);
}

/// What the demo data was made for: most words of opinion of the test reviews are new, and only the vectors know them.
#[test]
fn pretrained_vectors_are_worth_something_on_unseen_words() {
    let vectors = Arc::new(Vectors::demo().expect("the built-in vectors"));
    let arms = vec![EmbeddingMode::Frozen, EmbeddingMode::Tuned, EmbeddingMode::Random];
    let options = CompareOptions { arms, seeds: vec![1], train: small() };
    let comparison = compare(&vectors, &parts(), &options, &mut |_, _, _, _| {}).expect("a comparison");
    let [frozen, tuned, random] = [0, 1, 2].map(|arm| comparison.runs[arm].test_accuracy.expect("a test part"));
    assert!(frozen > random + 0.1 && tuned > random + 0.1, "frozen {frozen}, tuned {tuned}, random {random}");
}

#[test]
fn the_program_compares_and_prints_json() {
    let output = Command::new(env!("CARGO_BIN_EXE_vocable"))
        .env_remove("VOCABLE_VECTORS")
        .args(["compare", "--train", &fixture("reviews.dev.txt"), "--arms", "frozen,random", "--seeds", "2"])
        .args(["--hidden", "4", "--epochs", "1", "--json"])
        .output()
        .expect("the program runs");
    assert!(output.status.success());
    let json: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let runs = json["runs"].as_array().expect("runs");
    let of_run: Vec<(&str, u64)> =
        runs.iter().map(|run| (run["arm"].as_str().expect("an arm"), run["seed"].as_u64().expect("a seed"))).collect();
    assert_eq!(of_run, [("frozen", 1), ("frozen", 2), ("random", 1), ("random", 2)]);
    assert!(runs.iter().all(|run| run["test_accuracy"].is_null() && run["dev_accuracy"].is_f64()));
    assert_eq!(json["arms"].as_array().expect("arms").len(), 2);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("20 texts of the training part serve for it, 180 remain"), "{errors}");
}

#[test]
fn the_demo_walks_through_all_of_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_vocable")).args(["demo", "--seeds", "1"]).output();
    let output = output.expect("the program runs");
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["2,500 words", "queen", "italy", "crocodile", "frozen", "oov-only", "random", "glove.6B.zip"] {
        assert!(text.contains(part), "`{part}` is missing in {text}");
    }
}
