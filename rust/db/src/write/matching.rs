//! Changes and removals of every row that a filter matches.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::batch::{Given, cell, check_rows};
use dataflow_core::dialect::Statement;
use dataflow_core::filter::{Comparison, Filter};
use dataflow_core::merge::{Fate, changed_columns, meet_all, merged, stale};
use dataflow_core::plan::{Assignment, Plan, Selection};
use dataflow_core::schema::{ColumnSchema, Role, TableSchema};
use dataflow_core::update::Update;
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

use super::counts::Changed;
use super::returned::Found;
use super::{Counts, Writer, Written};
use crate::session::{Effect, Session};

/// Most rows that are changed in memory at a time: each is there whole, as it was and as it will be.
const PIECE: u64 = 10_000;

/// What becomes of every row: values, and what operators make of those it has.
#[derive(Clone, Copy)]
pub(super) struct Becomes<'a> {
    pub(super) values: &'a Given,
    pub(super) update: &'a Update,
}

impl Writer<'_> {
    /// Rows that have the values already are counted and left alone: their version and times stay.
    pub(super) async fn update_matching(
        &self,
        session: &mut Session,
        filter: &Filter,
        becomes: Becomes<'_>,
        max_affected: Option<u64>,
        return_rows: bool,
    ) -> Result<Written> {
        let Becomes { values, update } = becomes;
        self.check_versions(session, filter, values).await?;
        let assigned = values_of(&self.table, values)?;
        if assigned.is_empty() && update.is_empty() {
            return Err(Error::new(ErrorKind::InvalidFilter, "updates names no field").path("updates"));
        }
        if return_rows {
            let selection = Selection::Matching(filter.clone());
            let stored = self.find(session, selection, None, false).await?;
            return self.update_found(session, &stored, becomes, max_affected, true).await;
        }
        let Some(operators) = update.assignments(&self.table, self.now)? else {
            return self.update_in_pieces(session, filter, becomes, max_affected).await;
        };
        let set = assigned.into_iter().map(|(at, value)| {
            let differs = Filter::Not(Box::new(Filter::equal(at, value.clone())));
            (at, Assignment::Value(value), differs)
        });
        let written = self.update_unseen(session, filter, set.chain(operators).collect()).await;
        let written = written.map_err(|error| arithmetic(error, update))?;
        check_affected(written.counts.updated, max_affected)?;
        Ok(written)
    }

    /// All rows in one statement, of which nothing but the number comes back. Each column comes with its assignment and
    /// the rows in which that changes something.
    ///
    /// The rows are locked before they are counted: between a count and the update another writer could make a row
    /// equal, which then were in neither number, or different, which were in both. A row that comes to match after the
    /// lock is counted as it is when it is met.
    async fn update_unseen(
        &self,
        session: &mut Session,
        filter: &Filter,
        assigned: Vec<(usize, Assignment, Filter)>,
    ) -> Result<Written> {
        let changes = Filter::Or(assigned.iter().map(|(_, _, differs)| differs.clone()).collect());
        let both = |second| Filter::And(vec![filter.clone(), second]);
        let unchanged = match changes.is_everything() {
            true => 0,
            false => {
                if !self.dialect.lock_rows().is_empty() {
                    self.count_locked(session, filter.clone()).await?;
                }
                self.count_locked(session, both(Filter::Not(Box::new(changes.clone())))).await?
            }
        };
        let assigned = assigned.into_iter().map(|(at, assignment, _)| (at, assignment));
        let plan = Plan::Change {
            table: Arc::clone(&self.table),
            selection: Selection::Matching(if changes.is_everything() { filter.clone() } else { both(changes) }),
            assignments: assigned.chain(self.managed()).collect(),
            include_deleted: false,
        };
        let scoped = self.scoped(plan)?;
        let statement = Statement::change(self.dialect.as_ref(), &scoped)?;
        let updated = self.send(session, &scoped, &statement, Effect::Nothing).await?.affected;
        let counts = Counts { updated, unchanged, matched: updated + unchanged, ..Counts::default() };
        let changed = vec![Changed::unnamed("update", updated)];
        Ok(Written { counts, changed, ..Written::default() })
    }

    /// Rows that are changed in memory, some at a time in the order of their keys, so that none comes twice; all at once
    /// where the filter asks other rows of the same table, which may have changed with a piece before.
    async fn update_in_pieces(
        &self,
        session: &mut Session,
        filter: &Filter,
        becomes: Becomes<'_>,
        max_affected: Option<u64>,
    ) -> Result<Written> {
        let (mut counts, mut rest) = (Counts::default(), filter.clone());
        let asks_itself = filter.related().iter().any(|related| related.model == self.table.model);
        let most = (!asks_itself).then_some(PIECE);
        loop {
            let stored = self.find(session, Selection::Matching(rest), most, false).await?;
            let piece = self.update_found(session, &stored, becomes, None, false).await?.counts;
            counts.matched += piece.matched;
            counts.updated += piece.updated;
            counts.unchanged += piece.unchanged;
            check_affected(counts.updated, max_affected)?;
            if most.is_none_or(|most| (stored.num_rows() as u64) < most) {
                let changed = vec![Changed::unnamed("update", counts.updated)];
                return Ok(Written { counts, changed, ..Written::default() });
            }
            rest = Filter::And(vec![filter.clone(), behind(&self.table, &stored)?]);
        }
    }

    /// Rows that were read under a lock, of which those that differ are written by key.
    async fn update_found(
        &self,
        session: &mut Session,
        stored: &RecordBatch,
        becomes: Becomes<'_>,
        max_affected: Option<u64>,
        return_rows: bool,
    ) -> Result<Written> {
        let given = becomes.update.resolve(&self.table, becomes.values, stored, self.now)?;
        let rules = self.update_rules();
        let fates = meet_all(&self.table, &given, stored, &rules)?;
        let counts = Counts { matched: stored.num_rows() as u64, ..Counts::of(&fates) };
        check_affected(counts.updated, max_affected)?;
        let changed = merged(&self.table, &given, stored, &fates, &rules)?;
        check_rows(&self.table, &changed)?;
        self.put(session, &changed, &changed_columns(&self.table, &given, stored, &fates, &rules)).await?;
        let events = vec![Changed::new("update", counts.updated, &self.table, Some(&changed))?];
        let written = Written { counts, changed: events, ..Written::default() };
        if !return_rows {
            return Ok(written);
        }
        let none = stored.slice(0, 0);
        Found { table: &self.table, given: None, stored, changed: &changed, added: &none, order: &[] }
            .told(written, &fates, 0)
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

    async fn count_locked(&self, session: &mut Session, filter: Filter) -> Result<u64> {
        let (table, selection) = (Arc::clone(&self.table), Selection::Matching(filter));
        let scoped = self.scoped(Plan::Count { table, selection, include_deleted: false, lock: true })?;
        let statement = Statement::query(self.dialect.as_ref(), &scoped)?;
        let rows = self.send(session, &scoped, &statement, Effect::Nothing).await?.rows;
        let count = rows.column(0).as_primitive::<Int64Type>().iter().next().flatten();
        count.and_then(|count| u64::try_from(count).ok()).ok_or_else(|| Error::internal("a count returned no row"))
    }

    pub(super) async fn delete_matching(
        &self,
        session: &mut Session,
        filter: &Filter,
        max_affected: Option<u64>,
        hard: bool,
        return_rows: bool,
    ) -> Result<Written> {
        if return_rows {
            let stored = self.find(session, Selection::Matching(filter.clone()), None, hard).await?;
            return self.delete_found(session, &stored, max_affected, hard).await;
        }
        let scoped = self.removal(Selection::Matching(filter.clone()), hard)?;
        let statement = self.removal_statement(&scoped)?;
        let deleted = self.send(session, &scoped, &statement, Effect::Nothing).await?.affected;
        check_affected(deleted, max_affected)?;
        self.deleted(Counts { deleted, matched: deleted, ..Counts::default() }, None)
    }

    /// Rows that are locked, and given back as they were.
    async fn delete_found(
        &self,
        session: &mut Session,
        stored: &RecordBatch,
        max_affected: Option<u64>,
        hard: bool,
    ) -> Result<Written> {
        let rows = stored.num_rows();
        check_affected(rows as u64, max_affected)?;
        self.remove_all_found(session, stored, hard).await?;
        let fates: Vec<Fate> = (0..rows).map(|stored| Fate::Delete { stored }).collect();
        let counts = Counts { matched: rows as u64, ..Counts::of(&fates) };
        let none = stored.slice(0, 0);
        Found { table: &self.table, given: None, stored, changed: &none, added: &none, order: &[] }.told(
            self.deleted(counts, Some(stored))?,
            &fates,
            0,
        )
    }
}

