//! Movement of words in training, compared with plain arithmetic.

use std::sync::Arc;

use crate::common::fixture;
use vocable::Vectors;
use vocable::classifier::{DataOptions, Dataset, Splits, TrainOptions, train};
use vocable::compare::movement::{ANTONYMS, Movement};
use vocable::nn::EmbeddingMode;
use vocable::vectors::Case;

const WORDS: [&str; 6] = ["good", "bad", "film", "zzyzx", "great", "unmoved"];

fn before() -> Vec<f32> {
    vec![1.0, 0.0, 0.9, 0.1, 0.0, 1.0, 0.1, 0.1, 0.8, 0.3, -2.0, 0.5]
}

fn after() -> Vec<f32> {
    vec![1.2, 0.4, -0.7, 0.6, 0.1, 1.0, -0.9, 0.8, 0.9, 0.4, -2.0, 0.5]
}

fn movement() -> Movement {
    let table = |values| Vectors::new(WORDS, values, 2).unwrap();
    let known = [true, true, true, false, true, true];
    Movement::of(table(before()), table(after()), &[120, 50, 2000, 3, 9, 0], &known).unwrap()
}

fn row(values: &[f32], index: usize) -> [f64; 2] {
    [f64::from(values[2 * index]), f64::from(values[2 * index + 1])]
}

fn cosine(a: [f64; 2], b: [f64; 2]) -> f64 {
    let dot = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn distance(index: usize) -> f64 {
    let (old, new) = (row(&before(), index), row(&after(), index));
    ((new[0] - old[0]).powi(2) + (new[1] - old[1]).powi(2)).sqrt()
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found}, expected {expected}");
}

#[test]
fn the_movement_of_each_word_equals_plain_arithmetic() {
    let movement = movement();
    let all: f64 = (0..6).map(distance).sum();
    for (index, word) in movement.words().iter().enumerate() {
        assert_eq!(word.word, WORDS[index]);
        near(word.distance, distance(index));
        near(word.share, distance(index) / all);
        near(word.cosine.unwrap(), cosine(row(&before(), index), row(&after(), index)));
    }
    let most: Vec<&str> = movement.most_moved(2).iter().map(|word| word.word.as_str()).collect();
    assert_eq!(most, ["bad", "zzyzx"]);
    let unmoved = &movement.words()[5];
    assert_eq!((unmoved.distance, unmoved.share), (0.0, 0.0));
}

#[test]
fn neighbours_are_those_of_a_plain_scan() {
    let movement = movement();
    for (asked, word) in WORDS.iter().enumerate() {
        let found = movement.neighbours(word, 3).unwrap();
        for (found, values) in [(found.before, before()), (found.after, after())] {
            let mut plain: Vec<(f64, &str)> = (0..6)
                .filter(|&index| index != asked)
                .map(|index| (cosine(row(&values, asked), row(&values, index)), WORDS[index]))
                .collect();
            plain.sort_by(|a, b| b.0.total_cmp(&a.0));
            assert_eq!(found.len(), 3);
            for (found, (cosine, word)) in found.iter().zip(plain) {
                assert_eq!(found.word, word);
                near(f64::from(found.cosine), cosine);
            }
        }
    }
    assert!(movement.neighbours("absent", 3).is_err());
}

#[test]
fn antonyms_are_reported_if_the_task_has_both() {
    let told = movement().pair_cosines(&ANTONYMS);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].words, ["good", "bad"]);
    near(told[0].before, cosine(row(&before(), 0), row(&before(), 1)));
    near(told[0].after, cosine(row(&after(), 0), row(&after(), 1)));
    assert!(told[0].after < told[0].before);
}

