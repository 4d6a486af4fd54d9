//! `vocable train` and `vocable predict`, end to end, and damaged models.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::common::{Folder, Ran, fixture, vocable, vocable_fed};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde_json::{Value, json};
use vocable::classifier::Classifier;

/// Runs `vocable train` with small settings.
fn train(train: &Path, dev: &Path, more: &[&str]) -> Ran {
    let mut all: Vec<OsString> = ["train", "--hidden", "8", "--vectors"].map(OsString::from).into();
    all.extend([fixture("demo.50d.txt").into(), "--train".into(), train.into(), "--dev".into(), dev.into()]);
    if !more.contains(&"--epochs") {
        all.extend(["--epochs", "2"].map(OsString::from));
    }
    all.extend(more.iter().map(OsString::from));
    vocable(all)
}

fn train_demo(more: &[&str]) -> Ran {
    train(&fixture("reviews.train.txt"), &fixture("reviews.dev.txt"), more)
}

/// A model trained on a few lines, once for all tests.
fn small_model() -> &'static [u8] {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = Folder::new();
        let texts = folder.file("texts", "pos a great film\nneg a dull film\nother king and queen\n");
        let out = folder.path("model");
        let ran = train(&texts, &texts, &["--out", out.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        std::fs::read(out).unwrap()
    })
}

fn predict(model: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut all: Vec<OsString> = vec!["predict".into(), model.into()];
    all.extend(arguments.iter().map(OsString::from));
    vocable_fed(all, input)
}

#[test]
fn a_model_is_trained_saved_and_predicts() {
    let folder = Folder::new();
    let test = fixture("reviews.test.txt");
    let mut models: Vec<Vec<u8>> = Vec::new();
    for threads in ["1", "2"] {
        let out = folder.path(threads);
        let ran = train_demo(&[
            "--json",
            "--threads",
            threads,
            "--test",
            test.to_str().unwrap(),
            "--out",
            out.to_str().unwrap(),
        ]);
        let outcome = ran.only_json();
        assert_eq!(outcome["dev"]["texts"], 200);
        assert_eq!(outcome["test"]["texts"], 400);
        assert_eq!(outcome["epochs"].as_array().unwrap().len(), 2);
        assert!(outcome["dev"]["accuracy"].as_f64().unwrap() > 0.5, "{outcome}");
        assert_eq!(outcome["out"], out.to_str().unwrap());
        models.push(std::fs::read(out).unwrap());
    }
    assert!(models[0] == models[1], "the number of threads must not show in the model");

    // One label per line, in the order of the lines; the second is empty, the third has unknown words only.
    let model = folder.path("1");
    let input = b"a wonderful movie\n\nxyzzy qwert\r\na terrible \xff bore";
    let answers = predict(&model, &["--json"], input);
    assert_eq!(answers.code, 0);
    assert!(answers.err.contains("not valid UTF-8"), "{}", answers.err);
    let answers = answers.json();
    assert_eq!(answers.len(), 4);
    for answer in &answers {
        let probabilities = answer["probabilities"].as_object().unwrap();
        assert_eq!(probabilities.keys().collect::<Vec<_>>(), ["neg", "pos"]);
        let [neg, pos] = ["neg", "pos"].map(|label| probabilities[label].as_f64().unwrap());
        assert!((neg + pos - 1.0).abs() < 1e-6, "{answer}");
        assert_eq!(answer["label"], if neg > pos { "neg" } else { "pos" });
    }
    let human = predict(&model, &[], input);
    assert_eq!(human.out.lines().count(), 4);
    for (line, answer) in human.out.lines().zip(&answers) {
        assert!(line.starts_with(&format!("{}\tneg=", answer["label"].as_str().unwrap())), "{line}");
    }
    assert_eq!(predict(&model, &[], b"").out, "", "no lines, no labels");
}

#[test]
fn a_seed_gives_the_same_model_again_and_another_seed_another() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos a great film\nneg a dull film\n");
    let model = |seed: &str| {
        let out = folder.path("out");
        let ran = train(&texts, &texts, &["--seed", seed, "--out", out.to_str().unwrap()]);
        assert_eq!(ran.code, 0, "{ran:?}");
        std::fs::read(out).unwrap()
    };
    let first = model("7");
    assert!(first == model("7"));
    assert!(first != model("8"));
}

