//! Measures opening, querying and training on this machine, compared with the peak rates of its memory, arithmetic and files.
//!
//! Peaks and measurements alternate in rounds, so that a temporary slowdown of the machine affects all of them.

mod peaks;
mod synthetic;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tempfile::TempDir;

use crate::classifier::{Progress, Splits, Tokenizer, TrainOptions, Training};
use crate::error::{Error, Result};
use crate::files::{ElementType, Format, ReadOptions};
use crate::query::{NearestOptions, Query, Term};
use crate::vectors::Vectors;
use peaks::{Memory, cpu_seconds, products, reading};

/// What is measured.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Synthetic vectors, which are written to a temporary folder. They only depend on the size.
    Synthetic {
        /// Rows, 100 to 10 million.
        rows: usize,
        /// Numbers per row, 1 to 4,096; at most 300 million numbers in total.
        dimension: usize,
    },
    /// Vectors that were opened from a file, and the options for opening it again.
    File(Arc<Vectors>, ReadOptions),
}

/// The default maximum number of rounds.
pub const ROUNDS: usize = 7;

/// No round but the first begins after this time.
const MAX_DURATION: Duration = Duration::from_secs(10);

/// Single queries per round.
const QUERIES: usize = 20;

/// Queries per batch.
const BATCH: usize = 256;

/// How often a table file is opened per round.
const OPENS: usize = 9;

/// Minimum number of cores per thread when no other process is running. Starting and joining threads takes the rest.
const MIN_CORES_PER_THREAD: f64 = 0.9;

/// The results of a benchmark run.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The file; `None` for synthetic vectors.
    pub file: Option<String>,
    /// Rows of the vectors.
    pub rows: usize,
    /// Numbers per row.
    pub dimension: usize,
    /// Number of threads.
    pub threads: usize,
    /// Number of rounds.
    pub rounds: usize,
    /// Average number of cores that were available while all threads were busy; `None` if the system does not report it.
    pub cores: Option<f64>,
    /// The peak rates of the machine.
    pub peaks: Vec<PeakRate>,
    /// The measurements of the library.
    pub measurements: Vec<Measurement>,
}

/// The median and range of several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MedianRange {
    /// The median.
    pub median: f64,
    /// The minimum.
    pub min: f64,
    /// The maximum.
    pub max: f64,
}

/// A peak rate of the machine.
#[derive(Debug, Clone, Serialize)]
pub struct PeakRate {
    /// `memory`: bytes read from a buffer much larger than the caches. `products`: operations of f32 matrix products in the cache,
    /// where a multiplication with its addition counts as two. `file`: bytes of the file read without processing.
    pub name: &'static str,
    /// GB/s or GFLOP/s, of all threads together.
    pub unit: &'static str,
    /// The rate, in this unit.
    pub rate: MedianRange,
}

/// The measurement of one operation of the library.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// `open` (read and parse a file), `open-table` (map a table file), `nearest` (a single query), `nearest-batch` (256 queries at
    /// once) or `train` (an epoch over 1,000 synthetic texts with default options).
    pub name: &'static str,
    /// Duration in milliseconds.
    pub milliseconds: MedianRange,
    /// Throughput, if it is meaningful.
    pub throughput: Option<Throughput>,
    /// The utilization of the resource that limits the operation.
    pub utilization: Option<Utilization>,
}

/// A number of units per second.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Throughput {
    /// The rate, the median over the rounds.
    pub rate: f64,
    /// The unit: `MB/s`, `queries/s` or `tokens/s`.
    pub unit: &'static str,
}

/// The rate of a measurement relative to a peak rate.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Utilization {
    /// The name of the peak.
    pub peak: &'static str,
    /// Bytes or operations per second, in the unit of the peak; the median over the rounds.
    pub rate: f64,
    /// The rate divided by the peak rate of the same round; the median over the rounds. It may exceed 1 if the codes of the rows fit
    /// in the cache, and because products of 8-bit codes are faster than those of floats.
    pub fraction: f64,
}

impl MedianRange {
    fn of(mut values: Vec<f64>) -> Option<MedianRange> {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let (&min, &max, &high) = (values.first()?, values.last()?, values.get(middle)?);
        let low = if values.len().is_multiple_of(2) { values[middle - 1] } else { high };
        Some(MedianRange { median: (low + high) / 2.0, min, max })
    }
}

