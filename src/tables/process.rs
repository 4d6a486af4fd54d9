//! Reading, computing and writing at the same time.

use std::borrow::Cow;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use arrow_array::ArrayRef;

use super::chunk::{Chunk, ChunkData};
use super::reader::TableReader;
use super::writer::TableWriter;
use crate::error::{Error, Result};

/// Number of chunks that may wait for the computation, and of chunks that may wait to be written.
const QUEUE_LENGTH: usize = 1;

/// A chunk and its new columns; `None` after the last.
type Processed = Option<(ChunkData, Vec<ArrayRef>)>;

/// Number of rows that were processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowCounts {
    /// All rows.
    pub rows: u64,
    /// Rows without a text (null).
    pub nulls: u64,
    /// Rows with invalid UTF-8, which was replaced.
    pub replaced: u64,
}

/// Reads all chunks of `reader`, computes new columns with `compute` (one value per text in each column), and writes the chunk's own
/// columns followed by the new ones to `writer`. Reading, computing and writing run concurrently, with at most five chunks in memory.
/// `progress` is called after each chunk.
///
/// Without a writer, only the computation is done.
///
/// # Errors
/// Errors of the reader, the computation and the writer; the output file does not exist then.
pub fn process(
    reader: TableReader,
    writer: Option<TableWriter>,
    mut compute: impl FnMut(&[Option<Cow<str>>]) -> Result<Vec<ArrayRef>>,
    mut progress: impl FnMut(&RowCounts),
) -> Result<RowCounts> {
    let no_thread = |e| Error::io("", "start a thread", e);
    let (read, chunks) = sync_channel(QUEUE_LENGTH);
    // The reading thread is not joined: after an error it may still be blocked on a pipe. It ends when it cannot send any more.
    let reading = move || read_all(reader, &read);
    thread::Builder::new().name("reader".to_owned()).spawn(reading).map_err(no_thread)?;
    let (processed, to_write) = sync_channel(QUEUE_LENGTH);
    let writing = move || write_all(writer, to_write);
    let writing = thread::Builder::new().name("writer".to_owned()).spawn(writing).map_err(no_thread)?;
    let mut counts = RowCounts::default();
    let compute_all = || -> Result<()> {
        for chunk in chunks {
            let chunk = chunk?;
            let (texts, replaced) = chunk.texts();
            counts.rows += texts.len() as u64;
            counts.nulls += texts.iter().filter(|text| text.is_none()).count() as u64;
            counts.replaced += replaced as u64;
            let added = compute(&texts)?;
            drop(texts);
            if processed.send(Some((chunk.data, added))).is_err() {
                // The writing thread returns the error.
                return Ok(());
            }
            progress(&counts);
        }
        let _ = processed.send(None);
        Ok(())
    };
    let computed = compute_all();
    drop(processed);
    let written = writing
        .join()
        .unwrap_or_else(|_| Err(Error::io("output", "write it", io::Error::other("the writing thread panicked"))));
    computed.and(written).map(|()| counts)
}

/// Sends all chunks, up to and including the first error.
fn read_all(mut reader: TableReader, chunks: &SyncSender<Result<Chunk>>) {
    while let Some(chunk) = reader.next_chunk().transpose() {
        let failed = chunk.is_err();
        if chunks.send(chunk).is_err() || failed {
            return;
        }
    }
}

/// Writes all chunks that arrive.
fn write_all(writer: Option<TableWriter>, chunks: Receiver<Processed>) -> Result<()> {
    let Some(mut writer) = writer else {
        chunks.into_iter().for_each(drop);
        return Ok(());
    };
    loop {
        match chunks.recv() {
            Ok(Some((data, added))) => writer.write(data, added)?,
            Ok(None) => return writer.finish(),
            // Reading or computing failed.
            Err(_) => return Ok(()),
        }
    }
}
