//! How a write is run: attempts, transaction, commit, and the rows it reads under a lock.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use dataflow_core::dialect::{Dialect, Statement};
use dataflow_core::plan::{Order, Plan, ReadPlan, Scope, ScopedPlan, Selection};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use tokio::time::Instant;

use super::append::Append;
use super::form::widened;
use super::job::Job;
use super::ledger::Step;
use super::{Part, Written};
use crate::database::{Database, Ready};
use crate::driver::{BulkForm, Reply};
use crate::execute::{Begin, Label, begin, begin_change, commit, control, rollback, run};
use crate::fetch::prove_tenant;
use crate::session::{Effect, GRACE, Limits, Session};

/// How often a write is run that meets others in its way.
const ATTEMPTS: u32 = 10;

/// One write on its way: where it goes, in whose name, and until when.
pub(super) struct Writer<'a> {
    pub(super) db: &'a Database,
    pub(super) table: Arc<TableSchema>,
    pub(super) scope: Scope,
    pub(super) dialect: Arc<dyn Dialect>,
    pub(super) bulk_form: BulkForm,
    pub(super) limits: Limits,
    pub(super) now: i64,
    /// Whether the transaction sees the past: rows that others have added since do not show.
    pub(super) snapshot: bool,
    /// Where the write is to happen once.
    pub(super) step: Option<Step>,
    /// Where the rows are only some of what a load brings.
    pub(super) part: Option<Part>,
    /// Whether more of its transaction comes after it.
    pub(super) nested: bool,
    /// Whether it meets so many stored rows that how they are reached matters.
    pub(super) many: bool,
    /// What lets statements decide by themselves; None where nobody has asked.
    pub(super) ready: Option<Ready>,
}

