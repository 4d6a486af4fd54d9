//! Models exported as ONNX, and imported models. Comparisons with onnxruntime, PyTorch and Keras are in
//! `python/tests`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::common::{Folder, fixture};
use proptest::prelude::*;
use vocable::Vectors;
use vocable::classifier::{
    Classifier, DataOptions, Dataset, ImportOptions, NamedTensor, ONNX_OPSET, Splits, Tokenizer, TrainOptions,
    read_tensors, train,
};
use vocable::nn::{CellKind, EmbeddingMode, Pooling};
use vocable::vectors::Case;

const TEXTS: [&str; 4] = ["a great film", "", "dull , dull xyzzy", "wonderful and never dull"];

fn trained(options: TrainOptions) -> Classifier {
    let lines = b"good a great film\nbad a dull film , and never great\ngood wonderful film .\n";
    let data = Dataset::parse(lines, &DataOptions::default(), "lines").unwrap();
    let splits = Splits { train: data.clone(), dev: data, test: None };
    let vectors = Arc::new(Vectors::open(fixture("demo.50d.txt")).unwrap());
    let options = TrainOptions { hidden: 6, epochs: 2, tokenizer: Tokenizer::Whitespace, ..options };
    train(&vectors, &splits, &options, &mut |_| {}).unwrap().classifier
}

/// The fields of a protobuf message: field number with an integer or bytes.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let length = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let (number, rest) = bytes.split_at(length);
        *bytes = rest;
        number.iter().rev().fold(0, |sum, byte| sum << 7 | u64::from(byte & 0x7f))
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let number = varint(&mut bytes);
        match key & 7 {
            0 => found.push((key >> 3, number, &[][..])),
            2 => {
                let (value, rest) = bytes.split_at(number as usize);
                bytes = rest;
                found.push((key >> 3, number, value));
            }
            other => panic!("wire type {other}"),
        }
    }
    found
}

fn all(message: &[u8], field: u64) -> Vec<&[u8]> {
    fields(message).into_iter().filter(|(number, ..)| *number == field).map(|(.., value)| value).collect()
}

fn names(message: &[u8], field: u64) -> Vec<String> {
    all(message, field).into_iter().map(|name| String::from_utf8(name.to_vec()).unwrap()).collect()
}

/// A model's graph, by the field numbers of `onnx.proto`: inputs of each operator are defined before it, and weights have their stated sizes.
#[test]
fn the_parts_of_an_onnx_file_fit_together() {
    let folder = Folder::new();
    for embedding in EmbeddingMode::ALL.iter().copied() {
        for (cell, layers, pooling) in
            [(CellKind::Lstm, 1, Pooling::Last), (CellKind::Rnn, 2, Pooling::Mean), (CellKind::Lstm, 3, Pooling::Max)]
        {
            for bidirectional in [false, true] {
                let options =
                    TrainOptions { embedding, cell, layers, pooling, bidirectional, ..TrainOptions::default() };
                let classifier = trained(options);
                let path = folder.path("model.onnx");
                classifier.save_onnx(&path).unwrap();
                let file = std::fs::read(&path).unwrap();
                let again = folder.path("again.onnx");
                Classifier::from_bytes(&classifier.to_bytes().unwrap()).unwrap().save_onnx(&again).unwrap();
                assert_eq!(file, std::fs::read(&again).unwrap(), "the same bytes each time");

                let opset = all(&file, 8);
                assert_eq!(fields(opset[0])[0].1, ONNX_OPSET as u64);
                let entries = all(&file, 14);
                let entries: HashMap<String, String> =
                    entries.into_iter().map(|entry| (names(entry, 1).remove(0), names(entry, 2).remove(0))).collect();
                assert_eq!(serde_json::from_str::<Vec<String>>(&entries["labels"]).unwrap(), classifier.labels());
                assert_eq!((entries["tokenizer"].as_str(), entries["case"].as_str()), ("whitespace", "exact"));
                let words: Vec<String> = serde_json::from_str(&entries["words"]).unwrap();
                assert!(words.iter().map(String::as_bytes).eq(classifier.vocabulary().iter()));

                let graphs = all(&file, 7);
                assert_eq!(graphs.len(), 1);
                let graph = graphs[0];
                let mut known: HashSet<String> = HashSet::from(["".to_owned()]);
                for tensor in all(graph, 5) {
                    let found = fields(tensor);
                    let number = |field: u64| found.iter().filter(move |f| f.0 == field).map(|f| f.1);
                    let size = if number(2).next() == Some(1) { 4 } else { 8 };
                    assert_eq!(all(tensor, 9)[0].len() as u64, number(1).product::<u64>() * size);
                    assert!(known.insert(names(tensor, 8).remove(0)));
                }
                let inputs: Vec<String> = all(graph, 11).iter().map(|value| names(value, 1).remove(0)).collect();
                assert_eq!(inputs, ["ids", "lengths"]);
                known.extend(inputs);
                let mut used: HashSet<String> = all(graph, 1).iter().flat_map(|node| names(node, 1)).collect();
                used.insert("".to_owned());
                assert!(known.iter().all(|name| used.contains(name)), "{known:?}");
                for node in all(graph, 1) {
                    names(node, 1).iter().for_each(|input| assert!(known.contains(input), "{input}"));
                    for output in names(node, 2).into_iter().filter(|output| !output.is_empty()) {
                        assert!(known.insert(output));
                    }
                }
                let outputs: Vec<String> = all(graph, 12).iter().map(|value| names(value, 1).remove(0)).collect();
                assert_eq!(outputs, ["logits", "probabilities"]);
                assert!(outputs.iter().all(|output| known.contains(output)));
            }
        }
    }
}

