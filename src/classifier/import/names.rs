//! Whose names the tensors have, and which part of a model each is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{NamedTensor, wrong};
use crate::error::Malformed;

/// What no other tensor may stand beside.
const KIND: &str = "an embedding, an LSTM or plain recurrent network, and one linear layer";

/// A tensor in PyTorch's form.
struct Part {
    /// Its name where it came from.
    source: String,
    shape: Vec<usize>,
    values: Vec<f32>,
    /// Whether it came the other way round.
    transposed: bool,
}

impl Part {
    /// A shape as it would be where the tensor came from.
    fn shown(&self, shape: &[usize]) -> String {
        let shape: Cow<[usize]> = if self.transposed { shape.iter().rev().copied().collect() } else { shape.into() };
        format!("{shape:?}")
    }
}

/// The tensors of a model by PyTorch's names: `embedding.weight`, `weight_ih_l0` and so on, `head.weight`, `head.bias`.
pub(super) struct Parts(BTreeMap<String, Part>);

impl Parts {
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn part(&self, name: &str) -> Result<&Part, Malformed> {
        self.0.get(name).ok_or_else(|| missing(name))
    }

    pub fn shape(&self, name: &str) -> Result<&[usize], Malformed> {
        self.part(name).map(|part| part.shape.as_slice())
    }

    /// What is wrong with the shape of a tensor that is there.
    pub fn misshapen(&self, name: &str, expected: &str) -> Malformed {
        match self.part(name) {
            Ok(part) => wrong(format!("the shape of `{}` to be {expected}", part.source), part.shown(&part.shape)),
            Err(e) => e,
        }
    }

    pub fn fit(&self, name: &str, expected: &[usize]) -> Result<(), Malformed> {
        let part = self.part(name)?;
        let right = part.shape == expected;
        right.then_some(()).ok_or_else(|| {
            wrong(format!("`{}` of shape {}", part.source, part.shown(expected)), part.shown(&part.shape))
        })
    }

    /// The numbers of a tensor that must have a shape.
    pub fn take(&mut self, name: &str, expected: &[usize]) -> Result<Vec<f32>, Malformed> {
        self.fit(name, expected)?;
        self.0.remove(name).map(|part| part.values).ok_or_else(|| missing(name))
    }

    /// Refuses what was not taken.
    pub fn nothing_left(&self) -> Result<(), Malformed> {
        match self.0.values().next() {
            None => Ok(()),
            Some(part) => Err(wrong(
                format!("{KIND}, whose layers all have the same directions"),
                format!("`{}` besides", part.source),
            )),
        }
    }

    fn insert(&mut self, name: impl Into<String>, tensor: NamedTensor, transposed: bool) {
        let NamedTensor { name: source, mut shape, mut values } = tensor;
        if let (true, &[height, width]) = (transposed, shape.as_slice()) {
            values = (0..width).flat_map(|column| values.iter().skip(column).step_by(width).copied()).collect();
            shape = vec![width, height];
        }
        self.0.insert(name.into(), Part { source, shape, values, transposed });
    }
}

fn missing(name: &str) -> Malformed {
    let expected = match name {
        "embedding.weight" => "the weight of an embedding".to_owned(),
        "head.weight" => "the weight of a linear layer".to_owned(),
        _ => format!("a tensor `{name}` of the recurrent network"),
    };
    wrong(expected, "none")
}

/// The tensors by PyTorch's names, whoever named them.
pub(super) fn named(tensors: Vec<NamedTensor>) -> Result<Parts, Malformed> {
    let last = |tensor: &NamedTensor, end: &str| split(&tensor.name).1 == end;
    if tensors.iter().any(|tensor| last(tensor, "weight_hh_l0")) {
        of_pytorch(tensors)
    } else if tensors.iter().any(|tensor| last(tensor, "recurrent_kernel")) {
        of_keras(tensors)
    } else {
        let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
        let expected =
            "the weights of a recurrent network (`weight_hh_l0` as PyTorch names them, or Keras' `recurrent_kernel`)";
        Err(wrong(expected, if names.is_empty() { "no weights".to_owned() } else { names.join(", ") }))
    }
}

/// The module or layer of a tensor, and its name in it. Keras separates by `/`, and once wrote `:0` at the end.
fn split(name: &str) -> (&str, &str) {
    let name = name.strip_suffix(":0").unwrap_or(name);
    name.rsplit_once(['.', '/']).unwrap_or(("", name))
}

