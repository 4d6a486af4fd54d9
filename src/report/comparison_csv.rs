//! The runs of a comparison as CSV.

use crate::compare::Run;
use crate::compare::findings::Findings;
use crate::error::{Error, Result};

/// The finished runs of a comparison, one per row, with a header: name, embedding, vectors, train size, seed, metrics (fractions from 0
/// to 1), and a column for each swept option. Missing values are empty fields. [`csv`] quotes fields where needed.
///
/// # Errors
/// None in practice: writing to memory does not fail.
pub fn comparison_csv(findings: &Findings) -> Result<String> {
    let failed =
        |e: &dyn std::fmt::Display| Error::invalid("comparison", "values that CSV can represent", e.to_string());
    let settings: Vec<&String> = findings.configuration.sweeps.keys().collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = COLUMNS.iter().map(|(name, _)| *name).chain(settings.iter().map(|key| key.as_str()));
    writer.write_record(columns).map_err(|e| failed(&e))?;
    for run in &findings.comparison.runs {
        let values = COLUMNS.iter().map(|(_, value)| value(run));
        let swept = settings.iter().map(|&key| run.settings.get(key).cloned().unwrap_or_default());
        writer.write_record(values.chain(swept)).map_err(|e| failed(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|e| failed(&e))
}

/// A column: its heading and the value of a run.
type Column = (&'static str, fn(&Run) -> String);

const COLUMNS: [Column; 20] = [
    ("run", |run| run.name.clone()),
    ("embedding", |run| run.embedding.name().to_owned()),
    ("vectors", |run| run.vectors.clone()),
    ("train_texts", |run| run.train_texts.to_string()),
    ("seed", |run| run.seed.to_string()),
    ("dev_accuracy", |run| run.dev_accuracy.to_string()),
    ("dev_macro_f1", |run| run.dev_macro_f1.to_string()),
    ("dev_loss", |run| run.dev.loss.to_string()),
    ("dev_calibration_error", |run| run.dev.calibration_error.to_string()),
    ("test_accuracy", |run| optional(run.test_accuracy)),
    ("test_macro_f1", |run| optional(run.test_macro_f1)),
    ("test_loss", |run| optional(run.test.as_ref().map(|test| test.loss))),
    ("test_calibration_error", |run| optional(run.test.as_ref().map(|test| test.calibration_error))),
    ("trainable_parameters", |run| run.trainable_parameters.to_string()),
    ("best_epoch", |run| run.best_epoch.to_string()),
    ("epochs", |run| run.epochs.to_string()),
    ("stop_reason", |run| run.stop_reason.clone()),
    ("words", |run| run.words.to_string()),
    ("known_words", |run| run.known_words.to_string()),
    ("seconds", |run| optional(run.seconds)),
];

fn optional(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