#[test]
fn every_embedding_and_shape_trains_and_predicts() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos a great xyzzy film\nneg a dull film\npos\nneg .\n");
    for settings in [
        &["--embedding", "frozen"][..],
        &["--embedding", "oov-only"],
        &["--embedding", "random"],
        &["--bidirectional", "--layers", "2", "--case", "fold", "--batch", "1", "--clip", "0"],
    ] {
        let out = folder.path("out");
        let ran = train(&texts, &texts, &[settings, &["--out", out.to_str().unwrap()]].concat());
        assert_eq!(ran.code, 0, "{settings:?}: {ran:?}");
        let ran = predict(&out, &["--json"], b"a great film\n\n");
        assert_eq!((ran.code, ran.json().len()), (0, 2), "{settings:?}: {ran:?}");
    }
}

#[test]
fn without_a_dev_set_a_tenth_of_the_training_set_is_used() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos a great film\nneg a dull film\n".repeat(10));
    let mut arguments: Vec<OsString> = ["train", "--hidden", "4", "--epochs", "1", "--json"].map(OsString::from).into();
    arguments.extend(["--train".into(), texts.into_os_string()]);
    assert_eq!(vocable(&arguments).only_json()["dev"]["texts"], 2);
    let one = folder.file("one", "pos a great film\n");
    let last = arguments.len() - 1;
    arguments[last] = one.into();
    vocable(&arguments).refused(2, "at least two texts");
}

