//! `vocable coverage` and its library function, compared with counts by plain code.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::Path;

use crate::common::{Folder, Ran, fixture, gzip, vocable};
use serde_json::{Value, json};
use vocable::Vectors;
use vocable::classifier::{Coverage, CoverageCount, DataOptions, Dataset, Tokenizer, suggest_tokenizer};
use vocable::vectors::Case;

fn coverage(data: &Path, vectors: &str, more: &[&str]) -> Ran {
    let mut all: Vec<OsString> = vec!["coverage".into(), data.into(), "--vectors".into(), fixture(vectors).into()];
    all.extend(more.iter().map(OsString::from));
    vocable(all)
}

/// The words of the demo vectors, read from the file's text.
fn demo_words() -> HashSet<String> {
    let text = std::fs::read_to_string(fixture("demo.50d.txt")).unwrap();
    text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

/// Number of tokens and of words for which `holds` is true.
fn counted(words: &BTreeMap<&str, usize>, holds: impl Fn(&str) -> bool) -> Value {
    let those = words.iter().filter(|(word, _)| holds(word));
    json!({"tokens": those.clone().map(|(_, count)| count).sum::<usize>(), "words": those.count()})
}

#[test]
fn counts_are_those_of_plain_code() {
    let known = demo_words();
    let path = fixture("reviews.train.txt");
    let text = std::fs::read_to_string(&path).unwrap();
    let texts: Vec<Vec<&str>> = text.lines().map(|line| line.split_ascii_whitespace().skip(1).collect()).collect();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    texts.iter().flatten().for_each(|word| *words.entry(word).or_default() += 1);
    let mut lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
    lengths.sort_unstable();

    let answer = coverage(&path, "demo.50d.txt", &["--tokenizer", "whitespace", "--json", "-k", "1000000"]).only_json();
    assert_eq!(answer["tokenizer"], "whitespace");
    assert_eq!(answer["texts"], texts.len());
    assert_eq!(json!({"tokens": answer["tokens"], "words": answer["words"]}), counted(&words, |_| true));
    assert_eq!(answer["exact"], counted(&words, |word| known.contains(word)));
    assert_eq!(answer["unknown"], counted(&words, |word| !known.contains(word)));
    assert_eq!(answer["lower_case"], json!({"tokens": 0, "words": 0}));
    assert_eq!(answer["subwords"], json!({"tokens": 0, "words": 0}));
    assert_eq!((&answer["median_length"], &answer["longest"]), (&json!(lengths[399]), &json!(lengths[799])));

    let listed = answer["unknown_words"].as_array().unwrap();
    let counts: Vec<u64> = listed.iter().map(|word| word["count"].as_u64().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
    let listed: BTreeMap<&str, usize> =
        listed.iter().map(|w| (w["word"].as_str().unwrap(), w["count"].as_u64().unwrap() as usize)).collect();
    words.retain(|word, _| !known.contains(*word));
    assert_eq!(listed, words);
}

#[test]
fn each_word_counts_where_it_is_found_first() {
    let vectors = Vectors::open(fixture("fasttext.8d.bin")).unwrap();
    // `Tromsø` and `ship` have rows, `SHIP` has one in lower case, `shipbread` is composed of n-grams.
    let texts = ["ship Tromsø SHIP ship", "shipbread", ""];
    let found = Coverage::of(&vectors, &texts, Tokenizer::Whitespace, Case::Fold).unwrap();
    let covered = |tokens, words| CoverageCount { tokens, words };
    assert_eq!((found.all, found.exact), (covered(5, 4), covered(3, 2)));
    assert_eq!((found.lower_case, found.subwords, found.unknown), (covered(1, 1), covered(1, 1), covered(0, 0)));
    assert_eq!((found.known(), found.median_length(), found.longest()), (1.0, 1, 4));
    // Looked up exactly, the default of training.
    let found = Coverage::of(&vectors, &texts, Tokenizer::Whitespace, Case::Exact).unwrap();
    assert_eq!((found.lower_case, found.subwords), (covered(0, 0), covered(2, 2)));

    let demo = Vectors::demo().unwrap();
    let found = Coverage::of(&demo, &["The film xyzzy", "xyzzy Film qux"], Tokenizer::Whitespace, Case::Fold).unwrap();
    assert_eq!((found.exact, found.lower_case, found.unknown), (covered(1, 1), covered(2, 2), covered(3, 2)));
    assert_eq!(found.unknown_words, [("xyzzy".to_owned(), 2), ("qux".to_owned(), 1)]);
    assert_eq!(found.known(), 0.5);
}

#[test]
fn all_tokenizers_are_compared() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos It's a fine film, isn't it?\nneg A dull one...\n");
    let answers = coverage(&texts, "demo.50d.txt", &["--tokenizer", "all", "--json"]).json();
    let tokens: Vec<(&str, u64)> =
        answers.iter().map(|a| (a["tokenizer"].as_str().unwrap(), a["tokens"].as_u64().unwrap())).collect();
    assert_eq!(tokens[..3], [("whitespace", 9), ("unicode", 14), ("ptb", 14)]);
    let ran = coverage(&texts, "demo.50d.txt", &["--tokenizer", "all", "-k", "3"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    for said in ["2 texts", "whitespace", "unicode", "ptb", "isn't", "n't", "unknown"] {
        assert!(ran.out.contains(said), "{said}: {}", ran.out);
    }
    // The default tokenizer is `unicode`.
    assert_eq!(coverage(&texts, "demo.50d.txt", &["--json"]).only_json()["tokenizer"], "unicode");
}

#[test]
fn texts_without_labels_are_lines() {
    let folder = Folder::new();
    let lines = b"\xef\xbb\xbfthe film\r\n\r\n caf\xe9 the \nlast";
    for (name, bytes) in [("plain", lines.to_vec()), ("packed", gzip(lines))] {
        let ran = coverage(&folder.file(name, bytes), "demo.50d.txt", &["--unlabelled", "--json"]);
        assert!(ran.err.contains(&format!("{name}: 1 text is not valid UTF-8")), "{}", ran.err);
        let answer = ran.only_json();
        assert_eq!((&answer["texts"], &answer["tokens"], &answer["longest"]), (&json!(3), &json!(6), &json!(3)));
    }
    // In labelled data the first word of a line is the label.
    let labelled = coverage(&folder.file("labelled", "the film\nlast word\n"), "demo.50d.txt", &["--json"]);
    assert_eq!(labelled.only_json()["tokens"], 2);
}

#[test]
fn invalid_input_of_coverage_is_refused() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos a film\n");
    coverage(&folder.path("nowhere"), "demo.50d.txt", &[]).refused(2, "nowhere: cannot open it");
    let empty = folder.file("empty", "\n");
    coverage(&empty, "demo.50d.txt", &[]).refused(2, "empty: expected labelled texts, found none");
    coverage(&empty, "demo.50d.txt", &["--unlabelled"]).refused(2, "empty: expected one text per line, found none");
    coverage(&texts, "demo.50d.txt", &["--tokenizer", "moses"]).refused(2, "unicode, ptb");
    coverage(&texts, "demo.50d.txt", &["--label-column", "stars"]).refused(2, "a column `stars`");
    coverage(&texts, "demo.50d.txt", &["--unlabelled", "--label-column", "stars"]).refused(2, "--unlabelled");
}

#[test]
fn training_suggests_a_better_tokenizer() {
    let demo = Vectors::demo().unwrap();
    let reviews = Dataset::open(fixture("reviews.train.txt"), &DataOptions::default()).unwrap().texts;
    let advised = |texts: &[&str], tokenizer| suggest_tokenizer(&demo, texts, tokenizer, Case::Exact).unwrap();
    // Texts that are tokenized already.
    let cut: Vec<&str> = reviews.iter().map(|text| text.text.as_str()).collect();
    let advice = advised(&cut, Tokenizer::Unicode).unwrap();
    assert!(advice.pre_tokenized && advice.suggested == Tokenizer::Whitespace);
    assert_eq!(advice.known, advice.suggested_known, "these texts have nothing that Unicode's rules cut further");
    assert_eq!(advised(&cut, Tokenizer::Whitespace), None);
    // The same texts in ordinary spelling.
    let raw: Vec<String> = cut.iter().map(|text| text.replace(" ,", ",").replace(" .", ".")).collect();
    let raw: Vec<&str> = raw.iter().map(String::as_str).collect();
    let advice = advised(&raw, Tokenizer::Whitespace).unwrap();
    assert!(!advice.pre_tokenized && advice.suggested != Tokenizer::Whitespace);
    assert!(advice.suggested_known > advice.known + 0.02, "{advice:?}");
    assert_eq!(advised(&raw, Tokenizer::Unicode), None);
    assert_eq!(advised(&[], Tokenizer::Unicode), None);

    let train = |more: &[&str]| {
        let mut all: Vec<OsString> = ["train", "--hidden", "2", "--epochs", "1", "--train"].map(OsString::from).into();
        all.push(fixture("reviews.train.txt").into());
        all.extend(more.iter().map(OsString::from));
        let ran = vocable(all);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.err
    };
    let told = train(&[]);
    assert!(told.contains("looks cut into words already: the vectors know 95.2 %"), "{told}");
    assert!(told.contains("with --tokenizer whitespace"), "{told}");
    assert!(!train(&["--tokenizer", "whitespace"]).contains("--tokenizer"));
}
