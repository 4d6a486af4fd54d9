//! The cosine of two words.

use crate::error::Result;
use crate::vectors::Vectors;

impl Vectors {
    /// The cosine similarity of two words, from -1 to 1: `a.b / (|a| |b|)`, summed in f64. gensim's `similarity`.
    ///
    /// # Errors
    /// An unknown word, or one whose vector has no direction.
    pub fn similarity(&self, a: impl AsRef<[u8]>, b: impl AsRef<[u8]>) -> Result<f32> {
        Ok(cosine(&self.named(a)?.values, &self.named(b)?.values) as f32)
    }

    /// The cosine of two rows; NaN where one has no direction or does not exist.
    pub fn cosine(&self, a: u32, b: u32) -> f64 {
        match (self.row(a), self.row(b)) {
            (Some(x), Some(y)) => cosine(x, y),
            _ => f64::NAN,
        }
    }
}

/// The cosine of two vectors, summed in f64; NaN where one has no direction.
fn cosine(x: &[f32], y: &[f32]) -> f64 {
    let (mut xy, mut xx, mut yy) = (0.0, 0.0, 0.0);
    for (&x, &y) in x.iter().zip(y) {
        let (x, y) = (f64::from(x), f64::from(y));
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0)
}
