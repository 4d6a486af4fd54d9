//! Table files: a query of one that opens returns a result or an error, never panics.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use vocable::Vectors;
use vocable::files::Format;

/// A small valid table file.
fn valid_table() -> &'static [u8] {
    static TABLE: OnceLock<Vec<u8>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let words = ["king", "queen", "a b", "", "x"];
        let vectors = Vectors::new(words, (0..15u8).map(f32::from).collect(), 3).expect("five rows of three numbers");
        let path = std::env::temp_dir().join(format!("vocable-fuzz-{}", std::process::id()));
        vectors.save(&path, Format::Table, Default::default()).expect("a writable folder");
        let bytes = std::fs::read(&path).expect("the file just written");
        let _ = std::fs::remove_file(path);
        bytes
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    if choice & 1 == 0 {
        return vocable_fuzz::open(data, Some(Format::Table), 0);
    }
    // The input is a list of changes to a valid file, each two bytes of position and one of value, so that the header often stays readable.
    let mut bytes = valid_table().to_vec();
    for change in data.as_chunks::<3>().0.iter().take(64) {
        let position = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[position] = change[2];
    }
    vocable_fuzz::open(&bytes, Some(Format::Table), 0);
});
