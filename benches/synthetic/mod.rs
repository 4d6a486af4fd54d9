//! Made-up word vectors that read like real ones, for benchmarks. Shared by `parse.rs` and `peers/`.
//!
//! The rows come in blocks. A block's numbers are drawn from a random stream of its own, so that blocks can be made in
//! parallel and the same seed still gives the same bytes.

use std::collections::HashSet;
use std::io::Write;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

/// The words of the first rows, for questions to ask.
const FIRST: [&str; 7] = ["the", "king", "queen", "man", "woman", "france", "italy"];

/// The deviation of the numbers. GloVe's own lie between 0.38 (300 numbers a row) and 0.74 (frequent words, 50 a row).
const DEVIATION: f64 = 0.55;

/// Rows a block.
const BLOCK: usize = 256;

/// The forms in which rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Form {
    /// GloVe text, numbers with five significant digits, as glove.6B has them.
    Glove,
    /// word2vec binary with a line feed after each row, as `word2vec.c` writes it.
    Word2vecBinary,
}

/// Made-up vectors, written block by block.
#[derive(Debug)]
pub struct Synthetic {
    form: Form,
    dimension: usize,
    seed: u64,
    words: Vec<String>,
}

impl Synthetic {
    /// Draws the words of `rows` rows; all of them are distinct.
    pub fn new(form: Form, rows: usize, dimension: usize, seed: u64) -> Self {
        Synthetic { form, dimension, seed, words: words(rows, &mut stream(seed, 0)) }
    }

    /// What stands before the rows: nothing, or word2vec's line `rows dimension`.
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
        for word in words {
            out.extend_from_slice(word.as_bytes());
            if self.form == Form::Word2vecBinary {
                out.push(b' ');
            }
            for value in normal.sample_iter(&mut rng).take(self.dimension) {
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

fn stream(seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    rng
}

/// Distinct lower-case words of 3 to 11 letters, consonants and vowels by turns, the known ones first.
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

/// Leaves out the zeros at the end of a fraction, and the point if nothing follows it.
fn trim(out: &mut Vec<u8>) {
    while out.last() == Some(&b'0') {
        out.pop();
    }
    if out.last() == Some(&b'.') {
        out.pop();
    }
}
