//! Rows that meet stored rows: read under a lock, decided in memory, and only what differs is written.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_select::concat::concat_batches;
use dataflow_core::batch::{Given, check_rows, take_rows};
use dataflow_core::dialect::{PutForm, Statement, takes_arrays};
use dataflow_core::merge::{
    Cells, Fate, Keys, OnMatch, OnMissing, Rules, changed_columns, decide, deduplicate, merged, met_columns,
};
use dataflow_core::plan::{Plan, Selection};
use dataflow_core::schema::{Role, TableSchema};
use dataflow_core::{Error, ErrorKind, Result};

use super::append::{Append, pieces};
use super::counts::Changed;
use super::form::{ARRAY_BYTES, ARRAY_ROWS, wide_schema};
use super::load::repeats;
use super::operators::Operators;
use super::returned::{Found, told_nothing};
use super::sync::Within;
use super::{Counts, Rows, Write, Writer, Written};
use crate::execute::{Label, control, run};
use crate::session::{Effect, Session};

/// How often rows are decided anew because another writer inserted some of them meanwhile.
const ATTEMPTS: usize = 5;
const SAVEPOINT: &str = "dataflow_merge";

/// An upsert or an update of many rows, checked and without duplicates.
pub(super) struct Merge {
    pub(super) given: Given,
    pub(super) rules: Rules,
    pub(super) keys: Keys,
    pub(super) goes: Vec<usize>,
    pub(super) repeats: Vec<Option<usize>>,
    /// The number of the first row in the load.
    pub(super) first: usize,
    pub(super) return_rows: bool,
    /// The stored rows of which the data is to be all.
    pub within: Option<Within>,
    /// Whether statements may decide by themselves what becomes of the rows.
    pub(super) direct: bool,
    /// What else becomes of the row, which is one then.
    pub(super) operators: Option<Arc<Operators>>,
}

impl Merge {
    pub fn new(table: &Arc<TableSchema>, write: Write, now: i64) -> Result<Self> {
        let (rows, rules, return_rows, part, within, operators) = match write {
            Write::Upsert {
                rows,
                conflict_on,
                on_match,
                duplicates,
                mut update,
                operators,
                return_rows,
                part,
                within,
            } => {
                let on_missing = OnMissing::Insert;
                if let (Some(update), Some(operators)) = (&mut update, &operators) {
                    update.extend(operators.columns(table));
                }
                let rules = Rules { target: conflict_on, on_match, on_missing, duplicates, update, now };
                (rows, rules, return_rows, part, within, operators)
            }
            Write::UpdateRows { rows, on_missing, duplicates, return_rows, part } => {
                let (target, on_match) = (table.key.clone(), OnMatch::Update);
                let rules = Rules { target, on_match, on_missing, duplicates, update: None, now };
                (rows, rules, return_rows, part, None, None)
            }
            _ => return Err(Error::internal("a write that is no merge")),
        };
        let given = rows.whole(table)?;
        if rules.on_missing != OnMissing::Insert {
            check_keys(table, &given)?;
        }
        let keys = Keys::of(table, &rules.target, &given.batch)?;
        let first = part.as_ref().map_or(0, |part| part.first);
        let goes = deduplicate(&keys, rules.duplicates, first).map_err(|error| error.within("data"))?;
        let repeats = repeats(part.as_ref(), &keys, rules.duplicates).map_err(|error| error.within("data"))?;
        if let Some(within) = &within {
            within.check(table, &rules.target, &keys)?;
        }
        Ok(Merge { given, rules, keys, goes, repeats, first, return_rows, within, direct: false, operators })
    }

    /// All rows of a write. Refuses data without a single value to be found by: it would always be inserted, whatever
    /// is there.
    pub fn with_target(self, table: &TableSchema) -> Result<Self> {
        if self.rules.on_missing == OnMissing::Insert && self.rules.on_match != OnMatch::Refuse {
            check_target(table, &self.given, &self.rules.target)?;
        }
        Ok(Merge { direct: self.operators.is_none(), ..self })
    }

    /// By which every row given is found, where it has a value.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The columns of the keys.
    pub fn target(&self) -> &[usize] {
        &self.rules.target
    }

    pub fn rows(&self) -> usize {
        self.given.rows()
    }

