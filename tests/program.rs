//! The program: standard output, standard error and exit codes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::common::{
    ENCRYPTED_ZIP, Folder, Ran, fixture, glove, gzip, program, rows, small, vocable, vocable_fed, word2vec_binary, zip,
};
use serde_json::{Value, json};

/// Runs `vocable --vectors fixtures/demo.50d.txt` with the arguments.
fn demo(arguments: &[&str]) -> Ran {
    demo_fed(arguments, b"")
}

fn demo_fed(arguments: &[&str], input: &[u8]) -> Ran {
    on(&fixture("demo.50d.txt"), arguments, input)
}

/// Runs `vocable --vectors FILE` with the arguments.
fn on(vectors: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut all: Vec<OsString> = vec!["--vectors".into(), vectors.into()];
    all.extend(arguments.iter().map(OsString::from));
    vocable_fed(all, input)
}

/// Vectors with obvious cosines: `b` has 0.6 with `a`, `c` is opposite to `a`, `zero` has no direction.
fn compass(folder: &Folder) -> PathBuf {
    let rows = rows(&[("a", &[2.0, 0.0]), ("b", &[3.0, 4.0]), ("c", &[-5.0, 0.0]), ("zero", &[0.0, 0.0])]);
    folder.file("compass.txt", glove(&rows))
}

#[track_caller]
fn near(value: &Value, expected: f64) {
    assert!((value.as_f64().unwrap() - expected).abs() < 1e-6, "{value} is not {expected}");
}

#[test]
fn nearest_lists_words_with_cosines() {
    let ran = demo(&["nearest", "king", "-k", "3"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let lines: Vec<Vec<&str>> = ran.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "{}", ran.out);
    let cosines: Vec<f64> = lines.iter().map(|line| line.last().unwrap().parse().unwrap()).collect();
    assert!(cosines.is_sorted_by(|a, b| a >= b) && cosines[0] <= 1.0, "{}", ran.out);
    assert!(!ran.out.contains("king "), "a word is no answer to itself: {}", ran.out);

    let answer = demo(&["nearest", "king", "-k", "3", "--json"]).only_json();
    assert_eq!(answer["query"], json!(["king"]));
    let neighbours = answer["neighbours"].as_array().unwrap();
    for (neighbour, line) in neighbours.iter().zip(&lines) {
        assert_eq!(neighbour["word"], line[0]);
        let text = std::fs::read_to_string(fixture("demo.50d.txt")).unwrap();
        let row = text.lines().position(|l| l.starts_with(&format!("{} ", line[0]))).unwrap();
        assert_eq!(neighbour["row"], row);
        assert_eq!(format!("{:.4}", neighbour["cosine"].as_f64().unwrap()), *line.last().unwrap());
    }
}

#[test]
fn nearest_subtracts_restricts_and_shows_rows_without_a_direction_last() {
    let folder = Folder::new();
    let compass = compass(&folder);
    let answer = on(&compass, &["nearest", "a", "--json"], b"").only_json();
    let neighbours = answer["neighbours"].as_array().unwrap();
    let words: Vec<_> = neighbours.iter().map(|n| n["word"].as_str().unwrap()).collect();
    assert_eq!(words, ["b", "c", "zero"]);
    near(&neighbours[0]["cosine"], 0.6);
    near(&neighbours[1]["cosine"], -1.0);
    assert_eq!(neighbours[2]["cosine"], Value::Null, "undefined, not a number");

    let answer = on(&compass, &["nearest", "b", "--not", "a", "--json", "--restrict", "3"], b"").only_json();
    assert_eq!(answer["not"], json!(["a"]));
    let words: Vec<_> = answer["neighbours"].as_array().unwrap().iter().map(|n| &n["word"]).collect();
    assert_eq!(words, ["c"]);
}

#[test]
fn similarity_of_two_words_and_of_pairs_from_standard_input() {
    let folder = Folder::new();
    let compass = compass(&folder);
    let ran = on(&compass, &["similarity", "a", "b"], b"");
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "a b 0.6000\n", ""));
    let answer = on(&compass, &["similarity", "b", "c", "--json"], b"").only_json();
    assert_eq!((&answer["a"], &answer["b"]), (&json!("b"), &json!("c")));
    near(&answer["cosine"], -0.6);

    let ran = on(&compass, &["similarity", "-"], b"a b\r\n\nb\tc\na a");
    assert_eq!((ran.code, ran.out.as_str()), (0, "a b 0.6000\nb c -0.6000\na a 1.0000\n"));
    // Pairs without a result are reported by line, the others printed, and the exit code is 1.
    let ran = on(&compass, &["similarity", "-", "--json"], b"a b\na nope\na zero\nb b\n");
    assert_eq!(ran.code, 1);
    assert_eq!(ran.json().len(), 2);
    assert!(ran.err.contains("line 2") && ran.err.contains("`nope`"), "{}", ran.err);
    assert!(ran.err.contains("line 3") && ran.err.contains("is zero or not finite"), "{}", ran.err);
    let ran = on(&compass, &["similarity", "-"], b"a b\na\nb b\n");
    assert_eq!((ran.code, ran.out.as_str()), (2, "a b 0.6000\n"));
    assert!(ran.err.contains("line 2: expected two words, found `a`"), "{}", ran.err);
    on(&compass, &["similarity", "a"], b"").refused(2, "expected two words");
}

