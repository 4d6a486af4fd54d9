//! Shared by the tests: small files in every format and compression, and running the program.

// Each test program uses some of these functions.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use vocable::Vectors;
use vocable::files::ReadOptions;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A word and its numbers.
pub type Row = (Vec<u8>, Vec<f32>);

/// Rows from literals.
pub fn rows(rows: &[(&str, &[f32])]) -> Vec<Row> {
    rows.iter().map(|(word, numbers)| (word.as_bytes().to_vec(), numbers.to_vec())).collect()
}

/// Three arbitrary rows.
pub fn small() -> Vec<Row> {
    rows(&[("king", &[0.5, -1.25, 3.0]), ("queen", &[1e-3, 2.0, -0.75]), ("x", &[9.0, 8.5, 7.0])])
}

/// GloVe text.
pub fn glove(rows: &[Row]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (word, numbers) in rows {
        bytes.extend_from_slice(word);
        numbers.iter().for_each(|number| bytes.extend_from_slice(format!(" {number}").as_bytes()));
        bytes.push(b'\n');
    }
    bytes
}

/// word2vec text.
pub fn word2vec_text(rows: &[Row]) -> Vec<u8> {
    [header(rows), glove(rows)].concat()
}

/// word2vec binary, with `after` at the end of each row: word2vec.c writes a line feed, other tools nothing.
pub fn word2vec_binary(rows: &[Row], after: &[u8]) -> Vec<u8> {
    let mut bytes = header(rows);
    for (word, numbers) in rows {
        bytes.extend_from_slice(word);
        bytes.push(b' ');
        numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes.extend_from_slice(after);
    }
    bytes
}

fn header(rows: &[Row]) -> Vec<u8> {
    format!("{} {}\n", rows.len(), rows[0].1.len()).into_bytes()
}

/// The bytes, compressed with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A zip archive; a name that ends with a slash is a folder.
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        if name.ends_with('/') {
            archive.add_directory(*name, SimpleFileOptions::default()).unwrap();
        } else {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
    }
    archive.finish().unwrap().into_inner()
}

/// An encrypted archive with the member `a.txt`, made with `zip -P secret`.
pub const ENCRYPTED_ZIP: &[u8] = b"PK\x03\x04\x0a\x00\x09\x00\x00\x00\x83Aw]'\x837-\x18\x00\x00\x00\x0c\x00\x00\x00\
    \x05\x00\x00\x00a.txtx$\xf5\x97\x0d\x0f\x9e\x12j[D\x82\x85&\x8b\xd5\x95\xa8>\xa5\x96\x5cx-PK\x07\x08'\x837-\x18\
    \x00\x00\x00\x0c\x00\x00\x00PK\x01\x02\x1e\x03\x0a\x00\x09\x00\x00\x00\x83Aw]'\x837-\x18\x00\x00\x00\x0c\x00\
    \x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\xa4\x81\x00\x00\x00\x00a.txtPK\x05\x06\x00\x00\x00\
    \x00\x01\x00\x01\x003\x00\x00\x00K\x00\x00\x00\x00\x00";

/// A zip archive with one member, whose central directory entry is overwritten with `bytes` at `at`.
pub fn zip_with_entry(member: &[u8], at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut archive = zip(&[("a.txt", member)]);
    let entry = archive.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    archive[entry + at..][..bytes.len()].copy_from_slice(bytes);
    archive
}

/// A temporary folder, deleted at the end of the test.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Folder(TempDir::new().unwrap())
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// A file under `fixtures/`.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// The error of opening a file of these bytes as vectors.
#[track_caller]
pub fn refusal(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    let folder = Folder::new();
    let path = folder.file("vectors.bad", bytes);
    let error = Vectors::open_with(&path, options).expect_err("these bytes must be refused").to_string();
    assert!(!error.contains('\n'), "more than one line: {error}");
    error
}

/// Asserts that a text equals the snapshot in `tests/snapshots/GROUP/NAME.snap`.
#[track_caller]
pub fn snapshot(group: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(group));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The result of a run of the program.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The lines of standard output, parsed as JSON.
    pub fn json(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The only line of standard output, parsed as JSON; the run must have succeeded.
    pub fn only_json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{self:?}");
        let lines = self.json();
        assert_eq!(lines.len(), 1, "{self:?}");
        lines[0].clone()
    }

    /// Asserts that the run ended with `code`, printed `what` to standard error and nothing to standard output.
    #[track_caller]
    pub fn refused(&self, code: i32, what: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(what), "{what:?} is not in: {self:?}");
        assert_eq!(self.out, "", "results in spite of an error: {self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
    }
}

/// The program without arguments, with the user's `VOCABLE_VECTORS` unset.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vocable"));
    command.env_remove("VOCABLE_VECTORS");
    command
}

/// Runs the program with empty standard input.
pub fn vocable<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    vocable_fed(arguments, b"")
}

/// Runs the program with `input` on standard input.
pub fn vocable_fed<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Ran {
    let mut child =
        program().args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses its arguments does not read standard input.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
