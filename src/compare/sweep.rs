//! Training options that take several values in one comparison.

use std::fmt;
use std::str::FromStr;

use crate::classifier::TrainOptions;
use crate::error::{Error, Result};

/// A training option that takes several values, as in `lr=1e-3,2e-3`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    key: String,
    values: Vec<String>,
}

/// Sets an option from text and returns its value as run names spell it.
type Set = fn(&mut TrainOptions, &str) -> Option<String>;

/// The options that can be swept, under their names on the command line.
const SETTINGS: [(&str, Set); 20] = [
    ("batch", |o, text| set(&mut o.batch, text)),
    ("clip", |o, text| set_limit(&mut o.clip, text)),
    ("dropout", |o, text| set_number(&mut o.dropout.hidden, text)),
    ("embedding-dropout", |o, text| set_number(&mut o.dropout.embedding, text)),
    ("embedding-lr", |o, text| set_number(o.embedding_lr.insert(0.0), text)),
    ("encoder", |o, text| set(&mut o.cell, text)),
    ("hidden", |o, text| set(&mut o.hidden, text)),
    ("label-smoothing", |o, text| set_number(&mut o.label_smoothing, text)),
    ("layers", |o, text| set(&mut o.layers, text)),
    ("lr", |o, text| set_number(&mut o.lr, text)),
    ("max-norm", |o, text| set_limit(&mut o.max_norm, text)),
    ("optimizer", |o, text| set(&mut o.optimizer, text)),
    ("pooling", |o, text| set(&mut o.pooling, text)),
    ("random-std", |o, text| set_number(o.random_std.insert(0.0), text)),
    ("schedule", |o, text| set(&mut o.schedule, text)),
    ("tokenizer", |o, text| set(&mut o.tokenizer, text)),
    ("unfreeze-after", |o, text| set(&mut o.unfreeze_after, text)),
    ("warmup", |o, text| set_number(&mut o.warmup, text)),
    ("weight-decay", |o, text| set_number(&mut o.weight_decay, text)),
    ("word-dropout", |o, text| set_number(&mut o.dropout.word, text)),
];

fn set<T: FromStr + fmt::Display>(target: &mut T, text: &str) -> Option<String> {
    *target = text.parse().ok()?;
    Some(target.to_string())
}

/// Writes very small and very large numbers with an exponent, since they become part of a name.
fn set_number(target: &mut f64, text: &str) -> Option<String> {
    set(target, text)?;
    let plain = *target == 0.0 || (1e-6..1e9).contains(&target.abs());
    Some(if plain { target.to_string() } else { format!("{target:e}") })
}

/// Sets a limit; 0 means no limit.
fn set_limit(target: &mut Option<f64>, text: &str) -> Option<String> {
    let mut limit = 0.0;
    let name = set_number(&mut limit, text)?;
    *target = (limit != 0.0).then_some(limit);
    Some(name)
}

impl Sweep {
    /// The option, under its name on the command line.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its distinct values, at least one.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    pub(super) fn apply(&self, options: &mut TrainOptions, value: &str) -> Option<String> {
        SETTINGS.iter().find(|(key, _)| *key == self.key).and_then(|(_, set)| set(options, value))
    }
}

impl FromStr for Sweep {
    type Err = Error;

    /// `KEY=VALUE,VALUE,...`
    fn from_str(text: &str) -> Result<Self> {
        let wrong = |expected: String, found: &str| Error::invalid("sweep", expected, format!("`{found}`"));
        let (key, values) = text
            .split_once('=')
            .ok_or_else(|| wrong("an option and its values, as in lr=1e-3,2e-3".to_owned(), text))?;
        let Some((_, set)) = SETTINGS.iter().find(|(known, _)| *known == key) else {
            let known: Vec<&str> = SETTINGS.iter().map(|(key, _)| *key).collect();
            return Err(wrong(format!("one of {}", known.join(", ")), key));
        };
        let mut all: Vec<String> = Vec::new();
        for value in values.split(',') {
            let mut options = TrainOptions::default();
            let value = set(&mut options, value).ok_or_else(|| wrong(format!("a value of {key}"), value))?;
            options.check()?;
            // The same value may be spelled in two ways.
            if all.contains(&value) {
                return Err(wrong(format!("distinct values of {key}"), &value));
            }
            all.push(value);
        }
        Ok(Sweep { key: key.to_owned(), values: all })
    }
}
