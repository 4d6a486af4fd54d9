//! Queries through the program: signed terms, restricted results, user-supplied vectors, batches.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::common::{Folder, Ran, fixture, glove, rows, vocable_fed};
use serde_json::{Value, json};
use vocable::Vectors;
use vocable::query::RowSet;

/// Runs `vocable` on the demo vectors.
fn demo(arguments: &[&str]) -> Ran {
    demo_fed(arguments, b"")
}

fn demo_fed(arguments: &[&str], input: &[u8]) -> Ran {
    on(&fixture("demo.50d.txt"), arguments, input)
}

/// Runs the arguments followed by `--vectors FILE`.
fn on(vectors: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut all: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let end = all.iter().position(|argument| argument == "--").unwrap_or(all.len());
    all.splice(end..end, ["--vectors".into(), vectors.into()]);
    vocable_fed(all, input)
}

/// Words that look like options, numbers or signs, and words with spaces.
fn odd_words(folder: &Folder) -> PathBuf {
    let rows = rows(&[
        ("-5", &[1.0, 0.1]),
        ("5", &[0.9, 0.3]),
        ("-", &[0.1, 1.0]),
        ("+", &[0.3, 0.9]),
        ("k", &[-1.0, 0.2]),
        ("-k", &[-0.9, 0.5]),
        ("new york", &[0.5, 0.5]),
        ("york", &[0.4, 0.6]),
        ("--json", &[0.7, -0.7]),
    ]);
    folder.file("odd.txt", glove(&rows))
}

/// The words of a result.
fn words(answer: &Value) -> Vec<String> {
    let list = answer["neighbours"].as_array().or_else(|| answer["answers"].as_array()).unwrap();
    list.iter().map(|answer| answer["word"].as_str().unwrap().to_owned()).collect()
}

/// The demo vectors, read by the test itself.
fn demo_rows() -> Vec<(String, Vec<f64>)> {
    let text = std::fs::read_to_string(fixture("demo.50d.txt")).unwrap();
    let row = |line: &str| {
        let mut fields = line.split(' ');
        (fields.next().unwrap().to_owned(), fields.map(|field| field.parse().unwrap()).collect())
    };
    text.lines().map(row).collect()
}

fn unit(vector: &[f64]) -> Vec<f64> {
    let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    vector.iter().map(|value| value / norm).collect()
}

/// Nearest words by a plain loop over all rows for which `may` is true, given row and word.
fn plain_loop(query: &[f64], asked: &[&str], k: usize, may: impl Fn(usize, &str, f64) -> bool) -> Vec<(String, f64)> {
    let query = unit(query);
    let mut found: Vec<(String, f64)> = Vec::new();
    for (row, (word, values)) in demo_rows().into_iter().enumerate() {
        let cosine = unit(&values).iter().zip(&query).map(|(a, b)| a * b).sum();
        if !asked.contains(&word.as_str()) && may(row, &word, cosine) {
            found.push((word, cosine));
        }
    }
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    found.truncate(k);
    found
}

#[track_caller]
fn same(answer: &Value, expected: &[(String, f64)]) {
    let expected_words: Vec<&String> = expected.iter().map(|(word, _)| word).collect();
    assert_eq!(words(answer).iter().collect::<Vec<_>>(), expected_words);
    for (neighbour, (word, cosine)) in answer["neighbours"].as_array().unwrap().iter().zip(expected) {
        assert!((neighbour["cosine"].as_f64().unwrap() - cosine).abs() < 1e-5, "{word}");
    }
}

#[test]
fn signs_and_options_stand_in_any_order() {
    let expected = demo(&["nearest", "king", "woman", "--not", "man", "-k", "3", "--json"]).only_json();
    assert_eq!((&expected["query"], &expected["not"]), (&json!(["king", "woman"]), &json!(["man"])));
    assert_eq!(words(&expected)[0], "queen");
    for arguments in [
        &["nearest", "king", "-man", "+woman", "-k", "3", "--json"][..],
        &["nearest", "-man", "king", "+woman", "-k3", "--json"],
        &["nearest", "-k", "3", "-man", "--json", "+king", "woman"],
        &["nearest", "--json", "king", "-k=3", "woman", "-man"],
        &["--json", "nearest", "king", "woman", "--top", "3", "-man"],
        &["--threads", "1", "nearest", "-man", "--top=3", "king", "woman", "--json"],
        &["nearest", "king", "--not=man", "woman", "--json", "-k", "3"],
        &["nearest", "-k", "3", "--json", "--", "king", "-man", "woman"],
        &["nearest", "-man", "-k", "3", "--json", "--", "king", "+woman"],
    ] {
        assert_eq!(demo(arguments).only_json(), expected, "{arguments:?}");
    }
    // Also with --vectors before the command.
    let path = fixture("demo.50d.txt");
    let first = ["--vectors", path.to_str().unwrap(), "nearest", "-man", "king", "woman", "-k", "3", "--json"];
    assert_eq!(vocable_fed(first, b"").only_json(), expected);
}

