//! The outcomes of a write on their way to Python: Arrow, or dicts.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use arrow_select::concat::concat_batches;
use dataflow_core::outcomes::Outcomes;
use dataflow_core::{Error, Result};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList, PyString};

use crate::arrow::{schema_capsule, stream_capsule};
use crate::batch::decoded;
use crate::error::{OrRaise, to_py};
use crate::model::Model;

#[pyclass(frozen, name = "Outcomes", module = "dataflow._core")]
pub struct PyOutcomes {
    /// One for each piece of a load; at least one.
    pieces: Vec<Arc<Outcomes>>,
    model: Arc<Model>,
}

impl PyOutcomes {
    pub fn new(outcomes: Outcomes, model: Arc<Model>) -> Self {
        PyOutcomes { pieces: vec![Arc::new(outcomes)], model }
    }

    fn batch(&self) -> Result<RecordBatch> {
        let batches = self.pieces.iter().map(|piece| piece.batch()).collect::<Result<Vec<_>>>()?;
        let first = batches.first().ok_or_else(|| Error::internal("outcomes of no write"))?;
        concat_batches(first.schema_ref(), &batches).map_err(|error| Error::internal(error.to_string()))
    }

    /// The fields of a row's key by name.
    fn key<'py>(&self, py: Python<'py>, keys: &dyn Array, row: usize) -> PyResult<Bound<'py, PyAny>> {
        let dict = PyDict::new(py);
        for (array, &at) in keys.as_struct().columns().iter().zip(&self.model.schema.key) {
            let column = &self.model.schema.columns[at];
            let decoder = self.model.decoders[at].as_ref().map(|decoder| decoder.bind(py));
            let value = decoded(py, &column.ty, decoder, array.as_ref(), row)?;
            dict.set_item(PyString::intern(py, &column.name), value)?;
        }
        Ok(dict.into_any())
    }

    fn value<'py>(&self, py: Python<'py>, array: &ArrayRef, row: usize) -> PyResult<Bound<'py, PyAny>> {
        match array.data_type() {
            DataType::Struct(_) => self.key(py, array.as_ref(), row),
            _ if array.is_null(row) => Ok(py.None().into_bound(py)),
            DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into_bound_py_any(py),
            _ => array.as_string::<i32>().value(row).into_bound_py_any(py),
        }
    }
}

#[pymethods]
impl PyOutcomes {
    fn __len__(&self) -> usize {
        self.pieces.iter().map(|piece| piece.rows()).sum()
    }

    /// The outcomes of several pieces of one load as one.
    #[staticmethod]
    fn concat(py: Python<'_>, parts: Vec<Py<PyOutcomes>>) -> PyResult<Self> {
        let Some(first) = parts.first().map(Py::get) else {
            return Err(to_py(py, &Error::internal("no outcomes to put together")));
        };
        let pieces = parts.iter().flat_map(|part| part.get().pieces.iter().map(Arc::clone)).collect();
        Ok(PyOutcomes { pieces, model: Arc::clone(&first.model) })
    }

    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let batch = self.batch().or_raise(py)?;
        let rows: Vec<_> = (0..batch.num_rows()).map(|_| PyDict::new(py)).collect();
        for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let name = PyString::intern(py, field.name());
            for (row, dict) in rows.iter().enumerate() {
                dict.set_item(&name, self.value(py, array, row)?)?;
            }
        }
        PyList::new(py, rows)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        stream_capsule(py, &self.batch().or_raise(py)?, requested_schema)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.batch().or_raise(py)?.schema())
    }
}
