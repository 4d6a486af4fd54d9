//! Prediction: words that do not occur in training, texts without words, and very long texts.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use crate::common::{Folder, Ran, fixture, vocable, vocable_fed};
use serde_json::json;
use vocable::Vectors;
use vocable::classifier::{Classifier, DataOptions, Dataset, Prediction, Splits, Tokenizer, TrainOptions, train};
use vocable::nn::{CellKind, EmbeddingMode, Pooling};
use vocable::vectors::Case;

/// A small classifier over the fastText model, whose words have n-grams.
fn classifier(vectors: &Arc<Vectors>, options: TrainOptions) -> Classifier {
    let texts = b"pos the ship and bread\nneg in a Cafe\npos ship ship\nneg in and a\n";
    let data = Dataset::parse(texts, &DataOptions::default(), "texts").unwrap();
    let splits = Splits { train: data.clone(), dev: data, test: None };
    let options = TrainOptions { hidden: 4, epochs: 3, lr: 0.05, ..options };
    train(vectors, &splits, &options, &mut |_| {}).unwrap().classifier
}

fn predict(model: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut all: Vec<OsString> = vec!["predict".into(), model.into()];
    all.extend(arguments.iter().map(OsString::from));
    vocable_fed(all, input)
}

#[test]
fn missing_words_are_composed_of_n_grams() {
    let model = Arc::new(Vectors::open(fixture("fasttext.8d.bin")).unwrap());
    for case in [Case::Exact, Case::Fold] {
        let options = TrainOptions {
            tokenizer: Tokenizer::Whitespace,
            case,
            embedding: EmbeddingMode::Tuned,
            ..TrainOptions::default()
        };
        let classifier = classifier(&model, options);
        let texts = ["the shipbread shipbread and Breadship", "ship", "", "Breadship in breadth"];
        let alone = classifier.predict(&texts);
        let unknown = |predictions: &[Prediction]| predictions.iter().map(|p| p.unknown).collect::<Vec<_>>();
        assert_eq!(unknown(&alone), [3, 0, 0, 2]);
        let mut extended = classifier.clone();
        extended.attach_vectors(&model).unwrap();
        let with = extended.predict(&texts);
        assert_eq!(unknown(&with), [0, 0, 0, 0]);
        assert_ne!(with[0].probabilities, alone[0].probabilities);
        assert_eq!(with[1..3], alone[1..3]);

        // The same as if the file had rows for these words.
        let breadship = if case == Case::Fold { "breadship" } else { "Breadship" };
        let words = ["shipbread", breadship, "breadth"];
        let rows = words.iter().flat_map(|word| model.vector(word).unwrap().into_owned()).collect();
        let mut by_rows = classifier.clone();
        by_rows.attach_vectors(&Arc::new(Vectors::new(words, rows, 8).unwrap())).unwrap();
        let by_rows = by_rows.predict(&texts);
        assert_eq!(unknown(&by_rows), [0, 0, 0, 0]);
        for (made, row) in with.iter().zip(&by_rows) {
            assert_eq!(made, row);
        }
        // Metrics on labelled texts are those of these predictions.
        let data = Dataset::parse(b"pos shipbread\nneg breadth\n", &DataOptions::default(), "texts").unwrap();
        let right = extended.predict(&["shipbread", "breadth"]);
        let right = [right[0].class == 1, right[1].class == 0].into_iter().filter(|right| *right).count();
        assert_eq!(extended.evaluate(&data).unwrap().accuracy(), right as f64 / 2.0);
    }
}

#[test]
fn the_program_says_how_many_words_are_unknown() {
    let folder = Folder::new();
    let model = Arc::new(Vectors::open(fixture("fasttext.8d.bin")).unwrap());
    let path = folder.path("model");
    classifier(&model, TrainOptions::default()).save(&path).unwrap();
    let asked = |more: &[&str]| predict(&path, more, b"The SHIPBREAD, and\n").only_json();
    let alone = asked(&["--json"]);
    assert_eq!((&alone["words"], &alone["unknown"]), (&json!(4), &json!(2)));
    let with = asked(&["--json", "--vectors", fixture("fasttext.8d.bin").to_str().unwrap()]);
    assert_eq!((&with["words"], &with["unknown"]), (&json!(4), &json!(0)));
    assert_ne!(with["probabilities"], alone["probabilities"]);
}

#[test]
fn random_rows_cannot_be_extended() {
    let folder = Folder::new();
    let file = fixture("fasttext.8d.bin");
    let model = Arc::new(Vectors::open(&file).unwrap());
    let path = folder.path("model");
    let options = TrainOptions { embedding: EmbeddingMode::Random, ..TrainOptions::default() };
    classifier(&model, options).save(&path).unwrap();
    predict(&path, &["--vectors", file.to_str().unwrap()], b"ship\n").refused(2, "a model with pretrained rows");
}

