//! The built-in benchmark, for the terminal: peak rates, measurements, and what they mean.

use super::table::{table, wrapped_table};
use super::text::{counted, thousands};
use crate::bench::{BenchReport, Measurement, MedianRange};

/// Line width without a terminal.
const DEFAULT_WIDTH: usize = 100;

/// Peak rates and measurements, one per line, then what they mean, in lines of at most `width` columns.
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
    text += &wrapped_table(&columns, measured.measurements.iter().map(row), width);
    text.push('\n');
    let names = measured.peaks.iter().map(|peak| peak.name).chain(measured.measurements.iter().map(|each| each.name));
    text += &meanings(names, width.unwrap_or(DEFAULT_WIDTH));
    if let Some(cores) = measured.cores.filter(|_| measured.is_contended()) {
        let threads = measured.threads;
        let note = format!(
            "The {threads} threads had {cores:.1} cores while all of them were busy: other processes use the rest, or the \
             system limits them. All results are slower than on an idle machine, single-threaded ones (open-table) least."
        );
        text.push('\n');
        text += &wrapped_table(&[("", false)], [vec![note]], Some(width.unwrap_or(DEFAULT_WIDTH)));
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

/// A number with about three significant digits.
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
        "memory" => "read bandwidth of all threads together, on a buffer far larger than the caches",
        "products" => "products of matrices in the cache; a multiply-add counts as two operations",
        "file" => "read bandwidth for the file of `open` from the system's cache, without parsing",
        "open" => "opening a file that is read whole; parsing takes longer than reading, and archives take longest",
        "open-table" => "opening a table file, which is mapped, not read, whatever its size",
        "nearest" => {
            "the ten nearest neighbours of a word; limited by memory, unless the codes of all rows fit in the cache: then \
             it is above 100 %"
        }
        "nearest-batch" => "a batch of 256 such queries; its products use 8-bit numbers, which are faster than floats",
        "train" => "an epoch over 1,000 synthetic texts with the default options of training",
        _ => "",
    };
    wrapped_table(
        &[("", false), ("", false)],
        names.map(|name| vec![name.to_owned(), meaning(name).to_owned()]),
        Some(width),
    )
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
    fn columns_are_aligned_and_fit_the_width() {
        let text = bench(&measured(1.97), Some(70));
        let expected = "synthetic vectors: 400,000 x 50; 2 threads, 7 rounds

this machine        median          range
products      2.00 GFLOP/s  1.00 to 1,234

vocable    ms          range        throughput           of peak
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
