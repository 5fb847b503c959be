//! The settings of a write, as Python gives them.

use dataflow_core::ledger::EntryKey;
use dataflow_core::merge::{Duplicates, OnMatch, OnMissing};
use dataflow_core::schema::{Role, TableSchema};
use dataflow_core::{Error, ErrorKind, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::OrRaise;

pub fn read_load_id(py: Python<'_>, load_id: Option<&str>) -> PyResult<Option<EntryKey>> {
    load_id.map(EntryKey::new).transpose().map_err(|error| error.path("load_id")).or_raise(py)
}

pub fn read_duplicates(text: &str) -> PyResult<Duplicates> {
    Ok(match text {
        "error" => Duplicates::Refuse,
        "first" => Duplicates::First,
        "last" => Duplicates::Last,
        _ => return Err(PyValueError::new_err("duplicates")),
    })
}

pub fn read_on_match(text: &str) -> PyResult<OnMatch> {
    Ok(match text {
        "update" => OnMatch::Update,
        "ignore" => OnMatch::Ignore,
        "error" => OnMatch::Refuse,
        _ => return Err(PyValueError::new_err("on_conflict")),
    })
}

pub fn read_on_missing(text: &str) -> PyResult<OnMissing> {
    Ok(match text {
        "skip" => OnMissing::Skip,
        "error" => OnMissing::Refuse,
        _ => return Err(PyValueError::new_err("on_missing")),
    })
}

/// Fields that find a row, its key and its version are never changed by an upsert.
pub fn check_update(table: &TableSchema, conflict_on: &[usize], update: Option<&[usize]>) -> Result<()> {
    let kept =
        |at: &usize| table.key.contains(at) || conflict_on.contains(at) || table.columns[*at].role == Role::Version;
    match update {
        Some(update) if update.iter().all(kept) => {
            Err(Error::new(ErrorKind::InvalidOption, "update_fields names no field that an upsert could change")
                .path("update_fields")
                .hint(
                    "key, version and the fields of conflict_on stay as they are; on_conflict=\"ignore\" changes none",
                ))
        }
        _ => Ok(()),
    }
}

/// Only the key and the unique sets of the model can say that two rows are the same.
pub fn conflict_target(table: &TableSchema, columns: Vec<usize>) -> Result<Vec<usize>> {
    let same = |set: &&Vec<usize>| set.len() == columns.len() && set.iter().all(|at| columns.contains(at));
    let known = std::iter::once(&table.key).chain(&table.unique);
    match known.into_iter().find(same) {
        Some(set) => Ok(set.clone()),
        None => {
            let sets = std::iter::once(&table.key).chain(&table.unique);
            let sets: Vec<_> = sets.map(|set| format!("({})", table.names(set).join(", "))).collect();
            Err(Error::new(ErrorKind::InvalidOption, format!("{} has no unique set of these fields", table.model))
                .path("conflict_on")
                .hint(format!("the sets are {}", sets.join(", "))))
        }
    }
}

/// The error about a filter that the caller calls otherwise.
pub fn called(error: Error, name: &str) -> Error {
    match error.detail().path.as_deref().and_then(|path| path.strip_prefix("filter")) {
        Some(rest) => {
            let path = format!("{name}{rest}");
            error.path(path)
        }
        None => error,
    }
}
