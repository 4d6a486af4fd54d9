//! `vocable doctor`: its findings in files with many problems, and that the commands it prints fix them.

use std::path::Path;
use std::process::Command;

use crate::common::{Folder, Ran, fixture, glove, gzip, program, rows, small, vocable, word2vec_binary};
use serde_json::{Value, json};
use vocable::Vectors;

fn examined(path: &Path) -> Value {
    vocable(["doctor".as_ref(), path.as_os_str(), "--json".as_ref()]).only_json()
}

/// Name, severity and first position of each finding.
fn findings(report: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap();
    let places = |finding: &Value| finding["places"].as_array().unwrap().iter().map(text).collect();
    findings.iter().map(|finding| (text(&finding["name"]), text(&finding["severity"]), places(finding))).collect()
}

/// Runs the commands that a report prints, in the folder of the file, and returns the output path of the last.
fn fixed(report: &Value, folder: &Folder) -> Vec<std::path::PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_vocable")).parent().unwrap();
    let path = std::env::join_paths(
        [program.to_path_buf()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let mut written = Vec::new();
    for command in report["fix"].as_array().unwrap() {
        let command = command.as_str().unwrap();
        let ran = Command::new("sh").args(["-c", command]).env("PATH", &path).output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        let name = command.rsplit(['/', '\'']).find(|part| !part.is_empty()).unwrap();
        written.push(folder.path(name));
    }
    written
}

#[test]
fn a_sound_file_has_only_notes() {
    let report = examined(&fixture("demo.50d.txt"));
    assert_eq!((report["rows"].clone(), report["dimension"].clone()), (json!(2500), json!(50)));
    assert_eq!((report["opens"].clone(), report["fix"].clone()), (json!(true), json!([])));
    assert!(findings(&report).iter().all(|(_, severity, _)| severity == "note"), "{report}");
    // The file given by --vectors is examined, too.
    let ran = vocable(["--vectors".as_ref(), fixture("demo.50d.txt").as_os_str(), "doctor".as_ref()]);
    assert!(ran.out.contains("The file can be opened."), "{ran:?}");
    vocable(["doctor"]).refused(2, "no file to examine");
    vocable(["doctor", "/no/such/file"]).refused(2, "cannot open");
}

#[test]
fn every_problem_is_found_with_its_line() {
    let folder = Folder::new();
    let text: &[u8] = b"\xef\xbb\xbf5 3\r\na 1 2 3\r\nB 1 2\nc d 1e40 2 0.5 \n\nc d 1 2 0.5\ne\t1 0 0 0\n\
        \xe9 1 1 1\n\xc3\xa9 1 1 1\nf 1 nan 2\ng 1 x 2\nc d .1 .2 .3\nf 1 2 3 4";
    let report = examined(&folder.file("odd one.vec", text));
    let found = findings(&report);
    let expected = [
        ("header", "error", None),
        ("short", "error", Some("line 3: 2 numbers in `B 1 2`")),
        ("long", "error", Some("line 13: 4 numbers in `f 1 2 3 4`")),
        ("not-a-number", "error", Some("line 11: `g 1 x 2`")),
        ("overflow", "error", Some("line 4: `c d`")),
        ("not-finite", "error", Some("line 10: `f`")),
        ("empty-lines", "error", Some("line 5: an empty line")),
        ("final-line-feed", "warning", None),
        ("byte-order-mark", "warning", None),
        ("duplicates", "warning", Some("line 6: `c d`, first at line 4")),
        ("encoding", "note", Some("line 8: `\u{fffd}`")),
        ("crlf", "note", Some("line 2: `a 1 2 3\\r`")),
        ("trailing-spaces", "note", Some("line 4: `c d 1e40 2 0.5 `")),
        ("zero-rows", "note", Some("line 7: `e\\t`")),
        ("tabs-in-words", "note", None),
        ("spaces-in-words", "note", Some("line 4: `c d`")),
        ("casing", "note", None),
    ];
    let names: Vec<(&str, &str)> = found.iter().map(|(name, severity, _)| (name.as_str(), severity.as_str())).collect();
    assert_eq!(names, expected.map(|(name, severity, _)| (name, severity)), "{report:#}");
    for ((name, _, places), (.., place)) in found.iter().zip(expected) {
        if let Some(place) = place.filter(|_| name != "zero-rows") {
            assert_eq!(places[0], place, "{name}");
        }
    }
    assert_eq!(report["opens"], false);

    // Without the bad rows the file opens without warnings.
    let out = fixed(&report, &folder).pop().unwrap();
    let report = examined(&out);
    assert_eq!(report["opens"], true);
    assert!(findings(&report).iter().all(|(_, severity, _)| severity == "note"), "{report:#}");
    let vectors = Vectors::open(&out).unwrap();
    assert_eq!(vectors.get("a"), Some(&[1.0, 2.0, 3.0][..]));
    assert_eq!(vectors.get("c d"), Some(&[1.0, 2.0, 0.5][..]), "the first row that can be read");
}

#[test]
fn tabs_and_another_encoding_are_fixed_one_after_the_other() {
    let folder = Folder::new();
    let report = examined(&folder.file("tabs.txt", "a\t1.5\t2\nb\t3\t4\n"));
    assert_eq!(findings(&report)[0].0, "tabs");
    let out = fixed(&report, &folder).pop().unwrap();
    assert_eq!(Vectors::open(out).unwrap().get("b"), Some(&[3.0, 4.0][..]));

    // In Windows-1252, gzipped, with a truncated row.
    let text = gzip(b"caf\xe9 1.5 2\nna\xefve 3 4\nplain 5 6\nshort 7\n");
    let report = examined(&folder.file("latin.txt.gz", text));
    let written = fixed(&report, &folder);
    assert_eq!(written.len(), 2, "{report:#}");
    let vectors = Vectors::open(&written[1]).unwrap();
    assert_eq!(vectors.len(), 3);
    assert_eq!(vectors.get("naïve"), Some(&[3.0, 4.0][..]));
}

#[test]
fn a_cut_file_is_said_to_be_cut() {
    let folder = Folder::new();
    let report = examined(&folder.file("cut.txt", "a 1.5 2.25\nb 3 4\nc 5"));
    assert_eq!(findings(&report)[0].0, "truncated");
    let binary = word2vec_binary(&small(), b"\n");
    let report = examined(&folder.file("cut.bin", &binary[..binary.len() - 7]));
    assert_eq!(report["opens"], false);
    assert_eq!(report["rows"], 2, "the whole rows can be read: {report:#}");
    let out = fixed(&report, &folder).pop().unwrap();
    assert_eq!(Vectors::open(out).unwrap().get("queen"), Some(&small()[1].1[..]));
}

#[test]
fn a_header_of_a_dimension_that_no_row_has_is_not_believed() {
    let folder = Folder::new();
    let path = folder.file("huge.txt", "2 1000000000000\nfoo bar\n");
    let ran = vocable(["doctor".as_ref(), path.as_os_str(), "--format".as_ref(), "word2vec".as_ref()]);
    assert!(ran.code == 0 && ran.out.contains("line 2: expected a word and 1000000000000 numbers"), "{ran:?}");
}

#[test]
fn binary_rows_are_looked_at_too() {
    let folder = Folder::new();
    let rows = rows(&[("A", &[0.0, 0.0]), ("b", &[1.0, 2.0]), ("b", &[3.0, 4.0])]);
    let report = examined(&folder.file("v.bin", word2vec_binary(&rows, b"")));
    let names: Vec<String> = findings(&report).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["duplicates", "zero-rows", "casing"]);
    let out = folder.path("t.safetensors");
    Vectors::demo().unwrap().save(&out, vocable::files::Format::Table, Default::default()).unwrap();
    let mut bytes = std::fs::read(&out).unwrap();
    assert_eq!(examined(&out)["opens"], true);
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let report = examined(&folder.file("damaged.safetensors", bytes));
    assert_eq!(findings(&report)[0].0, "damaged");
}

#[test]
fn files_without_vectors_are_reported_as_such() {
    let folder = Folder::new();
    for bytes in [b"It was a dark night.\n".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec(), Vec::new()] {
        let report = examined(&folder.file("other", bytes));
        assert_eq!((report["opens"].clone(), report["rows"].clone()), (json!(false), Value::Null));
        assert_eq!(findings(&report)[0].1, "error");
    }
    let path = folder.file("v.txt", glove(&small()));
    let out = program().args(["doctor"]).arg(&path).output().unwrap();
    let ran = Ran {
        code: out.status.code().unwrap(),
        out: String::from_utf8(out.stdout).unwrap(),
        err: String::from_utf8(out.stderr).unwrap(),
    };
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("glove, 3 readable rows x 3"), "{}", ran.out);
}
