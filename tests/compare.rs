//! The comparison: properties of its runs, and the program's output.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use crate::common::{Folder, fixture, vocable};
use safetensors::SafeTensors;
use serde_json::Value;
use vocable::Vectors;
use vocable::classifier::{DataOptions, Dataset, Splits, TrainOptions, Training, subset, train};
use vocable::compare::{CompareOptions, Comparison, Event, NamedVectors, Plan, RunOptions, Sweep, TrainSize, compare};
use vocable::nn::EmbeddingMode;

fn vectors() -> NamedVectors {
    NamedVectors::of(Arc::new(Vectors::demo().expect("the built-in vectors")))
}

fn splits() -> Splits {
    let open = |name: &str| Dataset::open(fixture(name), &DataOptions::default()).expect("a data set");
    Splits { train: open("reviews.train.txt"), dev: open("reviews.dev.txt"), test: Some(open("reviews.test.txt")) }
}

fn small() -> TrainOptions {
    TrainOptions { hidden: 16, epochs: 6, lr: 5e-3, batch: 32, ..TrainOptions::default() }
}

fn one_after_the_other() -> RunOptions {
    RunOptions { jobs: Some(1), ..RunOptions::default() }
}

fn done(plan: &Plan, how: &RunOptions) -> Comparison {
    compare(plan, None, how, &|_| ControlFlow::Continue(())).expect("a comparison")
}

/// Everything that does not depend on time.
fn timeless(comparison: &Comparison) -> Vec<vocable::compare::Run> {
    comparison.runs.iter().map(|run| vocable::compare::Run { seconds: None, ..run.clone() }).collect()
}

