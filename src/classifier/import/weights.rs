//! The weights of a model by their names in PyTorch.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::tensor::{NamedTensor, unexpected};
use crate::error::Malformed;

/// The models that can be imported, for messages.
pub(super) const SUPPORTED_MODELS: &str = "an embedding, an LSTM or plain recurrent network, and one linear layer";

/// A tensor in PyTorch's layout.
struct Weight {
    /// Its name in the imported model.
    source: String,
    shape: Vec<usize>,
    values: Vec<f32>,
    /// Whether it is transposed in the imported model.
    transposed: bool,
}

impl Weight {
    /// A shape in the layout of the imported model.
    fn shown(&self, shape: &[usize]) -> String {
        let shape: Cow<[usize]> = if self.transposed { shape.iter().rev().copied().collect() } else { shape.into() };
        format!("{shape:?}")
    }
}

/// The tensors of a model by their names in PyTorch: `embedding.weight`, `weight_ih_l0` and so on, `head.weight`, `head.bias`.
#[derive(Default)]
pub(super) struct ModelWeights(BTreeMap<String, Weight>);

impl ModelWeights {
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn weight(&self, name: &str) -> Result<&Weight, Malformed> {
        self.0.get(name).ok_or_else(|| missing(name))
    }

    pub fn shape(&self, name: &str) -> Result<&[usize], Malformed> {
        self.weight(name).map(|weight| weight.shape.as_slice())
    }

    /// An error about the shape of a tensor.
    pub fn unexpected_shape(&self, name: &str, expected: &str) -> Malformed {
        match self.weight(name) {
            Ok(weight) => {
                unexpected(format!("the shape of `{}` to be {expected}", weight.source), weight.shown(&weight.shape))
            }
            Err(e) => e,
        }
    }

    /// Checks that a tensor exists and has a certain shape.
    pub fn check_shape(&self, name: &str, expected: &[usize]) -> Result<(), Malformed> {
        let weight = self.weight(name)?;
        let right = weight.shape == expected;
        right.then_some(()).ok_or_else(|| {
            unexpected(format!("`{}` of shape {}", weight.source, weight.shown(expected)), weight.shown(&weight.shape))
        })
    }

    /// Removes a tensor, which must have a certain shape, and returns its values.
    pub fn take(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, Malformed> {
        self.check_shape(name, expected)?;
        self.0.remove(name).map(|weight| weight.values).ok_or_else(|| missing(name))
    }

    /// Checks that all tensors have been taken.
    pub fn check_all_used(&self) -> Result<(), Malformed> {
        match self.0.values().next() {
            None => Ok(()),
            Some(weight) => Err(unexpected(
                format!("{SUPPORTED_MODELS}, whose layers all have the same directions"),
                format!("an additional tensor `{}`", weight.source),
            )),
        }
    }

    /// The name in the imported model of the tensor with this name.
    pub fn source(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|weight| weight.source.as_str())
    }

    /// Adds a tensor of the imported model under its name in PyTorch.
    pub fn insert(&mut self, name: impl Into<String>, tensor: NamedTensor, transposed: bool) {
        let NamedTensor { name: source, mut shape, mut values } = tensor;
        if let (true, &[height, width]) = (transposed, shape.as_slice()) {
            values = (0..width).flat_map(|column| values.iter().skip(column).step_by(width).copied()).collect();
            shape = vec![width, height];
        }
        self.0.insert(name.into(), Weight { source, shape, values, transposed });
    }
}

fn missing(name: &str) -> Malformed {
    let expected = match name {
        "embedding.weight" => "the weight of an embedding".to_owned(),
        "head.weight" => "the weight of a linear layer".to_owned(),
        _ => format!("a tensor `{name}` of the recurrent network"),
    };
    unexpected(expected, "none")
}
