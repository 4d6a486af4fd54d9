//! Vectors of texts, compared with plain code.

use std::collections::HashMap;
use std::sync::Arc;

use crate::common::fixture;
use vocable::Vectors;
use vocable::classifier::{DataOptions, Dataset, TextVectors, Tokenizer, Weighting, WordFrequencies};
use vocable::vectors::Case;

const COUNTS: &[u8] = b"the 50\r\nfilm 30\n\nplot\t15\nthe 5\n";

/// A text's vector, its number of words, and how many of them are unknown.
fn plainly(vectors: &Vectors, text: &str, share: impl Fn(&str, u32) -> Option<f64>) -> (Vec<f32>, usize, usize) {
    let words: Vec<String> = text.split_ascii_whitespace().map(str::to_lowercase).collect();
    let known: Vec<(&String, u32)> = words.iter().filter_map(|word| Some((word, vectors.row_of(word)?))).collect();
    let mean = |component: usize| {
        let weighted = known.iter().map(|&(word, row)| {
            let weight = share(word, row).map_or(1.0, |share| 0.01 / (0.01 + share));
            weight * f64::from(vectors.row(row).unwrap()[component])
        });
        (weighted.sum::<f64>() / known.len() as f64) as f32
    };
    let values = (0..vectors.dimension()).map(|i| if known.is_empty() { 0.0 } else { mean(i) }).collect();
    (values, words.len(), words.len() - known.len())
}

#[test]
fn vectors_are_those_of_plain_code_however_texts_are_cut_into_chunks() {
    let vectors = Arc::new(Vectors::demo().unwrap());
    let data = Dataset::open(fixture("reviews.test.txt"), &DataOptions::default()).unwrap();
    let mut texts: Vec<&str> = data.texts.iter().map(|text| text.text.as_str()).collect();
    texts.extend(["", "zzzzq", "The the FILM", "plot plot film"]);
    let harmonic: f64 = (1..=vectors.len()).map(|rank| 1.0 / rank as f64).sum();
    let counted: HashMap<&str, f64> = [("the", 0.55), ("film", 0.3), ("plot", 0.15)].into();
    type Share<'a> = &'a dyn Fn(&str, u32) -> Option<f64>;
    let by_zipf: Share = &|_, row| Some(1.0 / (f64::from(row + 1) * harmonic));
    let by_counts: Share = &|word, _| Some(counted.get(word).copied().unwrap_or(0.0));
    let ways: [(Weighting, Share); 3] = [
        (Weighting::Mean, &|_, _| None),
        (Weighting::Frequency { a: 0.01, frequencies: WordFrequencies::Zipf }, by_zipf),
        (Weighting::Frequency { a: 0.01, frequencies: WordFrequencies::parse(COUNTS).unwrap() }, by_counts),
    ];
    for (weighting, share) in ways {
        let of = TextVectors::new(Arc::clone(&vectors), Tokenizer::Whitespace, Case::Fold, weighting.clone()).unwrap();
        let together = of.of(&texts);
        for (text, found) in texts.iter().zip(&together) {
            let (values, words, unknown) = plainly(&vectors, text, share);
            assert_eq!((found.words, found.unknown), (words, unknown), "{text:?}");
            let off = found.values.iter().zip(&values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= 1e-6, "{text:?} is off by {off}, {weighting:?}");
        }
        for chunk in [1, 7, 64] {
            let apart: Vec<_> = texts.chunks(chunk).flat_map(|texts| of.of(texts)).collect();
            assert!(apart == together, "chunks of {chunk}, {weighting:?}");
        }
    }
}

#[test]
fn words_composed_of_n_grams_count_as_known() {
    let vectors = Arc::new(Vectors::open(fixture("fasttext.8d.bin")).unwrap());
    let weighting = Weighting::Frequency { a: 1e-3, frequencies: WordFrequencies::Zipf };
    let of = TextVectors::new(Arc::clone(&vectors), Tokenizer::Whitespace, Case::Exact, weighting).unwrap();
    let found = of.of(&["shipbread"]).remove(0);
    assert_eq!(found.values, vectors.vector("shipbread").unwrap().into_owned());
    assert_eq!((found.words, found.unknown), (1, 0));
}

#[test]
fn invalid_counts_and_a_are_refused() {
    let refused = |bytes: &[u8]| WordFrequencies::parse(bytes).unwrap_err().to_string();
    assert_eq!(refused(b"the 5\nfilm\n"), "line 2: expected `WORD COUNT`, found `film`");
    assert_eq!(refused(b"the -5\n"), "line 1: expected `WORD COUNT`, found `the -5`");
    assert_eq!(refused(b""), "expected word counts, one `WORD COUNT` per line, found none");
    assert_eq!(refused(b"the 0\n"), "expected word counts, one `WORD COUNT` per line, found none");
    let vectors = Arc::new(Vectors::demo().unwrap());
    for a in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let weighting = Weighting::Frequency { a, frequencies: WordFrequencies::Zipf };
        let error =
            TextVectors::new(Arc::clone(&vectors), Tokenizer::Unicode, Case::Fold, weighting).unwrap_err().to_string();
        assert!(error.starts_with("parameter a of the frequency weighting: expected a number above 0"), "{error}");
    }
}
