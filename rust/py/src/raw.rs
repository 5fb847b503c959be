//! Python values as [`Raw`]: what they are, before their field is known.

use std::borrow::Cow;

use dataflow_core::filter::MAX_DEPTH;
use dataflow_core::value::Raw;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};

use crate::clock::{Clock, Moment};

/// 1970-01-01 as `date.toordinal` counts.
pub const EPOCH_ORDINAL: i32 = 719_163;
/// A filter or a JSON document is refused at half of it: a level of a filter is a dict in a dict, or a list in a dict.
const READ_DEPTH: usize = 2 * MAX_DEPTH;

/// Python's classes and epochs that values are compared with.
pub struct Known {
    pub date: Py<PyAny>,
    pub datetime: Py<PyAny>,
    pub time: Py<PyAny>,
    pub decimal: Py<PyAny>,
    pub uuid: Py<PyAny>,
    pub timedelta: Py<PyAny>,
    pub epoch_utc: Py<PyAny>,
    pub epoch_naive: Py<PyAny>,
    pub read_json: Py<PyAny>,
    /// `dataflow.UNSET`, which stands for a field that was not given.
    pub unset: Py<PyAny>,
    /// None where objects are not laid out as it knows them.
    clock: Option<Clock>,
    enumeration: Py<PyAny>,
    /// Registered classes and what turns their instances into values of other classes.
    encoders: Py<PyDict>,
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
            date: module.getattr("date")?.unbind(),
            time: module.getattr("time")?.unbind(),
            timedelta: module.getattr("timedelta")?.unbind(),
            decimal: py.import("decimal")?.getattr("Decimal")?.unbind(),
            uuid: py.import("uuid")?.getattr("UUID")?.unbind(),
            read_json: py.import("json")?.getattr("loads")?.unbind(),
            unset: py.import("dataflow.model.markers")?.getattr("UNSET")?.unbind(),
            clock: Clock::find(&module)?,
            enumeration: py.import("enum")?.getattr("Enum")?.unbind(),
            encoders: PyDict::new(py).unbind(),
        })
    })
}

/// Has values of `cls` and its subclasses read as what `encode` makes of them.
#[pyfunction]
pub fn register_class(cls: &Bound<'_, PyType>, encode: &Bound<'_, PyAny>) -> PyResult<()> {
    known(cls.py())?.encoders.bind(cls.py()).set_item(cls, encode)
}

/// Reads a value, borrowed for as long as `value` lives; lists and dicts are copied.
#[inline]
pub fn read<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Raw<'a>> {
    read_scalar(value).map_or_else(|| read_at(value, 0), Ok)
}

/// The classes of nearly all values, by a comparison of pointers each, where nothing can be amiss with the value.
#[inline]
fn read_scalar<'a>(value: &'a Bound<'_, PyAny>) -> Option<Raw<'a>> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        return text.to_str().ok().map(|text| Raw::Text(Cow::Borrowed(text)));
    }
    if value.is_exact_instance_of::<PyInt>() {
        return value.extract().ok().map(Raw::Int);
    }
    if let Ok(float) = value.cast_exact::<PyFloat>() {
        return Some(Raw::Float(float.value()));
    }
    if value.is_none() {
        return Some(Raw::Null);
    }
    if let Ok(flag) = value.cast_exact::<PyBool>() {
        return Some(Raw::Bool(flag.is_true()));
    }
    read_clock(value)
}

fn read_clock<'a>(value: &Bound<'_, PyAny>) -> Option<Raw<'a>> {
    let known = known(value.py()).ok()?;
    let clock = known.clock.as_ref()?;
    let class = value.get_type_ptr().cast();
    if class == known.datetime.as_ptr() {
        // SAFETY: its class is `datetime` itself.
        return unsafe { clock.datetime(value) }.map(|moment| match moment {
            Moment::Instant(us) => Raw::Instant(us),
            Moment::WallTime(us) => Raw::WallTime(us),
        });
    }
    // SAFETY: its class is `date` itself.
    (class == known.date.as_ptr()).then(|| Raw::Date(unsafe { clock.date(value) }))
}

/// A value at a depth within lists and dicts. What lies deeper than [`READ_DEPTH`] is not looked at: no type takes it.
fn read_at<'a>(value: &'a Bound<'_, PyAny>, depth: usize) -> PyResult<Raw<'a>> {
    if let Some(raw) = read_exact(value, depth)? {
        return Ok(raw);
    }
    // A member of a StrEnum is a str and an instance of a registered class may be a dict: they come first.
    if let Some(plain) = plain_value(value)? {
        return if depth < READ_DEPTH { Ok(read_plain(&plain, depth + 1)?.into_owned()) } else { Ok(too_deep()) };
    }
    read_plain(value, depth)
}

