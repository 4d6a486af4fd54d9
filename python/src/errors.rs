//! The library's errors as Python's exceptions, with the same text.

use std::io::ErrorKind;

use pyo3::exceptions::{PyFileExistsError, PyFileNotFoundError, PyOSError, PyPermissionError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use vocable::Error;

const MODULE: &str = "vocable._errors";

/// The exception for an error.
pub fn raised(py: Python, error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Io { source, .. } => {
            let raised = match source.kind() {
                ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
                ErrorKind::PermissionDenied => PyPermissionError::new_err(text),
                ErrorKind::AlreadyExists => PyFileExistsError::new_err(text),
                _ => PyOSError::new_err(text),
            };
            match raised.value(py).setattr("errno", source.raw_os_error()) {
                Ok(()) => raised,
                Err(other) => other,
            }
        }
        Error::UnknownWord { word, .. } => unknown_word(py, &word, None, Some(text)),
        _ => exception(py, text),
    }
}

/// `vocable.VocableError`.
pub fn exception(py: Python, text: String) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, MODULE, "VocableError").map_or_else(|e| e, |class| PyErr::from_type(class.clone(), text))
}

/// `vocable.UnknownWordError` about a word of a table. Words that are spelt like it are looked for only when someone reads the
/// text: in a large table that takes longer than thousands of look-ups.
pub fn unknown_word(py: Python, word: &str, table: Option<Py<PyAny>>, text: Option<String>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.import(py, MODULE, "UnknownWordError");
    class.map_or_else(|e| e, |class| PyErr::from_type(class.clone(), (word.to_owned(), table, text)))
}

/// A warning to the user.
pub fn warn(py: Python, text: &str) -> PyResult<()> {
    let text = std::ffi::CString::new(text.replace('\0', " "))?;
    PyErr::warn(py, &py.get_type::<pyo3::exceptions::PyUserWarning>(), &text, 2)
}
