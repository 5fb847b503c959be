//! Arrow by capsule, in both directions, without pyarrow.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchReader, StructArray};
use arrow_schema::{Field, Schema};
use dataflow_core::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_schema_pycapsule, to_stream_pycapsule};
use pyo3_arrow::input::AnyRecordBatch;

use crate::error::to_py;

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

/// Reads a stream to its end. The producer may be Python: it takes the GIL by itself.
pub fn read_all(reader: Reader) -> Result<Vec<RecordBatch>> {
    let schema = reader.schema();
    let broken =
        |error| Error::new(ErrorKind::UnsupportedData, format!("the Arrow stream broke: {error}")).path("data");
    let mut batches = reader.collect::<std::result::Result<Vec<_>, _>>().map_err(broken)?;
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
