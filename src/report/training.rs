//! The outcome of training, for the terminal.

use super::metrics::metrics;
use super::table::key_values;
use super::text::thousands;
use crate::classifier::TrainingOutcome;

/// The best epoch, sizes and speed of a training run, and its metrics on the dev and test sets.
pub fn training(trained: &TrainingOutcome) -> String {
    let (words, known) = (trained.train_words, trained.known_train_words);
    let speed = thousands(trained.tokens_per_second() as usize);
    let facts = key_values([
        ("best epoch".to_owned(), format!("{} of {}", trained.best_epoch, trained.history.len())),
        ("words".to_owned(), format!("{known} of {words} in the vectors")),
        ("trainable parameters".to_owned(), thousands(trained.trainable_parameters)),
        ("seconds".to_owned(), format!("{:.1} ({speed} tokens/s)", trained.seconds)),
    ]);
    let mut sets = vec![("dev", &trained.dev)];
    sets.extend(trained.test.as_ref().map(|test| ("test", test)));
    format!("{facts}\n{}", metrics(trained.classifier.labels(), &sets))
}
