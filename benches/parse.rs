//! Speed of the readers, on files in memory: `cargo bench --bench parse`.

mod synthetic;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use vocable::files::{ReadOptions, parse, parse_f32};

use synthetic::{Form, Kind, Synthetic};

/// Rows and dimension: those of glove.6B, and a sixth of the rows.
const SIZES: [(usize, usize); 2] = [(400_000, 50), (60_000, 300)];
const SEED: u64 = 1;

fn main() {
    divan::main();
}

/// Text to rows, on all cores.
#[divan::bench(args = SIZES, sample_count = 20)]
fn glove(bencher: Bencher, size: (usize, usize)) {
    rows(bencher, Form::Glove, size);
}

/// Binary to rows.
#[divan::bench(args = SIZES, sample_count = 20)]
fn word2vec_binary(bencher: Bencher, size: (usize, usize)) {
    rows(bencher, Form::Word2vecBinary, size);
}

fn rows(bencher: Bencher, form: Form, (rows, dimension): (usize, usize)) {
    let bytes = Synthetic::new(form, Kind::Independent, rows, dimension, SEED).bytes();
    let options = ReadOptions::default();
    let (read, _) = parse(&bytes, &options).expect("what was made is well-formed");
    assert_eq!((read.words.len(), read.dimension), (rows, dimension));
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| parse(black_box(&bytes), &options));
}

/// A million numbers on one thread.
#[divan::bench]
fn number(bencher: Bencher) {
    let text = Synthetic::new(Form::Glove, Kind::Independent, 20_000, 50, SEED).bytes();
    let lines = text.split(|&byte| byte == b'\n');
    let fields: Vec<&[u8]> = lines.flat_map(|line| line.split(|&byte| byte == b' ').skip(1)).collect();
    assert_eq!(fields.len(), 1_000_000);
    assert!(fields.iter().all(|field| parse_f32(field).is_some()), "what was made is well-formed");
    bencher
        .counter(ItemsCount::new(fields.len()))
        .counter(BytesCount::new(fields.iter().map(|field| field.len()).sum::<usize>()))
        .bench(|| black_box(&fields).iter().filter_map(|field| parse_f32(field)).sum::<f32>());
}