#[test]
fn the_first_sign_of_a_word_is_a_sign_unless_it_is_the_word() {
    let folder = Folder::new();
    let path = odd_words(&folder);
    for (arguments, query, not) in [
        (&["5", "-k", "1"][..], json!(["5"]), Value::Null),
        (&["+-5"], json!(["-5"]), Value::Null),
        (&["+5"], json!(["5"]), Value::Null),
        (&["-5"], json!([]), json!(["5"])),
        (&["--not", "-5"], json!([]), json!(["-5"])),
        (&["--not=-5", "5"], json!(["5"]), json!(["-5"])),
        (&["5", "-+"], json!(["5"]), json!(["+"])),
        (&["-"], json!(["-"]), Value::Null),
        (&["+"], json!(["+"]), Value::Null),
        (&["++", "+-"], json!(["+", "-"]), Value::Null),
        (&["5", "--", "-k", "--"], json!(["5"]), json!(["k", "-"])),
        (&["5", "--", "+--json"], json!(["5", "--json"]), Value::Null),
        (&["5", "--not", "k"], json!(["5"]), json!(["k"])),
        (&["new york", "-york"], json!(["new york"]), json!(["york"])),
    ] {
        let answer = on(&path, &[&["nearest", "--json"], arguments].concat(), b"").only_json();
        assert_eq!((&answer["query"], &answer["not"]), (&query, &not), "{arguments:?}");
    }
    // An argument that is an option of the command is read as one.
    on(&path, &["nearest", "5", "-k"], b"").refused(2, "a value is required for '--top <N>'");
    on(&path, &["nearest", "5", "--not"], b"").refused(2, "--not");
    on(&path, &["nearest", "5", "--jsonn"], b"").refused(2, "--jsonn");
    let help = on(&path, &["nearest", "-5", "-h"], b"");
    assert!(help.code == 0 && help.out.contains("--within"), "{help:?}");
    on(&path, &["nearest", "5", "--", "--json"], b"").refused(1, "`-json` is not in the vocabulary");
    // Other commands do not take signed terms.
    on(&path, &["odd", "5", "-york"], b"").refused(2, "-y");
}

#[test]
fn limits_hold_at_once_and_answer_as_a_plain_loop() {
    let folder = Folder::new();
    let all = demo_rows();
    // Every third word, out of order, one of them twice, with both kinds of line ends and a byte order mark.
    let listed: Vec<&str> = all.iter().rev().step_by(3).map(|(word, _)| word.as_str()).collect();
    let text = format!("\u{feff}{}\r\n\r\n{}\n", listed.join("\n"), listed[0]);
    let list = folder.file("list.txt", text);
    let list = list.to_str().unwrap();
    let vector = |word: &str| &all.iter().find(|(other, _)| other == word).unwrap().1;
    for within in [false, true] {
        for regex in [None, Some(("^[a-m]", "abcdefghijklm"))] {
            for restrict in [None, Some(900)] {
                for minimum in [None, Some(0.1)] {
                    let mut arguments: Vec<String> =
                        ["nearest", "paris", "--json", "-k", "40"].map(str::to_owned).to_vec();
                    if within {
                        arguments.extend(["--within".to_owned(), list.to_owned()]);
                    }
                    if let Some((pattern, _)) = regex {
                        arguments.push(format!("--regex={pattern}"));
                    }
                    if let Some(restrict) = restrict {
                        arguments.push(format!("--restrict={restrict}"));
                    }
                    if let Some(minimum) = minimum {
                        arguments.extend(["--min-cosine".to_owned(), minimum.to_string()]);
                    }
                    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                    let expected = plain_loop(vector("paris"), &["paris"], 40, |row, word, cosine| {
                        (!within || listed.contains(&word))
                            && regex.is_none_or(|(_, first)| first.contains(word.chars().next().unwrap()))
                            && restrict.is_none_or(|restrict| row < restrict)
                            && minimum.is_none_or(|minimum| cosine >= minimum)
                    });
                    assert!(!expected.is_empty());
                    same(&demo(&arguments).only_json(), &expected);
                    // The f32 scan finds the same.
                    same(&demo(&[&arguments[..], &["--exact-scan", "f32"]].concat()).only_json(), &expected);
                }
            }
        }
    }
}