fn too_deep() -> Raw<'static> {
    Raw::Other(format!("a value below {READ_DEPTH} levels").into())
}

/// The most frequent classes, by a comparison of pointers each.
fn read_exact<'a>(value: &'a Bound<'_, PyAny>, depth: usize) -> PyResult<Option<Raw<'a>>> {
    if value.is_none() {
        return Ok(Some(Raw::Null));
    }
    if value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PyList>()
    {
        return read_plain(value, depth).map(Some);
    }
    let known = known(value.py())?;
    let class = value.get_type();
    let exact = [&known.datetime, &known.decimal, &known.uuid, &known.date, &known.time, &known.timedelta];
    if exact.into_iter().any(|known| class.is(known)) { read_object(value, depth).map(Some) } else { Ok(None) }
}

/// What a registered class or an Enum makes of its instance.
fn plain_value<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = value.py();
    let known = known(py)?;
    let encoders = known.encoders.bind(py);
    if !encoders.is_empty() {
        for class in value.get_type().mro() {
            if let Some(encode) = encoders.get_item(class)? {
                return encode.call1((value,)).map(Some);
            }
        }
    }
    if value.is_instance(known.enumeration.bind(py))? { value.getattr("value").map(Some) } else { Ok(None) }
}

fn read_plain<'a>(value: &'a Bound<'_, PyAny>, depth: usize) -> PyResult<Raw<'a>> {
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
        return Ok(read_int(value));
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
    if let Ok(dict) = value.cast::<PyDict>() {
        return read_dict(dict, depth);
    }
    if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        return read_items(value, depth);
    }
    read_object(value, depth)
}

fn read_int<'a>(value: &Bound<'_, PyAny>) -> Raw<'a> {
    match value.extract::<i64>() {
        Ok(int) => Raw::Int(int),
        // The subclass's own `__str__` may write anything.
        Err(_) => match value.py().get_type::<PyInt>().call_method1("__repr__", (value,)) {
            Ok(digits) => Raw::BigInt(digits.to_string().into()),
            // Python writes out 4,300 digits at most.
            Err(_) => Raw::Other("int of more than 4,300 digits".into()),
        },
    }
}

