//! gzip and zip files, with the format of their content detected.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    vocable_fuzz::open(data, None, choice);
});
