//! New columns: a classifier's predictions, and vectors of texts.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field};

use crate::classifier::{Classifier, TextVector};
use crate::error::{Error, Result};

/// The fields of [`label_columns`]: `label`, `probability` (of that label) and, if `all` is true, `probability_LABEL` for each label.
/// Each name begins with `prefix`.
pub fn label_fields(labels: &[String], all: bool, prefix: &str) -> Vec<Field> {
    let each = labels.iter().filter(|_| all).map(|label| format!("{prefix}probability_{label}"));
    let mut fields = vec![
        Field::new(format!("{prefix}label"), DataType::Utf8, true),
        Field::new(format!("{prefix}probability"), DataType::Float32, true),
    ];
    fields.extend(each.map(|name| Field::new(name, DataType::Float32, true)));
    fields
}

/// A classifier's predictions for texts, as columns with null where there is no text; and the number of texts without any word.
pub fn label_columns(classifier: &Classifier, texts: &[Option<Cow<str>>], all: bool) -> (Vec<ArrayRef>, usize) {
    let present: Vec<&str> = texts.iter().flatten().map(AsRef::as_ref).collect();
    let mut predicted = classifier.predict(&present).into_iter();
    let predictions: Vec<_> = texts.iter().map(|text| text.as_ref().and_then(|_| predicted.next())).collect();
    let mut names = StringBuilder::new();
    for prediction in &predictions {
        names.append_option(prediction.as_ref().and_then(|p| classifier.labels().get(p.class)));
    }
    let probability = |class: Option<usize>| {
        let values = predictions.iter().map(|prediction| {
            let prediction = prediction.as_ref()?;
            prediction.probabilities.get(class.unwrap_or(prediction.class)).copied()
        });
        Arc::new(values.collect::<Float32Array>()) as ArrayRef
    };
    let mut columns = vec![Arc::new(names.finish()) as ArrayRef, probability(None)];
    columns.extend((0..classifier.labels().len()).filter(|_| all).map(|class| probability(Some(class))));
    (columns, predictions.iter().flatten().filter(|prediction| prediction.words == 0).count())
}

/// The field of [`vector_column`]: `vector`, with `prefix` before it; a list of `dimension` 32-bit floats.
pub fn vector_field(dimension: usize, prefix: &str) -> Field {
    let width = i32::try_from(dimension).unwrap_or(i32::MAX);
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    Field::new(format!("{prefix}vector"), DataType::FixedSizeList(item, width), true)
}

/// Vectors of texts as a column, with null where there is no text. `vectors[i]` has `dimension` values.
///
/// # Errors
/// Vectors of another dimension.
pub fn vector_column(dimension: usize, vectors: &[Option<TextVector>]) -> Result<ArrayRef> {
    let width = i32::try_from(dimension).unwrap_or(i32::MAX);
    let item = Arc::new(Field::new("item", DataType::Float32, false));
    let zeros = vec![0.0; dimension];
    let all = vectors.iter().flat_map(|vector| vector.as_ref().map_or(&zeros, |vector| &vector.values));
    let values = Arc::new(Float32Array::from_iter_values(all.copied()));
    let nulls = NullBuffer::from_iter(vectors.iter().map(Option::is_some));
    let list = FixedSizeListArray::try_new(item, width, values, Some(nulls));
    let list = list.map_err(|e| Error::invalid("vectors", format!("{dimension} numbers each"), e.to_string()))?;
    Ok(Arc::new(list))
}