#[test]
fn analogy_answers_by_both_methods() {
    for method in ["add", "mul"] {
        let answer = demo(&["analogy", "france", "paris", "italy", "--method", method, "--json"]).only_json();
        let asked = json!(["france", "paris", "italy", method]);
        assert_eq!(json!([answer["a"], answer["b"], answer["c"], answer["method"]]), asked);
        let answers = answer["answers"].as_array().unwrap();
        assert_eq!(answers[0]["word"], "rome", "{answer}");
        assert!(answers[0]["row"].is_u64() && answers[0]["score"].is_f64());
        let human = demo(&["analogy", "france", "paris", "italy", "--method", method]);
        assert!(human.out.starts_with("rome "), "{}", human.out);
    }
    demo(&["analogy", "france", "paris"]).refused(2, "<C>");
    demo(&["analogy", "a", "b", "c", "--method", "div"]).refused(2, "[possible values: add, mul]");
}

#[test]
fn odd_names_the_word_that_does_not_belong() {
    let words = ["paris", "rome", "warsaw", "king"];
    let ran = demo(&[&["odd"], &words[..]].concat());
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "king\n", ""));
    let answer = demo(&[&["odd", "--json"], &words[..]].concat()).only_json();
    assert_eq!(answer, json!({"words": words, "odd": "king"}));
    demo(&["odd", "paris"]).refused(2, "WORD");
}

