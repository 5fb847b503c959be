//! Who asks: what every operation is told beside its plan.

use std::sync::Arc;
use std::time::Duration;

use dataflow_core::event::Labels;
use dataflow_core::plan::{Scope, TenantId};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::session::Limits;
use crate::transaction::Transaction;

/// In whose name, in which transaction, and until when an operation runs.
#[derive(Clone, Default)]
pub struct Context {
    pub transaction: Option<Arc<Transaction>>,
    pub tenant: Option<TenantId>,
    pub cancel: CancellationToken,
    /// The time that rows are stamped with, in microseconds since 1970; None for the system's clock.
    pub now_us: Option<i64>,
    /// The workflow's run and node that ask, for events and comments.
    pub labels: Option<Arc<Labels>>,
    /// How long a statement may take, with the wait for its connection.
    pub timeout: Option<Duration>,
}

impl Context {
    pub(crate) fn scope(&self) -> Scope {
        Scope { tenant: self.tenant.clone(), labels: self.labels.clone() }
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.now_us.unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
        })
    }

    pub(crate) fn limits(&self) -> Limits {
        self.bounded(match &self.transaction {
            Some(transaction) => transaction.limits(self.cancel.clone()),
            None => Limits { cancel: self.cancel.clone(), deadline: None },
        })
    }

    /// The limits with that of a statement which begins now.
    pub(crate) fn bounded(&self, limits: Limits) -> Limits {
        let own = self.timeout.map(|timeout| Instant::now() + timeout);
        Limits { deadline: limits.deadline.into_iter().chain(own).min(), ..limits }
    }
}
