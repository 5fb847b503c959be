//! The only file that sends SQL text.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use dataflow_core::dialect::{Dialect, Isolation, Statement};
use dataflow_core::event::{Event, Labels};
use dataflow_core::plan::ScopedPlan;
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};
use tokio::time::Instant;

use crate::driver::{Chunks, Reply};
use crate::event::EventBus;
use crate::fetch::{Outlet, text_cell};
use crate::planted::{Fault, planted};
use crate::session::{Effect, Exchange, Limits, Session};

/// How a transaction begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Begin {
    /// None: the server's default.
    pub isolation: Option<Isolation>,
    pub read_only: bool,
    /// Bounds the whole transaction; what runs when it expires is cancelled.
    pub timeout: Option<Duration>,
    /// Whether it reads rows under a lock, decides, and writes them: as [`begin_change`], with no other option.
    pub changes: bool,
}

/// Who asks, for events.
#[derive(Clone)]
pub(crate) struct Label {
    pub model: Arc<str>,
    pub operation: &'static str,
    /// The rows a write is about, where the server's count means something else.
    pub rows: Option<u64>,
    pub labels: Option<Arc<Labels>>,
    pub events: EventBus,
}

impl Label {
    pub fn new(scoped: &ScopedPlan, events: &EventBus) -> Self {
        let plan = scoped.plan();
        let model = Arc::from(plan.table().model.as_str());
        let labels = scoped.scope().labels.clone();
        Label { model, operation: plan.operation(), rows: None, labels, events: events.clone() }
    }

    fn tell(&self, sql: &str, started: Instant, result: &Result<Reply>) {
        self.events.emit(|| Event::Statement {
            model: Arc::clone(&self.model),
            operation: self.operation,
            sql: Arc::from(sql),
            rows: result
                .as_ref()
                .map_or(0, |reply| self.rows.unwrap_or_else(|| reply.affected.max(reply.rows.num_rows() as u64))),
            duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            error: result.as_ref().err().map(|error| error.kind().code()),
            labels: self.labels.clone(),
        });
    }
}

/// Runs a statement of an operation.
pub(crate) async fn run(
    session: &mut Session,
    statement: &Statement,
    effect: Effect,
    limits: &Limits,
    label: &Label,
) -> Result<Reply> {
    let started = Instant::now();
    let station = label.events.station("dataflow.execute", label.labels.as_ref());
    let result = session.exchange(limits, effect, Exchange::Run(statement)).await;
    drop(station);
    label.tell(&statement.sql, started, &result);
    result
}

/// Streams rows into a COPY of an operation.
pub(crate) async fn copy_in(
    session: &mut Session,
    statement: &Statement,
    chunks: &(dyn Fn() -> Chunks + Sync),
    limits: &Limits,
    label: &Label,
) -> Result<Reply> {
    let started = Instant::now();
    let station = label.events.station("dataflow.copy", label.labels.as_ref());
    let result = session.exchange(limits, Effect::Nothing, Exchange::CopyIn(statement, chunks)).await;
    drop(station);
    label.tell(&statement.sql, started, &result);
    result
}

/// Runs a query of an operation whose rows are taken while they come.
pub(crate) async fn fetch(
    session: &mut Session,
    statement: &Statement,
    outlet: &Outlet,
    limits: &Limits,
    label: &Label,
) -> Result<Reply> {
    let started = Instant::now();
    let station = label.events.station("dataflow.execute", label.labels.as_ref());
    let result = session.exchange(limits, Effect::Nothing, Exchange::Fetch(statement, outlet)).await;
    drop(station);
    label.tell(&statement.sql, started, &result);
    result
}

/// Runs a statement of our own: session control, catalogue, schema.
pub(crate) async fn control(
    session: &mut Session,
    statement: &Statement,
    effect: Effect,
    limits: &Limits,
) -> Result<()> {
    session.exchange(limits, effect, Exchange::Run(statement)).await.map(drop)
}

/// As [`control`], for a statement that returns rows.
pub(crate) async fn query(session: &mut Session, statement: &Statement, limits: &Limits) -> Result<RecordBatch> {
    Ok(session.exchange(limits, Effect::Nothing, Exchange::Run(statement)).await?.rows)
}

/// Opens a transaction; returns the isolation level the server reports, where one was asked for.
pub(crate) async fn begin(
    session: &mut Session,
    dialect: &dyn Dialect,
    options: &Begin,
    limits: &Limits,
) -> Result<Option<Isolation>> {
    let steps = dialect.begin(options.isolation, options.read_only);
    if let Some((sql, reset)) = steps.session_isolation {
        *session.reset_mut()? = Some(reset);
        control(session, &Statement::unscoped(sql, "isolation of the session"), Effect::Nothing, limits).await?;
    }
    session.in_transaction = true;
    control(session, &Statement::unscoped(steps.begin, "a transaction"), Effect::Nothing, limits).await?;
    let (Some(wanted), Some(sql)) = (options.isolation, steps.report) else {
        return Ok(options.isolation.map(|_| Isolation::Serializable));
    };
    let statement = Statement::unscoped(sql, "isolation read back")
        .returning(&[("isolation", LogicalType::Text { max_length: None })]);
    let reported = text_cell(&query(session, &statement, limits).await?, 0).replace('-', " ");
    match Isolation::parse(&reported) {
        Some(level) if level >= wanted => Ok(Some(level)),
        _ => Err(Error::new(
            ErrorKind::IsolationNotSet,
            format!("asked for {}, the server reports {reported}", wanted.sql()),
        )),
    }
}

/// Opens a transaction that reads rows under a lock, decides, and writes them.
pub(crate) async fn begin_change(session: &mut Session, dialect: &dyn Dialect, limits: &Limits) -> Result<()> {
    session.in_transaction = true;
    for sql in dialect.begin_change() {
        control(session, &Statement::unscoped(sql, "a transaction"), Effect::Nothing, limits).await?;
    }
    Ok(())
}

pub(crate) async fn commit(session: &mut Session, limits: &Limits) -> Result<()> {
    let result = control(session, &Statement::unscoped("COMMIT", "a transaction"), Effect::Commit, limits).await;
    settle_transaction(session, &result, limits).await;
    result
}

pub(crate) async fn rollback(session: &mut Session, limits: &Limits) -> Result<()> {
    if planted(Fault::ReuseCancelled) {
        session.in_transaction = false;
        return Ok(());
    }
    if !session.is_open() {
        return Ok(());
    }
    let result = control(session, &Statement::unscoped("ROLLBACK", "a transaction"), Effect::Nothing, limits).await;
    settle_transaction(session, &result, limits).await;
    result
}

/// Makes the session fit for the pool, or closes it when that is not known to have worked.
async fn settle_transaction(session: &mut Session, ended: &Result<()>, limits: &Limits) {
    if ended.is_err() {
        return session.discard("a transaction that did not end");
    }
    session.in_transaction = false;
    let reset = session.reset_mut().ok().and_then(Option::take);
    if let Some(sql) = reset {
        let statement = Statement::unscoped(sql, "isolation of the session");
        if control(session, &statement, Effect::Nothing, limits).await.is_err() {
            session.discard("an isolation level that could not be reset");
        }
    }
}