#[test]
fn info_says_what_a_file_holds() {
    let folder = Folder::new();
    let bytes = b"a 1 2\na 3 4\n\xff 1 1\nzero 0 0\n";
    let path = folder.file("odd.txt", bytes);
    let ran = on(&path, &["info", "--json"], b"");
    let facts = ran.only_json();
    for (key, expected) in [
        ("file", json!(path.to_str().unwrap())),
        ("format", json!("glove")),
        ("rows", json!(3)),
        ("dimension", json!(2)),
        ("bytes", json!(bytes.len())),
        ("duplicates", json!(1)),
        ("non_utf8", json!(1)),
        ("zero_rows", json!(1)),
    ] {
        assert_eq!(facts[key], expected, "{key}");
    }
    // Each warning is printed once.
    assert_eq!(ran.err.matches("1 row was dropped").count(), 1, "{}", ran.err);
    assert_eq!(ran.err.matches("1 word is not UTF-8").count(), 1, "{}", ran.err);
    let file = fixture("demo.50d.txt");
    assert_eq!(vocable(["info".as_ref(), file.as_os_str()]).out, demo(&["info"]).out);
    let ran = demo(&["info"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("2,500") && ran.out.contains("50") && ran.out.contains("glove"), "{}", ran.out);
}

#[test]
fn evaluate_tells_the_two_kinds_of_benchmark_apart() {
    let (questions, pairs) = (fixture("capitals.txt"), fixture("pairs.tsv"));
    let (questions, pairs) = (questions.to_str().unwrap(), pairs.to_str().unwrap());
    let ran = demo(&["evaluate", questions, pairs, "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answers = ran.json();
    assert_eq!(answers.len(), 2);
    assert_eq!((&answers[0]["kind"], &answers[0]["total"]), (&json!("analogies"), &json!(600)));
    let right: u64 = answers[0]["sections"].as_array().unwrap().iter().map(|s| s["correct"].as_u64().unwrap()).sum();
    assert_eq!(answers[0]["correct"], right);
    assert_eq!((&answers[1]["kind"], &answers[1]["total"]), (&json!("pairs"), &json!(63)));
    assert!(answers[1]["spearman"].as_f64().unwrap() > 0.5);
    let ran = demo(&["evaluate", pairs]);
    assert!(ran.out.contains("Spearman") && ran.out.contains("63"), "{}", ran.out);
    demo(&["evaluate"]).refused(2, "FILE");
    demo(&["evaluate", "nowhere.txt"]).refused(2, "nowhere.txt: cannot open it");
}

#[test]
fn a_benchmark_of_neither_kind_is_refused_and_named() {
    let folder = Folder::new();
    let broken = folder.file("broken.txt", ": section\nparis france rome italy\nparis france rome\n");
    demo(&["evaluate", broken.to_str().unwrap()]).refused(2, "broken.txt: line 3");
    // Without any known pair there is no correlation.
    for text in ["", "It was a dark night.\n", ":section without a space\nparis france rome\n"] {
        let path = folder.file("prose.txt", text);
        demo(&["evaluate", path.to_str().unwrap()]).refused(2, "prose.txt");
    }
}

#[test]
fn blank_lines_in_a_question_file_do_not_matter() {
    let folder = Folder::new();
    let path = folder.file("questions.txt", ": capitals\r\n\r\nparis france rome italy\r\n\r\n");
    let answer = demo(&["evaluate", path.to_str().unwrap(), "--json"]).only_json();
    assert_eq!((&answer["seen"], &answer["total"]), (&json!(1), &json!(1)));
}

#[test]
fn global_options_stand_before_or_after_the_command() {
    let path = fixture("demo.50d.txt");
    let path = path.to_str().unwrap();
    let forms: [&[&str]; 3] = [
        &["--vectors", path, "--json", "--threads", "2", "similarity", "king", "queen"],
        &["similarity", "--vectors", path, "king", "--json", "queen", "--threads", "1"],
        &["similarity", "king", "queen", "--json", "--vectors", path],
    ];
    let answers: Vec<Ran> = forms.into_iter().map(vocable).collect();
    assert_eq!(answers[0].only_json()["a"], "king");
    assert!(answers.iter().all(|ran| ran.out == answers[0].out), "{answers:?}");
}

#[test]
fn options_belong_to_the_commands_that_use_them() {
    for arguments in [&["man", "--vectors", "x"][..], &["--vectors", "x", "man"]] {
        vocable(arguments).refused(2, "'--vectors': `vocable man` does not use it");
    }
    vocable(["demo", "--vectors", "x"]).refused(2, "`vocable demo` does not use it");
    vocable(["similarity", "a", "b", "--restrict", "5"]).refused(2, "`vocable similarity` does not use it");
    vocable(["--vectors", "x"]).refused(2, "Usage: vocable [OPTIONS] <COMMAND>");
}

#[test]
fn the_last_of_a_repeated_option_wins() {
    let ran = demo(&["nearest", "king", "-k", "1", "--top", "3", "-k2", "--json", "--json"]);
    assert_eq!(ran.only_json()["neighbours"].as_array().unwrap().len(), 2);
    let ran = vocable(["similarity", "a", "b", "--vectors", "nowhere", "--vectors", "nowhere-else"]);
    ran.refused(2, "nowhere-else");
}

#[test]
fn vectors_come_from_the_option_then_the_environment_then_the_demo() {
    let folder = Folder::new();
    let compass = compass(&folder);
    let asked = |environment: Option<&Path>, arguments: &[&str]| {
        let mut command = program();
        environment.map(|path| command.env("VOCABLE_VECTORS", path));
        let output = command.args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, out, err) = asked(Some(&compass), &["similarity", "a", "b"]);
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "a b 0.6000\n", ""));
    let option = ["similarity", "a", "b", "--vectors", compass.to_str().unwrap()];
    let (code, out, _) = asked(Some(&folder.path("nowhere")), &option);
    assert_eq!((code, out.as_str()), (Some(0), "a b 0.6000\n"));
    let (code, out, err) = asked(None, &["similarity", "king", "king"]);
    assert_eq!((code, out.as_str()), (Some(0), "king king 1.0000\n"));
    assert!(err.contains("built-in demo vectors"), "{err}");
    // An empty variable counts as unset.
    let (code, out, _) = asked(Some(Path::new("")), &["similarity", "king", "king"]);
    assert_eq!((code, out.as_str()), (Some(0), "king king 1.0000\n"));
}

#[test]
fn an_unknown_word_ends_with_one_and_suggestions() {
    for arguments in [
        &["nearest", "kingg"][..],
        &["nearest", "kingg", "--json"],
        &["nearest", "queen", "--not", "kingg"],
        &["similarity", "queen", "kingg"],
        &["analogy", "man", "kingg", "woman"],
        &["analogy", "man", "kingg", "woman", "--method", "mul"],
        &["odd", "queen", "kingg"],
    ] {
        let ran = demo(arguments);
        ran.refused(1, "`kingg` is not in the vocabulary; did you mean `king`");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    demo(&["nearest", "KING"]).refused(1, "did you mean `king`");
    demo(&["nearest", "qqqqqqqqqq"]).refused(1, "`qqqqqqqqqq` is not in the vocabulary");
    demo(&["nearest", ""]).refused(1, "not in the vocabulary");
}

#[test]
fn a_word_without_a_direction_says_so() {
    let folder = Folder::new();
    let compass = compass(&folder);
    for arguments in [
        &["nearest", "zero"][..],
        &["nearest", "a", "zero", "--json"],
        &["similarity", "zero", "zero"],
        &["analogy", "a", "b", "zero"],
        &["analogy", "zero", "b", "a", "--method", "mul"],
        &["odd", "a", "zero"],
    ] {
        on(&compass, arguments, b"").refused(1, "the vector of `zero` is zero or not finite");
    }
    on(&compass, &["nearest", "a", "c"], b"").refused(2, "the query's terms cancel out");
}

#[test]
fn bad_usage_and_bad_input_end_with_two() {
    let folder = Folder::new();
    let text = glove(&rows(&[("a", &[1.0, 2.0]), ("b", &[2.0, 1.0])]));
    vocable::<&str>([]).refused(2, "Usage");
    demo(&["nearst", "king"]).refused(2, "nearst");
    demo(&["nearest"]).refused(2, "WORD");
    demo(&["nearest", "king", "-k", "many"]).refused(2, "many");
    demo(&["nearest", "king", "--threads", "0"]).refused(2, "--threads");
    demo(&["nearest", "king", "--format", "word2vec"]).refused(2, "demo.50d.txt: line 1: expected a header line");
    demo(&["nearest", "king", "--format", "glove.txt"]).refused(2, "glove, word2vec, word2vec-binary");
    demo(&["nearest", "king", "--member", "a.txt"]).refused(2, "a member can only be chosen from a zip archive");
    on(&folder.path("nowhere"), &["info"], b"").refused(2, "nowhere: cannot open it");
    on(&folder.path("."), &["info"], b"").refused(2, "found a folder");
    on(&folder.file("empty", b""), &["info", "--json"], b"").refused(2, "an empty file");
    let nan = folder.file("nan", b"a 1 2\nb nan 1\n");
    on(&nan, &["info"], b"").refused(2, "--allow-nonfinite");
    assert_eq!(on(&nan, &["info", "--allow-nonfinite", "--json"], b"").only_json()["rows"], 2);
    let several = folder.file("several.zip", zip(&[("a.txt", &text), ("b.txt", &text)]));
    on(&several, &["info"], b"").refused(2, "`--member a.txt`");
    let facts = on(&several, &["info", "--member", "b.txt", "--json"], b"").only_json();
    assert_eq!(facts["rows"], 2);
}

#[test]
fn each_bad_file_ends_with_two_and_one_line() {
    let folder = Folder::new();
    let text = glove(&small());
    let binary = word2vec_binary(&small(), b"\n");
    let gz = gzip(&text);
    let row = |row: &str| [text.clone(), row.as_bytes().to_vec()].concat();
    let header = |header: &str| [header.as_bytes().to_vec(), text.clone()].concat();
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("zip without members", zip(&[])),
        ("zip encrypted", ENCRYPTED_ZIP.to_vec()),
        ("zip bomb", zip(&[("a.txt", &vec![b'x'; 17 << 20])])),
        ("zip cut", zip(&[("a.txt", &text)])[..60].to_vec()),
        ("zip of a PyTorch checkpoint", zip(&[("m/data.pkl", b"x"), ("m/data/0", b"x")])),
        ("gzip bomb", gzip(&vec![b'x'; 17 << 20])),
        ("gzip cut", gz[..gz.len() - 9].to_vec()),
        ("text cut inside its last number", row("y 1 2 -")),
        ("short row", row("y 1 2\n")),
        ("long row", row("y 1 2 3 4\n")),
        ("short row, then a long one", row("y 1 2\nz 1 2 3 4\n")),
        ("header of 10^12 rows", header("1000000000000 3\n")),
        ("header of no rows", header("0 3\n")),
        ("header too low", header("2 3\n")),
        ("header too high", header("4 3\n")),
        ("header of another dimension", header("3 4\n")),
        ("nan", row("y 1 nan 2\n")),
        ("infinite", row("y 1 2 -inf\n")),
        ("tabs", b"a\t1\t2\nb\t3\t4\n".to_vec()),
        ("pickle", b"\x80\x04\x95\x10\0\0\0\0\0\0\0cgensim\n".to_vec()),
        ("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()),
        ("GloVe's own .bin", (1..200).flat_map(|i| (1.0 / f64::from(i)).to_le_bytes()).collect()),
        ("binary cut", binary[..binary.len() - 6].to_vec()),
        ("binary of 10^12 rows", [b"1000000000000 3\n".to_vec(), binary[4..].to_vec()].concat()),
        ("binary of an endless word", [b"1 1\n".to_vec(), vec![b'w'; 1 << 20]].concat()),
    ];
    let mut paths: Vec<PathBuf> = files.into_iter().map(|(name, bytes)| folder.file(name, bytes)).collect();
    paths.extend([folder.path("nowhere"), folder.path(".")]);
    for path in paths {
        let ran = on(&path, &["nearest", "king"], b"");
        ran.refused(2, &format!("error: {}: ", path.display()));
        assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
    }
}

#[test]
fn skip_bad_rows_skips_them_with_a_warning() {
    let folder = Folder::new();
    let path = folder.file("mixed.txt", "a 1 0\nb 3 4\nc 1\nd 1 x\n");
    on(&path, &["similarity", "a", "b"], b"").refused(2, "mixed.txt: line 3");
    let ran = on(&path, &["similarity", "a", "b", "--skip-bad-rows"], b"");
    assert_eq!((ran.code, ran.out.as_str()), (0, "a b 0.6000\n"));
    let told = "2 rows were skipped; the first: line 3: expected a word and 2 numbers, found 1 in `c 1`";
    assert_eq!(ran.err, format!("warning: {}: {told}\n", path.display()));
}

#[test]
fn help_and_version_are_answers() {
    for (arguments, said) in [
        (&["--help"][..], "Exit codes"),
        (&["nearest", "--help"], "vocable nearest king"),
        (&["--version"], env!("CARGO_PKG_VERSION")),
    ] {
        let ran = vocable(arguments);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains(said), "{}", ran.out);
    }
}

#[test]
fn the_help_of_each_command_has_examples_of_it() {
    let help = vocable(["--help"]).out;
    let commands = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let names: Vec<&str> =
        names.filter_map(|line| line.split_whitespace().next()).filter(|&name| name != "help").collect();
    assert!(names.len() > 15, "{names:?}");
    for name in names {
        let help = vocable([name, "--help"]).out;
        let examples = help.split("\nExample").nth(1).unwrap_or_else(|| panic!("{name} has no example: {help}"));
        let of_it = examples.lines().any(|line| line.split_whitespace().any(|word| word == name));
        assert!(of_it && examples.contains("vocable"), "{name}: {examples}");
        let widest = help.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 120, "{name}: a line of {widest} columns");
    }
}