#[test]
fn unusable_training_data_is_refused() {
    let folder = Folder::new();
    let good = folder.file("good.txt", "pos a great film\nneg a dull film\n");
    let strange = folder.file("strange.txt", "pos a film\n\nmeh a film\n");
    train(&good, &strange, &[])
        .refused(2, "strange.txt: line 3: expected a label of the train set (neg, pos), found `meh`");
    train(&good, &good, &["--test", strange.to_str().unwrap()]).refused(2, "strange.txt: line 3");
    let single = folder.file("single.txt", "pos a film\npos a movie\n");
    train(&single, &single, &[])
        .refused(2, "single.txt: expected texts with at least two labels, found only the label `pos`");
    train(&folder.file("empty.txt", ""), &good, &[]).refused(2, "empty.txt: expected labelled texts, found none");
    train(&folder.path("nowhere.txt"), &good, &[]).refused(2, "nowhere.txt: cannot open it");
    train(&good, &good, &["--label-column", "stars"]).refused(2, "a column `stars`");
    for (option, value) in
        [("--hidden", "0"), ("--lr", "-1"), ("--dropout", "1"), ("--batch", "0"), ("--epochs", "0"), ("--layers", "99")]
    {
        let arguments = ["train", option, value, "--train", good.to_str().unwrap()];
        vocable(arguments).refused(2, value);
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_training() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos a great film\nneg a dull film\n");
    let file = folder.file("file", "");
    let folder_itself = folder.path("a folder");
    std::fs::create_dir(&folder_itself).unwrap();
    for out in [folder.path("nowhere").join("model"), file.join("model"), folder_itself] {
        let ran = train(&texts, &texts, &["--out", out.to_str().unwrap()]);
        ran.refused(2, out.to_str().unwrap());
        // A typing error must not cost hours of training.
        assert!(!ran.err.contains("epoch"), "{}", ran.err);
    }
    let left = std::fs::read_dir(folder.path(".")).unwrap().count();
    assert_eq!(left, 3, "nothing half-written stays behind");
}

#[test]
fn a_model_is_replaced_whole_or_not_at_all() {
    let folder = Folder::new();
    let out = folder.file("model", "something old");
    let good = folder.file("good.txt", "pos a great film\nneg a dull film\n");
    let single = folder.file("single.txt", "pos a film\n");
    train(&single, &good, &["--out", out.to_str().unwrap()]).refused(2, "two labels");
    assert_eq!(std::fs::read(&out).unwrap(), b"something old");
    assert_eq!(train(&good, &good, &["--out", out.to_str().unwrap()]).code, 0);
    assert!(Classifier::open(&out).is_ok());
    assert_eq!(std::fs::read_dir(folder.path(".")).unwrap().count(), 3);
}

#[test]
fn a_text_without_words_has_a_label() {
    let folder = Folder::new();
    let model = folder.file("model", small_model());
    // Alone, so that its batch has no other text.
    let alone = predict(&model, &["--json"], b"\n");
    assert_eq!((alone.code, alone.json().len()), (0, 1), "{alone:?}");
    let batched = predict(&model, &["--json"], b"a great film\n \t \n").json();
    assert_eq!(batched[1], alone.json()[0]);
}

#[test]
fn predict_looks_up_other_words_in_the_given_vectors() {
    let folder = Folder::new();
    let model = folder.file("model", small_model());
    let demo = fixture("demo.50d.txt");
    let asked = |more: &[&str]| {
        let ran = predict(&model, more, b"horse\nxyzzy\n");
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let alone = asked(&[]);
    assert_eq!(alone[0], alone[1], "without vectors both words are unknown");
    let with = asked(&["--vectors", demo.to_str().unwrap()]);
    assert_ne!(with[0], with[1]);
    assert_eq!(with[1], alone[1]);
    let other = folder.file("other.txt", "a 1 2\nb 2 1\n");
    predict(&model, &["--vectors", other.to_str().unwrap()], b"a\n").refused(2, "50");
}

#[test]
fn training_prints_metrics_of_every_split_and_class() {
    let folder = Folder::new();
    let out = folder.path("model");
    let test = fixture("reviews.test.txt");
    let more = ["--test", test.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let ran = train_demo(&more);
    assert_eq!(ran.code, 0, "{ran:?}");
    for said in ["dev    test\n", "weighted F1", "log loss", "calibration error", "test: true \\ predicted"] {
        assert!(ran.out.contains(said), "{said:?} is not in {}", ran.out);
    }
    let outcome = train_demo(&[&more[..], &["--json"]].concat()).only_json();
    for part in ["dev", "test"] {
        let part = &outcome[part];
        let confusion: Vec<Vec<u64>> = serde_json::from_value(part["confusion"].clone()).unwrap();
        let right: u64 = (0..2).map(|class| confusion[class][class]).sum();
        assert_eq!(part["accuracy"], right as f64 / part["texts"].as_f64().unwrap());
        assert_eq!(part["classes"][1]["label"], "pos");
        assert_eq!(part["classes"][0]["texts"], confusion[0].iter().sum::<u64>());
        assert!(part["calibration_error"].is_f64() && part["weighted_f1"].is_f64(), "{part}");
    }

    // The saved model predicts the same for the same texts.
    let measured = predict(&out, &["--json", "--evaluate", test.to_str().unwrap()], b"").only_json();
    assert_eq!(measured, outcome["test"]);
    let human = predict(&out, &["--evaluate", test.to_str().unwrap()], b"");
    assert!(human.out.contains("evaluated: true \\ predicted"), "{human:?}");
}

#[test]
fn a_log_has_a_line_an_epoch() {
    let folder = Folder::new();
    let log = folder.file("log.jsonl", "of an earlier run\n");
    let outcome = train_demo(&["--json", "--batch", "300", "--log", log.to_str().unwrap()]).only_json();
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(json!(lines), outcome["epochs"]);
    assert_eq!(
        json!([lines[0]["epoch"], lines[0]["step"], lines[1]["step"]]),
        json!([1, 3, 6]),
        "800 texts, 300 a step"
    );
    for line in &lines {
        assert!(line["train_loss"].is_f64() && line["lr"] == 1e-3 && line["dev"]["weighted_f1"].is_f64(), "{line}");
        assert!(line["tokens_per_second"].as_f64().unwrap() > 0.0 && line["seconds"].is_f64(), "{line}");
    }

    // The log of a resumed training has the lines of the earlier epochs, too, each once.
    let checkpoint = folder.path("checkpoint");
    let more = ["--json", "--checkpoint", checkpoint.to_str().unwrap(), "--log", log.to_str().unwrap(), "--epochs"];
    train_demo(&[&more[..], &["1"]].concat());
    let outcome = train_demo(&[&more[..], &["2", "--resume"]].concat()).only_json();
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &json!(lines)), (2, &outcome["epochs"]));

    let falling = ["--json", "--schedule", "linear", "--log", log.to_str().unwrap()];
    let epochs = train_demo(&falling).only_json()["epochs"].clone();
    assert!(epochs[0]["lr"].as_f64().unwrap() > epochs[1]["lr"].as_f64().unwrap(), "{epochs}");
    let nowhere = folder.path("nowhere").join("log");
    train_demo(&["--log", nowhere.to_str().unwrap()]).refused(2, "cannot write it");
}

#[test]
fn a_model_is_measured_on_labelled_texts_of_any_form() {
    let folder = Folder::new();
    let model = folder.file("model", small_model());
    let texts = folder.file("texts.tsv", "stars\tbody\npos\ta great film\nneg\ta dull film\n");
    let texts = texts.to_str().unwrap();
    let measured = predict(&model, &["--json", "--evaluate", texts, "--label-column", "stars"], b"").only_json();
    assert_eq!(measured["texts"], 2);
    // A class without texts has no recall, one without predictions no precision.
    let other = &measured["classes"][1];
    assert_eq!((&other["label"], &other["recall"]), (&json!("other"), &Value::Null));
    predict(&model, &["--evaluate", texts], b"").refused(2, "texts.tsv: line 1");
    predict(&model, &["--label-column", "stars"], b"").refused(2, "--evaluate");
    let strange = folder.file("strange.txt", "meh a film\n");
    predict(&model, &["--evaluate", strange.to_str().unwrap()], b"").refused(2, "found `meh`");
}

/// A model file in parts, to be changed and reassembled.
struct Taken {
    header: Value,
    tensors: HashMap<String, (Vec<usize>, Vec<u8>)>,
}

fn taken() -> Taken {
    let bytes = small_model();
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let header = serde_json::from_str(&metadata.metadata().as_ref().unwrap()["vocable"]).unwrap();
    let tensors = SafeTensors::deserialize(bytes).unwrap().tensors();
    let tensors = tensors.into_iter().map(|(name, t)| (name, (t.shape().to_vec(), t.data().to_vec()))).collect();
    Taken { header, tensors }
}

impl Taken {
    fn bytes(&self) -> Vec<u8> {
        let views = self
            .tensors
            .iter()
            .map(|(name, (shape, data))| (name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
        serialize(views, Some(HashMap::from([("vocable".to_owned(), self.header.to_string())]))).unwrap()
    }
}

fn refused(bytes: &[u8]) -> String {
    Classifier::from_bytes(bytes).expect_err("this model must be refused").to_string()
}

#[test]
fn a_model_taken_apart_and_put_together_is_the_same() {
    let again = Classifier::from_bytes(&taken().bytes()).unwrap();
    assert!(again.to_bytes().unwrap() == small_model());
    assert_eq!(again.labels(), ["neg", "other", "pos"]);
}

#[test]
fn a_model_cut_short_anywhere_is_refused() {
    let bytes = small_model();
    for length in (0..bytes.len()).step_by(97).chain([1, 7, 8, 9, bytes.len() - 1]) {
        assert!(refused(&bytes[..length]).contains("safetensors"), "cut to {length} bytes");
    }
    let folder = Folder::new();
    let path: PathBuf = folder.file("cut.model", &bytes[..bytes.len() - 1]);
    predict(&path, &[], b"a film\n").refused(2, "cut.model: expected a model file");
    predict(&fixture("demo.50d.txt"), &[], b"a\n").refused(2, "demo.50d.txt: expected a model file");
    predict(&folder.path("nowhere"), &[], b"a\n").refused(2, "nowhere: cannot open it");
}

#[test]
fn a_model_whose_metadata_was_altered_is_refused() {
    let cases = [
        ("version", json!(3), "version 3"),
        ("version", json!("1"), "metadata"),
        ("embedding", json!("melted"), "melted"),
        ("case", json!("upper"), "upper"),
        ("layers", json!(0), "0 layers"),
        ("layers", json!(2), "l1"),
        ("layers", json!(u64::MAX), "layers"),
        ("bidirectional", json!(true), "head.weight"),
        ("labels", json!([]), "labels"),
        ("labels", json!(["pos"]), "labels"),
        ("labels", json!(["a", "b", "c", "d"]), "head.weight"),
        ("labels", json!(["pos", "neg", "pos"]), "label"),
        ("words", json!(["one"]), "embedding.weight"),
        ("words", json!(null), "metadata"),
    ];
    for (key, value, said) in cases {
        let mut model = taken();
        model.header[key] = value.clone();
        let error = refused(&model.bytes());
        assert!(error.contains(said), "{key} = {value}: {error:?} does not say {said:?}");
    }
    let mut model = taken();
    let words = model.header["words"].as_array_mut().unwrap();
    words[0] = words[1].clone();
    assert!(refused(&model.bytes()).contains("expected distinct words, found duplicates"));
}

#[test]
fn a_model_whose_tensors_do_not_fit_is_refused() {
    let names: Vec<String> = taken().tensors.into_keys().collect();
    for name in &names {
        let mut model = taken();
        model.tensors.remove(name);
        assert!(refused(&model.bytes()).contains(name.as_str()), "without {name}");
        // The same values in another shape.
        let mut model = taken();
        model.tensors.get_mut(name).unwrap().0.insert(0, 1);
        assert!(refused(&model.bytes()).contains(name.as_str()), "{name} of another rank");
        // No values, and a shape whose product overflows.
        for shape in [vec![0], vec![0, 0], vec![0, usize::MAX / 2], vec![usize::MAX / 2, 0]] {
            let mut model = taken();
            model.tensors.insert(name.clone(), (shape, Vec::new()));
            refused(&model.bytes());
        }
    }
}

#[test]
fn a_model_whose_weights_are_not_numbers_is_refused() {
    let mut model = taken();
    model.tensors.get_mut("head.bias").unwrap().1[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(refused(&model.bytes()).contains("head.bias"));
}
