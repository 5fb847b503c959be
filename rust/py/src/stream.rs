//! A read whose rows come some at a time: chunks for Python, or an Arrow stream for whoever takes one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow_array::{ArrayRef, RecordBatch, StructArray};
use arrow_schema::{ArrowError, Field, SchemaRef};
use dataflow_db::{Context, Stream, StreamPlan, taken};
use futures_util::future::BoxFuture;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use pyo3_arrow::ffi::{ArrayIterator, to_stream_pycapsule};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::arrow::schema_capsule;
use crate::error::{OrRaise, to_py};
use crate::model::Model;
use crate::operation::{Output, Promise, PyOperation};
use crate::public::Audience;
use crate::runtime::{Owned, process};

#[pyclass(frozen, name = "RowStream", module = "dataflow._core")]
pub struct PyRowStream {
    stream: Owned<Arc<Mutex<Stream>>>,
    context: Context,
    model: Arc<Model>,
    schema: SchemaRef,
    audience: Audience,
    claimed: AtomicBool,
}

impl PyRowStream {
    pub fn new(read: StreamPlan, model: Arc<Model>, audience: Audience) -> Self {
        let (context, schema) = (read.context.clone(), Stream::schema(&read.plan));
        let stream = Owned::new(Arc::new(Mutex::new(Stream::new(read))));
        PyRowStream { stream, context, model, schema, audience, claimed: AtomicBool::new(false) }
    }

    fn within(&self, cancel: CancellationToken) -> Context {
        Context { cancel, ..self.context.clone() }
    }
}

#[pymethods]
impl PyRowStream {
    /// Who reads it says so first: two readers would each miss what the other one gets.
    fn claim(&self, py: Python<'_>) -> PyResult<()> {
        if self.claimed.swap(true, Ordering::Relaxed) { Err(taken()).or_raise(py) } else { Ok(()) }
    }

    /// The next chunk; None at the end.
    fn next(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let (stream, model) = (Arc::clone(&self.stream), Arc::clone(&self.model));
        let audience = self.audience.clone();
        PyOperation::new(py, Promise::Reads, |cancel| {
            let context = self.within(cancel);
            Box::pin(async move {
                let rows = stream.try_lock().map_err(|_| taken())?.next(context).await;
                let rows = rows.map_err(|error| audience.told(error))?;
                Ok(rows.map_or(Output::Nothing, |rows| Output::Batch(rows, model)))
            })
        })
    }

    /// Ends it; its connection is free again.
    fn close(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let stream = Arc::clone(&self.stream);
        PyOperation::new(py, Promise::Reads, |cancel| {
            let context = self.within(cancel);
            Box::pin(async move {
                stream.lock().await.close(context).await?;
                Ok(Output::Nothing)
            })
        })
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.claim(py)?;
        let field = Arc::new(Field::new_struct("", self.schema.fields().clone(), false));
        let chunks = Chunks {
            stream: Owned::new(Arc::clone(&self.stream)),
            context: self.context.clone(),
            audience: self.audience.clone(),
        };
        Ok(to_stream_pycapsule(py, Box::new(ArrayIterator::new(chunks, field)), requested_schema)?)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.schema)
    }
}

/// The chunks for a consumer of Arrow, which waits for each in a thread of its own choice.
struct Chunks {
    stream: Owned<Arc<Mutex<Stream>>>,
    context: Context,
    audience: Audience,
}

impl Chunks {
    fn read(&self, py: Python<'_>) -> PyResult<Option<RecordBatch>> {
        let process = process(py)?;
        let (cancel, stream) = (process.token(), Arc::clone(&self.stream));
        let context = Context { cancel: cancel.clone(), ..self.context.clone() };
        let next: BoxFuture<'static, _> =
            Box::pin(async move { stream.try_lock().map_err(|_| taken())?.next(context).await });
        match process.wait(py, next, &cancel) {
            (_, Some(signal)) => Err(signal),
            (rows, None) => rows.map_err(|error| to_py(py, &self.audience.told(error))),
        }
    }
}

impl Iterator for Chunks {
    type Item = Result<ArrayRef, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = Python::attach(|py| self.read(py).map_err(|error| ArrowError::ExternalError(Box::new(error))));
        rows.transpose().map(|rows| rows.map(|rows| Arc::new(StructArray::from(rows)) as ArrayRef))
    }
}
