//! What the funnels tell the world: plain facts, never values.

use std::sync::Arc;

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
    },
    /// A transaction began or ended: `begin`, `commit`, `rollback`, `savepoint`, `release`, `unknown`.
    Transaction { action: &'static str, duration_us: u64 },
    /// Rows changed, told after the commit that made it so.
    RowsChanged {
        model: Arc<str>,
        table: Arc<str>,
        operation: &'static str,
        tenant: Option<Arc<str>>,
        rows: u64,
        keys: Vec<String>,
    },
    /// The pool opened or closed a connection, or made somebody wait too long: `open`, `close`, `discard`, `timeout`.
    Pool { action: &'static str, reason: &'static str },
    /// A closed span of one of the stations (`dataflow.plan`, `dataflow.acquire`, …).
    Span { name: &'static str, duration_us: u64 },
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
}
