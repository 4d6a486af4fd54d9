//! Tests of the page with generated findings.

use std::collections::BTreeMap;

use serde_json::json;

use super::markup::{number, style_index};
use super::*;
use crate::classifier::{Behaviour, GateOptions, GateView, Metrics, RowChecksum, WordGates};
use crate::compare::disagreements::MarkedWord;
use crate::compare::findings::*;
use crate::compare::movement::{
    FrequencyBand, MappedWord, NearestWord, NeighbourChange, OovRows, PairCosine, WordMap, WordMove,
};
use crate::compare::statistics::{EmbeddingScores, Summary, pairs};
use crate::compare::{Comparison, Run, WordChanges};
use crate::nn::EmbeddingMode;

/// Parameters of generated findings.
struct Generator {
    embeddings: usize,
    seeds: u64,
    sizes: Vec<usize>,
    tested: bool,
    epochs: usize,
    words: usize,
    /// Used wherever user text can occur.
    text: String,
}

impl Generator {
    fn small() -> Generator {
        Generator {
            embeddings: 2,
            seeds: 3,
            sizes: vec![100],
            tested: true,
            epochs: 4,
            words: 5,
            text: "a text".to_owned(),
        }
    }

    /// A deterministic number between 0 and 1.
    fn chance(&self, of: usize) -> f64 {
        (of as f64 * 0.618_033_988_75).fract()
    }

    fn word(&self, index: usize) -> String {
        format!("{}{index}", self.text)
    }

    fn run(&self, embedding: EmbeddingMode, seed: u64, size: usize) -> Run {
        let accuracy = 0.6 + 0.3 * self.chance(seed as usize + size + style_index(embedding));
        let metrics = Metrics { loss: 0.5, confusion: vec![vec![30, 10], vec![5, 55]], calibration_error: 0.1 };
        Run {
            name: format!("{}-{}-n{size}-seed{seed}", self.text, embedding.name()),
            embedding,
            vectors: self.text.clone(),
            train_texts: size,
            settings: BTreeMap::from([(self.text.clone(), self.text.clone())]),
            seed,
            dev_accuracy: accuracy,
            dev_macro_f1: accuracy,
            test_accuracy: self.tested.then_some(accuracy - 0.01),
            test_macro_f1: self.tested.then_some(accuracy - 0.02),
            trainable_parameters: 12_345,
            best_epoch: 2,
            epochs: self.epochs,
            stop_reason: "max-epochs".to_owned(),
            words: 900,
            known_words: 700,
            pretrained_rows: None,
            labels: vec![self.text.clone(), "pos".to_owned()],
            dev: metrics.clone(),
            test: self.tested.then_some(metrics),
            predictions: None,
            history: Vec::new(),
            seconds: Some(12.5),
        }
    }

    fn words_of_run(&self) -> WordChanges {
        let near = |index: usize| NearestWord { word: self.word(index), cosine: self.chance(index) as f32 };
        let moves = |index: usize| WordMove {
            word: self.word(index),
            count: 10 * index,
            known: index.is_multiple_of(2),
            cosine: Some(self.chance(index)),
            distance: 2.0 * self.chance(index + 1),
            share: 0.01,
        };
        let place = |index: usize| [self.chance(index) as f32, self.chance(3 * index + 1) as f32];
        let checksum = || RowChecksum { rows: 700, before: "xxh3:1".to_owned(), after: "xxh3:2".to_owned() };
        let band = |min: usize, max: Option<usize>| FrequencyBand {
            min,
            max,
            words: 100,
            distance: 0.125 * (min as f64 + 1.0).log10(),
            cosine: Some(0.75),
            share: 0.25,
        };
        WordChanges {
            run: self.text.clone(),
            seed: 1,
            watched: vec![self.text.clone()],
            absent: vec![self.text.clone()],
            words: 900,
            moved: 850,
            most_moved: (0..self.words).map(moves).collect(),
            watched_moves: (0..2).map(moves).collect(),
            neighbours: (0..self.words)
                .map(|index| NeighbourChange {
                    word: self.word(index),
                    before: (0..10).map(near).collect(),
                    after: (5..15).map(near).collect(),
                })
                .collect(),
            word_pairs: (0..12)
                .map(|index| PairCosine {
                    words: [self.word(index), self.word(index + 1)],
                    before: self.chance(index),
                    after: self.chance(index) - 0.25,
                })
                .collect(),
            oov_rows: OovRows {
                words: 200,
                norm_before: Some(0.5),
                norm_after: Some(1.25),
                known_norm_after: Some(5.0),
                nearest: (0..self.words).map(|index| (self.word(index), (0..5).map(near).collect())).collect(),
            },
            bands: vec![band(0, Some(0)), band(1, Some(1)), band(2, Some(9)), band(1000, None)],
            known_rows: checksum(),
            unknown_rows: checksum(),
            map: WordMap {
                explained: [0.25, 0.125],
                words: (0..3 * self.words)
                    .map(|index| MappedWord { word: self.word(index), before: place(index), after: place(index + 7) })
                    .collect(),
            },
        }
    }

