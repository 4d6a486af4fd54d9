//! What a machine does, for the terminal: peaks, measurements, and a line about each.

use super::{counted, fitted, table, thousands};
use crate::bench::{BenchReport, Measurement, MedianRange};

/// Columns, where no terminal says how many there are.
const WIDTH: usize = 100;

/// Peaks and measurements, a line each, and below what they mean, in lines of at most `width` columns.
pub fn bench(measured: &BenchReport, width: Option<usize>) -> String {
    let what = measured.file.as_deref().unwrap_or("synthetic vectors");
    let mut text = format!(
        "{what}: {} x {}; {}, {}\n\n",
        thousands(measured.rows),
        measured.dimension,
        counted(measured.threads, "thread"),
        counted(measured.rounds, "round")
    );
    let peaks = measured.peaks.iter().map(|peak| {
        let rate = format!("{} {}", figure(peak.rate.median), peak.unit);
        vec![peak.name.to_owned(), rate, range(&peak.rate)]
    });
    text += &table(&[("this machine", false), ("median", true), ("range", true)], peaks);
    text.push('\n');
    let columns = [("vocable", false), ("ms", true), ("range", true), ("throughput", true), ("of peak", true)];
    text += &fitted(&columns, measured.measurements.iter().map(row), width);
    text.push('\n');
    let names = measured.peaks.iter().map(|peak| peak.name).chain(measured.measurements.iter().map(|each| each.name));
    text += &meanings(names, width.unwrap_or(WIDTH));
    if let Some(cores) = measured.cores.filter(|_| measured.is_contended()) {
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

fn row(measurement: &Measurement) -> Vec<String> {
    let throughput = measurement.throughput.map(|each| format!("{} {}", figure(each.rate), each.unit));
    let utilization = measurement.utilization.map(|each| format!("{:.0} % of {}", 100.0 * each.fraction, each.peak));
    let milliseconds = &measurement.milliseconds;
    vec![
        measurement.name.to_owned(),
        figure(milliseconds.median),
        range(milliseconds),
        throughput.unwrap_or_default(),
        utilization.unwrap_or_default(),
    ]
}

fn range(spread: &MedianRange) -> String {
    format!("{} to {}", figure(spread.min), figure(spread.max))
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
        "train" => "an epoch over 1,000 synthetic texts with the options that `vocable train` has by itself",
        _ => "",
    };
    fitted(&[("", false), ("", false)], names.map(|name| vec![name.to_owned(), meaning(name).to_owned()]), Some(width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{PeakRate, Throughput, Utilization};

    fn measured(cores: f64) -> BenchReport {
        let spread = MedianRange { median: 2.0, min: 1.0, max: 1234.0 };
        let throughput = Some(Throughput { rate: 251_234.4, unit: "tokens/s" });
        let utilization = Some(Utilization { peak: "products", rate: 110.0, fraction: 0.553 });
        BenchReport {
            file: None,
            rows: 400_000,
            dimension: 50,
            threads: 2,
            rounds: 7,
            cores: Some(cores),
            peaks: vec![PeakRate { name: "products", unit: "GFLOP/s", rate: spread }],
            measurements: vec![Measurement { name: "train", milliseconds: spread, throughput, utilization }],
        }
    }

    #[test]
    fn figures_line_up_and_fit_the_width() {
        let text = bench(&measured(1.97), Some(70));
        let expected = "synthetic vectors: 400,000 x 50; 2 threads, 7 rounds

this machine        median          range
products      2.00 GFLOP/s  1.00 to 1,234

vocable    ms          range             speed      of the peak
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
