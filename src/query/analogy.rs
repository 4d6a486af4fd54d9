//! Analogies: a is to b as c is to what?

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::nearest::{Rows, unit};
use super::scan::{BLOCK, TopKOptions, best};
use super::{NearestOptions, ScoredRow};
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// How to answer an analogy.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
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
pub enum AnalogyMethod {
    /// 3CosAdd (Mikolov et al. 2013): the word nearest to b - a + c.
    #[default]
    Add,
    /// 3CosMul (Levy & Goldberg 2014): `cos'(x,b) cos'(x,c) / (cos'(x,a) + 1e-6)` with `cos' = (1 + cos) / 2`.
    Mul,
}

impl AnalogyMethod {
    /// All methods.
    pub const ALL: &'static [AnalogyMethod] = <AnalogyMethod as VariantArray>::VARIANTS;

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
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
        method: AnalogyMethod,
        options: &NearestOptions,
    ) -> Result<Vec<ScoredRow>> {
        let (a, b, c) = (a.as_ref(), b.as_ref(), c.as_ref());
        match method {
            AnalogyMethod::Add => self.nearest(&[b, c], &[a], options),
            AnalogyMethod::Mul => {
                if let Some(least) = options.min_cosine {
                    let expected = "none for 3CosMul, whose scores are not cosines";
                    return Err(Error::invalid("least cosine", expected, least.to_string()));
                }
                let words = [self.query_word(a)?, self.query_word(b)?, self.query_word(c)?];
                let named: Vec<u32> = words.iter().filter_map(|word| word.row).collect();
                let [a, b, c] = words.map(|word| {
                    let mut sum = vec![0.0; self.dimension()];
                    word.add_unit(1.0, &mut sum);
                    unit(&sum).unwrap_or_default()
                });
                self.check_length()?;
                let rows = Rows::of(self);
                let wanted = TopKOptions { k: options.k, least: None };
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
