//! Rows on their way to Python: Arrow as it is, or one Python object a value.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, DurationMicrosecondType, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch, StructArray};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter;
use dataflow_core::types::{LogicalType, Returned, render_decimal};
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyList, PyString};

use crate::arrow::{schema_capsule, stream_capsule};
use crate::error::{OrRaise, to_py};
use crate::include::Included;
use crate::model::Model;
use crate::raw::{EPOCH_ORDINAL, known};

#[pyclass(frozen, name = "Batch", module = "dataflow._core")]
pub struct PyBatch {
    batch: RecordBatch,
    model: Arc<Model>,
}

impl PyBatch {
    pub fn new(batch: RecordBatch, model: Arc<Model>) -> Self {
        PyBatch { batch, model }
    }

    /// The rows with each number of a column replaced by the one at its place in `numbers`.
    pub fn renumbered(&self, column: &str, numbers: &[i64]) -> Result<Self, Error> {
        let internal = |what: &str| Error::internal(what.to_owned());
        let (at, _) = self.batch.schema_ref().column_with_name(column).ok_or_else(|| internal("no such column"))?;
        let rows = self.batch.column(at).as_primitive_opt::<Int64Type>().ok_or_else(|| internal("no numbers"))?;
        let number = |&row: &i64| usize::try_from(row).ok().and_then(|row| numbers.get(row)).copied();
        let numbers: Option<Vec<i64>> = rows.values().iter().map(number).collect();
        let numbers = Int64Array::from(numbers.ok_or_else(|| internal("a row without a new number"))?);
        let mut columns = self.batch.columns().to_vec();
        columns[at] = Arc::new(numbers);
        let batch = RecordBatch::try_new(self.batch.schema(), columns);
        let batch = batch.map_err(|error| Error::internal(error.to_string()))?;
        Ok(PyBatch { batch, model: Arc::clone(&self.model) })
    }

    /// The rows in a form; fields that were not read are not there.
    fn rows<'py>(&self, py: Python<'py>, class: Option<&Bound<'py, PyAny>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        rows(py, &self.model, &StructArray::from(self.batch.clone()), class)
    }
}

#[pymethods]
impl PyBatch {
    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    /// The first rows.
    fn head(&self, rows: usize) -> Self {
        let batch = self.batch.slice(0, rows.min(self.batch.num_rows()));
        PyBatch { batch, model: Arc::clone(&self.model) }
    }

    /// The rows of several batches of one table as one.
    #[staticmethod]
    fn concat(py: Python<'_>, batches: Vec<Py<PyBatch>>) -> PyResult<Self> {
        let Some(first) = batches.first().map(Py::get) else {
            return Err(to_py(py, &Error::internal("no batches to put together")));
        };
        let all = concat_batches(first.batch.schema_ref(), batches.iter().map(|batch| &batch.get().batch));
        let batch = all.map_err(|error| Error::internal(error.to_string())).or_raise(py)?;
        Ok(PyBatch { batch, model: Arc::clone(&first.model) })
    }

    fn records<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.rows(py, None)?)
    }

    fn instances<'py>(&self, py: Python<'py>, cls: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.rows(py, Some(cls))?)
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

/// Rows of a model as instances of a class, or as dicts in its field order.
fn rows<'py>(
    py: Python<'py>,
    model: &Model,
    array: &StructArray,
    class: Option<&Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let rows: Vec<_> = (0..array.len()).map(|_| PyDict::new(py)).collect();
    for (column, decoder) in model.schema.columns.iter().zip(&model.decoders) {
        let Some(array) = array.column_by_name(&column.name) else { continue };
        let name = PyString::intern(py, &column.name);
        let decoder = decoder.as_ref().map(|decoder| decoder.bind(py));
        for (row, dict) in rows.iter().enumerate() {
            dict.set_item(&name, decoded(py, &column.ty, decoder, array.as_ref(), row)?)?;
        }
    }
    let mut rows = match class {
        Some(class) => Instances::new(py, model, class)?.of(rows)?,
        None => rows.into_iter().map(Bound::into_any).collect(),
    };
    for included in &model.included {
        let Some(array) = array.column_by_name(&included.name) else { continue };
        let name = PyString::intern(py, &included.name);
        if let (Some(class), false) = (class, rows.is_empty()) {
            check_place(class, &name)?;
        }
        for (row, value) in rows.iter_mut().zip(related(py, included, array.as_ref(), class.is_some())?) {
            match class {
                Some(_) => row.getattr("__dict__")?.set_item(&name, value)?,
                None => row.set_item(&name, value)?,
            }
        }
    }
    Ok(rows)
}

