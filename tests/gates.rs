//! `vocable gates`: what it prints, and the page it writes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use crate::common::{Folder, Ran, fixture, program, vocable, vocable_fed};
use serde_json::{Value, json};

/// A bidirectional model of two layers, trained once for all tests.
fn model(folder: &Folder) -> PathBuf {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    let model = MODEL.get_or_init(|| trained(&["--bidirectional", "--layers", "2"]));
    folder.file("model", model)
}

fn trained(settings: &[&str]) -> Vec<u8> {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos a great film\nneg a dull film\n");
    let out = folder.path("out");
    let mut all: Vec<OsString> = ["train", "--hidden", "4", "--epochs", "1", "--vectors"].map(OsString::from).into();
    all.extend([fixture("demo.50d.txt").into(), "--train".into(), texts.clone().into(), "--dev".into(), texts.into()]);
    // Split at spaces, so that markup in a text is a single word.
    all.extend(["--tokenizer".into(), "whitespace".into(), "--out".into(), out.clone().into()]);
    all.extend(settings.iter().map(OsString::from));
    let ran = vocable(all);
    assert_eq!(ran.code, 0, "{ran:?}");
    std::fs::read(out).unwrap()
}

fn gates(model: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut all: Vec<OsString> = vec!["gates".into(), model.into()];
    all.extend(arguments.iter().map(OsString::from));
    vocable_fed(all, input)
}

#[test]
fn gates_are_shown_word_by_word() {
    let folder = Folder::new();
    let model = model(&folder);
    let ran = gates(&model, &["a great xyzzy film"], b"");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let answer = gates(&model, &["a great xyzzy film", "--json"], b"").only_json();
    assert_eq!(lines[0][0], answer["label"]);
    let words = answer["words"].as_array().unwrap();
    let names: Vec<&Value> = words.iter().map(|word| &word["word"]).collect();
    assert_eq!(names, ["a", "great", "xyzzy", "film"]);
    for word in words {
        assert_eq!(word["known"], word["word"] != "xyzzy");
        let line = lines.iter().find(|line| line.first().is_some_and(|first| word["word"] == *first)).unwrap();
        assert!(line.contains(&word["behaviour"].as_str().unwrap()), "{line:?} of {word}");
        assert!(line.contains(&format!("{:.2}", word["input"].as_f64().unwrap()).as_str()), "{line:?} of {word}");
        assert!(line.contains(&format!("{:.3}", word["probabilities"]["pos"].as_f64().unwrap()).as_str()), "{line:?}");
        let shares: f64 = word["shares"].as_object().unwrap().values().map(|share| share.as_f64().unwrap()).sum();
        assert!((shares - 1.0).abs() < 1e-6, "{word}");
    }
    assert!(ran.out.contains("(? is out of vocabulary"), "{}", ran.out);
    assert_eq!(answer["probabilities"], words[3]["probabilities"]);
    assert_eq!(json!([answer["layer"], answer["direction"], answer["words_omitted"]]), json!([1, "forward", 0]));
}

/// The prediction after each word is that of `predict` for the text up to it.
#[test]
fn the_prediction_moves_as_predict_says() {
    let folder = Folder::new();
    for settings in [&[][..], &["--bidirectional"], &["--pooling", "mean"], &["--embedding", "one-hot"]] {
        let model = folder.file("model", trained(settings));
        let answer = gates(&model, &["a dull great film", "--json"], b"").only_json();
        let beginnings = b"\na\na dull\na dull great\na dull great film\n";
        let predicted = vocable_fed([&OsString::from("predict"), model.as_os_str(), "--json".as_ref()], beginnings);
        let words = answer["words"].as_array().unwrap().iter().map(|word| &word["probabilities"]);
        for (found, expected) in [&answer["before"]].into_iter().chain(words).zip(predicted.json()) {
            for label in ["neg", "pos"] {
                let [a, b] = [&found[label], &expected["probabilities"][label]].map(|p| p.as_f64().unwrap());
                assert!((a - b).abs() < 1e-5, "{found} is not {expected}");
            }
        }
    }
}

