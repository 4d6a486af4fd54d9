//! What the programs beside this file share.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;

use finalfusion::prelude::{Embeddings, MmapEmbeddings, ReadText, ReadWord2Vec, StorageViewWrap, VocabWrap};

#[path = "../../synthetic/mod.rs"]
pub mod synthetic;

#[path = "../../turns/mod.rs"]
pub mod turns;

/// Anything that went wrong.
pub type Failure = Box<dyn Error>;

/// The exit code for an outcome; what went wrong goes to standard error.
pub fn finish(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The formats that finalfusion opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// GloVe text.
    Glove,
    /// word2vec binary.
    Word2vecBinary,
    /// finalfusion's own, mapped.
    Finalfusion,
}

/// finalfusion's table with whatever vocabulary and storage a file has.
pub type Vectors = Embeddings<VocabWrap, StorageViewWrap>;

/// Opens vectors the way finalfusion's documentation does, with a larger buffer, which is a little faster.
///
/// # Errors
/// A file that cannot be read, or whatever finalfusion refuses.
pub fn open(format: Format, path: &Path) -> Result<Vectors, Failure> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    Ok(match format {
        Format::Glove => Embeddings::read_text(&mut reader)?.into(),
        Format::Word2vecBinary => Embeddings::read_word2vec_binary(&mut reader)?.into(),
        Format::Finalfusion => Vectors::mmap_embeddings(&mut reader)?,
    })
}
