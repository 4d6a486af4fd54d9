//! Properties of the layers: extreme cases of the cell, no effect of padding, which rows training changes.

use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vocable::Vectors;
use vocable::classifier::{Network, Optimizer};
use vocable::nn::{
    Embedding, EmbeddingMode, EmbeddingOptions, Encoder, EncoderShape, OptimizerOptions, PADDING, Packing, UNKNOWN,
};

/// A cell of one input and one state, whose gates are forced open (1) or shut (0) by their biases; the candidate is tanh(x).
fn forced(input: f64, forget: f64) -> Encoder<f64> {
    let mut encoder = Encoder::zeros(EncoderShape::lstm(1, 1));
    let bias = |open: f64| if open == 1.0 { 100.0 } else { -100.0 };
    encoder.cells_mut()[0].weight_ih = vec![0.0, 0.0, 1.0, 0.0];
    encoder.cells_mut()[0].bias_ih = vec![bias(input), bias(forget), 0.0, bias(1.0)];
    encoder
}

/// Cell states after reading two tokens.
fn cells(encoder: &Encoder<f64>, tokens: [f64; 2]) -> [f64; 2] {
    let packing = Packing::new(&[2]);
    let mut products = vec![0.0; 2 * 4];
    encoder.multiply(&tokens, &mut products);
    let cache = encoder.forward(&packing, &products, &[0, 1], Vec::new());
    [cache.cells(0, 0)[0], cache.cells(0, 0)[1]]
}

#[test]
fn the_four_extreme_cases_of_a_cell() {
    let (x, y) = (0.5, -0.9);
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    // i = 0, f = 1: keeps the memory, whatever the input.
    assert_eq!(cells(&forced(0.0, 1.0), [x, y]).map(|c| c.abs() < 1e-12), [true, true]);
    // i = 1, f = 1: blends input and memory.
    let [first, second] = cells(&forced(1.0, 1.0), [x, y]);
    near(first, x.tanh());
    near(second, x.tanh() + y.tanh());
    // i = 1, f = 0: input overwrites the memory.
    near(cells(&forced(1.0, 0.0), [x, y])[1], y.tanh());
    // i = 0, f = 0: clears the memory. It must not be empty before: the input gate opens for the first token only.
    let mut encoder = forced(0.0, 0.0);
    encoder.cells_mut()[0].weight_ih[0] = 200.0;
    encoder.cells_mut()[0].bias_ih[0] = -100.0;
    let [first, second] = cells(&encoder, [1.0, 0.0]);
    near(first, 1f64.tanh());
    near(second, 0.0);
}

#[test]
fn one_bias_a_gate_is_the_sum_of_both() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let two: Encoder<f64> = Encoder::new(EncoderShape::lstm(2, 3), &mut rng);
    let mut one = two.clone();
    let sum: Vec<f64> = two.cells()[0].bias_ih.iter().zip(&two.cells()[0].bias_hh).map(|(a, b)| a + b).collect();
    one.cells_mut()[0].bias_ih = sum;
    one.cells_mut()[0].bias_hh.fill(0.0);
    let packing = Packing::new(&[3]);
    let input = [0.3, -0.2, 0.9, 0.1, -0.5, 0.7];
    let outputs = [&one, &two].map(|encoder| {
        let mut products = vec![0.0; 3 * 12];
        encoder.multiply(&input, &mut products);
        encoder.forward(&packing, &products, &[0, 1, 2], vec![]).output()
    });
    assert_eq!(outputs[0], outputs[1]);
}

fn network(rng: &mut ChaCha8Rng, mode: EmbeddingMode) -> Network<f64> {
    let rows: Vec<f64> = (0..12 * 5).map(|_| rng.random_range(-1.0..1.0)).collect();
    let shape = EncoderShape { layers: 2, bidirectional: true, ..EncoderShape::lstm(5, 6) };
    Network::new(Embedding::from_weights(rows, 5, mode).expect("whole rows"), shape, 3, rng.random())
}

