//! Pooling: from the states of a text's tokens to one vector for the text.

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::{Packing, Real, Scratch};
use crate::error::Error;

/// How the states of a text's tokens are reduced to one vector.
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
pub enum Pooling {
    /// The last state of each direction: after the last word forwards, after the first word backwards.
    #[default]
    Last,
    /// The mean of the states.
    Mean,
    /// The maximum of each component of the states (Collobert & Weston 2008; Conneau et al. 2017 for LSTMs).
    Max,
}

impl Pooling {
    /// All kinds of pooling.
    pub const ALL: &'static [Pooling] = <Pooling as VariantArray>::VARIANTS;

    /// The name on the command line, in model files and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The mean over each sequence, in the caller's order; zeros for an empty sequence.
///
/// # Shapes
/// `output` `[N, W]`; returns `[B, W]`.
pub(super) fn mean<T: Real>(packing: &Packing, output: &[T], width: usize) -> Vec<T> {
    let mut means = vec![T::zero(); packing.sequences() * width];
    for_tokens(packing, |sequence, row, length| {
        let share = T::one() / T::of(length as f64);
        let mean = means[sequence * width..][..width].iter_mut();
        mean.zip(&output[row * width..]).for_each(|(mean, &value)| *mean += value * share);
    });
    means
}

/// The backward pass of [`mean`].
///
/// # Shapes
/// `gradient` `[B, W]`; returns `[N, W]`.
pub(super) fn mean_backward<T: Real>(packing: &Packing, gradient: &[T], width: usize) -> Scratch<T> {
    let mut output = Scratch::uncleared(packing.tokens() * width);
    for_tokens(packing, |sequence, row, length| {
        let share = T::one() / T::of(length as f64);
        let output = output[row * width..][..width].iter_mut();
        output.zip(&gradient[sequence * width..]).for_each(|(output, &value)| *output = value * share);
    });
    output
}

/// The maxima over each sequence, in the caller's order, and the first row that has each of them; zeros and the row `u32::MAX` for
/// an empty sequence.
///
/// # Shapes
/// `output` `[N, W]`; returns `[B, W]` twice.
pub(super) fn max<T: Real>(packing: &Packing, output: &[T], width: usize) -> (Vec<T>, Vec<u32>) {
    let mut largest = vec![T::zero(); packing.sequences() * width];
    let mut rows = vec![u32::MAX; largest.len()];
    for_tokens(packing, |sequence, row, _| {
        let values = output[row * width..].iter();
        let best = largest[sequence * width..][..width].iter_mut().zip(&mut rows[sequence * width..]);
        for ((largest, from), &value) in best.zip(values) {
            // NaN must propagate, so that training detects it.
            if *from == u32::MAX || value > *largest || value.is_nan() {
                (*largest, *from) = (value, row as u32);
            }
        }
    });
    (largest, rows)
}

/// The backward pass of [`max`].
///
/// # Shapes
/// `gradient` and `rows` `[B, W]`; returns `[N, W]`.
pub(super) fn max_backward<T: Real>(packing: &Packing, gradient: &[T], rows: &[u32], width: usize) -> Scratch<T> {
    let mut output = Scratch::zeros(packing.tokens() * width);
    for (index, (&row, &value)) in rows.iter().zip(gradient).enumerate() {
        if row != u32::MAX {
            output[row as usize * width + index % width] = value;
        }
    }
    output
}

/// Calls `visit(sequence, row, length)` for every token, step by step.
fn for_tokens(packing: &Packing, mut visit: impl FnMut(usize, usize, usize)) {
    for step in 0..packing.steps() {
        for (place, &sequence) in packing.order().iter().enumerate().take(packing.running(step)) {
            visit(sequence, packing.offset(step) + place, packing.length(place));
        }
    }
}
