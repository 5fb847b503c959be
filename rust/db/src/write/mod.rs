//! The write funnel: every row that enters, changes or leaves the database passes here.

mod append;
mod change;
mod counts;
mod form;
mod generated;
mod input;
mod keys;
mod ledger;
mod load;
mod matching;
mod merge;
mod one;
mod piece;
mod reject;
mod returned;
mod rows;
mod run;
mod staged;
mod stream;
mod sync;

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use dataflow_core::batch::Given;
use dataflow_core::dialect::{Dialect, Statement};
use dataflow_core::filter::Filter;
use dataflow_core::ledger::State;
use dataflow_core::merge::{Duplicates, OnMatch, OnMissing};
use dataflow_core::outcomes::Outcomes;
use dataflow_core::plan::{Order, Plan, ReadPlan, Scope, ScopedPlan, Selection};
use dataflow_core::reject::Reject;
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use tokio::time::Instant;

use self::append::Append;
use self::counts::Changed;
pub use self::counts::Counts;
use self::form::{MANY, widened};
use self::ledger::Step;
pub use self::load::{Part, SeenKeys};
use self::reject::Sieve;
pub use self::reject::Tolerance;
pub use self::rows::Rows;
pub use self::run::{LoadPiece, LoadRun};
pub use self::sync::Within;
use crate::context::Context;
use crate::database::{Database, Table};
use crate::driver::{Access, BulkForm, Reply};
use crate::execute::{Begin, Label, begin, begin_change, commit, control, rollback, run};
use crate::fetch::prove_tenant;
use crate::session::{Effect, GRACE, Limits, Session};

/// How often a write is run that meets others in its way.
const ATTEMPTS: u32 = 10;

/// What is to be written.
#[derive(Clone)]
pub enum Write {
    /// New rows.
    Append { rows: Rows, return_rows: bool, part: Option<Part> },
    /// Rows that are inserted or, where `conflict_on` finds them, updated or left.
    Upsert {
        rows: Rows,
        conflict_on: Vec<usize>,
        on_match: OnMatch,
        duplicates: Duplicates,
        update: Option<Vec<usize>>,
        return_rows: bool,
        part: Option<Part>,
        /// Other rows that this finds are removed.
        within: Option<Within>,
    },
    /// Rows that are there, each with values of its own, found by key.
    UpdateRows { rows: Rows, on_missing: OnMissing, duplicates: Duplicates, return_rows: bool, part: Option<Part> },
    /// The one row that matches, with the values of the one row given.
    UpdateOne { filter: Filter, values: Given },
    /// Every row that matches, with the values of the one row given; no more than `max_affected` change.
    UpdateMatching { filter: Filter, values: Given, max_affected: Option<u64>, return_rows: bool },
    /// The one row that matches; `version` is the one it must have.
    DeleteOne { filter: Filter, version: Option<i64>, hard: bool },
    /// Every row that matches, but no more than `max_affected`.
    DeleteMatching { filter: Filter, max_affected: Option<u64>, hard: bool, return_rows: bool },
    /// Rows by key; of the rows given only key and version are read.
    DeleteRows { rows: Rows, hard: bool, return_rows: bool, part: Option<Part> },
}

/// What a write did.
#[derive(Clone, Debug, Default)]
pub struct Written {
    pub counts: Counts,
    /// The rows as stored, or as they were before they were deleted, in the order given, where asked for.
    pub rows: Option<RecordBatch>,
    /// How each row ended, where the rows were asked for; not told of one that was written alone.
    pub outcomes: Option<Outcomes>,
    /// Whether it was done before under its load id, and nothing was written now.
    pub replayed: bool,
    /// The rows that were refused and left out, in input order; None where none may be, or it was done before.
    pub rejects: Option<Vec<Reject>>,
    changed: Vec<Changed>,
    /// What the ledger says, where it is not what was expected: then nothing was written.
    elsewhere: Option<State>,
}

