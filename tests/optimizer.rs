//! Optimizers, schedules and the loss, compared with plain references and with PyTorch; which rows no option may change.
//!
//! The literals are the output of this script (PyTorch 2.15):
//!
//! ```python
//! import torch, torch.nn.functional as F
//! torch.set_default_dtype(torch.float64)
//! t = lambda i: [((i*7+j*3) % 11 - 5)/7 for j in range(4)]
//! g = lambda s: [((s*5+j*2) % 7 - 3)/4 for j in range(4)]
//! def run(optimizer):
//!     p = torch.tensor(t(1), requires_grad=True); o = optimizer([p])
//!     for s in range(4): p.grad = torch.tensor(g(s)); o.step()
//!     return p.tolist()
//! print(run(lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.3)))
//! print(run(lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.3)))
//! print(run(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.3)))
//!
//! w = torch.tensor([t(1), t(2)], requires_grad=True); o = torch.optim.SparseAdam([w], lr=0.1)
//! for s, rows in enumerate([[0, 1], [0], [1], [0]]):
//!     w.grad = torch.sparse_coo_tensor([rows], torch.tensor([g(s+r) for r in rows]), (2, 4)); o.step()
//!     torch.embedding_renorm_(w.data, torch.tensor(rows), 1.0, 2.0)
//! print(w.tolist())
//!
//! z = torch.tensor([[0.5, -1, 2], [1.5, 0.25, -0.75], [-0.5, 0, 1]], requires_grad=True)
//! l = F.cross_entropy(z, torch.tensor([0, 2, 1]), weight=torch.tensor([0.5, 2, 1.25]), label_smoothing=0.1)
//! l.backward(); print(l.item(), z.grad.tolist())
//!
//! import math
//! linear = lambda s: s/3 if s < 3 else max(0.0, (10-s)/7)
//! cosine = lambda s: s/3 if s < 3 else max(0.0, 0.5*(1 + math.cos(math.pi*(s-3)/7)))
//! for f in linear, cosine:
//!     o = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0); l = torch.optim.lr_scheduler.LambdaLR(o, f)
//!     for _ in range(10): print(l.get_last_lr()[0]); o.step(); l.step()
//! ```

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use vocable::Vectors;
use vocable::classifier::{Network, Optimizer, RowSettings};
use vocable::nn::{
    CrossEntropy, DenseOptimizer, Embedding, EmbeddingMode, EmbeddingOptions, EncoderShape, OptimizerKind,
    OptimizerOptions, RowOptimizer, Schedule, cross_entropy,
};

/// The first values of parameter `i`, as in the snippet above.
fn first(i: usize) -> Vec<f64> {
    (0..4).map(|j| (((i * 7 + j * 3) % 11) as f64 - 5.0) / 7.0).collect()
}

/// The gradient of step `s`, as in the snippet above.
fn gradient(s: usize) -> Vec<f64> {
    (0..4).map(|j| (((s * 5 + j * 2) % 7) as f64 - 3.0) / 4.0).collect()
}

#[track_caller]
fn near(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!((found - expected).abs() <= tolerance, "[{index}]: {found}, expected {expected}");
    }
}

fn options(kind: OptimizerKind) -> OptimizerOptions {
    OptimizerOptions { kind, lr: 0.1, momentum: 0.9, weight_decay: 0.3, ..OptimizerOptions::default() }
}

/// Four steps on one parameter.
fn stepped(options: OptimizerOptions, rates: [f64; 4]) -> Vec<f64> {
    let mut values = first(1);
    let mut optimizer = DenseOptimizer::new(options);
    for (step, rate) in rates.into_iter().enumerate() {
        optimizer.step(vec![&mut values], &[&gradient(step)], 1.0, rate);
    }
    values
}

#[test]
fn each_optimizer_follows_pytorchs() {
    for (kind, expected) in [
        (OptimizerKind::Adam, [0.39084362222599306, 0.8420674076633303, -0.3647076044129057, -0.20511032789769615]),
        (OptimizerKind::AdamW, [0.40486005034528605, 0.8561159060295253, -0.3962635479571634, -0.20505224585970525]),
        (OptimizerKind::Sgd, [0.36980148500000004, 0.7097382250000001, -0.241641965, -0.18116272500000005]),
    ] {
        near(&stepped(options(kind), [1.0; 4]), &expected, 1e-14);
    }
}

/// One parameter under an optimizer, as in the papers.
#[derive(Default, Clone, Copy)]
struct Plain {
    steps: i32,
    mean: f64,
    square: f64,
    direction: f64,
}

