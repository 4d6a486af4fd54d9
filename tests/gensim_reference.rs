//! Compared with gensim 4.4 on the real vectors of `../shared/data`: words, order, cosines and benchmarks; and with the counts of
//! word2vec's and GloVe's own evaluation programs.

use crate::reference::{json, shared};
use serde_json::Value;
use vocable::Vectors;
use vocable::query::{
    AnalogyMethod, AnalogyProtocol, EvaluateOptions, NearestOptions, PairProtocol, Pairs, Questions, RowLimit,
    ScoredRow,
};

const FILES: [&str; 3] = ["glove.6B.50d.head.txt", "glove.50d.unk.txt", "word2vec.50d.bin"];

/// Largest difference of scores.
const TOLERANCE: f32 = 1e-5;

/// Words whose scores differ by less may be in either order.
const TIE: f32 = 1e-6;

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

/// Runs `check` for every file, with its vectors and gensim's results.
fn for_each_file(check: impl Fn(&str, &Vectors, &Value)) {
    let answers = json("reference/gensim.json");
    for file in FILES {
        let vectors = Vectors::open(shared(&format!("data/{file}"))).expect("the file opens");
        check(file, &vectors, &answers[file]);
    }
}

/// Compares a ranking, word by word, with scores; words of almost the same score may have changed places.
fn same_ranking(what: &str, vectors: &Vectors, found: &[ScoredRow], expected: &Value) {
    let expected: Vec<(&str, f32)> =
        expected.as_array().expect("a list").iter().map(|pair| (text(&pair[0]), number(&pair[1]) as f32)).collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, &(word, score))) in found.iter().zip(&expected).enumerate() {
        let close = (found.score - score).abs() < TOLERANCE;
        let found_word = vectors.word(found.row);
        let swapped = || {
            // gensim's scores are rounded to six digits.
            let there = expected.iter().find(|(other, _)| *other == found_word);
            there.is_some_and(|(_, other)| (other - score).abs() < TIE + 1e-6)
        };
        assert!(close, "{what}, place {place}: {found_word} {}, expected {word} {score}", found.score);
        assert!(found_word == word || swapped(), "{what}, place {place}: {found_word}, expected {word}");
    }
}

#[test]
#[ignore = "needs the data and references of ../shared"]
fn files_have_gensims_sizes() {
    for_each_file(|file, vectors, answers| {
        assert_eq!(vectors.len() as f64, number(&answers["rows"]), "{file}");
        assert_eq!(vectors.dimension() as f64, number(&answers["dim"]), "{file}");
        assert_eq!(vectors.load_report().duplicates, 0, "{file}");
    });
}

#[test]
#[ignore = "needs the data and references of ../shared"]
fn nearest_words_are_gensims() {
    for_each_file(|file, vectors, answers| {
        for (word, expected) in answers["nearest"].as_object().expect("words") {
            let found = vectors.nearest(&[word], &[] as &[&str], &NearestOptions::default()).expect("an answer");
            same_ranking(&format!("{file}, {word}"), vectors, &found, expected);
        }
    });
}

#[test]
#[ignore = "needs the data and references of ../shared"]
fn similarities_are_gensims() {
    for_each_file(|file, vectors, answers| {
        for pair in answers["similarity"].as_array().expect("pairs") {
            let (a, b, expected) = (text(&pair[0]), text(&pair[1]), number(&pair[2]) as f32);
            let found = vectors.similarity(a, b).expect("an answer");
            assert!((found - expected).abs() < TOLERANCE, "{file}, {a} {b}: {found}, expected {expected}");
        }
    });
}

#[test]
#[ignore = "needs the data and references of ../shared"]
fn analogies_are_gensims_by_both_methods() {
    for_each_file(|file, vectors, answers| {
        for (method, key) in [(AnalogyMethod::Add, "analogy_3cosadd"), (AnalogyMethod::Mul, "analogy_3cosmul")] {
            for question in answers[key].as_array().expect("questions") {
                let [a, b, c] = [0, 1, 2].map(|index| text(&question[index]));
                let k = question[3].as_array().expect("answers").len();
                let options = NearestOptions { k, ..NearestOptions::default() };
                let found = vectors.analogy(a, b, c, method, &options).expect("an answer");
                same_ranking(&format!("{file}, {key} {a} {b} {c}"), vectors, &found, &question[3]);
            }
        }
    });
}

