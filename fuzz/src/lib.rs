//! What the targets share: a limit on what a run may allocate, and questions put to whatever opens.

use std::alloc::System;

use cap::Cap;
use vocable::Vectors;
use vocable::files::{Format, ReadOptions};
use vocable::query::NearestOptions;
use vocable::vectors::Case;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Runs `work` with at most four times `input` bytes and 64 MiB beside what is allocated already: an allocation beyond
/// that fails, which ends the program.
pub fn limited(input: usize, work: impl FnOnce()) {
    let limit = ALLOCATOR.allocated() + 4 * input + (64 << 20);
    ALLOCATOR.set_limit(limit).expect("more than is allocated");
    work();
    ALLOCATOR.set_limit(usize::MAX).expect("no limit");
}

/// Opens `data` as vectors and, where that succeeds, asks about them. The lowest bits of `choice` are options.
pub fn open(data: &[u8], format: Option<Format>, choice: u8) {
    limited(data.len(), || {
        let options = ReadOptions {
            format,
            skip_bad_rows: choice & 1 != 0,
            allow_nonfinite: choice & 2 != 0,
            ..ReadOptions::default()
        };
        if let Ok(vectors) = Vectors::from_bytes(data.to_vec(), "fuzz", &options) {
            ask(&vectors);
        }
    });
}

/// Asks all kinds of questions; any answer will do, and any error.
pub fn ask(vectors: &Vectors) {
    let words: Vec<Vec<u8>> = vectors.vocabulary().iter().take(3).map(<[u8]>::to_vec).collect();
    let options = NearestOptions { k: 3, restrict: None };
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