impl Plain {
    /// `before`: whether eps is added before the bias correction, as for embedding rows.
    fn step(&mut self, o: &OptimizerOptions, value: f64, gradient: f64, rate: f64, before: bool) -> f64 {
        let lr = o.lr * rate;
        let decayed = if o.kind == OptimizerKind::AdamW { gradient } else { gradient + o.weight_decay * value };
        if o.kind == OptimizerKind::Sgd {
            self.direction = o.momentum * self.direction + decayed;
            return value - lr * self.direction;
        }
        let value = if o.kind == OptimizerKind::AdamW { value - lr * o.weight_decay * value } else { value };
        let (beta1, beta2) = o.betas;
        self.mean = beta1 * self.mean + (1.0 - beta1) * decayed;
        self.square = beta2 * self.square + (1.0 - beta2) * decayed * decayed;
        let mean = self.mean / (1.0 - beta1.powi(self.steps));
        let correction = (1.0 - beta2.powi(self.steps)).sqrt();
        let root =
            if before { (self.square.sqrt() + o.eps) / correction } else { self.square.sqrt() / correction + o.eps };
        value - lr * mean / root
    }
}

#[test]
fn dense_steps_equal_the_plain_rule_with_every_rate_and_factor() {
    for &kind in OptimizerKind::ALL {
        // A large eps, so that it matters where it is added.
        let options = OptimizerOptions { eps: 1e-2, ..options(kind) };
        let mut values = [first(1), first(2)];
        let mut expected = values.clone();
        let mut plain = vec![Plain::default(); 8];
        let mut optimizer = DenseOptimizer::new(options);
        for step in 0..12 {
            let gradients = [gradient(step), gradient(step + 3)];
            let (rate, factor) = (1.0 - step as f64 / 12.0, 0.5 + step as f64 / 10.0);
            let [a, b] = &mut values;
            optimizer.step(vec![a, b], &[&gradients[0], &gradients[1]], factor, rate);
            for (at, plain) in plain.iter_mut().enumerate() {
                let (which, index) = (at / 4, at % 4);
                plain.steps += 1;
                let gradient = gradients[which][index] * factor;
                expected[which][index] = plain.step(&options, expected[which][index], gradient, rate, false);
            }
        }
        values.iter().zip(&expected).for_each(|(values, expected)| near(values, expected, 1e-13));
    }
}

/// An embedding of two words with the ids 2 and 3.
fn two_rows(mode: EmbeddingMode) -> Embedding<f64> {
    Embedding::from_weights([vec![0.0; 8], first(1), first(2)].concat(), 4, mode).expect("whole rows")
}

/// Which of the two rows each step touches.
const TOUCHED: [&[u32]; 4] = [&[0, 1], &[0], &[1], &[0]];

fn rows_stepped(options: OptimizerOptions, max_norm: Option<f64>) -> Vec<f64> {
    let mut embedding = two_rows(EmbeddingMode::Tuned);
    let mut optimizer = RowOptimizer::new(options, max_norm);
    for (step, rows) in TOUCHED.iter().enumerate() {
        let ids: Vec<u32> = rows.iter().map(|row| row + 2).collect();
        let of_rows: Vec<f64> = rows.iter().flat_map(|&row| gradient(step + row as usize)).collect();
        let gradients = embedding.backward(&ids, &of_rows);
        optimizer.step(&mut embedding, &gradients, 1.0, 1.0);
    }
    embedding.forward(&[2, 3])
}

#[test]
fn touched_rows_follow_pytorchs_sparse_adam_and_maximum_norm() {
    let options = OptimizerOptions { lr: 0.1, ..OptimizerOptions::default() };
    let expected = [
        [0.3578265417608844, 0.7946489686977682, -0.46404660654830143, -0.15859932339909408],
        [-0.3616865571782861, 0.2880953451015959, 0.6060389637575919, -0.5950432331645353],
    ];
    near(&rows_stepped(options, Some(1.0)), &expected.concat(), 1e-14);
    let free = rows_stepped(options, None);
    assert!(free[..4].iter().map(|value| value * value).sum::<f64>() > 1.0, "the limit above was met");
    assert_eq!(rows_stepped(options, Some(10.0)), free);
}

#[test]
fn touched_rows_equal_the_plain_rule_under_every_optimizer() {
    for &kind in OptimizerKind::ALL {
        let options = OptimizerOptions { eps: 1e-2, ..options(kind) };
        let mut expected = [first(1), first(2)];
        let mut plain = [[Plain::default(); 4]; 2];
        for (step, rows) in TOUCHED.iter().enumerate() {
            for &row in rows.iter() {
                let row = row as usize;
                let gradient = gradient(step + row);
                for index in 0..4 {
                    let plain = &mut plain[row][index];
                    // The step count is that of all rows; the moments are those of the touched rows.
                    plain.steps = step as i32 + 1;
                    expected[row][index] = plain.step(&options, expected[row][index], gradient[index], 1.0, true);
                }
            }
        }
        near(&rows_stepped(options, None), &expected.concat(), 1e-13);
    }
}

