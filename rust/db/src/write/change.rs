//! Changes and removals of rows that a filter or a list of keys names.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_select::concat::concat_batches;
use dataflow_core::batch::{Given, cell, take_rows};
use dataflow_core::dialect::Statement;
use dataflow_core::filter::Filter;
use dataflow_core::merge::{Cells, Duplicates, Keys, deduplicate, stale};
use dataflow_core::plan::{Assignment, Plan, ScopedPlan, Selection};
use dataflow_core::schema::{ColumnSchema, Role, TableSchema};
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

use super::counts::{Changed, TOLD_KEYS};
use super::load::{Part, repeats};
use super::merge::check_keys;
use super::{Counts, Rows, Write, Writer, Written};
use crate::session::{Effect, Session};

impl Write {
    pub(super) fn without_rows(&self) -> Option<Written> {
        match self {
            Write::DeleteRows { rows, .. } if rows.count() == 0 => Some(Written::default()),
            _ => None,
        }
    }
}

impl Writer<'_> {
    pub(super) async fn change(&self, session: &mut Session, write: &Write) -> Result<Written> {
        match write {
            Write::UpdateOne { filter, values } => self.update_one(session, filter, values).await,
            Write::UpdateMatching { filter, values } => self.update_matching(session, filter, values).await,
            Write::DeleteOne { filter, version, hard } => self.delete_one(session, filter, *version, *hard).await,
            Write::DeleteMatching { filter, max_affected, hard } => {
                self.delete_matching(session, filter, *max_affected, *hard).await
            }
            Write::DeleteRows { rows, hard, part } => self.delete_rows(session, rows, *hard, part.as_ref()).await,
            Write::Append { .. } | Write::Upsert { .. } | Write::UpdateRows { .. } => {
                Err(Error::internal("a write that brings rows is no change"))
            }
        }
    }

    /// Rows that have the values already are counted and left alone: their version and times stay.
    async fn update_matching(&self, session: &mut Session, filter: &Filter, values: &Given) -> Result<Written> {
        self.check_versions(session, filter, values).await?;
        let given = values_of(&self.table, values)?;
        let differs = |(at, value): &(usize, Value<'static>)| Filter::Not(Box::new(Filter::equal(*at, value.clone())));
        let changes = Filter::Or(given.iter().map(differs).collect());
        let both = |second| Filter::And(vec![filter.clone(), second]);
        let unchanged = self.count(session, both(Filter::Not(Box::new(changes.clone())))).await?;
        let given = given.into_iter().map(|(at, value)| (at, Assignment::Value(value)));
        let assignments = given.chain(self.managed()).collect();
        let plan = Plan::Change {
            table: Arc::clone(&self.table),
            selection: Selection::Matching(both(changes)),
            assignments,
            include_deleted: false,
        };
        let scoped = self.scoped(plan)?;
        let statement = Statement::change(self.dialect.as_ref(), &scoped)?;
        let updated = self.send(session, &scoped, &statement, Effect::Nothing).await?.affected;
        let counts = Counts { updated, unchanged, matched: updated + unchanged, ..Counts::default() };
        let changed = vec![Changed::new("update", updated, &self.table, None)];
        Ok(Written { counts, changed, ..Written::default() })
    }

    /// A version among the values is the one that every row must have, and keep until it is changed.
    async fn check_versions(&self, session: &mut Session, filter: &Filter, values: &Given) -> Result<()> {
        let Some(column) = self.table.role(Role::Version).filter(|&at| values.is_given(at, 0)) else {
            return Ok(());
        };
        let ColumnSchema { ty, name, .. } = &self.table.columns[column];
        let wanted = cell(ty, values.batch.column(column), 0)?;
        let stored = self.find(session, Selection::Matching(filter.clone()), None, false).await?;
        for row in 0..stored.num_rows() {
            if !cell(ty, stored.column(column), row)?.same(&wanted) {
                return Err(stale(&self.table).path(format!("updates.{name}")));
            }
        }
        Ok(())
    }

    /// What DataFlow keeps itself in a row that changes.
    fn managed(&self) -> impl Iterator<Item = (usize, Assignment)> {
        let now = Assignment::Value(Value::Instant(self.now));
        let version = self.table.role(Role::Version).map(|at| (at, Assignment::Increment));
        version.into_iter().chain(self.table.role(Role::UpdatedAt).map(|at| (at, now)))
    }

    async fn count(&self, session: &mut Session, filter: Filter) -> Result<u64> {
        let selection = Selection::Matching(filter);
        let plan = Plan::Count { table: Arc::clone(&self.table), selection, include_deleted: false };
        let scoped = self.scoped(plan)?;
        let statement = Statement::query(self.dialect.as_ref(), &scoped)?;
        let rows = self.send(session, &scoped, &statement, Effect::Nothing).await?.rows;
        let count = rows.column(0).as_primitive::<Int64Type>().iter().next().flatten();
        count.and_then(|count| u64::try_from(count).ok()).ok_or_else(|| Error::internal("a count returned no row"))
    }

    async fn delete_one(
        &self,
        session: &mut Session,
        filter: &Filter,
        version: Option<i64>,
        hard: bool,
    ) -> Result<Written> {
        let stored = self.find_one(session, filter, hard).await?;
        if let (Some(at), Some(version)) = (self.table.role(Role::Version), version)
            && !cell(&self.table.columns[at].ty, stored.column(at), 0)?.same(&Value::Int(version))
        {
            return Err(stale(&self.table).path(self.table.columns[at].name.clone()));
        }
        let deleted = self.remove_found(session, &stored, hard).await?;
        Ok(self.deleted(Counts { deleted, ..Counts::default() }, Some(&stored)))
    }

    async fn delete_matching(
        &self,
        session: &mut Session,
        filter: &Filter,
        max_affected: Option<u64>,
        hard: bool,
    ) -> Result<Written> {
        let scoped = self.removal(Selection::Matching(filter.clone()), hard)?;
        let statement = self.removal_statement(&scoped)?;
        let deleted = self.send(session, &scoped, &statement, Effect::Nothing).await?.affected;
        if let Some(most) = max_affected.filter(|&most| deleted > most) {
            let message = format!("the filter finds {deleted} rows, max_affected is {most}; nothing was deleted");
            return Err(Error::new(ErrorKind::LimitExceeded, message).path("max_affected"));
        }
        Ok(self.deleted(Counts { deleted, matched: deleted, ..Counts::default() }, None))
    }

    async fn delete_rows(
        &self,
        session: &mut Session,
        rows: &Rows,
        hard: bool,
        part: Option<&Part>,
    ) -> Result<Written> {
        let given = rows.whole(&self.table)?;
        check_keys(&self.table, &given)?;
        let keys = Keys::of(&self.table, &self.table.key, &given.batch)?;
        let goes = deduplicate(&keys, Duplicates::First, 0)?;
        let repeats = repeats(part, &keys, Duplicates::First)?;
        let goes = |&row: &usize| goes[row] == row && !repeats[row];
        let going: Vec<usize> = keys.order().iter().copied().filter(goes).collect();
        let mut counts = Counts { duplicate: (given.rows() - going.len()) as u64, ..Counts::default() };
        let version = self.table.role(Role::Version).filter(|&at| !given.lacks(at));
        // Nothing is compared, and so many keys are not told: the rows need not be read.
        let unread = version.is_none() && going.len() > TOLD_KEYS && self.reaches_by_key();
        let columns: Vec<usize> = self.table.key.iter().copied().chain(version).collect();
        let mut found = Vec::new();
        for piece in going.chunks(self.most_keys()) {
            let wanted = self.key_list(&take_rows(&given.batch, piece)?)?;
            if unread {
                let deleted = self.remove(session, wanted, hard).await?;
                counts.deleted += deleted;
                counts.missing += piece.len() as u64 - deleted;
                continue;
            }
            let stored = self.find_columns(session, &columns, wanted, hard).await?;
            self.check_given_versions(&given.take(piece)?, piece, &stored)?;
            counts.missing += (piece.len() - stored.num_rows()) as u64;
            counts.deleted += self.remove_found(session, &stored, hard).await?;
            found.push(stored);
        }
        let Some(first) = found.first() else {
            return Ok(self.deleted(counts, None));
        };
        let found = concat_batches(&first.schema(), &found).map_err(|error| Error::internal(error.to_string()))?;
        Ok(self.deleted(counts, Some(&found)))
    }

    /// A row that gives its version is deleted only as that; `rows` are the numbers of the given ones.
    fn check_given_versions(&self, given: &Given, rows: &[usize], stored: &RecordBatch) -> Result<()> {
        let Some(version) = self.table.role(Role::Version).filter(|&at| !given.lacks(at)) else {
            return Ok(());
        };
        let keys = |batch| Keys::of(&self.table, &self.table.key, batch);
        let ColumnSchema { ty, name, .. } = &self.table.columns[version];
        let versions = Cells::new(ty, given.batch.column(version), stored.column(version))?;
        for (row, found) in keys(&given.batch)?.find_in(&keys(stored)?).into_iter().enumerate() {
            if let Some(found) = found
                && given.is_given(version, row)
                && versions.differ(row, found)?
            {
                return Err(stale(&self.table).path(format!("data[{}].{name}", rows[row])));
            }
        }
        Ok(())
    }

    fn deleted(&self, counts: Counts, rows: Option<&RecordBatch>) -> Written {
        let changed = vec![Changed::new("delete", counts.deleted, &self.table, rows)];
        Written { counts, changed, ..Written::default() }
    }

    fn key_list(&self, batch: &RecordBatch) -> Result<Selection> {
        let keys = batch.project(&self.table.key).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Selection::Keyed { columns: self.table.key.clone(), keys })
    }

    /// Removes rows that are locked.
    async fn remove_found(&self, session: &mut Session, stored: &RecordBatch, hard: bool) -> Result<u64> {
        if stored.num_rows() == 0 {
            return Ok(0);
        }
        let removed = self.remove(session, self.key_list(stored)?, hard).await?;
        if removed != stored.num_rows() as u64 {
            return Err(Error::internal("a row that was locked is gone"));
        }
        Ok(removed)
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
    fn removal(&self, selection: Selection, hard: bool) -> Result<ScopedPlan> {
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

    fn removal_statement(&self, scoped: &ScopedPlan) -> Result<Statement> {
        match scoped.plan() {
            Plan::Remove { .. } => Statement::remove(self.dialect.as_ref(), scoped),
            _ => Statement::change(self.dialect.as_ref(), scoped),
        }
    }
}

/// The values of the one row given, by column.
///
/// # Errors
/// `KeyMismatch` for a key, `InvalidFilter` where nothing is given, or the time of the last write: it only moves
/// forward, and not by one value for many rows.
fn values_of(table: &TableSchema, given: &Given) -> Result<Vec<(usize, Value<'static>)>> {
    let mut values = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        if !given.is_given(at, 0) || column.role == Role::Version {
            continue;
        }
        let refused = |kind, why: &str| Err(Error::new(kind, why).path(format!("updates.{}", column.name)));
        if table.key.contains(&at) {
            return refused(ErrorKind::KeyMismatch, "a key never changes");
        }
        if column.role == Role::UpdatedAt {
            return refused(ErrorKind::InvalidFilter, "DataFlow keeps the time of the last write itself");
        }
        values.push((at, cell(&column.ty, given.batch.column(at), 0)?.into_owned()));
    }
    if values.is_empty() {
        return Err(Error::new(ErrorKind::InvalidFilter, "updates names no field").path("updates"));
    }
    Ok(values)
}