impl BenchReport {
    /// Whether there were fewer available cores than threads, because of other processes or a limit of the system. All results are
    /// worse for it.
    pub fn is_contended(&self) -> bool {
        self.cores.is_some_and(|cores| cores < MIN_CORES_PER_THREAD * self.threads as f64)
    }
}

/// Measures in up to `rounds` rounds; no round begins after ten seconds. `observe` is called before each round with its number,
/// counted from 1, and can stop the run, in which case the result is `None`.
///
/// # Errors
/// A size or a number of rounds out of range, vectors without a row that has a direction, a temporary folder that cannot be
/// written, a file that has changed since it was opened.
pub fn measure(
    subject: &Subject,
    rounds: usize,
    observe: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Option<BenchReport>> {
    if !(1..=1000).contains(&rounds) {
        return Err(Error::invalid("rounds", "a whole number from 1 to 1,000", rounds.to_string()));
    }
    let bench = Bench::prepare(subject)?;
    let mut training = bench.training(rounds)?;
    // The first epoch and the first search are slower, and are not measured.
    if epoch(&mut training).is_none() {
        return Err(Error::invalid("vectors", "rows with which the loss is finite", "a loss that is not finite"));
    }
    bench.vectors.nearest_batch(&bench.queries, &NearestOptions::default())?;
    let began = Instant::now();
    let mut samples = Samples::default();
    for round in 1..=rounds {
        if observe(round).is_break() {
            return Ok(None);
        }
        bench.round(&mut training, &mut samples)?;
        if began.elapsed() > MAX_DURATION {
            break;
        }
    }
    Ok(Some(bench.measured(samples)))
}

/// The data of all rounds.
struct Bench {
    /// The vectors for queries and training.
    vectors: Arc<Vectors>,
    queries: Vec<Query>,
    splits: Splits,
    memory: Memory,
    options: ReadOptions,
    /// The folder with synthetic vectors, which is deleted with it.
    folder: Option<TempDir>,
}

/// The samples of each quantity, one per round.
#[derive(Default)]
struct Samples {
    /// GB/s, GFLOP/s, GB/s.
    memory: Vec<f64>,
    products: Vec<f64>,
    reading: Vec<f64>,
    /// Seconds.
    open: Vec<f64>,
    open_table: Vec<f64>,
    nearest: Vec<f64>,
    batch: Vec<f64>,
    train: Vec<f64>,
    /// Wall time and CPU time of the peak measurements, in seconds.
    wall: f64,
    cpu: Option<f64>,
}

/// The files of synthetic vectors.
const TEXT: &str = "vectors.txt";
const TABLE: &str = "vectors.safetensors";

impl Bench {
    fn prepare(subject: &Subject) -> Result<Bench> {
        let (vectors, options, folder) = match subject {
            Subject::Synthetic { rows, dimension } => {
                let (vectors, folder) = create_synthetic(*rows, *dimension)?;
                (Arc::new(vectors), ReadOptions::default(), Some(folder))
            }
            Subject::File(vectors, options) => (Arc::clone(vectors), options.clone(), None),
        };
        let rows = synthetic::query_rows(&vectors, BATCH);
        if rows.is_empty() {
            return Err(Error::invalid("vectors", "a row with a direction", "none"));
        }
        let query = |row: u32| vectors.query(&[(1.0, Term::Word(vectors.vocabulary().word(row).unwrap_or_default()))]);
        let queries = rows.into_iter().map(query).collect::<Result<Vec<Query>>>()?;
        let splits = synthetic::splits(&vectors)?;
        Ok(Bench { vectors, queries, splits, memory: Memory::new(), options, folder })
    }

    /// A training with default options, for one epoch more than there are rounds.
    fn training(&self, rounds: usize) -> Result<Training> {
        Training::new(&self.vectors, &self.splits, &self.train_options(rounds + 1))
    }

    fn train_options(&self, epochs: usize) -> TrainOptions {
        TrainOptions { tokenizer: Tokenizer::Whitespace, epochs, patience: None, ..TrainOptions::default() }
    }

    /// The file that is parsed when it is opened, if there is one.
    fn parsed_file(&self) -> Option<std::path::PathBuf> {
        match &self.folder {
            Some(folder) => Some(folder.path().join(TEXT)),
            None => self.vectors.table_info().is_none().then(|| self.vectors.source().path.clone()),
        }
    }

    /// The table file, if there is one.
    fn table_file(&self) -> Option<std::path::PathBuf> {
        match &self.folder {
            Some(folder) => Some(folder.path().join(TABLE)),
            None => self.vectors.table_info().map(|_| self.vectors.source().path.clone()),
        }
    }

    fn round(&self, training: &mut Training, samples: &mut Samples) -> Result<()> {
        let (began, cpu) = (Instant::now(), cpu_seconds());
        samples.memory.push(self.memory.rate());
        samples.products.push(products());
        samples.wall += began.elapsed().as_secs_f64();
        if let (Some(before), Some(after)) = (cpu, cpu_seconds()) {
            *samples.cpu.get_or_insert(0.0) += after - before;
        }
        if let Some(path) = self.parsed_file() {
            samples.reading.push(reading(&path, bytes_of(&path)?)?);
            samples.open.push(self.opening(&path)?);
        }
        if let Some(path) = self.table_file() {
            let opened = (0..OPENS).map(|_| self.opening(&path)).collect::<Result<Vec<f64>>>()?;
            samples.open_table.extend(MedianRange::of(opened).map(|spread| spread.median));
        }
        let options = NearestOptions::default();
        let mut asked = Vec::new();
        for query in self.queries.iter().take(QUERIES) {
            let began = Instant::now();
            self.vectors.search(query, &options)?;
            asked.push(began.elapsed().as_secs_f64());
        }
        samples.nearest.extend(MedianRange::of(asked).map(|spread| spread.median));
        let began = Instant::now();
        self.vectors.nearest_batch(&self.queries, &options)?;
        samples.batch.push(began.elapsed().as_secs_f64());
        samples.train.extend(epoch(training));
        Ok(())
    }

    /// The time to open a file, in seconds, without closing it.
    fn opening(&self, path: &Path) -> Result<f64> {
        let began = Instant::now();
        let vectors = Vectors::open_with(path, &self.options)?;
        let seconds = began.elapsed().as_secs_f64();
        drop(vectors);
        Ok(seconds)
    }

    fn measured(&self, samples: Samples) -> BenchReport {
        let (rows, dimension) = (self.vectors.len(), self.vectors.dimension());
        let rounds = samples.nearest.len();
        let peak =
            |name, unit, rates: &[f64]| MedianRange::of(rates.to_vec()).map(|rate| PeakRate { name, unit, rate });
        let peaks = [
            peak("memory", "GB/s", &samples.memory),
            peak("products", "GFLOP/s", &samples.products),
            peak("file", "GB/s", &samples.reading),
        ];
        let bytes = self.vectors.source().bytes;
        let (asked, tokens) = (self.queries.len(), training_tokens(&self.splits));
        // Two operations for each number of a row.
        let operations = 2.0 * asked as f64 * rows as f64 * dimension as f64;
        let file_bytes = self.parsed_file().and_then(|path| bytes_of(&path).ok()).unwrap_or(bytes) as f64;
        let measurements = [
            Self::of(
                "open",
                samples.open,
                Some((file_bytes / 1e6, "MB/s")),
                Some((file_bytes, "file", &samples.reading)),
            ),
            Self::of("open-table", samples.open_table, None, None),
            Self::of(
                "nearest",
                samples.nearest,
                Some((1.0, "queries/s")),
                Some((self.vectors.searched_bytes() as f64, "memory", &samples.memory)),
            ),
            Self::of(
                "nearest-batch",
                samples.batch,
                Some((asked as f64, "queries/s")),
                Some((operations, "products", &samples.products)),
            ),
            Self::of(
                "train",
                samples.train,
                Some((tokens as f64, "tokens/s")),
                Some((self.epoch_operations(), "products", &samples.products)),
            ),
        ];
        let file = self.folder.is_none().then(|| self.vectors.source().path.to_string_lossy().into_owned());
        BenchReport {
            file,
            rows,
            dimension,
            threads: rayon::current_num_threads(),
            rounds,
            cores: samples.cpu.map(|cpu| cpu / samples.wall),
            peaks: peaks.into_iter().flatten().collect(),
            measurements: measurements.into_iter().flatten().collect(),
        }
    }

    /// A measurement from the seconds of each round. `work` is the amount of work and its unit; `needs` is the number of bytes or
    /// operations, and the peak that limits them.
    fn of(
        name: &'static str,
        seconds: Vec<f64>,
        work: Option<(f64, &'static str)>,
        needs: Option<(f64, &'static str, &Vec<f64>)>,
    ) -> Option<Measurement> {
        let median = |values: Vec<f64>| MedianRange::of(values).map(|spread| spread.median);
        let throughput = work.and_then(|(work, unit)| {
            median(seconds.iter().map(|seconds| work / seconds).collect()).map(|rate| Throughput { rate, unit })
        });
        let utilization = needs.and_then(|(needs, peak, rates_of_peak)| {
            let rates: Vec<f64> = seconds.iter().map(|seconds| needs / seconds / 1e9).collect();
            let fractions = rates.iter().zip(rates_of_peak).map(|(rate, peak)| rate / peak).collect();
            Some(Utilization { peak, rate: median(rates)?, fraction: median(fractions)? })
        });
        let milliseconds = MedianRange::of(seconds.into_iter().map(|seconds| 1e3 * seconds).collect())?;
        Some(Measurement { name, milliseconds, throughput, utilization })
    }

    /// The number of operations in the matrix products of an epoch. Elementwise arithmetic and the output layer are not counted.
    fn epoch_operations(&self) -> f64 {
        let TrainOptions { hidden, batch, .. } = self.train_options(1);
        let (hidden, input) = (hidden as f64, self.vectors.dimension() as f64);
        let mut operations = 0.0;
        // Batches are shuffled in each epoch, but all of them are similar.
        for texts in self.splits.train.texts.chunks(batch) {
            let words = || texts.iter().flat_map(|text| text.text.split_whitespace());
            let tokens = words().count() as f64;
            let distinct = words().collect::<hashbrown::HashSet<&str>>().len() as f64;
            // A step multiplies the weights of four gates with the previous state, which the first word does not have. The
            // backward pass has one product for the state and one for the weights.
            operations += 2.0 * 4.0 * hidden * hidden * (3.0 * tokens - 2.0 * texts.len() as f64);
            // The row of a word is multiplied once per batch, and in the backward pass for the weights and the row.
            operations += 3.0 * 2.0 * 4.0 * hidden * input * distinct;
        }
        operations
    }
}

/// Creates synthetic vectors as text and as a table in a folder, and opens the table.
fn create_synthetic(rows: usize, dimension: usize) -> Result<(Vectors, TempDir)> {
    let check = |what: &str, value: usize, min: usize, max: usize, expected: &str| {
        let valid = (min..=max).contains(&value);
        valid.then_some(()).ok_or_else(|| Error::invalid(what, expected, value.to_string()))
    };
    check("rows", rows, 100, 10_000_000, "a whole number from 100 to 10,000,000")?;
    check("dimension", dimension, 1, 4096, "a whole number from 1 to 4,096")?;
    check("rows x dimension", rows * dimension, 1, 300_000_000, "at most 300,000,000 numbers")?;
    let parent = std::env::temp_dir();
    let folder = TempDir::new().map_err(|e| Error::io(&parent, "make a temporary folder in it", e))?;
    let vectors = synthetic::vectors(rows, dimension)?;
    vectors.save(folder.path().join(TEXT), Format::Glove, ElementType::F32)?;
    vectors.save(folder.path().join(TABLE), Format::Table, ElementType::F32)?;
    drop(vectors);
    Ok((Vectors::open(folder.path().join(TABLE))?, folder))
}

/// The time of the steps of an epoch, in seconds; `None` at the end of training.
fn epoch(training: &mut Training) -> Option<f64> {
    loop {
        if let Progress::Epoch(epoch) = training.advance()? {
            return Some(epoch.train_seconds);
        }
    }
}

fn training_tokens(splits: &Splits) -> usize {
    splits.train.texts.iter().map(|text| text.text.split_whitespace().count()).sum()
}

fn bytes_of(path: &Path) -> Result<u64> {
    std::fs::metadata(path).map(|metadata| metadata.len()).map_err(|e| Error::io(path, "read it", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_range_is_of_all_values() {
        assert_eq!(MedianRange::of(vec![]), None);
        assert_eq!(MedianRange::of(vec![3.0, 1.0, 2.0]), Some(MedianRange { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(MedianRange::of(vec![4.0, 1.0]), Some(MedianRange { median: 2.5, min: 1.0, max: 4.0 }));
    }
}
