//! Table files: what opens must answer or refuse, never panic.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use vocable::Vectors;
use vocable::files::Format;

/// A small table file that is whole.
fn whole() -> &'static [u8] {
    static WHOLE: OnceLock<Vec<u8>> = OnceLock::new();
    WHOLE.get_or_init(|| {
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
    // Changes to a whole file, two bytes of place and one of value each: headers that still read come up far more often.
    let mut bytes = whole().to_vec();
    for change in data.as_chunks::<3>().0.iter().take(64) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % bytes.len();
        bytes[place] = change[2];
    }
    vocable_fuzz::open(&bytes, Some(Format::Table), 0);
});