#[test]
fn schedules_are_those_of_transformers() {
    let linear = [
        0.0,
        0.3333333333333333,
        0.6666666666666666,
        1.0,
        0.8571428571428571,
        0.7142857142857143,
        0.5714285714285714,
        0.42857142857142855,
        0.2857142857142857,
        0.14285714285714285,
    ];
    let cosine = [
        0.0,
        0.3333333333333333,
        0.6666666666666666,
        1.0,
        0.9504844339512095,
        0.8117449009293668,
        0.6112604669781572,
        0.3887395330218429,
        0.1882550990706333,
        0.04951556604879048,
    ];
    let rates = |schedule: Schedule, warmup| -> Vec<f64> { (0..10).map(|s| schedule.rate(s, warmup, 10)).collect() };
    near(&rates(Schedule::Linear, 3), &linear, 1e-15);
    near(&rates(Schedule::Cosine, 3), &cosine, 1e-15);
    assert_eq!(rates(Schedule::Constant, 0), [1.0; 10]);
    assert_eq!(rates(Schedule::Constant, 4)[..5], [0.0, 0.25, 0.5, 0.75, 1.0]);
    // Edge cases: only warm-up, no steps, steps after the last.
    for &schedule in Schedule::ALL {
        for (step, warmup, total) in [(0, 0, 0), (9, 10, 10), (10, 10, 10), (99, 3, 10), (usize::MAX, 0, 1)] {
            let rate = schedule.rate(step, warmup, total);
            assert!((0.0..=1.0).contains(&rate), "{schedule} at {step} of {total}: {rate}");
        }
    }
}

#[test]
fn weighted_and_smoothed_cross_entropy_is_pytorchs() {
    let logits = [0.5, -1.0, 2.0, 1.5, 0.25, -0.75, -0.5, 0.0, 1.0];
    let labels = [0, 2, 1];
    let criterion = CrossEntropy { weights: vec![0.5, 2.0, 1.25], smoothing: 0.1 };
    let scale = criterion.mean_scale(labels.into_iter());
    assert_eq!(scale, 1.0 / 3.75);
    let (loss, gradient) = criterion.loss_and_gradient(&logits, &labels, 3, scale);
    near(&[loss], &[1.852267911131917], 1e-14);
    let expected = [
        [-0.0975665843163055, -0.011780516542939035, 0.10934710085924451],
        [0.2350356692725772, 0.050834423554772745, -0.28587009282735],
        [0.06754767224748097, -0.37908284366507466, 0.31153517141759357],
    ];
    near(&gradient, &expected.concat(), 1e-14);
}

