//! Vocable is a toolkit for pretrained word vectors.
//!
//! It opens GloVe, word2vec and fastText files, answers queries about words, and trains text classifiers on the vectors, frozen or
//! fine-tuned, so that the two can be compared. The program `vocable` does all of this on the command line; this library is for use
//! in other programs.
//!
//! The pipeline has four steps:
//!
//! 1. **Read.** [`files`] reads the rows of a file: words and numbers. The format is detected from the content.
//! 2. **Index.** [`Vectors`] holds the rows and an index from word to row, in memory or in a mapped table file.
//! 3. **Query or embed.** [`query`] finds nearest words, analogies and similarities; [`nn`] turns the vectors into the embedding layer
//!    of a network.
//! 4. **Train and compare.** [`classifier`] trains a text classifier on the embedding, [`compare`](mod@compare) compares embeddings
//!    over several seeds, and [`report`] formats the results.
//!
//! # Debug builds
//!
//! Without optimization the numeric code is 10 to 50 times slower. Programs that use this library should compile it optimized in debug
//! builds as well, with these lines in their `Cargo.toml`:
//!
//! ```toml
//! [profile.dev.package."*"]
//! opt-level = 3
//! ```
//!
//! # Examples
//!
//! Open vectors and query them:
//!
//! ```
//! use vocable::Vectors;
//! use vocable::query::{AnalogyMethod, NearestOptions};
//!
//! let vectors = Vectors::demo()?; // or Vectors::open("glove.6B.50d.txt")?
//! assert!(vectors.similarity("france", "italy")? > vectors.similarity("ball", "crocodile")?);
//!
//! let near = vectors.nearest(&["king"], &[] as &[&str], &NearestOptions::default())?;
//! assert_eq!(vectors.word(near[0].row), "queen");
//!
//! let answers = vectors.analogy("man", "king", "woman", AnalogyMethod::Add, &NearestOptions::default())?;
//! assert_eq!(vectors.word(answers[0].row), "queen");
//! # Ok::<(), vocable::Error>(())
//! ```
//!
//! Initialise an embedding layer for the words of a task, and run a forward and a backward pass:
//!
//! ```
//! use std::sync::Arc;
//!
//! use vocable::Vectors;
//! use vocable::classifier::{Network, Optimizer};
//! use vocable::nn::{OptimizerOptions, Embedding, EmbeddingMode, EmbeddingOptions, EncoderShape};
//!
//! let vectors = Arc::new(Vectors::demo()?);
//! let words = ["the", "film", "was", "superb", "dreadful"];
//! let options = EmbeddingOptions { mode: EmbeddingMode::Tuned, ..EmbeddingOptions::default() };
//! let embedding: Embedding<f32> = Embedding::new(&vectors, &words, &options)?;
//!
//! // Ids 0 and 1 are the padding and the unknown word; the words follow in order.
//! let good = [2, 3, 4, 5]; // the film was superb
//! let bad = [2, 3, 4, 6]; // the film was dreadful
//! assert_eq!(embedding.forward(&[5]), vectors.get("superb").unwrap());
//!
//! let shape = EncoderShape::lstm(vectors.dimension(), 16);
//! let mut network = Network::new(embedding, shape, 2, 1);
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
//! Make the embedding matrix for another library, with one row for each entry of that library's vocabulary:
//!
//! ```
//! use std::sync::Arc;
//!
//! use vocable::Vectors;
//! use vocable::nn::{EmbeddingMatrix, EmbeddingMatrixOptions};
//!
//! let vectors = Arc::new(Vectors::demo()?);
//! let vocabulary = ["<pad>", "the", "film", "vocable"].map(|word| Some(word.as_bytes().to_vec()));
//! let options = EmbeddingMatrixOptions { pad: Some(b"<pad>".to_vec()), ..EmbeddingMatrixOptions::default() };
//! let matrix = EmbeddingMatrix::for_vocabulary(&vectors, &vocabulary, &options)?;
//! assert_eq!((matrix.rows(), matrix.dimension), (4, 50));
//! assert_eq!(&matrix.values[50..100], vectors.get("the").unwrap());
//! assert_eq!((matrix.known, matrix.unknown.as_slice()), (2, &[3][..])); // the row of `vocable` is random
//! # Ok::<(), vocable::Error>(())
//! ```
//!
//! Train a classifier, save it, open it again and predict with it ([`classifier::train`] does batching and early stopping):
//!
//! ```
//! use std::sync::Arc;
//!
//! use vocable::Vectors;
//! use vocable::classifier::{Classifier, DataOptions, Dataset, Splits, TrainOptions, train};
//! use vocable::nn::EmbeddingMode;
//!
//! let vectors = Arc::new(Vectors::demo()?);
//! // Or Dataset::open("train.txt", &DataOptions::default())?
//! let read = |texts: &str| Dataset::parse(texts.as_bytes(), &DataOptions::default(), "texts");
//! let splits = Splits {
//!     train: read("pos a superb film\npos a charming story\nneg a dreadful film\nneg a tedious story\n")?,
//!     dev: read("pos a superb story\nneg a dreadful story\n")?,
//!     test: None,
//! };
//! let options = TrainOptions { embedding: EmbeddingMode::Frozen, hidden: 16, lr: 0.01, ..TrainOptions::default() };
//! let trained = train(&vectors, &splits, &options, &mut |_progress| {})?;
//! assert_eq!(trained.dev.accuracy(), 1.0);
//!
//! let folder = tempfile::tempdir().unwrap();
//! let file = folder.path().join("model.safetensors");
//! trained.classifier.save(&file)?;
//! let mut classifier = Classifier::open(&file)?;
//! classifier.attach_vectors(&vectors)?; // for words that are not in the train set
//! let prediction = &classifier.predict(&["a delightful film"])[0];
//! assert_eq!(prediction.unknown, 0);
//! println!("{} {:?}", classifier.labels()[prediction.class], prediction.probabilities);
//! # Ok::<(), vocable::Error>(())
//! ```
//!
//! Compare embeddings over several seeds:
//!
//! ```
//! use std::ops::ControlFlow;
//! use std::sync::Arc;
//!
//! use vocable::classifier::{DataOptions, Dataset, Splits, TrainOptions};
//! use vocable::compare::{CompareOptions, Findings, NamedVectors, Plan, RunOptions};
//! use vocable::{Vectors, report};
//!
//! let texts = "pos a superb film\nneg a dreadful film\npos a charming story\nneg a tedious story\n";
//! let texts = Dataset::parse(texts.as_bytes(), &DataOptions::default(), "texts")?;
//! let splits = Splits { train: texts.clone(), dev: texts.clone(), test: Some(texts) };
//! let train = TrainOptions { hidden: 8, epochs: 3, ..TrainOptions::default() };
//! let options = CompareOptions { train, ..CompareOptions::default() }; // four embeddings, three seeds
//! let plan = Plan::new(vec![NamedVectors::of(Arc::new(Vectors::demo()?))], splits, &options)?;
//! let findings = Findings::of(&plan, None, &RunOptions::default(), &|_event| ControlFlow::Continue(()))?;
//! assert_eq!(findings.comparison.runs.len(), 12);
//! println!("{}", report::comparison_markdown(&findings));
//! # Ok::<(), vocable::Error>(())
//! ```
//!
//! # Modules
//!
//! [`error`] < [`files`] < [`vectors`] < [`fetch`], [`query`], [`nn`] < [`classifier`] < [`bench`](mod@bench), [`compare`](mod@compare) < [`report`] < `serve`
//! (with the feature `explore`), and [`classifier`] < `tables` (with the feature `arrow`): each module only
//! uses modules before it. The library never prints and never exits the process.

/// Compiles and runs the program in the guide.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide/initialising.md")]
mod guide {}

pub mod bench;
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
pub mod tables;
pub mod vectors;

pub use error::{Error, Result};
pub use vectors::Vectors;
