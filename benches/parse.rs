//! How fast the readers are, on files that lie in memory already: `cargo bench --bench parse`.

mod synthetic;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use vocable::files::{ReadOptions, parse, parse_f32};

use synthetic::{Form, Synthetic};

const ROWS: usize = 20_000;
const SEED: u64 = 1;

fn main() {
    divan::main();
}

/// Text to rows, the numbers on all cores.
#[divan::bench(args = [50, 300])]
fn glove(bencher: Bencher, dimension: usize) {
    rows(bencher, Form::Glove, dimension);
}

/// Binary to rows.
#[divan::bench(args = [50, 300])]
fn word2vec_binary(bencher: Bencher, dimension: usize) {
    rows(bencher, Form::Word2vecBinary, dimension);
}

fn rows(bencher: Bencher, form: Form, dimension: usize) {
    let bytes = Synthetic::new(form, ROWS, dimension, SEED).bytes();
    let options = ReadOptions::default();
    let (read, _) = parse(&bytes, &options).expect("what was made is well-formed");
    assert_eq!((read.words.len(), read.dimension), (ROWS, dimension));
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| parse(black_box(&bytes), &options));
}

/// A million numbers, one after the other on one thread.
#[divan::bench]
fn number(bencher: Bencher) {
    let text = Synthetic::new(Form::Glove, ROWS, 50, SEED).bytes();
    let lines = text.split(|&byte| byte == b'\n');
    let fields: Vec<&[u8]> = lines.flat_map(|line| line.split(|&byte| byte == b' ').skip(1)).collect();
    assert_eq!(fields.len(), 1_000_000);
    assert!(fields.iter().all(|field| parse_f32(field).is_some()), "what was made is well-formed");
    bencher
        .counter(ItemsCount::new(fields.len()))
        .counter(BytesCount::new(fields.iter().map(|field| field.len()).sum::<usize>()))
        .bench(|| black_box(&fields).iter().filter_map(|field| parse_f32(field)).sum::<f32>());
}