#[test]
fn row_sets_are_in_order_and_each_row_is_in_them_once() {
    let words = ["the", "king", "of", "kings", "kin", "th"];
    let vectors = Vectors::new(words, (0..12).map(|value| value as f32).collect(), 2).unwrap();
    let asked: [&[u8]; 5] = [b"kings", b"King", b"the", b"kings", b""];
    let (listed, without) = RowSet::of_words(&vectors, asked).unwrap();
    assert_eq!((listed.rows(), without), (&[0, 3][..], vec![&b"King"[..], b""]));
    let matching = RowSet::matching(&vectors, |word| word.starts_with(b"kin")).unwrap();
    assert_eq!((matching.rows(), matching.len(), matching.is_empty()), (&[1, 3, 4][..], 3, false));
    assert_eq!((matching.among_first(4), matching.among_first(0)), (&[1, 3][..], &[][..]));
    for (a, b) in [(&listed, &matching), (&matching, &listed)] {
        assert_eq!(a.intersection(b).rows(), [3]);
    }
    assert!(RowSet::matching(&vectors, |_| false).unwrap().intersection(&listed).is_empty());
    assert_eq!(vectors.complete("kin", 2), [1, 3]);
    assert_eq!(vectors.complete("", 9), [0, 1, 2, 3, 4, 5]);
    assert!(vectors.complete("kinga", 9).is_empty());
}

#[test]
fn limits_hold_for_analogies() {
    let folder = Folder::new();
    let list = folder.file("list.txt", "princess\nbread\nrome\n");
    let list = list.to_str().unwrap();
    let asked = ["analogy", "man", "king", "woman", "--json"];
    let answer = demo(&[&asked[..], &["--within", list]].concat()).only_json();
    assert_eq!(words(&answer)[0], "princess");
    assert_eq!(words(&answer).len(), 3);
    let answer = demo(&[&asked[..], &["--within", list, "--method", "mul", "--regex", "^[pb]"]].concat()).only_json();
    assert_eq!(words(&answer), ["princess", "bread"]);
    let answer = demo(&[&asked[..], &["--within", list, "--min-cosine", "0.5"]].concat()).only_json();
    assert_eq!(words(&answer), ["princess"]);
    let mul = demo(&[&asked[..], &["--min-cosine", "0.5", "--method", "mul"]].concat());
    mul.refused(2, "a minimum cosine (0.5) does not apply to 3CosMul, whose scores are not cosines");
}

#[test]
fn words_without_a_row_are_counted_once_and_no_words_at_all_are_an_error() {
    let folder = Folder::new();
    let list = folder.file("list.txt", "queen\nkingg\nbread\nQueen\n");
    let ran = demo(&["nearest", "king", "--within", list.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.lines().count()), (0, 2));
    let told = format!("warning: {}: 2 of 4 words have no row: `kingg`, `Queen`\n", list.display());
    assert_eq!(ran.err, told);
    let ran = demo_fed(&["nearest", "king", "--within", "-"], b"queen\r\nbread");
    assert_eq!((ran.code, ran.out.lines().count(), ran.err.as_str()), (0, 2, ""));

    demo_fed(&["nearest", "king", "--within", "-"], b"kingg\n").refused(2, "none of the 1 words");
    demo_fed(&["nearest", "king", "--within", "-"], b"").refused(2, "--within: none of the 0 words");
    demo(&["nearest", "king", "--within", "nowhere.txt"]).refused(2, "nowhere.txt: cannot open it");
    demo(&["nearest", "king", "--regex", "qqqq"]).refused(2, "`qqqq` matches none of the");
    let both = ["nearest", "king", "--within", "-", "--regex", "^b", "--restrict"];
    let none = "no word satisfies --restrict and --within and --regex";
    demo_fed(&[&both[..], &["1"]].concat(), b"queen\nbread\n").refused(2, none);
    demo(&["nearest", "king", "--restrict", "0"]).refused(2, "--restrict: expected at least 1, found 0");
    // Words are allowed as results, but none is near enough.
    let ran = demo_fed(&["nearest", "king", "--within", "-"], b"king\n");
    ran.refused(1, "no results: only the query words themselves match");
    let ran = demo(&["nearest", "king", "--min-cosine", "0.99"]);
    ran.refused(1, "no results: no word has a cosine of at least 0.99");
    let ran = demo(&["nearest", "king", "--min-cosine", "0.99", "--json"]);
    assert_eq!((ran.code, &ran.json()[0]["neighbours"]), (1, &json!([])));
}

