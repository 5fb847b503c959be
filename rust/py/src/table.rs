//! The operations of one table: Python's arguments become a plan, and a plan an [`Operation`](crate::operation).

use std::sync::Arc;

use dataflow_core::Error;
use dataflow_core::batch::{Reading, RowsBuilder};
use dataflow_core::filter::{Filter, parse};
use dataflow_core::plan::{ReadPlan, TenantId, parse_order};
use dataflow_core::schema::TableSchema;
use dataflow_db::{Context, Database, Rows, Table};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};
use tokio_util::sync::CancellationToken;

use crate::error::{OrRaise, to_py};
use crate::operation::{Output, Promise, PyOperation};
use crate::runtime::{Owned, process};
use crate::transaction::PyTransaction;
use crate::{arrow, raw};

/// Rows read between two looks for Ctrl-C: about a millisecond.
const SIGNAL_ROWS: usize = 4_096;

#[pyclass(frozen, name = "Table", module = "dataflow._core")]
pub struct PyTable {
    database: Owned<Arc<Database>>,
    table: Arc<Table>,
}

impl PyTable {
    pub fn new(database: Arc<Database>, schema: TableSchema) -> Self {
        PyTable { database: Owned::new(database), table: Arc::new(Table::new(Arc::new(schema))) }
    }

    fn schema(&self) -> &Arc<TableSchema> {
        &self.table.schema
    }

    fn append(&self, py: Python<'_>, rows: Rows, return_rows: bool, caller: Caller) -> PyResult<PyOperation> {
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let promise = if caller.transaction.is_some() { Promise::Reads } else { Promise::Commits };
        PyOperation::new(py, promise, |cancel| {
            Box::pin(async move {
                let appended = database.append(&table, rows, return_rows, &caller.context(cancel)).await?;
                match appended.batch {
                    Some(batch) => Ok(Output::Batch(batch, Arc::clone(&table.schema))),
                    None => Ok(Output::Count(i64::try_from(appended.rows).unwrap_or(i64::MAX))),
                }
            })
        })
    }

    fn filter(&self, py: Python<'_>, filter: Option<&Bound<'_, PyAny>>) -> PyResult<Filter> {
        match filter {
            None => Ok(Filter::And(Vec::new())),
            Some(filter) => parse(self.schema(), raw::read(filter)?, self.database.floats()).or_raise(py),
        }
    }

    /// Every dict is checked value by value while the GIL is held; nothing is sent yet.
    fn read_rows(&self, rows: &Bound<'_, PyAny>, single: bool) -> PyResult<Rows> {
        let py = rows.py();
        let rows = rows.cast::<PyList>().map_err(PyErr::from)?;
        let mut builder = RowsBuilder::new(self.schema(), self.database.reading(false), rows.len());
        let names: Vec<_> = self.schema().columns.iter().map(|column| PyString::intern(py, &column.name)).collect();
        for row in rows.iter() {
            let at = builder.rows();
            let placed = |error: Error| {
                let error = error.within("data");
                let path = error.detail().path.clone().unwrap_or_default();
                to_py(py, &if single { error.path(path.replacen("data[0].", "", 1)) } else { error })
            };
            // A long list is read with the GIL held: Ctrl-C is looked for here.
            if at % SIGNAL_ROWS == SIGNAL_ROWS - 1 {
                py.check_signals()?;
            }
            // `query/input.py` has made a dict of everything.
            let fields = row.cast::<PyDict>().map_err(PyErr::from)?;
            let mut known = 0;
            for (column, name) in names.iter().enumerate() {
                let value = fields.get_item(name)?.filter(|value| !is_unset(value));
                known += usize::from(value.is_some());
                let given = value.as_ref().map(raw::read).transpose()?;
                builder.push(column, given).map_err(placed)?;
            }
            if known < fields.len() {
                self.check_names(fields).map_err(|error| placed(error.within(&format!("[{at}]"))))?;
            }
            builder.end_row();
        }
        Ok(Rows::Checked(builder.finish().or_raise(py)?))
    }

    fn check_names(&self, fields: &Bound<'_, PyDict>) -> dataflow_core::Result<()> {
        for name in fields.keys() {
            let name = name.to_string();
            self.schema().resolve(&name).map_err(|error| error.path(name.clone()))?;
        }
        Ok(())
    }
}

