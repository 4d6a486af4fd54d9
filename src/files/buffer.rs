//! Numbers that are held in memory, or lie in a mapped file and are read where they stand.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::{Pod, pod_collect_to_vec, try_cast_slice};

use super::Bytes;

/// A slice of numbers: held in memory, or read in place from the bytes of a file.
#[derive(Clone)]
pub struct Buffer<T> {
    /// What is held in memory; empty where `in_file` says otherwise.
    owned: Vec<T>,
    /// A file and a range of its bytes: whole, aligned numbers, as was checked when this was made.
    in_file: Option<(Arc<Bytes>, Range<usize>)>,
}

impl<T: Pod> Buffer<T> {
    /// The numbers at `range` (in bytes) of a file, as this machine lays them out. Read in place where they are aligned,
    /// as they are in mapped table files, and copied where not. `None` for a range outside the file or one that does not
    /// hold whole numbers.
    pub(super) fn in_file(bytes: &Arc<Bytes>, range: Range<usize>) -> Option<Buffer<T>> {
        let part = bytes.get(range.clone())?;
        if !part.len().is_multiple_of(size_of::<T>()) {
            return None;
        }
        Some(if try_cast_slice::<u8, T>(part).is_ok() {
            Buffer { owned: Vec::new(), in_file: Some((Arc::clone(bytes), range)) }
        } else {
            pod_collect_to_vec::<u8, T>(part).into()
        })
    }

    /// Bytes held in memory: none where the numbers are read in place.
    pub fn memory(&self) -> usize {
        self.owned.capacity() * size_of::<T>()
    }

    /// The numbers, to be changed or added to; copied into memory first where they are read in place.
    pub(crate) fn to_mut(&mut self) -> &mut Vec<T> {
        if self.in_file.is_some() {
            *self = self.to_vec().into();
        }
        &mut self.owned
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.in_file {
            None => &self.owned,
            Some((bytes, range)) => {
                bytes.get(range.clone()).and_then(|part| try_cast_slice(part).ok()).unwrap_or_default()
            }
        }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(owned: Vec<T>) -> Self {
        Buffer { owned, in_file: None }
    }
}

impl<T: Pod + PartialEq> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Pod + Eq> Eq for Buffer<T> {}

impl<T: Pod> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} numbers {}", self.len(), if self.in_file.is_some() { "in a file" } else { "in memory" })
    }
}
