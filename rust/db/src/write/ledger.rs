//! What is done once: an entry of the ledger is begun before the work and made done after it, in one transaction with
//! the data, so that both are there or neither.

use std::sync::Arc;

use dataflow_core::dialect::Statement;
use dataflow_core::ledger::{Entry, RowNumbers, State, Status, change_to, older_than};
use dataflow_core::plan::{Plan, Scope};
use dataflow_core::{Error, ErrorKind, Result};

use super::append::Append;
use super::counts::Progress;
use super::{Counts, Job, Rows, Write, Writer, Written};
use crate::context::Context;
use crate::database::Database;
use crate::session::{Effect, Session};

/// How far the rows of a write go.
pub(super) struct Mark {
    pub rows: u64,
    pub hash: String,
}

/// A write that happens once, or a piece of one: it goes from where the ledger is to where it will be then.
pub(super) struct Step {
    pub entry: Entry,
    pub from: Mark,
    pub to: Mark,
    /// Whether nothing comes after it.
    pub last: bool,
    /// What came of the rows before.
    pub before: Counts,
    /// Which of those were refused; None where no later run has to know.
    pub refused: Option<RowNumbers>,
}

impl Step {
    /// Whether the work has come just to where this step begins.
    fn begins_at(&self, state: &State) -> bool {
        let State { status, input_hash, rows_done, .. } = state;
        *status == Status::Running && *rows_done == self.from.rows && *input_hash == self.from.hash
    }

    fn state(&self, written: &Written, epoch: i64) -> Result<State> {
        let refused = match &self.refused {
            Some(before) => written.refused_after(before)?,
            None => RowNumbers::default(),
        };
        Ok(State {
            status: if self.last { Status::Done } else { Status::Running },
            input_hash: self.to.hash.clone(),
            rows_done: self.to.rows,
            result: Some(Progress { counts: self.before.and(written.counts), refused }.render()?),
            epoch,
        })
    }
}

/// What the ledger says when a step is to begin.
enum Claimed {
    /// It is for us to take; with the epoch of the entry.
    Step(i64),
    /// The work is elsewhere.
    Elsewhere(State),
}

impl Written {
    /// The rows that were refused before and here.
    pub(super) fn refused_after(&self, before: &RowNumbers) -> Result<RowNumbers> {
        let mut refused = before.clone();
        for reject in self.rejects.iter().flatten() {
            refused.add(reject.row as u64)?;
        }
        Ok(refused)
    }
}

impl Database {
    /// Forgets what was done longer ago than `older` (microseconds), of the context's tenant where there is one;
    /// returns how many entries it were. What is forgotten happens anew when it is run again, and so do the committed
    /// rows of loads that did not end, which are forgotten only if `unfinished`.
    pub async fn prune_ledger(&self, older: i64, unfinished: bool, context: &Context) -> Result<u64> {
        let filter = older_than(context.now_us().saturating_sub(older), context.tenant.as_ref(), unfinished);
        let write = Write::DeleteMatching { filter, max_affected: None, hard: true, return_rows: false };
        Ok(self.write(self.ledger(), write, None, None, context).await?.counts.deleted)
    }
}

impl Writer<'_> {
    /// The step, unless the ledger says that it is not the next one.
    pub(super) async fn run_once(&self, session: &mut Session, job: &mut Job, step: &Step) -> Result<Written> {
        let ledger = self.ledger();
        let epoch = match ledger.claim(session, step).await? {
            Claimed::Step(epoch) => epoch,
            Claimed::Elsewhere(state) => return Ok(Written { elsewhere: Some(state), ..Written::default() }),
        };
        let written = match job.without_rows(&self.table)? {
            Some(nothing) => nothing,
            None => self.run_job(session, job, Effect::Nothing).await?,
        };
        ledger.advance(session, &step.entry, epoch, &step.state(&written, epoch + 1)?).await?;
        Ok(written)
    }

    /// The way to the ledger's own rows. The tenant is in their key, not in the scope: the table belongs to us.
    fn ledger(&self) -> Writer<'_> {
        let table = Arc::clone(&self.db.ledger().schema);
        let scope = Scope { tenant: None, labels: self.scope.labels.clone() };
        let (dialect, limits) = (Arc::clone(&self.dialect), self.limits.clone());
        Writer { table, scope, dialect, limits, step: None, part: None, ..*self }
    }

    /// Locks the entry of a step, or begins it, in the transaction of what is to be done.
    ///
    /// Another transaction that has begun the same step is waited for.
    ///
    /// # Errors
    /// `SerializationFailure` when another transaction has begun the work meanwhile: run again from the start of the
    /// transaction, this finds it. `LoadMismatch` when the entry is gone.
    async fn claim(&self, session: &mut Session, step: &Step) -> Result<Claimed> {
        // What is found is read again under a lock: under READ UNCOMMITTED it may be of a transaction that is undone
        // yet. A lock on what is not there would make two that come at once deadlock on MariaDB.
        let locks = !self.dialect.lock_rows().is_empty();
        let known = step.from.rows > 0;
        let mut found = self.state_of(session, &step.entry, locks && known).await?;
        if found.is_some() && locks && !known {
            found = self.state_of(session, &step.entry, true).await?;
        }
        match found {
            Some(state) if step.begins_at(&state) => return Ok(Claimed::Step(state.epoch)),
            Some(state) => return Ok(Claimed::Elsewhere(state)),
            None if known => return Err(step.entry.forgotten()),
            None => {}
        }
        let begun = State::begun(step.from.hash.clone());
        let row = Rows::Given(step.entry.row(&self.table, &begun)?);
        let mut append = Append::new(&self.table, &self.scope, row, false, self.now, None)?;
        match self.append(session, &mut append, Effect::Nothing).await {
            Ok(_) => Ok(Claimed::Step(begun.epoch)),
            Err(error) if error.kind() == ErrorKind::UniqueViolation => Err(step.entry.overtaken()),
            Err(error) => Err(error),
        }
    }

    /// Brings a claimed entry to its next state.
    async fn advance(&self, session: &mut Session, entry: &Entry, epoch: i64, state: &State) -> Result<()> {
        let assignments = change_to(state, self.now);
        let (table, selection) = (Arc::clone(&self.table), entry.selection_at(epoch));
        let scoped = self.scoped(Plan::Change { table, selection, assignments, include_deleted: false })?;
        let statement = Statement::change(self.dialect.as_ref(), &scoped)?;
        match self.send(session, &scoped, &statement, Effect::Nothing).await?.affected {
            1 => Ok(()),
            changed => Err(Error::internal(format!("a claimed entry of the ledger was changed {changed} times"))),
        }
    }

    async fn state_of(&self, session: &mut Session, entry: &Entry, lock: bool) -> Result<Option<State>> {
        let stored = self.read(session, None, entry.selection(), None, false, lock).await?;
        Entry::state_in(&self.table, &stored)
    }
}
