//! What the results of a comparison show, in numbers and sentences. The terminal, the page, Markdown, CSV and JSON all report from
//! [`Findings`].
//!
//! [`Findings`] are read from the directory of a comparison alone, without the vectors and the texts. Accuracies, probabilities and
//! shares are fractions from 0 to 1; epochs are counted from 1.

mod group;
mod source;
mod types;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use self::source::Source;
pub use self::types::*;
pub use super::configuration::{Configuration, TextFile, TextFiles, VectorsFile};
use super::directory::{RunDirectory, load, read_configuration, read_dev_texts, read_unknown_words};
use super::plan::Plan;
use super::records::altered;
use super::results::{Comparison, Run};
use super::runner::{Event, RunOptions, compare};
use crate::error::{Error, Result};

/// What the results of a comparison show.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// The finished runs, without predictions, and the number of planned runs. In JSON its fields `planned`, `embeddings` and `runs`
    /// are at the top level.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The inputs and options of the comparison.
    pub configuration: Configuration,
    /// The set that scores are measured on: the test set, or the dev set if there is no test set.
    pub scored_on: Split,
    /// The labels, in the class order of confusion matrices and probabilities.
    pub labels: Vec<String>,
    /// The results for each combination of vectors, swept options and train size, in the order of the runs; combinations without a
    /// finished run are omitted.
    pub groups: Vec<Group>,
    /// Scores by train size; empty if there is only one size.
    pub size_curves: Vec<SizeCurve>,
}

impl Findings {
    /// Does the runs of a plan that are not done yet and reads their findings. The runs are stored in the directory `path`, or in a
    /// temporary one. `observe` receives every event, as in [`compare`].
    ///
    /// # Errors
    /// As [`RunDirectory::open`], [`compare`] and [`Findings::read`].
    pub fn of(
        plan: &Plan,
        path: Option<&Path>,
        options: &RunOptions,
        observe: &(dyn Fn(Event) -> ControlFlow<()> + Sync),
    ) -> Result<Findings> {
        let Some(path) = path else {
            let place = std::env::temp_dir();
            let folder = tempfile::tempdir_in(&place).map_err(|e| Error::io(&place, "make a folder in it", e))?;
            // A temporary directory cannot be resumed, so it needs no checkpoints.
            let options = RunOptions { checkpoint_every: Duration::MAX, ..*options };
            return Findings::of(plan, Some(folder.path()), &options, observe);
        };
        let directory = RunDirectory::open(path, plan)?;
        compare(plan, Some(&directory), options, observe)?;
        Findings::read(path)
    }

    /// Reads the findings of a comparison from its directory. The comparison need not be finished.
    ///
    /// # Errors
    /// The directory does not hold a comparison, or its files were altered.
    pub fn read(path: impl AsRef<Path>) -> Result<Findings> {
        let path = path.as_ref();
        let configuration = read_configuration(path)?;
        let comparison = load(path)?;
        let labels = comparison.runs.first().map(|run| run.labels.clone()).unwrap_or_default();
        let scored_on = if configuration.texts.test.is_some() { Split::Test } else { Split::Dev };
        for run in &comparison.runs {
            let texts = run.predictions.as_ref().map_or(0, |predictions| predictions.gold.len());
            let scored = scored_on.metrics(run).is_some_and(|metrics| metrics.texts() > 0);
            if run.labels != labels || texts != comparison.test_texts.len() || !scored {
                let expected = "the same labels and texts in all runs";
                return Err(altered(path, expected, format!("others in run {}", run.name)));
            }
        }
        let source = Source {
            path,
            configuration: &configuration,
            scored_on,
            labels: &labels,
            test_texts: &comparison.test_texts,
            dev_texts: &read_dev_texts(path)?,
            unknown: &read_unknown_words(path)?,
        };
        let mut groups = Vec::new();
        for runs in comparison.runs.chunk_by(|a, b| all_but_embedding(a) == all_but_embedding(b)) {
            groups.extend(Group::of(runs, &source)?);
        }
        let size_curves = if configuration.train_sizes.len() > 1 { size_curves(&groups) } else { Vec::new() };
        let comparison = comparison.without_predictions();
        Ok(Findings { comparison, configuration, scored_on, labels, groups, size_curves })
    }
}

fn all_but_embedding(run: &Run) -> (&str, &BTreeMap<String, String>, usize) {
    (&run.vectors, &run.settings, run.train_texts)
}

/// The scores of groups that differ in train size alone, as curves.
fn size_curves(groups: &[Group]) -> Vec<SizeCurve> {
    let of = |groups: &[Group]| -> Option<SizeCurve> {
        let first = groups.first()?;
        let mut groups_by_size: Vec<&Group> = groups.iter().collect();
        groups_by_size.sort_by_key(|group| group.train_texts);
        let mut variants: Vec<SizeSeries> = Vec::new();
        for variant in groups.iter().flat_map(|group| &group.embeddings) {
            if !variants.iter().any(|series| series.embedding == variant.embedding) {
                variants.push(SizeSeries { embedding: variant.embedding, points: Vec::new() });
            }
        }
        for series in &mut variants {
            let of_size = |group: &&Group| {
                let variant = group.embeddings.iter().find(|variant| variant.embedding == series.embedding)?;
                Some(SizePoint { train_texts: group.train_texts, score: variant.score })
            };
            series.points = groups_by_size.iter().filter_map(of_size).collect();
        }
        Some(SizeCurve { vectors: first.vectors.clone(), settings: first.settings.clone(), embeddings: variants })
    };
    groups.chunk_by(|a, b| (&a.vectors, &a.settings) == (&b.vectors, &b.settings)).filter_map(of).collect()
}
