//! Layers with a forward and a backward pass side by side: embedding, LSTM, dense; loss; optimizers.
//!
//! Letters in the "Shapes" sections: `B` sequences in a batch, `N` tokens in it (pads do not exist), `E` dimension of the
//! embedding, `H` hidden size, `D` directions (1 or 2), `C` classes. All matrices are row-major.
//!
//! Layers are generic over [`Real`]: f32 trains, f64 checks gradients and reference values. A gradient has the type of
//! what it is the gradient of: the gradient of an [`Encoder`] is an [`Encoder`].

mod dense;
mod dropout;
mod embedding;
mod encoder;
mod gates;
mod loss;
mod optimizer;
mod packing;
mod real;
mod schedule;
mod scratch;

pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::{Embedding, EmbeddingMode, EmbeddingOptions, PADDING, RowGradients, UNKNOWN};
pub use encoder::{Cell, Encoder, EncoderCache, EncoderShape, Tokens};
pub use loss::{CrossEntropy, cross_entropy, softmax};
pub(crate) use optimizer::Moments;
pub use optimizer::{DenseOptimizer, OptimizerKind, OptimizerOptions, RowOptimizer, clip_factor};
pub use packing::Packing;
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
