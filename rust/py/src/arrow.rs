//! Arrow by capsule, in both directions, without pyarrow.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader, StructArray};
use arrow_schema::{Field, Schema};
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};
use pyo3_arrow::input::AnyRecordBatch;
use tokio_util::sync::CancellationToken;

use crate::error::to_py;
use crate::runtime::Running;

/// A stream of batches, not yet read.
pub type Reader = Box<dyn RecordBatchReader + Send>;

/// Takes an object with `__arrow_c_stream__` or `__arrow_c_array__`.
///
/// # Errors
/// `UnsupportedData` when the object hands over something that is no table.
pub fn reader(data: &Bound<'_, PyAny>) -> PyResult<Reader> {
    let unsupported = |error: PyErr| {
        let error =
            Error::new(ErrorKind::UnsupportedData, format!("the Arrow data cannot be read: {error}")).path("data");
        to_py(data.py(), &error)
    };
    data.extract::<AnyRecordBatch>().map_err(unsupported)?.into_reader().map_err(unsupported)
}

/// Reads a stream to its end, on a thread that nothing else waits for: the producer may block, or be Python.
///
/// # Errors
/// `Cancelled` at once when `cancel` is; the thread ends after the batch it is waiting for.
pub async fn read_aside(reader: Reader, running: Running, cancel: &CancellationToken) -> Result<Vec<RecordBatch>> {
    let seen = cancel.clone();
    let read = tokio::task::spawn_blocking(move || {
        let _running = running;
        read_all(reader, &seen)
    });
    tokio::select! {
        read = read => read.map_err(|error| Error::internal(error.to_string()))?,
        () = cancel.cancelled() => Err(cancelled()),
    }
}

pub fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the operation was cancelled").outcome(Outcome::RolledBack)
}

/// # Errors
/// `UnsupportedData` when the producer fails.
pub fn next_batch(reader: &mut Reader) -> Result<Option<RecordBatch>> {
    // The producer's message is a traceback that may show values.
    reader.next().transpose().map_err(|_error| {
        Error::new(ErrorKind::UnsupportedData, "the producer of the Arrow stream failed")
            .path("data")
            .hint("read the stream by itself to see its own error, e.g. pyarrow.table(data)")
    })
}

fn read_all(mut reader: Reader, cancel: &CancellationToken) -> Result<Vec<RecordBatch>> {
    let schema = reader.schema();
    let mut batches = Vec::new();
    while let Some(batch) = next_batch(&mut reader)? {
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        batches.push(batch);
    }
    if batches.is_empty() {
        // The columns of an empty stream are checked too.
        batches.push(RecordBatch::new_empty(schema));
    }
    Ok(batches)
}

/// One batch as an `ArrowArrayStream`.
pub fn stream_capsule<'py>(
    py: Python<'py>,
    batch: &RecordBatch,
    requested: Option<Bound<'py, PyCapsule>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let field = Arc::new(Field::new_struct("", batch.schema_ref().fields().clone(), false));
    let rows: ArrayRef = Arc::new(StructArray::from(batch.clone()));
    let stream = ArrayIterator::new(std::iter::once(Ok(rows)), field);
    Ok(to_stream_pycapsule(py, Box::new(stream), requested)?)
}

pub fn schema_capsule<'py>(py: Python<'py>, schema: &Schema) -> PyResult<Bound<'py, PyCapsule>> {
    Ok(to_schema_pycapsule(py, schema)?)
}
