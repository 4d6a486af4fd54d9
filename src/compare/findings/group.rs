//! The findings of one group of runs.

use std::collections::BTreeSet;

use super::source::Source;
use super::types::{
    CurvePoint, DisagreementExamples, DisagreementText, EmbeddingFindings, EmbeddingGates, Group, MeanRange,
    PairDisagreements, PairFindings, PredictedLabel, PretrainedRows, Split, TextGates,
};
use crate::classifier::{GateOptions, LabelledText, Metrics, Tokenizer};
use crate::compare::directory::{open_model_if_kept, read_word_changes};
use crate::compare::disagreements::{Disagreement, Disagreements, TopClass, marked_words, mean_probabilities};
use crate::compare::results::{EpochScores, Run};
use crate::compare::statistics::{EmbeddingScores, Summary, pairs};
use crate::error::Result;
use crate::nn::{CellKind, EmbeddingMode};

/// Maximum number of examples of texts that only one embedding classifies correctly.
const MAX_EXAMPLES: usize = 5;

/// Maximum number of texts whose gates are shown.
const MAX_GATE_TEXTS: usize = 3;

/// Number of words up to which the gates of a text are easy to read; longer texts come after all of these.
const SHORT_TEXT: usize = 40;

impl Group {
    /// From the runs of the group, in the order of the plan; `None` if there are none.
    pub(super) fn of(runs: &[Run], source: &Source) -> Result<Option<Group>> {
        let Some(first) = runs.first() else { return Ok(None) };
        let by_embedding: Vec<&[Run]> = runs.chunk_by(|a, b| a.embedding == b.embedding).collect();
        let variants: Vec<EmbeddingFindings> = by_embedding
            .iter()
            .map(|runs| EmbeddingFindings::of(runs, source))
            .collect::<Result<Vec<Option<_>>>>()?
            .into_iter()
            .flatten()
            .collect();
        let is_complete = |variant: &&EmbeddingFindings| variant.seeds == source.configuration.seeds;
        let complete: Vec<VariantRuns> =
            variants.iter().zip(by_embedding).filter(|(variant, _)| is_complete(variant)).collect();
        let main_pairs = main_pairs(&complete);
        let tokenizer = source.tokenizer(&first.settings)?;
        let found = match source.scored_on {
            Split::Test => main_pairs.iter().map(|[a, b]| disagreements_of(a.1, b.1)).collect::<Result<Vec<_>>>()?,
            Split::Dev => Vec::new(),
        };
        // The best two are the last pair.
        let gate_texts = found.last().map(by_gap).unwrap_or_default();
        let unknown = source.unknown_words(&first.vectors, tokenizer);
        let disagreements = main_pairs.iter().zip(&found).map(|([a, b], found)| PairDisagreements {
            first: a.0.embedding,
            second: b.0.embedding,
            only_first: source.examples(&found.only_first, tokenizer, &unknown),
            only_second: source.examples(&found.only_second, tokenizer, &unknown),
        });
        let best: Vec<&[Run]> = best_first(&complete).into_iter().take(2).map(|(_, runs)| runs).collect();
        Ok(Some(Group {
            vectors: first.vectors.clone(),
            train_texts: first.train_texts,
            settings: first.settings.clone(),
            pairs: pair_findings(&complete, &main_pairs, source)?,
            disagreements: disagreements.collect(),
            gates: gates(&best, &gate_texts, tokenizer, source)?,
            embeddings: variants,
        }))
    }
}

impl EmbeddingFindings {
    fn of(runs: &[Run], source: &Source) -> Result<Option<EmbeddingFindings>> {
        let Some(first) = runs.first() else { return Ok(None) };
        let summary = |value: fn(&Run) -> f64| Summary::of(&runs.iter().map(value).collect::<Vec<f64>>());
        // Values that all runs have, or none has.
        let if_all = |value: fn(&Run) -> Option<f64>| {
            runs.iter().map(value).collect::<Option<Vec<f64>>>().map(|values| Summary::of(&values))
        };
        let (dev_accuracy, test_accuracy) = (summary(|run| run.dev_accuracy), if_all(|run| run.test_accuracy));
        let scored: Vec<&Metrics> = runs.iter().filter_map(|run| source.scored_on.metrics(run)).collect();
        let of_scored = |value: fn(&Metrics) -> f64| {
            Summary::of(&scored.iter().map(|metrics| value(metrics)).collect::<Vec<f64>>())
        };
        let mut confusion = vec![vec![0; first.labels.len()]; first.labels.len()];
        for metrics in &scored {
            for (sums, row) in confusion.iter_mut().zip(&metrics.confusion) {
                sums.iter_mut().zip(row).for_each(|(sum, texts)| *sum += texts);
            }
        }
        let with_rows = || runs.iter().filter_map(|run| run.pretrained_rows.as_ref());
        Ok(Some(EmbeddingFindings {
            embedding: first.embedding,
            seeds: runs.iter().map(|run| run.seed).collect(),
            score: of_scored(Metrics::accuracy),
            dev_accuracy,
            dev_macro_f1: summary(|run| run.dev_macro_f1),
            test_accuracy,
            test_macro_f1: if_all(|run| run.test_macro_f1),
            loss: of_scored(|metrics| metrics.loss),
            calibration_error: of_scored(|metrics| metrics.calibration_error),
            trainable_parameters: first.trainable_parameters,
            best_epoch: summary(|run| run.best_epoch as f64),
            seconds: if_all(|run| run.seconds),
            diverged: runs.iter().filter(|run| run.stop_reason == "diverged").map(|run| run.name.clone()).collect(),
            curve: curve(runs),
            confusion,
            pretrained_rows: with_rows().next().map(|rows| PretrainedRows {
                unchanged: with_rows().filter(|rows| rows.unchanged()).count(),
                runs: with_rows().count(),
                first: rows.clone(),
            }),
            words: match runs.iter().find(|run| source.configuration.seeds.first() == Some(&run.seed)) {
                Some(run) => read_word_changes(source.path, &run.name)?,
                None => None,
            },
        }))
    }
}

