//! The indexes of a table that are made when its rows are in.

use std::sync::{Arc, Mutex, PoisonError};

use dataflow_db::{Database, Table};
use pyo3::prelude::*;

use crate::caller::{Caller, CallerTuple};
use crate::operation::{Output, Promise, PyOperation};
use crate::runtime::Owned;

#[pyclass(frozen, name = "Indexes", module = "dataflow._core")]
pub struct PyIndexes {
    database: Owned<Arc<Database>>,
    table: Arc<Table>,
    /// What makes those again that are dropped.
    dropped: Arc<Mutex<Vec<String>>>,
}

impl PyIndexes {
    pub fn new(database: Arc<Database>, table: Arc<Table>) -> Self {
        PyIndexes { database: Owned::new(database), table, dropped: Arc::default() }
    }
}

#[pymethods]
impl PyIndexes {
    /// Drops them inside the caller's transaction, while the table is empty.
    fn drop(&self, py: Python<'_>, caller: CallerTuple<'_>) -> PyResult<PyOperation> {
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let dropped = Arc::clone(&self.dropped);
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let indexes = database.drop_indexes(&table, &caller.context(cancel)).await?;
                *dropped.lock().unwrap_or_else(PoisonError::into_inner) = indexes;
                Ok(Output::Nothing)
            })
        })
    }

    /// Makes them again, inside the same transaction.
    fn make(&self, py: Python<'_>, caller: CallerTuple<'_>) -> PyResult<PyOperation> {
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let indexes = self.dropped.lock().unwrap_or_else(PoisonError::into_inner).clone();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                database.make_indexes(&table, &indexes, &caller.context(cancel)).await?;
                Ok(Output::Nothing)
            })
        })
    }
}