#[test]
fn oov_rows_frequency_bands_and_checksums() {
    let movement = movement();
    let made = movement.oov_rows(5, 2).unwrap();
    assert_eq!(made.words, 1);
    near(made.norm_before.unwrap(), 0.02f64.sqrt());
    near(made.norm_after.unwrap(), (0.81f64 + 0.64).sqrt());
    let norm = |index| row(&after(), index).iter().map(|value| value * value).sum::<f64>().sqrt();
    near(made.known_norm_after.unwrap(), [0, 1, 2, 4, 5].map(norm).iter().sum::<f64>() / 5.0);
    let (word, nearest) = &made.nearest[0];
    assert_eq!(word, "zzyzx");
    // Among known words only, without the word itself.
    assert_eq!(nearest.iter().map(|near| near.word.as_str()).collect::<Vec<_>>(), ["bad", "unmoved"]);

    let bands: Vec<(usize, Option<usize>, usize)> =
        movement.bands().iter().map(|band| (band.min, band.max, band.words)).collect();
    assert_eq!(bands, [(0, Some(0), 1), (2, Some(9), 2), (10, Some(99), 1), (100, Some(999), 1), (1000, None, 1)]);
    let second = &movement.bands()[1];
    near(second.distance, (distance(3) + distance(4)) / 2.0);
    near(second.share, (distance(3) + distance(4)) / (0..6).map(distance).sum::<f64>());
    near(movement.bands().iter().map(|band| band.share).sum(), 1.0);

    assert!(!movement.checksum(true).unchanged() && !movement.checksum(false).unchanged());
    let table = || Vectors::new(WORDS, before(), 2).unwrap();
    let still = Movement::of(table(), table(), &[1; 6], &[true; 6]).unwrap();
    assert!(still.checksum(true).unchanged());
    assert_eq!((still.checksum(true).rows, still.checksum(false).rows), (6, 0));
    assert!(still.words().iter().all(|word| word.share == 0.0));
    assert!(still.oov_rows(3, 3).unwrap().norm_after.is_none());
}

#[test]
fn inconsistent_rows_are_refused() {
    let table = |words: [&str; 2]| Vectors::new(words, vec![1.0; 4], 2).unwrap();
    assert!(Movement::of(table(["a", "b"]), table(["b", "a"]), &[1; 2], &[true; 2]).is_err());
    assert!(Movement::of(table(["a", "b"]), table(["a", "b"]), &[1; 3], &[true; 2]).is_err());
    assert!(
        Movement::of(table(["a", "b"]), Vectors::new(["a", "b"], vec![1.0; 2], 1).unwrap(), &[1; 2], &[true; 2])
            .is_err()
    );
}

/// In real trainings each embedding changes only the rows that it may change.
#[test]
fn rows_move_where_the_embedding_lets_them() {
    let vectors = Arc::new(Vectors::demo().unwrap());
    let open = |name: &str| Dataset::open(fixture(name), &DataOptions::default()).unwrap();
    let splits = Splits { train: open("reviews.train.txt"), dev: open("reviews.dev.txt"), test: None };
    for (mode, known_moves, made_moves) in [
        (EmbeddingMode::Frozen, false, false),
        (EmbeddingMode::OovOnly, false, true),
        (EmbeddingMode::Tuned, true, true),
        (EmbeddingMode::Random, true, true),
    ] {
        let options =
            TrainOptions { embedding: mode, hidden: 8, epochs: 2, case: Case::Fold, ..TrainOptions::default() };
        let trained = train(&vectors, &splits, &options, &mut |_| {}).unwrap();
        let movement = Movement::of_classifier(&trained.classifier, &vectors, &options, &splits.train).unwrap();
        let (known, made) = (movement.checksum(true), movement.checksum(false));
        assert!(known.rows > 0 && made.rows > 0);
        assert_eq!((!known.unchanged(), !made.unchanged()), (known_moves, made_moves), "{mode}");
        // All tokens of the train set are counted, and words that do not occur in it did not move.
        let counted: usize = movement.words().iter().map(|word| word.count).sum();
        assert_eq!(counted, trained.tokens);
        let unseen: Vec<_> = movement.words().iter().filter(|word| word.count == 0).collect();
        assert!(!unseen.is_empty() && unseen.iter().all(|word| word.distance == 0.0), "{mode}");
        if mode == EmbeddingMode::Frozen {
            assert!(movement.words().iter().all(|word| word.distance == 0.0));
        }
    }
    let options = TrainOptions { embedding: EmbeddingMode::OneHot, hidden: 4, epochs: 1, ..TrainOptions::default() };
    let trained = train(&vectors, &splits, &options, &mut |_| {}).unwrap();
    let refused = Movement::of_classifier(&trained.classifier, &vectors, &options, &splits.train).unwrap_err();
    assert!(refused.to_string().contains("one-hot"), "{refused}");
}
