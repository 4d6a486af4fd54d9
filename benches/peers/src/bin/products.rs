//! Matrix products of four crates at the shapes of training, on one thread, alternating: GFLOP/s as a Markdown table.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::time::Instant;

use clap::Parser;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::NdTensorView;

/// Times matrix products on one thread.
#[derive(Parser)]
struct Arguments {
    /// Number of rounds per shape
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// Approximate milliseconds per round
    #[arg(long, default_value_t = 20)]
    milliseconds: u64,
}

/// Memory layouts of the factors; the product is row-major.
#[derive(Clone, Copy)]
enum Form {
    /// `a [m, k]`, `b [n, k]`: states or rows by weights, as the layers hold them.
    Nt,
    /// `a [m, k]`, `b [k, n]`: gradients of sums by weights.
    Nn,
    /// `a [k, m]`, `b [k, n]`: the gradients of weights.
    Tn,
}

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Nt => "nt",
            Form::Nn => "nn",
            Form::Tn => "tn",
        }
    }
}

struct Shape {
    what: &'static str,
    form: Form,
    m: usize,
    n: usize,
    k: usize,
}

/// The products of an LSTM with `hidden` units over rows of `input` numbers, for a shard of 32 texts: one step, then all tokens.
fn shapes(hidden: usize, input: usize) -> Vec<Shape> {
    let sums = 4 * hidden;
    let shape = |what, form, m, n, k| Shape { what, form, m, n, k };
    vec![
        shape("a step, 32 texts", Form::Nt, 32, sums, hidden),
        shape("a step, 64 texts", Form::Nt, 64, sums, hidden),
        shape("a step, one text", Form::Nt, 1, sums, hidden),
        shape("a step, 32 texts, weights transposed", Form::Nn, 32, sums, hidden),
        shape("a step back, 32 texts", Form::Nn, 32, hidden, sums),
        shape("a step back, 64 texts", Form::Nn, 64, hidden, sums),
        shape("rows of 300 words", Form::Nt, 300, sums, input),
        shape("their gradient", Form::Nn, 300, input, sums),
        shape("input weights' gradient", Form::Tn, sums, input, 300),
        shape("the same, transposed", Form::Tn, input, sums, 300),
        shape("recurrent weights' gradient, 600 tokens", Form::Tn, sums, hidden, 600),
        shape("the same, transposed", Form::Tn, hidden, sums, 600),
    ]
}

/// The product `c = a b` of one crate, repeated with the same `b`.
type Product<'a> = Box<dyn Fn(&mut [f32], &[f32]) + 'a>;

/// The contestants for a shape and `b`.
type Contestant = for<'a> fn(&'a Shape, &'a [f32]) -> Product<'a>;

const CONTESTANTS: [(&str, Contestant); 5] = [
    ("rten-gemm 0.27, b laid out before", |shape, b| {
        let library = GemmExecutor::<f32>::new();
        let packed = library.prepack_b(view(b, [shape.k, shape.n], strides(shape)[1]));
        Box::new(move |c, a| {
            let a = view(a, [shape.m, shape.k], strides(shape)[0]);
            let product = library.gemm(c, GemmInputA::Unpacked(a), GemmInputB::Packed(&packed), GemmOptions::default());
            product.expect("sizes that fit");
        })
    }),
    ("rten-gemm 0.27", |shape, b| {
        let library = GemmExecutor::<f32>::new();
        Box::new(move |c, a| {
            let [a_strides, b_strides] = strides(shape);
            let (a, b) = (view(a, [shape.m, shape.k], a_strides), view(b, [shape.k, shape.n], b_strides));
            let (a, b) = (GemmInputA::Unpacked(a), GemmInputB::Unpacked(b));
            library.gemm(c, a, b, GemmOptions::default()).expect("sizes that fit");
        })
    }),
    ("faer 0.24", |shape, b| Box::new(move |c, a| with_faer(shape, c, a, b))),
    ("gemm 0.19", |shape, b| Box::new(move |c, a| with_gemm(shape, c, a, b))),
    ("matrixmultiply 0.3", |shape, b| Box::new(move |c, a| with_matrixmultiply(shape, c, a, b))),
];

fn view(values: &[f32], size: [usize; 2], strides: [isize; 2]) -> NdTensorView<'_, f32, 2> {
    NdTensorView::from_slice_with_strides(size, values, strides.map(isize::unsigned_abs)).expect("numbers enough")
}