impl Writer<'_> {
    /// Whether statements may decide for rows, as far as triggers are concerned.
    pub(super) fn decides(&self) -> bool {
        self.ready.is_some_and(|ready| ready.decides)
    }

    /// A deadlock is known to have kept nothing: the write is run again from its start.
    pub(super) async fn run_with_retries(&self, session: &mut Session, job: &mut Job) -> Result<Written> {
        for attempt in 1..ATTEMPTS {
            match self.run_and_commit(session, job).await {
                Err(error) if self.may_retry(&error, session) => self.pause(attempt).await?,
                result => return result,
            }
        }
        self.run_and_commit(session, job).await
    }

    pub(super) fn may_retry(&self, error: &Error, session: &Session) -> bool {
        let conflict = matches!(error.kind(), ErrorKind::Deadlock | ErrorKind::SerializationFailure);
        conflict && error.detail().outcome == Some(Outcome::RolledBack) && session.is_open()
    }

    /// Longer each time, and not the same for two that met.
    pub(super) async fn pause(&self, attempt: u32) -> Result<()> {
        let random = u64::from(uuid::Uuid::now_v7().as_bytes()[15]);
        let pause = tokio::time::sleep(Duration::from_millis(u64::from(attempt) * (2 + random / 16)));
        tokio::select! {
            () = pause => Ok(()),
            () = self.limits.cancel.cancelled() => {
                Err(Error::new(ErrorKind::Cancelled, "the operation was cancelled").outcome(Outcome::RolledBack))
            }
        }
    }

    /// One statement commits by itself; more share a transaction.
    pub(super) async fn run_and_commit(&self, session: &mut Session, job: &mut Job) -> Result<Written> {
        if let Job::Merge(merge) = job
            && let Some(result) = self.merge_alone(session, merge).await
        {
            return result;
        }
        if let Job::Append(append) = job
            && let Some(result) = self.append_alone(session, append).await
        {
            return result;
        }
        let result = match job {
            Job::Append(append) if self.is_one_statement(append) => {
                let result = self.append_all(session, append, Effect::Write).await;
                return self.told(result, || append.expected());
            }
            _ if job.only_appends() => {
                begin(session, self.dialect.as_ref(), &Begin::default(), &self.limits).await.map(drop)
            }
            _ => self.begin_change(session).await,
        };
        let result = match result {
            Ok(()) => self.run(session, job, Effect::Nothing).await,
            Err(error) => Err(error),
        };
        match result {
            // Nothing was written: a rollback ends it as well, and has no outcome that could be unknown.
            Ok(written) if written.elsewhere.is_some() => {
                rollback(session, &self.limits).await.ok();
                Ok(written)
            }
            Ok(written) => {
                let committed = commit(session, &self.limits).await.map(|()| written.clone());
                self.told(committed, || written)
            }
            Err(error) => {
                // After a cancel the limits are spent: the rollback has its own, and closes the connection if it fails.
                let limits = Limits { cancel: Default::default(), deadline: Some(Instant::now() + GRACE) };
                rollback(session, &limits).await.ok();
                Err(error.outcome(Outcome::RolledBack))
            }
        }
    }

    pub(super) fn is_one_statement(&self, append: &Append) -> bool {
        let alone = self.step.is_none() && self.part.is_none();
        alone && append.is_one_statement(self.dialect.as_ref())
    }

    pub(super) async fn begin_change(&self, session: &mut Session) -> Result<()> {
        begin_change(session, self.dialect.as_ref(), &self.limits).await?;
        if let Some(sql) = self.dialect.by_key_only().filter(|_| self.many) {
            control(session, &Statement::unscoped(sql, "plans of this transaction"), Effect::Nothing, &self.limits)
                .await?;
        }
        Ok(())
    }

    pub(super) fn named(&self, error: Error) -> Error {
        named(self.dialect.as_ref(), &self.table, error)
    }

    pub(super) async fn run(&self, session: &mut Session, job: &mut Job, effect: Effect) -> Result<Written> {
        match &self.step {
            None => self.run_job(session, job, effect).await,
            Some(step) => Box::pin(self.run_once(session, job, step)).await,
        }
    }

    pub(super) async fn run_job(&self, session: &mut Session, job: &mut Job, effect: Effect) -> Result<Written> {
        match job {
            Job::Append(append) => self.append_all(session, append, effect).await,
            Job::Merge(merge) => match &merge.within {
                Some(within) => Box::pin(self.sync(session, merge, within)).await,
                None => Box::pin(self.merge(session, merge)).await,
            },
            Job::Change(write) => Box::pin(self.change(session, write)).await,
            Job::Sift(sieve) => Box::pin(self.sift(session, sieve)).await,
        }
    }

    /// Tells what a commit changed, also when the caller was cancelled while it happened.
    pub(super) fn told(&self, result: Result<Written>, expected: impl FnOnce() -> Written) -> Result<Written> {
        let events = self.db.events();
        match &result {
            Ok(written) => self.events(written).for_each(|event| events.emit(|| event)),
            Err(error) if error.detail().outcome == Some(Outcome::Committed) => {
                self.events(&expected()).for_each(|event| events.emit(|| event));
            }
            Err(_) => {}
        }
        result
    }

    pub(super) fn scoped(&self, plan: Plan) -> Result<ScopedPlan> {
        ScopedPlan::new(plan, &self.scope)
    }

    pub(super) async fn send(
        &self,
        session: &mut Session,
        scoped: &ScopedPlan,
        statement: &Statement,
        effect: Effect,
    ) -> Result<Reply> {
        run(session, statement, effect, &self.limits, &Label::new(scoped, self.db.events())).await
    }

    /// Reads rows and locks them until the transaction ends, in the order of their keys: two writers that lock the
    /// same rows wait for each other instead of deadlocking.
    pub(super) async fn find(
        &self,
        session: &mut Session,
        selection: Selection,
        limit: Option<u64>,
        include_deleted: bool,
    ) -> Result<RecordBatch> {
        self.read(session, None, selection, limit, include_deleted, true).await
    }

    /// As [`Self::find`], with only some columns of the rows: the others come as null, each in its place.
    pub(super) async fn find_columns(
        &self,
        session: &mut Session,
        columns: &[usize],
        selection: Selection,
        include_deleted: bool,
    ) -> Result<RecordBatch> {
        let found = self.read(session, Some(columns.to_vec()), selection, None, include_deleted, true).await?;
        widened(&self.table, &found)
    }

    /// Rows in the order of their keys, locked or not.
    pub(super) async fn read(
        &self,
        session: &mut Session,
        columns: Option<Vec<usize>>,
        selection: Selection,
        limit: Option<u64>,
        include_deleted: bool,
        lock: bool,
    ) -> Result<RecordBatch> {
        let order = match selection {
            // They come in the order of the staged keys.
            Selection::Staged { .. } => Vec::new(),
            _ => self.table.key.iter().map(|&column| Order { column, descending: false }).collect(),
        };
        let table = Arc::clone(&self.table);
        let read = ReadPlan { columns, order, limit, include_deleted, lock, ..ReadPlan::of(table, selection) };
        let scoped = self.scoped(Plan::Read(read))?;
        let statement = Statement::query(self.dialect.as_ref(), &scoped)?;
        let reply = self.send(session, &scoped, &statement, Effect::Nothing).await?;
        prove_tenant(reply.rows, statement.tenant.as_ref())
    }
}

/// A unique violation under the model's own name of the constraint, whatever the database calls it.
pub(crate) fn named(dialect: &dyn Dialect, table: &TableSchema, error: Error) -> Error {
    let Some(told) = error.detail().constraint.clone().filter(|_| error.kind() == ErrorKind::UniqueViolation) else {
        return error;
    };
    let name = dialect.table_name(table);
    let columns_of = |columns: &[usize]| {
        let columns = table.within_tenant(columns);
        columns.iter().map(|column| format!("{name}.{column}")).collect::<Vec<_>>().join(", ")
    };
    if told == dialect.key_constraint(table) || told == columns_of(&table.key) {
        return error.constraint(Some(table.constraint_name("pk", &["key"])));
    }
    let index = table.unique_indexes().find(|index| {
        let columns: Vec<usize> = index.columns.iter().map(|order| order.column).collect();
        told == columns_of(&columns)
    });
    match index {
        Some(index) => error.constraint(Some(index.name)),
        None => error,
    }
}