impl Write {
    /// Whether it never changes a row that is there.
    const fn only_adds(&self) -> bool {
        matches!(self, Write::Append { .. } | Write::Upsert { on_match: OnMatch::Ignore | OnMatch::Refuse, .. })
    }

    /// Where its rows are only some of what a load brings.
    fn part(&self) -> Option<&Part> {
        match self {
            Write::Append { part, .. }
            | Write::Upsert { part, .. }
            | Write::UpdateRows { part, .. }
            | Write::DeleteRows { part, .. } => part.as_ref(),
            _ => None,
        }
    }
}

impl Database {
    /// Writes all or nothing, in the context's transaction or in one of its own; with a load id no more than once.
    /// With a `tolerance` rows that are refused are left out, and all others written.
    ///
    /// # Errors
    /// Every refusal of a value (path `data[row].field`) and of the database, `NotFound`, `MultipleRows`, `StaleRow`,
    /// `DuplicateRow`, `KeyMismatch`, `AppendOnly`, `LoadMismatch`, `TooManyRejects`, and `CommitOutcomeUnknown`.
    pub async fn write(
        &self,
        table: &Table,
        mut write: Write,
        load: Option<LoadPiece>,
        tolerance: Option<Tolerance>,
        context: &Context,
    ) -> Result<Written> {
        let schema = &table.schema;
        context.scope().tenant_of(schema)?;
        if schema.append_only && !write.only_adds() {
            return Err(Error::new(ErrorKind::AppendOnly, format!("the rows of {} are never changed", schema.model))
                .hint("its model says append_only: only new rows are taken"));
        }
        let tolerance = tolerance.filter(|_| write.rows().is_some());
        if let (Some(tolerance), Some(rows)) = (&tolerance, write.rows_mut()) {
            let given = std::mem::replace(rows, Rows::Sifted(Arc::default()));
            *rows = Rows::Sifted(given.sifted(schema, tolerance.quarantine.is_some(), &context.cancel).await?);
        }
        match load {
            None => self.write_step(table, write, None, tolerance.as_ref(), context).await,
            Some(piece) => Box::pin(self.write_piece(table, write, &piece, tolerance.as_ref(), context)).await,
        }
    }

    /// One attempt, which leaves nothing behind where the ledger says that another step is the next one.
    async fn write_step(
        &self,
        table: &Table,
        write: Write,
        step: Option<Step>,
        tolerance: Option<&Tolerance>,
        context: &Context,
    ) -> Result<Written> {
        let schema = &table.schema;
        let now = context.now_us();
        let part = write.part().cloned();
        let mut job = match tolerance {
            Some(tolerance) => Job::Sift(Sieve::new(schema, write, tolerance.clone())?),
            None => {
                generated::check(schema, &write)?;
                Job::new(schema, &context.scope(), write, now)?
            }
        };
        if context.transaction.as_ref().is_some_and(|transaction| transaction.read_only()) {
            return Err(Error::new(ErrorKind::TransactionState, "this transaction is read-only"));
        }
        self.make_ready(table, context).await?;
        match (&step, job.without_rows(schema)?) {
            (Some(_), _) => self.make_ready(self.ledger(), context).await?,
            (None, Some(nothing)) => return Ok(nothing),
            (None, None) => {}
        }
        if tolerance.is_some_and(|tolerance| tolerance.quarantine.is_some()) {
            self.make_ready(self.quarantine(), context).await?;
        }
        let limits = context.limits();
        let writer = Writer {
            db: self,
            table: Arc::clone(schema),
            scope: context.scope(),
            dialect: self.dialect(&limits, context.labels.as_ref()).await?,
            bulk_form: self.bulk_form(&limits).await?,
            limits,
            now,
            snapshot: context.transaction.as_ref().is_some_and(|transaction| transaction.sees_the_past()),
            step,
            part,
            nested: context.transaction.is_some() || matches!(job, Job::Sift(_)),
            many: job.rows_met() > MANY,
        };
        match &context.transaction {
            Some(transaction) => {
                let mut held = transaction.hold(&writer.limits).await?;
                let result = writer.run(held.session()?, &mut job, Effect::Nothing).await;
                let result = result.map_err(|error| writer.named(error));
                match &result {
                    Ok(written) => writer.events(written).for_each(|event| held.after_commit(event)),
                    Err(_) => held.abort(),
                }
                result
            }
            None => {
                let mut session = self.session(Access::Write, &writer.limits, context.labels.as_ref()).await?;
                let result = writer.run_with_retries(&mut session, &mut job).await;
                result.map_err(|error| writer.named(error))
            }
        }
    }
}

