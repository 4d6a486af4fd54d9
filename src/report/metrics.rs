//! Classification metrics: over all classes, per class, and the confusion matrix.

use unicode_width::UnicodeWidthStr;

use super::table::table;
use super::text::{percent, thousands};
use crate::classifier::{ClassMetrics, Metrics};

/// Maximum number of classes for which everything is shown.
const MAX_CLASSES: usize = 12;

/// Number of classes and mistakes that are shown if there are more classes.
const MAX_ROWS: usize = 10;

/// Metrics on some sets, such as "dev" and "test": first over all classes, then for each set the metrics per class and the confusion
/// matrix. For more than 12 classes, the 10 classes with the lowest F1 and the 10 most frequent mistakes.
pub fn metrics(labels: &[String], sets: &[(&str, &Metrics)]) -> String {
    let mut text = overall(sets);
    for (name, metrics) in sets {
        text.push('\n');
        text.push_str(&classes(labels, name, metrics));
        text.push('\n');
        text.push_str(&if labels.len() <= MAX_CLASSES {
            confusion(labels, name, metrics)
        } else {
            mistakes(labels, name, metrics)
        });
    }
    text
}

fn overall(sets: &[(&str, &Metrics)]) -> String {
    let mut columns = vec![("", false)];
    columns.extend(sets.iter().map(|(name, _)| (*name, true)));
    let row = |name: &str, value: fn(&Metrics) -> String| {
        [name.to_owned()].into_iter().chain(sets.iter().map(|(_, metrics)| value(metrics))).collect()
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

fn classes(labels: &[String], set: &str, metrics: &Metrics) -> String {
    let mut classes: Vec<(&String, ClassMetrics)> = labels.iter().zip(metrics.classes()).collect();
    let mut heading = set.to_owned();
    if labels.len() > MAX_CLASSES {
        let f1 = |class: &ClassMetrics| class.f1().unwrap_or(0.0);
        classes.sort_by(|(_, a), (_, b)| f1(a).total_cmp(&f1(b)));
        classes.truncate(MAX_ROWS);
        heading = format!("{set}: lowest F1 of {} classes", labels.len());
    }
    let columns = [
        (heading.as_str(), false),
        ("texts", true),
        ("predicted", true),
        ("precision", true),
        ("recall", true),
        ("F1", true),
    ];
    let cell = |fraction: Option<f64>| fraction.map_or_else(|| "-".to_owned(), percent);
    let scores = |class: &ClassMetrics| [class.precision(), class.recall(), class.f1()];
    let undefined = classes.iter().any(|(_, class)| scores(class).contains(&None));
    let mut text = table(
        &columns,
        classes.iter().map(|(label, class)| {
            let counts = [(*label).clone(), thousands(class.texts), thousands(class.predicted)];
            counts.into_iter().chain(scores(class).map(cell)).collect()
        }),
    );
    if undefined {
        text.push_str("(-: undefined, for a class without texts or without predictions)\n");
    }
    text
}

/// The confusion matrix: a row for each true class, a column for each predicted class.
fn confusion(labels: &[String], set: &str, metrics: &Metrics) -> String {
    const MAX_WIDTH: usize = 60;
    let heading = format!("{set}: true \\ predicted");
    // Labels that are too long for column headings are numbered.
    let numbered = labels.iter().map(|label| label.width()).sum::<usize>() > MAX_WIDTH;
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

fn mistakes(labels: &[String], set: &str, metrics: &Metrics) -> String {
    let mistakes = metrics.mistakes();
    if mistakes.is_empty() {
        return format!("{set}: no mistakes\n");
    }
    let heading = format!("{set}: most frequent mistakes");
    let columns = [(heading.as_str(), false), ("predicted as", false), ("texts", true)];
    let name = |class: usize| labels.get(class).cloned().unwrap_or_default();
    let row = |&(truth, predicted, texts): &(usize, usize, usize)| vec![name(truth), name(predicted), thousands(texts)];
    table(&columns, mistakes.iter().take(MAX_ROWS).map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(confusion: Vec<Vec<usize>>) -> Metrics {
        Metrics { loss: 0.25, confusion, calibration_error: 0.125 }
    }

    #[test]
    fn two_classes_are_shown_completely() {
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

dev: true \\ predicted  neg  pos
neg                      3    1
pos                      0    4

test  texts  predicted  precision  recall     F1
neg   1,200          0          -   0.0 %  0.0 %
pos       0      1,200      0.0 %       -  0.0 %
(-: undefined, for a class without texts or without predictions)

test: true \\ predicted  neg    pos
neg                       0  1,200
pos                       0      0
";
        assert_eq!(format!("\n{found}"), expected);
    }

    #[test]
    fn of_many_classes_the_worst_are_shown() {
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