#[test]
fn a_bad_pattern_or_cosine_is_refused_with_its_place() {
    for (pattern, place) in [
        ("(ab", "unclosed group at character 1"),
        ("zürich[", "unclosed character class at character 7"),
        (r"a\p{Foo}", "Unicode property not found at character 2"),
        ("a{5,1}", "at character 2"),
        (r"(?:\pL{1000}){1000}", "expected a smaller regular expression"),
    ] {
        let ran = demo(&["nearest", "king", "--regex", pattern]);
        ran.refused(2, place);
        assert!(ran.err.lines().count() == 1 && ran.err.contains("--regex"), "{ran:?}");
    }
    for cosine in ["1.01", "-2", "nan", "half", ""] {
        demo(&["nearest", "king", "--min-cosine", cosine]).refused(2, "from -1 to 1");
    }
    // Bytes that are not UTF-8 are matched as they are, and matching is case-sensitive unless the pattern says otherwise.
    let folder = Folder::new();
    let path = folder.file("latin.txt", b"caf\xe9 1 0\nCafe 2 1\ntea 3 4\n");
    let answer = |pattern| words(&on(&path, &["nearest", "tea", "--json", "--regex", pattern], b"").only_json());
    assert_eq!(answer("^C"), ["Cafe"]);
    assert_eq!(answer("(?i)^c"), ["Cafe", "caf\u{fffd}"]);
    assert_eq!(answer(r"(?-u)\xe9$"), ["caf\u{fffd}"]);
}

#[test]
fn a_batch_answers_as_single_questions_do() {
    let folder = Folder::new();
    let words = demo_rows();
    let lines: Vec<String> = (0..60)
        .map(|i| {
            let word = |step: usize| &words[(i * step + 17) % words.len()].0;
            match i % 3 {
                0 => word(41).clone(),
                1 => format!("{} -{}", word(7), word(301)),
                _ => format!("-{}\t+{}\t{}", word(113), word(31), word(5)),
            }
        })
        .collect();
    let file = folder.file("questions.txt", lines.join("\n"));
    let limits = ["-k", "7", "--regex", "[aeiou]", "--restrict", "2000", "--json"];
    for more in [&[][..], &["--min-cosine", "0.3"], &["--exact-scan", "f32"]] {
        let asked = [&["nearest", "--batch", file.to_str().unwrap()], &limits[..], more].concat();
        let batch = demo(&asked);
        let single: String = lines
            .iter()
            .map(|line| {
                let mut asked = [&["nearest"], &limits[..], more, &["--"]].concat();
                asked.extend(line.split(['\t', ' ']));
                demo(&asked).out
            })
            .collect();
        assert_eq!(batch.out, single);
    }
    // Also as text, one block per query.
    let batch = demo_fed(&["nearest", "--batch", "-", "-k", "2"], b"king\npalace -king\n");
    let blocks: Vec<&str> = batch.out.split("\n\n").collect();
    assert_eq!((batch.code, batch.err.as_str(), blocks.len()), (0, "", 2));
    for (block, heading) in blocks.iter().zip(["king", "palace -king"]) {
        let single = demo(&[&["nearest", "-k", "2", "--"], &heading.split(' ').collect::<Vec<_>>()[..]].concat());
        let indented: String = single.out.lines().map(|line| format!("\n  {line}")).collect();
        assert_eq!(block.trim_end(), format!("{heading}{indented}"));
    }
}

#[test]
fn more_queries_than_a_slice_keep_their_order() {
    let rows = demo_rows();
    let lines: String = (0..10_000).map(|i| format!("{}\n", rows[i * 7 % rows.len()].0)).collect();
    let folder = Folder::new();
    let file = folder.file("questions.txt", lines);
    let answers = demo(&["nearest", "--batch", file.to_str().unwrap(), "-k", "1", "--json"]).json();
    assert_eq!(answers.len(), 10_000);
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(answer["query"], json!([rows[i * 7 % rows.len()].0]));
    }
}

