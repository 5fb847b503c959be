//! Our errors as Python exceptions: `ErrorKind::UniqueViolation` is `dataflow.errors.UniqueViolationError`.

use dataflow_core::retry::retryable;
use dataflow_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::reject::told;

/// The exception for an error; if it cannot be made, the failure to make it.
pub fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    exception(py, error).unwrap_or_else(|failure| failure)
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let detail = error.detail();
    let class = py.import("dataflow.errors")?.getattr(format!("{}Error", detail.kind.name()))?;
    let keywords = PyDict::new(py);
    keywords.set_item("path", detail.path.as_deref())?;
    keywords.set_item("sqlstate", detail.sqlstate.as_deref())?;
    keywords.set_item("constraint", detail.constraint.as_deref())?;
    keywords.set_item("hint", detail.hint.as_deref())?;
    keywords.set_item("outcome", detail.outcome.map(|outcome| outcome.name()))?;
    let exception = class.call((detail.message.as_str(),), Some(&keywords))?;
    if detail.kind == ErrorKind::TooManyRejects {
        exception.setattr("rejects", told(py, &detail.rejects)?)?;
    }
    Ok(PyErr::from_value(exception))
}

/// The error of one of our exceptions, which Python code may raise too; None for any other.
pub fn from_py(py: Python<'_>, error: &PyErr) -> Option<Error> {
    let value = error.value(py);
    let text = |name: &str| value.getattr(name).ok()?.extract::<Option<String>>().ok().flatten();
    let kind = text("kind")?;
    let kind = ErrorKind::ALL.iter().find(|known| known.name() == kind)?;
    let read = Error::new(*kind, text("message")?);
    Some(match text("path") {
        Some(path) => read.path(path),
        None => read,
    })
}

/// For `?` on our results inside functions that return to Python.
pub trait OrRaise<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for dataflow_core::Result<T> {
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_py(py, &error))
    }
}

/// Every kind of failure: (code, name, family, retryable).
#[pyfunction]
pub fn error_kinds() -> Vec<(&'static str, &'static str, &'static str, bool)> {
    ErrorKind::ALL.iter().map(|&kind| (kind.code(), kind.name(), kind.family().name(), retryable(kind))).collect()
}

/// The known name closest to `name`, if it is close enough to be a slip.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "a Python sequence arrives as an owned list")]
pub fn did_you_mean(name: &str, known: Vec<String>) -> Option<String> {
    dataflow_core::did_you_mean(name, known.iter().map(String::as_str)).map(str::to_owned)
}
