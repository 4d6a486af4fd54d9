//! `vocable bench`: it measures what it reports. No test asserts a speed.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::common::{Folder, fixture, program, vocable};
use serde_json::Value;
use vocable::Vectors;
use vocable::bench::{BenchReport, Subject, measure};
use vocable::files::{ElementType, Format, ReadOptions};

/// A size small enough for a test.
const SMALL: [&str; 8] = ["bench", "--rows", "2000", "--dimension", "8", "--rounds", "2", "--json"];

fn names(answer: &Value, list: &str) -> Vec<String> {
    answer[list].as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap().to_owned()).collect()
}

fn spread(value: &Value) {
    let figure = |name: &str| value[name].as_f64().unwrap();
    assert!(0.0 < figure("min") && figure("max").is_finite(), "{value}");
    assert!(figure("min") <= figure("median") && figure("median") <= figure("max"), "{value}");
}

#[test]
fn floors_and_measures_as_json() {
    let folder = Folder::new();
    let run = program().args(SMALL).args(["--threads", "2"]).env("TMPDIR", folder.path("")).output().unwrap();
    assert_eq!((run.status.code(), String::from_utf8(run.stderr).unwrap().as_str()), (Some(0), ""));
    let answer: Value = serde_json::from_slice(&run.stdout).unwrap();
    for (name, value) in [("rows", 2000), ("dimension", 8), ("threads", 2), ("rounds", 2)] {
        assert_eq!(answer[name], value, "{name}");
    }
    assert_eq!(answer["file"], Value::Null);
    #[cfg(unix)]
    assert!(answer["cores"].as_f64().unwrap() > 0.0);
    assert_eq!(names(&answer, "peaks"), ["memory", "products", "file"]);
    answer["peaks"].as_array().unwrap().iter().for_each(|peak| spread(&peak["rate"]));
    assert_eq!(names(&answer, "measurements"), ["open", "open-table", "nearest", "nearest-batch", "train"]);
    for measure in answer["measurements"].as_array().unwrap() {
        spread(&measure["milliseconds"]);
        let of = measure["utilization"]["peak"].as_str();
        let peaks = [("open", Some("file")), ("nearest", Some("memory")), ("open-table", None)];
        let peak = peaks.iter().find(|(name, _)| measure["name"] == *name).map_or(Some("products"), |(_, of)| *of);
        assert_eq!(of, peak, "{measure}");
        if of.is_some() {
            assert!(measure["utilization"]["fraction"].as_f64().unwrap() > 0.0, "{measure}");
            assert!(measure["throughput"]["rate"].as_f64().unwrap() > 0.0, "{measure}");
        }
    }
    // The synthetic files are deleted.
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 0);
}

#[test]
fn a_table_with_one_row_per_item() {
    let ran = vocable(&SMALL[..SMALL.len() - 1]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("synthetic vectors: 2,000 x 8; "), "{}", ran.out);
    for name in ["memory", "products", "file", "open", "open-table", "nearest", "nearest-batch", "train"] {
        let lines = ran.out.lines().filter(|line| line.split_whitespace().next() == Some(name));
        assert_eq!(lines.count(), 2, "{name}: its figures, and what they mean: {}", ran.out);
    }
    assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
}

#[test]
fn a_user_supplied_file() {
    let of = |path: &std::path::Path| {
        let path = path.to_str().unwrap();
        let answer = vocable(["bench", "--rounds", "1", "--json", "--vectors", path]).only_json();
        assert_eq!(answer["file"], path);
        answer
    };
    let text = of(&fixture("demo.50d.txt"));
    assert_eq!((&text["rows"], &text["dimension"]), (&Value::from(2500), &Value::from(50)));
    assert_eq!(names(&text, "measurements"), ["open", "nearest", "nearest-batch", "train"]);

    let folder = Folder::new();
    let table = folder.path("demo.safetensors");
    Vectors::demo().unwrap().save(&table, Format::Table, ElementType::F32).unwrap();
    let table = of(&table);
    assert_eq!(names(&table, "peaks"), ["memory", "products"]);
    assert_eq!(names(&table, "measurements"), ["open-table", "nearest", "nearest-batch", "train"]);

    // The variable names a file like the option; synthetic vectors can still be asked for.
    let with = |arguments: &[&str]| {
        let mut program = program();
        program.env("VOCABLE_VECTORS", fixture("demo.50d.txt")).args(["bench", "--rounds", "1", "--json"]);
        let out = program.args(arguments).output().unwrap().stdout;
        serde_json::from_slice::<Value>(&out).unwrap()["rows"].as_u64().unwrap()
    };
    assert_eq!((with(&[]), with(&["--rows", "300"])), (2500, 300));
}

#[test]
fn values_out_of_range_are_refused() {
    let refused = |arguments: &[&str], what: &str| {
        vocable([&["bench"], arguments].concat()).refused(2, what);
    };
    refused(&["--rows", "99"], "rows: expected a whole number from 100 to 10,000,000, found 99");
    refused(&["--rows", "10000001"], "found 10000001");
    refused(&["--dimension", "0"], "dimension: expected a whole number from 1 to 4,096, found 0");
    refused(&["--dimension", "4097"], "found 4097");
    refused(&["--rows", "10000000", "--dimension", "31"], "at most 300,000,000 numbers");
    refused(&["--rounds", "0"], "rounds: expected a whole number from 1 to 1,000, found 0");
    refused(&["--rounds", "1001"], "found 1001");
    let demo = fixture("demo.50d.txt");
    refused(&["--rows", "1000", "--vectors", demo.to_str().unwrap()], "cannot be used with --vectors");
    refused(&["--vectors", "missing.txt"], "missing.txt: cannot open it");
}

#[test]
fn vectors_without_a_direction_are_refused_and_an_end_is_one() {
    let subject = |values| {
        let vectors = Vectors::new(["a", "b"], values, 2).unwrap();
        Subject::File(Arc::new(vectors), ReadOptions::default())
    };
    let run = |subject: &Subject, goes_on: bool| -> vocable::Result<Option<BenchReport>> {
        measure(subject, 1, &mut |_| if goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    let error = run(&subject(vec![0.0; 4]), true).unwrap_err().to_string();
    assert!(error.contains("a row with a direction"), "{error}");
    assert!(run(&subject(vec![1.0, 0.0, 0.0, 1.0]), false).unwrap().is_none());
    // Vectors in memory have no file that could be opened.
    assert!(run(&subject(vec![1.0, 0.0, 0.0, 1.0]), true).is_err());
}
