//! What the funnels tell the world: plain facts, never values.

use std::sync::Arc;

/// In whose name an operation runs; only a workflow says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The run of the workflow.
    pub run: String,
    /// The node of the workflow; alone of the labels it is in SQL comments too.
    pub node: String,
    /// Who started the run.
    pub user: Option<String>,
    /// The trace the run belongs to.
    pub trace: Option<String>,
}

/// One thing that happened. Durations are microseconds.
#[derive(Clone, Debug)]
pub enum Event {
    /// A statement reached its end, well or badly (`error` is the kind's code).
    Statement {
        model: Arc<str>,
        operation: &'static str,
        sql: Arc<str>,
        rows: u64,
        duration_us: u64,
        error: Option<&'static str>,
        labels: Option<Arc<Labels>>,
    },
    /// A transaction began or ended: `begin`, `commit`, `rollback`, `savepoint`, `release`, `unknown`; its labels are
    /// those it was begun with.
    Transaction { action: &'static str, duration_us: u64, labels: Option<Arc<Labels>> },
    /// Rows changed, told after the commit that made it so.
    RowsChanged {
        model: Arc<str>,
        table: Arc<str>,
        operation: &'static str,
        tenant: Option<Arc<str>>,
        rows: u64,
        keys: Vec<String>,
        labels: Option<Arc<Labels>>,
    },
    /// The pool opened or closed a connection, or made somebody wait too long: `open`, `close`, `discard`, `timeout`.
    Pool { action: &'static str, reason: &'static str },
    /// A closed span of one of the stations (`dataflow.plan`, `dataflow.acquire`, …).
    Span { name: &'static str, duration_us: u64, labels: Option<Arc<Labels>> },
}

impl Event {
    /// The names `db.on` takes.
    pub const KINDS: &'static [&'static str] = &["statement", "transaction", "rows_changed", "pool", "span"];

    pub const fn kind(&self) -> &'static str {
        match self {
            Event::Statement { .. } => "statement",
            Event::Transaction { .. } => "transaction",
            Event::RowsChanged { .. } => "rows_changed",
            Event::Pool { .. } => "pool",
            Event::Span { .. } => "span",
        }
    }

    /// In whose name it happened; None outside of workflows, and for the pool, which serves all.
    pub fn labels(&self) -> Option<&Labels> {
        match self {
            Event::Statement { labels, .. }
            | Event::Transaction { labels, .. }
            | Event::RowsChanged { labels, .. }
            | Event::Span { labels, .. } => labels.as_deref(),
            Event::Pool { .. } => None,
        }
    }
}
