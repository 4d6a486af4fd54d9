//! Numbers that are held in memory, or lie in a mapped file and are read where they stand.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use bytemuck::{Pod, pod_collect_to_vec, try_cast_slice, try_cast_slice_mut};
use memmap2::{MmapMut, MmapOptions};

use super::Bytes;

/// A slice of numbers: held in memory, or read in place from the bytes of a file.
pub struct Buffer<T> {
    /// Empty where the numbers are elsewhere.
    owned: Vec<T>,
    elsewhere: Option<Elsewhere>,
}

enum Elsewhere {
    /// Memory that the system was asked to give in large pages, and how many bytes of it hold numbers.
    Pages(MmapMut, usize),
    /// A file and a range of its bytes: whole, aligned numbers, as was checked when this was made.
    InFile(Arc<Bytes>, Range<usize>),
}

/// Bytes from which on large pages are worth their trouble: a few of those that are usual, of 2 MiB.
const LARGE: usize = 8 << 20;

impl<T: Pod> Buffer<T> {
    /// As many zeros. A large table is filled twice as fast in large pages as in small ones, and searched faster.
    pub(crate) fn zeros(len: usize) -> Buffer<T> {
        let bytes = len.saturating_mul(size_of::<T>());
        if bytes >= LARGE
            && let Ok(map) = MmapOptions::new().len(bytes).map_anon()
        {
            // Advice that is not taken costs nothing but time.
            #[cfg(target_os = "linux")]
            let _ = map.advise(memmap2::Advice::HugePage);
            return Elsewhere::Pages(map, bytes).into();
        }
        vec![T::zeroed(); len].into()
    }

    /// The numbers at `range` (in bytes) of a file, as this machine lays them out. Read in place where they are aligned,
    /// as they are in mapped table files, and copied where not. `None` for a range outside the file or one that does not
    /// hold whole numbers.
    pub(super) fn in_file(bytes: &Arc<Bytes>, range: Range<usize>) -> Option<Buffer<T>> {
        let part = bytes.get(range.clone())?;
        if !part.len().is_multiple_of(size_of::<T>()) {
            return None;
        }
        Some(if try_cast_slice::<u8, T>(part).is_ok() {
            Elsewhere::InFile(Arc::clone(bytes), range).into()
        } else {
            pod_collect_to_vec::<u8, T>(part).into()
        })
    }

    /// Bytes held in memory: none where the numbers are read in place.
    pub fn memory(&self) -> usize {
        match &self.elsewhere {
            None => self.owned.capacity() * size_of::<T>(),
            Some(Elsewhere::Pages(map, _)) => map.len(),
            Some(Elsewhere::InFile(..)) => 0,
        }
    }

    /// The numbers, to be changed; copied into memory first where they are read in place.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self.elsewhere {
            Some(Elsewhere::Pages(ref mut map, bytes)) => {
                map.get_mut(..bytes).and_then(|bytes| try_cast_slice_mut(bytes).ok()).unwrap_or_default()
            }
            _ => self.to_mut(),
        }
    }

    /// Keeps the first `len` numbers.
    pub(crate) fn truncate(&mut self, len: usize) {
        match &mut self.elsewhere {
            Some(Elsewhere::Pages(_, bytes)) => *bytes = (*bytes).min(len.saturating_mul(size_of::<T>())),
            _ => self.to_mut().truncate(len),
        }
    }

    /// The numbers, to be changed or added to; copied first unless they are a vector already.
    pub(crate) fn to_mut(&mut self) -> &mut Vec<T> {
        if self.elsewhere.is_some() {
            *self = self.to_vec().into();
        }
        &mut self.owned
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        let bytes = match &self.elsewhere {
            None => return &self.owned,
            Some(Elsewhere::Pages(map, bytes)) => map.get(..*bytes),
            Some(Elsewhere::InFile(bytes, range)) => bytes.get(range.clone()),
        };
        bytes.and_then(|bytes| try_cast_slice(bytes).ok()).unwrap_or_default()
    }
}

impl<T: Pod> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        match &self.elsewhere {
            Some(Elsewhere::InFile(bytes, range)) => Elsewhere::InFile(Arc::clone(bytes), range.clone()).into(),
            _ => self.to_vec().into(),
        }
    }
}

impl<T> Default for Buffer<T> {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl<T> From<Elsewhere> for Buffer<T> {
    fn from(elsewhere: Elsewhere) -> Self {
        Buffer { owned: Vec::new(), elsewhere: Some(elsewhere) }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(numbers: Vec<T>) -> Self {
        Buffer { owned: numbers, elsewhere: None }
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
        let place = if matches!(self.elsewhere, Some(Elsewhere::InFile(..))) { "in a file" } else { "in memory" };
        write!(f, "{} numbers {place}", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_the_same_in_pages_and_in_a_vector() {
        for len in [0, 1, LARGE / 4 - 1, LARGE / 4, LARGE / 4 + 1] {
            let mut buffer: Buffer<f32> = Buffer::zeros(len);
            assert!(buffer.len() == len && buffer.iter().all(|&number| number == 0.0));
            assert_eq!(buffer.elsewhere.is_some(), len >= LARGE / 4);
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
