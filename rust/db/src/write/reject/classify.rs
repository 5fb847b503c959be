//! Which rows are at fault, by what the model knows: asked of all rows at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use dataflow_core::batch::{Given, Kept, find_refused};
use dataflow_core::filter::{BatchRows, Filter};
use dataflow_core::merge::Keys;
use dataflow_core::plan::Selection;
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Result};

use super::{Sieve, Writer};
use crate::session::Session;
use crate::write::Write;
use crate::write::append::refused_inserts;
use crate::write::merge::check_keys;

type Key = Vec<u8>;

/// The key of every row; none where it has a null.
fn keys_of(table: &TableSchema, columns: &[usize], batch: &RecordBatch) -> Result<Vec<Option<Key>>> {
    Ok(Keys::of(table, columns, batch)?.iter().map(|key| key.map(<[u8]>::to_vec)).collect())
}

/// What was asked about some rows already: the same question has the same answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    alone: bool,
    unique: bool,
    references: bool,
}

/// Rows by their place.
#[derive(Default)]
pub(super) struct Found {
    pub refused: BTreeMap<usize, Error>,
    /// Rows that have a unique value of an earlier one: what becomes of them depends on that one.
    pub held: BTreeSet<usize>,
}

impl Found {
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty() && self.held.is_empty()
    }

    fn refuse(&mut self, rows: impl IntoIterator<Item = (usize, Error)>) {
        for (row, error) in rows {
            self.refused.entry(row).or_insert(error);
        }
    }
}

/// Columns that no two rows share, and which rows that is about.
struct UniqueSet {
    name: String,
    columns: Vec<usize>,
    filter: Option<Filter>,
}

fn unique_sets(table: &TableSchema) -> Vec<UniqueSet> {
    let key = UniqueSet { name: table.constraint_name("pk", &["key"]), columns: table.key.clone(), filter: None };
    let others = table.unique_indexes().map(|index| UniqueSet {
        name: index.name,
        columns: index.columns.iter().map(|order| order.column).collect(),
        filter: index.filter,
    });
    std::iter::once(key).chain(others).collect()
}

impl UniqueSet {
    /// The values of the rows that the set is about.
    fn keys(&self, table: &TableSchema, batch: &RecordBatch) -> Result<Vec<Option<Key>>> {
        let mut keys = keys_of(table, &self.columns, batch)?;
        if let Some(filter) = &self.filter {
            let rows = BatchRows::new(table, batch)?;
            for (row, key) in keys.iter_mut().enumerate() {
                if !rows.matches(filter, row)? {
                    *key = None;
                }
            }
        }
        Ok(keys)
    }

    fn violated(&self, table: &TableSchema) -> Error {
        let names = table.names(&self.columns).join(", ");
        Error::new(ErrorKind::UniqueViolation, format!("a {} with the same {names} is there already", table.model))
            .constraint(Some(self.name.clone()))
    }
}