#[test]
fn a_line_without_a_result_is_reported_in_its_place() {
    let input = b"king\nkingg -man\r\n\nqueen -queen\nqueen\n";
    let ran = demo_fed(&["nearest", "--batch", "-", "-k", "1"], input);
    assert_eq!(ran.code, 1);
    assert!(ran.out.starts_with("king\n  queen") && ran.out.contains("\n\nqueen\n  "), "{ran:?}");
    let told: Vec<&str> = ran.err.lines().collect();
    assert!(
        told[0].starts_with("error: standard input: line 2: `kingg` is not in the vocabulary; did you mean `king`")
    );
    assert!(told[1].starts_with("error: standard input: line 4: ") && told[1].contains("cancel out"));
    assert_eq!(told[2..], ["2 of 4 queries have no result"]);

    let ran = demo_fed(&["nearest", "--batch", "-", "-k", "1", "--json"], input);
    assert_eq!((ran.code, ran.err.as_str()), (1, "2 of 4 queries have no result\n"));
    let answers = ran.json();
    assert_eq!(answers.len(), 4);
    assert_eq!((&answers[1]["line"], &answers[1]["query"]), (&json!(2), &json!(["kingg", "-man"])));
    assert!(answers[1]["error"].as_str().unwrap().contains("`kingg` is not in the vocabulary"));
    assert_eq!(words(&answers[3])[0], words(&demo(&["nearest", "queen", "-k", "1", "--json"]).only_json())[0]);
    // No word near enough counts as no result, too.
    let ran = demo_fed(&["nearest", "--batch", "-", "--min-cosine", "0.9", "--json"], b"king\nbread\n");
    let found: Vec<usize> = ran.json().iter().map(|answer| words(answer).len()).collect();
    assert_eq!((ran.code, found[0]), (if found.contains(&0) { 1 } else { 0 }, 1));
}

#[test]
fn analogies_come_in_batches_by_both_methods() {
    let folder = Folder::new();
    let file = folder
        .file("questions.txt", "man king woman\nfrance paris italy\nman\tking\twoman\nman king\nman kingg woman\n");
    for method in ["add", "mul"] {
        let limits = ["-k", "4", "--method", method, "--json"];
        let ran = demo(&[&["analogy", "--batch", file.to_str().unwrap()], &limits[..]].concat());
        let answers = ran.json();
        assert_eq!((ran.code, answers.len()), (1, 5));
        for (answer, asked) in answers.iter().zip([["man", "king", "woman"], ["france", "paris", "italy"]]) {
            assert_eq!(*answer, demo(&[&["analogy"], &asked[..], &limits[..]].concat()).only_json());
        }
        assert_eq!(answers[2], answers[0]);
        assert_eq!(answers[3]["error"], "analogy: expected three words, found 2");
        assert_eq!(answers[4]["query"], json!(["man", "kingg", "woman"]));
    }
    demo(&["analogy", "a", "b", "c", "--batch", "x"]).refused(2, "--batch");
}

#[test]
fn user_supplied_vectors_are_queries() {
    let folder = Folder::new();
    let rows = demo_rows();
    let vector = |word: &str| &rows.iter().find(|(other, _)| other == word).unwrap().1;
    let text = |values: &[f64], separator: &str| values.iter().map(f64::to_string).collect::<Vec<_>>().join(separator);
    let (king, rome) = (vector("king"), vector("rome"));
    let file = folder.file("vectors.txt", format!("{}\r\n\n {}\n", text(king, " "), text(rome, ", ")));
    let ran = demo(&["nearest", "--vector", file.to_str().unwrap(), "-k", "5", "--json"]);
    let answers = ran.json();
    assert_eq!((ran.code, answers.len()), (0, 2));
    // A vector is not a word: the word it was taken from can be a result.
    same(&answers[0], &plain_loop(king, &[], 5, |_, _, _| true));
    same(&answers[1], &plain_loop(rome, &[], 5, |_, _, _| true));
    assert_eq!(
        (&answers[0]["vector"], &answers[0]["query"], &answers[1]["vector"]),
        (&json!(1), &json!([]), &json!(3))
    );

    // Words are added as unit vectors, vectors as they are.
    let sum: Vec<f64> =
        king.iter().zip(unit(vector("woman"))).zip(unit(vector("man"))).map(|((k, w), m)| k + w - m).collect();
    let asked = ["nearest", "woman", "-man", "--vector", "-", "-k", "5", "--json"];
    let answer = demo_fed(&asked, text(king, "\t").as_bytes()).only_json();
    same(&answer, &plain_loop(&sum, &["woman", "man"], 5, |_, _, _| true));
    let ran = demo_fed(&["nearest", "--not", "man", "woman", "--vector", "-", "-k", "1"], text(king, " ").as_bytes());
    assert!(ran.out.starts_with("vector 1 +woman -man\n  "), "{ran:?}");
}