#[test]
fn a_text_without_words_is_counted_and_warned_of() {
    let folder = Folder::new();
    let model = Arc::new(Vectors::open(fixture("fasttext.8d.bin")).unwrap());
    let path = folder.path("model");
    let classifier = classifier(&model, TrainOptions::default());
    classifier.save(&path).unwrap();
    let ran = predict(&path, &["--json"], b"ship\n\n \xe2\x80\x8b\t\n");
    assert_eq!(ran.err, "warning: 2 lines have no words; the prediction there does not depend on the text\n");
    let answers = ran.json();
    assert_eq!((&answers[1]["words"], &answers[1]["unknown"]), (&json!(0), &json!(0)));
    assert_eq!(answers[1], answers[2]);
    // The prediction is that of the head alone.
    let bias = classifier.network().head.parameters().into_iter().find(|p| p.name == "bias").unwrap().values.to_vec();
    let odds = 1.0 / (1.0 + f64::from(bias[0] - bias[1]).exp());
    assert!((answers[1]["probabilities"]["pos"].as_f64().unwrap() - odds).abs() < 1e-6);
    assert_eq!(predict(&path, &[], b"ship\n").err, "");
}

#[test]
fn models_cut_texts_as_they_were_trained_to() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos It's a GREAT film!\nneg It isn't great, it's dull.\n");
    let words = |tokenizer: &str| {
        let out = folder.path(tokenizer);
        let mut all: Vec<OsString> =
            ["train", "--hidden", "2", "--epochs", "1", "--tokenizer", tokenizer].map(OsString::from).into();
        all.extend(["--train".into(), texts.clone().into(), "--dev".into(), texts.clone().into()]);
        all.extend(["--out".into(), out.clone().into()]);
        let ran = vocable(all);
        assert_eq!(ran.code, 0, "{ran:?}");
        let model = Classifier::open(&out).unwrap();
        assert_eq!(model.tokenizer().name(), tokenizer);
        // Every word of the training texts has a row.
        let answer = predict(&out, &["--json"], b"It's GREAT, isn't it\n").only_json();
        let mut words: Vec<String> =
            model.vocabulary().iter().map(|word| String::from_utf8(word.to_vec()).unwrap()).collect();
        words.sort_unstable();
        (words.join(" "), json!([answer["words"], answer["unknown"]]))
    };
    assert_eq!(words("whitespace"), ("GREAT It It's a dull. film! great, isn't it's".into(), json!([4, 2])));
    assert_eq!(words("unicode"), ("! , . a dull film great isn't it it's".into(), json!([5, 0])));
    assert_eq!(words("ptb"), ("! 's , . a dull film great is it n't".into(), json!([7, 0])));
}

#[test]
fn long_texts_train_and_predict() {
    let folder = Folder::new();
    let long = "the ship, and bread. ".repeat(5_000);
    let texts = folder.file("texts", format!("pos {long}\nneg in a cafe\n"));
    let out = folder.path("out");
    let mut all: Vec<OsString> = ["train", "--hidden", "2", "--epochs", "1", "--vectors"].map(OsString::from).into();
    all.extend([
        fixture("fasttext.8d.bin").into(),
        "--train".into(),
        texts.clone().into(),
        "--dev".into(),
        texts.into(),
    ]);
    all.extend(["--out".into(), out.clone().into()]);
    let ran = vocable(all);
    assert_eq!(ran.code, 0, "{ran:?}");
    let answer = predict(&out, &["--json"], long.as_bytes()).only_json();
    assert_eq!(answer["words"], 30_000);
}

#[test]
fn the_prediction_of_a_text_does_not_depend_on_other_texts() {
    let vectors = Arc::new(Vectors::demo().unwrap());
    let data = Dataset::open(fixture("reviews.test.txt"), &DataOptions::default()).unwrap();
    let part = |texts: &[_]| Dataset { texts: texts.to_vec(), ..data.clone() };
    let splits = Splits { train: part(&data.texts[..32]), dev: part(&data.texts[..8]), test: None };
    let mut texts: Vec<&str> = data.texts.iter().take(150).map(|text| text.text.as_str()).collect();
    texts.extend(["", "superb", "!", "a\u{a0}b qqqq", "dull dull dull"]);
    let long = texts[..40].join(" ");
    texts.push(&long);
    let plain = TrainOptions { epochs: 1, hidden: 20, ..TrainOptions::default() };
    for options in [
        TrainOptions { hidden: 128, ..plain.clone() },
        TrainOptions { hidden: 97, cell: CellKind::Rnn, ..plain.clone() },
        TrainOptions { bidirectional: true, layers: 2, ..plain.clone() },
        TrainOptions { pooling: Pooling::Mean, hidden: 3, ..plain.clone() },
        TrainOptions { pooling: Pooling::Max, embedding: EmbeddingMode::OneHot, ..plain.clone() },
        // Sums longer than the library's blocks.
        TrainOptions { hidden: 520, ..plain },
    ] {
        let classifier = train(&vectors, &splits, &options, &mut |_| {}).unwrap().classifier;
        let bits = |predictions: Vec<Prediction>| -> Vec<(usize, Vec<u32>)> {
            let bits = |p: &Prediction| p.probabilities.iter().map(|probability| probability.to_bits()).collect();
            predictions.iter().map(|p| (p.class, bits(p))).collect()
        };
        let together = bits(classifier.predict(&texts));
        for chunk in [1, 2, 3, 5, 17, 63, 64, 65] {
            let apart = texts.chunks(chunk).flat_map(|texts| bits(classifier.predict(texts)));
            for (text, (apart, together)) in texts.iter().zip(apart.zip(&together)) {
                assert_eq!(&apart, together, "{text:?} in chunks of {chunk}, {options:?}");
            }
        }
    }
}