#[test]
#[ignore = "needs the data and references of ../shared"]
fn odd_ones_out_are_gensims() {
    for_each_file(|file, vectors, answers| {
        for question in answers["odd_one_out"].as_array().expect("questions") {
            let words: Vec<&str> = question[0].as_array().expect("words").iter().map(text).collect();
            let odd = words[vectors.odd(&words).expect("an answer")];
            assert_eq!(odd, text(&question[1]), "{file}, {words:?}");
        }
    });
}

fn questions_words() -> Questions {
    Questions::parse(&std::fs::read(shared("data/questions-words.txt")).expect("the file")).expect("the questions")
}

#[test]
#[ignore = "needs the data and references of ../shared"]
fn the_analogy_benchmark_counts_as_gensim_does() {
    let questions = questions_words();
    for_each_file(|file, vectors, answers| {
        let expected = &answers["analogies_gensim"];
        let options = EvaluateOptions::default();
        let outcome = vectors.evaluate_analogies(&questions, AnalogyProtocol::Gensim, &options).expect("an outcome");
        for section in &outcome.sections {
            // The reference leaves out one section.
            let Some(counts) = expected["sections"].get(&section.name) else { continue };
            let found = [section.count.correct, section.count.seen];
            assert_eq!(found.map(|n| n as f64), [number(&counts[0]), number(&counts[1])], "{file}, {}", section.name);
        }
        let all = outcome.all();
        let counts = &expected["sections"]["Total accuracy"];
        assert_eq!([all.correct, all.seen].map(|n| n as f64), [number(&counts[0]), number(&counts[1])], "{file}");
        assert_eq!(all.total, 19_544);
        assert!((all.accuracy() - number(&expected["accuracy"])).abs() < 1e-12);
    });
}

#[test]
#[ignore = "needs the data and references of ../shared"]
fn the_pair_benchmark_correlates_as_gensim_does() {
    let pairs = Pairs::parse(&std::fs::read(shared("data/simlex999.txt")).expect("the file")).expect("the pairs");
    for_each_file(|file, vectors, answers| {
        let expected = &answers["simlex999.txt"];
        let options = EvaluateOptions::default();
        let outcome = vectors.evaluate_pairs(&pairs, PairProtocol::Gensim, &options).expect("an outcome");
        assert_eq!(outcome.total, 999);
        for (name, found, tolerance) in [
            ("pearson", outcome.pearson, 1e-6),
            ("spearman", outcome.spearman, 1e-6),
            ("oov_percent", outcome.unknown_percent(), 1e-9),
        ] {
            let expected = number(&expected[name]);
            assert!((found - expected).abs() < tolerance, "{file}, {name}: {found}, expected {expected}");
        }
    });
}

/// The output of `compute-accuracy word2vec.50d.bin N < questions-words.txt`, with word2vec from its authors' repository.
#[test]
#[ignore = "needs the data of ../shared"]
fn the_analogy_benchmark_counts_as_word2vec_does() {
    let questions = questions_words();
    let vectors = Vectors::open(shared("data/word2vec.50d.bin")).expect("the file opens");
    // Rows; seen; correct and seen of the last section; total, semantic and syntactic percentages.
    for (restrict, seen, last, percent) in [
        (RowLimit::All, 7643, [15, 552], ["1.79", "6.19", "1.07"]),
        (RowLimit::First(5000), 2000, [15, 182], ["5.15", "30.00", "3.28"]),
    ] {
        let options = EvaluateOptions { restrict, ..EvaluateOptions::default() };
        let outcome = vectors.evaluate_analogies(&questions, AnalogyProtocol::Word2vec, &options).expect("an outcome");
        let section = outcome.sections.last().expect("a section").count;
        assert_eq!((outcome.all().seen, outcome.all().total, [section.correct, section.seen]), (seen, 19_544, last));
        let found = [outcome.all(), outcome.semantic(), outcome.syntactic()];
        assert_eq!(found.map(|count| format!("{:.2}", 100.0 * count.accuracy())), percent);
    }
}

