//! Files that the program wrote, read by Python's safetensors, NumPy and gensim. `.ci/run` installs
//! them.

use std::path::Path;
use std::process::Command;

use crate::common::{Folder, fixture};
use vocable::Vectors;
use vocable::files::ElementType;
use vocable::files::Format;

/// Runs a Python script on a file; the script prints the number of words, then the vector of a word.
fn python(script: &str, path: &Path, word: &str) -> (usize, Vec<f32>) {
    let ran = Command::new("python3").args(["-c", script]).arg(path).arg(word).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let said = String::from_utf8(ran.stdout).unwrap();
    let mut fields = said.split_whitespace();
    let rows = fields.next().unwrap().parse().unwrap();
    (rows, fields.map(|field| field.parse().unwrap()).collect())
}

fn written(format: Format, name: &str, folder: &Folder) -> (Vectors, std::path::PathBuf) {
    let demo = Vectors::demo().unwrap();
    let path = folder.path(name);
    demo.save(&path, format, ElementType::F32).unwrap();
    (demo, path)
}

#[test]
#[ignore = "needs Python with the safetensors package"]
fn pythons_safetensors_opens_a_table_file() {
    let folder = Folder::new();
    let (demo, path) = written(Format::Table, "demo.safetensors", &folder);
    let script = "
import sys
from safetensors import safe_open
with safe_open(sys.argv[1], 'numpy') as file:
    offsets, text = file.get_tensor('words.offsets'), file.get_tensor('words.bytes').tobytes()
    words = [text[a:b].decode() for a, b in zip(offsets, offsets[1:])]
    assert file.metadata()['vocable.version'] == '1'
    print(len(words), *file.get_tensor('vectors')[words.index(sys.argv[2])].tolist())
";
    assert_eq!(python(script, &path, "king"), (2500, demo.get("king").unwrap().to_vec()));
}

#[test]
#[ignore = "needs Python with the numpy package"]
fn numpy_opens_an_array() {
    let folder = Folder::new();
    let (demo, path) = written(Format::Numpy, "demo.npy", &folder);
    let script = "
import sys, numpy
array = numpy.load(sys.argv[1])
words = open(sys.argv[1].replace('.npy', '.words.txt'), encoding='utf-8').read().splitlines()
assert array.dtype == numpy.float32 and len(array) == len(words)
print(len(words), *array[words.index(sys.argv[2])].tolist())
";
    assert_eq!(python(script, &path, "king"), (2500, demo.get("king").unwrap().to_vec()));
}

#[test]
#[ignore = "needs Python with the gensim package"]
fn gensim_opens_text_and_binary() {
    let folder = Folder::new();
    let script = "
import sys
from gensim.models import KeyedVectors
options = {'.txt': dict(no_header=True), '.vec': {}, '.bin': dict(binary=True)}[sys.argv[1][-4:]]
vectors = KeyedVectors.load_word2vec_format(sys.argv[1], **options)
print(len(vectors), *vectors[sys.argv[2]].tolist())
";
    for (format, name) in [(Format::Glove, "a.txt"), (Format::Word2vecText, "a.vec"), (Format::Word2vecBinary, "a.bin")]
    {
        let (demo, path) = written(format, name, &folder);
        assert_eq!(python(script, &path, "king"), (2500, demo.get("king").unwrap().to_vec()), "{name}");
    }
}

#[test]
#[ignore = "needs Python with the gensim package"]
fn gensim_opens_a_fasttext_model_that_we_wrote() {
    let folder = Folder::new();
    let model = Vectors::open(fixture("fasttext.8d.bin")).unwrap();
    let path = folder.path("again.bin");
    model.save(&path, Format::Fasttext, ElementType::F32).unwrap();
    let script = "
import sys
from gensim.models.fasttext import load_facebook_vectors
vectors = load_facebook_vectors(sys.argv[1])
print(len(vectors), *vectors[sys.argv[2]].tolist())
";
    // A word of the model, and one composed of n-grams.
    for word in ["ship", "unreadable"] {
        let (rows, found) = python(script, &path, word);
        assert_eq!(rows, model.len());
        let expected = model.vector(word).unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected.iter()) {
            assert!((found - expected).abs() < 1e-5, "{word}: {found} is not {expected}");
        }
    }
}
