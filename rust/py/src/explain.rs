//! How a read is done, and the explanation on its way to Python: `dataflow.query.explanation` reads it.

use std::sync::Arc;

use dataflow_core::dialect::{Param, ParamValue};
use dataflow_core::pipeline;
use dataflow_core::plan::{Plan, ReadPlan, Selection};
use dataflow_db::{Database, ExplainOptions, Explained, PageOptions, Parameter, PlanText, Table};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tokio_util::sync::CancellationToken;

use crate::batch::{column_to_python, value_to_python};
use crate::caller::{Caller, CallerTuple};
use crate::error::OrRaise;
use crate::operation::{Output, Promise, PyOperation};
use crate::public::Audience;
use crate::runtime::Owned;
use crate::{include, page, raw};

/// The arguments of `Table.page`.
type Asked<'py> = (
    Option<Bound<'py, PyAny>>,
    Vec<String>,
    Option<u64>,
    u64,
    Option<(String, String)>,
    Option<Vec<String>>,
    bool,
    bool,
    String,
    Vec<Bound<'py, PyAny>>,
);

#[pyclass(frozen, name = "Explainer", module = "dataflow._core")]
pub struct PyExplainer {
    database: Owned<Arc<Database>>,
    table: Arc<Table>,
}

impl PyExplainer {
    pub fn new(database: Arc<Database>, table: Arc<Table>) -> Self {
        PyExplainer { database: Owned::new(database), table }
    }

    fn selection(&self, py: Python<'_>, filter: Option<&Bound<'_, PyAny>>) -> PyResult<Selection> {
        page::filter(py, &self.database, &self.table.schema, &Audience::default(), filter).map(Selection::Matching)
    }

    fn plan(&self, py: Python<'_>, asked: Asked<'_>) -> PyResult<(ReadPlan, PageOptions)> {
        let (filter, order_by, limit, offset, place, fields, distinct, include_deleted, total, include) = asked;
        let selected = ReadPlan::of(Arc::clone(&self.table.schema), self.selection(py, filter.as_ref())?);
        let (include, _) = include::read(&self.database, &self.table.schema, &include, "include")?;
        let selected = ReadPlan { limit, offset, distinct, include_deleted, include, ..selected };
        let plan = page::plan(selected, &order_by, fields.as_deref()).or_raise(py)?;
        Ok((plan, page::options(place, &total)?))
    }
}

#[pymethods]
impl PyExplainer {
    /// How `Table.page` reads: with the same arguments.
    fn page(
        &self,
        py: Python<'_>,
        asked: Asked<'_>,
        explain: (bool, bool),
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let (plan, options) = self.plan(py, asked)?;
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let context = caller.context(cancel);
                let explained =
                    database.explain_page(&table, plan, options, explain_options(explain), &context).await?;
                Ok(Output::Explained(Box::new(explained)))
            })
        })
    }

    /// The statement of `Table.page` and its parameters' values; None while the server was not asked yet what it is.
    fn statement<'py>(
        &self,
        py: Python<'py>,
        asked: Asked<'py>,
        caller: CallerTuple<'py>,
    ) -> PyResult<Option<(String, Bound<'py, PyList>)>> {
        let (plan, options) = self.plan(py, asked)?;
        let context = Caller::read(py, caller)?.context(CancellationToken::new());
        let statement = self.database.statement(&plan, options.total, &context).or_raise(py)?;
        let Some(statement) = statement else { return Ok(None) };
        let values: Vec<_> = statement.params.iter().map(|param| parameter(py, param)).collect::<PyResult<_>>()?;
        Ok(Some((statement.sql, PyList::new(py, values)?)))
    }

    /// Asks the server what it is, unless that is known.
    fn probe(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let database = Arc::clone(&self.database);
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { Ok(Output::Capabilities(database.capabilities(cancel).await?)) })
        })
    }

    /// How `Table.count` counts, or where there is a pipeline `Table.aggregate` calculates.
    fn query(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        pipeline: Option<&Bound<'_, PyAny>>,
        include_deleted: bool,
        explain: (bool, bool),
        caller: CallerTuple<'_>,
    ) -> PyResult<PyOperation> {
        let table = Arc::clone(&self.table.schema);
        let plan = match pipeline {
            Some(given) => {
                let (models, floats) = (self.database.models(), self.database.floats());
                let pipeline = pipeline::parse(&table, &models, raw::read(given)?, floats).or_raise(py)?;
                Plan::Aggregate { table, pipeline, include_deleted }
            }
            None => {
                let selection = self.selection(py, filter)?;
                Plan::Count { table, selection, include_deleted, lock: false }
            }
        };
        let caller = Caller::read(py, caller)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let context = caller.context(cancel);
                let explained = database.explain(&table, plan, explain_options(explain), &context).await?;
                Ok(Output::Explained(Box::new(explained)))
            })
        })
    }
}

/// Whether the read is done, and whether values are shown.
const fn explain_options((analyze, values): (bool, bool)) -> ExplainOptions {
    ExplainOptions { analyze, values }
}

/// A list where it is sent as one array.
fn parameter<'py>(py: Python<'py>, param: &Param) -> PyResult<Bound<'py, PyAny>> {
    match &param.value {
        ParamValue::One(value) => value_to_python(py, &param.ty, value),
        ParamValue::Many(values) => {
            let values: Vec<_> =
                values.iter().map(|value| value_to_python(py, &param.ty, value)).collect::<PyResult<_>>()?;
            Ok(PyList::new(py, values)?.into_any())
        }
        ParamValue::Column(values) => column_to_python(py, &param.ty, values.as_ref()),
    }
}

pub fn to_python(py: Python<'_>, explained: Explained) -> PyResult<Py<PyAny>> {
    let dict = PyDict::new(py);
    let parameters = explained.parameters.into_iter().map(|Parameter { ty, value }| (ty, value));
    dict.set_item("database", explained.database)?;
    dict.set_item("sql", explained.sql)?;
    dict.set_item("parameters", parameters.collect::<Vec<_>>())?;
    dict.set_item("is_scoped", explained.is_scoped)?;
    match explained.plan {
        PlanText::Json(text) => dict.set_item("plan", text)?,
        PlanText::Steps(steps) => dict.set_item("plan", steps)?,
    }
    dict.set_item("rows", explained.rows)?;
    dict.set_item("index", explained.index)?;
    Ok(dict.into_any().unbind())
}
