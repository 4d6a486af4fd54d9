//! Every gradient of every layer compared with central differences, in f64.
//!
//! The five-point stencil with a step of 1e-3 has an error of about 1e-13, so that a relative error of 1e-6 can be required
//! down to gradients of 1e-6.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vocable::classifier::{BatchDropout, DropoutRates, Network};
use vocable::nn::{
    CellKind, Dense, Dropout, Embedding, EmbeddingMode, Encoder, EncoderShape, Packing, Pooling, cross_entropy,
};

const TOLERANCE: f64 = 1e-6;
const STEP: f64 = 1e-3;

fn random(count: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// The derivative of `loss` by the number that `nudge` adds to.
fn numeric(mut loss_at: impl FnMut(f64) -> f64) -> f64 {
    (8.0 * (loss_at(STEP) - loss_at(-STEP)) - (loss_at(2.0 * STEP) - loss_at(-2.0 * STEP))) / (12.0 * STEP)
}

fn check(what: &str, numeric: f64, analytic: f64) {
    let error = (numeric - analytic).abs() / numeric.abs().max(analytic.abs()).max(1e-6);
    assert!(error < TOLERANCE, "{what}: analytic {analytic:e}, numeric {numeric:e}, relative error {error:e}");
}

fn weighted_sum(values: &[f64], weights: &[f64]) -> f64 {
    values.iter().zip(weights).map(|(value, weight)| value * weight).sum()
}

/// Whether no state is close to the maximum of its text: where two are equal, max pooling has no derivative.
fn decided(packing: &Packing, output: &[f64], width: usize) -> bool {
    let state = |step: usize, place: usize| &output[(packing.offset(step) + place) * width..][..width];
    (0..packing.running(0)).all(|place| {
        (0..width).all(|component| {
            let mut values: Vec<f64> = (0..packing.length(place)).map(|step| state(step, place)[component]).collect();
            values.sort_by(|a, b| b.total_cmp(a));
            values.len() < 2 || values[0] - values[1] > 0.01
        })
    })
}

/// An encoder whose loss is a random weighting of the rows it makes: all weights, and the input.
fn encoder_gradients(shape: EncoderShape, lengths: &[usize], dropout: f64) {
    encoder_gradients_of_every(1, shape, lengths, dropout);
}

/// Like [`encoder_gradients`], for every `stride`-th weight of each parameter.
fn encoder_gradients_of_every(stride: usize, shape: EncoderShape, lengths: &[usize], dropout: f64) {
    let tried = (3..1000).any(|seed| encoder_gradients_of(seed, stride, shape, lengths, dropout));
    assert!(tried, "{shape:?}: states too near each other with every seed");
}

fn encoder_gradients_of(seed: u64, stride: usize, shape: EncoderShape, lengths: &[usize], dropout: f64) -> bool {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let packing = Packing::new(lengths);
    let tokens = packing.tokens();
    let mut encoder: Encoder<f64> = Encoder::new(shape, &mut rng);
    // Larger weights than at initialization, so that gates leave the linear part of their curves.
    for values in encoder.parameters_mut() {
        values.iter_mut().for_each(|value| *value *= 2.0);
    }
    // Three rows shared by the tokens.
    let input = random(3 * shape.row(), &mut rng);
    let places: Vec<u32> = (0..tokens as u32).map(|token| token % 3).collect();
    let forward = |encoder: &Encoder<f64>, rows: &[f64], masks| {
        let mut products = vec![0.0; 3 * shape.products()];
        encoder.multiply(rows, &mut products);
        encoder.forward(&packing, &products, &places, masks)
    };
    let weights = random(lengths.len() * shape.output(), &mut rng);
    let masks: Vec<Dropout<f64>> =
        (1..shape.layers).map(|_| Dropout::new(tokens * shape.output(), dropout, &mut rng)).collect();
    let loss =
        |encoder: &Encoder<f64>, input: &[f64]| weighted_sum(forward(encoder, input, masks.clone()).pooled(), &weights);

    let cache = forward(&encoder, &input, masks.clone());
    if shape.pooling == Pooling::Max && !decided(&packing, &cache.output(), shape.output()) {
        return false;
    }
    let owed = encoder.backward(&packing, cache, &weights);
    let mut products_gradient = vec![0.0; 3 * shape.products()];
    for (token, &place) in places.iter().enumerate() {
        owed.add_products(token, &mut products_gradient[place as usize * shape.products()..][..shape.products()]);
    }
    let mut input_gradient = vec![0.0; input.len()];
    let of_rows = encoder.multiply_backward(&input, &products_gradient, Some(&mut input_gradient));
    let gradients = encoder.gradients(&[owed.weights(), &of_rows]);
    let parameters: Vec<(String, Vec<f64>)> =
        gradients.parameters().into_iter().map(|p| (p.name, p.values.to_vec())).collect();
    for (which, (name, analytic)) in parameters.iter().enumerate() {
        for (index, &analytic) in analytic.iter().enumerate().step_by(stride) {
            let numeric = numeric(|nudge| {
                let mut nudged = encoder.clone();
                nudged.parameters_mut()[which][index] += nudge;
                loss(&nudged, &input)
            });
            check(&format!("{shape:?} {name}[{index}]"), numeric, analytic);
        }
    }
    assert_eq!(input_gradient.len(), input.len());
    for (index, &analytic) in input_gradient.iter().enumerate() {
        let numeric = numeric(|nudge| {
            let mut nudged = input.clone();
            nudged[index] += nudge;
            loss(&encoder, &nudged)
        });
        check(&format!("{shape:?} input[{index}]"), numeric, analytic);
    }
    true
}

/// Every cell with every pooling, one and two layers, unidirectional and bidirectional, over rows and over products; the
/// lengths include 0 and a unique maximum.
#[test]
fn every_encoder() {
    for &cell in CellKind::ALL {
        for &pooling in Pooling::ALL {
            for (layers, bidirectional) in [(1, false), (1, true), (2, true), (3, false)] {
                for input in [3, 0] {
                    let shape = EncoderShape { cell, input, hidden: 3, layers, bidirectional, pooling };
                    encoder_gradients(shape, &[2, 0, 4, 1], 0.3);
                }
            }
        }
    }
}

/// Sizes that are not multiples of any SIMD width.
#[test]
fn hidden_sizes_of_no_round_number() {
    for hidden in [5, 17] {
        encoder_gradients(EncoderShape::lstm(2, hidden), &[3, 1], 0.0);
    }
    // Some hundreds of the 67,600 weights, in all gates and in the last, partial group of units.
    encoder_gradients_of_every(131, EncoderShape::lstm(2, 130), &[3, 1], 0.0);
}

#[test]
fn dense_and_cross_entropy() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (inputs, classes, labels) = (5, 3, [2, 0, 1, 2]);
    let dense: Dense<f64> = Dense::new(inputs, classes, &mut rng);
    let x = random(labels.len() * inputs, &mut rng);
    let loss = |dense: &Dense<f64>, x: &[f64]| cross_entropy(&dense.forward(x), &labels, classes, 0.25).0;
    let (_, logits_gradient) = cross_entropy(&dense.forward(&x), &labels, classes, 0.25);
    let mut gradients = Dense::zeros(inputs, classes);
    let x_gradient = dense.backward(&x, &logits_gradient, &mut gradients);
    for which in 0..2 {
        let analytic = gradients.parameters()[which].values.to_vec();
        for (index, &analytic) in analytic.iter().enumerate() {
            let numeric = numeric(|nudge| {
                let mut nudged = dense.clone();
                nudged.parameters_mut()[which][index] += nudge;
                loss(&nudged, &x)
            });
            check(&format!("dense parameter {which}[{index}]"), numeric, analytic);
        }
    }
    for (index, &analytic) in x_gradient.iter().enumerate() {
        let numeric = numeric(|nudge| {
            let mut nudged = x.clone();
            nudged[index] += nudge;
            loss(&dense, &nudged)
        });
        check(&format!("dense input[{index}]"), numeric, analytic);
    }
}

