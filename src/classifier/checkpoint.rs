//! Checkpoints: a training under way as one safetensors file, from which it goes on to the very same bits.
//!
//! A checkpoint holds what chance and the optimizer have made so far: the weights and changed rows of the network as it is and
//! as it was after the best epoch, what the optimizer remembers, the order of the texts and the places in the streams of random
//! numbers, the history. What it does not hold is made anew from texts, vectors and options, and hashes of these see to it that
//! they are the same.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checksum::{Hash, of_f32};
use super::network::Network;
use super::options::{Splits, TrainOptions};
use super::training::{Epoch, Training};
use crate::error::{Error, Malformed, Place, Result};
use crate::files::{Words, bytes, write_atomic};
use crate::nn::{Embedding, Moments, Schedule};
use crate::vectors::Vectors;

/// The metadata key under which everything that is not a tensor stands, as JSON.
pub(super) const KEY: &str = "vocable.checkpoint";

/// The metadata key of the checksum over all else.
const CHECKSUM: &str = "checksum";

/// The version of checkpoints that this library writes and reads.
const VERSION: u32 = 1;

/// Hashes of what a training is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sources {
    /// Of all texts and labels.
    texts: String,
    /// Of the words of the task and the rows they begin with.
    vectors: String,
}

impl Sources {
    pub(super) fn of(splits: &Splits, words: &Words, embedding: &Embedding<f32>) -> Sources {
        let mut hash = Hash::new();
        for part in [Some(&splits.train), Some(&splits.dev), splits.test.as_ref()].into_iter().flatten() {
            hash.number(part.texts.len());
            part.texts.iter().for_each(|text| {
                hash.bytes(text.label.as_bytes());
                hash.bytes(text.text.as_bytes());
            });
        }
        let texts = hash.text();
        let mut hash = Hash::new();
        hash.number(embedding.dimension());
        words.iter().for_each(|word| hash.bytes(word));
        let ids: Vec<u32> = (0..embedding.len() as u32).collect();
        ids.chunks(1024).for_each(|ids| hash.bytes(&of_f32(&embedding.forward(ids))));
        Sources { texts, vectors: hash.text() }
    }
}

/// Everything of a checkpoint that is not a tensor.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    version: u32,
    options: Value,
    #[serde(flatten)]
    sources: Sources,
    history: Vec<Epoch>,
    step: usize,
    loss: f64,
    step_seconds: f64,
    seconds: f64,
    /// Places in the streams of random numbers, in words of 32 bits; they may exceed what a number in JSON holds.
    order_position: String,
    dropout_position: String,
    dense_steps: u32,
    row_steps: u32,
}

/// A tensor to be written.
struct Tensor {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    fn f32(name: impl Into<String>, shape: Vec<usize>, values: &[f32]) -> Tensor {
        Tensor { name: name.into(), dtype: Dtype::F32, shape, bytes: of_f32(values) }
    }

    fn u32(name: impl Into<String>, values: &[u32]) -> Tensor {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { name: name.into(), dtype: Dtype::U32, shape: vec![values.len()], bytes }
    }
}

/// The checksum of a checkpoint, over its header and all its tensors by name.
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
    hash.text()
}

