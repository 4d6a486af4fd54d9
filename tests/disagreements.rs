//! Where two embeddings disagree.

use vocable::Vectors;
use vocable::classifier::Tokenizer;
use vocable::compare::disagreements::{Disagreements, TopClass, marked_words, mean_probabilities, unknown_words};
use vocable::vectors::Case;

#[test]
fn texts_that_only_one_classifies_correctly_are_sorted_by_the_gap() {
    let labels = [0, 1, 1, 0, 1];
    let first = [0.9, 0.1, 0.6, 0.4, 0.3, 0.7, 0.4, 0.6, 0.45, 0.55];
    let second = [0.2, 0.8, 0.1, 0.9, 0.4, 0.6, 0.3, 0.7, 0.99, 0.01];
    let found = Disagreements::of(&first, &second, &labels, 2).unwrap();
    let texts = |side: &[vocable::compare::disagreements::Disagreement]| -> Vec<usize> {
        side.iter().map(|found| found.text).collect()
    };
    // Both are correct on text 2 and wrong on text 3.
    assert_eq!((texts(&found.only_first), texts(&found.only_second)), (vec![0, 4], vec![1]));
    let widest = found.only_first[0];
    assert_eq!(
        (widest.label, widest.first, widest.second),
        (0, TopClass { class: 0, probability: 0.9 }, TopClass { class: 1, probability: 0.8 },)
    );
    assert!((widest.gap - 0.7).abs() < 1e-6 && (found.only_first[1].gap - 0.54).abs() < 1e-6);
    assert!((found.only_second[0].gap - 0.5).abs() < 1e-6);
}

#[test]
fn runs_are_averaged() {
    assert_eq!(mean_probabilities(&[[0.25, 0.75], [0.75, 0.25], [0.5, 0.5]]).unwrap(), [0.5, 0.5]);
    assert_eq!(mean_probabilities(&[[0.1f32, 0.9]]).unwrap(), [0.1, 0.9]);
    assert!(mean_probabilities::<Vec<f32>>(&[]).is_err());
    assert!(mean_probabilities(&[vec![0.5], vec![]]).is_err());
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let half = [0.5f32; 4];
    assert!(Disagreements::of(&half, &half[..2], &[0, 1], 2).is_err());
    assert!(Disagreements::of(&half, &half, &[0, 2], 2).is_err());
    assert!(Disagreements::of(&[], &[], &[0], 0).is_err());
    assert!(Disagreements::of(&[], &[], &[], 2).unwrap().only_first.is_empty());
}

#[test]
fn words_that_the_vectors_lack_are_marked() {
    let vectors = Vectors::new(["film", "good"], vec![1.0; 4], 2).unwrap();
    let marked = |case| -> Vec<(String, bool)> {
        let text = "A Good film , xyzzy";
        let unknown = unknown_words(&[text], &vectors, Tokenizer::Whitespace, case).unwrap();
        let words = marked_words(text, Tokenizer::Whitespace, &unknown);
        words.into_iter().map(|word| (word.word, word.known)).collect()
    };
    let expected = |good| [("A", false), ("Good", good), ("film", true), (",", false), ("xyzzy", false)];
    assert_eq!(marked(Case::Fold), expected(true).map(|(word, known)| (word.to_owned(), known)));
    assert_eq!(marked(Case::Exact), expected(false).map(|(word, known)| (word.to_owned(), known)));
}
