//! Mapping the tensor names of PyTorch and Keras models.

use std::collections::BTreeMap;

use super::tensor::{NamedTensor, unexpected};
use super::weights::{ModelWeights, SUPPORTED_MODELS};
use crate::error::Malformed;

/// Maps the tensors of a PyTorch or Keras model to their names in PyTorch.
pub(super) fn model_weights(tensors: Vec<NamedTensor>) -> Result<ModelWeights, Malformed> {
    let last = |tensor: &NamedTensor, end: &str| split(&tensor.name).1 == end;
    if tensors.iter().any(|tensor| last(tensor, "weight_hh_l0")) {
        pytorch_weights(tensors)
    } else if tensors.iter().any(|tensor| last(tensor, "recurrent_kernel")) {
        keras_weights(tensors)
    } else {
        let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let expected = "the weights of a recurrent network (`weight_hh_l0` in PyTorch, `recurrent_kernel` in Keras)";
        Err(unexpected(expected, if names.is_empty() { "no weights".to_owned() } else { names.join(", ") }))
    }
}

/// Splits the name of a tensor into its module or layer and its name within it. Keras separates names by `/`; older versions append `:0`.
fn split(name: &str) -> (&str, &str) {
    let name = name.strip_suffix(":0").unwrap_or(name);
    name.rsplit_once(['.', '/']).unwrap_or(("", name))
}

/// Whether a tensor of this name belongs to a recurrent network of PyTorch.
fn is_recurrent(name: &str) -> bool {
    let number =
        ["weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"].iter().find_map(|kind| name.strip_prefix(kind));
    number.is_some_and(|rest| {
        let number = rest.strip_suffix("_reverse").unwrap_or(rest);
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn pytorch_weights(tensors: Vec<NamedTensor>) -> Result<ModelWeights, Malformed> {
    let mut weights = ModelWeights::default();
    let mut network: Option<String> = None;
    let mut others = Vec::new();
    for tensor in tensors {
        let (module, name) = split(&tensor.name);
        if name.starts_with("weight_hr_l") {
            return Err(unexpected("an LSTM without projections", format!("`{}`", tensor.name)));
        }
        if !is_recurrent(name) {
            others.push(tensor);
            continue;
        }
        if let Some(other) = network.replace(module.to_owned()).filter(|other| other != module) {
            return Err(unexpected("one recurrent network", format!("`{other}` and `{module}`")));
        }
        weights.insert(name.to_owned(), tensor, false);
    }
    // A linear layer usually has a bias, and an embedding never does. A linear layer without a bias must be named `head`.
    let biases: Vec<String> = others
        .iter()
        .map(|other| split(&other.name))
        .filter(|(_, name)| *name == "bias")
        .map(|(module, _)| module.to_owned())
        .collect();
    for tensor in others {
        let (module, name) = split(&tensor.name);
        let is_head = biases.iter().any(|bias| bias == module) || (biases.is_empty() && split(module).1 == "head");
        let target = match (name, is_head) {
            ("weight", true) => "head.weight",
            ("bias", true) => "head.bias",
            ("weight", false) => "embedding.weight",
            _ => return Err(unexpected(SUPPORTED_MODELS, format!("an additional tensor `{}`", tensor.name))),
        };
        if let Some(other) = weights.source(target) {
            let error = unexpected(SUPPORTED_MODELS, format!("`{other}` and `{}`", tensor.name));
            let advice = "name the weight of a linear layer without a bias `head.weight`";
            return Err(if biases.is_empty() { error.advise(advice) } else { error });
        }
        weights.insert(target, tensor, false);
    }
    Ok(weights)
}

fn keras_weights(tensors: Vec<NamedTensor>) -> Result<ModelWeights, Malformed> {
    let mut weights = ModelWeights::default();
    // The layers of the recurrent network are ordered by name, and the forward direction comes first.
    let recurrent = |tensor: &&NamedTensor| split(&tensor.name).1 == "recurrent_kernel";
    let mut cells: Vec<String> =
        tensors.iter().filter(recurrent).map(|tensor| split(&tensor.name).0.to_owned()).collect();
    cells.sort_by_key(|cell| (natural_order(&without_direction(cell)), is_backward(cell)));
    let mut suffixes: BTreeMap<String, String> = BTreeMap::new();
    let mut layers: Vec<String> = Vec::new();
    for cell in cells {
        let layer = without_direction(&cell);
        if layers.last() != Some(&layer) {
            layers.push(layer);
        }
        let direction = if is_backward(&cell) { "_reverse" } else { "" };
        suffixes.insert(cell, format!("l{}{direction}", layers.len() - 1));
    }
    for tensor in tensors {
        let (layer, name) = split(&tensor.name);
        let target = match (name, suffixes.get(layer)) {
            ("kernel", Some(cell)) => format!("weight_ih_{cell}"),
            ("recurrent_kernel", Some(cell)) => format!("weight_hh_{cell}"),
            ("bias", Some(cell)) => {
                // The second bias of PyTorch is zero.
                let values = vec![0.0; tensor.values.len()];
                let none = NamedTensor { name: tensor.name.clone(), shape: tensor.shape.clone(), values };
                weights.insert(format!("bias_hh_{cell}"), none, false);
                format!("bias_ih_{cell}")
            }
            ("embeddings", None) => "embedding.weight".to_owned(),
            ("kernel", None) => "head.weight".to_owned(),
            ("bias", None) => "head.bias".to_owned(),
            _ => return Err(unexpected(SUPPORTED_MODELS, format!("an additional tensor `{}`", tensor.name))),
        };
        if let Some(other) = weights.source(&target) {
            return Err(unexpected(SUPPORTED_MODELS, format!("`{other}` and `{}`", tensor.name)));
        }
        let transposed = name.ends_with("kernel");
        weights.insert(target, tensor, transposed);
    }
    Ok(weights)
}

/// Whether a layer is the backward layer of a `Bidirectional` layer.
fn is_backward(layer: &str) -> bool {
    layer.split('/').any(|name| name.starts_with("backward_"))
}

/// The name of a layer without its direction.
fn without_direction(layer: &str) -> String {
    let plain =
        |name: &str| name.strip_prefix("forward_").or(name.strip_prefix("backward_")).unwrap_or(name).to_owned();
    layer.split('/').map(plain).collect::<Vec<_>>().join("/")
}

/// The sort key of a name by natural order, in which numbers are compared as numbers: `lstm`, `lstm_9`, `lstm_10`.
fn natural_order(name: &str) -> Vec<(String, u64)> {
    let mut pieces = vec![(String::new(), 0u64)];
    for character in name.chars() {
        match (character.to_digit(10), pieces.last_mut()) {
            (Some(digit), Some((_, number))) => *number = number.saturating_mul(10).saturating_add(digit.into()),
            (None, Some((text, 0))) => text.push(character),
            _ => pieces.push((character.to_string(), 0)),
        }
    }
    pieces
}
