//! Checkpoints: the state of a training run as a safetensors file, from which it can be resumed with the same results, bit for bit.
//!
//! A checkpoint holds the current and the best network (weights, and embedding rows changed by training), the state of the optimizer,
//! the order of the texts, the positions of the random number generators, and the history. Everything else is derived again from the
//! texts, the vectors and the options; checksums ensure that they are the same.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, TensorView, serialize};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checksum::{Hash, InputChecksums, f32_bytes};
use super::network::Network;
use super::options::TrainOptions;
use super::splits::Splits;
use super::training::{Epoch, Training};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::tensors::Tensors;
use crate::files::{bytes, write_atomic};
use crate::nn::{Moments, Schedule};
use crate::vectors::Vectors;

/// The metadata key of the header, which is JSON.
pub(super) const KEY: &str = "vocable.checkpoint";

/// The metadata key of the checksum of the header and all tensors.
const CHECKSUM: &str = "checksum";

/// The version of the checkpoint format.
const VERSION: u32 = 2;

/// The name prefix of the tensors of the network after the last step.
const CURRENT: &str = "current";

/// The name prefix of the tensors of the network after the best epoch.
const BEST: &str = "best";

/// Everything in a checkpoint that is not a tensor.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    options: Value,
    #[serde(flatten)]
    inputs: InputChecksums,
    history: Vec<Epoch>,
    step: usize,
    loss: f64,
    step_seconds: f64,
    seconds: f64,
    /// Positions of the random number generators, as decimal strings because they may exceed the range of JSON numbers.
    order_position: String,
    dropout_position: String,
    dense_steps: u32,
    row_steps: u32,
}

/// A tensor to write.
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn f32(name: impl Into<String>, shape: Vec<usize>, values: &[f32]) -> Tensor {
        Tensor { name: name.into(), dtype: Dtype::F32, shape, bytes: f32_bytes(values) }
    }

    fn u32(name: impl Into<String>, values: &[u32]) -> Tensor {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { name: name.into(), dtype: Dtype::U32, shape: vec![values.len()], bytes }
    }
}

/// The checksum of a checkpoint: of its header and of all tensors in the order of their names.
fn checksum<'a>(header: &str, mut tensors: Vec<(&'a str, Dtype, &'a [usize], &'a [u8])>) -> String {
    tensors.sort_unstable_by_key(|tensor| tensor.0);
    let mut hash = Hash::new();
    hash.bytes(header.as_bytes());
    for (name, dtype, shape, bytes) in tensors {
        hash.bytes(name.as_bytes());
        hash.bytes(format!("{dtype:?}").as_bytes());
        hash.number(shape.len());
        shape.iter().for_each(|&size| hash.number(size));
        hash.bytes(bytes);
    }
    hash.hex()
}

impl Training {
    /// Saves a checkpoint. The file is replaced atomically, so that there is always a complete checkpoint.
    ///
    /// # Errors
    /// [`Error::Io`]; sizes that safetensors cannot hold.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let bytes = self.to_bytes()?;
        write_atomic(path.as_ref(), |file| file.write_all(&bytes))
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let too_large = |e: &dyn std::fmt::Display| {
            Error::invalid("checkpoint", "sizes that safetensors can represent", e.to_string())
        };
        let header = serde_json::to_string(&self.header()?).map_err(|e| too_large(&e))?;
        let tensors = self.tensors();
        let parts = tensors.iter().map(|t| (t.name.as_str(), t.dtype, t.shape.as_slice(), t.bytes.as_slice()));
        let checksum = checksum(&header, parts.collect());
        let views = tensors
            .iter()
            .map(|tensor| Ok((&tensor.name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| too_large(&e))?;
        let metadata = HashMap::from([(KEY.to_owned(), header), (CHECKSUM.to_owned(), checksum)]);
        serialize(views, Some(metadata)).map_err(|e| too_large(&e))
    }

    fn header(&self) -> Result<Header> {
        let options = serde_json::to_value(&self.options);
        Ok(Header {
            version: VERSION,
            options: options.map_err(|e| Error::invalid("options", "values that JSON can represent", e.to_string()))?,
            inputs: self.inputs.clone(),
            history: self.history.clone(),
            step: self.step,
            loss: self.loss,
            step_seconds: self.step_seconds,
            seconds: self.seconds(),
            order_position: self.order_rng.get_word_pos().to_string(),
            dropout_position: self.dropout_rng.get_word_pos().to_string(),
            dense_steps: self.optimizer.dense.steps.unsigned_abs(),
            row_steps: self.optimizer.rows.steps.unsigned_abs(),
        })
    }

    fn tensors(&self) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        let order: Vec<u32> = self.order.iter().map(|&text| text as u32).collect();
        tensors.push(Tensor::u32("order", &order));
        write_network(CURRENT, &self.classifier.network, &mut tensors);
        if !self.history.is_empty() {
            write_network(BEST, &self.best, &mut tensors);
        }
        for (index, moments) in self.optimizer.dense.moments.iter().enumerate() {
            write_moments(&format!("optimizer.{index}"), moments, &mut tensors);
        }
        tensors.push(Tensor::u32("optimizer.rows.ids", &self.optimizer.rows.ids));
        write_moments("optimizer.rows", &self.optimizer.rows.moments, &mut tensors);
        tensors
    }

