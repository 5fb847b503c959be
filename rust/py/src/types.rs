//! Logical types as Python describes them.

use dataflow_core::types::LogicalType;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::OrRaise;

/// Reads `{"name": "decimal", "precision": 38, "scale": 10}` and its like.
///
/// `text` has `max_length` (an int or None), `choice` has `values` (a list of str), `list` has `item` (a type); the
/// other types are names alone.
///
/// # Errors
/// `ValueError` for a description that Python's half of DataFlow does not write, `InvalidModel` for a type that no
/// column can have.
pub fn read_type(given: &Bound<'_, PyDict>) -> PyResult<LogicalType> {
    let ty = read(given, 0)?;
    ty.check().or_raise(given.py())?;
    Ok(ty)
}

/// A list of lists is no column type, so that a deeper description is not read.
fn read(given: &Bound<'_, PyDict>, depth: usize) -> PyResult<LogicalType> {
    let part = |key: &str| given.get_item(key)?.ok_or_else(|| PyValueError::new_err(format!("the type lacks `{key}`")));
    let name: String = part("name")?.extract()?;
    Ok(match name.as_str() {
        "bool" => LogicalType::Bool,
        "int" => LogicalType::Int,
        "float" => LogicalType::Float,
        "decimal" => {
            LogicalType::Decimal { precision: part("precision")?.extract()?, scale: part("scale")?.extract()? }
        }
        "text" => LogicalType::Text { max_length: part("max_length")?.extract()? },
        "bytes" => LogicalType::Bytes,
        "uuid" => LogicalType::Uuid,
        "instant" => LogicalType::Instant,
        "walltime" => LogicalType::WallTime,
        "date" => LogicalType::Date,
        "time" => LogicalType::Time,
        "duration" => LogicalType::Duration,
        "choice" => {
            let values: Vec<String> = part("values")?.extract()?;
            LogicalType::Choice { values: values.into_iter().map(String::into_boxed_str).collect() }
        }
        "list" if depth <= 1 => {
            let item = part("item")?;
            LogicalType::List { item: Box::new(read(item.cast::<PyDict>().map_err(PyErr::from)?, depth + 1)?) }
        }
        "json" => LogicalType::Json,
        _ => return Err(PyValueError::new_err(format!("there is no type `{name}`"))),
    })
}
