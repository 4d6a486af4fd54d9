//! The shape of an encoder.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::Error;
use crate::nn::Pooling;

/// The kind of a recurrent cell.
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
    /// Long short-term memory: PyTorch's `nn.LSTM`.
    #[default]
    Lstm,
    /// The plain recurrent network with tanh: PyTorch's `nn.RNN`.
    Rnn,
}

impl CellKind {
    /// All kinds.
    pub const ALL: &'static [CellKind] = <CellKind as VariantArray>::VARIANTS;

    /// The name on the command line, in JSON, and in the names of the weights in model files.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Pre-activations per hidden unit, `G`: 4 for the gates i, f, g, o of an LSTM, or 1.
    pub fn gates(self) -> usize {
        match self {
            CellKind::Lstm => 4,
            CellKind::Rnn => 1,
        }
    }
}

/// The sizes and options of an encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderShape {
    /// The kind of all cells.
    pub cell: CellKind,
    /// The input dimension, `E`; 0 if the inputs are already products with the input weights ([`EncoderShape::products`] numbers
    /// each), as for one-hot words.
    pub input: usize,
    /// The hidden size, `H`.
    pub hidden: usize,
    /// The number of layers.
    pub layers: usize,
    /// Whether each layer has a second cell, which reads from the end to the beginning.
    pub bidirectional: bool,
    /// The pooling of the states of the last layer.
    pub pooling: Pooling,
}

impl EncoderShape {
    /// A unidirectional LSTM with one layer, whose last state is the output.
    pub fn lstm(input: usize, hidden: usize) -> Self {
        let (cell, pooling) = (CellKind::Lstm, Pooling::Last);
        EncoderShape { cell, input, hidden, layers: 1, bidirectional: false, pooling }
    }

    /// The number of directions, `D`.
    pub fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// The output dimension, `D * H`.
    pub fn output(&self) -> usize {
        self.directions() * self.hidden
    }

    /// The number of products of a token with the input weights of the first layer, `D * G * H`.
    pub fn products(&self) -> usize {
        self.directions() * self.sums()
    }

    /// The length of a token's row in the embedding: `E`, or [`EncoderShape::products`] if `input` is 0.
    pub fn row(&self) -> usize {
        if self.input == 0 { self.products() } else { self.input }
    }

    /// The number of pre-activations of a direction, `G * H`.
    pub fn sums(&self) -> usize {
        self.cell.gates() * self.hidden
    }

    pub(super) fn layer_input(&self, layer: usize) -> usize {
        if layer == 0 { self.input } else { self.output() }
    }
}
