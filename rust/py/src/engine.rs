//! The engine: one database of one `DataFlow`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dataflow_core::dialect::Isolation;
use dataflow_db::{Begin, Database, EventBus, EventReceiver, Transaction};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::caller::{Caller, CallerTuple};
use crate::error::OrRaise;
use crate::event::{LabelsTuple, PyEvents, read_labels, warn};
use crate::operation::{Output, Promise, PyOperation};
use crate::runtime::Owned;
use crate::table::PyTable;
use crate::{model, options};

#[pyclass(frozen, name = "Engine", module = "dataflow._core")]
pub struct PyEngine {
    database: Owned<Arc<Database>>,
    /// Until somebody listens.
    receiver: Mutex<Option<EventReceiver>>,
}

#[pymethods]
impl PyEngine {
    #[new]
    fn new(py: Python<'_>, url: &str, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        dataflow_db::warn_through(warn);
        let (events, receiver) = EventBus::new();
        let database = Database::open(url, options::read(options)?, events).or_raise(py)?;
        Ok(PyEngine { database: Owned::new(Arc::new(database)), receiver: Mutex::new(Some(receiver)) })
    }

    #[getter]
    fn dialect(&self) -> &'static str {
        self.database.dialect_name()
    }

    /// The table of a model, described as `dataflow.model.description` does.
    fn table(&self, model: &Bound<'_, PyDict>) -> PyResult<PyTable> {
        let model = model::read(model, self.database.floats())?;
        Ok(PyTable::new(Arc::clone(&self.database), model))
    }

    /// The refused rows that are kept, as rows of a table of ours.
    fn quarantine(&self) -> PyTable {
        PyTable::of(Arc::clone(&self.database), Arc::clone(self.database.quarantine()))
    }

    fn begin(
        &self,
        py: Python<'_>,
        isolation: Option<&str>,
        read_only: bool,
        timeout_s: Option<f64>,
        labels: LabelsTuple,
    ) -> PyResult<PyOperation> {
        let isolation = isolation
            .map(|name| Isolation::parse(name).ok_or_else(|| PyValueError::new_err("isolation")))
            .transpose()?;
        let timeout = timeout_s
            .map(Duration::try_from_secs_f64)
            .transpose()
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let (database, labels) = (Arc::clone(&self.database), read_labels(labels));
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let begin = Begin { isolation, read_only, timeout, changes: false };
                let begun = Transaction::begin(&database, begin, cancel, labels).await?;
                Ok(Output::Transaction(begun))
            })
        })
    }

    fn capabilities(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let database = Arc::clone(&self.database);
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { Ok(Output::Capabilities(database.capabilities(cancel).await?)) })
        })
    }

    /// `older_than` in microseconds.
    fn prune_ledger(
        &self,
        py: Python<'_>,
        older_than: i64,
        unfinished: bool,
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let caller = Caller::read(py, caller)?;
        let database = Arc::clone(&self.database);
        PyOperation::new(py, caller.promise(), |cancel| {
            Box::pin(async move {
                let pruned = database.prune_ledger(older_than, unfinished, &caller.context(cancel)).await?;
                Ok(Output::Count(i64::try_from(pruned).unwrap_or(i64::MAX)))
            })
        })
    }

    fn close(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let database = Arc::clone(&self.database);
        PyOperation::new(py, Promise::Reads, |_cancel| {
            Box::pin(async move {
                database.close();
                Ok(Output::Nothing)
            })
        })
    }

    /// The events from now on; None from the second call on.
    fn events(&self) -> Option<PyEvents> {
        self.database.events().activate();
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take().map(PyEvents::new)
    }

    #[getter]
    fn dropped_events(&self) -> u64 {
        self.database.events().dropped()
    }

    fn pool_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, count) in ["open", "idle", "waiting", "size"].into_iter().zip(self.database.pool_status()) {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }
}
