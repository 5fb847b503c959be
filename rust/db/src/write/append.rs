//! New rows: one row in a statement of its own, more in one transaction, all or none.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;
use dataflow_core::batch::{Given, batch_bytes, check_rows, find_refused, normalise_column};
use dataflow_core::dialect::{Dialect, Statement};
use dataflow_core::merge::Fate;
use dataflow_core::outcomes::{Outcomes, key_columns};
use dataflow_core::plan::{Plan, Scope, ScopedPlan};
use dataflow_core::schema::{TableSchema, arrow_field};
use dataflow_core::{Error, Result};

use super::counts::Changed;
use super::keys::KeyWork;
use super::returned::told_nothing;
use super::{Counts, Rows, Writer, Written};
use crate::driver::BulkForm;
use crate::session::{Effect, Session};

/// Rows of one multi-row statement: beyond some hundreds nothing is gained, and packets grow.
pub(super) const MULTI_ROW: usize = 1_000;

/// One append: where the rows go, in whose name, and what is done about their keys.
#[derive(Clone)]
pub(super) struct Append {
    table: Arc<TableSchema>,
    scope: Scope,
    pub(super) rows: Rows,
    pub(super) keys: KeyWork,
    now: i64,
    pub(super) return_rows: bool,
    /// The number of the first row in the load.
    first: usize,
    /// The rows' numbers in the caller's data, where they are only some of it.
    numbers: Option<Arc<[usize]>>,
}

impl Append {
    /// Checks the first piece, so that most mistakes are told before anything is asked of the server.
    ///
    /// `numbers` are the rows' own in the caller's data, where they are only some of it.
    pub fn new(
        table: &Arc<TableSchema>,
        scope: &Scope,
        rows: Rows,
        return_rows: bool,
        now: i64,
        numbers: Option<&[usize]>,
    ) -> Result<Self> {
        let keys = KeyWork::new(table, &rows_keys(table, &rows)?, rows.count(), return_rows);
        let (table, scope) = (Arc::clone(table), scope.clone());
        let numbers = numbers.map(Arc::from);
        let append = Append { table, scope, rows, keys, now, return_rows, first: 0, numbers };
        append.first_chunk()?;
        Ok(append)
    }

    /// The append as one piece of a load, of which `first` rows came before.
    pub fn after(self, first: usize) -> Self {
        Append { first, ..self }
    }

    pub(super) fn first_chunk(&self) -> Result<ScopedPlan> {
        self.chunks().next().transpose()?.ok_or_else(|| Error::internal("rows without a batch"))
    }

    pub fn without_rows(&self) -> Result<Option<Written>> {
        match self.rows.count() {
            0 => told_nothing(&self.table, self.first, self.return_rows).map(Some),
            _ => Ok(None),
        }
    }

    /// With the outcome of every row, where the rows are given back.
    pub(super) fn told(&self, mut written: Written) -> Result<Written> {
        let Some(rows) = &written.rows else { return Ok(written) };
        let keys = rows.project(&self.table.key).map_err(|error| Error::internal(error.to_string()))?;
        let keys = key_columns(&self.table, keys.columns().to_vec(), rows.num_rows())?;
        written.outcomes = Some(Outcomes::new(self.first, &vec![Fate::Insert; rows.num_rows()], keys));
        Ok(written)
    }

    /// The row's number in the caller's data.
    pub(super) fn number(&self, row: usize) -> usize {
        number(self.numbers.as_deref(), row)
    }

    pub fn is_one_statement(&self, dialect: &dyn Dialect) -> bool {
        self.rows.count() == 1 && !self.keys.needs_statements(dialect)
    }

    /// What has been written when the answer was lost to a cancel.
    pub fn expected(&self) -> Written {
        let rows = u64::try_from(self.rows.count()).unwrap_or(u64::MAX);
        let counts = Counts { inserted: rows, ..Counts::default() };
        Written { counts, changed: vec![Changed::unnamed("insert", rows)], ..Written::default() }
    }

    /// The rows as they are to be stored, stamped with the tenant, piece by piece.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Result<ScopedPlan>> + Send + use<> {
        let Append { table, scope, rows, mut keys, now, numbers, .. } = self.clone();
        rows.pieces(&table).map(move |piece| {
            let (first, given) = piece?;
            let place = |error: Error| error.renumbered(|row| number(numbers.as_deref(), first + row)).within("data");
            given.check_required(&table, 0..given.rows()).map_err(place)?;
            let batch = keys.apply(&table, given.to_stored(&table, now)?)?;
            check_rows(&table, &batch).map_err(place)?;
            ScopedPlan::new(Plan::Append { table: Arc::clone(&table), batch }, &scope)
        })
    }
}