/// # Errors
/// `LimitExceeded` for more rows than the caller expected.
pub(super) fn check_affected(rows: u64, most: Option<u64>) -> Result<()> {
    match most.filter(|&most| rows > most) {
        None => Ok(()),
        Some(most) => {
            let message = format!("the write would affect {rows} rows, max_affected is {most}; nothing was written");
            Err(Error::new(ErrorKind::LimitExceeded, message).path("max_affected"))
        }
    }
}

/// The values of the one row given, by column.
///
/// # Errors
/// `KeyMismatch` for a key, `InvalidFilter` for the time of the last write: it only moves forward, and not by one value
/// for many rows.
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
    Ok(values)
}

/// No database says whose result is out of range: of several all are named.
fn arithmetic(error: Error, update: &Update) -> Error {
    let arithmetic = update.steps.iter().filter(|step| step.change.is_arithmetic());
    let paths: Vec<&str> = arithmetic.map(|step| step.path.as_str()).collect();
    match paths[..] {
        _ if error.kind() != ErrorKind::OutOfRange => error,
        [only] => error.path(only),
        _ => error.path("updates").hint(format!("it is the result of {}", paths.join(" or "))),
    }
}

/// The rows whose keys come after that of the last one.
fn behind(table: &TableSchema, stored: &RecordBatch) -> Result<Filter> {
    let last = stored.num_rows() - 1;
    let mut later = Vec::with_capacity(table.key.len());
    let mut equal = Vec::with_capacity(table.key.len());
    for &column in &table.key {
        let value = cell(&table.columns[column].ty, stored.column(column), last)?.into_owned();
        let greater = Filter::Compare { column, comparison: Comparison::Greater, value: value.clone() };
        later.push(Filter::And(equal.iter().cloned().chain([greater]).collect()));
        equal.push(Filter::equal(column, value));
    }
    Ok(Filter::Or(later))
}
