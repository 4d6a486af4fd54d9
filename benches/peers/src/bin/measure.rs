//! Runs a program and prints its time and memory as a line of JSON.
//!
//! A process inherits the peak memory of its parent, so this program must be small: with Python as the parent,
//! no program would seem to use less memory than Python.

use std::io::Read;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use peers::{Failure, finish};
use serde_json::json;

/// Maximum length of the program's output that is passed on, in bytes.
const KEPT: usize = 1 << 16;

fn main() -> ExitCode {
    finish(measure())
}

/// Prints `first` (seconds from the start to the end of the first line on standard output, null if there is none),
/// `exit` (seconds to the end), `peak_kib` (peak resident memory of the largest process; a shell's children count),
/// `code` (the exit code, null if a signal ended it) and `output`.
fn measure() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("usage: measure PROGRAM [ARGUMENT...]")?;
    let mut command = Command::new(&program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());

    let start = Instant::now();
    let mut child = command.spawn().map_err(|e| format!("{}: {e}", program.display()))?;
    let mut stdout = child.stdout.take().ok_or("no standard output")?;
    let mut first = None;
    let mut output = Vec::new();
    let mut buffer = vec![0; KEPT];
    loop {
        let length = stdout.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        let read = &buffer[..length];
        if first.is_none() && read.contains(&b'\n') {
            first = Some(start.elapsed().as_secs_f64());
        }
        output.extend_from_slice(&read[..length.min(KEPT - output.len())]);
    }
    let code = child.wait()?.code();
    let exit = start.elapsed().as_secs_f64();
    let peak_kib = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();

    let output = String::from_utf8_lossy(&output);
    println!("{}", json!({"first": first, "exit": exit, "peak_kib": peak_kib, "code": code, "output": output}));
    Ok(())
}