impl Training {
    /// Writes all of it, beside `path` first and then renamed, so that there is always a whole checkpoint.
    ///
    /// # Errors
    /// The system's refusals.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let bytes = self.to_bytes()?;
        write_atomic(path.as_ref(), |file| file.write_all(&bytes))
    }

    fn to_bytes(&self) -> Result<Vec<u8>> {
        let impossible =
            |e: &dyn std::fmt::Display| Error::invalid("checkpoint", "sizes that safetensors holds", e.to_string());
        let header = Header {
            version: VERSION,
            options: serde_json::to_value(&self.options).map_err(|e| impossible(&e))?,
            sources: self.sources.clone(),
            history: self.history.clone(),
            step: self.step,
            loss: self.loss,
            step_seconds: self.step_seconds,
            seconds: self.seconds(),
            order_position: self.order_rng.get_word_pos().to_string(),
            dropout_position: self.dropout_rng.get_word_pos().to_string(),
            dense_steps: self.optimizer.dense.steps.unsigned_abs(),
            row_steps: self.optimizer.rows.steps.unsigned_abs(),
        };
        let header = serde_json::to_string(&header).map_err(|e| impossible(&e))?;
        let mut tensors = Vec::new();
        let order: Vec<u32> = self.order.iter().map(|&text| text as u32).collect();
        tensors.push(Tensor::u32("order", &order));
        write_network("now", &self.classifier.network, &mut tensors);
        if !self.history.is_empty() {
            write_network("best", &self.best, &mut tensors);
        }
        for (index, moments) in self.optimizer.dense.moments.iter().enumerate() {
            write_moments(&format!("optimizer.{index}"), moments, &mut tensors);
        }
        tensors.push(Tensor::u32("optimizer.rows.ids", &self.optimizer.rows.ids));
        write_moments("optimizer.rows", &self.optimizer.rows.moments, &mut tensors);

        let parts = tensors.iter().map(|t| (t.name.as_str(), t.dtype, t.shape.as_slice(), t.bytes.as_slice()));
        let checksum = checksum(&header, parts.collect());
        let views = tensors
            .iter()
            .map(|tensor| Ok((&tensor.name, TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes)?)))
            .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| impossible(&e))?;
        let metadata = HashMap::from([(KEY.to_owned(), header), (CHECKSUM.to_owned(), checksum)]);
        serialize(views, Some(metadata)).map_err(|e| impossible(&e))
    }

    /// Goes on from a checkpoint, to the very bits that a training without interruption comes to.
    ///
    /// Texts, vectors and options must be those it was made with. Only [`TrainOptions::epochs`] and
    /// [`TrainOptions::patience`] may be raised, the epochs not where a schedule or a warm-up spans all of them.
    ///
    /// # Errors
    /// As [`Training::new`]; a file that is no checkpoint, or was altered, or was made with other texts, vectors or options.
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
        let (header, tensors) = opened(bytes)?;
        differing(&header, &self.options, &self.sources)?;
        let classes = self.classifier.labels().len();
        let square = |epoch: &Epoch| {
            let rows = &epoch.dev.confusion;
            rows.len() == classes && rows.iter().all(|row| row.len() == classes)
        };
        let history = header.history;
        if history.len() > self.options.epochs
            || history.iter().zip(1..).any(|(epoch, number)| epoch.number != number || !square(epoch))
        {
            return Err(damaged("a history of this training", format!("{} other epochs", history.len())));
        }
        let order: Vec<usize> = tensors.u32("order")?.into_iter().map(|text| text as usize).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if order.len() != self.order.len() || sorted.iter().enumerate().any(|(index, &text)| index != text) {
            return Err(damaged("an order of all texts", format!("another one, of {}", order.len())));
        }
        if header.step > self.steps() {
            return Err(damaged(&format!("a step up to {}", self.steps()), header.step.to_string()));
        }
        let position = |text: &str| text.parse::<u128>().map_err(|_| damaged("a place in a stream", text.to_owned()));
        self.order_rng.set_word_pos(position(&header.order_position)?);
        self.dropout_rng.set_word_pos(position(&header.dropout_position)?);
        read_network("now", &mut self.classifier.network, &tensors)?;
        if !history.is_empty() {
            read_network("best", &mut self.best, &tensors)?;
        }
        let steps = |steps: u32| {
            i32::try_from(steps).map_err(|_| damaged("a number of steps", format!("{steps}, which is too many")))
        };
        let kind = self.options.optimizer;
        self.optimizer.dense.steps = steps(header.dense_steps)?;
        if header.dense_steps > 0 {
            let sizes = dense_mut(&mut self.classifier.network).into_iter().map(|(_, values)| values.len());
            let moments = sizes.enumerate().map(|(index, size)| {
                let mut moments = Moments::zeros(kind, size);
                read_moments(&format!("optimizer.{index}"), &mut moments, &tensors)?;
                Ok(moments)
            });
            self.optimizer.dense.moments = moments.collect::<Result<_, Malformed>>()?;
        }
        let rows = &mut self.optimizer.rows;
        rows.steps = steps(header.row_steps)?;
        let dimension = self.classifier.network.embedding.dimension();
        for (index, id) in tensors.u32("optimizer.rows.ids")?.into_iter().enumerate() {
            let trained = self.classifier.network.embedding.is_trained(id);
            if !trained || rows.place(id, dimension) != index * dimension {
                return Err(damaged("rows that are trained, each once", format!("the row {id}")));
            }
        }
        read_moments("optimizer.rows", &mut rows.moments, &tensors)?;
        self.order = order;
        self.history = history;
        (self.step, self.loss, self.step_seconds) = (header.step, header.loss, header.step_seconds);
        self.earlier_seconds = header.seconds;
        Ok(())
    }
}