fn read_items(items: &Bound<'_, PyAny>, depth: usize) -> PyResult<Raw<'static>> {
    if depth == READ_DEPTH {
        return Ok(too_deep());
    }
    let items = items.try_iter()?.map(|item| read_item(&item?, depth + 1));
    Ok(Raw::List(items.collect::<PyResult<_>>()?))
}

fn read_item(item: &Bound<'_, PyAny>, depth: usize) -> PyResult<Raw<'static>> {
    Ok(read_scalar(item).map_or_else(|| read_at(item, depth), Ok)?.into_owned())
}

fn read_dict(dict: &Bound<'_, PyDict>, depth: usize) -> PyResult<Raw<'static>> {
    if depth == READ_DEPTH {
        return Ok(too_deep());
    }
    let mut entries = Vec::with_capacity(dict.len());
    for (key, item) in dict.iter() {
        let key = key.cast::<PyString>().ok().and_then(|key| key.to_cow().ok().map(Cow::into_owned));
        let Some(key) = key else {
            return Ok(Raw::Other("dict with a key that is not a str of Unicode characters".into()));
        };
        entries.push((key.into(), read_item(&item, depth + 1)?));
    }
    Ok(Raw::Map(entries))
}

/// Everything that has no type of its own in the C API.
fn read_object<'a>(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Raw<'a>> {
    let py = value.py();
    let known = known(py)?;
    if value.is_instance(known.datetime.bind(py))? {
        return read_datetime(value, known);
    }
    if value.is_instance(known.decimal.bind(py))? {
        return Ok(Raw::Decimal(value.str()?.to_string().into()));
    }
    if value.is_instance(known.uuid.bind(py))? {
        return Ok(Raw::Uuid(value.getattr(intern!(py, "bytes"))?.extract()?));
    }
    if value.is_instance(known.date.bind(py))? {
        return Ok(Raw::Date(value.call_method0(intern!(py, "toordinal"))?.extract::<i32>()? - EPOCH_ORDINAL));
    }
    if value.is_instance(known.time.bind(py))? {
        return read_time(value);
    }
    if value.is_instance(known.timedelta.bind(py))? {
        return read_timedelta(value);
    }
    let name = value.get_type().name()?.to_string();
    // pandas.NA is the missing value of its nullable columns.
    if name == "NAType" {
        return Ok(Raw::Null);
    }
    Ok(read_numpy(value, depth)?.unwrap_or_else(|| Raw::Other(name.into())))
}

/// numpy's scalars and arrays are no Python values but turn into them.
fn read_numpy(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Option<Raw<'static>>> {
    let kind = match value.getattr_opt("dtype")? {
        Some(dtype) => dtype.getattr_opt("kind")?.and_then(|kind| kind.extract::<char>().ok()),
        None => None,
    };
    let Some(kind) = kind else { return Ok(None) };
    let array = value.getattr_opt("ndim")?.is_some_and(|ndim| ndim.is_truthy().unwrap_or(false));
    // Of arrays of other kinds (dates, structures) `tolist` makes numbers and tuples.
    if depth >= READ_DEPTH || (array && !"biufUO".contains(kind)) {
        return Ok(None);
    }
    let item = value.call_method0(if array { "tolist" } else { "item" })?;
    if item.is(value) {
        return Ok(None);
    }
    // A number stands for units that Python has not: nanoseconds, or years beyond 9999.
    if "mM".contains(kind) && item.is_instance_of::<PyInt>() {
        return read_units(value, kind).map(Some);
    }
    Ok(Some(read_at(&item, depth + 1)?.into_owned()))
}

fn read_units(value: &Bound<'_, PyAny>, kind: char) -> PyResult<Raw<'static>> {
    let unit = if kind == 'M' { "datetime64[us]" } else { "timedelta64[us]" };
    let microseconds = value.call_method1("astype", (unit,))?;
    let item = microseconds.call_method0("item")?;
    let beyond = item.is_instance_of::<PyInt>();
    match (microseconds.eq(value)?, kind) {
        (true, _) if !beyond => Ok(read_plain(&item, 0)?.into_owned()),
        (true, 'm') => Ok(Raw::LongDuration),
        (true, _) => Ok(Raw::WallTime(i64::MAX)),
        (false, _) => Ok(Raw::SubMicrosecond),
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
    let aware = !value.call_method0(intern!(py, "utcoffset"))?.is_none();
    let epoch = if aware { &known.epoch_utc } else { &known.epoch_naive };
    // The years 1 to 9999 are far within 64 bits.
    let us = i64::try_from(microseconds(&value.sub(epoch)?)?).unwrap_or(i64::MAX);
    Ok(if aware { Raw::Instant(us) } else { Raw::WallTime(us) })
}

fn read_time<'a>(value: &Bound<'_, PyAny>) -> PyResult<Raw<'a>> {
    let py = value.py();
    if !value.getattr(intern!(py, "tzinfo"))?.is_none() {
        return Ok(Raw::AwareTime);
    }
    let part = |name: &Bound<'_, PyString>| value.getattr(name)?.extract::<i64>();
    let (hours, minutes) = (part(intern!(py, "hour"))?, part(intern!(py, "minute"))?);
    let seconds = (hours * 60 + minutes) * 60 + part(intern!(py, "second"))?;
    Ok(Raw::Time(seconds * 1_000_000 + part(intern!(py, "microsecond"))?))
}

fn read_timedelta<'a>(value: &Bound<'_, PyAny>) -> PyResult<Raw<'a>> {
    // A pandas.Timedelta may carry nanoseconds.
    if value.getattr_opt(intern!(value.py(), "nanoseconds"))?.is_some_and(|nanos| nanos.is_truthy().unwrap_or(true)) {
        return Ok(Raw::SubMicrosecond);
    }
    Ok(i64::try_from(microseconds(value)?).map_or(Raw::LongDuration, Raw::Duration))
}

/// A timedelta exactly: its days may be negative, the rest is not.
fn microseconds(delta: &Bound<'_, PyAny>) -> PyResult<i128> {
    let py = delta.py();
    let part = |name: &Bound<'_, PyString>| delta.getattr(name)?.extract::<i64>().map(i128::from);
    let (days, seconds) = (part(intern!(py, "days"))?, part(intern!(py, "seconds"))?);
    Ok((days * 86_400 + seconds) * 1_000_000 + part(intern!(py, "microseconds"))?)
}