/// Whether a name is PyTorch's for a part of a recurrent network.
fn is_recurrent(name: &str) -> bool {
    let number =
        ["weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"].iter().find_map(|kind| name.strip_prefix(kind));
    number.is_some_and(|rest| {
        let number = rest.strip_suffix("_reverse").unwrap_or(rest);
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn of_pytorch(tensors: Vec<NamedTensor>) -> Result<Parts, Malformed> {
    let mut parts = Parts(BTreeMap::new());
    let mut network: Option<String> = None;
    let mut others = Vec::new();
    for tensor in tensors {
        let (module, name) = split(&tensor.name);
        if name.starts_with("weight_hr_l") {
            return Err(wrong("an LSTM without projections", format!("`{}`", tensor.name)));
        }
        if !is_recurrent(name) {
            others.push(tensor);
            continue;
        }
        if let Some(other) = network.replace(module.to_owned()).filter(|other| other != module) {
            return Err(wrong("one recurrent network", format!("`{other}` and `{module}`")));
        }
        parts.insert(name.to_owned(), tensor, false);
    }
    // A linear layer has a bias, an embedding has none; without it, the linear layer is the one that is named so.
    let biases: Vec<String> = others
        .iter()
        .map(|other| split(&other.name))
        .filter(|(_, name)| *name == "bias")
        .map(|(module, _)| module.to_owned())
        .collect();
    for tensor in others {
        let (module, name) = split(&tensor.name);
        let is_head = biases.iter().any(|bias| bias == module) || (biases.is_empty() && split(module).1 == "head");
        let place = match (name, is_head) {
            ("weight", true) => "head.weight",
            ("bias", true) => "head.bias",
            ("weight", false) => "embedding.weight",
            _ => return Err(wrong(KIND, format!("`{}` besides", tensor.name))),
        };
        if let Some(other) = parts.0.get(place) {
            let found = format!("`{}` and `{}`", other.source, tensor.name);
            let error = wrong(KIND, found);
            let advice = "name the weight of a linear layer without a bias `head.weight`";
            return Err(if biases.is_empty() { error.advise(advice) } else { error });
        }
        parts.insert(place, tensor, false);
    }
    Ok(parts)
}

fn of_keras(tensors: Vec<NamedTensor>) -> Result<Parts, Malformed> {
    let mut parts = Parts(BTreeMap::new());
    // The layers of the recurrent network in the order of their names, the directions of each in theirs.
    let recurrent = |tensor: &&NamedTensor| split(&tensor.name).1 == "recurrent_kernel";
    let mut cells: Vec<String> =
        tensors.iter().filter(recurrent).map(|tensor| split(&tensor.name).0.to_owned()).collect();
    cells.sort_by_key(|cell| (in_order(&without_direction(cell)), is_backward(cell)));
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let mut layers: Vec<String> = Vec::new();
    for cell in cells {
        let layer = without_direction(&cell);
        if layers.last() != Some(&layer) {
            layers.push(layer);
        }
        let direction = if is_backward(&cell) { "_reverse" } else { "" };
        places.insert(cell, format!("l{}{direction}", layers.len() - 1));
    }
    for tensor in tensors {
        let (layer, name) = split(&tensor.name);
        let place = match (name, places.get(layer)) {
            ("kernel", Some(cell)) => format!("weight_ih_{cell}"),
            ("recurrent_kernel", Some(cell)) => format!("weight_hh_{cell}"),
            ("bias", Some(cell)) => {
                // The second of PyTorch's two.
                let values = vec![0.0; tensor.values.len()];
                let none = NamedTensor { name: tensor.name.clone(), shape: tensor.shape.clone(), values };
                parts.insert(format!("bias_hh_{cell}"), none, false);
                format!("bias_ih_{cell}")
            }
            ("embeddings", None) => "embedding.weight".to_owned(),
            ("kernel", None) => "head.weight".to_owned(),
            ("bias", None) => "head.bias".to_owned(),
            _ => return Err(wrong(KIND, format!("`{}` besides", tensor.name))),
        };
        if let Some(other) = parts.0.get(&place) {
            return Err(wrong(KIND, format!("`{}` and `{}`", other.source, tensor.name)));
        }
        let transposed = name.ends_with("kernel");
        parts.insert(place, tensor, transposed);
    }
    Ok(parts)
}

/// Whether a layer is the one of `Bidirectional` that reads from the end.
fn is_backward(layer: &str) -> bool {
    layer.split('/').any(|name| name.starts_with("backward_"))
}

/// The name that both directions of a layer share.
fn without_direction(layer: &str) -> String {
    let plain =
        |name: &str| name.strip_prefix("forward_").or(name.strip_prefix("backward_")).unwrap_or(name).to_owned();
    layer.split('/').map(plain).collect::<Vec<_>>().join("/")
}

/// A name as a sequence in which numbers count as such: `lstm`, `lstm_9`, `lstm_10`.
fn in_order(name: &str) -> Vec<(String, u64)> {
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
