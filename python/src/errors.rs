//! Errors of the library as Python exceptions.

use std::io::ErrorKind;

use pyo3::exceptions::{PyFileExistsError, PyFileNotFoundError, PyOSError, PyPermissionError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use vocable::Error;
use vocable::error::Advice;

const MODULE: &str = "vocable._errors";

/// Converts an error to an exception.
pub fn to_py_err(py: Python, error: Error) -> PyErr {
    let text = error.text(spell);
    match error {
        Error::Io { source, .. } => {
            let os_error = match source.kind() {
                ErrorKind::NotFound => PyFileNotFoundError::new_err(text),
                ErrorKind::PermissionDenied => PyPermissionError::new_err(text),
                ErrorKind::AlreadyExists => PyFileExistsError::new_err(text),
                _ => PyOSError::new_err(text),
            };
            match os_error.value(py).setattr("errno", source.raw_os_error()) {
                Ok(()) => os_error,
                Err(other) => other,
            }
        }
        Error::UnknownWord { word, .. } => unknown_word(py, &word, None, Some(text)),
        _ => exception(py, text),
    }
}

/// Advice in terms of keyword arguments.
pub fn spell(advice: &Advice) -> String {
    match advice {
        Advice::KeepNonFinite => "pass `allow_nonfinite=True` to keep such rows (they rank last)".to_owned(),
        Advice::SkipBadRows => "pass `skip_bad_rows=True` to skip such rows".to_owned(),
        Advice::SetFormat(name) => format!("pass `format=\"{name}\"` if the file has no header"),
        Advice::SetMember(name) => format!("choose one, as in `member=\"{name}\"`"),
        Advice::SetWordList => "pass the file's path as `word_list=`".to_owned(),
        Advice::SetTextColumn => "pass the column's name as `text_column=`".to_owned(),
        Advice::SetColumns => "pass the columns' names as `label_column=` and `text_column=`".to_owned(),
        Advice::ResumeTraining => "resume training with `resume=True`".to_owned(),
        Advice::FoldCase => "pass `case=\"fold\"` to look up words regardless of case".to_owned(),
        other => other.to_string(),
    }
}

/// Creates a `vocable.VocableError`.
pub fn exception(py: Python, text: String) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    CLASS.import(py, MODULE, "VocableError").map_or_else(|e| e, |class| PyErr::from_type(class.clone(), text))
}

/// Creates a `vocable.UnknownWordError`. Without a text, similar words are searched in `vectors` when the message is first read: in a large
/// table, that takes longer than thousands of look-ups.
pub fn unknown_word(py: Python, word: &str, vectors: Option<Py<PyAny>>, text: Option<String>) -> PyErr {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let class = CLASS.import(py, MODULE, "UnknownWordError");
    class.map_or_else(|e| e, |class| PyErr::from_type(class.clone(), (word.to_owned(), vectors, text)))
}

/// Issues a `UserWarning`.
pub fn warn(py: Python, text: &str) -> PyResult<()> {
    let text = std::ffi::CString::new(text.replace('\0', " "))?;
    PyErr::warn(py, &py.get_type::<pyo3::exceptions::PyUserWarning>(), &text, 2)
}