#[test]
fn misspelt_commands_and_options_get_suggestions() {
    vocable(["nearset", "king"]).refused(2, "'nearest'");
    vocable(["nearest", "king", "--restrit", "5"]).refused(2, "'--restrict'");
    vocable(["train", "--embeding", "frozen"]).refused(2, "'--embedding'");
    vocable(["train", "--train", "t", "--embedding", "frozn"]).refused(2, "a similar value exists: 'frozen'");
    vocable(["nearest", "king", "-k", "five"]).refused(2, "'five' for '-k, --top <N>': expected a whole number");
    vocable(["train", "--train", "t", "--lr", "fast"]).refused(2, "'fast' for '--lr <X>': expected a number");
    vocable(["nearest", "king", "--exact-scan", "f16"]).refused(2, "[possible values: codes, f32]");
}

#[cfg(unix)]
mod unix {
    use std::io::{BufRead, BufReader, Read};
    use std::os::unix::ffi::OsStringExt;
    use std::process::Stdio;

    use super::*;

    #[test]
    fn a_reader_may_close_the_pipe_early() {
        let mut child = program()
            .args(["nearest", "king", "-k", "2400", "--json", "--vectors"])
            .arg(fixture("demo.50d.txt"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // More than a pipe's buffer: the program must reach the closed end.
        let mut first = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    #[test]
    fn help_into_a_closed_pipe_is_no_failure() {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program().arg("--help").stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output();
        let output = output.unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    }

    #[test]
    fn words_that_are_not_utf8_are_found_as_they_are() {
        let folder = Folder::new();
        let path = folder.file("latin.txt", b"caf\xe9 1 0\ncaf\xe8 0 1\ntea 3 4\n");
        let ask = |word: &[u8]| {
            let word = OsString::from_vec(word.to_vec());
            vocable([OsString::from("similarity"), "--vectors".into(), path.clone().into(), word, "tea".into()])
        };
        assert_eq!(ask(b"caf\xe9").out, "caf\u{fffd} tea 0.6000\n");
        assert_eq!(ask(b"caf\xe8").out, "caf\u{fffd} tea 0.8000\n");
        ask(b"caf\xea").refused(1, "`caf\u{fffd}` is not in the vocabulary");
        let stream = vocable_fed(
            [OsString::from("similarity"), "-".into(), "--vectors".into(), path.clone().into()],
            b"caf\xe9 caf\xe8\n",
        );
        assert_eq!((stream.code, stream.out.as_str()), (0, "caf\u{fffd} caf\u{fffd} 0.0000\n"));
    }

    #[test]
    fn vectors_may_come_through_a_pipe() {
        let ran = vocable_fed(["similarity", "a", "b", "--vectors", "/dev/stdin"], b"a 1 0\nb 3 4\n");
        assert_eq!((ran.code, ran.out.as_str()), (0, "a b 0.6000\n"));
        for packed in [gzip(b"a 1 0\nb 3 4\n"), zip(&[("a.txt", b"a 1 0\nb 3 4\n")])] {
            let ran = vocable_fed(["similarity", "a", "b", "--vectors", "/dev/stdin"], &packed);
            assert_eq!((ran.code, ran.out.as_str()), (0, "a b 0.6000\n"));
        }
        let facts = vocable_fed(["info", "--json", "--vectors", "/dev/stdin"], b"2 2\na 1 0\nb 3 4\n").only_json();
        assert_eq!((&facts["format"], &facts["bytes"]), (&json!("word2vec"), &json!(16)));
        let bomb = gzip(&vec![b'x'; 17 << 20]);
        vocable_fed(["info", "--vectors", "/dev/stdin"], &bomb).refused(2, "decompress it yourself");
    }

    #[test]
    fn an_error_in_a_pipe_is_reported_before_its_end() {
        use std::io::Write;
        let mut child = program()
            .args(["info", "--vectors", "/dev/stdin"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // More than one block, so that the bad row is read while the pipe is open.
        let input = child.stdin.as_mut().unwrap();
        let text: Vec<u8> = [b"a 1 2\nb 1\n".to_vec(), b"c 3 4\n".repeat(800_000)].concat();
        let _ = input.write_all(&text);
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert!(told.contains("line 2: expected a word and 2 numbers"), "{told}");
        assert_eq!(child.wait().unwrap().code(), Some(2));
    }

    #[test]
    fn a_result_is_printed_as_soon_as_its_line_was_read() {
        use std::io::Write;
        let folder = Folder::new();
        let mut child = program()
            .args(["similarity", "-", "--vectors"])
            .arg(compass(&folder))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        input.write_all(b"a b\n").unwrap();
        // Another program may wait for this result before it sends its next query.
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).unwrap();
            sender.send(line)
        });
        let answer = receiver.recv_timeout(std::time::Duration::from_secs(20));
        drop(input);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(answer.as_deref(), Ok("a b 0.6000\n"));
    }
}
