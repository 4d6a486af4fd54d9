//! What a machine does, for the terminal: floors, measures, and a line about each.

use super::{counted, fitted, table, thousands};
use crate::bench::{Measure, Measured, Spread};

/// Columns, where no terminal says how many there are.
const WIDTH: usize = 100;

/// Floors and measures, a line each, and below what they mean, in lines of at most `width` columns.
pub fn bench(measured: &Measured, width: Option<usize>) -> String {
    let what = measured.file.as_deref().unwrap_or("made-up vectors");
    let mut text = format!(
        "{what}: {} x {}; {}, {}\n\n",
        thousands(measured.rows),
        measured.dimension,
        counted(measured.threads, "thread"),
        counted(measured.rounds, "round")
    );
    let floors = measured.floors.iter().map(|floor| {
        let rate = format!("{} {}", figure(floor.rate.median), floor.unit);
        vec![floor.name.to_owned(), rate, range(&floor.rate)]
    });
    text += &table(&[("this machine", false), ("median", true), ("range", true)], floors);
    text.push('\n');
    let columns = [("vocable", false), ("ms", true), ("range", true), ("speed", true), ("of the floor", true)];
    text += &fitted(&columns, measured.measures.iter().map(row), width);
    text.push('\n');
    let names = measured.floors.iter().map(|floor| floor.name).chain(measured.measures.iter().map(|each| each.name));
    text += &meanings(names, width.unwrap_or(WIDTH));
    if let Some(cores) = measured.cores.filter(|_| measured.is_crowded()) {
        let threads = measured.threads;
        let note = format!(
            "The {threads} threads had {cores:.1} cores while all of them were at work: other processes have the rest, or the \
             system grants no more. All figures are worse for it, those of single threads (open-table) least."
        );
        text.push('\n');
        text += &fitted(&[("", false)], [vec![note]], Some(width.unwrap_or(WIDTH)));
    }
    text
}

fn row(measure: &Measure) -> Vec<String> {
    let speed = measure.speed.map(|speed| format!("{} {}", figure(speed.rate), speed.unit));
    let share = measure.floor.map(|share| format!("{:.0} % of {}", 100.0 * share.share, share.of));
    let milliseconds = &measure.milliseconds;
    vec![
        measure.name.to_owned(),
        figure(milliseconds.median),
        range(milliseconds),
        speed.unwrap_or_default(),
        share.unwrap_or_default(),
    ]
}

fn range(spread: &Spread) -> String {
    format!("{} to {}", figure(spread.lowest), figure(spread.highest))
}

/// A number with three figures or so.
fn figure(number: f64) -> String {
    match number {
        100.0.. => thousands(number.round() as usize),
        10.0.. => format!("{number:.1}"),
        1.0.. => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

fn meanings<'a>(names: impl Iterator<Item = &'a str>, width: usize) -> String {
    let meaning = |name: &str| match name {
        "memory" => "bytes that all threads together read of a buffer far larger than caches",
        "products" => "products of matrices that lie in the cache; a multiplication with its addition counts as two",
        "file" => "bytes of the file of `open`, read from the system's cache and left alone",
        "open" => "a file opened that is read whole; parsing it takes longer than reading it, archives take longest",
        "open-table" => "a table file is mapped, not read, however large it is",
        "nearest" => {
            "the ten words nearest to one; limited by memory, unless the codes of all rows fit the processor's cache: then it is \
             above 100 %"
        }
        "nearest-batch" => {
            "256 such questions at once; their products are of 8-bit numbers, faster than those of floats"
        }
        "train" => "an epoch over 1,000 made-up texts with the options that `vocable train` has by itself",
        _ => "",
    };
    fitted(&[("", false), ("", false)], names.map(|name| vec![name.to_owned(), meaning(name).to_owned()]), Some(width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{Floor, Share, Speed};

    fn measured(cores: f64) -> Measured {
        let spread = Spread { median: 2.0, lowest: 1.0, highest: 1234.0 };
        let speed = Some(Speed { rate: 251_234.4, unit: "tokens/s" });
        let floor = Some(Share { of: "products", rate: 110.0, share: 0.553 });
        Measured {
            file: None,
            rows: 400_000,
            dimension: 50,
            threads: 2,
            rounds: 7,
            cores: Some(cores),
            floors: vec![Floor { name: "products", unit: "GFLOP/s", rate: spread }],
            measures: vec![Measure { name: "train", milliseconds: spread, speed, floor }],
        }
    }

    #[test]
    fn figures_line_up_and_fit_the_width() {
        let text = bench(&measured(1.97), Some(70));
        let expected = "made-up vectors: 400,000 x 50; 2 threads, 7 rounds

this machine        median          range
products      2.00 GFLOP/s  1.00 to 1,234

vocable    ms          range             speed      of the floor
train    2.00  1.00 to 1,234  251,234 tokens/s  55 % of products

";
        assert!(text.starts_with(expected), "{text}");
        let meanings = text.strip_prefix(expected).unwrap();
        assert!(meanings.lines().all(|line| line.len() <= 70) && meanings.lines().count() > 2, "{text}");
        assert!(!text.contains("cores"), "{text}");
        assert!(bench(&measured(1.97), Some(60)).lines().all(|line| line.len() <= 60));
        assert!(bench(&measured(1.3), None).contains("had 1.3 cores"), "{text}");
    }
}
