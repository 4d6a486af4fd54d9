//! Ctrl-C: the first stops training after the current step, the second ends the program.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::output;

/// The exit code that shells expect after Ctrl-C: 128 plus the number of the signal.
const CODE: u8 = 130;

/// Returns a flag that is set when Ctrl-C is pressed; a second Ctrl-C ends the program.
pub fn watch() -> Arc<AtomicBool> {
    let pressed = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&pressed);
    let watched = ctrlc::set_handler(move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(CODE));
        }
        output::note("stopping after this step; press Ctrl-C again to exit immediately");
    });
    if let Err(error) = watched {
        output::warn(format_args!("Ctrl-C will exit immediately: {error}"));
    }
    pressed
}

/// The exit code after Ctrl-C.
pub fn exit_code() -> ExitCode {
    ExitCode::from(CODE)
}