impl Writer<'_> {
    /// Finds rows that are refused for the same kind of reason as `error`; nothing where that is not known, or was asked.
    pub(super) async fn classify(
        &self,
        session: &mut Session,
        sieve: &Sieve,
        rows: &Kept,
        error: &Error,
        asked: &mut Asked,
    ) -> Result<Found> {
        let mut found = Found::default();
        let appends = matches!(sieve.write, Write::Append { .. });
        let first = |asked: &mut bool| !std::mem::replace(asked, true);
        match error.kind() {
            ErrorKind::UniqueViolation if appends && first(&mut asked.unique) => {
                self.find_taken(session, rows, &mut found).await?;
            }
            ErrorKind::ForeignKeyViolation if appends && first(&mut asked.references) => {
                self.find_dangling(session, rows, &mut found).await?;
            }
            _ if error.detail().path.is_some() && first(&mut asked.alone) => {
                found.refuse(self.refused_alone(&sieve.write, &rows.given)?);
            }
            _ => {}
        }
        Ok(found)
    }

    /// The rows that are refused whatever is stored.
    fn refused_alone(&self, write: &Write, given: &Given) -> Result<Vec<(usize, Error)>> {
        match write {
            Write::Append { .. } => refused_inserts(&self.table, given, self.now),
            Write::UpdateRows { .. } | Write::DeleteRows { .. } => {
                find_refused(0..given.rows(), |rows| check_keys(&self.table, &given.slice(rows.start, rows.len())))
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The rows whose unique values stored rows have; those that another row of the data has first are held back.
    async fn find_taken(&self, session: &mut Session, rows: &Kept, found: &mut Found) -> Result<()> {
        let batch = &rows.given.batch;
        let sets = unique_sets(&self.table);
        let mut keys = Vec::with_capacity(sets.len());
        for set in &sets {
            let of_rows = set.keys(&self.table, batch)?;
            let stored = self.stored_keys(session, set, rows, &of_rows).await?;
            for (row, key) in of_rows.iter().enumerate() {
                if key.as_ref().is_some_and(|key| stored.contains(key)) {
                    found.refuse([(row, set.violated(&self.table))]);
                }
            }
            keys.push(of_rows);
        }
        let mut seen: Vec<HashSet<&Key>> = vec![HashSet::new(); sets.len()];
        for row in (0..batch.num_rows()).filter(|row| !found.refused.contains_key(row)) {
            // A row that is held back holds back others too.
            for (keys, seen) in keys.iter().zip(&mut seen) {
                if keys[row].as_ref().is_some_and(|key| !seen.insert(key)) {
                    found.held.insert(row);
                }
            }
        }
        Ok(())
    }

    /// Those of the keys that stored rows have.
    async fn stored_keys(
        &self,
        session: &mut Session,
        set: &UniqueSet,
        rows: &Kept,
        keys: &[Option<Key>],
    ) -> Result<HashSet<Key>> {
        let mut stored = HashSet::new();
        let wanted: Vec<usize> = (0..keys.len()).filter(|&row| keys[row].is_some()).collect();
        for wanted in wanted.chunks(self.most_keys()) {
            let values = rows.given.take(wanted)?.batch.project(&set.columns);
            let values = values.map_err(|error| Error::internal(error.to_string()))?;
            let selection = Selection::Keyed { columns: set.columns.clone(), keys: values };
            let found = self.read(session, None, selection, None, true, false).await?;
            stored.extend(set.keys(&self.table, &found)?.into_iter().flatten());
        }
        Ok(stored)
    }

    /// The rows that refer to rows which are neither stored nor among these.
    async fn find_dangling(&self, session: &mut Session, rows: &Kept, found: &mut Found) -> Result<()> {
        let targets = self.db.targets(&self.table)?;
        for (reference, target) in self.table.references.iter().zip(targets) {
            let column = &self.table.columns[reference.column];
            let keys = keys_of(&self.table, &[reference.column], &rows.given.batch)?;
            let mut distinct: HashMap<&Key, usize> = HashMap::new();
            for (row, key) in keys.iter().enumerate() {
                if let Some(key) = key {
                    distinct.entry(key).or_insert(row);
                }
            }
            let own = target.model == self.table.model;
            let mut there: HashSet<Key> = HashSet::new();
            if own {
                there.extend(keys_of(&self.table, &self.table.key, &rows.given.batch)?.into_iter().flatten());
            }
            let wanted: Vec<usize> = distinct.into_values().collect();
            let writer = self.of(&target);
            for wanted in wanted.chunks(self.most_keys()) {
                let values = rows.given.take(wanted)?.batch.project(&[reference.column]);
                let values = values.map_err(|error| Error::internal(error.to_string()))?;
                let selection = Selection::Keyed { columns: target.key.clone(), keys: renamed(&target, &values)? };
                let stored = writer.read(session, None, selection, None, true, false).await?;
                there.extend(keys_of(&target, &target.key, &stored)?.into_iter().flatten());
            }
            let name = self.table.constraint_name("fk", &[column.name.as_str()]);
            for (row, key) in keys.iter().enumerate() {
                if key.as_ref().is_some_and(|key| !there.contains(key)) {
                    let message = format!("`{}` refers to a {} that is not there", column.name, target.model);
                    let error = Error::new(ErrorKind::ForeignKeyViolation, message)
                        .path(format!("[{row}].{}", column.name))
                        .constraint(Some(name.clone()));
                    found.refuse([(row, error)]);
                }
            }
        }
        Ok(())
    }

    /// The way to the rows of another table, in the same name.
    fn of(&self, table: &Arc<TableSchema>) -> Writer<'_> {
        Writer {
            table: Arc::clone(table),
            scope: self.scope.clone(),
            dialect: Arc::clone(&self.dialect),
            limits: self.limits.clone(),
            step: None,
            part: None,
            ..*self
        }
    }
}

/// Values of a referring column under the name and type of the key they refer to.
fn renamed(target: &TableSchema, values: &RecordBatch) -> Result<RecordBatch> {
    let schema = Arc::new(target.arrow(&target.key));
    RecordBatch::try_new(schema, values.columns().to_vec()).map_err(|error| Error::internal(error.to_string()))
}
