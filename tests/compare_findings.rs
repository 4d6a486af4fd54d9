//! Findings of a comparison: checked with plain reference code, read again from the folder, and in edge cases.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::common::{Folder, fixture, vocable};
use serde_json::Value;
use vocable::Vectors;
use vocable::classifier::{DataOptions, Dataset, Splits, TrainOptions};
use vocable::compare::findings::{Findings, Split};
use vocable::compare::{
    CompareOptions, Event, NamedVectors, Plan, Run, RunDirectory, RunOptions, TrainSize, compare, load, open_model,
};
use vocable::nn::{CellKind, Embedding, EmbeddingMode};
use vocable::report;

use EmbeddingMode::{Frozen, OneHot, OovOnly, Random, Tuned};

fn splits() -> Splits {
    let open = |name: &str| Dataset::open(fixture(name), &DataOptions::default()).expect("a data set");
    let mut splits =
        Splits { train: open("reviews.train.txt"), dev: open("reviews.dev.txt"), test: Some(open("reviews.test.txt")) };
    splits.train.texts.truncate(150);
    splits.dev.texts.truncate(40);
    splits.test.as_mut().unwrap().texts.truncate(90);
    splits
}

fn options(change: impl FnOnce(&mut CompareOptions)) -> CompareOptions {
    let mut options = CompareOptions {
        embeddings: vec![Frozen, Tuned, Random],
        watch: ["good", "bad", "nowhereatall"].map(str::to_owned).to_vec(),
        train: TrainOptions { hidden: 6, epochs: 4, batch: 16, lr: 1e-2, patience: Some(2), ..TrainOptions::default() },
        ..CompareOptions::default()
    };
    change(&mut options);
    options
}

fn plan_of(splits: Splits, options: &CompareOptions) -> Plan {
    let vectors = NamedVectors::of(Arc::new(Vectors::demo().expect("the built-in vectors")));
    Plan::new(vec![vectors], splits, options).expect("a plan")
}

fn done(path: &Path, plan: &Plan) -> Findings {
    let directory = RunDirectory::open(path, plan).expect("a folder");
    compare(plan, Some(&directory), &RunOptions::default(), &|_| ControlFlow::Continue(())).expect("a comparison");
    Findings::read(path).expect("findings")
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found}, expected {expected}");
}

/// The 97.5 % quantile of Student's t with 2 degrees of freedom (from a printed table).
const T_OF_THREE: f64 = 4.302652729911275;