fn with_faer(shape: &Shape, c: &mut [f32], a: &[f32], b: &[f32]) {
    let &Shape { m, n, k, .. } = shape;
    let (a, b) = match shape.form {
        Form::Nt => (MatRef::from_row_major_slice(a, m, k), MatRef::from_row_major_slice(b, n, k).transpose()),
        Form::Nn => (MatRef::from_row_major_slice(a, m, k), MatRef::from_row_major_slice(b, k, n)),
        Form::Tn => (MatRef::from_row_major_slice(a, k, m).transpose(), MatRef::from_row_major_slice(b, k, n)),
    };
    matmul(MatMut::from_row_major_slice_mut(c, m, n), Accum::Replace, a, b, 1.0, Par::Seq);
}

/// Strides from row to row and from column to column, of `a` as `[m, k]` and of `b` as `[k, n]`.
fn strides(shape: &Shape) -> [[isize; 2]; 2] {
    let [m, n, k] = [shape.m, shape.n, shape.k].map(|size| size as isize);
    match shape.form {
        Form::Nt => [[k, 1], [1, k]],
        Form::Nn => [[k, 1], [n, 1]],
        Form::Tn => [[1, m], [n, 1]],
    }
}

/// Panics if the strides leave the slices.
fn check(shape: &Shape, c: &[f32], a: &[f32], b: &[f32]) {
    assert_eq!([c.len(), a.len(), b.len()], [shape.m * shape.n, shape.m * shape.k, shape.k * shape.n]);
}

fn with_gemm(shape: &Shape, c: &mut [f32], a: &[f32], b: &[f32]) {
    check(shape, c, a, b);
    let [[a_row, a_column], [b_row, b_column]] = strides(shape);
    let (c, c_row) = (c.as_mut_ptr(), shape.n as isize);
    let (m, n, k) = (shape.m, shape.n, shape.k);
    // SAFETY: the slices have as many numbers as the sizes say, and the strides stay within them.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c,
            1,
            c_row,
            false,
            a.as_ptr(),
            a_column,
            a_row,
            b.as_ptr(),
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn with_matrixmultiply(shape: &Shape, c: &mut [f32], a: &[f32], b: &[f32]) {
    check(shape, c, a, b);
    let [[a_row, a_column], [b_row, b_column]] = strides(shape);
    let (m, n, k) = (shape.m, shape.n, shape.k);
    // SAFETY: as above.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a.as_ptr(),
            a_row,
            a_column,
            b.as_ptr(),
            b_row,
            b_column,
            0.0,
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
}

/// GFLOP/s of each contestant: the median of the rounds.
fn measure(shape: &Shape, arguments: &Arguments) -> Vec<f64> {
    let number = |at: usize| ((at * 37 + 11) % 17) as f32 / 8.0 - 1.0;
    let a: Vec<f32> = (0..shape.m * shape.k).map(number).collect();
    let b: Vec<f32> = (0..shape.k * shape.n).map(|at| number(at + 100)).collect();
    let contestants = CONTESTANTS.map(|(name, contestant)| (name, contestant(shape, &b)));
    let products: Vec<Vec<f32>> = contestants
        .iter()
        .map(|(_, product)| {
            let mut c = vec![f32::NAN; shape.m * shape.n];
            product(&mut c, &a);
            c
        })
        .collect();
    for (other, (name, _)) in products.iter().zip(&contestants) {
        let near = products[0].iter().zip(other).all(|(x, y)| (x - y).abs() <= 1e-3);
        assert!(near, "{name} gives another product than {}", contestants[0].0);
    }
    let operations = 2.0 * (shape.m * shape.n * shape.k) as f64;
    // As many as take the given time at 50 GFLOP/s.
    let times = (arguments.milliseconds as f64 * 1e-3 * 50e9 / operations).ceil() as usize;
    let mut c = products[0].clone();
    let mut rates = vec![Vec::new(); contestants.len()];
    for _ in 0..arguments.rounds {
        for (rates, (_, product)) in rates.iter_mut().zip(&contestants) {
            product(&mut c, &a);
            let began = Instant::now();
            for _ in 0..times {
                product(&mut c, black_box(&a));
            }
            rates.push(times as f64 * operations / began.elapsed().as_secs_f64() / 1e9);
        }
    }
    rates
        .into_iter()
        .map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        })
        .collect()
}

fn main() {
    let arguments = Arguments::parse();
    // rten-gemm uses all threads of the pool.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    alone.install(|| print(&arguments));
}

fn print(arguments: &Arguments) {
    let names = CONTESTANTS.map(|(name, _)| name).join(" | ");
    println!("| product | m x k x n | {names} |");
    println!("|---|---|{}", "---|".repeat(CONTESTANTS.len()));
    for (hidden, input) in [(128, 50), (256, 300)] {
        for shape in shapes(hidden, input) {
            let rates: Vec<String> = measure(&shape, arguments).iter().map(|rate| format!("{rate:.0}")).collect();
            let Shape { what, form, m, n, k } = shape;
            println!("| {what} ({}) | {m} x {k} x {n} | {} |", form.name(), rates.join(" | "));
        }
    }
}
