//! `vocable evaluate`: several files and protocols, as JSON and as tables.

use crate::common::{Folder, Ran, glove, rows, vocable};
use serde_json::{Value, json};

/// Runs `vocable evaluate` over vectors with words in several casings.
fn evaluate(folder: &Folder, arguments: &[&str]) -> Ran {
    let table = folder.file(
        "v.txt",
        glove(&rows(&[
            ("paris", &[1.0, 0.0, 0.2]),
            ("france", &[1.0, 1.0, 0.0]),
            ("Rome", &[0.0, 0.1, 1.0]),
            ("rome", &[0.0, 0.2, 1.0]),
            ("Italy", &[0.0, 1.0, 1.0]),
        ])),
    );
    folder.file("q.txt", ": one\nparis france rome italy\nparis france rome Italy\nparis france Oslo norway\n");
    folder.file("p.tsv", "rome\titaly\t9\nparis\tfrance\t8\nparis\tItaly\t2\nrome\tfrance\t2\nparis\toslo\t5\n");
    let named = arguments.iter().map(|&argument| match argument {
        "q.txt" | "p.tsv" | "broken.txt" => folder.path(argument).to_str().unwrap().to_owned(),
        other => other.to_owned(),
    });
    let table = ["--vectors".to_owned(), table.to_str().unwrap().to_owned(), "evaluate".to_owned()];
    vocable(table.into_iter().chain(named))
}

