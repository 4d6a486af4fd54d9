//! Table files: what opens must answer or refuse, never panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vocable::files::Format;

fuzz_target!(|data: &[u8]| vocable_fuzz::open(data, Some(Format::Table), 0));
