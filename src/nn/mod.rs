//! Layers with a forward and a backward pass side by side: embedding, encoder (LSTM or plain recurrent), dense; loss;
//! optimizers.
//!
//! Letters in the "Shapes" sections: `B` sequences in a batch, `N` tokens in it (pads do not exist), `E` dimension of the
//! embedding, `H` hidden size, `G` sums a number of the state (4 gates, or 1), `D` directions (1 or 2), `C` classes. All matrices are row-major.
//!
//! Layers are generic over [`Real`]: f32 trains, f64 checks gradients and reference values. A gradient has the type of
//! what it is the gradient of: the gradient of an [`Encoder`] is an [`Encoder`].

mod dense;
mod dropout;
mod embedding;
mod embedding_matrix;
mod encoder;
mod gates;
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
pub use loss::{CrossEntropy, cross_entropy, softmax};
pub(crate) use optimizer::Moments;
pub use optimizer::{DenseOptimizer, OptimizerKind, OptimizerOptions, RowOptimizer, clip_factor};
pub use packing::Packing;
pub use pooling::Pooling;
pub(crate) use product::{Accumulate, GemmMatrix, RowMatrix};
pub use real::Real;
pub(crate) use real::{add, squares};
pub use schedule::Schedule;
pub use scratch::Scratch;

/// A parameter of a layer, as a saved model names it.
#[derive(Debug)]
pub struct Parameter<'a, T> {
    /// PyTorch's name, as in `weight_ih_l0`.
    pub name: String,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: &'a [T],
}
