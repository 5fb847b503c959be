//! The write funnel: every row that enters, changes or leaves the database passes here.

mod append;
mod brief;
mod change;
mod counts;
mod direct;
mod form;
mod generated;
mod input;
mod job;
mod keys;
mod ledger;
mod load;
mod matching;
mod merge;
mod one;
mod operators;
mod piece;
mod plain;
mod ranges;
mod reject;
mod returned;
mod rows;
mod run;
mod staged;
mod stream;
mod sync;
mod writer;

use std::sync::Arc;

use arrow_array::RecordBatch;
use dataflow_core::batch::Given;
use dataflow_core::filter::Filter;
use dataflow_core::ledger::State;
use dataflow_core::merge::{Duplicates, OnMatch, OnMissing};
use dataflow_core::outcomes::Outcomes;
use dataflow_core::reject::Reject;
use dataflow_core::update::Update;
use dataflow_core::{Error, ErrorKind, Result};

use self::counts::Changed;
pub use self::counts::Counts;
use self::form::MANY;
use self::job::Job;
use self::ledger::Step;
pub use self::load::{Part, SeenKeys};
pub use self::operators::Operators;
pub use self::ranges::Ranges;
use self::reject::Sieve;
pub use self::reject::Tolerance;
pub use self::rows::Rows;
pub use self::run::{LoadPiece, LoadRun};
pub use self::sync::Within;
use self::writer::Writer;
pub(crate) use self::writer::named;
use crate::context::Context;
use crate::database::{Database, Table};
use crate::driver::Access;
use crate::session::Effect;

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
        /// Where there is one row: what else becomes of it.
        operators: Option<Arc<Operators>>,
        return_rows: bool,
        part: Option<Part>,
        /// Other rows that this finds are removed.
        within: Option<Within>,
    },
    /// Rows that are there, each with values of its own, found by key.
    UpdateRows { rows: Rows, on_missing: OnMissing, duplicates: Duplicates, return_rows: bool, part: Option<Part> },
    /// The one row that matches, with the values of the one row given and what operators make of it.
    UpdateOne { filter: Filter, values: Given, update: Update },
    /// Every row that matches, with the values of the one row given and what operators make of it; no more than
    /// `max_affected` change.
    UpdateMatching { filter: Filter, values: Given, update: Update, max_affected: Option<u64>, return_rows: bool },
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

    /// Which rows it is about, where a filter says it.
    const fn filter(&self) -> Option<&Filter> {
        match self {
            Write::UpdateOne { filter, .. }
            | Write::UpdateMatching { filter, .. }
            | Write::DeleteOne { filter, .. }
            | Write::DeleteMatching { filter, .. } => Some(filter),
            _ => None,
        }
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
        let (part, filter) = (write.part().cloned(), write.filter().cloned());
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
        self.make_related_ready(table, filter.as_ref().map(Filter::related).unwrap_or_default(), context).await?;
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
            ready: table.ready.get().copied(),
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
