//! What one group of a comparison found.

use std::collections::BTreeSet;

use super::{
    CurvePoint, DisagreementExamples, DisagreementText, EmbeddingFindings, EmbeddingGates, Group, MeanRange,
    PairDisagreements, PairFindings, PredictedLabel, PretrainedRows, Source, Split, TextGates,
};
use crate::classifier::{GateOptions, LabelledText, Metrics, Tokenizer};
use crate::compare::directory::{open_model_if_kept, read_word_changes};
use crate::compare::disagreements::{Disagreement, Disagreements, TopClass, marked_words, mean_probabilities};
use crate::compare::results::{EpochScores, Run};
use crate::compare::statistics::{EmbeddingScores, Summary, pairs};
use crate::error::Result;
use crate::nn::{CellKind, EmbeddingMode};

/// Texts that are told of those which one embedding alone gets right.
const TOLD: usize = 5;

/// Texts whose gates are shown.
const GATE_TEXTS: usize = 3;

/// Words of a text up to which its gates are easily read; longer texts are shown only where there are too few of these.
const EASILY_READ: usize = 40;

impl Group {
    /// Of its runs, at least one, in the order of the plan.
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
        let done = |variant: &&EmbeddingFindings| variant.seeds == source.configuration.seeds;
        let complete: Vec<(&EmbeddingFindings, &[Run])> =
            variants.iter().zip(by_embedding).filter(|(variant, _)| done(variant)).collect();
        let matter = pairs_that_matter(&complete);
        let pairs = pair_findings(&complete, &matter, source)?;
        let tokenizer = source.tokenizer(&first.settings)?;
        let of_vectors =
            source.unknown.iter().find(|known| known.vectors == first.vectors && known.tokenizer == tokenizer.name());
        let nothing = BTreeSet::new();
        let unknown = of_vectors.map_or(&nothing, |found| &found.words);
        let mut disagreements = Vec::new();
        let mut gate_texts = Vec::new();
        if source.scored_on == Split::Test {
            for (index, &[a, b]) in matter.iter().enumerate() {
                let found = disagreements_of(a.1, b.1)?;
                // The best two come last.
                if index + 1 == matter.len() {
                    gate_texts = widest(&found);
                }
                disagreements.push(PairDisagreements {
                    first: a.0.embedding,
                    second: b.0.embedding,
                    only_first: source.told(&found.only_first, tokenizer, unknown),
                    only_second: source.told(&found.only_second, tokenizer, unknown),
                });
            }
        }
        let best: Vec<&[Run]> = best_first(&complete).into_iter().take(2).map(|(_, runs)| runs).collect();
        let gates = gates(&best, &gate_texts, tokenizer, source)?;
        Ok(Some(Group {
            vectors: first.vectors.clone(),
            train_texts: first.train_texts,
            settings: first.settings.clone(),
            pairs,
            disagreements,
            gates,
            embeddings: variants,
        }))
    }
}

impl EmbeddingFindings {
    fn of(runs: &[Run], source: &Source) -> Result<Option<EmbeddingFindings>> {
        let Some(first) = runs.first() else { return Ok(None) };
        let summary = |value: fn(&Run) -> f64| Summary::of(&runs.iter().map(value).collect::<Vec<f64>>());
        // What is there for all runs or for none.
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

/// Epoch by epoch, over the runs that came so far.
fn curve(runs: &[Run]) -> Vec<CurvePoint> {
    let epochs = runs.iter().map(|run| run.history.len()).max().unwrap_or(0);
    let point = |index: usize| {
        let there: Vec<&EpochScores> = runs.iter().filter_map(|run| run.history.get(index)).collect();
        let range = |value: fn(&EpochScores) -> f64| MeanRange::of(there.iter().map(|epoch| value(epoch)));
        CurvePoint {
            epoch: index + 1,
            runs: there.len(),
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
type ArmRuns<'a> = (&'a EmbeddingFindings, &'a [Run]);

/// Highest score first, of equals the one asked for first.
fn best_first<'a>(variants: &[ArmRuns<'a>]) -> Vec<ArmRuns<'a>> {
    let mut best = variants.to_vec();
    best.sort_by(|a, b| b.0.score.mean.total_cmp(&a.0.score.mean));
    best
}

/// Frozen and tuned, then the best two, where these are others; each pair in the order in which its embeddings were asked for.
fn pairs_that_matter<'a>(variants: &[ArmRuns<'a>]) -> Vec<[ArmRuns<'a>; 2]> {
    let place = |variant: EmbeddingMode| variants.iter().position(|(found, _)| found.embedding == variant);
    let best: Vec<usize> = best_first(variants).iter().filter_map(|(variant, _)| place(variant.embedding)).collect();
    let candidates = [
        place(EmbeddingMode::Frozen).zip(place(EmbeddingMode::Tuned)),
        best.first().copied().zip(best.get(1).copied()),
    ];
    let mut pairs: Vec<[usize; 2]> = candidates.into_iter().flatten().map(|(a, b)| [a.min(b), a.max(b)]).collect();
    pairs.dedup();
    pairs.into_iter().map(|pair| pair.map(|place| variants[place])).collect()
}