    pub fn without_rows(&self, table: &TableSchema) -> Result<Option<Written>> {
        match self.given.rows() {
            0 if self.within.is_none() => told_nothing(table, self.first, self.return_rows).map(Some),
            _ => Ok(None),
        }
    }

    /// The rows that go and have a key, in the order of their keys.
    pub(super) fn keyed(&self) -> impl Iterator<Item = usize> + '_ {
        self.keys.order().iter().copied().filter(|&row| self.goes[row] == row)
    }

    /// The rows to be inserted in the order of their keys, those without one first: two writers of the same rows then
    /// wait for each other and do not deadlock.
    fn inserts(&self, fates: &[Fate]) -> Vec<usize> {
        let without_key = (0..fates.len()).filter(|&row| self.keys.get(row).is_none());
        without_key.chain(self.keyed()).filter(|&row| fates[row] == Fate::Insert).collect()
    }
}

pub(super) fn check_target(table: &TableSchema, given: &Given, target: &[usize]) -> Result<()> {
    if given.rows() == 0 || !target.iter().any(|&at| given.lacks(at)) {
        return Ok(());
    }
    let names = table.names(target).join(", ");
    Err(Error::new(ErrorKind::InvalidOption, format!("no row gives {names}, by which stored rows are found"))
        .path("conflict_on")
        .hint("give the fields, or name those of a unique set in conflict_on"))
}

/// A row that is to be found needs its key.
pub(super) fn check_keys(table: &TableSchema, given: &Given) -> Result<()> {
    for &at in &table.key {
        if let Some(row) = (0..given.rows()).find(|&row| !given.is_given(at, row)) {
            let name = &table.columns[at].name;
            return Err(Error::new(ErrorKind::MissingValue, format!("`{name}` is part of the key and is not given"))
                .path(format!("data[{row}].{name}")));
        }
    }
    Ok(())
}

