//! fastText binary models.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vocable::files::Format;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    vocable_fuzz::open(data, Some(Format::Fasttext), choice);
});