#[test]
fn scores_curves_and_matrices_follow_from_the_runs() {
    let folder = Folder::new();
    let path = folder.path("runs");
    let findings = done(&path, &plan_of(splits(), &options(|_| {})));
    let runs = load(&path).expect("the runs").runs;
    assert_eq!((findings.scored_on, findings.groups.len(), findings.size_curves.len()), (Split::Test, 1, 0));
    let group = &findings.groups[0];
    assert_eq!((group.vectors.as_str(), group.train_texts), (findings.configuration.vectors[0].name.as_str(), 150));
    for (variant, runs) in group.embeddings.iter().zip(runs.chunks(3)) {
        assert!(runs.iter().all(|run| run.embedding == variant.embedding));
        let scores: Vec<f64> = runs.iter().map(|run| run.test_accuracy.unwrap()).collect();
        let mean = scores.iter().sum::<f64>() / 3.0;
        let std = (scores.iter().map(|score| (score - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
        near(variant.score.mean, mean);
        near(variant.score.std.unwrap(), std);
        let [from, to] = variant.score.interval.unwrap();
        near(to - mean, T_OF_THREE * std / 3f64.sqrt());
        near(from, 2.0 * mean - to);
        assert_eq!(variant.seeds, [1, 2, 3]);

        let mut confusion = vec![vec![0; 2]; 2];
        for run in runs {
            let predictions = run.predictions.as_ref().unwrap();
            for (&right, &predicted) in predictions.gold.iter().zip(&predictions.predicted) {
                confusion[right][predicted] += 1;
            }
        }
        assert_eq!(variant.confusion, confusion);
        assert_eq!(confusion.iter().flatten().sum::<usize>(), 3 * 90);

        // The logs are written by separate code, epoch by epoch.
        let log = |run: &Run| -> Vec<(f64, f64)> {
            let text = std::fs::read_to_string(path.join("runs").join(&run.name).join("log.jsonl")).unwrap();
            let epochs = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            epochs.map(|e| (e["dev"]["accuracy"].as_f64().unwrap(), e["train_loss"].as_f64().unwrap())).collect()
        };
        let logs: Vec<Vec<(f64, f64)>> = runs.iter().map(log).collect();
        assert_eq!(variant.curve.len(), logs.iter().map(Vec::len).max().unwrap());
        for (index, point) in variant.curve.iter().enumerate() {
            let there: Vec<(f64, f64)> = logs.iter().filter_map(|log| log.get(index).copied()).collect();
            assert_eq!((point.epoch, point.runs), (index + 1, there.len()));
            for (range, values) in [
                (point.dev_accuracy, there.iter().map(|e| e.0).collect::<Vec<f64>>()),
                (point.train_loss, there.iter().map(|e| e.1).collect()),
            ] {
                near(range.mean, values.iter().sum::<f64>() / values.len() as f64);
                assert!(values.iter().all(|&value| (range.min..=range.max).contains(&value)));
                assert!(values.contains(&range.min) && values.contains(&range.max));
            }
        }
    }
    let of = |variant: EmbeddingMode| group.embeddings.iter().find(|found| found.embedding == variant).unwrap();
    let rows = |variant: EmbeddingMode| of(variant).pretrained_rows.as_ref().map(|rows| (rows.unchanged, rows.runs));
    assert_eq!((rows(Frozen), rows(Tuned), rows(Random)), (Some((3, 3)), Some((0, 3)), None));
    assert_eq!(
        of(Frozen).pretrained_rows.as_ref().unwrap().first.before,
        of(Tuned).pretrained_rows.as_ref().unwrap().first.before
    );
    assert!(of(Frozen).words.is_none() && of(Random).words.is_some());

    // All pairs, in the embeddings' order, and by Holm's rule: the least p times three, and so on.
    let names: Vec<(&str, &str)> =
        group.pairs.iter().map(|found| (found.pair.first.as_str(), found.pair.second.as_str())).collect();
    assert_eq!(names, [("frozen", "tuned"), ("frozen", "random"), ("tuned", "random")]);
    let mut p: Vec<(f64, f64)> = group.pairs.iter().map(|f| (f.pair.seeds.p(), f.pair.adjusted_p)).collect();
    p.sort_by(|a, b| a.0.total_cmp(&b.0));
    near(p[0].1, (3.0 * p[0].0).min(1.0));
    assert!(group.pairs[0].highlighted && group.pairs.iter().filter(|pair| pair.highlighted).count() <= 2);
    for found in &group.pairs {
        let [first, second] = [&found.pair.first, &found.pair.second]
            .map(|name| group.embeddings.iter().find(|variant| variant.embedding.name() == name).unwrap());
        near(found.pair.seeds.difference.mean, second.score.mean - first.score.mean);
        let seconds = |variant: &vocable::compare::findings::EmbeddingFindings| variant.seconds.unwrap().mean;
        near(found.time_ratio.unwrap(), seconds(second) / seconds(first));
        assert!(found.sentence.contains("frozen") || found.sentence.contains("tuned"));
        let texts = found.pair.texts.as_ref().unwrap();
        assert_eq!((texts.texts, texts.by_seed.len()), (90, 3));
    }
}

#[test]
fn disagreements_and_gates_are_of_the_arms_and_their_texts() {
    let folder = Folder::new();
    let path = folder.path("runs");
    let findings = done(&path, &plan_of(splits(), &options(|_| {})));
    let comparison = load(&path).expect("the runs");
    let vectors = Vectors::demo().unwrap();
    let group = &findings.groups[0];
    assert!((1..=2).contains(&group.disagreements.len()));
    for found in &group.disagreements {
        // Mean probabilities over the seeds, per text.
        let mean = |variant: EmbeddingMode| -> Vec<[f64; 2]> {
            let runs: Vec<&Run> = comparison.runs.iter().filter(|run| run.embedding == variant).collect();
            let of = |text: usize, class: usize| {
                let all =
                    runs.iter().map(|run| f64::from(run.predictions.as_ref().unwrap().probabilities[text][class]));
                all.sum::<f64>() / runs.len() as f64
            };
            (0..90).map(|text| [of(text, 0), of(text, 1)]).collect()
        };
        let (first, second) = (mean(found.first), mean(found.second));
        let right = |text: usize| findings.labels.iter().position(|l| *l == comparison.test_texts[text].label).unwrap();
        let says = |row: &[f64; 2]| usize::from(row[1] > row[0]);
        for (side, alone, other) in [(&found.only_first, &first, &second), (&found.only_second, &second, &first)] {
            let mut texts: Vec<usize> =
                (0..90).filter(|&t| says(&alone[t]) == right(t) && says(&other[t]) != right(t)).collect();
            texts.sort_by(|&a, &b| {
                let gap = |t: usize| alone[t][right(t)] - other[t][right(t)];
                gap(b).total_cmp(&gap(a))
            });
            assert_eq!(side.count, texts.len());
            assert_eq!(side.texts.len(), texts.len().min(5));
            for (told, &text) in side.texts.iter().zip(&texts) {
                let expected = &comparison.test_texts[text];
                assert_eq!((told.line, &told.text, &told.label), (expected.line, &expected.text, &expected.label));
                for word in &told.words {
                    assert_eq!(word.known, vectors.row_of(&word.word).is_some(), "{}", word.word);
                }
                let words: Vec<&str> = told.words.iter().map(|word| word.word.as_str()).collect();
                assert!(!words.is_empty() && words.iter().all(|word| told.text.contains(word)));
                assert!((f64::from(told.first.probability) - first[text][says(&first[text])]).abs() < 1e-6);
            }
        }
    }
    let mut best: Vec<_> = group.embeddings.iter().collect();
    best.sort_by(|a, b| b.score.mean.total_cmp(&a.score.mean));
    assert_eq!(group.gates.len(), 3);
    for gates in &group.gates {
        let embeddings: Vec<EmbeddingMode> = gates.views.iter().map(|view| view.embedding).collect();
        assert_eq!(embeddings, [best[0].embedding, best[1].embedding]);
        let text = comparison.test_texts.iter().position(|text| text.line == gates.line).unwrap();
        assert_eq!(gates.text, comparison.test_texts[text].text);
        for view in &gates.views {
            // The saved model predicts what the run recorded.
            let run = comparison.runs.iter().find(|run| run.name == view.run).unwrap();
            assert_eq!(run.seed, 1);
            let predicted = &run.predictions.as_ref().unwrap().probabilities[text];
            for (found, expected) in view.view.probabilities().iter().zip(predicted) {
                assert!((found - expected).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn words_are_those_of_the_first_seeds_models() {
    let folder = Folder::new();
    let path = folder.path("runs");
    let findings = done(&path, &plan_of(splits(), &options(|o| o.embeddings = vec![Tuned, OovOnly, OneHot])));
    let vectors = Vectors::demo().unwrap();
    let group = &findings.groups[0];
    assert!(group.embeddings[2].words.is_none());
    let words = group.embeddings[0].words.as_ref().expect("words of the tuned embedding");
    assert_eq!((words.run.as_str(), words.seed), ("tuned-seed1", 1));
    assert_eq!(
        (&words.watched, words.absent.as_slice()),
        (&findings.configuration.watch, &["nowhereatall".to_owned()][..])
    );
    let model = open_model(&path, "tuned-seed1").expect("the model");
    let row = |word: &str| -> Option<[Vec<f64>; 2]> {
        let index = model.vocabulary().row(word)? as usize;
        let after = model.network().embedding.forward(&[Embedding::<f32>::id_of_word(index)]);
        let wide = |row: &[f32]| row.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
        Some([wide(vectors.get(word)?), wide(&after)])
    };
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = |a: &[f64], b: &[f64]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let mut all: Vec<f64> = model
        .vocabulary()
        .iter()
        .filter_map(|word| row(std::str::from_utf8(word).unwrap()))
        .map(|[before, after]| distance(&before, &after))
        .collect();
    all.sort_by(|a, b| b.total_cmp(a));
    assert_eq!(words.most_moved.len(), 20);
    assert!(words.most_moved.is_sorted_by(|a, b| a.distance >= b.distance));
    let known: Vec<_> = words.most_moved.iter().filter(|word| word.known).collect();
    assert!(!known.is_empty());
    for (found, expected) in known.iter().zip(&all) {
        near(found.distance, *expected);
        let [before, after] = row(&found.word).unwrap();
        near(found.cosine.unwrap(), cosine(&before, &after));
    }
    assert_eq!(words.watched_moves.iter().map(|word| word.word.as_str()).collect::<Vec<_>>(), ["good", "bad"]);
    let pair = &words.word_pairs[0];
    let [good, bad] = ["good", "bad"].map(|word| row(word).unwrap());
    assert_eq!(pair.words, ["good", "bad"]);
    assert!(
        (pair.before - cosine(&good[0], &bad[0])).abs() < 1e-6 && (pair.after - cosine(&good[1], &bad[1])).abs() < 1e-6
    );
    assert_eq!(words.word_pairs.iter().filter(|other| other.words == pair.words).count(), 1, "told once");
    assert!(words.neighbours[0].word == "good" && words.neighbours.iter().all(|near| near.before.len() == 5));

    // The map: centred, uncorrelated, with the variances it says, and no arrow longer than the word's way.
    let points: Vec<[f64; 2]> =
        words.map.words.iter().flat_map(|arrow| [arrow.before, arrow.after]).map(|p| p.map(f64::from)).collect();
    let rows: Option<Vec<[Vec<f64>; 2]>> = words.map.words.iter().map(|arrow| row(&arrow.word)).collect();
    for axis in 0..2 {
        assert!(points.iter().map(|point| point[axis]).sum::<f64>().abs() < 1e-4);
    }
    assert!(points.iter().map(|point| point[0] * point[1]).sum::<f64>().abs() < 1e-3 * points.len() as f64);
    if let Some(rows) = rows {
        let rows: Vec<&Vec<f64>> = rows.iter().flatten().collect();
        let count = rows.len() as f64;
        let total: f64 = (0..rows[0].len())
            .map(|column| {
                let mean = rows.iter().map(|row| row[column]).sum::<f64>() / count;
                rows.iter().map(|row| (row[column] - mean).powi(2)).sum::<f64>()
            })
            .sum();
        for axis in 0..2 {
            let along: f64 = points.iter().map(|point| point[axis].powi(2)).sum();
            assert!((along / total - words.map.explained[axis]).abs() < 1e-5);
        }
    }
    for arrow in &words.map.words {
        let Some([before, after]) = row(&arrow.word) else { continue };
        let shown = f64::from(arrow.after[0] - arrow.before[0]).hypot(f64::from(arrow.after[1] - arrow.before[1]));
        assert!(shown <= distance(&before, &after) + 1e-4, "{}", arrow.word);
    }
    let oov = group.embeddings[1].words.as_ref().expect("words of the oov-only embedding");
    assert!(oov.known_rows.unchanged() && !oov.unknown_rows.unchanged());
    assert_eq!(oov.most_moved.iter().filter(|word| word.known).count(), 0);
    assert!(!words.known_rows.unchanged() && words.moved > oov.moved && words.words == oov.words);
}

/// Everything except times.
fn timeless(path: &Path) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                ["seconds", "time_ratio", "sentence"].iter().for_each(|clock| drop(fields.remove(*clock)));
                fields.values_mut().for_each(strip);
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(Findings::read(path).expect("findings")).unwrap();
    strip(&mut value);
    value
}

#[test]
fn a_comparison_that_was_stopped_finds_the_same_and_other_words_are_looked_at_later() {
    let folder = Folder::new();
    let (whole, stopped) = (folder.path("whole"), folder.path("stopped"));
    let asked = options(|o| o.train_sizes = vec![TrainSize::All, TrainSize::Texts(60)]);
    let plan = plan_of(splits(), &asked);
    let findings = done(&whole, &plan);
    // Where runs of some embeddings are missing, the others are told all the same.
    let seen = std::sync::atomic::AtomicUsize::new(0);
    let directory = RunDirectory::open(&stopped, &plan).expect("a folder");
    let how = RunOptions { jobs: Some(1), ..RunOptions::default() };
    compare(&plan, Some(&directory), &how, &|event| {
        let done = usize::from(matches!(event, Event::Done { .. }));
        let done = seen.fetch_add(done, std::sync::atomic::Ordering::Relaxed) + done;
        if done < 7 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })
    .expect("a part of a comparison");
    drop(directory);
    let part = Findings::read(&stopped).expect("findings of a part");
    assert_eq!((part.comparison.runs.len(), part.comparison.planned), (7, 18));
    let [first] = part.groups.as_slice() else { panic!("one group has begun") };
    let runs: Vec<usize> = first.embeddings.iter().map(|variant| variant.seeds.len()).collect();
    assert_eq!(
        (runs, first.pairs.len()),
        (vec![3, 3, 1], 1),
        "an embedding without all its runs is compared with none"
    );
    assert!(
        report::comparison(&part, None).contains("frozen") && report::comparison_markdown(&part).contains("7 of 18")
    );

    done(&stopped, &plan);
    assert_eq!(timeless(&stopped), timeless(&whole));
    let [curve] = findings.size_curves.as_slice() else { panic!("a curve") };
    assert_eq!(curve.embeddings.iter().map(|line| line.embedding).collect::<Vec<_>>(), [Frozen, Tuned, Random]);
    for line in &curve.embeddings {
        let sizes: Vec<usize> = line.points.iter().map(|point| point.train_texts).collect();
        assert_eq!(sizes, [60, 150], "from few to many");
        let of = |texts: usize| {
            let group = findings.groups.iter().find(|group| group.train_texts == texts).unwrap();
            group.embeddings.iter().find(|variant| variant.embedding == line.embedding).unwrap().score
        };
        assert_eq!(line.points.iter().map(|point| point.score).collect::<Vec<_>>(), [of(60), of(150)]);
    }

    // With other words nothing is trained again, and all files are the same as if those words had been chosen at first.
    let others = plan_of(
        splits(),
        &options(|o| {
            o.train_sizes = vec![TrainSize::All, TrainSize::Texts(60)];
            o.watch = vec!["film".to_owned()];
        }),
    );
    let fresh = folder.path("fresh");
    done(&fresh, &others);
    done(&stopped, &others);
    assert_eq!(timeless(&stopped), timeless(&fresh));
    assert_ne!(timeless(&stopped), timeless(&whole));
    for run in ["tuned-n150-seed1", "random-n60-seed1"] {
        let bytes = |path: &Path| std::fs::read(path.join("runs").join(run).join("words.json")).unwrap();
        assert_eq!(bytes(&stopped), bytes(&fresh), "{run}");
        assert_ne!(bytes(&stopped), bytes(&whole), "{run}");
    }
    assert!(!whole.join("runs").join("tuned-n150-seed2").join("words.json").exists());
}

#[test]
fn one_embedding_one_seed_and_no_test_set() {
    let folder = Folder::new();
    let without_test = || Splits { test: None, ..splits() };
    let alone = options(|o| {
        o.embeddings = vec![Frozen];
        o.seeds = vec![7];
    });
    let findings = done(&folder.path("alone"), &plan_of(without_test(), &alone));
    let group = &findings.groups[0];
    assert_eq!((findings.scored_on, group.pairs.len(), group.disagreements.len()), (Split::Dev, 0, 0));
    let variant = &group.embeddings[0];
    assert_eq!((variant.score, variant.test_accuracy), (variant.dev_accuracy, None));
    assert_eq!((variant.score.interval, variant.score.count), (None, 1));
    let lines: Vec<u64> = group.gates.iter().map(|gates| gates.line).collect();
    assert_eq!(lines, splits().dev.texts.iter().take(3).map(|text| text.line).collect::<Vec<u64>>());
    assert!(group.gates.iter().all(|gates| gates.split == Split::Dev && gates.views.len() == 1));
    let text = report::comparison(&findings, Some(140));
    assert!(text.contains("dev acc %") && !text.contains("test acc %") && text.contains('●'), "{text}");
    // On a narrow terminal the bars are left out before the numbers; without a terminal there are no bars.
    let [wide, narrow, tiny, none] =
        [Some(140), Some(60), Some(30), None].map(|width| report::comparison(&findings, width));
    for (text, bars, figures) in [(wide, true, true), (narrow, true, false), (tiny, false, true), (none, false, true)] {
        assert_eq!((text.contains('●'), text.contains("dev F1 %")), (bars, figures), "{text}");
    }
    assert!(report::comparison_markdown(&findings).contains("Scores are measured on the dev set"));
    let csv = report::comparison_csv(&findings).unwrap();
    assert_eq!(csv.lines().count(), 2);

    // A plain recurrent network has no gates, and one seed is not enough to compare.
    let two = options(|o| {
        o.embeddings = vec![Frozen, Tuned];
        o.seeds = vec![7];
        o.train.cell = CellKind::Rnn;
    });
    let path = folder.path("two");
    let findings = done(&path, &plan_of(splits(), &two));
    assert!(findings.groups[0].gates.is_empty());
    assert!(findings.groups[0].pairs[0].sentence.contains("one seed is not enough"));
    assert!(report::comparison(&findings, None).contains("one seed is not enough to compare"));
    // Models may have been deleted.
    let path = folder.path("alone");
    std::fs::remove_file(path.join("runs").join("frozen-seed7").join("model.safetensors")).unwrap();
    assert!(Findings::read(&path).expect("findings").groups[0].gates.is_empty());
}

#[test]
fn a_run_that_diverged_counts_with_its_best_epoch_and_is_named() {
    let folder = Folder::new();
    let diverging = options(|o| {
        o.embeddings = vec![Frozen, Tuned];
        o.seeds = vec![1, 2];
        o.train.unfreeze_after = 2;
        o.train.embedding_lr = Some(1e300);
        o.train.patience = None;
    });
    let findings = done(&folder.path("runs"), &plan_of(splits(), &diverging));
    let [frozen, tuned] = findings.groups[0].embeddings.as_slice() else { panic!("two embeddings") };
    assert!(frozen.diverged.is_empty() && frozen.curve.len() == 4);
    assert_eq!(tuned.diverged, ["tuned-seed1", "tuned-seed2"]);
    assert_eq!(tuned.curve.len(), 2);
    // Until then its rows were held, and both embeddings are the same.
    assert_eq!(tuned.curve, frozen.curve[..2]);
    assert!(tuned.words.as_ref().unwrap().most_moved.is_empty());
    assert!(report::comparison_markdown(&findings).contains("tuned-seed1 diverged (non-finite loss)"));
}

#[test]
fn labels_and_words_may_hold_anything() {
    let folder = Folder::new();
    let texts = "label\ttext\na,\"b\"\tgreat <b>film</b> | fine\n<script>\tdull & *bad* film\na,\"b\"\tsuperb\n\
                 <script>\tghastly `film`\n";
    let data = folder.file("texts.tsv", texts);
    let (markdown, csv, out) = (folder.path("a.md"), folder.path("a.csv"), folder.path("runs"));
    let mut arguments: Vec<OsString> =
        ["compare", "--seeds=2", "--epochs=3", "--hidden=3", "--embeddings=tuned,random"]
            .iter()
            .chain(&["--sweep=lr=0.01", "--tokenizer=whitespace", "--watch=film,`film`"])
            .map(OsString::from)
            .collect();
    for option in ["--train", "--dev", "--test"] {
        arguments.extend([option.into(), data.clone().into()]);
    }
    arguments.extend(["--out".into(), out.clone().into(), "--markdown".into(), markdown.clone().into()]);
    arguments.extend(["--csv".into(), csv.clone().into()]);
    let ran = vocable(&arguments);
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = std::fs::read_to_string(&markdown).unwrap();
    assert!(text.contains("&lt;script&gt;") && !text.contains("<script>"), "{text}");
    // Every row of a table has as many cells as its header.
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
        assert_eq!(cells(pair[0]), cells(pair[1]), "{pair:?}");
    }
    let mut rows = csv::Reader::from_path(&csv).unwrap();
    let header: Vec<String> = rows.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<BTreeMap<String, String>> = rows
        .records()
        .map(|row| header.iter().cloned().zip(row.unwrap().iter().map(str::to_owned)).collect())
        .collect();
    let runs = load(&out).unwrap().runs;
    assert_eq!(rows.len(), 4);
    for (row, run) in rows.iter().zip(&runs) {
        assert_eq!(
            (&row["run"], row["embedding"].as_str(), row["lr"].as_str()),
            (&run.name, run.embedding.name(), "0.01")
        );
        assert_eq!(row["test_accuracy"].parse::<f64>().ok(), run.test_accuracy);
        assert_eq!(row["test_loss"].parse::<f64>().ok(), run.test.as_ref().map(|test| test.loss));
        assert_eq!(row["seconds"].parse::<f64>().ok(), run.seconds);
        assert_eq!(row["seed"], run.seed.to_string());
    }
    assert_eq!(Findings::read(&out).unwrap().labels, ["<script>", "a,\"b\""]);
}

#[test]
fn the_report_is_written_again_byte_for_byte() {
    let folder = Folder::new();
    let (train, out) = (fixture("reviews.dev.txt"), folder.path("a folder"));
    let mut arguments: Vec<OsString> =
        ["compare", "--seeds=2", "--epochs=2", "--hidden=4", "--watch=good,bad"].iter().map(OsString::from).collect();
    arguments.extend(["--train".into(), train.clone().into(), "--test".into(), train.into()]);
    let with = |arguments: &[OsString], more: &[&str]| -> Vec<OsString> {
        let mut all = arguments.to_vec();
        all.extend(more.iter().map(OsString::from));
        all
    };
    let kept = with(&arguments, &["--out", out.to_str().unwrap()]);
    let table = vocable(&kept);
    assert_eq!(table.code, 0, "{table:?}");
    // The report is made from the folder alone.
    let report: Vec<OsString> = vec!["compare".into(), "--report".into(), out.clone().into()];
    let again = vocable(&report);
    assert_eq!((again.code, &again.out, again.err.as_str()), (0, &table.out, ""));
    assert_eq!(vocable(with(&kept, &["--json"])).out, vocable(with(&report, &["--json"])).out);
    let (markdown, csv) = (folder.path("again.md"), folder.path("again.csv"));
    vocable(with(&report, &["--markdown", markdown.to_str().unwrap(), "--csv", csv.to_str().unwrap()]));
    assert_eq!(std::fs::read(markdown).unwrap(), std::fs::read(out.join("report.md")).unwrap());
    assert_eq!(std::fs::read(csv).unwrap(), std::fs::read(out.join("runs.csv")).unwrap());

    // Findings that are not saved are computed again, and the command line is shown without the output folder.
    let json = vocable(with(&kept, &["--json"])).only_json();
    let once = vocable(with(&arguments, &["--json", "--threads", "1"])).only_json();
    for key in ["embedding", "curve", "confusion", "words"] {
        let of = |json: &Value| json["groups"][0]["embeddings"][1][key].clone();
        assert!(!of(&json).is_null() && of(&json) == of(&once), "{key}");
    }
    assert_eq!(json["configuration"], once["configuration"]);
    let command = json["configuration"]["command"].as_str().unwrap();
    assert!(command.starts_with("vocable compare --seeds=2") && !command.contains("a folder"), "{command}");
    for line in ["most moved words (cosine before/after): ", "cosine of good and bad: ", "frozen in 2 of 2 runs"] {
        assert!(table.out.contains(line), "`{line}` is missing in {}", table.out);
    }

    let refused = |arguments: Vec<OsString>, said: &str| vocable(arguments).refused(2, said);
    refused(with(&report, &["--watch", "good"]), "--watch");
    refused(with(&arguments, &["--markdown", "/nowhere/at/all.md"]), "/nowhere/at/all.md: cannot create it: ");
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    arguments.retain(|word| !word.to_string_lossy().starts_with("--watch"));
    refused(with(&arguments, &["--watch", &many.join(",")]), "watched words: expected at most 20, found 21");
    refused(with(&arguments, &["--watch", "a,b,a"]), "watched words: expected distinct values, found `a` twice");
}

#[test]
fn altered_files_of_a_folder_are_refused_and_named() {
    let folder = Folder::new();
    let path = folder.path("runs");
    done(&path, &plan_of(splits(), &options(|o| o.seeds = vec![1, 2])));
    let refused = |name: &str, change: &dyn Fn(String) -> String, said: &str| {
        let file = path.join(name);
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, change(text.clone())).unwrap();
        let error = Findings::read(&path).map(drop).expect_err("a refusal").to_string();
        assert!(error.contains(said) && !error.contains('\n'), "{error}");
        std::fs::write(&file, text).unwrap();
    };
    let half = |text: String| text[..text.len() / 2].to_owned();
    refused("unknown.json", &half, "unknown.json: expected out-of-vocabulary words");
    refused("runs/tuned-seed1/words.json", &half, "words.json: expected word changes of a run");
    refused("dev.jsonl", &|text| text.replacen("label", "lable", 1), "dev.jsonl: expected texts as JSON Lines");
    let shorter = |text: String| text.lines().skip(1).map(|line| format!("{line}\n")).collect();
    refused("test.jsonl", &shorter, "others in run frozen-seed1");
    let other = |text: String| text.replace(r#""labels":["neg","pos"]"#, r#""labels":["neg","neutral"]"#);
    refused("runs/random-seed2/result.json", &other, "others in run random-seed2");
    refused("runs/tuned-seed1/result.json", &half, "result.json: expected results of a run");
    assert!(Findings::read(&path).is_ok());
}
