//! Embedding matrices for the vocabularies of other tools.

use std::process::Command;
use std::sync::Arc;

use crate::common::{Folder, vocable};
use serde_json::json;
use vocable::Vectors;
use vocable::files::{parse_vocabulary, save_matrix};
use vocable::nn::{Embedding, EmbeddingMatrix, EmbeddingMatrixOptions, EmbeddingOptions};
use vocable::vectors::Case;

fn words(found: Vec<Option<Vec<u8>>>) -> Vec<Option<String>> {
    found.into_iter().map(|word| word.map(|word| String::from_utf8(word).unwrap())).collect()
}

fn read(text: &str) -> Vec<Option<String>> {
    words(parse_vocabulary(text.as_bytes(), false).unwrap())
}

fn some(words: &[&str]) -> Vec<Option<String>> {
    words.iter().map(|&word| Some(word.to_owned())).collect()
}

#[test]
fn every_form_of_a_vocabulary_gives_the_word_of_each_row() {
    assert_eq!(read("\nthe\nfilm\r\na b"), some(&["", "the", "film", "a b"]));
    // BERT's vocabulary file begins like JSON.
    assert_eq!(read("[PAD]\n[unused0]\nthe\n"), some(&["[PAD]", "[unused0]", "the"]));
    assert_eq!(read(r#"["", "[UNK]", "the"]"#), some(&["", "[UNK]", "the"]));
    assert_eq!(read(r#"{"the": 1, "film": 3}"#), [None, Some("the".into()), None, Some("film".into())]);
    // A word with the name of a key of tokenizer files.
    assert_eq!(read(r#"{"model": 1, "vocab": 0}"#), some(&["vocab", "model"]));
    let tokenizer = r#"{"added_tokens": [{"id": 0, "content": "[PAD]"}, {"id": 3, "content": "<new>"}],
        "model": {"type": "WordLevel", "vocab": {"[PAD]": 0, "the": 1, "film": 2}}}"#;
    assert_eq!(read(tokenizer), some(&["[PAD]", "the", "film", "<new>"]));
    let unigram = r#"{"added_tokens": null, "model": {"vocab": [["<unk>", 0.0], ["the", -2.5]]}}"#;
    assert_eq!(read(unigram), some(&["<unk>", "the"]));
}

#[test]
fn invalid_vocabularies_are_refused() {
    for (text, told) in [
        ("", "no words"),
        ("\n\n", "no words"),
        ("[]", "no words"),
        ("{}", "no words"),
        (r#"["a", 1]"#, "expected a word"),
        (r#"{"a": 0, "b": 0}"#, "`a` and `b` both at 0"),
        (r#"{"a": -1}"#, "an index"),
        (r#"{"a": 1000000000000}"#, "an index below 65537 for `a`"),
        (r#"{"model": {"vocab": 7}}"#, "expected `vocab`"),
        (r#"{"added_tokens": [{"id": 1}], "model": {"vocab": {"a": 0}}}"#, "added token"),
        (r#"{"added_tokens": [{"id": 99999999, "content": "b"}], "model": {"vocab": {"a": 0}}}"#, "an index below"),
    ] {
        let error = parse_vocabulary(text.as_bytes(), false).unwrap_err().to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
    let error = parse_vocabulary(b"[PAD]\nthe", true).unwrap_err().to_string();
    assert!(error.contains("in JSON"), "{error}");
    assert!(parse_vocabulary(b"3", true).is_err());
}

#[test]
fn rows_are_those_of_the_embedding_layer() {
    let vectors = Arc::new(Vectors::demo().unwrap());
    let vocabulary: Vec<Option<Vec<u8>>> = ["<pad>", "xyzzy", "King", "king", "<unk>"]
        .map(|word| Some(word.as_bytes().to_vec()))
        .into_iter()
        .chain([None])
        .collect();
    let special = |word: &str| Some(word.as_bytes().to_vec());
    let options = EmbeddingMatrixOptions {
        pad: special("<pad>"),
        unknown: special("<unk>"),
        seed: 7,
        ..EmbeddingMatrixOptions::default()
    };
    let matrix = EmbeddingMatrix::for_vocabulary(&vectors, &vocabulary, &options).unwrap();
    let row = |index: usize| &matrix.values[index * matrix.dimension..][..matrix.dimension];
    assert_eq!((matrix.rows(), matrix.dimension, matrix.known), (6, 50, 1));
    assert_eq!((&matrix.unknown[..], &matrix.without_word[..]), (&[1, 2][..], &[5][..]));
    assert!(row(0).iter().chain(row(5)).all(|&value| value == 0.0));
    assert_eq!(row(3), vectors.get("king").unwrap());
    assert_eq!(row(4), vectors.unknown_vector());
    // The same random row as in the embedding of another task.
    let embedding =
        Embedding::<f32>::new(&vectors, &["the", "xyzzy"], &EmbeddingOptions { seed: 7, ..Default::default() });
    assert_eq!(row(1), embedding.unwrap().forward(&[3]));

    let folded = EmbeddingMatrixOptions { case: Case::Fold, ..options.clone() };
    let folded = EmbeddingMatrix::for_vocabulary(&vectors, &vocabulary, &folded).unwrap();
    assert_eq!((folded.known, &folded.unknown[..]), (2, &[1][..]));
    assert_eq!(&folded.values[100..150], vectors.get("king").unwrap());

    let lacking = EmbeddingMatrixOptions { pad: special("[PAD]"), ..options.clone() };
    let error = EmbeddingMatrix::for_vocabulary(&vectors, &vocabulary, &lacking).unwrap_err().to_string();
    assert!(error.contains("found `[PAD]`"), "{error}");
    let negative = EmbeddingMatrixOptions { oov_std: -1.0, ..options };
    assert!(EmbeddingMatrix::for_vocabulary(&vectors, &vocabulary, &negative).is_err());
}

#[test]
fn a_matrix_is_written_by_its_name() {
    let folder = Folder::new();
    for name in ["m.txt", "m"] {
        assert!(save_matrix(folder.path(name), &[1.0, 2.0], 1).is_err());
        assert!(!folder.path(name).exists());
    }
    assert!(save_matrix(folder.path("m.npy"), &[1.0, 2.0, 3.0], 2).is_err());
    assert!(save_matrix(folder.path("m.safetensors"), &[], 2).is_err());
    save_matrix(folder.path("m.safetensors"), &[1.0, -2.0], 1).unwrap();
    let bytes = std::fs::read(folder.path("m.safetensors")).unwrap();
    assert!(bytes.ends_with(&[1.0f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat()));
}

#[test]
fn the_program_writes_a_matrix_and_the_unknown_words() {
    let folder = Folder::new();
    let vocabulary = folder.file("vocab.txt", "<pad>\nking\nxyzzy\nqueen\n");
    let (out, list) = (folder.path("m.npy"), folder.path("unknown.txt"));
    let arguments = |more: &[&str]| -> Vec<std::ffi::OsString> {
        let first = ["embedding-matrix".as_ref(), vocabulary.as_os_str(), "--out".as_ref(), out.as_os_str()];
        first.into_iter().map(Into::into).chain(more.iter().map(Into::into)).collect()
    };
    let ran = vocable(arguments(&["--pad", "<pad>", "--json", "--unknown-list", list.to_str().unwrap()]));
    let json = ran.only_json();
    assert_eq!((&json["rows"], &json["known"], &json["unknown"]), (&json!(4), &json!(2), &json!(1)));
    assert_eq!(std::fs::read_to_string(&list).unwrap(), "xyzzy\n");
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    // Read by our own NumPy reader.
    std::fs::write(folder.path("m.words.txt"), "<pad>\nking\nxyzzy\nqueen\n").unwrap();
    let read = Vectors::open(&out).unwrap();
    assert_eq!(read.get("queen"), Vectors::demo().unwrap().get("queen"));
    assert!(read.row(0).unwrap().iter().all(|&value| value == 0.0));

    let ran = vocable(arguments(&[]));
    assert!(
        ran.err.contains("warning: row 0, `<pad>`, is not in the vectors") && ran.err.contains("--pad '<pad>'"),
        "{}",
        ran.err
    );
    assert!(ran.out.contains("4 rows x 50; words in the vectors: 2, out of vocabulary: 2"), "{}", ran.out);
    vocable(arguments(&["--unk", "[UNK]"])).refused(2, "found `[UNK]`");
    vocable(["embedding-matrix", "absent.txt", "--out", "m.tsv"]).refused(2, ".npy or .safetensors");
}

/// The Python code blocks of the documentation.
fn script() -> String {
    let page = include_str!("../docs/reference/embedding-matrix.md");
    page.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
#[ignore = "needs Python with the numpy, torch and safetensors packages"]
fn pytorch_takes_the_matrix() {
    let folder = Folder::new();
    let vocabulary = folder.file("vocab.json", r#"{"king": 1, "xyzzy": 2, "queen": 4, "<unk>": 3, "<pad>": 0}"#);
    for name in ["matrix.npy", "weight.safetensors"] {
        let (vocabulary, out) = (vocabulary.to_str().unwrap(), folder.path(name));
        let ran = vocable([
            "embedding-matrix",
            vocabulary,
            "--out",
            out.to_str().unwrap(),
            "--pad",
            "<pad>",
            "--unk",
            "<unk>",
        ]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let more = "\nimport json, numpy\nprint(json.dumps(embedding(torch.arange(5)).tolist()))
print(json.dumps(numpy.load('matrix.npy').tolist()))";
    let lines = script() + more;
    let ran = Command::new("python3").args(["-c", &lines]).current_dir(folder.path("")).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let vectors = Vectors::demo().unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    assert_eq!(printed.lines().count(), 2);
    for line in printed.lines() {
        let rows: Vec<Vec<f32>> = serde_json::from_str(line).unwrap();
        assert_eq!(rows[0], vec![0.0; 50]);
        assert_eq!(rows[1], vectors.get("king").unwrap());
        assert_eq!(rows[3], vectors.unknown_vector());
        assert_eq!(rows[4], vectors.get("queen").unwrap());
        assert!(rows[2].iter().any(|&value| value != 0.0));
    }
}