/// A write whose rows are checked as far as they can be before anything is asked of the server.
enum Job {
    Append(Append),
    Merge(merge::Merge),
    Change(Write),
    /// Rows of which some may be refused: the others are jobs of their own.
    Sift(Sieve),
}

impl Job {
    fn new(table: &Arc<TableSchema>, scope: &Scope, write: Write, now: i64) -> Result<Self> {
        match write {
            Write::Append { rows, return_rows, part } => {
                let append = Append::new(table, scope, rows, return_rows, now, None)?;
                Ok(Job::Append(append.after(part.map_or(0, |part| part.first))))
            }
            write @ (Write::Upsert { .. } | Write::UpdateRows { .. }) => {
                merge::Merge::new(table, write, now)?.with_target(table).map(Job::Merge)
            }
            write => Ok(Job::Change(write)),
        }
    }

    /// How many stored rows it may meet by their keys.
    fn rows_met(&self) -> usize {
        match self {
            Job::Merge(merge) => merge.rows(),
            Job::Change(Write::DeleteRows { rows, .. }) => rows.count(),
            Job::Append(_) | Job::Sift(_) | Job::Change(_) => 0,
        }
    }

    /// As [`Self::new`] for some rows of a write: what is asked of all of them was asked.
    fn of_some(table: &Arc<TableSchema>, scope: &Scope, write: Write, now: i64) -> Result<Self> {
        match write {
            write @ (Write::Upsert { .. } | Write::UpdateRows { .. }) => {
                merge::Merge::new(table, write, now).map(Job::Merge)
            }
            write => Job::new(table, scope, write, now),
        }
    }

    /// Whether it reads no row to decide what it writes.
    const fn only_appends(&self) -> bool {
        match self {
            Job::Append(_) => true,
            Job::Sift(sieve) => sieve.only_appends(),
            Job::Merge(_) | Job::Change(_) => false,
        }
    }

    /// What is written when there are no rows to write: nothing is asked of the server.
    fn without_rows(&self, table: &TableSchema) -> Result<Option<Written>> {
        match self {
            Job::Append(append) => append.without_rows(),
            Job::Merge(merge) => merge.without_rows(table),
            Job::Change(write) => write.without_rows(table),
            Job::Sift(sieve) => sieve.without_rows(table),
        }
    }
}

/// One write on its way: where it goes, in whose name, and until when.
struct Writer<'a> {
    db: &'a Database,
    table: Arc<TableSchema>,
    scope: Scope,
    dialect: Arc<dyn Dialect>,
    bulk_form: BulkForm,
    limits: Limits,
    now: i64,
    /// Whether the transaction sees the past: rows that others have added since do not show.
    snapshot: bool,
    /// Where the write is to happen once.
    step: Option<Step>,
    /// Where the rows are only some of what a load brings.
    part: Option<Part>,
    /// Whether more of its transaction comes after it.
    nested: bool,
    /// Whether it meets so many stored rows that how they are reached matters.
    many: bool,
}

