//! Reading and decompressing a file on a separate thread while earlier bytes are parsed.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use memchr::memchr;

use super::packed::{Packed, ReadError};

/// Bytes that one task parses, plus the rest of the last line. The size is fixed, so that the work is divided the same way for any
/// number of threads.
const PIECE: usize = 1 << 20;

/// Maximum length of a line in bytes, without its line feed.
pub(super) const MAX_LINE_LENGTH: usize = 16 << 20;

/// Maximum number of blocks that wait to be parsed.
const MAX_QUEUED_BLOCKS: usize = 4;

/// Where the first piece of `bytes` ends: after the first line feed that follows [`PIECE`] bytes. `None` if the line feed is not in
/// `bytes` yet. A line that is too long also ends a piece; its parser refuses it.
pub(super) fn piece_end(bytes: &[u8]) -> Option<usize> {
    const LAST: usize = PIECE + MAX_LINE_LENGTH;
    let tail = bytes.get(PIECE..bytes.len().min(LAST + 1))?;
    memchr(b'\n', tail).map(|at| PIECE + at + 1).or_else(|| (bytes.len() > LAST).then_some(LAST + 1))
}

/// The first piece of a file. Format and dimension are detected from it alone.
pub(super) fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..piece_end(bytes).unwrap_or(bytes.len())]
}

/// A stream of decompressed bytes. It buffers the bytes that were read and not consumed yet.
pub(super) struct Stream {
    blocks: Receiver<Result<Vec<u8>, ReadError>>,
    buffer: Vec<u8>,
    /// Bytes of the buffer that were consumed.
    at: usize,
    /// Bytes read in total.
    total: u64,
    ended: bool,
}

impl Stream {
    /// Starts reading.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn new(packed: Packed) -> Result<Stream, ReadError> {
        let (sender, blocks) = sync_channel(MAX_QUEUED_BLOCKS);
        // Sending fails when parsing has stopped after an error. The thread then ends by itself. Nothing waits for it, because it
        // may be reading a pipe that sends nothing more.
        let read = move || {
            let last = match packed.read(&mut |block| sender.send(Ok(block)).is_ok()) {
                Ok(()) => Ok(Vec::new()),
                Err(error) => Err(error),
            };
            let _ = sender.send(last);
        };
        thread::Builder::new().name("reader".to_owned()).spawn(read).map_err(ReadError::Io)?;
        Ok(Stream { blocks, buffer: Vec::new(), at: 0, total: 0, ended: false })
    }

    /// The buffered bytes.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Consumes the next `length` buffered bytes.
    pub fn skip(&mut self, length: usize) {
        self.at = self.buffer.len().min(self.at + length);
    }

    /// Number of bytes consumed.
    pub fn offset(&self) -> u64 {
        self.total - self.rest().len() as u64
    }

    /// Number of bytes read.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Waits for more bytes; `false` at the end.
    pub fn more(&mut self) -> Result<bool, ReadError> {
        if self.ended {
            return Ok(false);
        }
        let stopped = || ReadError::Io(std::io::Error::other("reading stopped before the end"));
        let block = self.blocks.recv().map_err(|_| stopped())??;
        self.total += block.len() as u64;
        self.ended = block.is_empty();
        if self.at == self.buffer.len() {
            self.buffer = block;
        } else {
            self.buffer.drain(..self.at);
            self.buffer.extend_from_slice(&block);
        }
        self.at = 0;
        Ok(!self.ended)
    }

    /// Waits for the next piece of whole lines; it is empty at the end.
    pub fn piece(&mut self) -> Result<&[u8], ReadError> {
        loop {
            if let Some(end) = piece_end(self.rest()) {
                return Ok(&self.rest()[..end]);
            }
            if !self.more()? {
                return Ok(self.rest());
            }
        }
    }

    /// Reads to the end, and returns all bytes that were not consumed.
    pub fn into_bytes(mut self) -> Result<Vec<u8>, ReadError> {
        while self.more()? {}
        self.buffer.drain(..self.at);
        Ok(self.buffer)
    }
}
