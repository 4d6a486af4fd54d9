//! Reading tensors of a safetensors file that the classifier wrote.

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Malformed, Place};

/// A problem with a file as a whole.
pub(super) fn unexpected(expected: impl Into<String>, found: impl Into<String>) -> Malformed {
    Malformed::at(Place::File, expected, found)
}

/// The tensors of a safetensors file, by name.
pub(super) struct Tensors<'a>(pub SafeTensors<'a>);

impl Tensors<'_> {
    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    fn view(&self, name: &str, dtype: Dtype) -> Result<TensorView<'_>, Malformed> {
        let tensor = self.0.tensor(name).map_err(|_| unexpected(format!("a tensor `{name}`"), "none"))?;
        match tensor.dtype() {
            found if found == dtype => Ok(tensor),
            found => Err(unexpected(format!("`{name}` of type {dtype:?}"), format!("{found:?}"))),
        }
    }

    /// The values of a tensor of 32-bit integers.
    pub fn u32(&self, name: &str) -> Result<Vec<u32>, Malformed> {
        let view = self.view(name, Dtype::U32)?;
        Ok(view.data().as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect())
    }

    /// The shape and the values of a tensor of 32-bit floating-point numbers, which must be finite.
    pub fn f32(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), Malformed> {
        let view = self.view(name, Dtype::F32)?;
        let values = view.data().as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
        let values: Vec<f32> = values.collect();
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(unexpected(format!("finite numbers in `{name}`"), value.to_string())),
            None => Ok((view.shape().to_vec(), values)),
        }
    }

    /// The shape and the values of a tensor that is not empty.
    pub fn non_empty_f32(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), Malformed> {
        let (shape, values) = self.f32(name)?;
        match values.is_empty() {
            true => Err(unexpected(format!("numbers in `{name}`"), format!("the shape {shape:?}"))),
            false => Ok((shape, values)),
        }
    }

    /// The values of a tensor of a given shape, which has no zeros.
    pub fn f32_of_shape(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Malformed> {
        let (found, values) = self.non_empty_f32(name)?;
        match found == shape {
            true => Ok(values),
            false => Err(unexpected(format!("`{name}` of shape {shape:?}"), format!("{found:?}"))),
        }
    }

    /// The `count` values of a tensor of any shape.
    pub fn f32_values(&self, name: &str, count: usize) -> Result<Vec<f32>, Malformed> {
        let (_, values) = self.f32(name)?;
        match values.len() == count {
            true => Ok(values),
            false => Err(unexpected(format!("{count} numbers in `{name}`"), values.len().to_string())),
        }
    }

    /// Copies the values of a tensor of any shape to `target`.
    pub fn copy_f32(&self, name: &str, target: &mut [f32]) -> Result<(), Malformed> {
        target.copy_from_slice(&self.f32_values(name, target.len())?);
        Ok(())
    }
}