/// A text's logits, loss and gradients do not depend on the lengths of its neighbours in the batch.
#[test]
fn a_batch_of_unequal_lengths_equals_its_texts_one_by_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let network = network(&mut rng, EmbeddingMode::Tuned);
    let few: [&[u32]; 5] = [&[3], &[2, 3, 4, 5, 6, 7, 8], &[], &[9, 9], &[10, 2, 11, 5]];
    // Enough for several shards.
    let texts: Vec<&[u32]> = few.iter().copied().cycle().take(39).collect();
    let labels: Vec<u32> = (0..39).map(|text| text % 3).collect();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    let together = network.logits(&texts);
    let (loss, gradients) = network.loss_and_gradients(&texts, &labels, 1.0, None);
    let mut sum: Option<(f64, vocable::classifier::Gradients<f64>)> = None;
    for (index, text) in texts.iter().enumerate() {
        let alone = network.logits(&[text]);
        alone.iter().zip(&together[index * 3..]).for_each(|(&a, &b)| near(a, b));
        let (loss, gradients) = network.loss_and_gradients(&[text], &labels[index..=index], 1.0, None);
        match &mut sum {
            None => sum = Some((loss, gradients)),
            Some((sum_loss, sum)) => {
                *sum_loss += loss;
                sum.add(&gradients);
            }
        }
    }
    let (alone_loss, alone) = sum.expect("there are texts");
    near(loss, alone_loss);
    for (a, b) in gradients.encoder.parameters().iter().zip(alone.encoder.parameters()) {
        a.values.iter().zip(b.values).for_each(|(&a, &b)| near(a, b));
    }
    let rows = |gradients: &vocable::classifier::Gradients<f64>| -> Vec<(u32, Vec<f64>)> {
        gradients.rows.iter().map(|(id, row)| (id, row.to_vec())).collect()
    };
    for ((a_id, a), (b_id, b)) in rows(&gradients).into_iter().zip(rows(&alone)) {
        assert_eq!(a_id, b_id);
        a.into_iter().zip(b).for_each(|(a, b)| near(a, b));
    }
}

#[test]
fn the_pad_has_a_zero_row_and_never_a_gradient() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for mode in EmbeddingMode::ALL.iter().copied() {
        let network = network(&mut rng, mode);
        assert!(network.embedding.forward(&[PADDING]).iter().all(|&value| value == 0.0));
        let (_, gradients) = network.loss_and_gradients(&[&[PADDING, 2]], &[1], 1.0, None);
        assert!(gradients.rows.iter().all(|(id, _)| id != PADDING));
    }
}

const WORDS: [&str; 5] = ["film", "superb", "zzgrqx", "dull", "ghastlyish"];

fn demo() -> Arc<Vectors> {
    Arc::new(Vectors::demo().expect("the built-in vectors open"))
}

fn embedding(vectors: &Arc<Vectors>, mode: EmbeddingMode, seed: u64) -> Embedding<f32> {
    let options = EmbeddingOptions { mode, seed, ..EmbeddingOptions::default() };
    Embedding::new(vectors, &WORDS, &options).expect("an embedding")
}

/// Some training steps on all words except the last two.
fn trained(embedding: Embedding<f32>) -> Network<f32> {
    let shape = EncoderShape::lstm(embedding.dimension(), 4);
    let mut network = Network::new(embedding, shape, 2, 9);
    let mut optimizer = Optimizer::new(OptimizerOptions { lr: 0.1, ..OptimizerOptions::default() }, Some(5.0));
    for _ in 0..5 {
        let (_, gradients) = network.loss_and_gradients(&[&[2, 3], &[4, 2]], &[0, 1], 0.5, None);
        optimizer.step(&mut network, &gradients);
    }
    network
}

/// Whether training changed the bits of each word's row.
fn changed(before: &Embedding<f32>, after: &Embedding<f32>) -> Vec<bool> {
    let bits =
        |embedding: &Embedding<f32>, id| embedding.forward(&[id]).iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    (2..2 + WORDS.len() as u32).map(|id| bits(before, id) != bits(after, id)).collect()
}

