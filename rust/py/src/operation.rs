//! One operation with two doors: `wait` for synchronous callers, `start` and `take` for asyncio.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataflow_core::{Error, Outcome, Result};
use dataflow_db::{Capabilities, Counts, Explained, Page, Transaction, Written};
use futures_util::future::BoxFuture;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};
use tokio_util::sync::CancellationToken;

use crate::batch::PyBatch;
use crate::error::to_py;
use crate::explain;
use crate::model::Model;
use crate::outcomes::PyOutcomes;
use crate::reject::told;
use crate::runtime::{Door, Owned, process};
use crate::source::PyPiece;
use crate::transaction::PyTransaction;

/// What an operation brings back, still without Python.
pub enum Output {
    Nothing,
    Count(i64),
    Batch(arrow_array::RecordBatch, Arc<Model>),
    Page(Box<Page>, Arc<Model>),
    Explained(Box<Explained>),
    Written(Box<Written>, Arc<Model>),
    Piece(PyPiece),
    Transaction(Arc<Transaction>),
    Capabilities(Capabilities),
}

enum State {
    New(BoxFuture<'static, Result<Output>>),
    Running,
    Settled(Result<Output>),
    Taken,
}

/// What an operation means for the data when it succeeds, for `outcome`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    Reads,
    Commits,
}

#[pyclass(frozen, name = "Operation", module = "dataflow._core")]
pub struct PyOperation {
    state: Owned<Arc<Mutex<State>>>,
    outcome: Arc<Mutex<Option<Outcome>>>,
    promise: Promise,
    /// Whether it takes little work to send it.
    brief: bool,
    cancel: Owned<CancelOnDrop>,
}

/// Nobody will take the result any more: the operation ends soon, by the same rules as a cancelled one.
struct CancelOnDrop(CancellationToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl PyOperation {
    /// `make` gets the token that will cancel the operation.
    pub fn new(
        py: Python<'_>,
        promise: Promise,
        make: impl FnOnce(CancellationToken) -> BoxFuture<'static, Result<Output>>,
    ) -> PyResult<Self> {
        let cancel = process(py)?.token();
        let state = Owned::new(Arc::new(Mutex::new(State::New(make(cancel.clone())))));
        let cancel = Owned::new(CancelOnDrop(cancel));
        Ok(PyOperation { state, outcome: Arc::default(), promise, brief: false, cancel })
    }

    /// One that takes little work to send: an event loop is not held up by it.
    pub fn brief(self) -> Self {
        PyOperation { brief: true, ..self }
    }

    fn begin(&self, py: Python<'_>) -> PyResult<BoxFuture<'static, Result<Output>>> {
        let state = std::mem::replace(&mut *lock(&self.state), State::Running);
        match state {
            State::New(future) => Ok(future),
            other => {
                *lock(&self.state) = other;
                Err(to_py(py, &Error::internal("an operation was begun twice")))
            }
        }
    }
}

/// A panic while the lock was held leaves plain data behind: it is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn outcome_of(promise: Promise, result: &Result<Output>) -> Option<Outcome> {
    match result {
        Ok(_) if promise == Promise::Commits => Some(Outcome::Committed),
        Ok(_) => None,
        Err(error) => error.detail().outcome,
    }
}

fn to_python(py: Python<'_>, result: Result<Output>) -> PyResult<Py<PyAny>> {
    match result.map_err(|error| to_py(py, &error))? {
        Output::Nothing => Ok(py.None()),
        Output::Count(count) => Ok(count.into_pyobject(py)?.into_any().unbind()),
        Output::Batch(batch, model) => Ok(Py::new(py, PyBatch::new(batch, model))?.into_any()),
        Output::Page(page, model) => {
            let Page { rows, next, previous, total } = *page;
            let rows = Py::new(py, PyBatch::new(rows, model))?;
            Ok((rows, next, previous, total).into_pyobject(py)?.into_any().unbind())
        }
        Output::Explained(explained) => explain::to_python(py, *explained),
        Output::Written(written, model) => {
            let counts = PyDict::new(py);
            for (name, count) in Counts::NAMES.into_iter().zip(written.counts.values()) {
                counts.set_item(name, count)?;
            }
            let outcomes = written.outcomes.map(|outcomes| Py::new(py, PyOutcomes::new(outcomes, Arc::clone(&model))));
            let outcomes = outcomes.transpose()?;
            let rows = written.rows.map(|batch| Py::new(py, PyBatch::new(batch, model))).transpose()?;
            let rejects = written.rejects.map(|rejects| told(py, &rejects)).transpose()?;
            Ok((counts, rows, outcomes, written.replayed, rejects).into_pyobject(py)?.into_any().unbind())
        }
        Output::Piece(piece) => Ok(Py::new(py, piece)?.into_any()),
        Output::Transaction(transaction) => Ok(Py::new(py, PyTransaction::new(transaction))?.into_any()),
        Output::Capabilities(facts) => {
            let dict = PyDict::new(py);
            dict.set_item("server", facts.server)?;
            dict.set_item("version", facts.version)?;
            dict.set_item("returning", facts.returning)?;
            dict.set_item("local_infile", facts.local_infile)?;
            dict.set_item("wal_level", facts.wal_level)?;
            dict.set_item("role", facts.role)?;
            dict.set_item("row_security", facts.row_security)?;
            Ok(dict.into_any().unbind())
        }
    }
}

#[pymethods]
impl PyOperation {
    /// `Operation[Batch]` in an annotation that is evaluated.
    #[classmethod]
    #[pyo3(signature = (item, /))]
    fn __class_getitem__(class: &Bound<'_, PyType>, item: &Bound<'_, PyAny>) -> Py<PyType> {
        let _ = item; // for the reader of types only
        class.clone().unbind()
    }

    fn launch(&self, py: Python<'_>) -> PyResult<()> {
        let launched = process(py)?.launch(self.begin(py)?);
        *lock(&self.state) = State::New(launched);
        Ok(())
    }

    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let (result, interrupted) = process(py)?.wait(py, self.begin(py)?, &self.cancel.0);
        *lock(&self.state) = State::Taken;
        let outcome = outcome_of(self.promise, &result);
        *lock(&self.outcome) = outcome;
        match interrupted {
            None => to_python(py, result),
            Some(signal) => {
                signal.value(py).setattr("outcome", outcome.map(Outcome::name))?;
                Err(signal)
            }
        }
    }

    fn start(&self, py: Python<'_>, r#loop: &Bound<'_, PyAny>, tell: Py<PyAny>) -> PyResult<()> {
        let (process, door) = (process(py)?, Door::of(r#loop));
        let (state, outcome, promise) = (Arc::clone(&self.state), Arc::clone(&self.outcome), self.promise);
        process.start_for_loop(py, self.begin(py)?, self.brief, door, tell, move |result| {
            *lock(&outcome) = outcome_of(promise, &result);
            *lock(&state) = State::Settled(result);
        })
    }

    fn cancel(&self) {
        self.cancel.0.cancel();
    }

    fn take(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let state = std::mem::replace(&mut *lock(&self.state), State::Taken);
        match state {
            State::Settled(result) => to_python(py, result),
            other => {
                *lock(&self.state) = other;
                Err(to_py(py, &Error::internal("the result of an operation that has not settled")))
            }
        }
    }

    #[getter]
    fn outcome(&self) -> Option<&'static str> {
        lock(&self.outcome).map(Outcome::name)
    }
}
