//! How long opening, asking and training take on this machine, beside what its memory, its arithmetic and its files allow.
//!
//! Peaks and measurements are taken by turns, in rounds, so that a slow moment of the machine meets all of them.

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
use peaks::{Memory, processor_seconds, products, reading};

/// What is measured.
#[derive(Debug, Clone)]
pub enum Subject {
    /// Synthetic vectors, which are written to a temporary folder. The same for the same size.
    Synthetic {
        /// Rows, 100 to 10 million.
        rows: usize,
        /// Numbers a row, 1 to 4,096; at most 300 million numbers in all.
        dimension: usize,
    },
    /// Vectors of a file, open already, and how it is opened.
    File(Arc<Vectors>, ReadOptions),
}

/// Rounds, at most, unless someone asks for another number.
pub const ROUNDS: usize = 7;

/// After so long no round begins but the first.
const LONGEST: Duration = Duration::from_secs(10);

/// Questions one by one in a round, and questions of a batch.
const QUESTIONS: usize = 20;
const BATCH: usize = 256;

/// How often a table file is opened in a round.
const OPENED: usize = 9;

/// What the threads get of the cores when nothing else runs, at the least: the rest goes into their starts and ends.
const ALONE: f64 = 0.9;

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The file; none for synthetic vectors.
    pub file: Option<String>,
    /// Rows of the vectors.
    pub rows: usize,
    /// Numbers a row.
    pub dimension: usize,
    /// Threads that shared the work.
    pub threads: usize,
    /// Rounds that were measured.
    pub rounds: usize,
    /// Cores that all threads together had while all of them were at work; none where the system does not tell.
    pub cores: Option<f64>,
    /// What the machine allows.
    pub peaks: Vec<PeakRate>,
    /// How fast the library is.
    pub measurements: Vec<Measurement>,
}

/// A figure of several rounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MedianRange {
    /// The one in the middle, or the mean of the two in the middle.
    pub median: f64,
    /// The min.
    pub min: f64,
    /// The max.
    pub max: f64,
}

/// How fast the machine is at one thing.
#[derive(Debug, Clone, Serialize)]
pub struct PeakRate {
    /// `memory`: bytes read from a buffer far larger than caches. `products`: operations of matrix products in the cache, of
    /// 32-bit floats, an addition and a multiplication being two. `file`: bytes of the file read and left alone.
    pub name: &'static str,
    /// GB/s or GFLOP/s, of all threads together.
    pub unit: &'static str,
    /// How many of the unit.
    pub rate: MedianRange,
}

/// How fast the library is at one thing.
#[derive(Debug, Clone, Serialize)]
pub struct Measurement {
    /// `open` (the file is read whole), `open-table` (a table file is mapped), `nearest` (one question), `nearest-batch` (256 at
    /// once) or `train` (an epoch over 1,000 synthetic texts, with the options that training has by itself).
    pub name: &'static str,
    /// Milliseconds that it takes.
    pub milliseconds: MedianRange,
    /// What of it is done in a second.
    pub throughput: Option<Throughput>,
    /// How near it is to the peak that it cannot pass.
    pub utilization: Option<Utilization>,
}

/// So many of something in a second.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Throughput {
    /// How many, the median over the rounds.
    pub rate: f64,
    /// Of what: `MB/s`, `questions/s`, `tokens/s`.
    pub unit: &'static str,
}

/// The part of a peak that a measure comes to.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Utilization {
    /// The name of the peak.
    pub peak: &'static str,
    /// What the measure reads or computes in a second, in the peak's unit; the median over the rounds.
    pub rate: f64,
    /// The rate over that of the peak in the same round; the median over the rounds. Above 1 where codes of rows lie in
    /// the cache, and where products are of 8-bit numbers.
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
    /// Whether the threads got fewer cores than there are threads, because other processes had them or because the system
    /// grants no more: all that was measured is slower for it.
    pub fn is_contended(&self) -> bool {
        self.cores.is_some_and(|cores| cores < ALONE * self.threads as f64)
    }

    /// A peak by its name.
    pub fn peak(&self, name: &str) -> Option<&PeakRate> {
        self.peaks.iter().find(|peak| peak.name == name)
    }
}

/// Takes all measurements in `rounds` rounds, fewer where ten seconds are over before. `observe` is called ahead of each round with
/// its number, from 1 on, and may end all of it; then there is no answer.
///
/// # Errors
/// A size or a number of rounds outside its range, vectors of which no row has a direction, a temporary folder that cannot be
/// written, a file that changed since it was opened.
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
    // What is read and made for the first time takes longer, and does not count.
    if epoch(&mut training).is_none() {
        return Err(Error::invalid("vectors", "rows that an LSTM can be trained on", "a loss that is no number"));
    }
    bench.vectors.nearest_batch(&bench.queries, &NearestOptions::default())?;
    let began = Instant::now();
    let mut taken = Taken::default();
    for round in 1..=rounds {
        if observe(round).is_break() {
            return Ok(None);
        }
        bench.round(&mut training, &mut taken)?;
        if began.elapsed() > LONGEST {
            break;
        }
    }
    Ok(Some(bench.measured(taken)))
}

