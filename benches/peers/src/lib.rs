//! Shared by the programs of this package.

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

/// Any error.
pub type Failure = Box<dyn Error>;

/// The exit code of a result; an error is printed to standard error.
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
    /// finalfusion's own format, memory-mapped.
    Finalfusion,
}

/// finalfusion's embeddings with any vocabulary and storage.
pub type Vectors = Embeddings<VocabWrap, StorageViewWrap>;

/// Opens vectors as in finalfusion's documentation, with a larger buffer, which is a little faster.
///
/// # Errors
/// If the file cannot be read, or finalfusion refuses it.
pub fn open(format: Format, path: &Path) -> Result<Vectors, Failure> {
    let mut reader = BufReader::with_capacity(1 << 20, File::open(path)?);
    Ok(match format {
        Format::Glove => Embeddings::read_text(&mut reader)?.into(),
        Format::Word2vecBinary => Embeddings::read_word2vec_binary(&mut reader)?.into(),
        Format::Finalfusion => Vectors::mmap_embeddings(&mut reader)?,
    })
}