    fn variant(&self, embedding: EmbeddingMode, runs: &[Run]) -> EmbeddingFindings {
        let summary = |value: fn(&Run) -> f64| Summary::of(&runs.iter().map(value).collect::<Vec<f64>>());
        let test = |value: fn(&Run) -> Option<f64>| {
            let values: Option<Vec<f64>> = runs.iter().map(value).collect();
            values.map(|values| Summary::of(&values))
        };
        let range = |mean: f64| MeanRange { mean, min: mean - 0.03125, max: mean + 0.03125 };
        let curve = (1..=self.epochs).map(|epoch| CurvePoint {
            epoch,
            runs: runs.len(),
            dev_accuracy: range(1.0 - 0.5 / epoch as f64),
            train_loss: range(0.7 / epoch as f64),
        });
        let moved = matches!(embedding, EmbeddingMode::Tuned | EmbeddingMode::OovOnly | EmbeddingMode::Random);
        let checksum = |changed: bool| RowChecksum {
            rows: 700,
            before: "xxh3:0123456789abcdef".to_owned(),
            after: if changed { "xxh3:fedcba9876543210" } else { "xxh3:0123456789abcdef" }.to_owned(),
        };
        EmbeddingFindings {
            embedding,
            seeds: runs.iter().map(|run| run.seed).collect(),
            score: test(|run| run.test_accuracy).unwrap_or_else(|| summary(|run| run.dev_accuracy)),
            dev_accuracy: summary(|run| run.dev_accuracy),
            dev_macro_f1: summary(|run| run.dev_macro_f1),
            test_accuracy: test(|run| run.test_accuracy),
            test_macro_f1: test(|run| run.test_macro_f1),
            loss: summary(|run| run.dev.loss),
            calibration_error: summary(|run| run.dev.calibration_error),
            trainable_parameters: 12_345,
            best_epoch: summary(|run| run.best_epoch as f64),
            seconds: Some(summary(|_| 12.5)),
            diverged: vec![self.text.clone()],
            curve: curve.collect(),
            confusion: vec![vec![30, 10], vec![5, 55]],
            pretrained_rows: Some(PretrainedRows {
                unchanged: if embedding == EmbeddingMode::Tuned { 0 } else { runs.len() },
                runs: runs.len(),
                first: checksum(embedding == EmbeddingMode::Tuned),
            }),
            words: moved.then(|| self.words_of_run()),
        }
    }