/// The rows that come with each row: a list of them, or one or None. The recursion is as deep as the plan.
fn related<'py>(
    py: Python<'py>,
    included: &Included,
    array: &dyn Array,
    as_instances: bool,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let class = as_instances.then(|| included.class.bind(py));
    if !included.many {
        // No instance is made of a row that is not there.
        let there: Vec<bool> = (0..array.len()).map(|row| array.is_valid(row)).collect();
        let kept =
            filter(array, &BooleanArray::from(there.clone())).map_err(|error| Error::internal(error.to_string()));
        let mut found = rows(py, &included.model, kept.or_raise(py)?.as_struct(), class)?.into_iter();
        let one = |there| if there { found.next() } else { None };
        return Ok(there.into_iter().map(one).map(|one| one.unwrap_or_else(|| py.None().into_bound(py))).collect());
    }
    let lists = array.as_list::<i32>();
    let all = rows(py, &included.model, lists.values().as_struct(), class)?;
    let spans = lists.value_offsets().windows(2);
    let spans = spans.map(|span| &all[span[0].cast_unsigned() as usize..span[1].cast_unsigned() as usize]);
    spans.map(|rows| Ok(PyList::new(py, rows)?.into_any())).collect()
}

/// Refuses other rows where instances have no place for them, or the class gives the name to something else.
fn check_place<'py>(class: &Bound<'py, PyAny>, name: &Bound<'py, PyString>) -> PyResult<()> {
    let has_place = class.getattr("__dictoffset__")?.ne(0)?;
    let taken = class.getattr_opt(name)?.map(|taken| taken.get_type().hasattr("__set__")).transpose()?;
    let message = match (has_place, taken) {
        (false, _) => "instances of a class with slots have no place for other rows".to_owned(),
        (true, Some(true)) => format!("`{name}` of the class is something else than the rows of the relation"),
        (true, _) => return Ok(()),
    };
    let error = Error::new(ErrorKind::InvalidOption, message).path(format!("include.{name}"));
    Err(to_py(class.py(), &error.hint("take the rows as .records() or .to_arrow()")))
}

/// What makes instances of a class.
struct Instances<'py, 'm> {
    model: &'m Model,
    class: &'m Bound<'py, PyAny>,
    new: Bound<'py, PyAny>,
    set: Bound<'py, PyAny>,
}

impl<'py, 'm> Instances<'py, 'm> {
    fn new(py: Python<'py>, model: &'m Model, class: &'m Bound<'py, PyAny>) -> PyResult<Self> {
        let object = py.import("builtins")?.getattr("object")?;
        Ok(Instances { model, class, new: object.getattr("__new__")?, set: object.getattr("__setattr__")? })
    }

    fn of(&self, rows: Vec<Bound<'py, PyDict>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        rows.into_iter().map(|fields| self.one(fields)).collect()
    }

    fn one(&self, fields: Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
        if self.model.construct {
            return self.class.call_method("model_construct", (), Some(&fields));
        }
        // Past the class's own __setattr__, which may refuse (a frozen dataclass).
        let instance = self.new.call1((self.class,))?;
        if self.model.slots {
            fields.iter().try_for_each(|(name, value)| self.set.call1((&instance, name, value)).map(drop))?;
        } else {
            self.set.call1((&instance, "__dict__", fields))?;
        }
        Ok(instance)
    }
}

/// A value as the model has it.
pub fn decoded<'py>(
    py: Python<'py>,
    ty: &LogicalType,
    decoder: Option<&Bound<'py, PyAny>>,
    array: &dyn Array,
    row: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let value = to_python(py, ty, array, row)?;
    match decoder {
        Some(decoder) if !value.is_none() => decoder.call1((value,)),
        _ => Ok(value),
    }
}

/// All values of a column.
pub fn column_to_python<'py>(py: Python<'py>, ty: &LogicalType, array: &dyn Array) -> PyResult<Bound<'py, PyAny>> {
    let values = (0..array.len()).map(|row| to_python(py, ty, array, row));
    Ok(PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?.into_any())
}

/// A value that belongs to no row: a parameter.
pub fn value_to_python<'py>(py: Python<'py>, ty: &LogicalType, value: &Value<'_>) -> PyResult<Bound<'py, PyAny>> {
    match value {
        Value::Null => Ok(py.None().into_bound(py)),
        Value::Bool(value) => value.into_bound_py_any(py),
        Value::Int(value) => value.into_bound_py_any(py),
        Value::Float(value) => value.into_bound_py_any(py),
        Value::Decimal(digits) => match ty {
            LogicalType::Decimal { scale, .. } => decimal(py, *digits, *scale),
            _ => decimal(py, *digits, 0),
        },
        Value::Text(text) => text.into_bound_py_any(py),
        Value::Bytes(bytes) => Ok(PyBytes::new(py, bytes).into_any()),
        Value::Uuid(bytes) => uuid(py, bytes),
        Value::Instant(us) => datetime(py, &known(py)?.epoch_utc, *us),
        Value::WallTime(us) => datetime(py, &known(py)?.epoch_naive, *us),
        Value::Date(days) => date(py, *days),
        Value::Time(us) => time(py, *us),
        Value::Duration(us) => timedelta(py, *us),
        Value::List(items) => {
            let item = if let LogicalType::List { item } = ty { item.as_ref() } else { ty };
            let values = items.iter().map(|value| value_to_python(py, item, value));
            Ok(PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?.into_any())
        }
        Value::Json(text) => known(py)?.read_json.bind(py).call1((text.as_ref(),)),
    }
}