/// The rows that no insert takes, whatever is stored: what it needs is missing, or a check of the model is not met.
pub(super) fn refused_inserts(table: &TableSchema, given: &Given, now: i64) -> Result<Vec<(usize, Error)>> {
    let mut refused = find_refused(0..given.rows(), |rows| given.check_required(table, rows))?;
    let stored = KeyWork::new(table, &[], 0, false).apply(table, given.to_stored(table, now)?)?;
    refused.extend(find_refused(0..given.rows(), |rows| check_rows(table, &stored.slice(rows.start, rows.len())))?);
    Ok(refused)
}

fn number(numbers: Option<&[usize]>, row: usize) -> usize {
    numbers.and_then(|numbers| numbers.get(row)).copied().unwrap_or(row)
}

pub(super) fn batch_of(scoped: &ScopedPlan) -> Result<&RecordBatch> {
    match scoped.plan() {
        Plan::Append { batch, .. } => Ok(batch),
        _ => Err(Error::internal("an append without a batch")),
    }
}

/// The key column of all rows, where the caller gave one and the table could generate it.
pub(super) fn rows_keys(table: &TableSchema, rows: &Rows) -> Result<Vec<ArrayRef>> {
    let Some(at) = table.automatic_key() else {
        return Ok(Vec::new());
    };
    match rows {
        Rows::Given(given) => Ok(vec![Arc::clone(given.batch.column(at))]),
        Rows::Sifted(sifted) => Ok(sifted.kept.iter().map(|kept| Arc::clone(kept.given.batch.column(at))).collect()),
        Rows::Arrow { batches, reading } => {
            let mut keys = Vec::new();
            let mut first = 0;
            for batch in batches {
                if let Some(array) = batch.column_by_name(&table.columns[at].name) {
                    let keyed = normalise_column(table, at, array, *reading, first);
                    keys.push(keyed.map_err(|error| error.within("data"))?);
                }
                first += batch.num_rows();
            }
            Ok(keys)
        }
    }
}

impl Writer<'_> {
    /// An append that is all of a write.
    pub(super) async fn append_all(
        &self,
        session: &mut Session,
        append: &mut Append,
        effect: Effect,
    ) -> Result<Written> {
        let written = self.append(session, append, effect).await?;
        append.told(written)
    }

    pub(super) async fn append(&self, session: &mut Session, append: &mut Append, effect: Effect) -> Result<Written> {
        if append.keys.needs_order(self.dialect.as_ref()) {
            return Box::pin(self.append_in_two(session, append)).await;
        }
        let before = self.last_key(session, &append.keys).await?;
        append.keys.prepare(session, self.dialect.as_ref(), &append.table, &self.limits).await?;
        let (inserted, rows) = match self.stream(session, append).await? {
            Some(streamed) => streamed,
            None => self.insert(session, append, effect).await?,
        };
        let given = u64::try_from(append.rows.count()).unwrap_or(u64::MAX);
        if inserted != given {
            return Err(Error::internal(format!("{given} rows were given and the server counted {inserted}")));
        }
        self.note_generated(session, &append.keys, before).await?;
        let known = rows.as_ref().or_else(|| append.rows.with_keys(&append.table));
        let changed = vec![Changed::new("insert", inserted, &append.table, known)?];
        Ok(Written { counts: Counts { inserted, ..Counts::default() }, rows, changed, ..Written::default() })
    }

    /// The rows that give their keys, and then the others.
    async fn append_in_two(&self, session: &mut Session, append: &Append) -> Result<Written> {
        let table = &append.table;
        let given = append.rows.whole(table)?;
        let key = table.automatic_key().ok_or_else(|| Error::internal("keys in order that are not automatic"))?;
        let (keyed, others): (Vec<usize>, Vec<usize>) = (0..given.rows()).partition(|&row| given.is_given(key, row));
        let mut written = Vec::with_capacity(2);
        for rows in [&keyed, &others] {
            let numbers: Vec<usize> = rows.iter().map(|&row| number(append.numbers.as_deref(), row)).collect();
            let part = Rows::Given(given.take(rows)?);
            let mut part = Append::new(table, &self.scope, part, append.return_rows, append.now, Some(&numbers))?;
            written.push(self.append(session, &mut part, Effect::Nothing).await?);
        }
        let rows = match (&written[0].rows, &written[1].rows) {
            (Some(first), Some(second)) => Some(in_order(&[keyed, others].concat(), &[first, second])?),
            _ => None,
        };
        let inserted = given.rows() as u64;
        let changed = vec![Changed::new("insert", inserted, table, rows.as_ref())?];
        Ok(Written { counts: Counts { inserted, ..Counts::default() }, rows, changed, ..Written::default() })
    }

    async fn insert(
        &self,
        session: &mut Session,
        append: &Append,
        effect: Effect,
    ) -> Result<(u64, Option<RecordBatch>)> {
        let mut stored = Vec::new();
        let mut rows = 0;
        for scoped in append.chunks() {
            let scoped = scoped?;
            for piece in self.statements(batch_of(&scoped)?) {
                let inserted = self.insert_piece(session, &scoped, piece, effect, append, &mut stored).await;
                let place = |row| number(append.numbers.as_deref(), rows as usize + row);
                rows += inserted.map_err(|error| error.renumbered(place).within_rows("data"))?;
            }
        }
        let Some(first) = stored.first() else {
            return Ok((rows, None));
        };
        let batch = concat_batches(&first.schema(), &stored).map_err(|error| Error::internal(error.to_string()))?;
        Ok((rows, Some(batch)))
    }

    /// The rows one statement takes: all that parameters and packet allow, or any number where it is stepped.
    pub(super) fn statements(&self, batch: &RecordBatch) -> Vec<RecordBatch> {
        if self.bulk_form == BulkForm::Stepped {
            return vec![batch.clone()];
        }
        let most = (self.dialect.max_parameters() / batch.num_columns().max(1)).clamp(1, MULTI_ROW);
        // Half of it: a value may be a little longer on the wire than in memory.
        pieces(batch, most, self.db.max_statement_bytes().map(|bytes| bytes / 2))
    }

    /// The rows written into the text of one statement.
    pub(super) fn rows_in_text(&self, piece: &RecordBatch) -> usize {
        if self.bulk_form == BulkForm::Stepped { 1 } else { piece.num_rows() }
    }

    async fn insert_piece(
        &self,
        session: &mut Session,
        scoped: &ScopedPlan,
        piece: RecordBatch,
        effect: Effect,
        append: &Append,
        stored: &mut Vec<RecordBatch>,
    ) -> Result<u64> {
        let table = &append.table;
        let lacks_key =
            |at: usize| piece.column_by_name(&table.columns[at].name).is_none_or(|keys| keys.null_count() > 0);
        let return_key = append.return_rows && table.automatic_key().is_some_and(lacks_key);
        let rows_in_text = self.rows_in_text(&piece);
        let statement = Statement::insert(self.dialect.as_ref(), scoped, &piece, rows_in_text, return_key);
        let reply = self.send(session, scoped, &statement, effect).await?;
        let rows = if return_key { reply.rows.num_rows() as u64 } else { reply.affected };
        if append.return_rows {
            let keys = return_key.then(|| Arc::clone(reply.rows.column(0)));
            stored.push(with_keys(table, &piece, keys)?);
        }
        Ok(rows)
    }
}