/// The learning curve, over the runs that reached each epoch.
fn curve(runs: &[Run]) -> Vec<CurvePoint> {
    let epochs = runs.iter().map(|run| run.history.len()).max().unwrap_or(0);
    let point = |index: usize| {
        let reached: Vec<&EpochScores> = runs.iter().filter_map(|run| run.history.get(index)).collect();
        let range = |value: fn(&EpochScores) -> f64| MeanRange::of(reached.iter().map(|epoch| value(epoch)));
        CurvePoint {
            epoch: index + 1,
            runs: reached.len(),
            dev_accuracy: range(|epoch| epoch.dev_accuracy),
            train_loss: range(|epoch| epoch.train_loss),
        }
    };
    (0..epochs).map(point).collect()
}

impl MeanRange {
    fn of(values: impl Iterator<Item = f64> + Clone) -> MeanRange {
        MeanRange {
            mean: values.clone().sum::<f64>() / values.clone().count() as f64,
            min: values.clone().fold(f64::INFINITY, f64::min),
            max: values.fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// An embedding and its runs.
type VariantRuns<'a> = (&'a EmbeddingFindings, &'a [Run]);

/// By decreasing score; embeddings with the same score keep their order.
fn best_first<'a>(variants: &[VariantRuns<'a>]) -> Vec<VariantRuns<'a>> {
    let mut best = variants.to_vec();
    best.sort_by(|a, b| b.0.score.mean.total_cmp(&a.0.score.mean));
    best
}

/// Frozen and tuned, then the best two, unless these are the same pair. Embeddings of a pair are in the order of the options.
fn main_pairs<'a>(variants: &[VariantRuns<'a>]) -> Vec<[VariantRuns<'a>; 2]> {
    let position = |variant: EmbeddingMode| variants.iter().position(|(found, _)| found.embedding == variant);
    let best: Vec<usize> = best_first(variants).iter().filter_map(|(variant, _)| position(variant.embedding)).collect();
    let candidates = [
        position(EmbeddingMode::Frozen).zip(position(EmbeddingMode::Tuned)),
        best.first().copied().zip(best.get(1).copied()),
    ];
    let mut pairs: Vec<[usize; 2]> = candidates.into_iter().flatten().map(|(a, b)| [a.min(b), a.max(b)]).collect();
    pairs.dedup();
    pairs.into_iter().map(|pair| pair.map(|index| variants[index])).collect()
}

fn pair_findings(
    variants: &[VariantRuns],
    main_pairs: &[[VariantRuns; 2]],
    source: &Source,
) -> Result<Vec<PairFindings>> {
    let scores: Vec<EmbeddingScores> = variants
        .iter()
        .map(|(variant, runs)| EmbeddingScores {
            name: variant.embedding.name().to_owned(),
            scores: runs.iter().filter_map(|run| source.scored_on.metrics(run)).map(Metrics::accuracy).collect(),
            correct: runs.iter().map(correct).collect(),
            seconds: variant.seconds.map(|seconds| seconds.mean),
        })
        .collect();
    let is_main = |first: &str, second: &str| {
        main_pairs.iter().any(|[a, b]| (a.0.embedding.name(), b.0.embedding.name()) == (first, second))
    };
    let found = pairs(&scores, BOOTSTRAP_SEED)?.into_iter().map(|pair| PairFindings {
        verdict: pair.verdict(),
        sentence: pair.sentence(),
        permutation_note: pair.permutation_note(),
        time_ratio: pair.seconds.filter(|[first, _]| *first > 0.0).map(|[first, second]| second / first),
        highlighted: is_main(&pair.first, &pair.second),
        pair,
    });
    Ok(found.collect())
}