impl Writer<'_> {
    pub(super) async fn merge(&self, session: &mut Session, merge: &Merge) -> Result<Written> {
        let Merge { rules, keys, goes, repeats, .. } = merge;
        if let Some(written) = self.merge_direct(session, merge).await? {
            return Ok(written);
        }
        let mut attempt = 0;
        loop {
            attempt += 1;
            let stored = self.find_keys(session, merge).await?;
            let given = &*merge.met(&self.table, &stored)?;
            let fates = decide(&self.table, given, keys, goes, repeats, &stored, rules);
            let fates = fates.map_err(|error| error.within_rows("data"))?;
            let inserts = fates.contains(&Fate::Insert);
            // SQLite has one writer at a time: nobody comes between.
            let races = inserts && !self.dialect.lock_rows().is_empty() && !keys.order().is_empty();
            if !races {
                return self.write_fates(session, merge, given, &stored, &fates).await;
            }
            self.savepoint(session, "SAVEPOINT", SAVEPOINT).await?;
            match self.write_fates(session, merge, given, &stored, &fates).await {
                Err(error) if error.kind() == ErrorKind::UniqueViolation => {
                    self.savepoint(session, "ROLLBACK TO SAVEPOINT", SAVEPOINT).await?;
                    self.savepoint(session, "RELEASE SAVEPOINT", SAVEPOINT).await?;
                    let now = self.find_keys(session, merge).await?;
                    // The same rows as before: a mistake of the data, or a row that this transaction cannot see.
                    if Keys::of(&self.table, &rules.target, &now)? == Keys::of(&self.table, &rules.target, &stored)? {
                        let unseen = self.snapshot && self.is_target(&error, rules);
                        return Err(if unseen { overtaken(&self.table, &error) } else { error });
                    }
                    if attempt == ATTEMPTS {
                        return Err(overtaken(&self.table, &error));
                    }
                }
                result => {
                    // A commit that follows releases it too.
                    if result.is_ok() && self.nested {
                        self.savepoint(session, "RELEASE SAVEPOINT", SAVEPOINT).await?;
                    }
                    return result;
                }
            }
        }
    }

    fn is_target(&self, error: &Error, rules: &Rules) -> bool {
        let violated = error.detail().constraint.as_deref().filter(|_| error.kind() == ErrorKind::UniqueViolation);
        let name = match rules.target == self.table.key {
            true => self.dialect.key_constraint(&self.table),
            false => self.table.constraint_name("uq", &self.table.names(&rules.target)),
        };
        violated == Some(name.as_str())
    }

    pub(super) async fn savepoint(&self, session: &mut Session, verb: &str, name: &str) -> Result<()> {
        let statement = Statement::unscoped(format!("{verb} {name}"), "a savepoint");
        control(session, &statement, Effect::Nothing, &self.limits).await
    }

    /// The stored rows that have one of the keys, locked.
    async fn find_keys(&self, session: &mut Session, merge: &Merge) -> Result<RecordBatch> {
        let wanted: Vec<usize> = merge.keyed().collect();
        let target = &merge.rules.target;
        let given = merge.given.batch.project(target).map_err(|error| Error::internal(error.to_string()))?;
        // A deleted row still has its key, but its unique values are free.
        let include_deleted = *target == self.table.key && merge.rules.on_missing == OnMissing::Insert;
        if let Some(found) = self.find_staged(session, &merge.given, &wanted, target, include_deleted).await? {
            return Ok(found);
        }
        // Some are put as whole rows.
        let whole =
            merge.return_rows || merge.operators.is_some() || self.dialect.put_form() == PutForm::OnDuplicateKey;
        let columns = match whole {
            true => (0..self.table.columns.len()).collect(),
            false => met_columns(&self.table, &merge.given, &merge.rules),
        };
        let mut found = vec![RecordBatch::new_empty(wide_schema(&self.table))];
        for rows in wanted.chunks(self.most_keys()) {
            let keys = take_rows(&given, rows)?;
            let selection = Selection::Keyed { columns: target.clone(), keys };
            found.push(self.find_columns(session, &columns, selection, include_deleted).await?);
        }
        concat_batches(&found[0].schema(), &found).map_err(|error| Error::internal(error.to_string()))
    }

    async fn write_fates(
        &self,
        session: &mut Session,
        merge: &Merge,
        given: &Given,
        stored: &RecordBatch,
        fates: &[Fate],
    ) -> Result<Written> {
        let rules = &merge.rules;
        let changed = merged(&self.table, given, stored, fates, rules)?;
        let updates: Vec<usize> = rows_with(fates, |fate| matches!(fate, Fate::Update { .. }));
        let inserts = merge.inserts(fates);
        let place = |error: Error, rows: &[usize]| error.renumbered(|row| rows[row]).within_rows("data");
        check_rows(&self.table, &changed).map_err(|error| place(error, &updates))?;
        let set = changed_columns(&self.table, given, stored, fates, rules);
        let moves = updates.len() + inserts.len() > 1 && self.moves_unique(&set, fates, stored, &changed)?;
        let added = if moves {
            self.write_in_order(session, merge, given, &changed, fates, &set).await?
        } else {
            self.put(session, &changed, &set).await.map_err(|error| place(error, &updates))?;
            self.add(session, merge, given, &inserts).await?
        };
        let counts = Counts::of(fates);
        let given_keys = Rows::Given(given.take(&inserts)?);
        let events = vec![
            Changed::new("update", counts.updated, &self.table, Some(&changed))?,
            Changed::new(
                "insert",
                counts.inserted,
                &self.table,
                added.as_ref().or_else(|| given_keys.with_keys(&self.table)),
            )?,
        ];
        let written = Written { counts, changed: events, ..Written::default() };
        if !merge.return_rows {
            return Ok(written);
        }
        let added = added.unwrap_or_else(|| changed.slice(0, 0));
        let order: &[usize] = if moves { &[] } else { &inserts };
        Found { table: &self.table, given: Some(given), stored, changed: &changed, added: &added, order }.told(
            written,
            fates,
            merge.first,
        )
    }

    /// Whether an update frees or takes a unique value that another row of the data may want.
    fn moves_unique(&self, set: &[usize], fates: &[Fate], stored: &RecordBatch, changed: &RecordBatch) -> Result<bool> {
        let deleted_at = self.table.role(Role::DeletedAt);
        let mut columns: Vec<usize> = Vec::new();
        for index in self.table.unique_indexes() {
            columns.extend(index.columns.iter().map(|order| order.column));
            columns.extend(index.filter.iter().flat_map(|filter| filter.columns()));
        }
        columns.retain(|column| set.contains(column) || deleted_at == Some(*column));
        let updates = fates.iter().filter_map(|fate| match fate {
            Fate::Update { stored } => Some(*stored),
            _ => None,
        });
        let cells = columns.into_iter().map(|at| {
            let (changed, stored): (&dyn Array, &dyn Array) = (changed.column(at), stored.column(at));
            Cells::new(&self.table.columns[at].ty, changed, stored)
        });
        let cells = cells.collect::<Result<Vec<_>>>()?;
        for (row, stored_row) in updates.enumerate() {
            for cells in &cells {
                if cells.differ(row, stored_row)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// One row after another, as somebody would who writes them by hand.
    async fn write_in_order(
        &self,
        session: &mut Session,
        merge: &Merge,
        given: &Given,
        changed: &RecordBatch,
        fates: &[Fate],
        set: &[usize],
    ) -> Result<Option<RecordBatch>> {
        let (mut next, mut added) = (0, Vec::new());
        for (row, fate) in fates.iter().enumerate() {
            match fate {
                Fate::Update { .. } => {
                    let put = self.put(session, &changed.slice(next, 1), set).await;
                    put.map_err(|error| at_row(error, row))?;
                    next += 1;
                }
                Fate::Insert => {
                    let one = self.add(session, merge, given, &[row]).await;
                    added.extend(one.map_err(|error| at_row(error, row))?);
                }
                _ => {}
            }
        }
        match added.first() {
            None => Ok(None),
            Some(first) => {
                let batch = concat_batches(&first.schema(), &added);
                batch.map(Some).map_err(|error| Error::internal(error.to_string()))
            }
        }
    }

    /// Inserts some of the given rows; gives them back where they are asked for.
    async fn add(
        &self,
        session: &mut Session,
        merge: &Merge,
        given: &Given,
        rows: &[usize],
    ) -> Result<Option<RecordBatch>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let given = Rows::Given(given.take(rows)?);
        let append = Append::new(&self.table, &self.scope, given, merge.return_rows, self.now, Some(rows));
        Ok(self.append(session, &mut append?, Effect::Nothing).await?.rows)
    }

    /// Writes whole rows over those with the same keys; every one of them must be there.
    pub(super) async fn put(&self, session: &mut Session, rows: &RecordBatch, set: &[usize]) -> Result<()> {
        if rows.num_rows() == 0 || set.is_empty() {
            return Ok(());
        }
        let plan = Plan::Put { table: Arc::clone(&self.table), batch: rows.clone(), set: set.to_vec() };
        let scoped = self.scoped(plan)?;
        let Plan::Put { batch, .. } = scoped.plan() else {
            return Err(Error::internal("a put became another plan"));
        };
        if self.put_staged(session, &scoped, batch).await? {
            return Ok(());
        }
        let set = rows.project(set).map_err(|error| Error::internal(error.to_string()))?;
        let pieces = match takes_arrays(self.dialect.as_ref(), &set) {
            true => pieces(batch, ARRAY_ROWS, Some(ARRAY_BYTES)),
            false => self.statements(batch),
        };
        for piece in pieces {
            let statement = Statement::put(self.dialect.as_ref(), &scoped, &piece, self.rows_in_text(&piece))?;
            let rows = piece.num_rows() as u64;
            let label = Label { rows: Some(rows), ..Label::new(&scoped, self.db.events()) };
            let reply = run(session, &statement, Effect::Nothing, &self.limits, &label).await?;
            let written = self.dialect.rows_put(reply.affected, rows);
            if !written {
                return Err(Error::internal("a row that was locked is gone"));
            }
        }
        Ok(())
    }
}

/// A row that another transaction has added and this one, which sees the past, cannot find.
fn overtaken(table: &TableSchema, error: &Error) -> Error {
    let message = format!("another transaction has added the same {}", table.model);
    let overtaken = Error::new(ErrorKind::SerializationFailure, message).constraint(error.detail().constraint.clone());
    match &error.detail().sqlstate {
        Some(sqlstate) => overtaken.sqlstate(sqlstate.clone()),
        None => overtaken,
    }
}

/// The row of a statement that has no other: databases do not always name it.
fn at_row(error: Error, row: usize) -> Error {
    if error.detail().path.is_some() {
        return error.renumbered(|_| row).within_rows("data");
    }
    error.path(format!("data[{row}]"))
}

fn rows_with(fates: &[Fate], holds: impl Fn(&Fate) -> bool) -> Vec<usize> {
    fates.iter().enumerate().filter(|(_, fate)| holds(fate)).map(|(row, _)| row).collect()
}