/// The batch in pieces of at most `rows` rows and about `bytes` bytes.
pub(super) fn pieces(batch: &RecordBatch, rows: usize, bytes: Option<u64>) -> Vec<RecordBatch> {
    let pieces = (0..batch.num_rows()).step_by(rows).map(|at| batch.slice(at, rows.min(batch.num_rows() - at)));
    match bytes {
        None => pieces.collect(),
        Some(bytes) => pieces.flat_map(|piece| split_by_bytes(piece, bytes)).collect(),
    }
}

/// Halves a batch until each part fits, or is one row, which the driver then refuses by itself.
fn split_by_bytes(batch: RecordBatch, most: u64) -> Vec<RecordBatch> {
    let mut todo = vec![batch];
    let mut parts = Vec::new();
    while let Some(batch) = todo.pop() {
        let bytes = batch_bytes(&batch);
        let rows = batch.num_rows();
        if rows > 1 && u64::try_from(bytes).unwrap_or(u64::MAX) > most {
            todo.push(batch.slice(rows / 2, rows - rows / 2));
            todo.push(batch.slice(0, rows / 2));
        } else {
            parts.push(batch);
        }
    }
    parts
}

/// The rows of the batches, the `i`-th of which is to be row `places[i]`.
fn in_order(places: &[usize], batches: &[&RecordBatch]) -> Result<RecordBatch> {
    let mut order = vec![0_u64; places.len()];
    for (at, &place) in places.iter().enumerate() {
        order[place] = at as u64;
    }
    let all = concat_batches(&batches[0].schema(), batches.iter().copied());
    let rows = all.and_then(|all| take_record_batch(&all, &UInt64Array::from(order)));
    rows.map_err(|error| Error::internal(error.to_string()))
}

pub(super) fn whole_schema(table: &TableSchema) -> arrow_schema::Schema {
    arrow_schema::Schema::new(table.columns.iter().map(arrow_field).collect::<Vec<_>>())
}

/// The stored rows in the table's columns: without the tenant, with the keys the database gave.
pub(super) fn with_keys(table: &TableSchema, batch: &RecordBatch, keys: Option<ArrayRef>) -> Result<RecordBatch> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(table.columns.len());
    for (at, column) in table.columns.iter().enumerate() {
        let array = match &keys {
            Some(keys) if table.automatic_key() == Some(at) => Some(Arc::clone(keys)),
            _ => batch.column_by_name(&column.name).cloned(),
        };
        columns.push(array.ok_or_else(|| Error::internal(format!("no value came back for `{}`", column.name)))?);
    }
    RecordBatch::try_new(Arc::new(whole_schema(table)), columns).map_err(|error| Error::internal(error.to_string()))
}
