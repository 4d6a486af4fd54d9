//! Progress callbacks and signals during training.

use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;

use crate::errors::exception;

/// How often steps are reported and signals are checked.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// The progress callback, if any: a Python function that takes a dict.
pub struct Observer<'py> {
    py: Python<'py>,
    function: Option<Bound<'py, PyAny>>,
    last: Instant,
}

impl<'py> Observer<'py> {
    pub fn new(py: Python<'py>, function: Option<Bound<'py, PyAny>>) -> Self {
        Observer { py, function, last: Instant::now() }
    }

    /// Whether the next step should be reported.
    pub fn is_due(&mut self) -> bool {
        let due = self.last.elapsed() >= INTERVAL;
        if due {
            self.last = Instant::now();
        }
        due
    }

    /// Runs Python's signal handlers. The error is what they raised: `KeyboardInterrupt` for Ctrl-C.
    pub fn check(&self) -> PyResult<()> {
        self.py.check_signals()
    }

    /// Calls the callback with a dict `{"event": name, ...}`.
    pub fn notify(&self, name: &str, fill: impl FnOnce(&Bound<'py, PyDict>) -> PyResult<()>) -> PyResult<()> {
        let Some(function) = &self.function else { return Ok(()) };
        let event = PyDict::new(self.py);
        event.set_item("event", name)?;
        fill(&event)?;
        function.call1((event,)).map(drop)
    }
}

/// Converts a result to Python objects, by way of JSON.
pub fn to_python<'py>(py: Python<'py>, result: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(result).map_err(|e| exception(py, e.to_string()))?;
    py.import("json")?.call_method1("loads", (text,))
}
