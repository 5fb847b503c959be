//! The settings dict of `Engine` as one typed struct. Names and ranges are checked in `dataflow.config`.

use std::time::Duration;

use dataflow_db::{Options, SchemaMode, Secret};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

pub fn read(options: &Bound<'_, PyDict>) -> PyResult<Options> {
    let schema_mode = match text(options, "schema_mode")?.as_deref() {
        None | Some("create") => SchemaMode::Create,
        Some("check") => SchemaMode::Check,
        Some("off") => SchemaMode::Off,
        Some(_) => return Err(PyValueError::new_err("schema_mode")),
    };
    Ok(Options {
        pool_size: value(options, "pool_size", 10)?,
        acquire_timeout: seconds(options, "acquire_timeout", 30.0)?,
        connect_timeout: seconds(options, "connect_timeout", 10.0)?,
        idle_timeout: seconds(options, "idle_timeout", 60.0)?,
        statement_cache: value(options, "statement_cache", true)?,
        pgbouncer: value(options, "pgbouncer", false)?,
        schema_mode,
        application_name: text(options, "application_name")?,
        secret_key: text(options, "secret_key")?.map(|text| Secret::new(&text)),
    })
}

fn value<'py, T: for<'a> FromPyObject<'a, 'py, Error = PyErr>>(
    options: &Bound<'py, PyDict>,
    name: &str,
    default: T,
) -> PyResult<T> {
    match options.get_item(name)? {
        Some(given) if !given.is_none() => given.extract(),
        _ => Ok(default),
    }
}

fn seconds(options: &Bound<'_, PyDict>, name: &str, default: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value(options, name, default)?)
        .map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

fn text(options: &Bound<'_, PyDict>, name: &str) -> PyResult<Option<String>> {
    value(options, name, None)
}
