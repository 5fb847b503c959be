//! Python values as [`Raw`]: what they are, before their field is known.

use std::borrow::Cow;

use dataflow_core::filter::MAX_DEPTH;
use dataflow_core::value::Raw;
use dataflow_core::{Error, ErrorKind};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::error::to_py;

/// Python's classes and epochs that values are compared with.
pub struct Known {
    pub datetime: Py<PyAny>,
    pub decimal: Py<PyAny>,
    pub uuid: Py<PyAny>,
    pub timedelta: Py<PyAny>,
    pub epoch_utc: Py<PyAny>,
    pub epoch_naive: Py<PyAny>,
}

static KNOWN: PyOnceLock<Known> = PyOnceLock::new();

pub fn known(py: Python<'_>) -> PyResult<&Known> {
    KNOWN.get_or_try_init(py, || {
        let module = py.import("datetime")?;
        let datetime = module.getattr("datetime")?;
        let utc = module.getattr("timezone")?.getattr("utc")?;
        Ok(Known {
            epoch_utc: datetime.call1((1970, 1, 1, 0, 0, 0, 0, utc))?.unbind(),
            epoch_naive: datetime.call1((1970, 1, 1))?.unbind(),
            datetime: datetime.unbind(),
            timedelta: module.getattr("timedelta")?.unbind(),
            decimal: py.import("decimal")?.getattr("Decimal")?.unbind(),
            uuid: py.import("uuid")?.getattr("UUID")?.unbind(),
        })
    })
}

/// Reads a value, borrowed for as long as `value` lives; lists and dicts are copied.
pub fn read<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Raw<'a>> {
    if value.is_none() {
        return Ok(Raw::Null);
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(match text.to_cow() {
            Ok(text) => Raw::Text(text),
            Err(_) => Raw::Other(Cow::Borrowed("str with a lone surrogate")),
        });
    }
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(Raw::Bool(flag.is_true()));
    }
    if value.is_instance_of::<PyInt>() {
        return read_int(value);
    }
    if let Ok(float) = value.cast::<PyFloat>() {
        return Ok(Raw::Float(float.value()));
    }
    if let Ok(bytes) = value.cast::<PyBytes>() {
        return Ok(Raw::Bytes(Cow::Borrowed(bytes.as_bytes())));
    }
    if let Ok(bytes) = value.cast::<PyByteArray>() {
        return Ok(Raw::Bytes(Cow::Owned(bytes.to_vec())));
    }
    if is_nested(value) { read_tree(value, 0) } else { read_object(value) }
}

fn read_int<'a>(value: &Bound<'_, PyAny>) -> PyResult<Raw<'a>> {
    match value.extract::<i64>() {
        Ok(int) => Ok(Raw::Int(int)),
        Err(_) => Ok(Raw::BigInt(value.str()?.to_string().into())),
    }
}

fn is_nested(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyDict>() || value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

/// Lists and dicts are read only as deep as a filter may be: the depth is checked before a tree is built.
fn read_tree(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Raw<'static>> {
    let refused = |kind, message: String| Err(to_py(value.py(), &Error::new(kind, message).path("filter")));
    if !is_nested(value) {
        return Ok(read(value)?.into_owned());
    }
    // A level of a filter is a dict in a dict, or a list in a dict.
    if depth > 2 * MAX_DEPTH {
        return refused(ErrorKind::LimitExceeded, format!("a filter nests at most {MAX_DEPTH} levels"));
    }
    let Ok(dict) = value.cast::<PyDict>() else {
        let items = value.try_iter()?.map(|item| read_tree(&item?, depth + 1)).collect::<PyResult<_>>()?;
        return Ok(Raw::List(items));
    };
    let mut entries = Vec::with_capacity(dict.len());
    for (key, item) in dict.iter() {
        let Ok(key) = key.cast::<PyString>() else {
            return refused(
                ErrorKind::InvalidFilter,
                "the keys of a filter are field names and operators (str)".to_owned(),
            );
        };
        entries.push((key.to_string().into(), read_tree(&item, depth + 1)?));
    }
    Ok(Raw::Map(entries))
}

/// Everything that has no type of its own in the C API.
fn read_object<'a>(value: &Bound<'_, PyAny>) -> PyResult<Raw<'a>> {
    let py = value.py();
    let known = known(py)?;
    if value.is_instance(known.datetime.bind(py))? {
        return read_datetime(value, known);
    }
    if value.is_instance(known.decimal.bind(py))? {
        return Ok(Raw::Decimal(value.str()?.to_string().into()));
    }
    if value.is_instance(known.uuid.bind(py))? {
        return Ok(Raw::Uuid(value.getattr("bytes")?.extract()?));
    }
    let name = value.get_type().name()?.to_string();
    // pandas.NA is the missing value of its nullable columns.
    if name == "NAType" {
        return Ok(Raw::Null);
    }
    // numpy's scalars are no Python numbers but turn into them.
    match value.call_method0("item") {
        Ok(item) if !item.is(value) && value.hasattr("dtype")? => Ok(read(&item)?.into_owned()),
        _ => Ok(Raw::Other(name.into())),
    }
}

fn read_datetime<'a>(value: &Bound<'_, PyAny>, known: &Known) -> PyResult<Raw<'a>> {
    let py = value.py();
    if !value.get_type().is(known.datetime.bind(py)) {
        // pandas.NaT is a datetime that does not equal itself; a pandas.Timestamp may carry nanoseconds.
        if value.ne(value)? {
            return Ok(Raw::Null);
        }
        if value.getattr_opt("nanosecond")?.is_some_and(|nanos| nanos.is_truthy().unwrap_or(true)) {
            return Ok(Raw::SubMicrosecond);
        }
    }
    let aware = !value.call_method0("utcoffset")?.is_none();
    let epoch = if aware { &known.epoch_utc } else { &known.epoch_naive };
    let since = value.sub(epoch)?;
    let part = |name| since.getattr(name)?.extract::<i64>();
    let us = (part("days")? * 86_400 + part("seconds")?) * 1_000_000 + part("microseconds")?;
    Ok(if aware { Raw::Instant(us) } else { Raw::WallTime(us) })
}
