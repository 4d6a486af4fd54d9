//! What fastText answers from the model under `fixtures/`, models written and read again, and what is not a model.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::files::Bytes;

/// A tiny model that fastText trained, and what fastText itself answers from it: `fixtures/make/fasttext_model.py`.
const MODEL: &[u8] = include_bytes!("../../../fixtures/fasttext.8d.bin");
const ANSWERS: &str = include_str!("../../../fixtures/fasttext.8d.json");

type Answers = BTreeMap<String, Vec<f32>>;

/// The vectors of the model's words, and those of words that it lacks.
fn answers() -> (Answers, Answers) {
    let mut parts: BTreeMap<String, Answers> = serde_json::from_str(ANSWERS).unwrap();
    (parts.remove("words").unwrap(), parts.remove("absent").unwrap())
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn subwords(bytes: &[u8], layout: Option<SubwordLayout>) -> Subwords {
    Subwords::new(Arc::new(Bytes::Owned(bytes.to_vec())), layout.unwrap()).unwrap()
}

/// A model to be written byte by byte: what is said of it, and what is in it.
struct Model {
    magic: [u8; 4],
    version: i32,
    dimension: i32,
    model: i32,
    buckets: i32,
    min: i32,
    max: i32,
    entries: i32,
    words: i32,
    labels: i32,
    pruned: i64,
    dictionary: Vec<(&'static [u8], u8)>,
    quantized: u8,
    input: (i64, i64),
    numbers: Vec<f32>,
    quantized_output: u8,
    output: (i64, i64),
    more: usize,
}

impl Model {
    /// Two words and two buckets of two numbers; the n-grams are `<a`, `a>` and `<b`, `b>`.
    fn small() -> Model {
        Model {
            magic: MAGIC,
            version: 12,
            dimension: 2,
            model: SKIPGRAM,
            buckets: 2,
            min: 2,
            max: 2,
            entries: 2,
            words: 2,
            labels: 0,
            pruned: -1,
            dictionary: vec![(b"a", WORD), (b"b", WORD)],
            quantized: 0,
            input: (4, 2),
            numbers: vec![1.0, -1.0, 2.0, -2.0, 30.0, -30.0, 600.0, -600.0],
            quantized_output: 0,
            output: (2, 2),
            more: 0,
        }
    }

    /// The same with labels behind the words, as supervised models have them.
    fn supervised(version: i32) -> Model {
        Model {
            version,
            model: SUPERVISED,
            entries: 4,
            labels: 2,
            dictionary: vec![(b"a", WORD), (b"b", WORD), (b"__label__x", LABEL), (b"__label__y", LABEL)],
            ..Model::small()
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.magic.to_vec();
        let mut put = |number: i32| bytes.extend_from_slice(&number.to_le_bytes());
        [self.version, self.dimension, 5, 5, 1, 5, 1, NEGATIVE_SAMPLING, self.model, self.buckets]
            .into_iter()
            .for_each(&mut put);
        [self.min, self.max, 100].into_iter().for_each(&mut put);
        bytes.extend_from_slice(&1e-4f64.to_le_bytes());
        for number in [self.entries, self.words, self.labels] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&3i64.to_le_bytes());
        bytes.extend_from_slice(&self.pruned.to_le_bytes());
        for (index, (word, kind)) in self.dictionary.iter().enumerate() {
            bytes.extend_from_slice(word);
            bytes.push(0);
            bytes.extend_from_slice(&((self.dictionary.len() - index) as i64).to_le_bytes());
            bytes.push(*kind);
        }
        bytes.push(self.quantized);
        bytes.extend_from_slice(&self.input.0.to_le_bytes());
        bytes.extend_from_slice(&self.input.1.to_le_bytes());
        self.numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes.push(self.quantized_output);
        bytes.extend_from_slice(&self.output.0.to_le_bytes());
        bytes.extend_from_slice(&self.output.1.to_le_bytes());
        bytes.extend_from_slice(&vec![0; 16 + self.more]);
        bytes
    }

    fn parse(&self) -> Result<(Rows, Option<SubwordLayout>), Malformed> {
        parse(&self.bytes(), false)
    }
}

#[test]
fn vectors_are_those_of_fasttext_to_the_last_bit() {
    let (rows, layout) = parse(MODEL, false).unwrap();
    let (words, absent) = answers();
    assert_eq!(layout.map(|layout| (layout.buckets, layout.dimension, layout.min, layout.max)), Some((100, 8, 2, 4)));
    assert_eq!((rows.words.len(), rows.dimension), (words.len(), 8));
    assert!(rows.warnings.is_empty());
    assert_eq!(rows.words.get(0), Some(&b"the"[..]));
    for (word, vector) in rows.words.iter().zip(rows.values.chunks(8)) {
        let word = std::str::from_utf8(word).unwrap();
        assert_eq!(bits(vector), bits(&words[word]), "{word}");
    }
    // Among the words is one without n-grams, whose row is its vector.
    assert!(words.contains_key("</s>"));

    let subwords = subwords(MODEL, layout);
    assert!(absent.len() >= 10);
    for (word, expected) in &absent {
        assert_eq!(bits(&subwords.vector(word.as_bytes()).unwrap()), bits(expected), "{word}");
    }
}

#[test]
fn a_model_written_with_its_ngrams_comes_back() {
    let (rows, layout) = parse(MODEL, false).unwrap();
    let subwords = subwords(MODEL, layout);
    let mut written = Vec::new();
    let words: Vec<&[u8]> = rows.words.iter().collect();
    write(&mut written, words.iter().copied(), &rows.values, 8, Some(&subwords)).unwrap();
    // The same sizes throughout.
    assert_eq!(written.len(), MODEL.len());

    let (again, layout_again) = parse(&written, false).unwrap();
    assert_eq!((&again.words, layout_again), (&rows.words, layout));
    let start = layout.unwrap().start;
    assert_eq!(written[start..start + 100 * 8 * 4], MODEL[start..start + 100 * 8 * 4], "the rows of the n-grams");
    for (value, expected) in again.values.iter().zip(rows.values.iter()) {
        assert!((value - expected).abs() <= 1e-6, "{value} {expected}");
    }
}

#[test]
fn a_model_without_ngrams_is_written_byte_by_byte() {
    let mut written = Vec::new();
    let values = [1.0, -1.0, 2.0, -2.0];
    write(&mut written, [&b"a"[..], b"b"].into_iter(), &values, 2, None).unwrap();
    let expected = Model { buckets: 0, min: 0, max: 0, input: (2, 2), numbers: values.to_vec(), ..Model::small() };
    assert_eq!(written, expected.bytes());
    let (rows, layout) = parse(&written, false).unwrap();
    assert_eq!((&rows.values[..], layout), (&values[..], None));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let reasons: Vec<_> = b"a\0 \t\n\r\x0b\x0c\x80".iter().map(|&byte| unwritable(&[b'w', byte])).collect();
    assert_eq!(reasons.iter().flatten().count(), 7);
    assert_eq!((reasons[0], reasons[8], unwritable(b"")), (None, None, None));

    let (_, layout) = Model::small().parse().unwrap();
    let subwords = subwords(&Model::small().bytes(), layout);
    let refused = |words: &[&'static [u8]], values: &[f32], dimension, subwords| {
        let error = write(&mut Vec::new(), words.iter().copied(), values, dimension, subwords).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        error.to_string()
    };
    assert!(refused(&[b"a", b"b c"], &[0.0; 4], 2, None).contains("word 2 contains a space: `b c`"));
    assert!(refused(&[], &[], 2, None).contains("0 words"));
    assert!(refused(&[b"a"], &[], 0, None).contains("0 dimensions"));
    assert!(refused(&[b"a"], &[0.0; 3], 2, None).contains("1 words, 0 buckets, 2 dimensions and 3 values"));
    assert!(refused(&[b"a"], &[0.0; 3], 3, Some(&subwords)).contains("1 words, 2 buckets, 3 dimensions"));
    assert!(refused(&[b"a"], &[0.0, f32::MAX], 2, Some(&subwords)).contains("the vector of `a` is too large"));
}

#[test]
fn models_of_every_kind() {
    // Rows of different size, so that each vector shows which rows it is made of.
    let buckets = |word: &[u8]| crate::files::subwords::ngrams(word, 2, 2, 2).collect::<Vec<u32>>();
    let mean = |own: f32, word: &[u8]| {
        let ngrams: f32 = buckets(word).iter().map(|&bucket| [30.0, 600.0][bucket as usize]).sum();
        (own + ngrams) * (1.0f32 / 3.0)
    };
    let (a, b) = (mean(1.0, b"a"), mean(2.0, b"b"));
    let start = |model: &Model| model.bytes().len() - 16 - 17 - 16;

    let (rows, layout) = Model::small().parse().unwrap();
    assert_eq!(rows.values[..], [a, -a, b, -b]);
    assert_eq!(layout.unwrap().start, start(&Model::small()));

    let (rows, layout) = Model::supervised(12).parse().unwrap();
    assert_eq!(rows.values[..], [a, -a, b, -b]);
    assert_eq!(rows.words.iter().collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(rows.warnings, ["2 labels of the model were left out: labels have no word vectors"]);
    assert_eq!(layout.unwrap().start, start(&Model::supervised(12)));

    // Old supervised models have no n-grams, old models of other kinds have them.
    let (rows, layout) = Model::supervised(11).parse().unwrap();
    assert_eq!((&rows.values[..], layout), (&[1.0, -1.0, 2.0, -2.0][..], None));
    let (rows, layout) = Model { version: 11, ..Model::small() }.parse().unwrap();
    assert_eq!(rows.values[..], [a, -a, b, -b]);
    assert!(layout.is_some());

    // A model that says no n-grams has none, whatever its buckets are for.
    for (min, max) in [(0, 0), (3, 2)] {
        let (rows, layout) = Model { min, max, ..Model::small() }.parse().unwrap();
        assert_eq!((&rows.values[..], layout), (&[1.0, -1.0, 2.0, -2.0][..], None));
    }

    // An output matrix of any shape, or of none, as long as it is whole.
    assert!(Model { output: (1, 4), ..Model::small() }.parse().is_ok());
    let whole = Model { output: (0, 0), ..Model::small() }.bytes();
    assert!(parse(&whole[..whole.len() - 16], false).is_ok());
}

#[test]
fn what_is_not_a_model_is_refused_and_the_error_says_where() {
    let small = Model::small;
    let ngram_nan = vec![1.0, -1.0, 2.0, -2.0, 30.0, -30.0, f32::NAN, -600.0];
    let cases: Vec<(Model, &str)> = vec![
        (Model { magic: *b"\x64\0\0\0", ..small() }, "byte 0: expected the magic number of a fastText model"),
        (Model { version: 13, ..small() }, "byte 4: expected a fastText model of version 11 or 12, found 13"),
        (Model { version: 10, ..small() }, "found 10"),
        (Model { version: -12, ..small() }, "found -12"),
        (Model { dimension: 0, ..small() }, "byte 8: expected a dimension of at least 1, found 0"),
        (Model { dimension: -2, ..small() }, "byte 8: expected a dimension of at least 1, found -2"),
        (
            Model { dimension: 3, ..small() },
            "an input matrix of 4 rows (2 words, 2 buckets) and 3 columns, found 4 rows and 2",
        ),
        (Model { dimension: i32::MAX, ..small() }, "found 4 rows and 2 columns"),
        (Model { buckets: -1, ..small() }, "byte 40: expected a number of buckets of at least 0, found -1"),
        (Model { buckets: 1, ..small() }, "an input matrix of 3 rows"),
        (Model { buckets: i32::MAX, ..small() }, "an input matrix of 2147483649 rows"),
        (Model { min: -1, ..small() }, "byte 44: expected a minn of at least 0, found -1"),
        (Model { max: -1, ..small() }, "byte 48: expected a maxn of at least 0, found -1"),
        (Model { max: 1025, ..small() }, "expected a minimum and a maximum length of n-grams, at most 1024 characters"),
        (
            Model { buckets: 0, input: (2, 2), numbers: vec![1.0; 4], ..small() },
            "expected rows for n-grams of 2 to 2 characters, found 0 rows of 2 numbers",
        ),
        (Model { entries: 3, ..small() }, "byte 64: expected a dictionary of 2 words and 0 labels, found 3 entries"),
        (Model { words: -1, ..small() }, "byte 68: expected a number of words of at least 0, found -1"),
        (Model { labels: -1, ..small() }, "byte 72: expected a number of labels of at least 0, found -1"),
        (Model { entries: -1, ..small() }, "byte 64: expected a number of entries of at least 0, found -1"),
        (
            Model { entries: i32::MAX, words: i32::MAX, ..small() },
            "expected a dictionary of 2147483647 entries, found only 104 bytes",
        ),
        (
            Model { entries: 0, words: 0, dictionary: vec![], input: (2, 2), numbers: vec![1.0; 4], ..small() },
            "expected words in the dictionary, found none",
        ),
        (
            Model { pruned: 7, ..small() },
            "byte 84: expected a model with all of its n-grams, found a quantized model with 7 of its n-grams",
        ),
        (Model { pruned: 0, ..small() }, "use the .bin or .vec file of the original model"),
        (
            Model { dictionary: vec![(b"a", WORD), (b"b", LABEL)], ..small() },
            "entry 2 of 2 in the dictionary, of kind 0 (0: word, 1: label), found kind 1 for `b`",
        ),
        (
            Model { words: 1, labels: 1, ..small() },
            "byte 113: expected entry 2 of 2 in the dictionary, of kind 1 (0: word, 1: label), found kind 0 for `b`",
        ),
        (
            Model { dictionary: vec![(b"a", WORD), (&[b'x'; MAX_WORD_LENGTH + 1], WORD)], ..small() },
            "byte 103: expected entry 2 of 2 in the dictionary, a word of at most 65536 bytes and a zero, found `xxx",
        ),
        (
            Model { quantized: 1, ..small() },
            "byte 114: expected a fastText model, found a quantized fastText model (.ftz)",
        ),
        (
            Model { quantized: 2, ..small() },
            "byte 114: expected the quantization flag of the input matrix (0 or 1), found 2",
        ),
        (
            Model { quantized_output: 2, ..small() },
            "expected the quantization flag of the output matrix (0 or 1), found 2",
        ),
        (Model { input: (5, 2), ..small() }, "found 5 rows and 2 columns"),
        (Model { input: (-4, 2), ..small() }, "byte 115: expected the input matrix of -4 x 2 numbers"),
        (Model { input: (4, -2), ..small() }, "the input matrix of 4 x -2 numbers"),
        (Model { input: (i64::MAX, i64::MAX), ..small() }, "found only 65 bytes"),
        (Model { input: (1 << 62, 1), ..small() }, "found only 65 bytes"),
        (Model { output: (3, 2), ..small() }, "the output matrix of 3 x 2 numbers, found only 16 bytes"),
        (Model { output: (1, 2), ..small() }, "the end of the file after the output matrix, found 8 more bytes"),
        (Model { more: 1, ..small() }, "the end of the file after the output matrix, found 1 more bytes"),
        (
            Model { numbers: ngram_nan.clone(), ..small() },
            "row 2 (byte 139): expected a finite number (1 of 2), found NaN; set `ReadOptions::allow_nonfinite`",
        ),
    ];
    for (model, said) in cases {
        let error = model.parse().unwrap_err().to_string();
        assert!(error.contains(said), "{error:?} does not say {said:?}");
    }
    let (rows, _) = parse(&Model { numbers: ngram_nan, ..small() }.bytes(), true).unwrap();
    assert_eq!(rows.values.iter().map(|value| value.is_nan()).collect::<Vec<_>>(), [false, false, true, false]);
}

#[test]
fn a_model_cut_short_anywhere_is_refused() {
    for bytes in [Model::small().bytes(), Model::supervised(12).bytes()] {
        assert!(parse(&bytes, false).is_ok());
        for length in 0..bytes.len() {
            let error = parse(&bytes[..length], false).unwrap_err();
            assert!(matches!(error.place, Place::Byte(at) if at <= length as u64), "{length}: {error}");
            assert!(error.to_string().contains("truncated"), "{length}: {error}");
        }
    }
}

proptest! {
    /// Whatever stands in a file: it is refused, or its rows fit together.
    #[test]
    fn damaged_models_do_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        length in any::<prop::sample::Index>(),
        fixture in any::<bool>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = if fixture { MODEL.to_vec() } else { Model::supervised(12).bytes() };
        // Most of a model is numbers; what can go wrong stands before them.
        let head = bytes.len().min(1500);
        for (place, byte) in changes {
            bytes[place.index(head)] = byte;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        if let Ok((rows, layout)) = parse(&bytes, true) {
            prop_assert_eq!(rows.values.len(), rows.words.len() * rows.dimension);
            if layout.is_some() {
                subwords(&bytes, layout).vector("où".as_bytes());
            }
        }
    }
}
