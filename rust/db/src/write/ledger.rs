//! What is done once: an entry of the ledger is begun before the work and made done after it, in one transaction with
//! the data, so that both are there or neither.

use std::sync::Arc;

use dataflow_core::dialect::Statement;
use dataflow_core::ledger::{Entry, EntryKey, Kind, done_before};
use dataflow_core::plan::{Plan, Scope};
use dataflow_core::{Error, ErrorKind, Result};

use super::append::Append;
use super::{Counts, Job, Rows, Write, Writer, Written};
use crate::context::Context;
use crate::database::Database;
use crate::session::{Effect, Session};

/// Whether something is still to be done.
pub(super) enum Claimed {
    New,
    /// It was done before, with this result.
    Done(String),
}

/// A bulk write that happens once.
pub(super) struct Load {
    pub entry: Entry,
    pub rows: u64,
}

impl Load {
    pub fn new(writer: &Writer<'_>, key: EntryKey, (input_hash, rows): (String, u64)) -> Result<Self> {
        let tenant = writer.scope.tenant_of(&writer.table)?.cloned();
        let scope = writer.table.full_name();
        Ok(Load { entry: Entry { tenant, scope, kind: Kind::Load, key, input_hash }, rows })
    }
}

impl Database {
    /// Forgets what was done longer ago than `older_than` (microseconds), of the context's tenant where there is one;
    /// returns how many entries it were. What is forgotten happens anew when it is run again.
    pub async fn prune_ledger(&self, older_than: i64, context: &Context) -> Result<u64> {
        let filter = done_before(context.now_us().saturating_sub(older_than), context.tenant.as_ref());
        let write = Write::DeleteMatching { filter, max_affected: None, hard: true };
        Ok(self.write(self.ledger(), write, None, context).await?.counts.deleted)
    }
}

impl Writer<'_> {
    /// The write, unless its load was done before.
    pub(super) async fn run_once(&self, session: &mut Session, job: &mut Job, load: &Load) -> Result<Written> {
        let ledger = self.ledger();
        if let Claimed::Done(result) = ledger.claim(session, &load.entry).await? {
            return Ok(Written { counts: Counts::read(&result)?, replayed: true, ..Written::default() });
        }
        let written = match job.without_rows(&self.table) {
            Some(nothing) => nothing,
            None => self.run_job(session, job, Effect::Nothing).await?,
        };
        ledger.complete(session, &load.entry, load.rows, &written.counts.render()?).await?;
        Ok(written)
    }

    /// The way to the ledger's own rows. The tenant is in their key, not in the scope: the table belongs to us.
    fn ledger(&self) -> Writer<'_> {
        let table = Arc::clone(&self.db.ledger().schema);
        let scope = Scope { tenant: None, labels: self.scope.labels.clone() };
        Writer { table, scope, dialect: Arc::clone(&self.dialect), limits: self.limits.clone(), load: None, ..*self }
    }

    /// Begins an entry, or tells how it ended before; in the transaction of what is to be done.
    ///
    /// Another transaction that has begun the same entry is waited for.
    ///
    /// # Errors
    /// `LoadMismatch` when it was done with other input; `SerializationFailure` when another transaction has done it
    /// meanwhile: run again from the start of the transaction, this finds it.
    pub(super) async fn claim(&self, session: &mut Session, entry: &Entry) -> Result<Claimed> {
        // What is found is read again under a lock: under READ UNCOMMITTED it may be of a transaction that is undone
        // yet. A lock on what is not there would make two that come at once deadlock on MariaDB.
        let mut found = self.result_of(session, entry, false).await?;
        if found.is_some() && !self.dialect.lock_rows().is_empty() {
            found = self.result_of(session, entry, true).await?;
        }
        if let Some(result) = found {
            return Ok(Claimed::Done(result));
        }
        let row = Rows::Given(entry.row(&self.table)?);
        let mut append = Append::new(&self.table, &self.scope, row, false, self.now, None)?;
        match self.append(session, &mut append, Effect::Nothing).await {
            Ok(_) => Ok(Claimed::New),
            Err(error) if error.kind() == ErrorKind::UniqueViolation => Err(entry.overtaken()),
            Err(error) => Err(error),
        }
    }

    /// Makes a claimed entry done.
    pub(super) async fn complete(&self, session: &mut Session, entry: &Entry, rows: u64, result: &str) -> Result<()> {
        let assignments = entry.completion(rows, result, self.now);
        let (table, selection) = (Arc::clone(&self.table), entry.selection());
        let scoped = self.scoped(Plan::Change { table, selection, assignments, include_deleted: false })?;
        let statement = Statement::change(self.dialect.as_ref(), &scoped)?;
        match self.send(session, &scoped, &statement, Effect::Nothing).await?.affected {
            1 => Ok(()),
            changed => Err(Error::internal(format!("a claimed entry of the ledger was changed {changed} times"))),
        }
    }

    async fn result_of(&self, session: &mut Session, entry: &Entry, lock: bool) -> Result<Option<String>> {
        let stored = self.read(session, None, entry.selection(), None, false, lock).await?;
        entry.result_in(&self.table, &stored)
    }
}
