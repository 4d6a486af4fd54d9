//! Layers with forward and backward passes: embedding, encoder (LSTM or plain RNN) and dense layer; loss functions; optimizers.
//!
//! Symbols in the "Shapes" sections: `B` sequences per batch, `N` tokens per batch (there is no padding), `E` embedding dimension, `H`
//! hidden size, `G` pre-activations per hidden unit (4 gates, or 1), `D` directions (1 or 2), `C` classes. All matrices are row-major.
//!
//! Layers are generic over [`Real`]: f32 for training, f64 to check gradients and reference values. The gradients of a layer have the
//! type of the layer: the gradients of an [`Encoder`] are an [`Encoder`].

mod dense;
mod dropout;
mod embedding;
mod embedding_matrix;
mod encoder;
mod gates;
mod gemm;
mod loss;
mod optimizer;
mod packing;
mod pooling;
mod product;
mod real;
mod recurrence;
mod rnn;
mod schedule;
mod scratch;
mod tokens;

pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::{Embedding, EmbeddingMode, EmbeddingOptions, PADDING, RowGradients, UNKNOWN};
pub use embedding_matrix::{EmbeddingMatrix, EmbeddingMatrixOptions};
pub use encoder::{Cell, CellKind, Encoder, EncoderCache, EncoderShape, InputGradients, PartialGradients};
pub(crate) use gemm::{Accumulate, RowMatrix};
pub use loss::{CrossEntropy, cross_entropy, softmax};
pub(crate) use optimizer::Moments;
pub use optimizer::{DenseOptimizer, OptimizerKind, OptimizerOptions, RowOptimizer, clip_factor};
pub use packing::Packing;
pub use pooling::Pooling;
pub(crate) use product::GemmMatrix;
pub use real::Real;
pub(crate) use real::{add, squares};
pub use schedule::Schedule;
pub(crate) use scratch::Scratch;

/// A named parameter of a layer.
#[derive(Debug)]
pub struct Parameter<'a, T> {
    /// PyTorch's name, such as `weight_ih_l0`.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: &'a [T],
}
