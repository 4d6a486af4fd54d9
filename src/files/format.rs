//! File formats of word vectors, and the number types that they store.

use strum::{Display, EnumString, IntoStaticStr, VariantArray, VariantNames};

use crate::error::Error;

/// A file format of word vectors.
///
/// Names in help texts, on the command line and in JSON are those of [`Format::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray, VariantNames)]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum Format {
    /// GloVe text: one row per line, the word and then its numbers, separated by spaces.
    Glove,
    /// word2vec text: as GloVe, after a header line `rows dimension`. fastText's `.vec` files are the same.
    #[strum(serialize = "word2vec")]
    Word2vecText,
    /// word2vec binary: the header line, then for each row the word, a space and little-endian 32-bit floats.
    #[strum(serialize = "word2vec-binary")]
    Word2vecBinary,
    /// fastText's binary model: words, and the vectors of character n-grams for out-of-vocabulary words.
    Fasttext,
    /// A NumPy array, with its words in a separate text file.
    Numpy,
    /// Vocable's own format, mapped and used in place: a safetensors file with the tensors of a word table. See
    /// [`table`](super::table).
    Table,
    /// The TensorFlow Embedding Projector's pair of tab-separated files, numbers and words. It can be written, not read.
    Projector,
}

impl Format {
    /// All formats, in the order of the help texts.
    pub const ALL: &'static [Format] = <Format as VariantArray>::VARIANTS;

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The number type of stored vectors.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString, IntoStaticStr, VariantArray, VariantNames,
)]
#[strum(serialize_all = "kebab-case", parse_err_ty = Error, parse_err_fn = Error::unknown_value::<Self>)]
pub enum ElementType {
    /// 32-bit floats: the numbers as they are, read in place.
    #[default]
    F32,
    /// 16-bit floats: half the size, with eleven significant bits; converted to 32 bits in memory when the file is opened.
    F16,
}

impl ElementType {
    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}
