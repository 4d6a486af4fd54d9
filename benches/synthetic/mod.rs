//! Synthetic word vectors that resemble real ones, for benchmarks. Shared by `parse.rs` and `peers/`.
//!
//! Rows are made in blocks. Each block draws its numbers from its own random stream, so that blocks can be made in
//! parallel and the same seed still gives the same bytes.

use std::collections::HashSet;
use std::io::Write;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, StandardNormal};

/// The words of the first rows, for queries.
const FIRST: [&str; 7] = ["the", "king", "queen", "man", "woman", "france", "italy"];

/// The standard deviation of the numbers. GloVe's is between 0.38 (dimension 300) and 0.74 (frequent words, dimension 50).
const DEVIATION: f64 = 0.55;

// These constants make structured rows resemble the tables of GloVe and word2vec in the shares of
// the principal components, the norms, and the cosines of nearest neighbours.

/// Length of the component common to all rows, before scaling to the norm.
const COMMON: f32 = 0.4;

/// The standard deviation along axis `n` is `(n + 1)^-DECAY`, before mixing.
const DECAY: f32 = 0.25;

/// Standard deviations of themes, of topics within a theme, and of words within a topic.
const THEME: f32 = 0.55;
const TOPIC: f32 = 0.6;
const OWN: f32 = 0.58;

/// Number of themes.
const THEMES: usize = 60;

/// Average number of words per topic.
const WORDS_A_TOPIC: usize = 60;

/// The norm of the first row, its decrease with the rank, `(1 + a rank / rows)^-b`, and the standard deviation of its logarithm.
const FIRST_NORM: f32 = 6.0;
const NORM_FALL: (f32, f32) = (20.0, 0.35);
const NORM_DEVIATION: f32 = 0.12;

/// Rows per block.
const BLOCK: usize = 256;

/// The random stream of what structured rows share; blocks use streams from 1.
const SHARED: u64 = 1 << 63;

/// File formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// GloVe text, numbers with five significant digits, as glove.6B has them.
    Glove,
    /// word2vec binary with a line feed after each row, as `word2vec.c` writes it.
    Word2vecBinary,
}

/// Relation between rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// None: every number is drawn independently.
    Independent,
    /// As in real tables: see [`Structure`].
    Structured,
}

/// Synthetic vectors, written block by block.
#[derive(Debug)]
pub struct Synthetic {
    form: Form,
    dimension: usize,
    seed: u64,
    words: Vec<String>,
    structure: Option<Structure>,
}

impl Synthetic {
    /// Draws `rows` distinct words, and what related rows have in common.
    pub fn new(form: Form, kind: Kind, rows: usize, dimension: usize, seed: u64) -> Self {
        let words = words(rows, &mut stream(seed, 0));
        let structure = (kind == Kind::Structured).then(|| Structure::draw(rows, dimension, &mut stream(seed, SHARED)));
        Synthetic { form, dimension, seed, words, structure }
    }

    /// What precedes the rows: nothing, or word2vec's line `rows dimension`.
    pub fn header(&self) -> String {
        match self.form {
            Form::Glove => String::new(),
            Form::Word2vecBinary => format!("{} {}\n", self.words.len(), self.dimension),
        }
    }

    /// Number of blocks.
    pub fn blocks(&self) -> usize {
        self.words.len().div_ceil(BLOCK)
    }

    /// The bytes of block `index`, which is below [`Synthetic::blocks`].
    pub fn block(&self, index: usize) -> Vec<u8> {
        let start = index * BLOCK;
        let words = &self.words[start..self.words.len().min(start + BLOCK)];
        let mut rng = stream(self.seed, index as u64 + 1);
        let normal = Normal::new(0.0, DEVIATION).expect("the deviation is finite");
        let mut out = Vec::new();
        for (word, row) in words.iter().zip(start..) {
            let values: Vec<f64> = match &self.structure {
                None => normal.sample_iter(&mut rng).take(self.dimension).collect(),
                Some(structure) => structure.row(row, self.words.len(), &mut rng),
            };
            out.extend_from_slice(word.as_bytes());
            if self.form == Form::Word2vecBinary {
                out.push(b' ');
            }
            for value in values {
                match self.form {
                    Form::Glove => {
                        out.push(b' ');
                        decimal(value, &mut out);
                    }
                    Form::Word2vecBinary => out.extend_from_slice(&(value as f32).to_le_bytes()),
                }
            }
            out.push(b'\n');
        }
        out
    }

    /// The whole file.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header().into_bytes();
        (0..self.blocks()).for_each(|index| out.extend(self.block(index)));
        out
    }
}

