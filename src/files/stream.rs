//! A file that is read by a thread of its own, and inflated there, while another parses what came before.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use memchr::memchr;

use super::packed::{Failed, Packed};

/// Bytes that one task parses, and some more up to the end of a line; fixed, so that work is cut the same way at any
/// number of threads.
const PIECE: usize = 1 << 20;

/// The longest line taken, in bytes without its line feed.
pub(super) const LONGEST_LINE: usize = 16 << 20;

/// Blocks that wait to be parsed.
const AHEAD: usize = 4;

/// Where the first piece of `bytes` ends: behind the line feed that comes next after so many bytes. `None` where that is not
/// yet to be seen. A line that is longer than lines may be ends a piece too: its parser refuses it.
pub(super) fn piece_end(bytes: &[u8]) -> Option<usize> {
    const LAST: usize = PIECE + LONGEST_LINE;
    let tail = bytes.get(PIECE..bytes.len().min(LAST + 1))?;
    memchr(b'\n', tail).map(|at| PIECE + at + 1).or_else(|| (bytes.len() > LAST).then_some(LAST + 1))
}

/// The first piece of a file: format and dimension are told by it alone.
pub(super) fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..piece_end(bytes).unwrap_or(bytes.len())]
}

/// Inflated bytes, of which those are held that were read and not yet taken.
pub(super) struct Stream {
    blocks: Receiver<Result<Vec<u8>, Failed>>,
    buffer: Vec<u8>,
    /// How much of the buffer was taken.
    at: usize,
    /// Bytes received.
    total: u64,
    ended: bool,
}

impl Stream {
    /// Starts to read.
    ///
    /// # Errors
    /// The system grants no thread.
    pub fn new(packed: Packed) -> Result<Stream, Failed> {
        let (sender, blocks) = sync_channel(AHEAD);
        // Sending fails when nobody parses any more, after an error. The thread then ends by itself; nobody waits for it,
        // because what it reads may be a pipe that gives nothing more.
        let read = move || {
            let last = match packed.read(&mut |block| sender.send(Ok(block)).is_ok()) {
                Ok(()) => Ok(Vec::new()),
                Err(error) => Err(error),
            };
            let _ = sender.send(last);
        };
        thread::Builder::new().name("reader".to_owned()).spawn(read).map_err(Failed::Io)?;
        Ok(Stream { blocks, buffer: Vec::new(), at: 0, total: 0, ended: false })
    }

    /// What is there and was not taken yet.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.at..]
    }

    /// Takes the next `length` bytes, which are there.
    pub fn skip(&mut self, length: usize) {
        self.at = self.buffer.len().min(self.at + length);
    }

    /// Bytes taken.
    pub fn offset(&self) -> u64 {
        self.total - self.rest().len() as u64
    }

    /// Bytes received, taken or not.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Waits for more bytes; `false` where there are none.
    pub fn more(&mut self) -> Result<bool, Failed> {
        if self.ended {
            return Ok(false);
        }
        let stopped = || Failed::Io(std::io::Error::other("reading stopped before the end"));
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

    /// Waits for the next piece of whole lines; it has no bytes where nothing is left.
    pub fn piece(&mut self) -> Result<&[u8], Failed> {
        loop {
            if let Some(end) = piece_end(self.rest()) {
                return Ok(&self.rest()[..end]);
            }
            if !self.more()? {
                return Ok(self.rest());
            }
        }
    }

    /// Reads to the end: all bytes that were not taken yet.
    pub fn into_bytes(mut self) -> Result<Vec<u8>, Failed> {
        while self.more()? {}
        self.buffer.drain(..self.at);
        Ok(self.buffer)
    }
}
