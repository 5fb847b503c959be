//! Rows on their way to Python: Arrow as it is, or one Python object a value.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use dataflow_core::Error;
use dataflow_core::schema::TableSchema;
use dataflow_core::types::{LogicalType, render_decimal};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyList, PyString};

use crate::arrow::{schema_capsule, stream_capsule};
use crate::error::to_py;
use crate::raw::known;

#[pyclass(frozen, name = "Batch", module = "dataflow._core")]
pub struct PyBatch {
    batch: RecordBatch,
    table: Arc<TableSchema>,
}

impl PyBatch {
    pub fn new(batch: RecordBatch, table: Arc<TableSchema>) -> Self {
        PyBatch { batch, table }
    }

    /// The rows as dicts in the model's field order.
    fn dicts<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let rows: Vec<_> = (0..self.batch.num_rows()).map(|_| PyDict::new(py)).collect();
        for column in &self.table.columns {
            let array = self.batch.column_by_name(&column.name);
            let array = array.ok_or_else(|| to_py(py, &Error::internal("a column is missing from the result")))?;
            let name = PyString::intern(py, &column.name);
            for (row, dict) in rows.iter().enumerate() {
                dict.set_item(&name, to_python(py, &column.ty, array, row)?)?;
            }
        }
        Ok(rows)
    }
}

#[pymethods]
impl PyBatch {
    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.dicts(py)?)
    }

    fn instances<'py>(&self, py: Python<'py>, cls: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let object = py.import("builtins")?.getattr("object")?;
        let (new, set) = (object.getattr("__new__")?, object.getattr("__setattr__")?);
        let instance = |fields: Bound<'py, PyDict>| -> PyResult<Bound<'py, PyAny>> {
            let instance = new.call1((cls,))?;
            // Past the class's own __setattr__, which may refuse (a frozen dataclass).
            set.call1((&instance, "__dict__", fields))?;
            Ok(instance)
        };
        PyList::new(py, self.dicts(py)?.into_iter().map(instance).collect::<PyResult<Vec<_>>>()?)
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        stream_capsule(py, &self.batch, requested_schema)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        schema_capsule(py, &self.batch.schema())
    }
}

fn to_python<'py>(py: Python<'py>, ty: &LogicalType, array: &ArrayRef, row: usize) -> PyResult<Bound<'py, PyAny>> {
    if array.is_null(row) {
        return Ok(py.None().into_bound(py));
    }
    match ty {
        LogicalType::Bool => array.as_boolean().value(row).into_bound_py_any(py),
        LogicalType::Int => array.as_primitive::<Int64Type>().value(row).into_bound_py_any(py),
        LogicalType::Float => array.as_primitive::<Float64Type>().value(row).into_bound_py_any(py),
        LogicalType::Text { .. } => array.as_string::<i32>().value(row).into_bound_py_any(py),
        LogicalType::Bytes => Ok(PyBytes::new(py, array.as_binary::<i32>().value(row)).into_any()),
        LogicalType::Decimal { scale, .. } => {
            let digits = array.as_primitive::<Decimal128Type>().value(row);
            known(py)?.decimal.bind(py).call1((render_decimal(digits, *scale),))
        }
        LogicalType::Uuid => {
            let bytes = PyBytes::new(py, array.as_fixed_size_binary().value(row));
            known(py)?.uuid.bind(py).call1((py.None(), bytes))
        }
        LogicalType::Instant => datetime(py, &known(py)?.epoch_utc, array, row),
        LogicalType::WallTime => datetime(py, &known(py)?.epoch_naive, array, row),
    }
}

/// Exact: a timedelta counts whole microseconds, `fromtimestamp` goes through a float.
fn datetime<'py>(py: Python<'py>, epoch: &Py<PyAny>, array: &ArrayRef, row: usize) -> PyResult<Bound<'py, PyAny>> {
    let us = array.as_primitive::<TimestampMicrosecondType>().value(row);
    let delta = known(py)?.timedelta.bind(py).call1((0, us.div_euclid(1_000_000), us.rem_euclid(1_000_000)))?;
    epoch.bind(py).add(delta)
}