#[test]
fn texts_come_from_arguments_and_from_standard_input() {
    let folder = Folder::new();
    let model = model(&folder);
    let answers = gates(&model, &["--json", "one", "-", "two words"], b"a film\r\n\na dull film").json();
    let texts: Vec<&Value> = answers.iter().map(|answer| &answer["text"]).collect();
    assert_eq!(texts, ["one", "a film", "a dull film", "two words"]);
    assert_eq!(gates(&model, &["--json", "-"], b"").out, "");
    let ran = gates(&model, &["--json", "-"], b"a \xff film\n");
    assert!(ran.err.contains("not valid UTF-8") && ran.json()[0]["words"][1]["word"] == "\u{fffd}", "{ran:?}");
    let empty = gates(&model, &[""], b"");
    assert!(empty.code == 0 && empty.out.contains("(before)"), "{empty:?}");
    let long = gates(&model, &["--json", "-"], "a film ".repeat(501).as_bytes()).only_json();
    assert_eq!((long["words"].as_array().unwrap().len(), &long["words_omitted"]), (1000, &json!(2)));
}

#[test]
fn a_cell_that_is_not_there_is_refused() {
    let folder = Folder::new();
    let both = model(&folder);
    for arguments in [&["--layer", "2"][..], &["--reverse"], &["--layer", "2", "--reverse"]] {
        let ran = gates(&both, &[&["a film", "--json"], arguments].concat(), b"");
        let direction = if arguments.contains(&"--reverse") { "reverse" } else { "forward" };
        assert_eq!(ran.only_json()["direction"], direction);
    }
    gates(&both, &["a", "--layer", "3"], b"").refused(2, "layer: expected a number from 1 to 2, found 3");
    let forward = folder.file("forward", trained(&[]));
    gates(&forward, &["a", "--reverse"], b"").refused(2, "a bidirectional model");
    gates(&forward, &[], b"").refused(2, "<TEXT>");
    let plain = folder.file("plain", trained(&["--encoder", "rnn"]));
    gates(&plain, &["a"], b"").refused(2, "an LSTM, which has gates");
    gates(&fixture("demo.50d.txt"), &["a"], b"").refused(2, "expected a model file");
}

#[test]
fn the_page_is_written_whole_and_holds_no_markup_of_the_text() {
    let folder = Folder::new();
    let model = model(&folder);
    let page = folder.path("page.html");
    let path = page.to_str().unwrap();
    let ran = gates(&model, &["a <script>alert(1)</script> film", "a second text", "--html", path, "--json"], b"");
    assert_eq!((ran.code, ran.json().len()), (0, 2));
    assert!(ran.err.contains("wrote"), "{}", ran.err);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !html.contains("<script"), "{html}");
    assert!(html.contains("Text 2") && html.ends_with("</html>\n"));
    assert_eq!(std::fs::read_dir(folder.path(".")).unwrap().count(), 2, "nothing half-written stays behind");
    let nowhere = folder.path("nowhere").join("page.html");
    gates(&model, &["a", "--html", nowhere.to_str().unwrap()], b"").refused(2, "cannot create it");
}

/// Colours are used on terminals and when forced; NO_COLOR takes precedence.
#[test]
fn colours_only_on_request_or_terminals() {
    let folder = Folder::new();
    let model = model(&folder);
    let out = |environment: &[(&str, &str)]| {
        let mut command = program();
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.args(["gates".as_ref(), model.as_os_str(), "a film".as_ref()]).stdin(Stdio::null());
        String::from_utf8(command.envs(environment.iter().copied()).output().unwrap().stdout).unwrap()
    };
    assert!(!out(&[]).contains('\u{1b}'), "into a pipe");
    let forced = out(&[("CLICOLOR_FORCE", "1"), ("TERM", "xterm")]);
    assert!(forced.contains('\u{1b}'), "{forced}");
    let refused = out(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]);
    assert!(!refused.contains('\u{1b}'), "{refused}");
}