/// Dense weights by name.
fn dense_mut(network: &mut Network<f32>) -> Vec<(String, &mut [f32])> {
    let encoder = network.encoder.parameters().into_iter().map(|p| format!("encoder.{}", p.name));
    let head = network.head.parameters().into_iter().map(|p| format!("head.{}", p.name));
    let names: Vec<String> = encoder.chain(head).collect();
    names.into_iter().zip(network.encoder.parameters_mut().into_iter().chain(network.head.parameters_mut())).collect()
}

fn write_network(prefix: &str, network: &Network<f32>, tensors: &mut Vec<Tensor>) {
    for (part, parameters) in [("encoder", network.encoder.parameters()), ("head", network.head.parameters())] {
        let named =
            parameters.into_iter().map(|p| Tensor::f32(format!("{prefix}.{part}.{}", p.name), p.shape, p.values));
        tensors.extend(named);
    }
    let (ids, rows): (Vec<u32>, Vec<&[f32]>) = network.embedding.trained_rows().unzip();
    let shape = vec![ids.len(), network.embedding.dimension()];
    tensors.push(Tensor::u32(format!("{prefix}.rows.ids"), &ids));
    tensors.push(Tensor::f32(format!("{prefix}.rows"), shape, &rows.concat()));
}

fn read_network(prefix: &str, network: &mut Network<f32>, tensors: &Tensors) -> Result<(), Malformed> {
    for (name, values) in dense_mut(network) {
        tensors.f32_into(&format!("{prefix}.{name}"), values)?;
    }
    let dimension = network.embedding.dimension();
    let ids = tensors.u32(&format!("{prefix}.rows.ids"))?;
    let name = format!("{prefix}.rows");
    let rows = tensors.f32(&name, ids.len().saturating_mul(dimension))?;
    for (id, row) in ids.into_iter().zip(rows.chunks_exact(dimension)) {
        let target = network.embedding.row_mut(id);
        target.ok_or_else(|| damaged("rows that are trained", format!("the row {id}")))?.copy_from_slice(row);
    }
    Ok(())
}

fn write_moments(prefix: &str, moments: &Moments<f32>, tensors: &mut Vec<Tensor>) {
    for (name, values) in [("first", &moments.first), ("second", &moments.second)] {
        tensors.push(Tensor::f32(format!("{prefix}.{name}"), vec![values.len()], values));
    }
}

fn read_moments(prefix: &str, moments: &mut Moments<f32>, tensors: &Tensors) -> Result<(), Malformed> {
    tensors.f32_into(&format!("{prefix}.first"), &mut moments.first)?;
    tensors.f32_into(&format!("{prefix}.second"), &mut moments.second)
}

/// The tensors of a checkpoint.
struct Tensors<'a>(SafeTensors<'a>);

impl Tensors<'_> {
    fn bytes(&self, name: &str, dtype: Dtype) -> Result<&[u8], Malformed> {
        let tensor = self.0.tensor(name).map_err(|_| damaged(&format!("a tensor `{name}`"), "none".to_owned()))?;
        if tensor.dtype() != dtype {
            return Err(damaged(&format!("`{name}` in {dtype:?}"), format!("{:?}", tensor.dtype())));
        }
        Ok(tensor.data())
    }

    fn u32(&self, name: &str) -> Result<Vec<u32>, Malformed> {
        let bytes = self.bytes(name, Dtype::U32)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect())
    }

    fn f32(&self, name: &str, count: usize) -> Result<Vec<f32>, Malformed> {
        let bytes = self.bytes(name, Dtype::F32)?.as_chunks::<4>().0;
        let values: Vec<f32> = bytes.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        if values.len() != count || !values.iter().all(|value| value.is_finite()) {
            return Err(damaged(&format!("{count} finite numbers in `{name}`"), format!("{} numbers", values.len())));
        }
        Ok(values)
    }

    fn f32_into(&self, name: &str, target: &mut [f32]) -> Result<(), Malformed> {
        target.copy_from_slice(&self.f32(name, target.len())?);
        Ok(())
    }
}

