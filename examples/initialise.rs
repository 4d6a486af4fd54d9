//! Initialising an embedding from pretrained vectors: as a layer of this library, and as a matrix for any other.
//!
//!     cargo run --release --example initialise

use std::sync::Arc;

use vocable::classifier::{Network, Optimizer};
use vocable::nn::{
    Embedding, EmbeddingMatrix, EmbeddingMatrixOptions, EmbeddingMode, EmbeddingOptions, EncoderShape, OptimizerOptions,
};
use vocable::{Result, Vectors};

fn main() -> Result<()> {
    let vectors = Arc::new(Vectors::demo()?); // or Vectors::open("glove.6B.50d.txt")?

    // A matrix with one row per vocabulary entry, for an embedding layer of PyTorch, Keras or any other library. The pad gets zeros,
    // and out-of-vocabulary words get small random rows.
    let vocabulary = ["<pad>", "the", "film", "was", "superb", "dreadful", "xyzzy"];
    let entries = vocabulary.map(|word| Some(word.as_bytes().to_vec()));
    let options = EmbeddingMatrixOptions { pad: Some(b"<pad>".to_vec()), ..EmbeddingMatrixOptions::default() };
    let matrix = EmbeddingMatrix::for_vocabulary(&vectors, &entries, &options)?;
    println!("matrix of {} rows x {} dimensions, {} words known", matrix.rows(), matrix.dimension, matrix.known);

    // A layer for the same words. Id 0 is the pad, id 1 the unknown word; the words follow in the given order.
    let words = &vocabulary[1..];
    let options = EmbeddingOptions { mode: EmbeddingMode::Tuned, ..EmbeddingOptions::default() };
    let embedding: Embedding<f32> = Embedding::new(&vectors, words, &options)?;
    let id = |word: &str| words.iter().position(|other| *other == word).map_or(1, |index| index as u32 + 2);
    let texts =
        ["the film was superb", "the film was dreadful"].map(|text| text.split(' ').map(id).collect::<Vec<_>>());
    let labels = [1, 0];

    // A classifier of embedding, LSTM and linear layer, trained for some steps. The mean loss is the sum times 1/2.
    let shape = EncoderShape::lstm(vectors.dimension(), 16);
    let mut network = Network::new(embedding, shape, 2, 1);
    let mut optimizer = Optimizer::new(OptimizerOptions::default(), Some(5.0));
    let batch: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
    for step in 0..30 {
        let (loss, gradients) = network.loss_and_gradients(&batch, &labels, 0.5, None);
        if step % 10 == 0 {
            println!("step {step:2}: loss {loss:.4}");
        }
        optimizer.step(&mut network, &gradients);
    }

    // Only the rows that training changed were copied; the others are still read from the vectors.
    for word in ["superb", "xyzzy"] {
        let changed = network.embedding.forward(&[id(word)]) != matrix_row(&matrix, &vocabulary, word);
        println!("{word}: {}", if changed { "fine-tuned" } else { "unchanged" });
    }
    Ok(())
}

fn matrix_row<'m>(matrix: &'m EmbeddingMatrix, vocabulary: &[&str], word: &str) -> &'m [f32] {
    let row = vocabulary.iter().position(|other| *other == word).unwrap_or(0);
    &matrix.values[row * matrix.dimension..][..matrix.dimension]
}