fn pair_findings(variants: &[ArmRuns], matter: &[[ArmRuns; 2]], source: &Source) -> Result<Vec<PairFindings>> {
    let scores: Vec<EmbeddingScores> = variants
        .iter()
        .map(|(variant, runs)| EmbeddingScores {
            name: variant.embedding.name().to_owned(),
            scores: runs.iter().filter_map(|run| source.scored_on.metrics(run)).map(Metrics::accuracy).collect(),
            right: runs.iter().map(right).collect(),
            seconds: variant.seconds.map(|seconds| seconds.mean),
        })
        .collect();
    let matters = |first: &str, second: &str| {
        matter.iter().any(|[a, b]| (a.0.embedding.name(), b.0.embedding.name()) == (first, second))
    };
    let found = pairs(&scores, BOOTSTRAP_SEED)?.into_iter().map(|pair| PairFindings {
        verdict: pair.verdict(),
        sentence: pair.sentence(),
        permutation_note: pair.permutation_note(),
        time_ratio: pair.seconds.filter(|[first, _]| *first > 0.0).map(|[first, second]| second / first),
        highlighted: matters(&pair.first, &pair.second),
        pair,
    });
    Ok(found.collect())
}

/// Seed of the bootstraps over texts, the same for all, so that the same runs give the same findings.
const BOOTSTRAP_SEED: u64 = 1;

/// Whether each test text was classified rightly.
fn right(run: &Run) -> Option<Vec<bool>> {
    let predictions = run.predictions.as_ref()?;
    Some(predictions.gold.iter().zip(&predictions.predicted).map(|(right, predicted)| right == predicted).collect())
}

/// Where two embeddings disagree about the test part, by the mean probabilities of their runs.
fn disagreements_of(first: &[Run], second: &[Run]) -> Result<Disagreements> {
    let mean = |runs: &[Run]| {
        let of_run = |run: &Run| run.predictions.as_ref().map(|all| all.probabilities.concat());
        mean_probabilities(&runs.iter().filter_map(of_run).collect::<Vec<Vec<f32>>>())
    };
    let right: Vec<u32> = first
        .first()
        .and_then(|run| run.predictions.as_ref())
        .map(|predictions| predictions.gold.iter().map(|&class| class as u32).collect())
        .unwrap_or_default();
    let classes = first.first().map_or(0, |run| run.labels.len());
    Disagreements::of(&mean(first)?, &mean(second)?, &right, classes)
}

/// The texts of both sides, widest gap first.
fn widest(found: &Disagreements) -> Vec<usize> {
    let mut all: Vec<&Disagreement> = found.only_first.iter().chain(&found.only_second).collect();
    all.sort_by(|a, b| b.gap.total_cmp(&a.gap).then(a.text.cmp(&b.text)));
    all.into_iter().map(|found| found.text).collect()
}

impl Source<'_> {
    fn label(&self, class: usize) -> String {
        self.labels.get(class).cloned().unwrap_or_default()
    }

    fn told(&self, found: &[Disagreement], tokenizer: Tokenizer, unknown: &BTreeSet<String>) -> DisagreementExamples {
        let said = |said: TopClass| PredictedLabel { label: self.label(said.class), probability: said.probability };
        let told = |found: &Disagreement| {
            let LabelledText { label, text, line } = self.test_texts.get(found.text)?;
            Some(DisagreementText {
                line: *line,
                text: text.clone(),
                words: marked_words(text, tokenizer, unknown),
                label: label.clone(),
                first: said(found.first),
                second: said(found.second),
                gap: found.gap,
            })
        };
        DisagreementExamples { count: found.len(), texts: found.iter().filter_map(told).take(TOLD).collect() }
    }
}

/// What the first models of the best embeddings do at a few texts: of those that the embeddings disagree about, else of the first ones.
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
    // Short ones as they come, then longer ones by their length.
    let mut shown: Vec<(usize, &LabelledText)> = texts
        .iter()
        .filter_map(|&text| of.get(text))
        .map(|text| (tokenizer.words(&text.text).len().max(EASILY_READ), text))
        .collect();
    shown.sort_by_key(|(words, _)| *words);
    let mut shown: Vec<&LabelledText> = shown.into_iter().map(|(_, text)| text).take(GATE_TEXTS).collect();
    for text in of.iter().take(GATE_TEXTS) {
        if shown.len() < GATE_TEXTS && !shown.iter().any(|other| other.line == text.line) {
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
            part: source.scored_on,
            line: text.line,
            text: text.text.clone(),
            label: text.label.clone(),
            views: views.collect::<Result<_>>()?,
        })
    };
    shown.into_iter().map(view).collect()
}
