//! The network compared with PyTorch's outputs, losses, gradients and training trajectories.
//!
//! The references are outside the repository, so these tests are ignored by default; `.ci/run` runs them where the files exist.

use std::collections::HashMap;

use crate::reference::json;
use serde_json::Value;
use vocable::classifier::{Network, Optimizer};
use vocable::nn::{
    Dense, Embedding, EmbeddingMode, Encoder, EncoderShape, OptimizerOptions, Packing, Real, cross_entropy,
};

/// A tensor in f64.
#[derive(Clone)]
struct Tensor {
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Tensor {
    fn of<T: Real>(&self) -> Vec<T> {
        self.values.iter().map(|&value| T::of(value)).collect()
    }
}

/// The tensors of a PyTorch reference.
struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    fn open(file: &str) -> Tensors {
        let json = json(&format!("reference/pytorch/{file}"));
        let numbers = |value: &Value| -> Vec<f64> {
            value.as_array().expect("an array").iter().map(|v| v.as_f64().expect("a number")).collect()
        };
        let tensors = json["tensors"].as_object().expect("tensors");
        let read = |(name, tensor): (&String, &Value)| {
            let shape = numbers(&tensor["shape"]).into_iter().map(|n| n as usize).collect();
            (name.clone(), Tensor { shape, values: numbers(&tensor["data"]) })
        };
        Tensors(tensors.iter().map(read).collect())
    }

    fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor `{name}`"))
    }
}

/// The network of a reference, with its batch and labels.
struct Case<T: Real> {
    network: Network<T>,
    sequences: Vec<Vec<u32>>,
    labels: Vec<u32>,
}

fn sequences(tensors: &Tensors, ids: &str, lens: &str) -> Vec<Vec<u32>> {
    let ids_tensor = tensors.get(ids);
    let steps = ids_tensor.shape[1];
    tensors
        .get(lens)
        .values
        .iter()
        .zip(ids_tensor.values.chunks(steps))
        .map(|(&len, row)| row[..len as usize].iter().map(|&id| id as u32).collect())
        .collect()
}

fn labels(tensors: &Tensors, name: &str) -> Vec<u32> {
    tensors.get(name).values.iter().map(|&label| label as u32).collect()
}

/// Builds the network whose weights are named with `prefix`.
fn network<T: Real>(
    tensors: &Tensors,
    prefix: &str,
    layers: usize,
    bidirectional: bool,
    mode: EmbeddingMode,
) -> Network<T> {
    let rows = tensors.get(&format!("{prefix}emb.weight"));
    let hidden = tensors.get(&format!("{prefix}lstm.weight_hh_l0")).shape[1];
    let shape = EncoderShape { layers, bidirectional, ..EncoderShape::lstm(rows.shape[1], hidden) };
    let embedding = Embedding::from_weights(rows.of::<T>(), rows.shape[1], mode).expect("whole rows");
    let mut encoder = Encoder::zeros(shape);
    let names: Vec<String> = encoder.parameters().iter().map(|p| format!("{prefix}lstm.{}", p.name)).collect();
    for (name, target) in names.iter().zip(encoder.parameters_mut()) {
        target.copy_from_slice(&tensors.get(name).of::<T>());
    }
    let weight = tensors.get(&format!("{prefix}out.weight"));
    let mut head = Dense::zeros(weight.shape[1], weight.shape[0]);
    head.weight = weight.of();
    head.bias = tensors.get(&format!("{prefix}out.bias")).of();
    Network { embedding, encoder, head }
}

fn case<T: Real>(tensors: &Tensors, layers: usize, bidirectional: bool) -> Case<T> {
    Case {
        network: network(tensors, "", layers, bidirectional, EmbeddingMode::Tuned),
        sequences: sequences(tensors, "ids", "lens"),
        labels: labels(tensors, "labels"),
    }
}

/// Compares with a reference tensor; the error is absolute for values below 1 and relative above.
fn close<T: Real>(tensors: &Tensors, name: &str, found: &[T], tolerance: f64) {
    let expected = &tensors.get(name).values;
    assert_eq!(expected.len(), found.len(), "{name}: number of values");
    for (index, (&expected, found)) in expected.iter().zip(found).enumerate() {
        let error = (expected - found.as_f64()).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "{name}[{index}]: {found:?}, expected {expected}");
    }
}

