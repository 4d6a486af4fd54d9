//! NumPy arrays.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vocable::files::numpy;

fuzz_target!(|data: &[u8]| {
    vocable_fuzz::limited(data.len(), || {
        if let Ok(array) = numpy::parse(data) {
            assert_eq!(array.values.len(), array.rows * array.columns);
        }
        let _ = numpy::word_list(data);
    });
});
