//! `include=`: the rows that come with each row, as `dataflow.query.include` reads them.

use std::sync::Arc;

use dataflow_core::filter::{Filter, TRUSTED, parse_within};
use dataflow_core::plan::{Include, parse_fields, parse_order};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, Result};
use dataflow_db::Database;
use pyo3::prelude::*;

use crate::error::OrRaise;
use crate::model::Model;
use crate::raw;
use crate::table::PyTable;

/// What comes with each row of a model, on its way to Python.
pub struct Included {
    pub name: String,
    pub model: Arc<Model>,
    /// What its instances are.
    pub class: Py<PyAny>,
    pub many: bool,
}

/// Name of the relation, table it leads to, filter, order, limit, fields, class of the instances, and what comes with them.
type Given<'py> = (
    String,
    Bound<'py, PyTable>,
    Option<Bound<'py, PyAny>>,
    Vec<String>,
    Option<u64>,
    Option<Vec<String>>,
    Bound<'py, PyAny>,
    Vec<Bound<'py, PyAny>>,
);

/// The plan's part and Python's. The recursion is as deep as `dataflow.query.include` lets it be.
pub fn read(
    database: &Database,
    table: &TableSchema,
    given: &[Bound<'_, PyAny>],
    path: &str,
) -> PyResult<(Vec<Include>, Vec<Included>)> {
    let mut all = (Vec::with_capacity(given.len()), Vec::with_capacity(given.len()));
    for given in given {
        let py = given.py();
        let (name, other, filter, order_by, limit, fields, class, inner) = given.extract::<Given<'_>>()?;
        let path = format!("{path}.{name}");
        let models = database.models();
        let relation = models.relation(table, &name).or_raise(py)?;
        let relation = relation.ok_or_else(|| Error::internal("a relation that is none")).or_raise(py)?;
        let to = Arc::clone(&relation.table);
        let named = |error: Error| error.within(&path);
        let columns = match &fields {
            Some(names) => parse_fields(&to, names).map_err(named).or_raise(py)?,
            None => (0..to.columns.len()).collect(),
        };
        let filter = match filter {
            Some(filter) => {
                let parsed = parse_within(&to, Some(&models), raw::read(&filter)?, database.floats(), &TRUSTED);
                parsed.map_err(named).or_raise(py)?
            }
            None => Filter::And(Vec::new()),
        };
        let order: Result<_> = if relation.many { parse_order(&to, &order_by) } else { Ok(Vec::new()) };
        let order = order.map_err(named).or_raise(py)?;
        let (include, included) = read(database, &to, &inner, &path)?;
        let model = Arc::new(other.get().model.including(py, included));
        all.1.push(Included { name: name.clone(), model, class: class.unbind(), many: relation.many });
        all.0.push(Include { name, relation, columns, filter, order, limit, include });
    }
    Ok(all)
}
