//! Analogies: a is to b as c is to what?

use serde::Serialize;
use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use super::nearest::NearestOptions;
use super::question::{ScoredRow, unit};
use super::rows::RowScorer;
use super::scan::{BLOCK, TopKOptions, best};
use crate::error::{Error, Result};
use crate::vectors::Vectors;

/// The method that scores the answers to an analogy.
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
    /// 3CosAdd (Mikolov et al. 2013): the cosine with b - a + c.
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
    /// "a is to b as c is to ...": the best rows, best first, without those of the three words.
    ///
    /// `Add` gives the results of gensim's `most_similar(positive=[b, c], negative=[a])`, and `Mul` those of its
    /// `most_similar_cosmul`. Unlike gensim, `Mul` respects `restrict` too.
    ///
    /// # Errors
    /// An unknown word, a word without a direction, words that cancel out (`Add`), or a minimum cosine (`Mul`).
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
            AnalogyMethod::Mul => self.analogy_by_product([a, b, c], options),
        }
    }

    fn analogy_by_product(&self, words: [&[u8]; 3], options: &NearestOptions) -> Result<Vec<ScoredRow>> {
        if let Some(min) = options.min_cosine {
            let message = format!("a minimum cosine ({min}) does not apply to 3CosMul, whose scores are not cosines");
            return Err(Error::other(message));
        }
        let [a, b, c] = words;
        let words = [self.query_word(a)?, self.query_word(b)?, self.query_word(c)?];
        let excluded: Vec<u32> = words.iter().filter_map(|word| word.row).collect();
        let units = words.map(|word| {
            let mut sum = vec![0.0; self.dimension()];
            word.add_unit(1.0, &mut sum);
            unit(&sum).unwrap_or_default()
        });
        self.check_length()?;
        let rows = RowScorer::new(self);
        let top_k = TopKOptions { k: options.k, min_score: None };
        self.check_words(best(options.search_space(self), top_k, &excluded, |block, scores| {
            let mut cosines = [[0.0f32; BLOCK]; 3];
            for (cosines, unit) in cosines.iter_mut().zip(&units) {
                rows.cosines(block, unit, cosines);
            }
            let [a, b, c] = cosines.map(|cosines| cosines.map(|cosine| (1.0 + cosine) / 2.0));
            for (row, score) in scores.iter_mut().enumerate() {
                *score = b[row] * c[row] / (a[row] + 1e-6);
            }
        }))
    }
}
