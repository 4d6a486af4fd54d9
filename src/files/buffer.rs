//! Numbers in memory or in a mapped file, where they are read in place.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::{Pod, pod_collect_to_vec, try_cast_slice, try_cast_slice_mut};
use memmap2::{MmapMut, MmapOptions};

use super::Bytes;

/// A slice of numbers, in memory or read in place from a file.
pub struct Buffer<T> {
    /// Empty if there is a `storage`.
    owned: Vec<T>,
    storage: Option<Storage>,
}

enum Storage {
    /// Memory for which large pages were requested, and the number of bytes in use.
    Pages(MmapMut, usize),
    /// A file and a range of its bytes, which was checked to consist of whole, aligned numbers.
    InFile(Arc<Bytes>, Range<usize>),
}

/// Minimum size in bytes for large pages: a few pages of the usual 2 MiB.
const MIN_LARGE: usize = 8 << 20;

impl<T: Pod> Buffer<T> {
    /// A buffer of zeros. A large table is filled twice as fast in large pages as in small ones, and searched faster.
    pub(crate) fn zeros(len: usize) -> Buffer<T> {
        let bytes = len.saturating_mul(size_of::<T>());
        if bytes >= MIN_LARGE
            && let Ok(map) = MmapOptions::new().len(bytes).map_anon()
        {
            // If the system ignores the advice, only speed is lost.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            return Storage::Pages(map, bytes).into();
        }
        vec![T::zeroed(); len].into()
    }

    /// The numbers at `range` (in bytes) of a file, in the byte order of this machine. They are read in place if they are aligned, as in
    /// mapped table files, and copied otherwise. `None` for a range outside the file or of a length that is not a multiple of the
    /// number's size.
    pub(super) fn in_file(bytes: &Arc<Bytes>, range: Range<usize>) -> Option<Buffer<T>> {
        let part = bytes.get(range.clone())?;
        if !part.len().is_multiple_of(size_of::<T>()) {
            return None;
        }
        Some(if try_cast_slice::<u8, T>(part).is_ok() {
            Storage::InFile(Arc::clone(bytes), range).into()
        } else {
            pod_collect_to_vec::<u8, T>(part).into()
        })
    }

    /// Bytes in memory: zero if the numbers are read in place.
    pub fn memory(&self) -> usize {
        match &self.storage {
            None => self.owned.capacity() * size_of::<T>(),
            Some(Storage::Pages(map, _)) => map.len(),
            Some(Storage::InFile(..)) => 0,
        }
    }

    /// The numbers for modification; copied into memory first if they are read in place.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self.storage {
            Some(Storage::Pages(ref mut map, bytes)) => {
                map.get_mut(..bytes).and_then(|bytes| try_cast_slice_mut(bytes).ok()).unwrap_or_default()
            }
            _ => self.to_mut(),
        }
    }

    /// Keeps the first `len` numbers.
    pub(crate) fn truncate(&mut self, len: usize) {
        match &mut self.storage {
            Some(Storage::Pages(_, bytes)) => *bytes = (*bytes).min(len.saturating_mul(size_of::<T>())),
            _ => self.to_mut().truncate(len),
        }
    }

    /// The numbers as a vector; copied first if they are not a vector yet.
    pub(crate) fn to_mut(&mut self) -> &mut Vec<T> {
        if self.storage.is_some() {
            *self = self.to_vec().into();
        }
        &mut self.owned
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        let bytes = match &self.storage {
            None => return &self.owned,
            Some(Storage::Pages(map, bytes)) => map.get(..*bytes),
            Some(Storage::InFile(bytes, range)) => bytes.get(range.clone()),
        };
        bytes.and_then(|bytes| try_cast_slice(bytes).ok()).unwrap_or_default()
    }
}

impl<T: Pod> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        match &self.storage {
            Some(Storage::InFile(bytes, range)) => Storage::InFile(Arc::clone(bytes), range.clone()).into(),
            _ => self.to_vec().into(),
        }
    }
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Storage> for Buffer<T> {
    fn from(storage: Storage) -> Self {
        Buffer { owned: Vec::new(), storage: Some(storage) }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(numbers: Vec<T>) -> Self {
        Buffer { owned: numbers, storage: None }
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
        let place = if matches!(self.storage, Some(Storage::InFile(..))) { "in a file" } else { "in memory" };
        write!(f, "{} numbers {place}", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_in_pages_and_in_vectors_behave_the_same() {
        for len in [0, 1, MIN_LARGE / 4 - 1, MIN_LARGE / 4, MIN_LARGE / 4 + 1] {
            let mut buffer: Buffer<f32> = Buffer::zeros(len);
            assert!(buffer.len() == len && buffer.iter().all(|&number| number == 0.0));
            assert_eq!(buffer.storage.is_some(), len >= MIN_LARGE / 4);
            assert!(buffer.memory() >= 4 * len);
            for (index, number) in buffer.as_mut_slice().iter_mut().enumerate() {
                *number = index as f32;
            }
            buffer.truncate(len / 2);
            buffer.truncate(len);
            let expected: Vec<f32> = (0..len / 2).map(|index| index as f32).collect();
            assert_eq!(buffer, Buffer::from(expected.clone()));
            assert_eq!(buffer.clone(), buffer);
            buffer.to_mut().push(7.0);
            assert_eq!((buffer.len(), buffer.last()), (len / 2 + 1, Some(&7.0)));
            assert_eq!(buffer[..len / 2], expected);
        }
    }
}
