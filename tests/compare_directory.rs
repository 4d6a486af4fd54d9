//! The folder of a comparison: its files, and comparisons that are killed and resumed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use crate::common::{Folder, Ran, fixture, program, vocable};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use vocable::Vectors;
use vocable::classifier::{Classifier, DataOptions, Dataset, Splits, TrainOptions};
use vocable::compare::{
    CompareOptions, Comparison, Event, NamedVectors, Plan, RunDirectory, RunOptions, TrainSize, compare, compare_run,
    load, open_model,
};
use vocable::nn::EmbeddingMode;

const TEXTS: &str = "pos a great film\nneg a dull film\npos zzgrqx superb\nneg ghastlyish\n";

fn plan(change: impl FnOnce(&mut CompareOptions, &mut Splits)) -> Plan {
    let data = Dataset::parse(TEXTS.as_bytes(), &DataOptions::default(), "texts").expect("a data set");
    let mut splits = Splits { train: data.clone(), dev: data.clone(), test: Some(data) };
    let mut options = CompareOptions {
        embeddings: vec![EmbeddingMode::Tuned, EmbeddingMode::Random, EmbeddingMode::OneHot],
        seeds: vec![1, 2],
        train_sizes: vec![TrainSize::Texts(3), TrainSize::All],
        sweeps: vec!["lr=0.01,0.02".parse().expect("a sweep")],
        train: TrainOptions { hidden: 3, epochs: 4, batch: 2, ..TrainOptions::default() },
        ..CompareOptions::default()
    };
    change(&mut options, &mut splits);
    let vectors = NamedVectors::of(Arc::new(Vectors::demo().expect("the built-in vectors")));
    Plan::new(vec![vectors], splits, &options).expect("a plan")
}

fn every_step() -> RunOptions {
    RunOptions { jobs: Some(2), checkpoint_every: Duration::ZERO }
}

fn go_on(plan: &Plan, path: &Path) -> Comparison {
    let directory = RunDirectory::open(path, plan).expect("a folder");
    compare(plan, Some(&directory), &every_step(), &|_| ControlFlow::Continue(())).expect("a comparison")
}

/// Files with times, and the lock.
const WITH_CLOCKS: [&str; 6] = ["timing.json", "log.jsonl", "report.html", "report.md", "runs.csv", ".lock"];

