//! Reads the reference answers of `../shared/reference`.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;
use vocable::nn::Real;

/// A file beside the repository.
pub fn shared(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path)
}

/// A JSON file beside the repository.
pub fn json(path: &str) -> Value {
    let path = shared(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A tensor in f64.
#[derive(Clone)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Tensor {
    pub fn of<T: Real>(&self) -> Vec<T> {
        self.values.iter().map(|&value| T::of(value)).collect()
    }
}

/// The tensors of a PyTorch reference.
pub struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    pub fn open(file: &str) -> Tensors {
        let json = json(&format!("reference/pytorch/{file}"));
        let numbers = |value: &Value| -> Vec<f64> {
            value.as_array().expect("an array").iter().map(|v| v.as_f64().expect("a number")).collect()
        };
        let tensors = json["tensors"].as_object().expect("tensors");
        let read = |(name, tensor): (&String, &Value)| {
            let shape = numbers(&tensor["shape"]).into_iter().map(|n| n as usize).collect();
            (name.clone(), Tensor { shape, values: numbers(&tensor["data"]) })
        };
        Tensors(tensors.iter().map(read).collect())
    }

    pub fn get(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor `{name}`"))
    }
}