/// Makes rows resemble those of real tables: a direction common to all, themes, topics within themes, correlated numbers,
/// and norms that fall as words become rarer.
///
/// A row is its norm times `common + mixing (theme + topic + own)`. Everything except the common direction is drawn with
/// standard deviations that fall from one axis to the next; the mixing spreads them over all numbers of a row.
#[derive(Debug)]
struct Structure {
    /// `[D]`; a few numbers are large, as in GloVe's tables.
    common: Vec<f32>,
    /// `[D, D]`, one axis per row.
    mixing: Vec<f32>,
    /// `[topics, D]`, including their themes.
    topics: Vec<f32>,
}

impl Structure {
    fn draw(rows: usize, dimension: usize, rng: &mut ChaCha8Rng) -> Self {
        let cubes: Vec<f32> = (0..dimension).map(|_| normal(rng).powi(3)).collect();
        let length = cubes.iter().map(|cube| cube * cube).sum::<f32>().sqrt();
        let common = cubes.iter().map(|cube| COMMON * cube / length).collect();

        let deviations: Vec<f32> = (0..dimension).map(|axis| (1.0 + axis as f32).powf(-DECAY)).collect();
        let total = deviations.iter().map(|deviation| deviation * deviation).sum::<f32>().sqrt();
        let mixing = (0..dimension * dimension)
            .map(|at| normal(rng) * deviations[at / dimension] / (total * (dimension as f32).sqrt()))
            .collect();

        let themes: Vec<f32> = (0..THEMES * dimension).map(|_| THEME * normal(rng)).collect();
        let topics = rows.div_ceil(WORDS_A_TOPIC);
        let topics = (0..topics)
            .flat_map(|_| {
                let theme = few(THEMES, rng) * dimension;
                let theme = &themes[theme..theme + dimension];
                theme.iter().map(|theme| theme + TOPIC * normal(rng)).collect::<Vec<f32>>()
            })
            .collect();
        Structure { common, mixing, topics }
    }

    /// Row `row` of `rows`, the first of which are the most frequent words.
    fn row(&self, row: usize, rows: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let dimension = self.common.len();
        let topic = few(self.topics.len() / dimension, rng) * dimension;
        let axes: Vec<f32> =
            self.topics[topic..topic + dimension].iter().map(|topic| topic + OWN * normal(rng)).collect();
        let norm = FIRST_NORM * (1.0 + NORM_FALL.0 * row as f32 / rows as f32).powf(-NORM_FALL.1);
        let norm = norm * (NORM_DEVIATION * normal(rng)).exp();
        let mut row = self.common.clone();
        for (axis, weights) in axes.iter().zip(self.mixing.chunks_exact(dimension)) {
            row.iter_mut().zip(weights).for_each(|(value, weight)| *value += axis * weight);
        }
        row.iter().map(|value| f64::from(norm * value)).collect()
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f32 {
    StandardNormal.sample(rng)
}

/// A random number below `count`, small ones more often than large ones: some topics have many words, most have few.
fn few(count: usize, rng: &mut ChaCha8Rng) -> usize {
    let share: f64 = rng.random();
    ((share * share * count as f64) as usize).min(count - 1)
}

fn stream(seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    rng
}

/// Distinct lower-case words of 3 to 11 letters, alternating consonants and vowels; the known ones first.
fn words(count: usize, rng: &mut ChaCha8Rng) -> Vec<String> {
    let mut words: Vec<String> = FIRST.iter().take(count).map(|word| (*word).to_owned()).collect();
    let mut seen: HashSet<String> = words.iter().cloned().collect();
    while words.len() < count {
        let length = 3 + rng.random_range(0..=4) + rng.random_range(0..=4);
        let consonant = rng.random_range(0..2);
        let letters = (0..length).map(|at| {
            let of: &[u8] = if at % 2 == consonant { b"bcdfghjklmnpqrstvwxz" } else { b"aeiouy" };
            char::from(of[rng.random_range(0..of.len())])
        });
        let word: String = letters.collect();
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

/// Writes a number below 10,000 as C's `%.5g` does: five significant digits, without zeros at the end, tiny ones with an
/// exponent.
fn decimal(value: f64, out: &mut Vec<u8>) {
    let exponent = value.abs().log10().floor();
    if exponent >= -4.0 {
        write!(out, "{value:.places$}", places = (4.0 - exponent) as usize).expect("memory takes it");
        trim(out);
    } else {
        let text = format!("{value:.4e}");
        let (mantissa, exponent) = text.split_once("e-").expect("it is far below 1");
        out.extend_from_slice(mantissa.as_bytes());
        trim(out);
        write!(out, "e-{exponent:0>2}").expect("memory takes it");
    }
}

/// Removes trailing zeros of a fraction, and the point if nothing follows it.
fn trim(out: &mut Vec<u8>) {
    while out.last() == Some(&b'0') {
        out.pop();
    }
    if out.last() == Some(&b'.') {
        out.pop();
    }
}