/// What all rounds measure.
struct Bench {
    /// The vectors that are asked and trained on.
    vectors: Arc<Vectors>,
    queries: Vec<Query>,
    splits: Splits,
    memory: Memory,
    options: ReadOptions,
    /// Where synthetic vectors lie; the folder goes away with it.
    folder: Option<TempDir>,
}

/// What was taken of each figure, a value a round.
#[derive(Default)]
struct Taken {
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
    /// Seconds of peaks, and seconds of processor time that they had.
    wall: f64,
    processor: Option<f64>,
}

/// The files of synthetic vectors.
const TEXT: &str = "vectors.txt";
const TABLE: &str = "vectors.safetensors";

impl Bench {
    fn prepare(subject: &Subject) -> Result<Bench> {
        let (vectors, options, folder) = match subject {
            Subject::Synthetic { rows, dimension } => {
                let (vectors, folder) = make_up(*rows, *dimension)?;
                (Arc::new(vectors), ReadOptions::default(), Some(folder))
            }
            Subject::File(vectors, options) => (Arc::clone(vectors), options.clone(), None),
        };
        let rows = synthetic::questions(&vectors, BATCH);
        if rows.is_empty() {
            return Err(Error::invalid("vectors", "a row with a direction", "none"));
        }
        let query = |row: u32| vectors.query(&[(1.0, Term::Word(vectors.vocabulary().word(row).unwrap_or_default()))]);
        let queries = rows.into_iter().map(query).collect::<Result<Vec<Query>>>()?;
        let splits = synthetic::splits(&vectors)?;
        Ok(Bench { vectors, queries, splits, memory: Memory::new(), options, folder })
    }

    /// A training as a user has it who says nothing about it, for an epoch more than there are rounds.
    fn training(&self, rounds: usize) -> Result<Training> {
        Training::new(&self.vectors, &self.splits, &self.train_options(rounds + 1))
    }

    fn train_options(&self, epochs: usize) -> TrainOptions {
        TrainOptions { tokenizer: Tokenizer::Whitespace, epochs, patience: None, ..TrainOptions::default() }
    }

    /// The file that is read whole when it is opened, if there is one.
    fn read_whole(&self) -> Option<std::path::PathBuf> {
        match &self.folder {
            Some(folder) => Some(folder.path().join(TEXT)),
            None => self.vectors.table_info().is_none().then(|| self.vectors.source().path.clone()),
        }
    }

    /// The table file, if there is one.
    fn table(&self) -> Option<std::path::PathBuf> {
        match &self.folder {
            Some(folder) => Some(folder.path().join(TABLE)),
            None => self.vectors.table_info().map(|_| self.vectors.source().path.clone()),
        }
    }

    fn round(&self, training: &mut Training, taken: &mut Taken) -> Result<()> {
        let (began, processor) = (Instant::now(), processor_seconds());
        taken.memory.push(self.memory.rate());
        taken.products.push(products());
        taken.wall += began.elapsed().as_secs_f64();
        if let (Some(before), Some(after)) = (processor, processor_seconds()) {
            *taken.processor.get_or_insert(0.0) += after - before;
        }
        if let Some(path) = self.read_whole() {
            taken.reading.push(reading(&path, bytes_of(&path)?)?);
            taken.open.push(self.opening(&path)?);
        }
        if let Some(path) = self.table() {
            let opened = (0..OPENED).map(|_| self.opening(&path)).collect::<Result<Vec<f64>>>()?;
            taken.open_table.extend(MedianRange::of(opened).map(|spread| spread.median));
        }
        let options = NearestOptions::default();
        let mut asked = Vec::new();
        for query in self.queries.iter().take(QUESTIONS) {
            let began = Instant::now();
            self.vectors.search(query, &options)?;
            asked.push(began.elapsed().as_secs_f64());
        }
        taken.nearest.extend(MedianRange::of(asked).map(|spread| spread.median));
        let began = Instant::now();
        self.vectors.nearest_batch(&self.queries, &options)?;
        taken.batch.push(began.elapsed().as_secs_f64());
        taken.train.extend(epoch(training));
        Ok(())
    }

    /// Seconds to open a file. That it goes away again does not count.
    fn opening(&self, path: &Path) -> Result<f64> {
        let began = Instant::now();
        let vectors = Vectors::open_with(path, &self.options)?;
        let seconds = began.elapsed().as_secs_f64();
        drop(vectors);
        Ok(seconds)
    }

