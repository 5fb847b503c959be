//! Who asks: what every operation is told beside its plan.

use std::sync::Arc;

use dataflow_core::plan::{Scope, TenantId};
use tokio_util::sync::CancellationToken;

use crate::session::Limits;
use crate::transaction::Transaction;

/// In whose name, in which transaction, and until when an operation runs.
#[derive(Clone, Default)]
pub struct Context {
    pub transaction: Option<Arc<Transaction>>,
    pub tenant: Option<TenantId>,
    pub cancel: CancellationToken,
}

impl Context {
    pub(crate) fn scope(&self) -> Scope {
        Scope { tenant: self.tenant.clone() }
    }

    pub(crate) fn limits(&self) -> Limits {
        match &self.transaction {
            Some(transaction) => transaction.limits(self.cancel.clone()),
            None => Limits { cancel: self.cancel.clone(), deadline: None },
        }
    }
}
