//! The arguments of a page, read into a plan.

use dataflow_core::cursor::Direction;
use dataflow_core::filter::Filter;
use dataflow_core::plan::{ReadPlan, parse_distinct_order, parse_fields, parse_order};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Result};
use dataflow_db::{Database, PageOptions, Total};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::error::OrRaise;
use crate::public::Audience;
use crate::raw;

/// None is every row.
pub fn filter(
    py: Python<'_>,
    database: &Database,
    table: &TableSchema,
    audience: &Audience,
    filter: Option<&Bound<'_, PyAny>>,
) -> PyResult<Filter> {
    match filter {
        None => Ok(Filter::And(Vec::new())),
        Some(filter) => {
            let filter = audience.filter(table, &database.models(), raw::read(filter)?, database.floats());
            filter.or_raise(py)
        }
    }
}

/// The plan with its fields and its order, which ends with what tells rows apart.
pub fn plan(selected: ReadPlan, order_by: &[String], fields: Option<&[String]>) -> Result<ReadPlan> {
    let table = &selected.table;
    if selected.distinct && !selected.include.is_empty() {
        let error = Error::new(ErrorKind::InvalidFilter, "rows that are distinct in some fields have no other rows");
        return Err(error.path("include").hint("leave distinct= or include= out"));
    }
    let columns = fields.map(|names| parse_fields(table, names)).transpose()?;
    let order = match (&columns, selected.distinct) {
        (_, false) => parse_order(table, order_by)?,
        (Some(columns), true) => parse_distinct_order(table, order_by, columns)?,
        (None, true) => {
            let error = Error::new(ErrorKind::InvalidFilter, "whole rows are distinct by their key already");
            return Err(error.path("distinct").hint("name the fields in which they are: fields=[…]"));
        }
    };
    Ok(ReadPlan { columns, order, ..selected })
}

/// Names are checked in `dataflow.query.reading`.
pub fn options(place: Option<(String, String)>, total: &str) -> PyResult<PageOptions> {
    let directions = [Direction::After, Direction::Before];
    let cursor = place.map(|(name, cursor)| {
        let direction = directions.into_iter().find(|direction| direction.name() == name);
        direction.map(|direction| (direction, cursor)).ok_or_else(|| PyValueError::new_err("place"))
    });
    let total = match total {
        "none" => Total::Unasked,
        "estimate" => Total::Estimate,
        "exact" => Total::Exact,
        _ => return Err(PyValueError::new_err("total")),
    };
    Ok(PageOptions { cursor: cursor.transpose()?, total })
}
