//! Arrow by capsule, in both directions, without pyarrow.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, StructArray};
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, ArrayReader, to_schema_pycapsule, to_stream_pycapsule};
use pyo3_arrow::input::AnyArray;
use tokio_util::sync::CancellationToken;

use crate::runtime::Running;

/// A stream of batches, not yet read.
pub struct Reader {
    arrays: Box<dyn ArrayReader + Send>,
    schema: SchemaRef,
    /// Rows read so far.
    rows: usize,
}

impl Reader {
    /// Takes an object with `__arrow_c_stream__` or `__arrow_c_array__`.
    ///
    /// # Errors
    /// `UnsupportedData` when the object hands over something that is no table.
    pub fn open(data: &Bound<'_, PyAny>) -> Result<Self> {
        let unsupported = |told: String| {
            Error::new(ErrorKind::UnsupportedData, format!("the Arrow data cannot be read: {told}")).path("data")
        };
        let arrays = data.extract::<AnyArray>().and_then(AnyArray::into_reader);
        let arrays = arrays.map_err(|error| unsupported(error.to_string()))?;
        match arrays.field().data_type() {
            DataType::Struct(fields) => {
                // A column that says it has no nulls may lie: every value is looked at by its row.
                let fields: Fields = fields.iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
                Ok(Reader { arrays, schema: Arc::new(Schema::new(fields)), rows: 0 })
            }
            other => Err(unsupported(format!("it is a column of {other}, not a table"))),
        }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// # Errors
    /// `UnsupportedData` when the producer fails, or a row is null as a whole.
    pub fn next(&mut self) -> Result<Option<RecordBatch>> {
        // The producer's message is a traceback that may show values.
        let array = self.arrays.next().transpose().map_err(|_error| {
            Error::new(ErrorKind::UnsupportedData, "the producer of the Arrow stream failed")
                .path("data")
                .hint("read the stream by itself to see its own error, e.g. pyarrow.table(data)")
        })?;
        let Some(array) = array else { return Ok(None) };
        let rows = array.as_struct_opt().ok_or_else(|| Error::internal("a batch that is no struct"))?;
        if let Some(row) = (0..rows.len()).find(|&row| rows.is_null(row)) {
            return Err(Error::new(ErrorKind::UnsupportedData, "the row is null as a whole")
                .path(format!("data[{}]", self.rows + row))
                .hint("leave such rows out first"));
        }
        self.rows += rows.len();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(self.schema(), rows.columns().to_vec(), &options);
        batch.map(Some).map_err(|error| Error::internal(error.to_string()))
    }
}

/// Reads a stream to its end, on a thread of its own.
///
/// # Errors
/// `Cancelled` at once when `cancel` is; the thread ends after the batch it is waiting for.
pub async fn read_aside(reader: Reader, running: Running, cancel: &CancellationToken) -> Result<Vec<RecordBatch>> {
    let seen = cancel.clone();
    aside(running, cancel, move || read_all(reader, &seen)).await?
}

/// Runs `read` on a thread that nothing else waits for: the producer may block, or be Python.
///
/// What `read` holds and gives is dropped before the guard: the interpreter waits for the guard, and the memory of a
/// producer may need the interpreter to be freed.
///
/// # Errors
/// `Cancelled` at once when `cancel` is; the thread goes on to the end of `read`.
pub async fn aside<T: Send + 'static>(
    running: Running,
    cancel: &CancellationToken,
    read: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let read = tokio::task::spawn_blocking(move || (read(), running));
    tokio::select! {
        read = read => Ok(read.map_err(|error| Error::internal(error.to_string()))?.0),
        () = cancel.cancelled() => Err(cancelled()),
    }
}

pub fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the operation was cancelled").outcome(Outcome::RolledBack)
}

/// # Errors
/// Those of the producer, and `Cancelled` once `cancel` is.
pub fn read_all(mut reader: Reader, cancel: &CancellationToken) -> Result<Vec<RecordBatch>> {
    let schema = reader.schema();
    let mut batches = Vec::new();
    while let Some(batch) = reader.next()? {
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
