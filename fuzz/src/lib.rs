//! Shared by the targets: a limit on memory allocation, and queries against whatever opens.

use std::alloc::System;

use cap::Cap;
use vocable::Vectors;
use vocable::files::{Format, ReadOptions};
use vocable::query::NearestOptions;
use vocable::vectors::Case;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Runs `work` with a limit on new allocations: 64 MiB plus four times `input` bytes. An allocation beyond the limit aborts the
/// process, which the fuzzer reports as a crash.
pub fn limited(input: usize, work: impl FnOnce()) {
    let limit = ALLOCATOR.allocated() + 4 * input + (64 << 20);
    ALLOCATOR.set_limit(limit).expect("more than is allocated");
    work();
    ALLOCATOR.set_limit(usize::MAX).expect("no limit");
}

/// Opens `data` as vectors and, on success, queries them. The two lowest bits of `choice` select the options for reading.
pub fn open(data: &[u8], format: Option<Format>, choice: u8) {
    limited(data.len(), || {
        let options = ReadOptions {
            format,
            skip_bad_rows: choice & 1 != 0,
            allow_nonfinite: choice & 2 != 0,
            ..ReadOptions::default()
        };
        if let Ok(vectors) = Vectors::from_bytes(data.to_vec(), "fuzz", &options) {
            query(&vectors);
        }
    });
}

/// Runs every kind of query. Any result or error is accepted, a panic is not.
pub fn query(vectors: &Vectors) {
    let words: Vec<Vec<u8>> = vectors.vocabulary().iter().take(3).map(<[u8]>::to_vec).collect();
    let options = NearestOptions { k: 3, ..NearestOptions::default() };
    for word in words.iter().map(Vec::as_slice).chain([&b"king"[..], b"\xff"]) {
        let _ = vectors.nearest(&[word], &[] as &[&[u8]], &options);
        let _ = vectors.similarity(word, "king");
        let _ = vectors.find(word, Case::Fold);
    }
    let _ = vectors.check();
    let _ = vectors.verify();
    let _ = vectors.subset(&[0, 1, u32::MAX], &["king"]);
    assert_eq!(vectors.values().len(), vectors.len() * vectors.dimension());
    assert_eq!(vectors.norms().len(), vectors.len());
}
