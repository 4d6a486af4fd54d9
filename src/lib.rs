//! Vocable: a toolkit for pretrained word vectors.
//!
//! It opens GloVe and word2vec files, answers questions about words from them, and trains an LSTM text classifier on them, with
//! the vectors frozen or fine-tuned, so that the two can be compared. The program `vocable` does all of it on the command line;
//! this library does it in training code.
//!
//! # A tour
//!
//! Open vectors and ask:
//!
//! ```
//! use vocable::Vectors;
//! use vocable::query::{Method, NearestOptions};
//!
//! let vectors = Vectors::demo()?; // or Vectors::open("glove.6B.50d.txt")?
//! assert!(vectors.similarity("france", "italy")? > vectors.similarity("ball", "crocodile")?);
//!
//! let near = vectors.nearest(&["king"], &[] as &[&str], &NearestOptions::default())?;
//! assert_eq!(vectors.word(near[0].row), "queen");
//!
//! let answers = vectors.analogy("man", "king", "woman", Method::Add, &NearestOptions::default())?;
//! assert_eq!(vectors.word(answers[0].row), "queen");
//! # Ok::<(), vocable::Error>(())
//! ```
//!
//! Initialise an embedding layer for a task's words, and run a forward and a backward pass:
//!
//! ```
//! use std::sync::Arc;
//!
//! use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//! use vocable::Vectors;
//! use vocable::classifier::{Network, Optimizer};
//! use vocable::nn::{OptimizerOptions, Embedding, EmbeddingMode, EmbeddingOptions, EncoderShape};
//!
//! let vectors = Arc::new(Vectors::demo()?);
//! let words = ["the", "film", "was", "superb", "dreadful"];
//! let options = EmbeddingOptions { mode: EmbeddingMode::Tuned, ..EmbeddingOptions::default() };
//! let embedding: Embedding<f32> = Embedding::new(&vectors, &words, &options)?;
//!
//! // Ids 0 and 1 are the pad and the unknown word; words follow in their order.
//! let good = [2, 3, 4, 5]; // the film was superb
//! let bad = [2, 3, 4, 6]; // the film was dreadful
//! assert_eq!(embedding.forward(&[5]), vectors.get("superb").unwrap());
//!
//! let shape = EncoderShape::lstm(vectors.dimension(), 16);
//! let mut network = Network::new(embedding, shape, 2, &mut ChaCha8Rng::seed_from_u64(1));
//! let mut optimizer = Optimizer::new(OptimizerOptions::default(), Some(5.0));
//! let (before, _) = network.loss_and_gradients(&[&good, &bad], &[1, 0], 0.5, None);
//! for _ in 0..20 {
//!     let (_, gradients) = network.loss_and_gradients(&[&good, &bad], &[1, 0], 0.5, None);
//!     optimizer.step(&mut network, &gradients);
//! }
//! let (after, _) = network.loss_and_gradients(&[&good, &bad], &[1, 0], 0.5, None);
//! assert!(after < before);
//! # Ok::<(), vocable::Error>(())
//! ```
//!
//! Or leave texts, batches, early stopping and the rest to [`classifier::train`], and the comparison of embeddings to
//! [`compare::compare`].
//!
//! # The rooms
//!
//! [`error`] < [`files`] < [`vectors`] < [`fetch`], [`query`], [`nn`] < [`classifier`] < [`compare`] < [`report`] < `serve` (with the feature
//! `explore`), and [`classifier`] < `texts` (with the feature `arrow`): each uses only those before it. The library never prints and never ends the program.

pub mod classifier;
pub mod compare;
pub mod error;
pub mod fetch;
pub mod files;
pub mod nn;
pub mod query;
pub mod report;
#[cfg(feature = "explore")]
pub mod serve;
#[cfg(feature = "arrow")]
pub mod texts;
pub mod vectors;

pub use error::{Error, Result};
pub use vectors::Vectors;
