//! What Python is told while a training runs, and whether it wants it to end.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;

use crate::errors::exception;

/// How often Python is told of steps, and asked whether Ctrl-C was pressed.
pub const EVERY: Duration = Duration::from_millis(100);

/// Whoever waits in Python: a function that takes a dict, or nobody.
pub struct Observer<'py> {
    py: Python<'py>,
    function: Option<Bound<'py, PyAny>>,
    told: Instant,
}

impl<'py> Observer<'py> {
    pub fn new(py: Python<'py>, function: Option<Bound<'py, PyAny>>) -> Self {
        Observer { py, function, told: Instant::now() }
    }

    /// Whether it is time to tell of steps again.
    pub fn is_due(&mut self) -> bool {
        let due = self.told.elapsed() >= EVERY;
        if due {
            self.told = Instant::now();
        }
        due
    }

    /// Lets Python act on signals. The error is what its handler raised: `KeyboardInterrupt` for Ctrl-C.
    pub fn check(&self) -> PyResult<()> {
        self.py.check_signals()
    }

    /// Tells what happened: `{"event": what, ...}`.
    pub fn tell(&self, what: &str, fill: impl FnOnce(&Bound<'py, PyDict>) -> PyResult<()>) -> PyResult<()> {
        let Some(function) = &self.function else { return Ok(()) };
        let event = PyDict::new(self.py);
        event.set_item("event", what)?;
        fill(&event)?;
        function.call1((event,)).map(drop)
    }
}

/// An answer of the library's as the dicts, lists and numbers that its JSON is.
pub fn python<'py>(py: Python<'py>, answer: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(answer).map_err(|e| exception(py, e.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}
