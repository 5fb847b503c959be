//! Refused rows: which may be, as Python asks for it, and how they are told.

use std::sync::Arc;

use dataflow_core::ledger::EntryKey;
use dataflow_core::reject::{Limit, Quarantine, Reject, reject_batch, reject_table, too_many};
use dataflow_db::Tolerance;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::batch::PyBatch;
use crate::error::OrRaise;
use crate::model::Model;

/// The most rows that may be refused, as a number or as a share of all; how many of the load were refused before; and,
/// where they are kept, under which name and with what text about the operation.
pub type ToleranceTuple = (Option<u64>, Option<f64>, u64, Option<(String, String)>);

pub fn read_tolerance(py: Python<'_>, given: Option<ToleranceTuple>) -> PyResult<Option<Tolerance>> {
    let Some((rows, share, before, quarantine)) = given else { return Ok(None) };
    let limit = rows.map(Limit::Rows).or(share.map(Limit::Share));
    let quarantine = quarantine.map(|(load_id, operation)| {
        let load_id = EntryKey::new(&load_id).map_err(|error| error.path("load_id")).or_raise(py)?;
        PyResult::Ok(Quarantine { load_id, operation: Arc::from(operation) })
    });
    Ok(Some(Tolerance { before, limit, quarantine: quarantine.transpose()? }))
}

/// Refused rows as a batch.
pub fn told(py: Python<'_>, rejects: &[Reject]) -> PyResult<Py<PyBatch>> {
    let table = Arc::new(reject_table().or_raise(py)?);
    let batch = reject_batch(&table, rejects).or_raise(py)?;
    Py::new(py, PyBatch::new(batch, Arc::new(Model::plain(table))))
}

/// The rejects of a write in which no row may be refused: one batch for all of them.
#[pyfunction]
pub fn no_rejects(py: Python<'_>) -> PyResult<Py<PyBatch>> {
    static NONE: PyOnceLock<Py<PyBatch>> = PyOnceLock::new();
    NONE.get_or_try_init(py, || told(py, &[])).map(|none| none.clone_ref(py))
}

/// Refused rows with other numbers: that of each is the place of its new one.
#[pyfunction]
pub fn renumbered(py: Python<'_>, rejects: &PyBatch, numbers: Vec<i64>) -> PyResult<PyBatch> {
    rejects.renumbered("row", &numbers).or_raise(py)
}

/// That no more of so many rows were refused than may be: as a number, or as a share of them.
///
/// # Errors
/// `TooManyRejects`.
#[pyfunction]
#[pyo3(signature = (most, share, refused, rows))]
pub fn check_rejects(py: Python<'_>, most: Option<u64>, share: Option<f64>, refused: u64, rows: usize) -> PyResult<()> {
    let Some(limit) = most.map(Limit::Rows).or(share.map(Limit::Share)) else { return Ok(()) };
    let most = limit.of(rows);
    if refused <= most { Ok(()) } else { Err(too_many(Vec::new(), refused, most)).or_raise(py) }
}

/// A name for a load that has none: a UUID of version 7.
#[pyfunction]
pub fn new_load_id() -> String {
    dataflow_db::new_load_id()
}
