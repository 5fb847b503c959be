//! In whose name an operation is called, and what its errors call the data.

use std::sync::Arc;

use dataflow_core::Error;
use dataflow_core::event::Labels;
use dataflow_core::plan::TenantId;
use dataflow_db::Context;
use pyo3::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::error::OrRaise;
use crate::event::{LabelsTuple, read_labels};
use crate::operation::Promise;
use crate::transaction::PyTransaction;

/// In whose name an operation was called: the transaction, the tenant, the time where it is not the system's, and the
/// labels of a workflow.
pub struct Caller {
    transaction: Option<Arc<dataflow_db::Transaction>>,
    tenant: Option<TenantId>,
    now_us: Option<i64>,
    labels: Option<Arc<Labels>>,
}

/// As `dataflow.query.handle` hands it over.
pub type CallerTuple<'py> = (Option<Bound<'py, PyTransaction>>, Option<String>, Option<i64>, LabelsTuple);

impl Caller {
    pub fn read(py: Python<'_>, (transaction, tenant, now_us, labels): CallerTuple<'_>) -> PyResult<Self> {
        let tenant = tenant.as_deref().map(TenantId::new).transpose().or_raise(py)?;
        let transaction = transaction.map(|transaction| transaction.get().shared());
        Ok(Caller { transaction, tenant, now_us, labels: read_labels(labels) })
    }

    /// What the success of a write means for the data.
    pub fn promise(&self) -> Promise {
        if self.transaction.is_some() { Promise::Reads } else { Promise::Commits }
    }

    pub fn context(self, cancel: CancellationToken) -> Context {
        let Caller { transaction, tenant, now_us, labels } = self;
        Context { transaction, tenant, cancel, now_us, labels, timeout: None }
    }
}

/// What errors call the data.
#[derive(Clone, Copy)]
pub enum Naming {
    /// `data[3].name`.
    Data,
    /// `name`: the row was given alone.
    Lone,
    /// `keys[3].name`.
    Keys,
}

impl Naming {
    pub fn of(single: bool) -> Self {
        if single { Naming::Lone } else { Naming::Data }
    }

    pub fn of_items(keys: bool) -> Self {
        if keys { Naming::Keys } else { Naming::Data }
    }

    pub fn apply(self, error: Error) -> Error {
        match (self, error.detail().path.as_deref().and_then(|path| path.strip_prefix("data"))) {
            (Naming::Data, _) => error,
            (Naming::Lone, _) => error.without_row(),
            (Naming::Keys, Some(rest)) => {
                let path = format!("keys{rest}");
                error.path(path)
            }
            (Naming::Keys, None) => error,
        }
    }
}

/// The error with the row of its path counted from the begin of a load, of which `first` rows came before.
pub fn shifted(error: Error, first: usize) -> Error {
    if first == 0 { error } else { renumbered(error, |row| first + row) }
}

/// The error with the row of its path by its number in other rows.
pub fn renumbered(error: Error, number: impl Fn(usize) -> usize) -> Error {
    let placed = ["data", "keys"].into_iter().find_map(|name| {
        let row = error.detail().path.as_deref()?.strip_prefix(name)?;
        Some((name, row.to_owned()))
    });
    match placed {
        Some((name, row)) if row.starts_with('[') => error.path(row).renumbered(number).within(name),
        _ => error,
    }
}
