//! Reading safetensors files: tensors by name, with their types and shapes checked.

use std::ops::Range;

use safetensors::tensor::{Dtype, Metadata, SafeTensorError, SafeTensors, TensorInfo};

use crate::error::{Malformed, Place};

/// What to do about a table file that is damaged.
pub(crate) const DAMAGED: &str = "the file is damaged: make it again with `vocable convert`";

/// The tensors of a safetensors file.
#[derive(Debug)]
pub(crate) struct Tensors<'a> {
    bytes: &'a [u8],
    metadata: Metadata,
    /// Where the header ends and the tensors begin.
    data: usize,
}

impl<'a> Tensors<'a> {
    /// Reads the header. The sizes in it are compared with the length of the file.
    ///
    /// # Errors
    /// Bytes that are not a complete safetensors file.
    pub fn open(bytes: &'a [u8]) -> Result<Tensors<'a>, SafeTensorError> {
        let (header, metadata) = SafeTensors::read_metadata(bytes)?;
        Ok(Tensors { bytes, metadata, data: header + size_of::<u64>() })
    }

    /// Where the tensors begin in the file.
    pub fn data(&self) -> usize {
        self.data
    }

    /// The entry `key` of the header's metadata.
    pub fn entry(&self, key: &str) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// The names of all tensors, in the order of their data.
    pub fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// The type, shape and location of a tensor, if the file has it.
    pub fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.metadata.info(name)
    }

    /// The location in the file and the shape of a tensor.
    ///
    /// # Errors
    /// A tensor that is missing or has another type.
    pub fn range(&self, name: &str, dtype: Dtype) -> Result<(Range<usize>, &[usize]), Malformed> {
        let Some(info) = self.metadata.info(name) else {
            return Err(Malformed::at(Place::File, format!("a tensor `{name}`"), "none"));
        };
        if info.dtype != dtype {
            let expected = format!("`{name}` of type {dtype:?}");
            return Err(Malformed::at(Place::File, expected, format!("{:?}", info.dtype)));
        }
        let (start, end) = info.data_offsets;
        Ok((self.data + start..self.data + end, &info.shape))
    }

    /// The shape and the bytes of a tensor.
    ///
    /// # Errors
    /// As [`Tensors::range`].
    pub fn get(&self, name: &str, dtype: Dtype) -> Result<(&[usize], &'a [u8]), Malformed> {
        let (range, shape) = self.range(name, dtype)?;
        Ok((shape, self.bytes.get(range).unwrap_or_default()))
    }

    /// The shape and the numbers of a tensor of 32-bit floats.
    ///
    /// # Errors
    /// As [`Tensors::range`]; a number that is not finite.
    pub fn f32(&self, name: &str) -> Result<(&[usize], Vec<f32>), Malformed> {
        let (shape, bytes) = self.get(name, Dtype::F32)?;
        let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        match values.iter().find(|value| !value.is_finite()) {
            None => Ok((shape, values)),
            Some(value) => Err(Malformed::at(Place::File, format!("finite numbers in `{name}`"), value.to_string())),
        }
    }

    /// The numbers of a tensor of 32-bit integers.
    ///
    /// # Errors
    /// As [`Tensors::range`].
    pub fn u32(&self, name: &str) -> Result<Vec<u32>, Malformed> {
        let (_, bytes) = self.get(name, Dtype::U32)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect())
    }
}
