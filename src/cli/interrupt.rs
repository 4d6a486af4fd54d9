//! Ctrl-C: the first asks training to end, the second ends the program.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::output;

/// What shells expect of a program that Ctrl-C ended: 128 and the number of the signal.
const CODE: u8 = 130;

/// From now on tells by the flag returned whether Ctrl-C was pressed; pressed again, it ends the program.
pub fn watch() -> Arc<AtomicBool> {
    let pressed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&pressed);
    let watched = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(CODE));
        }
        output::note("ending after this step; press Ctrl-C again to end at once");
    });
    if let Err(error) = watched {
        output::warn(format_args!("Ctrl-C will end the program at once: {error}"));
    }
    pressed
}

/// The exit code of a training that Ctrl-C ended.
pub fn exit_code() -> ExitCode {
    ExitCode::from(CODE)
}
