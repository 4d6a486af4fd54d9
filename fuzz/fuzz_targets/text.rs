//! Text formats: GloVe, word2vec text and detection from the content; bad rows are refused or skipped.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vocable::files::Format;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    let format = [None, Some(Format::Glove), Some(Format::Word2vecText)][usize::from(choice >> 2) % 3];
    vocable_fuzz::open(data, format, choice);
});
