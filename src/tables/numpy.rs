//! Writing vectors as a NumPy array.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef};

use crate::files::ElementType;
use crate::files::numpy::header_of;

/// Writes a NumPy array row by row; the number of rows is not known in advance.
pub(super) struct NumpyWriter {
    out: BufWriter<File>,
    columns: usize,
    rows: usize,
}

impl NumpyWriter {
    pub fn new(file: File, columns: usize) -> io::Result<NumpyWriter> {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&header_of(0, columns, ElementType::F32))?;
        Ok(NumpyWriter { out, columns, rows: 0 })
    }

    /// Writes a column of vectors; nulls become zeros, since an array has no nulls.
    pub fn write(&mut self, vectors: &ArrayRef) -> io::Result<()> {
        let Some(lists) = vectors.as_fixed_size_list_opt() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the column does not contain vectors"));
        };
        for row in 0..lists.len() {
            let values = lists.value(row);
            match values.as_primitive_opt::<Float32Type>() {
                Some(values) if lists.is_valid(row) && values.len() == self.columns => {
                    self.out.write_all(bytes_of(values.values()).as_slice())?;
                }
                _ => self.out.write_all(&vec![0; 4 * self.columns])?,
            }
        }
        self.rows += lists.len();
        Ok(())
    }

    /// Writes the header again, with the final number of rows.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&header_of(self.rows, self.columns, ElementType::F32))?;
        self.out.flush()
    }
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
