//! What an encoder is made of, and how large.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::Error;
use crate::nn::Pooling;

/// What a cell computes.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum CellKind {
    /// The long short-term memory, PyTorch's `nn.LSTM`.
    #[default]
    Lstm,
    /// The plain recurrent network with tanh, PyTorch's `nn.RNN`.
    Rnn,
}

impl CellKind {
    /// All kinds.
    pub const ALL: &'static [CellKind] = <CellKind as VariantArray>::VARIANTS;

    /// The name on the command line, in JSON, and in the names of the weights in model files.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Sums that a cell computes for each number of its state, `G`: the four gates i, f, g, o, or one.
    pub fn gates(self) -> usize {
        match self {
            CellKind::Lstm => 4,
            CellKind::Rnn => 1,
        }
    }
}

/// The sizes of an encoder, and how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderShape {
    /// The cells of all layers.
    pub cell: CellKind,
    /// Numbers a token that go in, `E`; 0 where tokens come as products with the input weights already
    /// ([`EncoderShape::products`] numbers each), which is what an LSTM over one-hot words is.
    pub input: usize,
    /// Numbers of a state, `H`.
    pub hidden: usize,
    /// Layers, each reading the one before.
    pub layers: usize,
    /// Whether a second cell of each layer reads from the end to the beginning.
    pub bidirectional: bool,
    /// How the states of the last layer become one row.
    pub pooling: Pooling,
}

impl EncoderShape {
    /// An LSTM of one layer in one direction, of which the last state is taken.
    pub fn lstm(input: usize, hidden: usize) -> Self {
        let (cell, pooling) = (CellKind::Lstm, Pooling::Last);
        EncoderShape { cell, input, hidden, layers: 1, bidirectional: false, pooling }
    }

    /// Directions, `D`.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// Numbers a text that come out, `D * H`.
    pub fn output(&self) -> usize {
        self.directions() * self.hidden
    }

    /// Numbers a token after the product with the input weights of the first layer, `D * G * H`.
    pub fn products(&self) -> usize {
        self.directions() * self.sums()
    }

    /// Numbers of a token's row as it goes in: `E`, or the products.
    pub fn row(&self) -> usize {
        if self.input == 0 { self.products() } else { self.input }
    }

    /// Numbers of a direction after a product with weights, `G * H`.
    pub fn sums(&self) -> usize {
        self.cell.gates() * self.hidden
    }

    pub(super) fn layer_input(&self, layer: usize) -> usize {
        if layer == 0 { self.input } else { self.output() }
    }
}