/// `dataflow.UNSET` stands for a field that was not given.
fn is_unset(value: &Bound<'_, PyAny>) -> bool {
    value.get_type().name().is_ok_and(|name| name == "Unset")
}

/// In whose name an operation was called.
struct Caller {
    transaction: Option<Arc<dataflow_db::Transaction>>,
    tenant: Option<TenantId>,
}

impl Caller {
    fn new(py: Python<'_>, transaction: Option<&Bound<'_, PyTransaction>>, tenant: Option<&str>) -> PyResult<Self> {
        let tenant = tenant.map(TenantId::new).transpose().or_raise(py)?;
        Ok(Caller { transaction: transaction.map(|transaction| transaction.get().shared()), tenant })
    }

    fn context(self, cancel: CancellationToken) -> Context {
        Context { transaction: self.transaction, tenant: self.tenant, cancel }
    }
}

#[pymethods]
impl PyTable {
    fn append_rows(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        transaction: Option<&Bound<'_, PyTransaction>>,
        tenant: Option<&str>,
    ) -> PyResult<PyOperation> {
        let single = rows.len()? == 1;
        self.append(py, self.read_rows(rows, single)?, true, Caller::new(py, transaction, tenant)?)
    }

    fn append_dicts(
        &self,
        py: Python<'_>,
        rows: &Bound<'_, PyAny>,
        transaction: Option<&Bound<'_, PyTransaction>>,
        tenant: Option<&str>,
    ) -> PyResult<PyOperation> {
        self.append(py, self.read_rows(rows, false)?, false, Caller::new(py, transaction, tenant)?)
    }

    fn append_arrow(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        nan_is_null: bool,
        transaction: Option<&Bound<'_, PyTransaction>>,
        tenant: Option<&str>,
    ) -> PyResult<PyOperation> {
        let reader = arrow::reader(data)?;
        let reading: Reading = self.database.reading(nan_is_null);
        let caller = Caller::new(py, transaction, tenant)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        let running = process(py)?.running();
        let promise = if caller.transaction.is_some() { Promise::Reads } else { Promise::Commits };
        PyOperation::new(py, promise, |cancel| {
            Box::pin(async move {
                let batches = arrow::read_aside(reader, running, &cancel).await?;
                let rows = Rows::Arrow { batches, reading };
                let appended = database.append(&table, rows, false, &caller.context(cancel)).await?;
                Ok(Output::Count(i64::try_from(appended.rows).unwrap_or(i64::MAX)))
            })
        })
    }

    #[pyo3(signature = (filter, order_by, limit, offset, transaction, tenant))]
    #[expect(clippy::too_many_arguments, reason = "one argument a setting, as in the stub")]
    fn read(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        order_by: Vec<String>,
        limit: Option<u64>,
        offset: u64,
        transaction: Option<&Bound<'_, PyTransaction>>,
        tenant: Option<&str>,
    ) -> PyResult<PyOperation> {
        let plan = ReadPlan {
            table: Arc::clone(self.schema()),
            filter: self.filter(py, filter)?,
            order: parse_order(self.schema(), &order_by).or_raise(py)?,
            limit,
            offset,
        };
        let caller = Caller::new(py, transaction, tenant)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let batch = database.read(&table, plan, &caller.context(cancel)).await?;
                Ok(Output::Batch(batch, Arc::clone(&table.schema)))
            })
        })
    }

    fn count(
        &self,
        py: Python<'_>,
        filter: Option<&Bound<'_, PyAny>>,
        transaction: Option<&Bound<'_, PyTransaction>>,
        tenant: Option<&str>,
    ) -> PyResult<PyOperation> {
        let filter = self.filter(py, filter)?;
        let caller = Caller::new(py, transaction, tenant)?;
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { Ok(Output::Count(database.count(&table, filter, &caller.context(cancel)).await?)) })
        })
    }

    fn ensure(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let (database, table) = (Arc::clone(&self.database), Arc::clone(&self.table));
        PyOperation::new(py, Promise::Reads, |cancel| {
            let context = Context { cancel, ..Context::default() };
            Box::pin(async move { database.make_ready(&table, &context).await.map(|()| Output::Nothing) })
        })
    }
}