/// From `[N, width]` in the layout of `packing` to PyTorch's `[T, B, width]`, with zeros where there is no token.
fn padded<T: Real>(packing: &Packing, rows: &[T], width: usize) -> Vec<T> {
    let (steps, sequences) = (packing.steps(), packing.sequences());
    let mut all = vec![T::zero(); steps * sequences * width];
    for step in 0..steps {
        for place in 0..packing.running(step) {
            let from = (packing.offset(step) + place) * width;
            let to = (step * sequences + packing.order()[place]) * width;
            all[to..to + width].copy_from_slice(&rows[from..from + width]);
        }
    }
    all
}

fn outputs_loss_and_gradients<T: Real>(file: &str, layers: usize, bidirectional: bool, tolerance: f64) {
    let tensors = Tensors::open(file);
    let Case { network, sequences, labels } = case::<T>(&tensors, layers, bidirectional);
    let borrowed: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
    let classes = network.classes();

    // Layer by layer, so that states and the gradient of the input can be compared as well.
    let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
    let packing = Packing::new(&lengths);
    let ids = packing.pack(&borrowed);
    let shape = network.encoder.shape();
    let mut products = vec![T::zero(); ids.len() * shape.products()];
    network.encoder.multiply(&network.embedding.forward(&ids), &mut products);
    let places: Vec<u32> = (0..ids.len() as u32).collect();
    let cache = network.encoder.forward(&packing, &products, &places, Vec::new());
    let output = cache.output();
    let width = network.encoder.shape().output();
    close(&tensors, "output", &padded(&packing, &output, width), tolerance);
    let last = cache.pooled().to_vec();
    close(&tensors, "last", &last, tolerance);
    let logits = network.head.forward(&last);
    close(&tensors, "logits", &logits, tolerance);
    states(&tensors, &network, &packing, &cache, tolerance);
    let (loss, logits_gradient) = cross_entropy(&logits, &labels, classes, 1.0 / labels.len() as f64);
    close(&tensors, "loss", &[loss], tolerance);
    let mut head = Dense::zeros(width, classes);
    let last_gradient = network.head.backward(&last, &logits_gradient, &mut head);
    let owed = network.encoder.backward(&packing, cache, &last_gradient);
    let mut products = vec![T::zero(); products.len()];
    products.chunks_exact_mut(shape.products()).enumerate().for_each(|(token, sum)| owed.add_products(token, sum));
    let mut input_gradient = vec![T::zero(); ids.len() * shape.input];
    let rows = network.embedding.forward(&ids);
    network.encoder.multiply_backward(&rows, &products, Some(&mut input_gradient));
    close(&tensors, "grad.x", &padded(&packing, &input_gradient, network.embedding.dimension()), tolerance);

    // And in one call, as in training.
    let (loss, gradients) = network.loss_and_gradients(&borrowed, &labels, 1.0 / labels.len() as f64, None);
    close(&tensors, "loss", &[loss], tolerance);
    for parameter in gradients.encoder.parameters() {
        close(&tensors, &format!("grad.lstm.{}", parameter.name), parameter.values, tolerance);
    }
    close(&tensors, "grad.out.weight", &gradients.head.weight, tolerance);
    close(&tensors, "grad.out.bias", &gradients.head.bias, tolerance);
    let mut rows = vec![T::zero(); network.embedding.weights().len()];
    for (id, values) in gradients.rows.iter() {
        let from = id as usize * values.len();
        rows[from..from + values.len()].copy_from_slice(values);
    }
    close(&tensors, "grad.emb.weight", &rows, tolerance);
}

/// `h_n` and `c_n`: the state in which each layer and direction left each sequence.
fn states<T: Real>(
    tensors: &Tensors,
    network: &Network<T>,
    packing: &Packing,
    cache: &vocable::nn::EncoderCache<T>,
    tolerance: f64,
) {
    let shape = network.encoder.shape();
    let (mut hidden, mut cells) = (Vec::new(), Vec::new());
    for layer in 0..shape.layers {
        for direction in 0..shape.directions() {
            for sequence in 0..packing.sequences() {
                let place = packing.order().iter().position(|&s| s == sequence).expect("every sequence has a place");
                let step = if direction == 0 { packing.length(place) - 1 } else { 0 };
                let from = (packing.offset(step) + place) * shape.hidden;
                hidden.extend_from_slice(&cache.hidden(layer, direction)[from..from + shape.hidden]);
                cells.extend_from_slice(&cache.cells(layer, direction)[from..from + shape.hidden]);
            }
        }
    }
    close(tensors, "h_n", &hidden, tolerance);
    close(tensors, "c_n", &cells, tolerance);
}

