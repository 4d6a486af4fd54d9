//! From a source through some work to a sink, all three at the same time.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};

use super::{Sink, Source};
use crate::classifier::{Classifier, TextVector};
use crate::error::{Error, Result};

/// Chunks that wait for the work, and as many that wait to be written.
const AHEAD: usize = 1;

/// What went by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// Rows.
    pub rows: u64,
    /// Rows without a text (null).
    pub nulls: u64,
    /// Rows that held bytes which are not UTF-8, and were replaced.
    pub replaced: u64,
}

/// Reads all of `source`; what `work` makes of the texts of each chunk, a value a row in each column, goes to `sink` behind the chunk's
/// own columns. Reading, work and writing go on side by side, and at most five chunks are held. `progress` is told after each chunk.
///
/// Without a sink, the work is all that is done.
///
/// # Errors
/// What the source, the work or the sink refuses; nothing stands under the sink's name then.
pub fn pass(
    mut source: Source,
    sink: Option<Sink>,
    mut work: impl FnMut(&[Option<Cow<str>>]) -> Result<Vec<ArrayRef>>,
    mut progress: impl FnMut(&Passed),
) -> Result<Passed> {
    let no_thread = |e| Error::io("", "start a thread", e);
    let (sender, chunks) = sync_channel(AHEAD);
    // Sending fails when nobody works any more, after an error. The thread then ends by itself; nobody waits for it, because what it
    // reads may be a pipe that gives nothing more.
    let read = move || {
        while let Some(chunk) = source.next_chunk().transpose() {
            let last = chunk.is_err();
            if sender.send(chunk).is_err() || last {
                return;
            }
        }
    };
    thread::Builder::new().name("reader".to_owned()).spawn(read).map_err(no_thread)?;
    let (done, to_write) = sync_channel(AHEAD);
    let write = move || -> Result<()> {
        let Some(mut sink) = sink else {
            to_write.into_iter().for_each(drop);
            return Ok(());
        };
        loop {
            match to_write.recv() {
                Ok(Some((columns, added))) => sink.write(columns, added)?,
                Ok(None) => return sink.finish(),
                // The work failed.
                Err(_) => return Ok(()),
            }
        }
    };
    let writer = thread::Builder::new().name("writer".to_owned()).spawn(write).map_err(no_thread)?;
    let mut passed = Passed::default();
    let work_on = || -> Result<()> {
        for chunk in chunks {
            let chunk = chunk?;
            let (texts, replaced) = chunk.texts();
            passed.rows += texts.len() as u64;
            passed.nulls += texts.iter().filter(|text| text.is_none()).count() as u64;
            passed.replaced += replaced as u64;
            let added = work(&texts)?;
            drop(texts);
            if done.send(Some((chunk.columns, added))).is_err() {
                // The writer says why.
                return Ok(());
            }
            progress(&passed);
        }
        let _ = done.send(None);
        Ok(())
    };
    let worked = work_on();
    drop(done);
    let written =
        writer.join().unwrap_or_else(|_| Err(Error::invalid("writing", "a writer that ends", "one that gave up")));
    worked.and(written).map(|()| passed)
}

/// The columns that [`labels`] fills: `label`, `probability` (of that label) and, where `all` are wanted, `probability_LABEL` for each
/// label, all with `prefix` before them. Labels are distinct, so these names are.
pub fn label_fields(labels: &[String], all: bool, prefix: &str) -> Vec<Field> {
    let each = labels.iter().filter(|_| all).map(|label| format!("{prefix}probability_{label}"));
    let mut fields = vec![
        Field::new(format!("{prefix}label"), DataType::Utf8, true),
        Field::new(format!("{prefix}probability"), DataType::Float32, true),
    ];
    fields.extend(each.map(|name| Field::new(name, DataType::Float32, true)));
    fields
}

/// What a classifier says about some texts, as columns: null where there is no text. AtomicFile them, how many texts have no words.
pub fn labels(classifier: &Classifier, texts: &[Option<Cow<str>>], all: bool) -> (Vec<ArrayRef>, usize) {
    let there: Vec<&str> = texts.iter().flatten().map(AsRef::as_ref).collect();
    let mut found = classifier.predict(&there).into_iter();
    let predictions: Vec<_> = texts.iter().map(|text| text.as_ref().and_then(|_| found.next())).collect();
    let mut names = StringBuilder::new();
    for prediction in &predictions {
        names.append_option(prediction.as_ref().and_then(|p| classifier.labels().get(p.class)));
    }
    let probability = |class: Option<usize>| {
        let of = predictions.iter().map(|prediction| {
            let prediction = prediction.as_ref()?;
            prediction.probabilities.get(class.unwrap_or(prediction.class)).copied()
        });
        Arc::new(of.collect::<Float32Array>()) as ArrayRef
    };
    let mut columns = vec![Arc::new(names.finish()) as ArrayRef, probability(None)];
    columns.extend((0..classifier.labels().len()).filter(|_| all).map(|class| probability(Some(class))));
    (columns, predictions.iter().flatten().filter(|prediction| prediction.words == 0).count())
}

/// The column that [`vectors`] fills: `vector`, with `prefix` before it.
pub fn vector_field(dimension: usize, prefix: &str) -> Field {
    let width = i32::try_from(dimension).unwrap_or(i32::MAX);
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    Field::new(format!("{prefix}vector"), DataType::FixedSizeList(item, width), true)
}

/// The vectors of some texts as a column: null where there is no text.
///
/// # Errors
/// Vectors of other dimensions than `dimension`.
pub fn vectors(dimension: usize, vectors: &[Option<TextVector>]) -> Result<Vec<ArrayRef>> {
    let width = i32::try_from(dimension).unwrap_or(i32::MAX);
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let zeros = vec![0.0; dimension];
    let all = vectors.iter().flat_map(|vector| vector.as_ref().map_or(&zeros, |vector| &vector.values));
    let values = Arc::new(Float32Array::from_iter_values(all.copied()));
    let nulls = NullBuffer::from_iter(vectors.iter().map(Option::is_some));
    let list = FixedSizeListArray::try_new(item, width, values, Some(nulls));
    let list = list.map_err(|e| Error::invalid("vectors", format!("{dimension} numbers each"), e.to_string()))?;
    Ok(vec![Arc::new(list)])
}