/// The counts of GloVe's `eval/python/evaluate.py`, with its loop over files changed to one over sections.
#[test]
#[ignore = "needs the data of ../shared"]
fn the_analogy_benchmark_counts_as_glove_does() {
    let vectors = Vectors::open(shared("data/glove.50d.unk.txt")).expect("the file opens");
    let outcome = vectors
        .evaluate_analogies(&questions_words(), AnalogyProtocol::Glove, &EvaluateOptions::default())
        .expect("an outcome");
    let right: Vec<usize> = outcome.sections.iter().map(|section| section.count.correct).collect();
    assert_eq!(right, [2, 1, 0, 8, 47, 1, 0, 7, 5, 0, 4, 7, 1, 1]);
    let seen: Vec<usize> = outcome.sections.iter().map(|section| section.count.seen).collect();
    assert_eq!(seen, [132, 163, 18, 530, 240, 870, 342, 1056, 650, 650, 848, 992, 600, 552]);
}

/// Results of gensim 4.4's `evaluate_word_pairs` and `evaluate_word_analogies` with settings other than the defaults.
#[test]
#[ignore = "needs the data of ../shared"]
fn settings_are_gensims() {
    let vectors = Vectors::open(shared("data/word2vec.50d.bin")).expect("the file opens");
    let pairs = Pairs::parse(&std::fs::read(shared("data/wordsim353.tsv")).expect("the file")).expect("the pairs");
    let exact = PairProtocol::Exact;
    // Pearson, Spearman, percent unknown.
    for (protocol, restrict, dummy4unknown, expected) in [
        (
            PairProtocol::Gensim,
            RowLimit::Protocol,
            false,
            [0.15337039955810244, 0.17762908906263497, 18.13031161473088],
        ),
        (
            PairProtocol::Gensim,
            RowLimit::Protocol,
            true,
            [-0.03585014172115005, 0.03318545278792968, 18.13031161473088],
        ),
        (
            PairProtocol::Gensim,
            RowLimit::First(5000),
            false,
            [0.23625495514102854, 0.2305384240112813, 54.95750708215298],
        ),
        (exact, RowLimit::Protocol, false, [0.12036089286366107, 0.14020716076088727, 21.246458923512748]),
        (exact, RowLimit::Protocol, true, [-0.05611924438747291, -0.010911566443989629, 21.246458923512748]),
    ] {
        let options = EvaluateOptions { restrict, dummy4unknown };
        let outcome = vectors.evaluate_pairs(&pairs, protocol, &options).expect("an outcome");
        // All 353 lines count, including a repeated pair.
        assert_eq!(outcome.total, 353);
        for (found, expected) in [outcome.pearson, outcome.spearman, outcome.unknown_percent()].iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{options:?}: {found}, expected {expected}");
        }
    }
    let options = EvaluateOptions { dummy4unknown: true, ..EvaluateOptions::default() };
    let outcome =
        vectors.evaluate_analogies(&questions_words(), AnalogyProtocol::Gensim, &options).expect("an outcome");
    assert!((outcome.all().accuracy() - 0.007009823986901351).abs() < 1e-12);
}

#[test]
#[ignore = "needs the data of ../shared"]
fn words_that_are_not_utf8_stay_loadable_and_apart() {
    let vectors = Vectors::open(shared("data/glove.6B.50d.head.cp1252.txt")).expect("the file opens");
    let utf8 = Vectors::open(shared("data/glove.6B.50d.head.txt")).expect("the file opens");
    assert_eq!((vectors.len(), vectors.non_utf8_words()), (2445, 5));
    assert_eq!(vectors.load_report().duplicates, 0);
    assert_eq!(vectors.values(), utf8.values());
    let other: Vec<u32> =
        (0..2445).filter(|&row| std::str::from_utf8(vectors.vocabulary().word(row).expect("a row")).is_err()).collect();
    for row in other {
        let word = vectors.vocabulary().word(row).expect("a row");
        assert_eq!(vectors.row_of(word), Some(row));
    }
}

#[test]
#[ignore = "needs the data of ../shared"]
fn the_unknown_vector_is_gloves_own_row_where_there_is_one() {
    let with = Vectors::open(shared("data/glove.50d.unk.txt")).expect("the file opens");
    assert_eq!(with.unknown_vector(), with.get("<unk>").expect("a row"));
    assert_eq!(with.row_of("<unk>"), Some(20_331));
    let without = Vectors::open(shared("data/glove.6B.50d.head.txt")).expect("the file opens");
    let mean: f32 = without.iter().map(|(_, row)| row[0]).sum::<f32>() / 2445.0;
    assert!((without.unknown_vector()[0] - mean).abs() < 1e-5);
}
