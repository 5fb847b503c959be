//! Writes that change or remove stored rows, and removals by key.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use dataflow_core::batch::{Given, take_rows};
use dataflow_core::dialect::Statement;
use dataflow_core::merge::{Cells, Duplicates, Fate, Keys, deduplicate, stale};
use dataflow_core::plan::{Assignment, Plan, ScopedPlan, Selection};
use dataflow_core::schema::{ColumnSchema, Role, TableSchema};
use dataflow_core::value::Value;
use dataflow_core::{Error, Result};

use super::append::whole_schema;
use super::counts::{Changed, TOLD_KEYS};
use super::load::{Part, repeats};
use super::matching::Becomes;
use super::merge::check_keys;
use super::returned::{Found, told_nothing};
use super::{Counts, Rows, Write, Writer, Written};
use crate::session::{Effect, Session};

impl Write {
    pub(super) fn without_rows(&self, table: &TableSchema) -> Result<Option<Written>> {
        match self {
            Write::DeleteRows { rows, return_rows, part, .. } if rows.count() == 0 => {
                told_nothing(table, part.as_ref().map_or(0, |part| part.first), *return_rows).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Rows by key, as of [`Write::DeleteRows`].
struct DeleteRows<'a> {
    rows: &'a Rows,
    hard: bool,
    return_rows: bool,
    part: Option<&'a Part>,
}

impl Writer<'_> {
    pub(super) async fn change(&self, session: &mut Session, write: &Write) -> Result<Written> {
        match write {
            Write::UpdateOne { filter, values, update } => self.update_one(session, filter, values, update).await,
            Write::UpdateMatching { filter, values, update, max_affected, return_rows } => {
                let becomes = Becomes { values, update };
                self.update_matching(session, filter, becomes, *max_affected, *return_rows).await
            }
            Write::DeleteOne { filter, version, hard } => self.delete_one(session, filter, *version, *hard).await,
            Write::DeleteMatching { filter, max_affected, hard, return_rows } => {
                self.delete_matching(session, filter, *max_affected, *hard, *return_rows).await
            }
            Write::DeleteRows { rows, hard, return_rows, part } => {
                let (hard, return_rows, part) = (*hard, *return_rows, part.as_ref());
                self.delete_rows(session, DeleteRows { rows, hard, return_rows, part }).await
            }
            Write::Append { .. } | Write::Upsert { .. } | Write::UpdateRows { .. } => {
                Err(Error::internal("a write that brings rows is no change"))
            }
        }
    }

    /// What DataFlow keeps itself in a row that changes.
    pub(super) fn managed(&self) -> impl Iterator<Item = (usize, Assignment)> {
        let now = Assignment::Value(Value::Instant(self.now));
        let version = self.table.role(Role::Version).map(|at| (at, Assignment::Increment));
        version.into_iter().chain(self.table.role(Role::UpdatedAt).map(|at| (at, now)))
    }

    async fn delete_rows(&self, session: &mut Session, write: DeleteRows<'_>) -> Result<Written> {
        let DeleteRows { rows, hard, return_rows, part } = write;
        let given = rows.whole(&self.table)?;
        check_keys(&self.table, &given)?;
        let keys = Keys::of(&self.table, &self.table.key, &given.batch)?;
        let goes = deduplicate(&keys, Duplicates::First, 0)?;
        let repeats = repeats(part, &keys, Duplicates::First)?;
        let fate = |row: usize| match repeats[row] {
            Some(of) => Fate::Repeated { of, stored: None },
            _ if goes[row] != row => Fate::Duplicate { of: goes[row] },
            None => Fate::Missing,
        };
        let mut fates: Vec<Fate> = (0..given.rows()).map(fate).collect();
        let going: Vec<usize> = keys.order().iter().copied().filter(|&row| fates[row] == Fate::Missing).collect();
        let version = self.table.role(Role::Version).filter(|&at| !given.lacks(at));
        // Nothing is compared or given back, and so many keys are not told: the rows need not be read.
        if !return_rows && version.is_none() && going.len() > TOLD_KEYS && self.reaches_by_key() {
            return self.delete_unread(session, &given, &going, hard).await;
        }
        let columns: Vec<usize> = match return_rows {
            true => (0..self.table.columns.len()).collect(),
            false => self.table.key.iter().copied().chain(version).collect(),
        };
        let (mut found, mut before) = (Vec::new(), 0);
        for piece in going.chunks(self.most_keys()) {
            let wanted = self.key_list(&take_rows(&given.batch, piece)?)?;
            let stored = self.find_columns(session, &columns, wanted, hard).await?;
            self.meet_to_delete(&given.take(piece)?, piece, &stored, |row, at| {
                fates[row] = Fate::Delete { stored: before + at };
            })?;
            self.remove_found(session, &stored, hard).await?;
            before += stored.num_rows();
            found.push(stored);
        }
        let stored = match found.first() {
            Some(first) => {
                concat_batches(&first.schema(), &found).map_err(|error| Error::internal(error.to_string()))?
            }
            None => RecordBatch::new_empty(whole_schema(&self.table).into()),
        };
        let written = self.deleted(Counts::of(&fates), Some(&stored))?;
        if !return_rows {
            return Ok(written);
        }
        let none = stored.slice(0, 0);
        let first = part.map_or(0, |part| part.first);
        Found { table: &self.table, given: Some(&given), stored: &stored, changed: &none, added: &none, order: &[] }
            .told(written, &fates, first)
    }

    async fn delete_unread(
        &self,
        session: &mut Session,
        given: &Given,
        going: &[usize],
        hard: bool,
    ) -> Result<Written> {
        let mut counts = Counts { duplicate: (given.rows() - going.len()) as u64, ..Counts::default() };
        for piece in going.chunks(self.most_keys()) {
            let wanted = self.key_list(&take_rows(&given.batch, piece)?)?;
            let deleted = self.remove(session, wanted, hard).await?;
            counts.deleted += deleted;
            counts.missing += piece.len() as u64 - deleted;
        }
        self.deleted(counts, None)
    }

    /// Tells which of the given rows are there: their numbers in the data, which are `rows`, and those of the stored
    /// rows. A row that gives its version is deleted only as that.
    fn meet_to_delete(
        &self,
        given: &Given,
        rows: &[usize],
        stored: &RecordBatch,
        mut met: impl FnMut(usize, usize),
    ) -> Result<()> {
        let keys = |batch| Keys::of(&self.table, &self.table.key, batch);
        let at = keys(&given.batch)?.find_in(&keys(stored)?);
        let version = match self.table.role(Role::Version).filter(|&at| !given.lacks(at)) {
            None => None,
            Some(at) => {
                let ColumnSchema { ty, name, .. } = &self.table.columns[at];
                Some((at, name, Cells::new(ty, given.batch.column(at), stored.column(at))?))
            }
        };
        for (row, stored) in at.into_iter().enumerate() {
            let Some(stored) = stored else { continue };
            if let Some((at, name, versions)) = &version
                && given.is_given(*at, row)
                && versions.differ(row, stored)?
            {
                return Err(stale(&self.table).path(format!("data[{}].{name}", rows[row])));
            }
            met(rows[row], stored);
        }
        Ok(())
    }

    pub(super) fn deleted(&self, counts: Counts, rows: Option<&RecordBatch>) -> Result<Written> {
        let changed = vec![Changed::new("delete", counts.deleted, &self.table, rows)?];
        Ok(Written { counts, changed, ..Written::default() })
    }

    fn key_list(&self, batch: &RecordBatch) -> Result<Selection> {
        let schema = batch.schema();
        let places = self.table.names(&self.table.key).into_iter().map(|name| schema.index_of(name));
        let keys = places.collect::<Result<Vec<_>, _>>().and_then(|places| batch.project(&places));
        let keys = keys.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Selection::Keyed { columns: self.table.key.clone(), keys })
    }

    /// Removes rows that are locked.
    pub(super) async fn remove_found(&self, session: &mut Session, stored: &RecordBatch, hard: bool) -> Result<u64> {
        if stored.num_rows() == 0 {
            return Ok(0);
        }
        let removed = self.remove(session, self.key_list(stored)?, hard).await?;
        if removed != stored.num_rows() as u64 {
            return Err(Error::internal("a row that was locked is gone"));
        }
        Ok(removed)
    }

    /// As [`Self::remove_found`], however many they are.
    pub(super) async fn remove_all_found(&self, session: &mut Session, stored: &RecordBatch, hard: bool) -> Result<()> {
        let (rows, most) = (stored.num_rows(), self.most_keys());
        for at in (0..rows).step_by(most) {
            self.remove_found(session, &stored.slice(at, most.min(rows - at)), hard).await?;
        }
        Ok(())
    }

    async fn remove(&self, session: &mut Session, selection: Selection, hard: bool) -> Result<u64> {
        let scoped = self.removal(selection, hard)?;
        let statement = self.removal_statement(&scoped)?;
        Ok(self.send(session, &scoped, &statement, Effect::Nothing).await?.affected)
    }

    /// Whether one statement reaches the rows of a list of keys in the order of the keys, and so locks them in it.
    fn reaches_by_key(&self) -> bool {
        self.many && !self.nested && self.dialect.by_key_only().is_some() && self.table.key.len() == 1
    }

    /// A soft-deleted row stays, marked with the time.
    pub(super) fn removal(&self, selection: Selection, hard: bool) -> Result<ScopedPlan> {
        let table = Arc::clone(&self.table);
        self.scoped(match self.table.role(Role::DeletedAt).filter(|_| !hard) {
            None => Plan::Remove { table, selection, include_deleted: hard },
            Some(deleted_at) => {
                let now = Assignment::Value(Value::Instant(self.now));
                let assignments = std::iter::once((deleted_at, now)).chain(self.managed()).collect();
                Plan::Change { table, selection, assignments, include_deleted: false }
            }
        })
    }

    pub(super) fn removal_statement(&self, scoped: &ScopedPlan) -> Result<Statement> {
        match scoped.plan() {
            Plan::Remove { .. } => Statement::remove(self.dialect.as_ref(), scoped),
            _ => Statement::change(self.dialect.as_ref(), scoped),
        }
    }
}