#[test]
fn each_mode_trains_the_rows_it_says_and_no_others() {
    let vectors = demo();
    let file_bits: Vec<u32> = vectors.values().iter().map(|value| value.to_bits()).collect();
    // In the order of WORDS; the last two never occur in training.
    for (mode, expected) in [
        (EmbeddingMode::Frozen, [false, false, false, false, false]),
        (EmbeddingMode::Tuned, [true, true, true, false, false]),
        (EmbeddingMode::OovOnly, [false, false, true, false, false]),
        (EmbeddingMode::Random, [true, true, true, false, false]),
    ] {
        let before = embedding(&vectors, mode, 1);
        let after = trained(before.clone()).embedding;
        assert_eq!(changed(&before, &after), expected, "{mode}");
        let after_bits: Vec<u32> = vectors.values().iter().map(|value| value.to_bits()).collect();
        assert!(file_bits == after_bits, "{mode}: the vectors themselves changed");
    }
}

#[test]
fn rows_are_read_from_the_vectors_until_training_touches_them() {
    let vectors = demo();
    let before = embedding(&vectors, EmbeddingMode::Tuned, 1);
    let borrowed = |embedding: &Embedding<f32>| (2..7).map(|id| embedding.is_borrowed(id)).collect::<Vec<bool>>();
    assert_eq!(borrowed(&before), [true, true, false, true, false]);
    assert_eq!(borrowed(&trained(before).embedding), [false, false, false, true, false]);
    let frozen = trained(embedding(&vectors, EmbeddingMode::Frozen, 1)).embedding;
    assert_eq!(borrowed(&frozen), [true, true, false, true, false]);
    assert_eq!(frozen.forward(&[2]), vectors.get("film").expect("a word of the demo"));
    assert_eq!(frozen.forward(&[UNKNOWN]), vectors.unknown_vector());
}

#[test]
fn random_rows_have_the_files_mean_and_deviation_and_depend_on_seed_and_word_alone() {
    let vectors = demo();
    let words: Vec<String> = (0..2000).map(|index| format!("word{index}")).collect();
    let options = EmbeddingOptions { mode: EmbeddingMode::Random, ..EmbeddingOptions::default() };
    let random: Embedding<f32> = Embedding::new(&vectors, &words, &options).expect("an embedding");
    let values: Vec<f64> = (2..2002).flat_map(|id| random.forward(&[id])).map(f64::from).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    let (file_mean, file_deviation) = vectors.mean_and_std();
    // Five standard errors of 100,000 draws.
    assert!((mean - file_mean).abs() < 5.0 * file_deviation / 1e5f64.sqrt());
    assert!((deviation / file_deviation - 1.0).abs() < 5.0 / 2e5f64.sqrt());

    // With a given standard deviation, the same draws around 0.
    let chosen: Embedding<f32> =
        Embedding::new(&vectors, &words, &EmbeddingOptions { random_std: Some(0.1), ..options }).expect("an embedding");
    let scaled = |value: f64| (value - file_mean) / file_deviation * 0.1;
    let own = (2..2002).flat_map(|id| chosen.forward(&[id])).map(f64::from);
    assert!(own.zip(&values).all(|(own, &value)| (own - scaled(value)).abs() < 1e-6));
    for deviation in [-1.0, f64::NAN, f64::INFINITY] {
        let wrong = EmbeddingOptions { random_std: Some(deviation), ..options };
        assert!(Embedding::<f32>::new(&vectors, &words, &wrong).is_err(), "{deviation}");
    }

    let a = embedding(&vectors, EmbeddingMode::OovOnly, 1);
    let alone: Embedding<f32> =
        Embedding::new(&vectors, &["zzgrqx"], &EmbeddingOptions { mode: EmbeddingMode::Frozen, ..Default::default() })
            .expect("an embedding");
    assert_eq!(a.forward(&[4]), alone.forward(&[2]), "other words shift a word's row");
    assert_ne!(a.forward(&[4]), embedding(&vectors, EmbeddingMode::OovOnly, 2).forward(&[4]));
}
