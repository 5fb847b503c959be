//! A begun transaction.

use std::sync::Arc;

use dataflow_core::dialect::Isolation;
use dataflow_db::Transaction;
use pyo3::prelude::*;

use crate::operation::{Output, Promise, PyOperation};
use crate::runtime::Owned;

#[pyclass(frozen, name = "Transaction", module = "dataflow._core")]
pub struct PyTransaction {
    transaction: Owned<Arc<Transaction>>,
}

impl PyTransaction {
    pub fn new(transaction: Arc<Transaction>) -> Self {
        PyTransaction { transaction: Owned::new(transaction) }
    }

    pub fn shared(&self) -> Arc<Transaction> {
        Arc::clone(&self.transaction)
    }
}

#[pymethods]
impl PyTransaction {
    #[getter]
    fn isolation(&self) -> Option<&'static str> {
        self.shared().isolation().map(Isolation::sql)
    }

    fn commit(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Commits, |cancel| {
            Box::pin(async move { transaction.commit(cancel).await.map(|()| Output::Nothing) })
        })
        .map(PyOperation::brief)
    }

    fn rollback(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { transaction.rollback(cancel).await.map(|()| Output::Nothing) })
        })
        .map(PyOperation::brief)
    }

    fn savepoint(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { transaction.savepoint(cancel).await.map(|level| Output::Count(i64::from(level))) })
        })
        .map(PyOperation::brief)
    }

    fn release(&self, py: Python<'_>, level: u32) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { transaction.release(level, cancel).await.map(|()| Output::Nothing) })
        })
        .map(PyOperation::brief)
    }

    fn rollback_to(&self, py: Python<'_>, level: u32) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { transaction.rollback_to(level, cancel).await.map(|()| Output::Nothing) })
        })
        .map(PyOperation::brief)
    }
}