/// All files of a folder that hold results, without those that contain times.
fn results(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !WITH_CLOCKS.iter().any(|name| path.ends_with(name)) {
                all.insert(path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    all
}

#[track_caller]
fn assert_same(found: &Path, expected: &Path) {
    let (found, expected) = (results(found), results(expected));
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, bytes) in &expected {
        assert!(found[path] == *bytes, "{} differs", path.display());
    }
}

#[test]
fn a_folder_holds_everything_and_is_read_again() {
    let folder = Folder::new();
    let (path, plan) = (folder.path("runs"), plan(|_, _| {}));
    let comparison = go_on(&plan, &path);
    assert_eq!(comparison.runs.len(), 24);
    let run = path.join("runs").join("tuned-n3-lr0.02-seed2");
    let mut names: Vec<_> = std::fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["config.json", "log.jsonl", "model.safetensors", "result.json", "timing.json"]);
    // Word changes are recorded for the run of the first seed.
    assert!(path.join("runs").join("tuned-n3-lr0.02-seed1").join("words.json").exists());
    assert!(!path.join("runs").join("one-hot-n3-lr0.02-seed1").join("words.json").exists());
    let configuration: Value = serde_json::from_slice(&std::fs::read(run.join("config.json")).unwrap()).unwrap();
    assert_eq!(configuration["options"]["lr"], 0.02);
    assert_eq!(configuration["options"]["embedding"], "tuned");
    assert_eq!(configuration["train_texts"], 3);
    assert_eq!(configuration["texts"]["train"]["texts"], 4);
    assert!(configuration["vectors"]["checksum"].as_str().unwrap().starts_with("xxh3:"));
    let log = std::fs::read_to_string(run.join("log.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 4);
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["dev"]["accuracy"].is_f64()));

    let again = load(&path).expect("the comparison");
    assert_eq!(again, comparison);
    assert!(again.is_finished());
    let model = open_model(&path, "tuned-n3-lr0.02-seed2").expect("a model");
    let run = again.runs.iter().find(|run| run.name == "tuned-n3-lr0.02-seed2").expect("the run");
    let predicted: Vec<usize> = model.predict(&again.test_texts).iter().map(|prediction| prediction.class).collect();
    assert_eq!(run.predictions.as_ref().map(|all| &all.predicted), Some(&predicted));

    // No run is repeated.
    let began = AtomicUsize::new(0);
    let directory = RunDirectory::open(&path, &plan).expect("the folder");
    let third = compare(&plan, Some(&directory), &every_step(), &|event| {
        began.fetch_add(usize::from(!matches!(event, Event::Skipped { .. })), Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    assert_eq!((third.expect("a comparison"), began.into_inner()), (comparison, 0));
}

#[test]
fn a_comparison_stopped_after_any_event_resumes_to_the_same_results() {
    let folder = Folder::new();
    let (whole, plan) = (folder.path("whole"), plan(|options, _| options.train_sizes.clear()));
    go_on(&plan, &whole);
    for stop in [1, 2, 7, 20, 41, 64] {
        let path = folder.path(&format!("stopped{stop}"));
        let mut times = 0;
        loop {
            let directory = RunDirectory::open(&path, &plan).expect("a folder");
            let events = AtomicUsize::new(0);
            let comparison = compare(&plan, Some(&directory), &every_step(), &|event| {
                // Earlier runs do not count, or it would never end.
                let new = usize::from(!matches!(event, Event::Skipped { .. }));
                let seen = events.fetch_add(new, Ordering::Relaxed) + new;
                if seen >= stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            times += 1;
            if comparison.expect("a comparison").is_finished() {
                break;
            }
        }
        assert!(times > 1);
        assert_same(&path, &whole);
    }
}

#[test]
fn another_comparison_in_the_folder_is_refused_by_what_differs() {
    let folder = Folder::new();
    let path = folder.path("runs");
    let made = plan(|_, _| {});
    drop(RunDirectory::open(&path, &made).expect("a folder"));
    let refused = |plan: &Plan, said: &str| {
        let error = RunDirectory::open(&path, plan).expect_err("a refusal").to_string();
        assert!(error.contains(said) && error.contains("choose another output directory"), "{error}");
    };
    refused(&plan(|o, _| o.train.hidden = 4), "a comparison with hidden 4, found one with 3");
    refused(&plan(|o, _| o.train.dropout.hidden = 0.25), "a comparison with dropout ");
    refused(&plan(|o, _| o.seeds.push(3)), "a comparison with seeds 1,2,3, found one with 1,2");
    refused(
        &plan(|o, _| o.embeddings.truncate(2)),
        "a comparison with embeddings tuned,random, found one with tuned,random,one-hot",
    );
    refused(&plan(|o, _| o.sweeps.clear()), "a comparison with sweeps none, found one with lr=0.01,0.02");
    refused(&plan(|o, _| o.train_sizes.clear()), "a comparison with train sizes 4, found one with 3,4");
    refused(&plan(|_, p| p.test = None), "a comparison with test set none, found one with 4 (xxh3:");
    refused(&plan(|_, p| p.train.texts[0].text = "a film".into()), "a comparison with train set 4 (xxh3:");
    refused(&plan(|_, p| p.dev.texts[0].label = "neg".into()), "a comparison with dev set 4 (xxh3:");
    let mut other = Vectors::demo().expect("the built-in vectors").values().to_vec();
    other[17] += 1.0;
    let demo = Vectors::demo().expect("the built-in vectors");
    let other = Vectors::new(demo.vocabulary().iter(), other, demo.dimension()).expect("vectors");
    let named = NamedVectors { name: made.vectors()[0].name.clone(), vectors: Arc::new(other) };
    let other = Plan::new(vec![named], made.splits().clone(), made.options()).expect("a plan");
    refused(&other, "a comparison with vectors ");

    // The files may be moved.
    assert!(RunDirectory::open(&path, &plan(|_, p| p.train.name = "elsewhere".into())).is_ok());
}

#[test]
fn a_folder_of_other_things_or_altered_ones_is_refused() {
    let folder = Folder::new();
    let made = plan(|options, _| options.train_sizes.clear());
    let refused = |path: &Path, said: &str| {
        let error = RunDirectory::open(path, &made).map(drop).expect_err("a refusal").to_string();
        assert!(error.contains(said), "{error}");
    };
    let path = folder.path("mine");
    std::fs::create_dir(&path).unwrap();
    drop(RunDirectory::open(&path, &made).expect("an empty folder"));
    std::fs::remove_file(path.join("compare.json")).unwrap();
    std::fs::write(path.join("novel.txt"), "once").unwrap();
    refused(&path, "mine: expected an empty folder, or one of a comparison, found other files");
    refused(&folder.file("file", "a"), "file");

    let path = folder.path("runs");
    go_on(&made, &path);
    let held = RunDirectory::open(&path, &made).expect("the folder");
    refused(&path, "is locked by another process");
    drop(held);

    let load_refused = |said: &str| {
        let error = load(&path).expect_err("a refusal").to_string();
        assert!(error.contains(said) && !error.contains('\n'), "{error}");
    };
    let result = path.join("runs").join("random-lr0.01-seed1").join("result.json");
    let bytes = std::fs::read(&result).unwrap();
    for altered in [&bytes[..100], b"{}", b"[1]", b""] {
        std::fs::write(&result, altered).unwrap();
        load_refused("result.json: expected results of a run");
    }
    let text = String::from_utf8(bytes.clone()).unwrap();
    std::fs::write(&result, text.replace(r#""confusion":[["#, r#""confusion":[[5],["#)).unwrap();
    load_refused("metrics of 2 classes");
    std::fs::write(&result, text.replace(r#""embedding":"random""#, r#""embedding":"melted""#)).unwrap();
    load_refused("unknown value `melted`");
    std::fs::write(&result, text.replace(r#""seed":1"#, r#""seed":9"#)).unwrap();
    let directory = RunDirectory::open(&path, &made).expect("the folder");
    let error = compare(&made, Some(&directory), &every_step(), &|_| ControlFlow::Continue(())).expect_err("a refusal");
    assert!(error.to_string().contains("results of run random-lr0.01-seed1"), "{error}");
    drop(directory);

    let configuration = path.join("compare.json");
    let text = std::fs::read_to_string(&configuration).unwrap();
    std::fs::write(&configuration, text.replace("random-lr0.01-seed1", "../../random")).unwrap();
    load_refused("names of runs");
    std::fs::write(&configuration, text.replace(r#""version": 3"#, r#""version": 4"#)).unwrap();
    load_refused("a comparison of version 3, found version 4");
    std::fs::remove_file(&configuration).unwrap();
    load_refused("expected the output directory of a comparison");
}

#[test]
fn processes_share_a_folder_and_each_does_runs_of_its_own() {
    let folder = Folder::new();
    let made = plan(|_, _| ());
    let (alone, path) = (folder.path("alone"), folder.path("shared"));
    go_on(&made, &alone);
    let others = plan(|options, _| options.seeds = vec![1]);
    let unknown = RunDirectory::share(&path, &made).map(drop).expect_err("a refusal").to_string();
    assert!(unknown.contains("the output directory of a comparison"), "{unknown}");
    drop(RunDirectory::open(&path, &made).expect("a folder"));
    let other = RunDirectory::share(&path, &others).map(drop).expect_err("a refusal").to_string();
    assert!(other.contains("a comparison with seeds 1, found one with 1,2"), "{other}");

    let (first, second) =
        (RunDirectory::share(&path, &made).expect("it"), RunDirectory::share(&path, &made).expect("it too"));
    let at_work = "is locked by another process";
    let error = RunDirectory::open(&path, &made).map(drop).expect_err("a refusal").to_string();
    assert!(error.contains(at_work), "{error}");
    let names: Vec<&str> = made.runs().iter().map(|run| run.name.as_str()).collect();
    let go_on = |_: Event| ControlFlow::Continue(());
    let do_run = |directory, name| compare_run(&made, directory, name, &every_step(), &go_on);
    // A run that one process works on is refused to the other, until it is finished or released.
    let left = compare_run(&made, &first, names[0], &every_step(), &|_| {
        let error = do_run(&second, names[0]).expect_err("a refusal").to_string();
        assert!(error.contains(at_work) && error.contains(names[0]), "{error}");
        ControlFlow::Break(())
    });
    assert_eq!(left.expect("no refusal"), None);
    for (number, &name) in names.iter().enumerate().rev() {
        let directory = if number % 2 == 0 { &second } else { &first };
        assert!(!directory.is_done(&made.runs()[number]).unwrap());
        let run = do_run(directory, name).expect("a run").expect("an end");
        assert!(run.name == name && second.is_done(&made.runs()[number]).unwrap());
    }
    let found = AtomicUsize::new(0);
    let again = compare_run(&made, &first, names[3], &every_step(), &|event| {
        found.fetch_add(usize::from(matches!(event, Event::Skipped { index: 3, .. })), Ordering::Relaxed);
        ControlFlow::Continue(())
    });
    assert_eq!((again.unwrap().unwrap().name.as_str(), found.into_inner()), (names[3], 1));
    let error = do_run(&first, "melted-seed1").expect_err("a refusal").to_string();
    assert!(error.contains("the name of a run of the comparison"), "{error}");
    drop((first, second));
    assert_eq!(results(&path), results(&alone));
}

#[test]
fn a_run_that_fails_is_named_and_the_others_stay() {
    let folder = Folder::new();
    let path = folder.path("runs");
    let made = plan(|options, _| {
        options.train_sizes.clear();
        options.sweeps = vec!["lr=0.01,1e300".parse().expect("a sweep")];
    });
    let directory = RunDirectory::open(&path, &made).expect("a folder");
    let failed = std::sync::Mutex::new(Vec::new());
    let how = RunOptions { jobs: Some(1), ..every_step() };
    let error = compare(&made, Some(&directory), &how, &|event| {
        if let Event::Failed { run } = event {
            failed.lock().unwrap().push(run.name.clone());
        }
        ControlFlow::Continue(())
    });
    assert!(error.expect_err("no number").to_string().contains("training diverged (non-finite loss)"));
    let failed = failed.into_inner().unwrap();
    assert!(failed.len() == 1 && failed[0].starts_with("tuned-lr1e300-seed"), "{failed:?}");
    assert_eq!(load(&path).expect("what was done").runs.len(), 6);
}

fn arguments(out: &Path, more: &[&str]) -> Vec<OsString> {
    let mut all: Vec<OsString> =
        ["compare", "--hidden=8", "--epochs=4", "--batch=8", "--seeds=2", "--vectors"].map(OsString::from).into();
    all.extend([fixture("demo.50d.txt").into(), "--train".into(), fixture("reviews.train.txt").into()]);
    all.extend([
        "--dev".into(),
        fixture("reviews.dev.txt").into(),
        "--test".into(),
        fixture("reviews.test.txt").into(),
    ]);
    all.extend(["--embeddings=frozen,tuned,one-hot".into(), "--train-sizes=50,all".into(), "--out".into(), out.into()]);
    all.extend(more.iter().map(OsString::from));
    all
}

fn begin(out: &Path) -> Child {
    let more = ["--checkpoint-minutes=1e-4"];
    program().args(arguments(out, &more)).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The finished runs in a folder, with their times.
fn finished(out: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let runs = std::fs::read_dir(out.join("runs")).into_iter().flatten().flatten();
    let results = runs.map(|run| run.path().join("result.json"));
    results.filter_map(|path| Some((path.clone(), path.metadata().ok()?.modified().unwrap()))).collect()
}

#[test]
fn a_comparison_killed_at_any_moment_resumes_to_the_same_results() {
    let folder = Folder::new();
    let whole = folder.path("whole");
    let expected = vocable(arguments(&whole, &["--threads=1", "--json"])).only_json();
    assert_eq!(expected["runs"].as_array().unwrap().len(), 12);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut killed, mut killed_between) = (0, 0);
    for round in 0..2 {
        let out = folder.path(&format!("killed{round}"));
        for _ in 0..8 {
            let mut child = begin(&out);
            std::thread::sleep(Duration::from_millis(rng.random_range(50..600)));
            let ended = child.try_wait().unwrap().is_some();
            // SIGKILL on Unix.
            child.kill().unwrap();
            child.wait().unwrap();
            let done = finished(&out).len();
            killed += usize::from(!ended);
            killed_between += usize::from(!ended && (1..12).contains(&done));
            if ended {
                break;
            }
        }
        let before = finished(&out);
        let last = begin(&out).wait_with_output().unwrap();
        assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
        assert_same(&out, &whole);
        let after = finished(&out);
        assert!(before.iter().all(|(path, time)| after[path] == *time), "a finished run was repeated");
    }
    assert!(killed > 0 && killed_between > 0, "no comparison was killed between its first run and its last: {killed}");

    // The report equals the comparison's own, with the times of its runs.
    let report = vocable([OsString::from("compare"), "--report".into(), whole.clone().into(), "--json".into()]);
    assert_eq!(report.only_json(), expected);
    let table = vocable([OsString::from("compare"), "--report".into(), whole.clone().into()]);
    assert!(table.out.contains("one-hot") && table.out.contains("seconds") && table.code == 0, "{table:?}");
    assert_eq!(table.err, "");
}

#[test]
fn the_report_of_an_unfinished_comparison_says_so() {
    let folder = Folder::new();
    let path = folder.path("runs");
    let made = plan(|options, _| options.train_sizes.clear());
    let report = || -> Ran { vocable([OsString::from("compare"), "--report".into(), path.clone().into()]) };
    report().refused(2, "expected the output directory of a comparison");
    go_on(&made, &path);
    std::fs::remove_file(path.join("runs").join("random-lr0.01-seed1").join("result.json")).unwrap();
    let ran = report();
    assert!(ran.code == 0 && ran.err.contains("11 of 12 runs completed"), "{ran:?}");
    assert_eq!(ran.out.lines().take_while(|line| !line.is_empty()).count(), 1 + 6);
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_unfinished_runs_and_says_how_to_resume() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Command;

    let folder = Folder::new();
    let (out, whole) = (folder.path("a folder"), folder.path("whole"));
    assert_eq!(vocable(arguments(&whole, &[])).code, 0);
    // Unfinished runs are saved only at the end.
    let arguments = arguments(&out, &["--checkpoint-minutes=60"]);
    let mut child = program().args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    while !told.contains("run 2 of 12") {
        assert!(err.read_line(&mut told).unwrap() > 0, "{told}");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    err.read_to_string(&mut told).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{told}");
    assert!(told.contains("of 12 runs completed; to resume:"), "{told}");
    let line = told.lines().find(|line| line.starts_with("  ")).expect("a command line").trim();
    assert!(
        Command::new("sh").args(["-c", line]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    );
    assert_same(&out, &whole);
    assert!(Classifier::open(out.join("runs").join("frozen-n50-seed1").join("model.safetensors")).is_ok());
}