/// An array in NumPy's format.
fn npy(shape: &str, values: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

#[test]
fn vectors_come_as_arrays_too() {
    let folder = Folder::new();
    let path = folder.file("compass.txt", "a 2 0\nb 3 4\nc -5 0\n");
    let ask = |array: &[u8]| on(&path, &["nearest", "--vector", "-", "--json", "-k", "1"], array);
    let ran = ask(&npy("(2, 2)", &[1.0, 1.0, -3.0, 0.5]));
    let answers = ran.json();
    assert_eq!((ran.code, words(&answers[0]), words(&answers[1])), (0, vec!["b".to_owned()], vec!["c".to_owned()]));
    assert_eq!(answers[1]["vector"], 2);
    assert_eq!(words(&ask(&npy("(2,)", &[1.0, 0.1])).only_json()), ["a"]);
    let file = folder.file("v.npy", npy("(1, 2)", &[1.0, 0.1]));
    let named = on(&path, &["nearest", "--vector", file.to_str().unwrap(), "--json", "-k", "1"], b"");
    assert_eq!(words(&named.only_json()), ["a"]);

    ask(&npy("(1, 3)", &[1.0, 0.1, 2.0])).refused(2, "standard input: expected 2 numbers per vector");
    ask(&npy("(1, 1, 2)", &[1.0, 0.1])).refused(2, "one or two dimensions");
    ask(&npy("(2, 2)", &[1.0, 0.1])).refused(2, "truncated");
    ask(b"\x93NUMPY").refused(2, "truncated");
    // Vectors that cannot be queried are reported, and the others answered.
    let ran = ask(&npy("(3, 2)", &[f32::NAN, 1.0, 0.0, 0.0, 1.0, 0.0]));
    let answers = ran.json();
    assert_eq!((ran.code, &answers[0]["vector"], words(&answers[2])), (1, &json!(1), vec!["a".to_owned()]));
    assert!(answers[0]["error"].as_str().unwrap().contains("finite") && answers[1]["error"].is_string(), "{ran:?}");
}

#[test]
fn an_invalid_vector_is_reported_by_line_and_ends_the_run() {
    let folder = Folder::new();
    let path = folder.file("compass.txt", "a 2 0\nb 3 4\nc -5 0\n");
    for (input, told) in [
        ("1 2\n\n1 2 3\n", "standard input: line 3: expected 2 numbers, found 3"),
        ("1 2\n1\n", "line 2: expected 2 numbers, found 1"),
        ("1 2\n1,,x\n", "line 2, column 4: expected number 2 of 2, found `x`"),
        ("1 2\na 1 2\n", "line 2, column 1: expected number 1 of 2, found `a`"),
    ] {
        let ran = on(&path, &["nearest", "--vector", "-", "-k", "1"], input.as_bytes());
        assert_eq!((ran.code, ran.out.as_str()), (2, "vector 1\n  b  0.9839\n"), "{ran:?}");
        assert!(ran.err.contains(told), "{ran:?}");
    }
    let ran = on(&path, &["nearest", "--vector", "-", "-k", "1"], b"0 0\n1 inf\n1 0\n");
    assert_eq!((ran.code, ran.out.as_str()), (1, "vector 3\n  a  1.0000\n"));
    assert!(
        ran.err.contains("vector 1: the query's terms cancel out")
            && ran.err.contains("vector 2: vector: expected finite"),
        "{ran:?}"
    );
    on(&path, &["nearest", "--vector", "nowhere"], b"").refused(2, "nowhere: cannot open it");
    on(&path, &["nearest", "--vector", "."], b"").refused(2, "cannot read it");
    on(&path, &["nearest", "--batch", "nowhere"], b"").refused(2, "nowhere: cannot open it");
    on(&path, &["nearest", "--batch", "-", "--within", "-"], b"").refused(2, "--within and --batch");
    on(&path, &["nearest", "--batch", "-", "a"], b"").refused(2, "--batch");
    on(&path, &["nearest", "--batch", "-", "-a"], b"").refused(2, "--batch");
    on(&path, &["nearest", "--batch", "-", "--vector", "v"], b"").refused(2, "--vector");
}
