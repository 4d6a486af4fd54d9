//! Analogies: a is to b as c is to what?

use std::str::FromStr;

use super::nearest::{Rows, unit};
use super::scan::{BLOCK, Wanted, best};
use super::{Answer, NearestOptions};
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// How to answer an analogy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// 3CosAdd (Mikolov et al. 2013): the word nearest to b - a + c.
    #[default]
    Add,
    /// 3CosMul (Levy & Goldberg 2014): `cos'(x,b) cos'(x,c) / (cos'(x,a) + 1e-6)` with `cos' = (1 + cos) / 2`.
    Mul,
}

impl Method {
    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Method::Add => "add",
            Method::Mul => "mul",
        }
    }
}

impl FromStr for Method {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Method::Add, Method::Mul]
            .into_iter()
            .find(|method| method.name() == name)
            .ok_or_else(|| Error::invalid("method", "add or mul", format!("`{name}`")))
    }
}

impl Vectors {
    /// "a is to b as c is to ...": the answers, best first, the three words themselves left out.
    ///
    /// `add` equals gensim's `most_similar(positive=[b, c], negative=[a])`, `mul` its `most_similar_cosmul`; unlike
    /// gensim's, a restriction holds for both.
    ///
    /// # Errors
    /// An unknown word, one without a direction, (`add`) words that cancel each other out, or (`mul`) a least cosine.
    pub fn analogy(
        &self,
        a: impl AsRef<[u8]>,
        b: impl AsRef<[u8]>,
        c: impl AsRef<[u8]>,
        method: Method,
        options: &NearestOptions,
    ) -> Result<Vec<Answer>> {
        let (a, b, c) = (a.as_ref(), b.as_ref(), c.as_ref());
        match method {
            Method::Add => self.nearest(&[b, c], &[a], options),
            Method::Mul => {
                if let Some(least) = options.min_cosine {
                    let expected = "none for 3CosMul, whose scores are not cosines";
                    return Err(Error::invalid("least cosine", expected, least.to_string()));
                }
                let words = [self.named(a)?, self.named(b)?, self.named(c)?];
                let named: Vec<u32> = words.iter().filter_map(|word| word.row).collect();
                let [a, b, c] = words.map(|word| {
                    let mut sum = vec![0.0; self.dimension()];
                    word.add_unit(1.0, &mut sum);
                    unit(&sum).unwrap_or_default()
                });
                self.check_length()?;
                let rows = Rows::of(self);
                let wanted = Wanted { k: options.k, least: None };
                self.readable(best(options.searched(self), wanted, &named, |block, scores| {
                    let mut cosines = [[0.0f32; BLOCK]; 3];
                    for (cosines, word) in cosines.iter_mut().zip([&a, &b, &c]) {
                        rows.cosines(block, word, cosines);
                    }
                    let [a, b, c] = cosines.map(|cosines| cosines.map(|cosine| (1.0 + cosine) / 2.0));
                    for (row, score) in scores.iter_mut().enumerate() {
                        *score = b[row] * c[row] / (a[row] + 1e-6);
                    }
                }))
            }
        }
    }
}