    fn pairs(&self, variants: &[EmbeddingFindings], runs: &[Run]) -> Vec<PairFindings> {
        let of_variant = |variant: &EmbeddingFindings| EmbeddingScores {
            name: variant.embedding.name().to_owned(),
            scores: runs.iter().filter(|run| run.embedding == variant.embedding).map(|run| run.dev_accuracy).collect(),
            correct: self.tested.then(|| {
                variant.seeds.iter().map(|&seed| (0..50).map(|text| (text + seed) % 3 != 0).collect()).collect()
            }),
            seconds: Some(12.5),
        };
        let pairs = pairs(&variants.iter().map(of_variant).collect::<Vec<_>>(), 1).unwrap();
        let found = pairs.into_iter().enumerate().map(|(index, pair)| PairFindings {
            verdict: pair.verdict(),
            sentence: pair.sentence(),
            permutation_note: pair.permutation_note(),
            time_ratio: Some(1.0),
            highlighted: index == 0,
            pair,
        });
        found.collect()
    }

    fn gates(&self) -> TextGates {
        let word = |index: usize| WordGates {
            word: self.word(index),
            known: !index.is_multiple_of(3),
            input: 0.25,
            forget: 0.875,
            output: 0.5,
            shares: [0.5, 0.25, 0.25, 0.0],
            behaviour: Behaviour::Keeps,
            probabilities: vec![0.125, 0.875],
        };
        let view = GateView {
            words: (0..8).map(word).collect(),
            before: vec![0.5, 0.5],
            words_omitted: 0,
            cell: GateOptions::default(),
        };
        let views = vec![EmbeddingGates { embedding: EmbeddingMode::Tuned, run: self.text.clone(), view }];
        TextGates { split: Split::Test, line: 7, text: self.text.clone(), label: self.text.clone(), views }
    }

    fn findings(&self) -> Findings {
        let variants = &EmbeddingMode::ALL[..self.embeddings];
        let predicted = || PredictedLabel { label: self.text.clone(), probability: 0.875 };
        let text = |line: u64| DisagreementText {
            line,
            text: self.text.clone(),
            words: (0..8).map(|index| MarkedWord { word: self.word(index), known: index > 2 }).collect(),
            label: self.text.clone(),
            first: predicted(),
            second: predicted(),
            gap: 0.75,
        };
        let texts = || DisagreementExamples { count: 12, texts: (1..=10).map(text).collect() };
        let (mut runs, mut groups) = (Vec::new(), Vec::new());
        for &size in &self.sizes {
            let here: Vec<Run> = variants
                .iter()
                .flat_map(|&variant| (1..=self.seeds).map(move |seed| self.run(variant, seed, size)))
                .collect();
            let of = |embedding: EmbeddingMode| {
                here.iter().filter(|run| run.embedding == embedding).cloned().collect::<Vec<Run>>()
            };
            let found: Vec<EmbeddingFindings> =
                variants.iter().map(|&variant| self.variant(variant, &of(variant))).collect();
            let disagree = PairDisagreements {
                first: EmbeddingMode::Frozen,
                second: EmbeddingMode::Tuned,
                only_first: texts(),
                only_second: texts(),
            };
            groups.push(Group {
                vectors: self.text.clone(),
                train_texts: size,
                settings: BTreeMap::from([(self.text.clone(), self.text.clone())]),
                pairs: self.pairs(&found, &here),
                embeddings: found,
                disagreements: if self.tested { vec![disagree] } else { Vec::new() },
                gates: vec![self.gates(), self.gates()],
            });
            runs.extend(here);
        }
        let line = |&variant: &EmbeddingMode| SizeSeries {
            embedding: variant,
            points: groups
                .iter()
                .filter_map(|group| {
                    Some((group.train_texts, group.embeddings.iter().find(|found| found.embedding == variant)?.score))
                })
                .map(|(train_texts, score)| SizePoint { train_texts, score })
                .collect(),
        };
        let curve = SizeCurve {
            vectors: self.text.clone(),
            settings: BTreeMap::new(),
            embeddings: variants.iter().map(line).collect(),
        };
        let file = || TextFile { path: self.text.clone(), texts: 1234, checksum: "xxh3:1".to_owned() };
        Findings {
            configuration: Configuration {
                version: 2,
                vocable: "0.1.0".to_owned(),
                command: format!("vocable compare --train {}", self.text),
                vectors: vec![VectorsFile {
                    name: self.text.clone(),
                    path: self.text.clone(),
                    rows: 2445,
                    dimension: 50,
                    checksum: "xxh3:1".to_owned(),
                }],
                texts: TextFiles { train: file(), dev: file(), test: self.tested.then(file) },
                embeddings: variants.iter().map(|variant| variant.name().to_owned()).collect(),
                seeds: (1..=self.seeds).collect(),
                train_sizes: self.sizes.clone(),
                sweeps: BTreeMap::from([(self.text.clone(), vec![self.text.clone()])]),
                options: json!({ self.text.as_str(): self.text.as_str(), "batch": 64, "schedule": null }),
                watch: vec![self.text.clone()],
                runs: runs.iter().map(|run| run.name.clone()).collect(),
            },
            comparison: Comparison::new(runs.len(), runs, Vec::new()),
            scored_on: if self.tested { Split::Test } else { Split::Dev },
            labels: vec![self.text.clone(), "pos".to_owned()],
            size_curves: if groups.len() > 1 { vec![curve] } else { Vec::new() },
            groups,
        }
    }
}