/// The whole network with dropout: texts of unequal lengths, one of length 1, one empty, a word that is repeated within a
/// text and in another.
#[test]
fn network_with_every_parameter_and_every_row() {
    const DIMENSION: usize = 3;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let rows = random(7 * DIMENSION, &mut rng);
    let shape = EncoderShape { layers: 2, bidirectional: true, ..EncoderShape::lstm(DIMENSION, 4) };
    let embed =
        |rows: &[f64]| Embedding::from_weights(rows.to_vec(), DIMENSION, EmbeddingMode::Tuned).expect("whole rows");
    let network = Network::new(embed(&rows), shape, 3, rng.random());
    let texts: [&[u32]; 4] = [&[2, 5, 2, 3], &[4], &[], &[6, 2]];
    let labels = [0, 2, 1, 0];
    let rates = DropoutRates { embedding: 0.2, word: 0.3, hidden: 0.4 };
    // The same seed drops the same components every time.
    let run = |network: &Network<f64>| {
        network.loss_and_gradients(&texts, &labels, 0.25, Some(BatchDropout { rates, seed: 6 }))
    };
    let (_, gradients) = run(&network);

    for which in 0..network.encoder.parameters().len() {
        let analytic = gradients.encoder.parameters()[which].values.to_vec();
        for (index, &analytic) in analytic.iter().enumerate() {
            let numeric = numeric(|nudge| {
                let mut nudged = network.clone();
                nudged.encoder.parameters_mut()[which][index] += nudge;
                run(&nudged).0
            });
            check(&format!("lstm parameter {which}[{index}]"), numeric, analytic);
        }
    }
    for which in 0..2 {
        let analytic = gradients.head.parameters()[which].values.to_vec();
        for (index, &analytic) in analytic.iter().enumerate() {
            let numeric = numeric(|nudge| {
                let mut nudged = network.clone();
                nudged.head.parameters_mut()[which][index] += nudge;
                run(&nudged).0
            });
            check(&format!("head parameter {which}[{index}]"), numeric, analytic);
        }
    }
    let mut analytic = vec![0.0; rows.len()];
    for (id, values) in gradients.rows.iter() {
        analytic[id as usize * DIMENSION..][..DIMENSION].copy_from_slice(values);
    }
    // Row 0 is the pad, which occurs in no text and must not change.
    for (index, &analytic) in analytic.iter().enumerate() {
        let numeric = numeric(|nudge| {
            let mut nudged = rows.clone();
            nudged[index] += nudge;
            run(&Network { embedding: embed(&nudged), ..network.clone() }).0
        });
        check(&format!("embedding[{index}]"), numeric, analytic);
    }
    assert_eq!(gradients.rows.iter().map(|(id, _)| id).collect::<Vec<u32>>(), [2, 3, 4, 5, 6]);
}