#[test]
fn json_has_an_object_for_each_file_and_protocol() {
    let folder = Folder::new();
    let all = "gensim,word2vec,glove";
    let ran = evaluate(&folder, &["p.tsv", "q.txt", "--protocol", all, "--protocol", "exact", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let answers = ran.json();
    let kinds: Vec<Value> = answers.iter().map(|answer| json!([answer["kind"], answer["protocol"]])).collect();
    let expected = [
        ("pairs", "gensim"),
        ("pairs", "exact"),
        ("analogies", "gensim"),
        ("analogies", "word2vec"),
        ("analogies", "glove"),
    ];
    assert_eq!(kinds, expected.map(|(kind, protocol)| json!([kind, protocol])));

    let gensim = &answers[2];
    assert!(gensim["file"].as_str().unwrap().ends_with("q.txt"));
    assert_eq!(json!([gensim["correct"], gensim["seen"], gensim["total"], gensim["accuracy"]]), json!([2, 2, 3, 1.0]));
    assert_eq!(gensim["sections"], json!([{"section": "one", "correct": 2, "seen": 2, "total": 3}]));
    // Wilson's interval of 2 of 2: its lower end is 2 / (2 + 1.96^2).
    let low = gensim["accuracy_95"][0].as_f64().unwrap();
    assert!((low - 2.0 / (2.0 + 3.8414588206941254)).abs() < 1e-12 && gensim["accuracy_95"][1] == 1.0, "{gensim}");
    assert_eq!(gensim["semantic"]["correct"], 2);
    assert_eq!(
        gensim["syntactic"],
        json!({"correct": 0, "seen": 0, "total": 0, "accuracy": null, "accuracy_95": null})
    );
    // `Italy` has no lower-case row.
    let glove = &answers[4];
    assert_eq!(json!([glove["seen"], glove["accuracy"], glove["accuracy_95"]]), json!([0, null, null]));

    let folded = &answers[0];
    assert_eq!(json!([folded["used"], folded["total"], folded["unknown_percent"]]), json!([4, 5, 20.0]));
    let (low, high) = (folded["spearman_95"][0].as_f64().unwrap(), folded["spearman_95"][1].as_f64().unwrap());
    assert!(low < folded["spearman"].as_f64().unwrap() && folded["spearman"].as_f64().unwrap() <= high);
    assert!(folded["pearson"].is_f64() && folded["pearson_95"].is_array());
    let exact = &answers[1];
    assert_eq!(json!([exact["used"], exact["unknown_percent"], exact["pearson_95"]]), json!([3, 40.0, null]));
}

#[test]
fn tables_set_protocols_side_by_side_and_say_why_they_differ() {
    let folder = Folder::new();
    let ran = evaluate(&folder, &["q.txt", "p.tsv", "--protocol", "gensim,word2vec,glove,exact,gensim"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let words = |start: &str| -> Vec<&str> {
        let line =
            ran.out.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {}", ran.out));
        line.split_whitespace().collect()
    };
    assert_eq!(words("section"), ["section", "gensim", "%", "word2vec", "%", "glove", "%", "total"]);
    assert_eq!(words("one"), ["one", "2/2", "100.00", "2/2", "100.00", "0/0", "-", "3"]);
    assert_eq!(words("syntactic")[3..], ["0/0", "-", "0/0", "-", "0/0", "-", "0"]);
    assert_eq!(words("OOV"), ["OOV", "questions", "1", "33.33", "1", "33.33", "3", "100.00"]);
    assert!(
        ran.out.contains(
            "\nword2vec agrees with gensim on this file. glove compared with gensim: 2 questions with words only in the \
             vocabulary of gensim (2 words found only by case folding)\n"
        ),
        "{}",
        ran.out
    );
    let pairs: Vec<&str> = ran.out.lines().filter(|line| line.contains("p.tsv ")).collect();
    assert!(pairs.len() == 2 && pairs[0].contains("gensim") && pairs[1].contains("exact"), "{}", ran.out);
    let why = "p.tsv: exact compared with gensim: 1 pair with words only in the vocabulary of gensim \
               (1 word found only by case folding); 1 pair read from other rows by case folding\n";
    assert!(ran.out.ends_with(why), "{}", ran.out);

    // A file of word pairs is evaluated in both casings, too; a single protocol has none to differ from.
    let ran = evaluate(&folder, &["p.tsv"]);
    assert!(ran.out.contains("gensim") && ran.out.contains("exact compared with gensim"), "{}", ran.out);
    let ran = evaluate(&folder, &["p.tsv", "q.txt", "--protocol", "gensim"]);
    assert!(!ran.out.contains("compared with") && !ran.out.contains("agrees"), "{}", ran.out);
}

#[test]
fn options_reach_the_protocols_that_have_them() {
    let folder = Folder::new();
    let dummies = evaluate(&folder, &["q.txt", "p.tsv", "--dummy4unknown", "--protocol", "gensim,word2vec", "--json"]);
    let answers = dummies.json();
    assert_eq!(json!([answers[0]["accuracy"], answers[1]["accuracy"]]), json!([2.0 / 3.0, 1.0]));
    assert_eq!(json!([answers[2]["used"], answers[2]["unknown_percent"]]), json!([5, 20.0]));
    let text = evaluate(&folder, &["q.txt", "--dummy4unknown", "--protocol", "gensim,word2vec"]).out;
    assert!(
        text.contains("2/3") && text.contains("gensim counts 1 question with out-of-vocabulary words as wrong"),
        "{text}"
    );
    let few = evaluate(&folder, &["q.txt", "--restrict", "4", "--json"]).only_json();
    assert_eq!(json!([few["seen"], few["rows"]]), json!([0, 4]));
    let none = evaluate(&folder, &["q.txt", "--restrict", "0", "--json"]).only_json();
    assert_eq!(json!([none["seen"], none["rows"]]), json!([2, 5]));
}

#[test]
fn protocols_that_do_not_apply_are_refused() {
    let folder = Folder::new();
    let word2vec = evaluate(&folder, &["p.tsv", "--protocol", "word2vec"]);
    word2vec.refused(2, "p.tsv (word pairs): expected gensim or exact, found word2vec");
    evaluate(&folder, &["q.txt", "--protocol", "exact"]).refused(2, "expected gensim, word2vec or glove, found exact");
    evaluate(&folder, &["p.tsv", "--protocol", "gensim,glove"]).refused(2, "expected gensim or exact for word pairs");
    evaluate(&folder, &["q.txt", "--protocol", "fasttext"]).refused(2, "gensim, word2vec, glove or exact");
    evaluate(&folder, &["q.txt", "--protocol", "glove", "--dummy4unknown"]).refused(2, "--dummy4unknown");
    // With mixed files, each is evaluated by the protocols for its kind.
    let mixed = evaluate(&folder, &["p.tsv", "q.txt", "--protocol", "word2vec,exact", "--json"]);
    assert_eq!((mixed.code, mixed.json().len()), (0, 2));
}

#[test]
fn one_bad_file_does_not_lose_the_others() {
    let folder = Folder::new();
    folder.file("broken.txt", ": one\nparis france rome\n");
    let ran = evaluate(&folder, &["broken.txt", "p.tsv", "nowhere.txt", "q.txt", "--json"]);
    assert_eq!((ran.code, ran.json().len()), (2, 2));
    let errors: Vec<&str> = ran.err.lines().collect();
    assert!(errors.len() == 2 && errors[0].contains("broken.txt: line 2: expected four words"), "{errors:?}");
    assert!(errors[1].contains("nowhere.txt: cannot open it"), "{errors:?}");
    let ran = evaluate(&folder, &["p.tsv", "q.txt", "--protocol", "word2vec", "--json"]);
    assert_eq!((ran.code, ran.json().len()), (2, 1));
}
