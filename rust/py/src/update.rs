//! Updates as Python gives them: new values alone, or operators.

use std::borrow::Cow;
use std::sync::Arc;

use dataflow_core::batch::{Given, Reading};
use dataflow_core::update::{Update, parse};
use dataflow_core::value::Raw;
use dataflow_core::{Error, ErrorKind, Result};
use dataflow_db::Operators;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::error::OrRaise;
use crate::input::read_values;
use crate::model::Model;
use crate::raw;

/// What an update is made of: the values that it sets and the other operators.
pub struct Updates {
    pub values: Given,
    pub update: Update,
}

/// Reads an update of rows that are there; errors carry the path `updates.…`.
pub fn read_updates(model: &Model, updates: &Bound<'_, PyDict>, reading: Reading) -> PyResult<Updates> {
    let (values, update, _) = read(model, updates, reading, &[], false)?;
    Ok(Updates { values, update })
}

/// Reads what becomes of the one row that `data` is, where it is there. What the data or `target` names is not updated.
pub fn read_operators(
    model: &Model,
    updates: &Bound<'_, PyDict>,
    reading: Reading,
    data: &Given,
    target: &[usize],
) -> PyResult<Arc<Operators>> {
    let given = (0..model.schema.columns.len()).filter(|&at| data.is_given(at, 0) || target.contains(&at));
    let given: Vec<usize> = given.collect();
    let (values, update, on_insert) = read(model, updates, reading, &given, true)?;
    for (set, name) in [(Some(&values), "updates"), (on_insert.as_ref(), "updates.$setOnInsert")] {
        apart(model, set, &given, name).or_raise(updates.py())?;
    }
    Ok(Arc::new(Operators { values, update, on_insert }))
}

fn read(
    model: &Model,
    updates: &Bound<'_, PyDict>,
    reading: Reading,
    given: &[usize],
    inserts: bool,
) -> PyResult<(Given, Update, Option<Given>)> {
    let py = updates.py();
    let is_operator = |key: &Bound<'_, PyAny>| {
        key.cast::<PyString>().is_ok_and(|key| key.to_cow().is_ok_and(|key| key.starts_with('$')))
    };
    if !updates.keys().iter().any(|key| is_operator(&key)) {
        if !updates.keys().iter().any(|key| is_path(model, &key)) {
            return Ok((read_values(model, updates, reading, "updates")?, Update::default(), None));
        }
        let values = PyDict::new(py);
        values.set_item("$set", updates)?;
        return read(model, &values, reading, given, inserts);
    }
    let (set, mut entries, mut on_insert) = (PyDict::new(py), Vec::with_capacity(updates.len()), None);
    for (key, operand) in updates.iter() {
        let name = key.str()?.to_string();
        match (name.as_str(), operand.cast::<PyDict>()) {
            ("$set", Ok(fields)) if !fields.is_empty() => {
                let rest = without_fields(model, fields, &set)?;
                if !rest.is_empty() {
                    entries.push((Cow::Owned(name), raw::read(rest.as_any())?.into_owned()));
                }
            }
            ("$setOnInsert", Ok(fields)) if inserts && !fields.is_empty() => {
                on_insert = Some(read_values(model, fields, reading, "updates.$setOnInsert")?);
            }
            _ => entries.push((Cow::Owned(name), raw::read(&operand)?.into_owned())),
        }
    }
    let values = read_values(model, &set, reading, "updates.$set")?;
    let columns = 0..model.schema.columns.len();
    let is_set = |at: &usize| {
        let by_insert = on_insert.as_ref().is_some_and(|row: &Given| row.is_given(*at, 0));
        values.is_given(*at, 0) || by_insert || given.contains(at)
    };
    let set: Vec<usize> = columns.clone().filter(is_set).collect();
    let closed: Vec<usize> = columns.filter(|&at| model.encoders[at].is_some()).collect();
    let update = parse(&model.schema, Raw::Map(entries), &set, &closed, reading.floats).or_raise(py)?;
    if let Some(row) = &on_insert {
        let set: Vec<usize> = (0..model.schema.columns.len()).filter(|&at| values.is_given(at, 0)).collect();
        apart(model, Some(row), &set, "updates.$setOnInsert").or_raise(py)?;
    }
    Ok((values, update, on_insert))
}

/// Whether it is a field's name with keys behind it.
fn is_path(model: &Model, key: &Bound<'_, PyAny>) -> bool {
    let Ok(name) = key.str().map(|name| name.to_string()) else { return false };
    let is_field = |name: &str| model.schema.columns.iter().any(|column| column.name == name);
    !is_field(&name) && name.match_indices('.').any(|(at, _)| is_field(&name[..at]))
}

/// Takes the fields of the model into `set`, and gives back the others: paths into documents, and mistakes.
fn without_fields<'py>(
    model: &Model,
    fields: &Bound<'py, PyDict>,
    set: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyDict>> {
    let rest = PyDict::new(fields.py());
    for (key, value) in fields.iter() {
        let name = key.str()?.to_string();
        let known = model.schema.columns.iter().any(|column| column.name == name);
        let into = if known { set } else { &rest };
        into.set_item(key, value)?;
    }
    Ok(rest)
}

/// Refuses fields that are given in two places.
fn apart(model: &Model, row: Option<&Given>, given: &[usize], path: &str) -> Result<()> {
    match given.iter().find(|&&at| row.is_some_and(|row| row.is_given(at, 0))) {
        None => Ok(()),
        Some(&at) => {
            let name = &model.schema.columns[at].name;
            let message = format!("`{name}` is given in two places: which one counts would be a guess");
            Err(Error::new(ErrorKind::InvalidUpdate, message)
                .path(format!("{path}.{name}"))
                .hint("give what finds the row in the data, and what changes in the updates"))
        }
    }
}