impl Writer<'_> {
    /// A deadlock is known to have kept nothing: the write is run again from its start.
    async fn run_with_retries(&self, session: &mut Session, job: &mut Job) -> Result<Written> {
        for attempt in 1..ATTEMPTS {
            match self.run_and_commit(session, job).await {
                Err(error) if self.may_retry(&error, session) => self.pause(attempt).await?,
                result => return result,
            }
        }
        self.run_and_commit(session, job).await
    }

    fn may_retry(&self, error: &Error, session: &Session) -> bool {
        let conflict = matches!(error.kind(), ErrorKind::Deadlock | ErrorKind::SerializationFailure);
        conflict && error.detail().outcome == Some(Outcome::RolledBack) && session.is_open()
    }

    /// Longer each time, and not the same for two that met.
    async fn pause(&self, attempt: u32) -> Result<()> {
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
    async fn run_and_commit(&self, session: &mut Session, job: &mut Job) -> Result<Written> {
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

    fn is_one_statement(&self, append: &Append) -> bool {
        let alone = self.step.is_none() && self.part.is_none();
        alone && append.is_one_statement(self.dialect.as_ref())
    }

    async fn begin_change(&self, session: &mut Session) -> Result<()> {
        begin_change(session, self.dialect.as_ref(), &self.limits).await?;
        if let Some(sql) = self.dialect.by_key_only().filter(|_| self.many) {
            control(session, &Statement::unscoped(sql, "plans of this transaction"), Effect::Nothing, &self.limits)
                .await?;
        }
        Ok(())
    }

    /// A unique violation under the model's own name of the constraint, whatever the database calls it.
    fn named(&self, error: Error) -> Error {
        let Some(told) = error.detail().constraint.clone().filter(|_| error.kind() == ErrorKind::UniqueViolation)
        else {
            return error;
        };
        let name = self.dialect.table_name(&self.table);
        let columns_of = |columns: &[usize]| {
            let columns = self.table.within_tenant(columns);
            columns.iter().map(|column| format!("{name}.{column}")).collect::<Vec<_>>().join(", ")
        };
        if told == self.dialect.key_constraint(&self.table) || told == columns_of(&self.table.key) {
            return error.constraint(Some(self.table.constraint_name("pk", &["key"])));
        }
        let index = self.table.unique_indexes().find(|index| {
            let columns: Vec<usize> = index.columns.iter().map(|order| order.column).collect();
            told == columns_of(&columns)
        });
        match index {
            Some(index) => error.constraint(Some(index.name)),
            None => error,
        }
    }

    async fn run(&self, session: &mut Session, job: &mut Job, effect: Effect) -> Result<Written> {
        match &self.step {
            None => self.run_job(session, job, effect).await,
            Some(step) => Box::pin(self.run_once(session, job, step)).await,
        }
    }

    async fn run_job(&self, session: &mut Session, job: &mut Job, effect: Effect) -> Result<Written> {
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
    fn told(&self, result: Result<Written>, expected: impl FnOnce() -> Written) -> Result<Written> {
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

    fn scoped(&self, plan: Plan) -> Result<ScopedPlan> {
        ScopedPlan::new(plan, &self.scope)
    }

    async fn send(
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
    async fn find(
        &self,
        session: &mut Session,
        selection: Selection,
        limit: Option<u64>,
        include_deleted: bool,
    ) -> Result<RecordBatch> {
        self.read(session, None, selection, limit, include_deleted, true).await
    }

    /// As [`Self::find`], with only some columns of the rows: the others come as null, each in its place.
    async fn find_columns(
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
    async fn read(
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
        let read = ReadPlan { table, columns, selection, order, limit, offset: 0, include_deleted, lock };
        let scoped = self.scoped(Plan::Read(read))?;
        let statement = Statement::query(self.dialect.as_ref(), &scoped)?;
        let reply = self.send(session, &scoped, &statement, Effect::Nothing).await?;
        prove_tenant(reply.rows, statement.tenant.as_ref())
    }
}
