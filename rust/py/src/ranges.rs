//! Data that is all there, cut by its keys into pieces that can be written side by side.

use std::sync::Arc;

use dataflow_core::merge::Duplicates;
use dataflow_core::{Error, Result};
use dataflow_db::Ranges;
use pyo3::prelude::*;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::arrow::aside;
use crate::caller::Naming;
use crate::input::Input;
use crate::model::Model;
use crate::operation::{Output, Promise, PyOperation};
use crate::runtime::{Running, process};
use crate::source::PyPiece;

/// How data is cut.
#[derive(Clone)]
pub struct Cut {
    /// The columns by which rows are the same.
    pub target: Vec<usize>,
    pub duplicates: Duplicates,
    /// Whether every row needs them.
    pub found: bool,
    /// Rows of a piece.
    pub rows: usize,
}

enum State {
    Unread(Box<Input>),
    Read(Ranges),
    /// It could not be read.
    Failed,
}

#[pyclass(frozen, name = "Ranges", module = "dataflow._core")]
pub struct PyRanges {
    model: Arc<Model>,
    naming: Naming,
    cut: Cut,
    state: Arc<Mutex<State>>,
}

impl PyRanges {
    pub fn new(model: Arc<Model>, input: Input, naming: Naming, cut: Cut) -> Self {
        PyRanges { model, naming, cut, state: Arc::new(Mutex::new(State::Unread(Box::new(input)))) }
    }
}

/// Reads and sorts on a thread that nothing else waits for.
async fn read(
    model: &Arc<Model>,
    input: Input,
    cut: &Cut,
    running: Running,
    cancel: &CancellationToken,
) -> Result<Ranges> {
    let rows = input.into_rows(model, None, cancel).await?;
    let (schema, cut) = (Arc::clone(&model.schema), cut.clone());
    let sort = move || Ranges::new(&schema, &rows, &cut.target, cut.duplicates, cut.found, cut.rows);
    aside(running, cancel, sort).await?
}

#[pymethods]
impl PyRanges {
    fn next(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let (model, cut, state) = (Arc::clone(&self.model), self.cut.clone(), Arc::clone(&self.state));
        let (naming, running) = (self.naming, process(py)?.running());
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let mut state = state.lock().await;
                if matches!(*state, State::Unread(_))
                    && let State::Unread(input) = std::mem::replace(&mut *state, State::Failed)
                {
                    let ranges = read(&model, *input, &cut, running, &cancel).await;
                    *state = State::Read(ranges.map_err(|error| naming.apply(error))?);
                }
                let State::Read(ranges) = &mut *state else {
                    return Err(Error::internal("data that could not be read was asked for more"));
                };
                let (given, numbers, ended) = ranges.piece()?;
                Ok(Output::Piece(PyPiece::picked(given, numbers, ended)))
            })
        })
    }

    /// Rows that are left out because another one has their key; 0 before the first piece.
    #[getter]
    fn duplicates(&self) -> usize {
        self.state.try_lock().map_or(0, |state| match &*state {
            State::Read(ranges) => ranges.duplicates(),
            _ => 0,
        })
    }
}
