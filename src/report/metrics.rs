//! The figures of predictions: over all classes, class by class, and what is taken for what.

use unicode_width::UnicodeWidthStr;

use super::{percent, table, thousands};
use crate::classifier::{ClassMetrics, Metrics};

/// Up to how many classes all of them are shown.
const ALL_SHOWN: usize = 12;

/// How many classes and mistakes are shown of more than that.
const SHOWN: usize = 10;

/// The figures of some parts, as in "dev" and "test": over all classes side by side, then part by part those of the classes and
/// the confusion matrix. Of more than 12 classes, the 10 with the lowest F1 and the 10 most frequent mistakes.
pub fn metrics(labels: &[String], parts: &[(&str, &Metrics)]) -> String {
    let mut text = overall(parts);
    for (name, metrics) in parts {
        text.push('\n');
        text.push_str(&classes(labels, name, metrics));
        text.push('\n');
        text.push_str(&if labels.len() <= ALL_SHOWN {
            confusion(labels, name, metrics)
        } else {
            mistakes(labels, name, metrics)
        });
    }
    text
}

fn overall(parts: &[(&str, &Metrics)]) -> String {
    let mut columns = vec![("", false)];
    columns.extend(parts.iter().map(|(name, _)| (*name, true)));
    let row = |name: &str, figure: fn(&Metrics) -> String| {
        [name.to_owned()].into_iter().chain(parts.iter().map(|(_, metrics)| figure(metrics))).collect()
    };
    let rows = [
        row("texts", |metrics| thousands(metrics.texts())),
        row("accuracy", |metrics| percent(metrics.accuracy())),
        row("macro-F1", |metrics| percent(metrics.macro_f1())),
        row("weighted F1", |metrics| percent(metrics.weighted_f1())),
        row("log loss", |metrics| format!("{:.4}", metrics.loss)),
        row("calibration error", |metrics| percent(metrics.calibration_error)),
    ];
    table(&columns, rows)
}

fn classes(labels: &[String], part: &str, metrics: &Metrics) -> String {
    let mut classes: Vec<(&String, ClassMetrics)> = labels.iter().zip(metrics.classes()).collect();
    let mut heading = part.to_owned();
    if labels.len() > ALL_SHOWN {
        let f1 = |class: &ClassMetrics| class.f1().unwrap_or(0.0);
        classes.sort_by(|(_, a), (_, b)| f1(a).total_cmp(&f1(b)));
        classes.truncate(SHOWN);
        heading = format!("{part}: lowest F1 of {} classes", labels.len());
    }
    let columns = [
        (heading.as_str(), false),
        ("texts", true),
        ("predicted", true),
        ("precision", true),
        ("recall", true),
        ("F1", true),
    ];
    let cell = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), percent);
    let figures = |class: &ClassMetrics| [class.precision(), class.recall(), class.f1()];
    let undefined = classes.iter().any(|(_, class)| figures(class).contains(&None));
    let mut text = table(
        &columns,
        classes.iter().map(|(label, class)| {
            let counts = [(*label).clone(), thousands(class.texts), thousands(class.predicted)];
            counts.into_iter().chain(figures(class).map(cell)).collect()
        }),
    );
    if undefined {
        text.push_str("(- is 0/0: a class without texts, or never predicted)\n");
    }
    text
}

/// A row for each right class, a column for each predicted one.
fn confusion(labels: &[String], part: &str, metrics: &Metrics) -> String {
    const WIDEST: usize = 60;
    let heading = format!("{part}: right \\ predicted");
    // Labels too long to stand side by side are numbered.
    let numbered = labels.iter().map(|label| label.width()).sum::<usize>() > WIDEST;
    let numbers: Vec<String> = (1..=labels.len()).map(|number| number.to_string()).collect();
    let names = if numbered { &numbers } else { labels };
    let mut columns = vec![(heading.as_str(), false)];
    columns.extend(names.iter().map(|name| (name.as_str(), true)));
    let rows = labels.iter().zip(&numbers).zip(&metrics.confusion).map(|((label, number), row)| {
        let name = if numbered { format!("{number} {label}") } else { label.clone() };
        [name].into_iter().chain(row.iter().map(|&texts| thousands(texts))).collect()
    });
    table(&columns, rows)
}

fn mistakes(labels: &[String], part: &str, metrics: &Metrics) -> String {
    let mistakes = metrics.mistakes();
    if mistakes.is_empty() {
        return format!("{part}: no mistakes\n");
    }
    let heading = format!("{part}: taken most often");
    let columns = [(heading.as_str(), false), ("for", false), ("texts", true)];
    let name = |class: usize| labels.get(class).cloned().unwrap_or_default();
    let row = |&(right, predicted, texts): &(usize, usize, usize)| vec![name(right), name(predicted), thousands(texts)];
    table(&columns, mistakes.iter().take(SHOWN).map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(confusion: Vec<Vec<usize>>) -> Metrics {
        Metrics { loss: 0.25, confusion, calibration_error: 0.125 }
    }

    #[test]
    fn two_classes_are_shown_whole() {
        let labels = ["neg", "pos"].map(str::to_owned);
        let dev = measured(vec![vec![3, 1], vec![0, 4]]);
        let test = measured(vec![vec![0, 1200], vec![0, 0]]);
        let found = metrics(&labels, &[("dev", &dev), ("test", &test)]);
        let expected = "
                      dev    test
texts                   8   1,200
accuracy           87.5 %   0.0 %
macro-F1           87.3 %   0.0 %
weighted F1        87.3 %   0.0 %
log loss           0.2500  0.2500
calibration error  12.5 %  12.5 %

dev  texts  predicted  precision   recall      F1
neg      4          3    100.0 %   75.0 %  85.7 %
pos      4          5     80.0 %  100.0 %  88.9 %

dev: right \\ predicted  neg  pos
neg                       3    1
pos                       0    4

test  texts  predicted  precision  recall     F1
neg   1,200          0          -   0.0 %  0.0 %
pos       0      1,200      0.0 %       -  0.0 %
(- is 0/0: a class without texts, or never predicted)

test: right \\ predicted  neg    pos
neg                        0  1,200
pos                        0      0
";
        assert_eq!(format!("\n{found}"), expected);
    }

    #[test]
    fn many_classes_are_shown_by_their_worst() {
        let labels: Vec<String> = (0..50).map(|class| format!("class-{class}")).collect();
        let mut confusion = vec![vec![0; 50]; 50];
        confusion.iter_mut().enumerate().for_each(|(class, row)| row[class] = 10);
        confusion[7][9] = 30;
        confusion[3][4] = 5;
        let found = metrics(&labels, &[("test", &measured(confusion))]);
        assert!(found.lines().count() < 30 && found.lines().all(|line| line.len() < 80), "{found}");
        let words: Vec<Vec<&str>> = found.lines().map(|line| line.split_whitespace().collect()).collect();
        let worst = words.iter().position(|line| line.first() == Some(&"test:")).expect("a heading");
        assert_eq!(words[worst + 1][..4], ["class-7", "40", "10", "100.0"]);
        assert!(words.contains(&vec!["class-7", "class-9", "30"]), "{found}");
    }

    #[test]
    fn long_labels_are_numbered() {
        let labels = ["a".repeat(40), "b".repeat(40)];
        let found = metrics(&labels, &[("test", &measured(vec![vec![1, 0], vec![0, 1]]))]);
        assert!(found.contains(&format!("1 {}", labels[0])), "{found}");
    }
}
