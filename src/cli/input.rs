//! Input other than vectors: lines of queries and word lists.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use vocable::Error;
use vocable::files::{BOM, Words, bytes};

/// Whether a path stands for standard input.
pub fn is_standard(path: &Path) -> bool {
    path == "-"
}

/// The lines of a file or of standard input, without empty lines.
pub struct Lines {
    path: PathBuf,
    input: BufReader<Box<dyn Read>>,
    /// Size of the file in bytes, if known.
    size: Option<u64>,
    /// Number of bytes read.
    read: u64,
    number: u64,
    line: Vec<u8>,
    begun: bool,
}

impl Lines {
    /// Opens a file, or standard input where `path` is `-`.
    pub fn open(path: &Path) -> Result<Lines, Error> {
        if is_standard(path) {
            return Ok(Lines::standard());
        }
        let file = File::open(path).map_err(|e| Error::io(path, "open it", e))?;
        let size = file.metadata().ok().filter(|metadata| metadata.is_file()).map(|metadata| metadata.len());
        Ok(Lines::new(path.into(), Box::new(file), size))
    }

    /// Standard input.
    pub fn standard() -> Lines {
        Lines::new("standard input".into(), Box::new(std::io::stdin().lock()), None)
    }

    fn new(path: PathBuf, input: Box<dyn Read>, size: Option<u64>) -> Lines {
        Lines { path, input: BufReader::new(input), size, read: 0, number: 0, line: Vec::new(), begun: false }
    }

    /// The name for messages.
    pub fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Size in bytes, if known in advance.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// Number of bytes read.
    pub fn position(&self) -> u64 {
        self.read
    }

    /// Number of the last line read, counted from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the next line can be read without waiting for input.
    pub fn has_buffered_line(&self) -> bool {
        self.input.buffer().contains(&b'\n')
    }

    /// Skips a byte-order mark at the beginning of the input.
    fn begin(&mut self) -> Result<(), Error> {
        if !std::mem::replace(&mut self.begun, true) {
            let skipped = skip_bom(&mut self.input);
            self.read += skipped.map_err(|e| Error::io(&self.path, "read it", e))? as u64;
        }
        Ok(())
    }

    /// The next line that is not empty, without its line ending; `None` at the end of the input.
    pub fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        self.begin()?;
        loop {
            self.line.clear();
            let read = self.input.read_until(b'\n', &mut self.line);
            let read = read.map_err(|e| Error::io(&self.path, "read it", e))?;
            if read == 0 {
                return Ok(None);
            }
            self.read += read as u64;
            self.number += 1;
            for end in [b'\n', b'\r'] {
                self.line.pop_if(|last| *last == end);
            }
            if !self.line.is_empty() {
                return Ok(Some(&self.line));
            }
        }
    }

    /// The next byte, without consuming it.
    pub fn peek(&mut self) -> Result<Option<u8>, Error> {
        self.begin()?;
        let buffer = self.input.fill_buf().map_err(|e| Error::io(&self.path, "read it", e))?;
        Ok(buffer.first().copied())
    }

    /// The rest of the input.
    pub fn rest(&mut self) -> Result<Vec<u8>, Error> {
        self.begin()?;
        let mut all = Vec::new();
        self.input.read_to_end(&mut all).map_err(|e| Error::io(&self.path, "read it", e))?;
        Ok(all)
    }
}

/// Skips a byte-order mark at the beginning of the input, and returns its length in bytes.
pub fn skip_bom(input: &mut impl BufRead) -> std::io::Result<usize> {
    let length = if input.fill_buf()?.starts_with(BOM) { BOM.len() } else { 0 };
    input.consume(length);
    Ok(length)
}

/// The words of a line: separated by tabs if it contains one, so that words can contain spaces, or else by spaces.
pub fn words_of(line: &[u8]) -> Vec<&[u8]> {
    let separator = if line.contains(&b'\t') { b'\t' } else { b' ' };
    line.split(|&byte| byte == separator).filter(|word| !word.is_empty()).collect()
}

/// The words of a list with one word per line.
pub fn listed_words(path: &Path) -> Result<Words, Error> {
    let all =
        if is_standard(path) { bytes::Bytes::Owned(Lines::standard().rest()?) } else { bytes::open(path, None)?.0 };
    let text = all.strip_prefix(BOM).unwrap_or(&all);
    let lines = text.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    Ok(lines.filter(|line| !line.is_empty()).collect())
}

/// "3 of 10 words have no row: `a`, `b`, `c`".
pub fn without_row(words: &[&[u8]], of: usize) -> String {
    const NAMED: usize = 5;
    let named: Vec<String> =
        words.iter().take(NAMED).map(|word| format!("`{}`", String::from_utf8_lossy(word))).collect();
    let more = if words.len() > NAMED { ", ..." } else { "" };
    let (count, of) = (vocable::report::thousands(words.len()), vocable::report::thousands(of));
    format!("{count} of {of} words have no row: {}{more}", named.join(", "))
}