#[test]
fn each_run_equals_training_alone_and_summaries_follow_from_the_runs() {
    let embeddings = vec![EmbeddingMode::Frozen, EmbeddingMode::OovOnly];
    let options = CompareOptions {
        embeddings,
        seeds: vec![4, 5],
        train: TrainOptions { epochs: 2, ..small() },
        ..CompareOptions::default()
    };
    let plan = Plan::new(vec![vectors()], splits(), &options).expect("a plan");
    let seen = Mutex::new(Vec::new());
    let comparison = compare(&plan, None, &one_after_the_other(), &|event| {
        if let Event::Progress { index, run, .. } = event {
            let mut seen = seen.lock().unwrap();
            if seen.last() != Some(&(index, run.embedding, run.seed)) {
                seen.push((index, run.embedding, run.seed));
            }
        }
        ControlFlow::Continue(())
    })
    .expect("a comparison");
    let (frozen, oov) = (EmbeddingMode::Frozen, EmbeddingMode::OovOnly);
    assert_eq!(seen.into_inner().unwrap(), [(0, frozen, 4), (1, frozen, 5), (2, oov, 4), (3, oov, 5)]);

    let settings = TrainOptions { embedding: EmbeddingMode::OovOnly, seed: 5, ..options.train.clone() };
    let alone = train(&vectors().vectors, &splits(), &settings, &mut |_| {}).expect("a training");
    let run = &comparison.runs[3];
    assert_eq!((run.embedding.name(), run.seed, run.best_epoch, run.epochs), ("oov-only", 5, alone.best_epoch, 2));
    assert_eq!(run.name, "oov-only-seed5");
    assert_eq!(run.dev_accuracy, alone.dev.accuracy());
    assert_eq!(run.test_accuracy, alone.test.as_ref().map(|test| test.accuracy()));
    assert_eq!((&run.dev, &run.test), (&alone.dev, &alone.test));
    assert_eq!(run.trainable_parameters, alone.trainable_parameters);
    assert_eq!((run.words, run.known_words), (alone.train_words, alone.known_train_words));

    let variant = &comparison.embeddings[1];
    let (a, b) = (comparison.runs[2].dev_accuracy, comparison.runs[3].dev_accuracy);
    assert!((variant.dev_accuracy.mean - (a + b) / 2.0).abs() < 1e-12);
    assert!((variant.dev_accuracy.std - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12);
    assert!(comparison.embeddings[0].trainable_parameters < variant.trainable_parameters);
    assert_eq!((variant.runs, comparison.planned), (2, 4));
}

#[test]
fn predictions_and_rows_of_a_run_are_those_of_its_model() {
    use EmbeddingMode::{Frozen, OneHot, OovOnly, Random, Tuned};
    let options = CompareOptions {
        embeddings: EmbeddingMode::ALL.to_vec(),
        seeds: vec![1],
        train: TrainOptions { epochs: 2, ..small() },
        ..CompareOptions::default()
    };
    let plan = Plan::new(vec![vectors()], splits(), &options).expect("a plan");
    let comparison = done(&plan, &RunOptions::default());
    for run in &comparison.runs {
        let (predictions, test) = (run.predictions.as_ref().expect("predictions"), run.test.as_ref().expect("figures"));
        let mut confusion = vec![vec![0; run.labels.len()]; run.labels.len()];
        for ((&right, &predicted), text) in
            predictions.gold.iter().zip(&predictions.predicted).zip(&splits().test.unwrap().texts)
        {
            confusion[right][predicted] += 1;
            assert_eq!(run.labels[right], text.label);
        }
        assert_eq!(confusion, test.confusion, "{}", run.name);
        let losses =
            predictions.probabilities.iter().zip(&predictions.gold).map(|(row, &right)| -f64::from(row[right]).ln());
        let loss = losses.sum::<f64>() / predictions.gold.len() as f64;
        assert!((loss - test.loss).abs() < 1e-12, "{}: {loss} and {}", run.name, test.loss);

        let rows = run.pretrained_rows.as_ref().map(|rows| (rows.rows > 100, rows.before == rows.after));
        match run.embedding {
            Frozen | OovOnly => assert_eq!(rows, Some((true, true)), "{}", run.name),
            Tuned => assert_eq!(rows, Some((true, false)), "{}", run.name),
            Random | OneHot => assert_eq!(rows, None, "{}", run.name),
        }
    }
    assert_eq!(comparison.test_texts, splits().test.unwrap().texts);
}

#[test]
fn runs_side_by_side_have_the_results_of_runs_one_after_the_other() {
    let options = CompareOptions {
        embeddings: EmbeddingMode::ALL.to_vec(),
        seeds: vec![1, 2],
        train: TrainOptions { epochs: 3, ..small() },
        ..CompareOptions::default()
    };
    let plan = Plan::new(vec![vectors()], splits(), &options).expect("a plan");
    let expected = timeless(&done(&plan, &one_after_the_other()));
    for jobs in [2, 3, 64] {
        let found = done(&plan, &RunOptions { jobs: Some(jobs), ..RunOptions::default() });
        assert_eq!(timeless(&found), expected, "{jobs} side by side");
    }
}

/// The tensors of a checkpoint after the first step.
fn order_after_a_step(mut training: Training, folder: &Folder) -> Vec<u8> {
    training.advance().expect("a step");
    let path = folder.path("checkpoint");
    training.save(&path).expect("a checkpoint");
    let bytes = std::fs::read(path).expect("the file");
    let tensors = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    tensors.tensor("order").expect("the order of the texts").data().to_vec()
}

#[test]
fn embeddings_of_a_seed_share_initial_weights_and_the_order_of_texts() {
    let folder = Folder::new();
    let options = CompareOptions {
        embeddings: EmbeddingMode::ALL.to_vec(),
        seeds: vec![3, 4],
        train_sizes: vec![TrainSize::Texts(100), TrainSize::All],
        train: TrainOptions { bidirectional: true, layers: 2, ..small() },
        ..CompareOptions::default()
    };
    let plan = Plan::new(vec![vectors()], splits(), &options).expect("a plan");
    let begin = |variant: EmbeddingMode, texts: usize, seed: u64| {
        let run = plan
            .runs()
            .iter()
            .find(|r| (r.embedding, r.train_texts, r.seed) == (variant, texts, seed))
            .expect("the run");
        let splits = plan.splits_of(run).expect("its texts");
        let training = Training::new(&plan.vectors()[0].vectors, &splits, &run.options).expect("a training");
        let network = training.classifier().network();
        let weights = |parameters: Vec<vocable::nn::Parameter<f32>>| -> Vec<(String, Vec<f32>)> {
            parameters.into_iter().map(|p| (p.name, p.values.to_vec())).collect()
        };
        let weights = (weights(network.encoder.parameters()), weights(network.head.parameters()));
        (weights, order_after_a_step(training, &folder), splits.train.texts.clone())
    };
    for texts in [100, splits().train.texts.len()] {
        let first = begin(EmbeddingMode::Frozen, texts, 3);
        for variant in [EmbeddingMode::Tuned, EmbeddingMode::OovOnly, EmbeddingMode::Random] {
            assert!(begin(variant, texts, 3) == first, "{variant}");
        }
        // Its input weights are its embedding rows; all other weights are the same.
        let one_hot = begin(EmbeddingMode::OneHot, texts, 3);
        assert!((&one_hot.1, &one_hot.2) == (&first.1, &first.2), "one-hot");
        let ((encoder, head), (of_one_hot, one_hots_head)) = (&first.0, &one_hot.0);
        let others: Vec<_> = encoder.iter().filter(|(name, _)| !name.starts_with("weight_ih_l0")).collect();
        assert!(others.len() == encoder.len() - 2 && others.into_iter().eq(of_one_hot), "one-hot's encoder");
        assert!(head == one_hots_head, "one-hot's head");
        assert!(begin(EmbeddingMode::Frozen, texts, 4).0 != first.0, "another seed");
    }
}

/// The purpose of the demo data: most opinion words of the test reviews do not occur in training, and only the vectors know them.
#[test]
fn pretrained_vectors_are_worth_something_on_unseen_words() {
    let embeddings = vec![EmbeddingMode::Frozen, EmbeddingMode::Tuned, EmbeddingMode::Random];
    let options = CompareOptions { embeddings, seeds: vec![1], train: small(), ..CompareOptions::default() };
    let plan = Plan::new(vec![vectors()], splits(), &options).expect("a plan");
    let comparison = done(&plan, &RunOptions::default());
    let [frozen, tuned, random] = [0, 1, 2].map(|variant| comparison.runs[variant].test_accuracy.expect("a test set"));
    assert!(frozen > random + 0.1 && tuned > random + 0.1, "frozen {frozen}, tuned {tuned}, random {random}");
}

fn texts(labels: &[(&str, usize)]) -> Dataset {
    let texts = labels.iter().flat_map(|&(label, count)| (0..count).map(move |number| format!("{label} {number}\n")));
    Dataset::parse(texts.collect::<String>().as_bytes(), &DataOptions::default(), "texts").expect("a data set")
}

#[test]
fn smaller_subsets_are_contained_in_larger_ones_and_keep_label_shares() {
    let counts = [("a", 700), ("b", 250), ("c", 49), ("d", 1)];
    let all = texts(&counts);
    for seed in 0..5 {
        let mut smaller: BTreeSet<u64> = BTreeSet::new();
        for size in [4, 5, 10, 99, 100, 500, 999, 1000] {
            let part = subset(&all, size, seed).expect("a part");
            assert_eq!(part.texts.len(), size);
            let lines: BTreeSet<u64> = part.texts.iter().map(|text| text.line).collect();
            assert!(smaller.is_subset(&lines) && lines.len() == size, "size {size}");
            assert!(part.texts.is_sorted_by_key(|text| text.line), "in the file's order");
            smaller = lines;
            for (label, count) in counts {
                let found = part.texts.iter().filter(|text| text.label == label).count();
                let share = size as f64 * count as f64 / 1000.0;
                // Every label has its share, rounded up; rounding adds fewer texts than there are labels.
                assert!(
                    found >= 1 && (found as f64 - share).abs() <= counts.len() as f64,
                    "{found} of {label}, not {share}"
                );
            }
        }
        assert_eq!(subset(&all, 1000, seed).expect("all of it").texts, all.texts);
    }
    assert_ne!(subset(&all, 10, 1).unwrap().texts, subset(&all, 10, 2).unwrap().texts);
    for size in [0, 3, 1001] {
        let error = subset(&all, size, 1).expect_err("a refusal").to_string();
        assert!(error.contains("from 4 (one text per label) to 1000 (all of texts)"), "{error}");
    }
}

#[test]
fn a_plan_lists_all_combinations_under_names_of_what_varies() {
    let sweep = |text: &str| text.parse::<Sweep>().expect("a sweep");
    let table = Arc::new(Vectors::new(["film", "good"], vec![0.5; 8], 4).expect("vectors"));
    let options = CompareOptions {
        embeddings: vec![EmbeddingMode::Tuned, EmbeddingMode::OneHot],
        seeds: vec![7, 8],
        train_sizes: vec![TrainSize::Texts(100), TrainSize::All],
        sweeps: vec![sweep("lr=1e-3,0.0020"), sweep("encoder=lstm,rnn"), sweep("hidden=4")],
        train: small(),
        ..CompareOptions::default()
    };
    let plan = Plan::new(vec![vectors(), NamedVectors { name: "glove".into(), vectors: table }], splits(), &options);
    let plan = plan.expect("a plan");
    let names: Vec<&str> = plan.runs().iter().map(|run| run.name.as_str()).collect();
    assert_eq!(names.len(), 2 * 2 * 2 * 2 * 2 * 2);
    let (first, last) = (names[0], names[names.len() - 1]);
    let demo = &plan.vectors()[0].name;
    assert_eq!(first, format!("tuned-{demo}-n100-lr0.001-lstm-seed7"));
    assert_eq!(last, format!("one-hot-glove-n{}-lr0.002-rnn-seed8", splits().train.texts.len()));
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    let run = &plan.runs()[names.len() - 1];
    assert_eq!((run.options.lr, run.options.cell.name(), run.options.hidden), (0.002, "rnn", 4));
    assert_eq!((run.options.embedding, run.options.seed), (EmbeddingMode::OneHot, 8));
    let settings: Vec<(&str, &str)> = run.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(settings, [("encoder", "rnn"), ("hidden", "4"), ("lr", "0.002")]);

    // Files with the same name are distinguished.
    let plan = Plan::new(vec![vectors(), vectors()], splits(), &CompareOptions::default()).expect("a plan");
    assert_eq!(plan.vectors()[1].name, format!("{}-2", plan.vectors()[0].name));
}

#[test]
fn vectors_are_named_after_their_file() {
    let folder = Folder::new();
    for (file, name) in [("glove.6B.50d.txt", "glove.6B.50d"), ("my vectors.txt", "my_vectors"), (".txt", "vectors")] {
        let path = folder.file(file, "a 1 2\nb 3 4\n");
        assert_eq!(NamedVectors::of(Arc::new(Vectors::open(path).expect("vectors"))).name, name);
    }
}

#[test]
fn invalid_options_of_a_comparison_are_refused() {
    let folder = Folder::new();
    let data = folder.file("data", "pos a great film\nneg a dull film\npos superb\n");
    let (train, vectors) = (data.to_str().unwrap(), fixture("demo.50d.txt"));
    for (option, value, said) in [
        ("--embeddings", "frozen,frozen", "embeddings: expected distinct values, found `frozen` twice"),
        ("--embeddings", "frozen,melted", "frozen, tuned, oov-only, random, one-hot"),
        ("--seeds", "0", "0 is not in 1..=100000"),
        ("--seeds", "100001", "100001"),
        ("--train-sizes", "4", "from 2 (one text per label) to 3 (all of"),
        ("--train-sizes", "1", "from 2 (one text per label) to 3 (all of"),
        ("--train-sizes", "2,2", "train sizes: expected distinct values, found `2` twice"),
        ("--train-sizes", "all,3", "train sizes: expected distinct values, found `3` twice"),
        ("--train-sizes", "some", "numbers of texts, or `all`, found `some`"),
        ("--sweep", "lr", "as in lr=1e-3,2e-3"),
        ("--sweep", "speed=1", "expected one of batch, clip, dropout, embedding-dropout"),
        ("--sweep", "lr=fast", "expected a value of lr, found `fast`"),
        ("--sweep", "lr=1e-3,0.001", "expected distinct values of lr, found `0.001`"),
        ("--sweep", "lr=-1", "learning rate: expected a number above 0"),
        ("--sweep", "lr=", "expected a value of lr"),
        ("--jobs", "0", "--jobs: expected at least 1"),
        ("--checkpoint-minutes", "1", "--out"),
        ("--report", "somewhere", "--train"),
        ("--report", "", "--report"),
    ] {
        let data = ["--train", train, "--dev", train, "--vectors", vectors.to_str().unwrap()];
        let arguments = ["compare"].into_iter().chain(data).map(str::to_owned).chain([format!("{option}={value}")]);
        vocable(arguments).refused(2, said);
    }
    vocable(["compare", "--train", train, "--dev", train, "--sweep", "lr=1", "--sweep", "lr=2"])
        .refused(2, "sweeps: expected distinct values, found `lr` twice");
    vocable(["compare", "--train", train, "--dev", train, "--seeds", "100000", "--embeddings", "frozen,tuned"])
        .refused(2, "number of runs: expected at most 100000, found 200000");
    vocable(["compare"]).refused(2, "--train");
    // Only `compare` takes several vector files; elsewhere the last one is used.
    let vectors = vectors.to_str().unwrap();
    let ran = vocable(["nearest", "film", "--vectors", "nowhere", "--vectors", vectors]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn the_program_compares_and_prints_json() {
    let train = fixture("reviews.dev.txt");
    let arguments = ["compare", "--train", train.to_str().unwrap(), "--embeddings", "frozen,random", "--seeds", "2"];
    let ran = vocable(arguments.into_iter().chain(["--hidden", "4", "--epochs", "1", "--json"]));
    let json: Value = ran.only_json();
    let runs = json["runs"].as_array().expect("runs");
    let of_run: Vec<(&str, u64)> = runs
        .iter()
        .map(|run| (run["embedding"].as_str().expect("an embedding"), run["seed"].as_u64().expect("a seed")))
        .collect();
    assert_eq!(of_run, [("frozen", 1), ("frozen", 2), ("random", 1), ("random", 2)]);
    assert!(runs.iter().all(|run| run["test_accuracy"].is_null() && run["dev_accuracy"].is_f64()));
    assert_eq!(json["embeddings"].as_array().expect("embeddings").len(), 2);
    assert!(ran.err.contains("split 20 texts from the train set as the dev set, leaving 180"), "{}", ran.err);
    for number in 1..=4 {
        assert!(ran.err.contains(&format!("run {number} of 4: ")), "{}", ran.err);
    }
}

#[test]
fn varied_options_have_columns() {
    let folder = Folder::new();
    let data = folder.file("data", "pos a great film\nneg a dull film\npos superb\n");
    let small = fixture("demo.50d.txt");
    let other = folder.path("other.txt");
    std::fs::copy(&small, &other).unwrap();
    let (data, small, other) = (data.to_str().unwrap(), small.to_str().unwrap(), other.to_str().unwrap());
    let ran = vocable([
        "compare",
        "--train",
        data,
        "--dev",
        data,
        "--vectors",
        small,
        "--vectors",
        other,
        "--embeddings",
        "tuned,one-hot",
        "--seeds",
        "1",
        "--epochs",
        "1",
        "--hidden",
        "2",
        "--train-sizes",
        "2,all",
        "--sweep",
        "encoder=rnn,lstm",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let table = ran.out.lines().take_while(|line| !line.is_empty());
    let lines: Vec<Vec<&str>> = table.map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0][..4], ["vectors", "encoder", "texts", "embedding"]);
    let rows: Vec<&[&str]> = lines[1..].iter().map(|line| &line[..4]).collect();
    assert_eq!(rows.len(), 16);
    assert_eq!(rows[0], ["demo.50d", "rnn", "2", "tuned"]);
    assert_eq!(rows[1], ["demo.50d", "rnn", "2", "one-hot"]);
    assert_eq!(rows[15], ["other", "lstm", "3", "one-hot"]);
}

#[test]
fn the_demo_runs() {
    let ran = vocable(["demo", "--seeds", "1"]);
    assert_eq!(ran.code, 0);
    for part in ["2,500 words", "queen", "italy", "crocodile", "frozen", "oov-only", "random", "glove.6B"] {
        assert!(ran.out.contains(part), "`{part}` is missing in {}", ran.out);
    }
}