/// The header and the tensors of a checkpoint whose checksum is right.
fn opened(bytes: &[u8]) -> Result<(Header, Tensors<'_>), Malformed> {
    let whole = |found: String| {
        Malformed::at(Place::File, "a checkpoint of a training (safetensors)", found)
            .advise("name another file; or, if it is a checkpoint that was cut short, remove it to begin anew")
    };
    let tensors = SafeTensors::deserialize(bytes).map_err(|e| whole(e.to_string()))?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| whole(e.to_string()))?;
    let entry = |key: &str| metadata.metadata().as_ref().and_then(|all| all.get(key));
    let json = entry(KEY).ok_or_else(|| whole(format!("a safetensors file without the metadata `{KEY}`")))?;
    let parts = tensors.iter().map(|(name, view)| (name, view.dtype(), view.shape().to_vec(), view.data()));
    let parts: Vec<_> = parts.collect();
    let parts = parts.iter().map(|(name, dtype, shape, data)| (*name, *dtype, shape.as_slice(), *data)).collect();
    let found = checksum(json, parts);
    if entry(CHECKSUM) != Some(&found) {
        let expected = entry(CHECKSUM).map_or("none", String::as_str);
        return Err(damaged(&format!("the checksum {found}"), expected.to_owned()));
    }
    let version = serde_json::from_str::<Value>(json).ok().and_then(|header| header.get("version")?.as_u64());
    if version != Some(u64::from(VERSION)) {
        let found = version.map_or("none".to_owned(), |version| format!("version {version}"));
        return Err(Malformed::at(Place::File, format!("a checkpoint of version {VERSION}"), found)
            .advise("go on with the version of vocable that wrote it"));
    }
    let header: Header = serde_json::from_str(json).map_err(|e| damaged("a checkpoint's metadata", e.to_string()))?;
    Ok((header, Tensors(tensors)))
}

fn damaged(expected: &str, found: String) -> Malformed {
    Malformed::at(Place::File, expected, found).advise("the checkpoint was altered; remove it to begin anew")
}

/// Refuses a checkpoint that was made with other options, texts or vectors, and names what differs.
fn differing(header: &Header, options: &TrainOptions, sources: &Sources) -> Result<(), Malformed> {
    // Once through text, as the checkpoint's were.
    let text = serde_json::to_string(options).unwrap_or_default();
    let now: Value = serde_json::from_str(&text).unwrap_or_default();
    let whole = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
    let spanned = options.schedule != Schedule::Constant || options.warmup > 0.0;
    let names = |value: &Value| value.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
    let mut keys: Vec<String> = names(&now);
    keys.extend(names(&header.options));
    for key in keys {
        let value = |options: &Value| options.get(&key).cloned().unwrap_or_default();
        let (then, now) = (value(&header.options), value(&now));
        let (fits, more) = match key.as_str() {
            "epochs" if spanned => (then == now, "; the schedule spans all epochs"),
            "epochs" => (whole(&then) <= whole(&now), "; epochs may only be raised"),
            // No patience at all is the most there can be.
            "patience" => (
                whole(&now) == 0 || (whole(&then) != 0 && whole(&then) <= whole(&now)),
                "; patience may only be raised",
            ),
            _ => (then == now, ""),
        };
        if !fits {
            let name = key.replace('_', " ");
            return Err(Malformed::at(
                Place::File,
                format!("a checkpoint made with {name} {now}"),
                format!("one made with {then}"),
            )
            .advise(format!("give the options it was made with, or begin anew in another file{more}")));
        }
    }
    for (what, then, now) in
        [("texts", &header.sources.texts, &sources.texts), ("vectors", &header.sources.vectors, &sources.vectors)]
    {
        if then != now {
            return Err(Malformed::at(
                Place::File,
                format!("a checkpoint made with these {what}"),
                format!("one made with other {what}"),
            )
            .advise(format!("give the {what} it was made with, or begin anew in another file")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
