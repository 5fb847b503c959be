//! What the operations of a table are asked for, read from Python.

use std::sync::Arc;

use dataflow_core::filter::{Filter, TRUSTED, parse_within};
use dataflow_core::plan::{Include, ReadPlan, Selection};
use dataflow_core::{Error, ErrorKind, Result};
use dataflow_db::Within;
use pyo3::prelude::*;

use super::PyTable;
use crate::error::OrRaise;
use crate::model::Model;
use crate::settings::{called, conflict_target};
use crate::{include, page, raw};

/// The stored rows that data stands for: a filter, whether it may find every row, whether a soft delete is none, and the
/// most rows that may go.
pub(super) type WithinTuple<'py> = (Bound<'py, PyAny>, bool, bool, Option<u64>);

impl PyTable {
    pub(super) fn filter(&self, py: Python<'_>, filter: Option<&Bound<'_, PyAny>>) -> PyResult<Filter> {
        page::filter(py, &self.database, self.schema(), &self.audience, filter)
    }

    pub(super) fn parsed(&self, filter: &Bound<'_, PyAny>) -> PyResult<Result<Filter>> {
        let (models, floats) = (self.database.models(), self.database.floats());
        Ok(parse_within(self.schema(), Some(&models), raw::read(filter)?, floats, &TRUSTED))
    }

    /// The filter of a change, which names some rows unless `all_rows` says that every one is meant; the caller calls it
    /// `path`.
    pub(super) fn bounded(&self, filter: &Bound<'_, PyAny>, all_rows: bool, path: &str) -> PyResult<Filter> {
        let parsed = self.parsed(filter)?.map_err(|error| called(error, path)).or_raise(filter.py())?;
        if parsed.is_everything() && !all_rows {
            let error = Error::new(ErrorKind::UnfilteredWrite, "the filter matches every row; nothing was written")
                .path(path)
                .hint("say all_rows=True in the bulk operation if every row is meant");
            return Err(error).or_raise(filter.py());
        }
        Ok(parsed)
    }

    pub(super) fn within(&self, (filter, all_rows, hard, max_affected): &WithinTuple<'_>) -> PyResult<Within> {
        let py = filter.py();
        let filter = self.bounded(filter, *all_rows, "within")?;
        if !filter.related().is_empty() {
            let error =
                Error::new(ErrorKind::InvalidFilter, "the rows of the input are compared with `within` in memory")
                    .path("within")
                    .hint("name fields of the model itself");
            return Err(error).or_raise(py);
        }
        Ok(Within { filter, hard: *hard, max_affected: *max_affected })
    }

    pub(super) fn selected(&self, py: Python<'_>, filter: Option<&Bound<'_, PyAny>>) -> PyResult<ReadPlan> {
        Ok(ReadPlan::of(Arc::clone(self.schema()), Selection::Matching(self.filter(py, filter)?)))
    }

    /// The rows of others that come with each, and the model of both.
    pub(super) fn including(&self, py: Python<'_>, given: &[Bound<'_, PyAny>]) -> PyResult<(Vec<Include>, Arc<Model>)> {
        if given.is_empty() {
            return Ok((Vec::new(), Arc::clone(&self.model)));
        }
        let (include, included) = include::read(&self.database, self.schema(), given, "include")?;
        Ok((include, Arc::new(self.model.including(py, included))))
    }

    pub(super) fn columns(&self, py: Python<'_>, names: &[String], path: &str) -> PyResult<Vec<usize>> {
        let resolve = |(at, name): (usize, &String)| {
            self.schema().resolve(name).map_err(|error| error.path(format!("{path}[{at}]")))
        };
        names.iter().enumerate().map(resolve).collect::<Result<_>>().or_raise(py)
    }

    /// The columns by which rows are the same.
    pub(super) fn target(&self, py: Python<'_>, conflict_on: Option<Vec<String>>) -> PyResult<Vec<usize>> {
        match conflict_on {
            None => Ok(self.schema().key.clone()),
            Some(names) => {
                let columns = self.columns(py, &names, "conflict_on")?;
                conflict_target(self.schema(), columns).or_raise(py)
            }
        }
    }
}