fn options(classifier: &Classifier) -> ImportOptions {
    ImportOptions {
        labels: classifier.labels().to_vec(),
        tokenizer: Tokenizer::Whitespace,
        case: Case::Exact,
        pooling: Pooling::Max,
        pad: Some(b"<pad>".to_vec()),
        unknown: Some(b"<unk>".to_vec()),
    }
}

/// The weights of a model file have PyTorch's names: without the metadata they are a model that was trained elsewhere.
fn weights_of_a_model() -> (Classifier, Vec<NamedTensor>, Vec<Option<Vec<u8>>>) {
    let folder = Folder::new();
    let options = TrainOptions { layers: 2, bidirectional: true, pooling: Pooling::Max, ..TrainOptions::default() };
    let classifier = trained(options);
    let path = folder.path("model.safetensors");
    classifier.save(&path).unwrap();
    let specials = [b"<pad>".to_vec(), b"<unk>".to_vec()];
    let words = specials.into_iter().chain(classifier.vocabulary().iter().map(<[u8]>::to_vec)).map(Some).collect();
    (classifier, read_tensors(&path).unwrap(), words)
}

#[test]
fn weights_without_a_header_predict_the_same() {
    let (classifier, weights, words) = weights_of_a_model();
    let again = Classifier::import(weights.clone(), &words, &options(&classifier)).unwrap();
    assert_eq!(again.predict(&TEXTS), classifier.predict(&TEXTS));
    // A row without a word is left out.
    let mut gap = words.clone();
    gap[2] = None;
    let fewer = Classifier::import(weights, &gap, &options(&classifier)).unwrap();
    assert_eq!(fewer.vocabulary().len(), classifier.vocabulary().len() - 1);
}

#[test]
fn invalid_weight_files_are_refused_by_name() {
    for name in ["demo.50d.txt", "nowhere"] {
        let error = read_tensors(fixture(name)).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

proptest! {
    /// Any shapes are either accepted or refused.
    #[test]
    fn any_shapes_are_accepted_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::collection::vec(0usize..30, 0..4)), 1..4),
        dropped in any::<prop::sample::Index>(),
        drop in any::<bool>(),
    ) {
        thread_local! {
            static MODEL: (Classifier, Vec<NamedTensor>, Vec<Option<Vec<u8>>>) = weights_of_a_model();
        }
        MODEL.with(|(classifier, weights, words)| {
            let mut weights = weights.clone();
            for (index, shape) in changes {
                let tensor = index.get(&weights).clone();
                let values = vec![0.5; shape.iter().product()];
                let place = weights.iter().position(|other| other.name == tensor.name).unwrap();
                weights[place] = NamedTensor { shape, values, ..tensor };
            }
            if drop {
                weights.remove(dropped.index(weights.len()));
            }
            let _ = Classifier::import(weights, words, &options(classifier));
        });
    }
}
