//! The engine: one database of one `DataFlow`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dataflow_core::dialect::Isolation;
use dataflow_core::schema::{ColumnSchema, TableSchema};
use dataflow_core::types::LogicalType;
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind};
use dataflow_db::{Begin, Database, EventBus, EventReceiver, Transaction};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::{OrRaise, to_py};
use crate::event::{PyEvents, warn};
use crate::operation::{Output, Promise, PyOperation};
use crate::runtime::Owned;
use crate::table::PyTable;
use crate::{options, raw};

/// One column: (name, type, precision or length, scale, nullable, has_default, default).
type ColumnTuple<'py> = (String, String, Option<u32>, Option<u8>, bool, bool, Bound<'py, PyAny>);

#[pyclass(frozen, name = "Engine", module = "dataflow._core")]
pub struct PyEngine {
    database: Owned<Arc<Database>>,
    /// Until somebody listens.
    receiver: Mutex<Option<EventReceiver>>,
}

#[pymethods]
impl PyEngine {
    #[new]
    fn new(py: Python<'_>, url: &str, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        dataflow_db::warn_through(warn);
        let (events, receiver) = EventBus::new();
        let database = Database::open(url, options::read(options)?, events).or_raise(py)?;
        Ok(PyEngine { database: Owned::new(Arc::new(database)), receiver: Mutex::new(Some(receiver)) })
    }

    #[getter]
    fn dialect(&self) -> &'static str {
        self.database.dialect_name()
    }

    #[expect(clippy::too_many_arguments, reason = "one argument a fact, as in the stub")]
    fn table(
        &self,
        py: Python<'_>,
        model: String,
        table: String,
        columns: Vec<ColumnTuple<'_>>,
        key: &str,
        automatic_key: bool,
        multi_tenant: bool,
    ) -> PyResult<PyTable> {
        let columns = columns.iter().map(|column| self.column(py, &model, column)).collect::<PyResult<Vec<_>>>()?;
        let key = columns.iter().position(|column| column.name == key).unwrap_or(columns.len());
        let schema = TableSchema { model, table, columns, key, automatic_key, multi_tenant }.checked().or_raise(py)?;
        Ok(PyTable::new(Arc::clone(&self.database), schema))
    }

    fn begin(
        &self,
        py: Python<'_>,
        isolation: Option<&str>,
        read_only: bool,
        timeout_s: Option<f64>,
    ) -> PyResult<PyOperation> {
        let isolation = isolation
            .map(|name| Isolation::parse(name).ok_or_else(|| PyValueError::new_err("isolation")))
            .transpose()?;
        let timeout = timeout_s
            .map(Duration::try_from_secs_f64)
            .transpose()
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let database = Arc::clone(&self.database);
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move {
                let begun = Transaction::begin(&database, Begin { isolation, read_only, timeout }, cancel).await?;
                Ok(Output::Transaction(begun))
            })
        })
    }

    fn capabilities(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let database = Arc::clone(&self.database);
        PyOperation::new(py, Promise::Reads, |cancel| {
            Box::pin(async move { Ok(Output::Capabilities(database.capabilities(cancel).await?)) })
        })
    }

    fn close(&self, py: Python<'_>) -> PyResult<PyOperation> {
        let database = Arc::clone(&self.database);
        PyOperation::new(py, Promise::Reads, |_cancel| {
            Box::pin(async move {
                database.close();
                Ok(Output::Nothing)
            })
        })
    }

    /// The events from now on; None from the second call on.
    fn events(&self) -> Option<PyEvents> {
        self.database.events().activate();
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner).take().map(PyEvents::new)
    }

    #[getter]
    fn dropped_events(&self) -> u64 {
        self.database.events().dropped()
    }

    fn pool_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, count) in ["open", "idle", "waiting", "size"].into_iter().zip(self.database.pool_status()) {
            dict.set_item(name, count)?;
        }
        Ok(dict)
    }
}

impl PyEngine {
    fn column(&self, py: Python<'_>, model: &str, column: &ColumnTuple<'_>) -> PyResult<ColumnSchema> {
        let (name, ty, first, scale, nullable, has_default, default) = column;
        let ty = logical_type(ty, *first, *scale).ok_or_else(|| PyValueError::new_err(format!("type of {name}")))?;
        let default = if *has_default {
            Some(self.default(py, &format!("{model}.{name}"), &ty, *nullable, default)?)
        } else {
            None
        };
        Ok(ColumnSchema { name: name.clone(), ty, nullable: *nullable, default })
    }

    fn default(
        &self,
        py: Python<'_>,
        name: &str,
        ty: &LogicalType,
        nullable: bool,
        given: &Bound<'_, PyAny>,
    ) -> PyResult<Value<'static>> {
        let value = ty.accept(raw::read(given)?, self.database.floats());
        let value = value.map(Value::into_owned).map_err(|error| error.path(name)).or_raise(py)?;
        if value == Value::Null && !nullable {
            let error = Error::new(
                ErrorKind::InvalidModel,
                format!("the default of `{name}` is None and the field takes none"),
            )
            .hint(format!("declare `{name}` as `… | None`"));
            return Err(to_py(py, &error));
        }
        Ok(value)
    }
}

fn logical_type(name: &str, first: Option<u32>, scale: Option<u8>) -> Option<LogicalType> {
    Some(match name {
        "bool" => LogicalType::Bool,
        "int" => LogicalType::Int,
        "float" => LogicalType::Float,
        "decimal" => LogicalType::Decimal { precision: u8::try_from(first?).ok()?, scale: scale? },
        "text" => LogicalType::Text { max_length: first },
        "bytes" => LogicalType::Bytes,
        "uuid" => LogicalType::Uuid,
        "instant" => LogicalType::Instant,
        "walltime" => LogicalType::WallTime,
        _ => return None,
    })
}
