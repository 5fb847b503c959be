//! A begun transaction.

use std::sync::Arc;

use dataflow_core::dialect::Isolation;
use dataflow_db::Transaction;
use pyo3::prelude::*;

use crate::operation::{Output, Promise, PyOperation};
use crate::runtime;

#[pyclass(frozen, name = "Transaction", module = "dataflow._core")]
pub struct PyTransaction {
    transaction: Option<Arc<Transaction>>,
}

impl PyTransaction {
    pub fn new(transaction: Arc<Transaction>) -> Self {
        PyTransaction { transaction: Some(transaction) }
    }

    pub fn shared(&self) -> Arc<Transaction> {
        match &self.transaction {
            Some(transaction) => Arc::clone(transaction),
            // Only `drop` takes it out.
            None => unreachable!("the transaction is being dropped"),
        }
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
    }

    fn rollback(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { transaction.rollback(cancel).await.map(|()| Output::Nothing) })
        })
    }

    fn savepoint(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { transaction.savepoint(cancel).await.map(|level| Output::Count(i64::from(level))) })
        })
    }

    fn release(&self, py: Python<'_>, level: u32) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { transaction.release(level, cancel).await.map(|()| Output::Nothing) })
        })
    }

    fn rollback_to(&self, py: Python<'_>, level: u32) -> PyResult<PyOperation> {
        let transaction = self.shared();
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { transaction.rollback_to(level, cancel).await.map(|()| Output::Nothing) })
        })
    }
}

/// In a fork the connection belongs to the parent.
impl Drop for PyTransaction {
    fn drop(&mut self) {
        if runtime::is_forked() {
            std::mem::forget(self.transaction.take());
        }
    }
}