proptest! {
    /// Gradients by central differences, the loss by its definition.
    #[test]
    fn weighted_and_smoothed_cross_entropy_has_the_gradient_of_its_loss(
        logits in prop::collection::vec(-4.0f64..4.0, 12),
        labels in prop::collection::vec(0u32..4, 3),
        weights in prop::collection::vec(0.01f64..5.0, 4),
        smoothing in 0.0f64..0.99,
        weighted in any::<bool>(),
    ) {
        let criterion = CrossEntropy { weights: if weighted { weights.clone() } else { Vec::new() }, smoothing };
        let weight = |class: usize| if weighted { weights[class] } else { 1.0 };
        let scale = criterion.mean_scale(labels.iter().copied());
        let total: f64 = labels.iter().map(|&label| weight(label as usize)).sum();
        let plain: f64 = logits.chunks(4).zip(&labels).map(|(logits, &label)| {
            let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
            let log = |class: usize| logits[class] - sum.ln();
            let of_all: f64 = (0..4).map(|class| weight(class) * log(class)).sum();
            -(1.0 - smoothing) * weight(label as usize) * log(label as usize) - smoothing / 4.0 * of_all
        }).sum::<f64>() / total;
        let (loss, gradient) = criterion.loss_and_gradient(&logits, &labels, 4, scale);
        prop_assert!((loss - plain).abs() < 1e-12 * plain.abs().max(1.0), "{loss}, expected {plain}");
        for index in 0..logits.len() {
            let loss_at = |nudge: f64| {
                let mut nudged = logits.clone();
                nudged[index] += nudge;
                criterion.loss_and_gradient(&nudged, &labels, 4, scale).0
            };
            let numeric = (8.0 * (loss_at(1e-3) - loss_at(-1e-3)) - (loss_at(2e-3) - loss_at(-2e-3))) / 12e-3;
            prop_assert!((numeric - gradient[index]).abs() < 1e-9, "[{index}]: {}, numeric {numeric}", gradient[index]);
        }
    }

    /// No option may change frozen rows, rows that a step does not touch, and all rows while the embedding is frozen.
    #[test]
    fn frozen_and_untouched_rows_do_not_change(
        kind in prop::sample::select(OptimizerKind::ALL.to_vec()),
        mode in prop::sample::select(EmbeddingMode::ALL.to_vec()),
        lr in 1e-4f64..1.0,
        row_lr in prop::option::of(1e-4f64..1.0),
        max_norm in prop::option::of(0.01f64..3.0),
        weight_decay in 0.0f64..2.0,
        momentum in 0.0f64..0.99,
        rate in 0.0f64..=1.0,
        clip in prop::option::of(0.01f64..5.0),
        held in any::<bool>(),
    ) {
        static VECTORS: LazyLock<Arc<Vectors>> =
            LazyLock::new(|| Arc::new(Vectors::demo().expect("the built-in vectors")));
        // Ids 2 and 4 are in the vectors, 3 and 5 are not.
        let words = ["film", "zzgrqx", "dull", "ghastlyish"];
        let made = EmbeddingOptions { mode, ..EmbeddingOptions::default() };
        let mut shape = EncoderShape::lstm(VECTORS.dimension(), 3);
        let embedding: Embedding<f32> = if mode == EmbeddingMode::OneHot {
            shape.input = 0;
            Embedding::one_hot(&shape, &words, 1)
        } else {
            Embedding::new(&VECTORS, &words, &made).expect("an embedding")
        };
        let bits = |embedding: &Embedding<f32>, id| -> Vec<u32> {
            embedding.forward(&[id]).iter().map(|value| value.to_bits()).collect()
        };
        let mut network = Network::new(embedding, shape, 2, 9);
        let options = OptimizerOptions { kind, lr, momentum, weight_decay, ..OptimizerOptions::default() };
        let mut optimizer = Optimizer::with_rows(options, clip, RowSettings { lr: row_lr, max_norm });
        // Each step touches other rows; moments left by earlier steps must not move untouched rows.
        for texts in [[[2, 3], [3, 2]], [[4, 5], [5, 5]], [[2, 4], [4, 2]]] {
            network.embedding.set_frozen(held);
            let before = network.embedding.clone();
            let texts: Vec<&[u32]> = texts.iter().map(|text| &text[..]).collect();
            let (_, gradients) = network.loss_and_gradients(&texts, &[0, 1], 0.5, None);
            optimizer.step_at(&mut network, &gradients, rate);
            network.embedding.set_frozen(false);
            for id in 0..6u32 {
                let touched = texts.iter().any(|text| text.contains(&id));
                let trained = !held && touched && match mode {
                    EmbeddingMode::Frozen => false,
                    EmbeddingMode::OovOnly => id % 2 == 1,
                    _ => true,
                };
                if !trained {
                    prop_assert_eq!(bits(&before, id), bits(&network.embedding, id), "row {}", id);
                }
                prop_assert!(!held || network.embedding.is_borrowed(id) == before.is_borrowed(id));
            }
        }
    }
}

#[test]
fn plain_cross_entropy_is_that_of_no_weights_and_no_smoothing() {
    let logits: Vec<f32> = (0..12).map(|i| (i * 7 % 5) as f32 - 2.0).collect();
    let labels = [0, 2, 1, 1];
    let ones = CrossEntropy { weights: vec![1.0; 3], smoothing: 0.0 };
    assert_eq!(cross_entropy(&logits, &labels, 3, 0.25), ones.loss_and_gradient(&logits, &labels, 3, 0.25));
}

#[test]
fn rows_count_steps_from_the_epoch_that_unfreezes_them() {
    // As in PyTorch, which skips parameters without a gradient: two frozen steps followed by one equal that one alone.
    let texts: [&[u32]; 2] = [&[2, 3], &[3]];
    let network = || {
        let shape = EncoderShape::lstm(4, 3);
        let mut network = Network::new(two_rows(EmbeddingMode::Tuned), shape, 2, 4);
        // Different head weights per class, so that gradients differ.
        network.head.weight.iter_mut().zip([0.3, -0.2, 0.9]).for_each(|(weight, value)| *weight = value);
        network
    };
    let mut first = network();
    let (_, gradients) = first.loss_and_gradients(&texts, &[0, 1], 0.5, None);
    let mut optimizer = Optimizer::new(OptimizerOptions::default(), None);
    optimizer.step(&mut first, &gradients);

    let mut second = network();
    let mut optimizer = Optimizer::new(OptimizerOptions::default(), None);
    second.embedding.set_frozen(true);
    for _ in 0..2 {
        let (_, held) = second.loss_and_gradients(&texts, &[0, 1], 0.5, None);
        assert_eq!(held.rows.iter().count(), 0, "a gradient of rows that are held");
        optimizer.step(&mut second, &held);
    }
    second.embedding.set_frozen(false);
    optimizer.step(&mut second, &gradients);
    assert_eq!(first.embedding.weights(), second.embedding.weights());
}
