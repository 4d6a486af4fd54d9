//! NumPy arrays.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vocable::files::numpy;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    vocable_fuzz::limited(data.len(), || {
        if let Ok((values, rows, columns)) = numpy::parse(data, choice & 1 != 0) {
            assert_eq!(values.len(), rows * columns);
        }
        let _ = numpy::word_list(data, usize::from(choice));
    });
});