fn to_python<'py>(py: Python<'py>, ty: &LogicalType, array: &dyn Array, row: usize) -> PyResult<Bound<'py, PyAny>> {
    if array.is_null(row) {
        return Ok(py.None().into_bound(py));
    }
    match ty {
        LogicalType::Bool => array.as_boolean().value(row).into_bound_py_any(py),
        LogicalType::Int => array.as_primitive::<Int64Type>().value(row).into_bound_py_any(py),
        LogicalType::Float => array.as_primitive::<Float64Type>().value(row).into_bound_py_any(py),
        LogicalType::Text { .. } | LogicalType::Choice { .. } => {
            array.as_string::<i32>().value(row).into_bound_py_any(py)
        }
        LogicalType::Bytes => Ok(PyBytes::new(py, array.as_binary::<i32>().value(row)).into_any()),
        LogicalType::Decimal { scale, .. } => decimal(py, array.as_primitive::<Decimal128Type>().value(row), *scale),
        LogicalType::Uuid => uuid(py, array.as_fixed_size_binary().value(row)),
        LogicalType::Instant => datetime(py, &known(py)?.epoch_utc, moment(array, row)),
        LogicalType::WallTime => datetime(py, &known(py)?.epoch_naive, moment(array, row)),
        LogicalType::Date => date(py, array.as_primitive::<Date32Type>().value(row)),
        LogicalType::Time => time(py, array.as_primitive::<Time64MicrosecondType>().value(row)),
        LogicalType::Duration => timedelta(py, array.as_primitive::<DurationMicrosecondType>().value(row)),
        LogicalType::List { item } => {
            let items = array.as_list::<i32>().value(row);
            let values = (0..items.len()).map(|at| to_python(py, item, items.as_ref(), at));
            Ok(PyList::new(py, values.collect::<PyResult<Vec<_>>>()?)?.into_any())
        }
        LogicalType::Rows(rows) if rows.many => {
            let items = array.as_list::<i32>().value(row);
            let found = (0..items.len()).map(|at| dict(py, &rows.columns, items.as_ref(), at));
            Ok(PyList::new(py, found.collect::<PyResult<Vec<_>>>()?)?.into_any())
        }
        LogicalType::Rows(rows) => Ok(dict(py, &rows.columns, array, row)?.into_any()),
        LogicalType::Json => known(py)?.read_json.bind(py).call1((array.as_string::<i32>().value(row),)),
    }
}

/// A row in a row.
fn dict<'py>(py: Python<'py>, columns: &[Returned], array: &dyn Array, row: usize) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (column, values) in columns.iter().zip(array.as_struct().columns()) {
        dict.set_item(PyString::intern(py, &column.name), to_python(py, &column.ty, values.as_ref(), row)?)?;
    }
    Ok(dict)
}

fn moment(array: &dyn Array, row: usize) -> i64 {
    array.as_primitive::<TimestampMicrosecondType>().value(row)
}

fn decimal(py: Python<'_>, digits: i128, scale: u8) -> PyResult<Bound<'_, PyAny>> {
    known(py)?.decimal.bind(py).call1((render_decimal(digits, scale),))
}

fn uuid<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    known(py)?.uuid.bind(py).call1((py.None(), PyBytes::new(py, bytes)))
}

fn date(py: Python<'_>, days: i32) -> PyResult<Bound<'_, PyAny>> {
    known(py)?.date.bind(py).call_method1("fromordinal", (days + EPOCH_ORDINAL,))
}

fn time(py: Python<'_>, us: i64) -> PyResult<Bound<'_, PyAny>> {
    let seconds = us / 1_000_000;
    let parts = (seconds / 3600, seconds / 60 % 60, seconds % 60, us % 1_000_000);
    known(py)?.time.bind(py).call1(parts)
}

fn datetime<'py>(py: Python<'py>, epoch: &Py<PyAny>, us: i64) -> PyResult<Bound<'py, PyAny>> {
    epoch.bind(py).add(timedelta(py, us)?)
}

/// Exact: a timedelta counts whole microseconds, `fromtimestamp` goes through a float.
fn timedelta(py: Python<'_>, us: i64) -> PyResult<Bound<'_, PyAny>> {
    known(py)?.timedelta.bind(py).call1((0, us.div_euclid(1_000_000), us.rem_euclid(1_000_000)))
}