const CASES: [(&str, usize, bool); 3] =
    [("lstm_uni_1l.json", 1, false), ("lstm_uni_2l.json", 2, false), ("lstm_bi_1l.json", 1, true)];

#[test]
#[ignore = "needs the references of ../shared"]
fn outputs_loss_and_every_gradient_equal_pytorchs_in_f64() {
    for (file, layers, bidirectional) in CASES {
        outputs_loss_and_gradients::<f64>(file, layers, bidirectional, 1e-9);
    }
}

#[test]
#[ignore = "needs the references of ../shared"]
fn outputs_loss_and_every_gradient_equal_pytorchs_in_f32() {
    for (file, layers, bidirectional) in CASES {
        outputs_loss_and_gradients::<f32>(file, layers, bidirectional, 1e-5);
    }
}

fn trajectory(file: &str, mode: EmbeddingMode) {
    const TOLERANCE: f64 = 1e-8;
    let tensors = Tensors::open(file);
    let mut network: Network<f64> = network(&tensors, "init.", 1, false, mode);
    let before = network.embedding.weights();
    let mut optimizer = Optimizer::new(OptimizerOptions { lr: 0.01, ..OptimizerOptions::default() }, None);
    let batches = ["batch0", "batch1"].map(|batch| {
        let ids = sequences(&tensors, &format!("{batch}.ids"), &format!("{batch}.lens"));
        (ids, labels(&tensors, &format!("{batch}.labels")))
    });
    for step in 0..6 {
        let (ids, labels) = &batches[step % 2];
        let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let (loss, gradients) = network.loss_and_gradients(&ids, labels, 1.0 / labels.len() as f64, None);
        let expected = tensors.get("losses").values[step];
        assert!((loss - expected).abs() < TOLERANCE, "{file}, step {step}: loss {loss}, expected {expected}");
        optimizer.step(&mut network, &gradients);
        let step = step + 1;
        // The reference's pad row is an ordinary, unused row; ours is zero.
        let rows = network.embedding.weights();
        let dimension = network.embedding.dimension();
        let name = format!("step{step}.emb.weight");
        let mut expected = tensors.get(&name).clone();
        expected.values[..dimension].fill(0.0);
        for (index, (expected, found)) in expected.values.iter().zip(&rows).enumerate() {
            assert!((expected - found).abs() < TOLERANCE, "{file}: {name}[{index}]: {found}, expected {expected}");
        }
        close(&tensors, &format!("step{step}.lstm.weight_hh_l0"), &network.encoder.cells()[0].weight_hh, TOLERANCE);
        close(&tensors, &format!("step{step}.out.bias"), &network.head.bias, TOLERANCE);
    }
    for parameter in network.encoder.parameters() {
        close(&tensors, &format!("final.lstm.{}", parameter.name), parameter.values, TOLERANCE);
    }
    close(&tensors, "final.out.weight", &network.head.weight, TOLERANCE);
    close(&tensors, "final.out.bias", &network.head.bias, TOLERANCE);
    if mode == EmbeddingMode::Frozen {
        assert_eq!(before, network.embedding.weights());
    }
}

#[test]
#[ignore = "needs the references of ../shared"]
fn a_frozen_run_follows_pytorchs() {
    trajectory("traj_frozen.json", EmbeddingMode::Frozen);
}

#[test]
#[ignore = "needs the references of ../shared"]
fn a_tuned_run_follows_pytorchs_with_sparse_adam() {
    trajectory("traj_sparse.json", EmbeddingMode::Tuned);
}

/// The references differ from each other, so the tests above can tell the modes apart.
#[test]
#[ignore = "needs the references of ../shared"]
#[should_panic(expected = "step1.emb.weight")]
fn a_tuned_run_does_not_follow_pytorchs_dense_adam() {
    trajectory("traj_dense.json", EmbeddingMode::Tuned);
}