/// Elements without an end tag.
const VOID: [&str; 2] = ["meta", "br"];

/// Checks that tags are balanced, attributes are quoted, and text contains no `<`.
#[track_caller]
fn well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").expect("a page");
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let inside = rest[..rest.find('>').expect("the end of a tag")].trim_end();
        assert_eq!(inside.matches('"').count() % 2, 0, "quotes of <{inside}>");
        assert!(!inside.contains('<'), "<{inside}>");
        let name = inside.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap();
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{inside}>");
        for attribute in
            inside.split('"').step_by(2).skip(1).filter(|between| !matches!(between.trim(), "" | "/" | "open"))
        {
            assert!(attribute.ends_with('='), "{attribute} in <{inside}>");
        }
        if inside.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}> before {}", rest.chars().take(80).collect::<String>());
        } else if !inside.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        // The content of a style sheet is not HTML.
        if name == "style" && !inside.starts_with('/') {
            rest = &rest[rest.find("</style>").expect("the end of the style")..];
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// The cells of every table row, without tags.
fn rows_of(html: &str) -> Vec<Vec<String>> {
    let text = |cell: &str| {
        let pieces = cell.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
        pieces.collect::<String>()
    };
    let row = |row: &str| {
        let row = row.split("</tr>").next().unwrap_or_default();
        let cells = row.split("<t").skip(1).filter(|cell| cell.starts_with(['d', 'h']));
        cells.map(|cell| text(&format!("<t{}", cell.split("</t").next().unwrap_or_default()))).collect()
    };
    html.split("<tr>").skip(1).map(row).collect()
}

/// The figures of a section: the text alternative of each plot and the rows of its table.
fn figures_of(page: &str, id: &str) -> Vec<(String, Vec<Vec<String>>)> {
    let part = page.split(&format!("<section id=\"{id}\"")).nth(1).unwrap_or_default();
    let part = part.split("</section>").next().unwrap_or_default();
    let figure = |figure: &str| {
        let figure = figure.split("</figure>").next().unwrap_or_default();
        let description = figure.split("role=\"img\" aria-label=\"").nth(1).expect("a plot with a text alternative");
        (description.split('"').next().unwrap_or_default().to_owned(), rows_of(figure))
    };
    part.split("<figure class=\"drawn").skip(1).map(figure).collect()
}

#[test]
fn every_plot_has_a_table_with_its_numbers() {
    let generator = Generator { embeddings: 5, sizes: vec![100, 1000], ..Generator::small() };
    let findings = generator.findings();
    let page = comparison_page(&findings).unwrap();
    well_formed(&page);
    let drawings = page.matches("role=\"img\" aria-label=\"").count() - page.matches("class=\"mix\"").count();
    let broad = page.matches("<div class=\"broad\">").count();
    assert_eq!(drawings, page.matches("<summary>Show numbers</summary>").count() - gates_tables(&findings) + broad);

    let scores = figures_of(&page, "scores");
    assert_eq!(scores.len(), 2);
    for (group, (description, rows)) in findings.groups.iter().zip(&scores) {
        for (variant, row) in group.embeddings.iter().zip(&rows[1..]) {
            let [low, high] = variant.score.interval.unwrap();
            let name = variant.embedding.name();
            let mean = format!("{:.1}", 100.0 * variant.score.mean);
            assert_eq!(row[..3], [name.to_owned(), mean.clone(), format!("{:.1} to {:.1}", 100.0 * low, 100.0 * high)]);
            assert!(description.contains(&format!("{name} {mean}")), "{description}");
            for run in findings
                .comparison
                .runs
                .iter()
                .filter(|run| run.embedding == variant.embedding && run.train_texts == group.train_texts)
            {
                let score = format!("{:.1} ({})", 100.0 * run.test_accuracy.unwrap(), run.seed);
                assert!(row[3].contains(&score), "{score} in {row:?}");
            }
        }
    }
    let curves = figures_of(&page, "curves");
    assert_eq!(curves.len(), 4);
    for (group, both) in findings.groups.iter().zip(curves.chunks(2)) {
        for (column, variant) in group.embeddings.iter().enumerate() {
            for (point, (accuracy, loss)) in variant.curve.iter().zip(both[0].1[1..].iter().zip(&both[1].1[1..])) {
                let MeanRange { mean, min, max } = point.dev_accuracy;
                let expected = format!("{:.1} ({:.1} to {:.1})", 100.0 * mean, 100.0 * min, 100.0 * max);
                assert_eq!((&accuracy[0], &accuracy[column + 1]), (&point.epoch.to_string(), &expected));
                let MeanRange { mean, min, max } = point.train_loss;
                assert_eq!(loss[column + 1], format!("{mean:.3} ({min:.3} to {max:.3})"));
            }
        }
    }
    let sizes = figures_of(&page, "sizes");
    let expected: Vec<String> = findings.size_curves[0]
        .embeddings
        .iter()
        .map(|line| format!("{:.1}", 100.0 * line.points[1].score.mean))
        .collect();
    assert!(sizes[0].1[2][1..].iter().zip(&expected).all(|(cell, mean)| cell.starts_with(mean)), "{sizes:?}");

    let words = findings.groups[0].embeddings[1].words.as_ref().unwrap();
    let figures = figures_of(&page, "words");
    // Each group has the distance by count, and for each of three embeddings a map and the word pairs.
    assert_eq!(figures.len(), 2 * (1 + 3 * 2));
    let expected: Vec<Vec<String>> = words
        .bands
        .iter()
        .map(|band| vec![format!("{:.3}", band.distance), "0.750".to_owned(), "25.0".to_owned()])
        .collect();
    let found: Vec<Vec<String>> = figures[0].1[1..=words.bands.len()].iter().map(|row| row[3..].to_vec()).collect();
    assert_eq!(found, expected);
    for (arrow, row) in words.map.words.iter().zip(&figures[1].1[1..]) {
        let [[a, b], [c, d]] = [arrow.before, arrow.after];
        assert_eq!(
            row[..],
            [arrow.word.clone(), format!("{a:.3}"), format!("{b:.3}"), format!("{c:.3}"), format!("{d:.3}")]
        );
    }
    for (pair, row) in words.word_pairs.iter().zip(&figures[2].1[1..]) {
        let [a, b] = &pair.words;
        assert_eq!(row[..3], [format!("{a} – {b}"), format!("{:.3}", pair.before), number(pair.after, 3)]);
    }
}

/// Number of tables of gates, which do not belong to a plot.
fn gates_tables(findings: &Findings) -> usize {
    findings.groups.iter().flat_map(|group| &group.gates).map(|text| text.views.len()).sum()
}

#[test]
fn user_text_is_escaped() {
    let text = "\"><script>alert('1')</script>&<img src=x>\u{1b}\0".to_owned();
    let page =
        comparison_page(&Generator { text, sizes: vec![100, 1000], embeddings: 5, ..Generator::small() }.findings())
            .unwrap();
    well_formed(&page);
    for markup in ["<script", "<img", "\u{1b}", "\0"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_page_is_self_contained() {
    let page =
        comparison_page(&Generator { sizes: vec![100, 1000], embeddings: 5, ..Generator::small() }.findings()).unwrap();
    for outside in ["http:", "https:", "//", "src=", "@import", "url(", "<link", "<script", "xmlns"] {
        assert!(!page.contains(outside), "{outside}");
    }
    for target in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        let id = target.strip_prefix('#').expect("a place on the page");
        assert_eq!(page.matches(&format!(" id=\"{id}\"")).count(), 1, "{id}");
    }
    // The style sheet defines every colour.
    let style = &page[..page.find("</style>").unwrap()];
    for name in page.split("var(").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(style.contains(&format!("{name}:")) || name == "--by", "{name}");
    }
}

#[test]
fn many_runs_take_less_than_three_megabytes() {
    let generator = Generator {
        embeddings: 5,
        seeds: 5,
        sizes: vec![100, 1000, 5452],
        epochs: 30,
        words: 25,
        ..Generator::small()
    };
    let page = comparison_page(&generator.findings()).unwrap();
    well_formed(&page);
    assert!(page.len() < 3_000_000, "{} bytes", page.len());
}

#[test]
fn missing_parts_are_omitted() {
    // A single seed: no comparison and no intervals.
    let page = comparison_page(&Generator { seeds: 1, ..Generator::small() }.findings()).unwrap();
    well_formed(&page);
    assert!(page.contains("one seed is not enough to compare frozen and tuned"), "{page}");

    // No test set.
    let page = comparison_page(&Generator { tested: false, ..Generator::small() }.findings()).unwrap();
    well_formed(&page);
    assert!(page.contains("since there is no test set") && !page.contains("id=\"disagreements\""));

    // Some runs of some embeddings.
    let mut findings = Generator::small().findings();
    findings.comparison.runs.truncate(2);
    findings.groups[0].embeddings.truncate(1);
    findings.groups[0].pairs.clear();
    findings.groups[0].gates.clear();
    findings.groups[0].disagreements.clear();
    findings.groups[0].embeddings[0].words = None;
    findings.groups[0].embeddings[0].curve.clear();
    let page = comparison_page(&findings).unwrap();
    well_formed(&page);
    for said in ["Not finished: 2 of 6 runs are done.", "No pair of embeddings can be compared yet."] {
        assert!(page.contains(said), "{said}");
    }
    for part in ["pairs", "gates", "disagreements", "words", "sizes", "curves"] {
        assert!(!page.contains(&format!("id=\"{part}\"")) && !page.contains(&format!("#{part}\"")), "{part}");
    }

    // None at all.
    findings.comparison.runs.clear();
    findings.groups.clear();
    let page = comparison_page(&findings).unwrap();
    well_formed(&page);
    assert!(page.contains("Not finished: 0 of 6") && page.contains("id=\"reproduction\""));
}

#[test]
fn non_finite_numbers_are_not_shown() {
    let mut findings = Generator { embeddings: 5, sizes: vec![100, 1000], ..Generator::small() }.findings();
    for variant in findings.groups.iter_mut().flat_map(|group| &mut group.embeddings) {
        variant.score.mean = f64::NAN;
        variant.score.interval = Some([f64::NEG_INFINITY, f64::NAN]);
        variant.curve.iter_mut().for_each(|point| point.train_loss.mean = f64::INFINITY);
        variant.curve.iter_mut().for_each(|point| point.train_loss.max = f64::NAN);
        if let Some(words) = &mut variant.words {
            words.word_pairs[0].after = f64::NAN;
            words.map.words[0].after = [f32::NAN, f32::INFINITY];
            words.bands[0].distance = f64::NAN;
        }
    }
    let page = comparison_page(&findings).unwrap();
    well_formed(&page);
    assert!(!page.contains("NaN") && !page.contains("inf\""));
}