    fn measured(&self, taken: Taken) -> BenchReport {
        let (rows, dimension) = (self.vectors.len(), self.vectors.dimension());
        let rounds = taken.nearest.len();
        let peak =
            |name, unit, rates: &[f64]| MedianRange::of(rates.to_vec()).map(|rate| PeakRate { name, unit, rate });
        let peaks = [
            peak("memory", "GB/s", &taken.memory),
            peak("products", "GFLOP/s", &taken.products),
            peak("file", "GB/s", &taken.reading),
        ];
        let bytes = self.vectors.source().bytes;
        let (asked, tokens) = (self.queries.len(), training_tokens(&self.splits));
        // An element of a product is two operations for each number of a row.
        let operations = 2.0 * asked as f64 * rows as f64 * dimension as f64;
        let file_bytes = self.read_whole().and_then(|path| bytes_of(&path).ok()).unwrap_or(bytes) as f64;
        let measurements = [
            Self::of("open", taken.open, Some((file_bytes / 1e6, "MB/s")), Some((file_bytes, "file", &taken.reading))),
            Self::of("open-table", taken.open_table, None, None),
            Self::of(
                "nearest",
                taken.nearest,
                Some((1.0, "questions/s")),
                Some((self.vectors.searched_bytes() as f64, "memory", &taken.memory)),
            ),
            Self::of(
                "nearest-batch",
                taken.batch,
                Some((asked as f64, "questions/s")),
                Some((operations, "products", &taken.products)),
            ),
            Self::of(
                "train",
                taken.train,
                Some((tokens as f64, "tokens/s")),
                Some((self.epoch_operations(), "products", &taken.products)),
            ),
        ];
        let file = self.folder.is_none().then(|| self.vectors.source().path.to_string_lossy().into_owned());
        BenchReport {
            file,
            rows,
            dimension,
            threads: rayon::current_num_threads(),
            rounds,
            cores: taken.processor.map(|processor| processor / taken.wall),
            peaks: peaks.into_iter().flatten().collect(),
            measurements: measurements.into_iter().flatten().collect(),
        }
    }

    /// A measure from its seconds, a value a round; `work` is what is done in these, `needs` what of a peak that takes, in
    /// single bytes or operations.
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

    /// Operations of the matrix products of an epoch: what is left of training, its sums and its exponentials, is not
    /// counted, nor is the layer behind the encoder.
    fn epoch_operations(&self) -> f64 {
        let TrainOptions { hidden, batch, .. } = self.train_options(1);
        let (hidden, input) = (hidden as f64, self.vectors.dimension() as f64);
        let mut operations = 0.0;
        // Batches are drawn anew in each epoch, but all of them are alike.
        for texts in self.splits.train.texts.chunks(batch) {
            let words = || texts.iter().flat_map(|text| text.text.split_whitespace());
            let tokens = words().count() as f64;
            let distinct = words().collect::<hashbrown::HashSet<&str>>().len() as f64;
            // A step's sums are a product of four gates' weights with the state before, which a text's first word lacks; back
            // it is one for the state, and one for the weights.
            operations += 2.0 * 4.0 * hidden * hidden * (3.0 * tokens - 2.0 * texts.len() as f64);
            // A word's row is multiplied once a batch, whatever the number of its places; and back for weights and row.
            operations += 3.0 * 2.0 * 4.0 * hidden * input * distinct;
        }
        operations
    }
}

/// Synthetic vectors, as text and as a table in a folder, opened from the table.
fn make_up(rows: usize, dimension: usize) -> Result<(Vectors, TempDir)> {
    let within = |what: &str, value: usize, least: usize, most: usize, said: &str| {
        let right = (least..=most).contains(&value);
        right.then_some(()).ok_or_else(|| Error::invalid(what, said, value.to_string()))
    };
    within("rows", rows, 100, 10_000_000, "a whole number from 100 to 10,000,000")?;
    within("dimension", dimension, 1, 4096, "a whole number from 1 to 4,096")?;
    within("rows x dimension", rows * dimension, 1, 300_000_000, "at most 300,000,000 numbers")?;
    let parent = std::env::temp_dir();
    let folder = TempDir::new().map_err(|e| Error::io(&parent, "make a temporary folder in it", e))?;
    let vectors = synthetic::vectors(rows, dimension)?;
    vectors.save(folder.path().join(TEXT), Format::Glove, ElementType::F32)?;
    vectors.save(folder.path().join(TABLE), Format::Table, ElementType::F32)?;
    drop(vectors);
    Ok((Vectors::open(folder.path().join(TABLE))?, folder))
}

/// Seconds of the steps of an epoch; none at the end of training.
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
    fn spreads_are_of_all_values() {
        assert_eq!(MedianRange::of(vec![]), None);
        assert_eq!(MedianRange::of(vec![3.0, 1.0, 2.0]), Some(MedianRange { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(MedianRange::of(vec![4.0, 1.0]), Some(MedianRange { median: 2.5, min: 1.0, max: 4.0 }));
    }
}