    /// Resumes training from a checkpoint, with the same results as without an interruption, bit for bit.
    ///
    /// Texts, vectors and options must be those of the checkpoint, except that [`TrainOptions::epochs`] and
    /// [`TrainOptions::patience`] can be increased (the epochs only if the learning rate has neither a schedule nor a warm-up).
    ///
    /// # Errors
    /// Those of [`Training::new`]; a file that is not a checkpoint, was altered, or was made with other texts, vectors or options.
    pub fn resume(
        vectors: &Arc<Vectors>,
        splits: &Splits,
        options: &TrainOptions,
        path: impl AsRef<Path>,
    ) -> Result<Training> {
        let path = path.as_ref();
        let mut training = Training::new(vectors, splits, options)?;
        let (bytes, _) = bytes::open(path, None)?;
        training.restore(&bytes).map_err(|e| Error::from(e.in_file(path.to_string_lossy())))?;
        Ok(training)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Malformed> {
        let (header, tensors) = read(bytes)?;
        check_options(&header, &self.options)?;
        check_inputs(&header.inputs, &self.inputs)?;
        self.restore_state(header, &tensors).map_err(|e| match e.advice {
            None => e.advise(ALTERED),
            Some(_) => e,
        })
    }

    fn restore_state(&mut self, header: Header, tensors: &Tensors) -> Result<(), Malformed> {
        self.check_history(&header.history)?;
        let order = tensors.u32("order")?;
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if order.len() != self.order.len() || sorted.into_iter().zip(0..).any(|(text, index)| text != index) {
            return Err(unexpected("an order of all texts", format!("another order of {}", order.len())));
        }
        if header.step > self.steps() {
            return Err(unexpected(format!("a step up to {}", self.steps()), header.step.to_string()));
        }
        let position = |text: &str| {
            text.parse::<u128>().map_err(|_| unexpected("a position of a random number generator", format!("`{text}`")))
        };
        self.order_rng.set_word_pos(position(&header.order_position)?);
        self.dropout_rng.set_word_pos(position(&header.dropout_position)?);
        read_network(CURRENT, &mut self.classifier.network, tensors)?;
        if !header.history.is_empty() {
            read_network(BEST, &mut self.best, tensors)?;
        }
        self.restore_optimizer(&header, tensors)?;
        self.order = order.into_iter().map(|text| text as usize).collect();
        self.history = header.history;
        (self.step, self.loss, self.step_seconds) = (header.step, header.loss, header.step_seconds);
        self.earlier_seconds = header.seconds;
        Ok(())
    }

    fn check_history(&self, history: &[Epoch]) -> Result<(), Malformed> {
        let classes = self.classifier.labels().len();
        let is_valid = |(epoch, number): (&Epoch, usize)| {
            let rows = &epoch.dev.confusion;
            epoch.number == number && rows.len() == classes && rows.iter().all(|row| row.len() == classes)
        };
        match history.len() <= self.options.epochs && history.iter().zip(1..).all(is_valid) {
            true => Ok(()),
            false => Err(unexpected("the history of this training run", format!("{} other epochs", history.len()))),
        }
    }

    fn restore_optimizer(&mut self, header: &Header, tensors: &Tensors) -> Result<(), Malformed> {
        let steps = |steps: u32| i32::try_from(steps).map_err(|_| unexpected("a number of steps", steps.to_string()));
        let kind = self.options.optimizer;
        self.optimizer.dense.steps = steps(header.dense_steps)?;
        if header.dense_steps > 0 {
            let sizes = dense_mut(&mut self.classifier.network).into_iter().map(|(_, values)| values.len());
            let moments = sizes.enumerate().map(|(index, size)| {
                let mut moments = Moments::zeros(kind, size);
                read_moments(&format!("optimizer.{index}"), &mut moments, tensors)?;
                Ok(moments)
            });
            self.optimizer.dense.moments = moments.collect::<Result<_, Malformed>>()?;
        }
        let embedding = &self.classifier.network.embedding;
        let rows = &mut self.optimizer.rows;
        rows.steps = steps(header.row_steps)?;
        for (index, id) in tensors.u32("optimizer.rows.ids")?.into_iter().enumerate() {
            let dimension = embedding.dimension();
            if !embedding.is_trained(id) || rows.place(id, dimension) != index * dimension {
                return Err(unexpected("trained rows, each once", format!("the row {id}")));
            }
        }
        read_moments("optimizer.rows", &mut rows.moments, tensors)
    }
}

/// A problem with the file as a whole.
fn unexpected(expected: impl Into<String>, found: impl Into<String>) -> Malformed {
    Malformed::at(Place::File, expected, found)
}

/// The values of a tensor that must have `count` of them.
fn f32_values(tensors: &Tensors, name: &str, count: usize) -> Result<Vec<f32>, Malformed> {
    let (_, values) = tensors.f32(name)?;
    match values.len() == count {
        true => Ok(values),
        false => Err(unexpected(format!("{count} numbers in `{name}`"), values.len().to_string())),
    }
}

/// Copies the values of a tensor to `target`.
fn copy_f32(tensors: &Tensors, name: &str, target: &mut [f32]) -> Result<(), Malformed> {
    target.copy_from_slice(&f32_values(tensors, name, target.len())?);
    Ok(())
}

/// The weights of encoder and head with their names.
fn dense_mut(network: &mut Network<f32>) -> Vec<(String, &mut [f32])> {
    let encoder = network.encoder.parameters().into_iter().map(|p| format!("encoder.{}", p.name));
    let head = network.head.parameters().into_iter().map(|p| format!("head.{}", p.name));
    let names: Vec<String> = encoder.chain(head).collect();
    names.into_iter().zip(network.encoder.parameters_mut().into_iter().chain(network.head.parameters_mut())).collect()
}

fn write_network(prefix: &str, network: &Network<f32>, tensors: &mut Vec<Tensor>) {
    for (layer, parameters) in [("encoder", network.encoder.parameters()), ("head", network.head.parameters())] {
        let named =
            parameters.into_iter().map(|p| Tensor::f32(format!("{prefix}.{layer}.{}", p.name), p.shape, p.values));
        tensors.extend(named);
    }
    let (ids, rows): (Vec<u32>, Vec<&[f32]>) = network.embedding.trained_rows().unzip();
    let shape = vec![ids.len(), network.embedding.dimension()];
    tensors.push(Tensor::u32(format!("{prefix}.rows.ids"), &ids));
    tensors.push(Tensor::f32(format!("{prefix}.rows"), shape, &rows.concat()));
}

fn read_network(prefix: &str, network: &mut Network<f32>, tensors: &Tensors) -> Result<(), Malformed> {
    for (name, values) in dense_mut(network) {
        copy_f32(tensors, &format!("{prefix}.{name}"), values)?;
    }
    let dimension = network.embedding.dimension();
    let ids = tensors.u32(&format!("{prefix}.rows.ids"))?;
    let rows = f32_values(tensors, &format!("{prefix}.rows"), ids.len().saturating_mul(dimension))?;
    for (id, row) in ids.into_iter().zip(rows.chunks_exact(dimension)) {
        let target = network.embedding.row_mut(id);
        target.ok_or_else(|| unexpected("trained rows", format!("the row {id}")))?.copy_from_slice(row);
    }
    Ok(())
}

fn write_moments(prefix: &str, moments: &Moments<f32>, tensors: &mut Vec<Tensor>) {
    for (name, values) in [("first", &moments.first), ("second", &moments.second)] {
        tensors.push(Tensor::f32(format!("{prefix}.{name}"), vec![values.len()], values));
    }
}

fn read_moments(prefix: &str, moments: &mut Moments<f32>, tensors: &Tensors) -> Result<(), Malformed> {
    copy_f32(tensors, &format!("{prefix}.first"), &mut moments.first)?;
    copy_f32(tensors, &format!("{prefix}.second"), &mut moments.second)
}

const ALTERED: &str = "the checkpoint was altered; delete it to start again";

/// Reads the header and the tensors of a checkpoint and verifies the checksum.
fn read(bytes: &[u8]) -> Result<(Header, Tensors<'_>), Malformed> {
    let not_a_checkpoint = |found: String| {
        unexpected("a training checkpoint (safetensors)", found)
            .advise("name another file, or delete this one to start again if it is a truncated checkpoint")
    };
    let tensors = Tensors::open(bytes).map_err(|e| not_a_checkpoint(e.to_string()))?;
    let missing = || not_a_checkpoint(format!("a safetensors file without the metadata `{KEY}`"));
    let json = tensors.entry(KEY).ok_or_else(missing)?;
    let names = tensors.names();
    let views = names.iter().filter_map(|name| {
        let dtype = tensors.info(name)?.dtype;
        let (shape, bytes) = tensors.get(name, dtype).ok()?;
        Some((name.as_str(), dtype, shape, bytes))
    });
    let found = checksum(json, views.collect());
    if tensors.entry(CHECKSUM) != Some(&found) {
        let stored = tensors.entry(CHECKSUM).unwrap_or("none");
        return Err(unexpected(format!("the checksum {found}"), stored).advise(ALTERED));
    }
    let version = serde_json::from_str::<Value>(json).ok().and_then(|header| header.get("version")?.as_u64());
    if version != Some(u64::from(VERSION)) {
        let found = version.map_or("none".to_owned(), |version| format!("version {version}"));
        return Err(unexpected(format!("a checkpoint of version {VERSION}"), found)
            .advise("resume with the version of vocable that wrote it"));
    }
    let header: Header = serde_json::from_str(json)
        .map_err(|e| unexpected("the metadata of a checkpoint", e.to_string()).advise(ALTERED))?;
    Ok((header, tensors))
}

/// Checks that a checkpoint was made with the same options; the numbers of epochs may be larger now.
fn check_options(header: &Header, options: &TrainOptions) -> Result<(), Malformed> {
    // The options of the checkpoint were converted to text and back, so these are, too.
    let text = serde_json::to_string(options).unwrap_or_default();
    let current: Value = serde_json::from_str(&text).unwrap_or_default();
    let names = |value: &Value| value.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    let mut keys: Vec<String> = names(&current);
    keys.extend(names(&header.options));
    // No limit is the largest limit.
    let limit = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    let has_schedule = options.schedule != Schedule::Constant || options.warmup > 0.0;
    for key in keys {
        let value = |options: &Value| options.get(&key).cloned().unwrap_or_default();
        let (saved, current) = (value(&header.options), value(&current));
        let (matches, hint) = match key.as_str() {
            "epochs" if has_schedule => (saved == current, "; the schedule of the learning rate spans all epochs"),
            "epochs" => (limit(&saved) <= limit(&current), "; epochs can only be increased"),
            "patience" => (limit(&saved) <= limit(&current), "; patience can only be increased"),
            _ => (saved == current, ""),
        };
        if !matches {
            let name = key.replace('_', " ");
            return Err(Malformed::message(
                Place::File,
                format!("the checkpoint was made with {name} {saved}, but {name} is now {current}"),
            )
            .advise(format!("use the options of the checkpoint, or name another file to start again{hint}")));
        }
    }
    Ok(())
}

/// Checks that a checkpoint was made with the same texts and vectors.
fn check_inputs(saved: &InputChecksums, current: &InputChecksums) -> Result<(), Malformed> {
    let inputs = [("texts", &saved.texts, &current.texts), ("vectors", &saved.vectors, &current.vectors)];
    match inputs.into_iter().find(|(_, saved, current)| saved != current) {
        None => Ok(()),
        Some((name, ..)) => Err(Malformed::message(Place::File, format!("the checkpoint was made with other {name}"))
            .advise(format!("use the {name} of the checkpoint, or name another file to start again"))),
    }
}

#[cfg(test)]
mod tests;