/// Seed of the bootstraps over texts: constant, so that the same runs give the same findings.
const BOOTSTRAP_SEED: u64 = 1;

/// Whether each test text was classified correctly.
fn correct(run: &Run) -> Option<Vec<bool>> {
    let predictions = run.predictions.as_ref()?;
    Some(predictions.gold.iter().zip(&predictions.predicted).map(|(gold, predicted)| gold == predicted).collect())
}

/// Test texts on which two embeddings disagree, by the mean probabilities of their runs.
fn disagreements_of(first: &[Run], second: &[Run]) -> Result<Disagreements> {
    let mean = |runs: &[Run]| {
        let of_run = |run: &Run| run.predictions.as_ref().map(|all| all.probabilities.concat());
        mean_probabilities(&runs.iter().filter_map(of_run).collect::<Vec<Vec<f32>>>())
    };
    let gold: Vec<u32> = first
        .first()
        .and_then(|run| run.predictions.as_ref())
        .map(|predictions| predictions.gold.iter().map(|&class| class as u32).collect())
        .unwrap_or_default();
    let classes = first.first().map_or(0, |run| run.labels.len());
    Disagreements::of(&mean(first)?, &mean(second)?, &gold, classes)
}

/// The texts of both sides, by decreasing gap.
fn by_gap(found: &Disagreements) -> Vec<usize> {
    let mut all: Vec<&Disagreement> = found.only_first.iter().chain(&found.only_second).collect();
    all.sort_by(|a, b| b.gap.total_cmp(&a.gap).then(a.text.cmp(&b.text)));
    all.into_iter().map(|found| found.text).collect()
}

impl Source<'_> {
    fn label(&self, class: usize) -> String {
        self.labels.get(class).cloned().unwrap_or_default()
    }

    /// The first disagreements, with their texts.
    fn examples(
        &self,
        found: &[Disagreement],
        tokenizer: Tokenizer,
        unknown: &BTreeSet<String>,
    ) -> DisagreementExamples {
        let predicted = |top: TopClass| PredictedLabel { label: self.label(top.class), probability: top.probability };
        let example = |found: &Disagreement| {
            let LabelledText { label, text, line } = self.test_texts.get(found.text)?;
            Some(DisagreementText {
                line: *line,
                text: text.clone(),
                words: marked_words(text, tokenizer, unknown),
                label: label.clone(),
                first: predicted(found.first),
                second: predicted(found.second),
                gap: found.gap,
            })
        };
        DisagreementExamples {
            count: found.len(),
            texts: found.iter().filter_map(example).take(MAX_EXAMPLES).collect(),
        }
    }
}

/// The gates of the first models of the best embeddings on a few texts: those on which the embeddings disagree, then the first ones.
fn gates(best: &[&[Run]], texts: &[usize], tokenizer: Tokenizer, source: &Source) -> Result<Vec<TextGates>> {
    let mut models = Vec::new();
    for run in best.iter().filter_map(|runs| runs.first()) {
        let model = open_model_if_kept(source.path, &run.name)?;
        let Some(model) = model.filter(|model| model.network().encoder.shape().cell == CellKind::Lstm) else {
            continue;
        };
        models.push((run, model));
    }
    if models.is_empty() {
        return Ok(Vec::new());
    }
    let of = if source.scored_on == Split::Test { source.test_texts } else { source.dev_texts };
    // Short texts in order, then longer ones by length.
    let mut shown: Vec<(usize, &LabelledText)> = texts
        .iter()
        .filter_map(|&text| of.get(text))
        .map(|text| (tokenizer.words(&text.text).len().max(SHORT_TEXT), text))
        .collect();
    shown.sort_by_key(|(words, _)| *words);
    let mut shown: Vec<&LabelledText> = shown.into_iter().map(|(_, text)| text).take(MAX_GATE_TEXTS).collect();
    for text in of.iter().take(MAX_GATE_TEXTS) {
        if shown.len() < MAX_GATE_TEXTS && !shown.iter().any(|other| other.line == text.line) {
            shown.push(text);
        }
    }
    let view = |text: &LabelledText| -> Result<TextGates> {
        let views = models.iter().map(|(run, model)| -> Result<EmbeddingGates> {
            Ok(EmbeddingGates {
                embedding: run.embedding,
                run: run.name.clone(),
                view: model.gates(&text.text, GateOptions::default())?,
            })
        });
        Ok(TextGates {
            split: source.scored_on,
            line: text.line,
            text: text.text.clone(),
            label: text.label.clone(),
            views: views.collect::<Result<_>>()?,
        })
    };
    shown.into_iter().map(view).collect()
}
