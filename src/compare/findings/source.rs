//! The inputs of findings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::types::Split;
use crate::classifier::{LabelledText, Tokenizer};
use crate::compare::configuration::Configuration;
use crate::compare::directory::UnknownWords;
use crate::error::Result;

/// The inputs of findings, apart from the runs.
pub(super) struct Source<'a> {
    pub(super) path: &'a Path,
    pub(super) configuration: &'a Configuration,
    pub(super) scored_on: Split,
    pub(super) labels: &'a [String],
    pub(super) test_texts: &'a [LabelledText],
    pub(super) dev_texts: &'a [LabelledText],
    pub(super) unknown: &'a [UnknownWords],
}

impl Source<'_> {
    /// The out-of-vocabulary words of the dev and test sets, for some vectors and a tokenizer.
    pub(super) fn unknown_words(&self, vectors: &str, tokenizer: Tokenizer) -> BTreeSet<String> {
        let found = self.unknown.iter().find(|all| all.vectors == vectors && all.tokenizer == tokenizer.name());
        found.map(|found| found.words.clone()).unwrap_or_default()
    }

    /// The tokenizer of runs with these swept options.
    pub(super) fn tokenizer(&self, settings: &BTreeMap<String, String>) -> Result<Tokenizer> {
        let default = || self.configuration.options.get("tokenizer").and_then(|name| name.as_str());
        settings.get("tokenizer").map(String::as_str).or_else(default).unwrap_or_default().parse()
    }
}
