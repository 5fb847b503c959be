//! New rows: one row in a statement of its own, more in one transaction, all or none.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_select::concat::concat_batches;
use dataflow_core::batch::{Reading, normalise};
use dataflow_core::dialect::{Dialect, Statement};
use dataflow_core::event::Event;
use dataflow_core::plan::{Plan, Scope, ScopedPlan};
use dataflow_core::schema::{TableSchema, arrow_field};
use dataflow_core::{Error, ErrorKind, Outcome, Result};

use super::keys::KeyWork;
use crate::context::Context;
use crate::database::{Database, Table};
use crate::driver::{Access, BulkForm, Chunks};
use crate::execute::{Begin, Label, begin, commit, copy_in, rollback, run};
use crate::session::{Effect, Limits, Session};

/// Rows normalised and encoded at a time: enough to fill the wire, little enough to stay in the cache.
const CHUNK_ROWS: usize = 16_384;
/// Keys told with a `rows_changed` event; a bulk write tells the count only, since its keys do not come back.
const TOLD_KEYS: usize = 1_000;

/// Rows on their way in.
#[derive(Clone)]
pub enum Rows {
    /// Already in the table's types.
    Checked(RecordBatch),
    /// Any Arrow; at least one batch, which may be empty.
    Arrow { batches: Vec<RecordBatch>, reading: Reading },
}

/// What was stored.
pub struct Appended {
    pub rows: u64,
    /// The rows as stored, with their keys, where asked for.
    pub batch: Option<RecordBatch>,
}

impl Rows {
    fn count(&self) -> usize {
        match self {
            Rows::Checked(batch) => batch.num_rows(),
            Rows::Arrow { batches, .. } => batches.iter().map(RecordBatch::num_rows).sum(),
        }
    }

    /// The pieces with the number of their first row.
    fn pieces(&self) -> impl Iterator<Item = (usize, RecordBatch)> + Send + use<> {
        let batches = match self {
            Rows::Checked(batch) => vec![batch.clone()],
            Rows::Arrow { batches, .. } => batches.clone(),
        };
        let mut first = 0;
        batches.into_iter().flat_map(move |batch| {
            let start = first;
            first += batch.num_rows();
            // An empty batch is still one piece: its columns are checked.
            let steps = (0..batch.num_rows().max(1)).step_by(CHUNK_ROWS);
            steps
                .map(move |at| (start + at, batch.slice(at, CHUNK_ROWS.min(batch.num_rows() - at))))
                .collect::<Vec<_>>()
        })
    }

    fn reading(&self) -> Option<Reading> {
        match self {
            Rows::Checked(_) => None,
            Rows::Arrow { reading, .. } => Some(*reading),
        }
    }
}

/// One append: where the rows go, in whose name, and what is done about their keys.
#[derive(Clone)]
struct Append {
    table: Arc<TableSchema>,
    scope: Scope,
    rows: Rows,
    keys: KeyWork,
}

impl Append {
    /// The rows in the table's types, stamped with the tenant, piece by piece.
    fn chunks(&self) -> impl Iterator<Item = Result<ScopedPlan>> + Send + use<> {
        let Append { table, scope, rows, mut keys } = self.clone();
        rows.pieces().map(move |(first, piece)| {
            let batch = match rows.reading() {
                Some(reading) => normalise(&table, &piece, reading, first).map_err(|error| error.within("data"))?,
                None => piece,
            };
            let batch = keys.apply(&table, batch)?;
            ScopedPlan::new(Plan::Append { table: Arc::clone(&table), batch }, &scope)
        })
    }
}

fn batch_of(scoped: &ScopedPlan) -> Result<&RecordBatch> {
    match scoped.plan() {
        Plan::Append { batch, .. } => Ok(batch),
        _ => Err(Error::internal("an append without a batch")),
    }
}

impl Database {
    /// Stores rows, all or none; with `return_rows` gives them back as stored.
    ///
    /// # Errors
    /// Every refusal of a value (path `data[row].field`), of the database, and `CommitOutcomeUnknown`.
    pub async fn append(&self, table: &Table, rows: Rows, return_rows: bool, context: &Context) -> Result<Appended> {
        let schema = &table.schema;
        let keys = KeyWork::new(schema, &rows_keys(schema, &rows)?, rows.count());
        let mut append = Append { table: Arc::clone(schema), scope: context.scope(), rows, keys };
        // The first piece is checked before anything is asked of the server.
        let first = append.chunks().next().transpose()?.ok_or_else(|| Error::internal("rows without a batch"))?;
        if context.transaction.as_ref().is_some_and(|transaction| transaction.read_only()) {
            return Err(Error::new(ErrorKind::TransactionState, "this transaction is read-only"));
        }
        self.make_ready(table, context).await?;
        if append.rows.count() == 0 {
            return Ok(Appended { rows: 0, batch: return_rows.then(|| batch_of(&first).cloned()).transpose()? });
        }
        let limits = context.limits();
        let dialect = self.dialect(&limits).await?;
        let writer = Writer { db: self, dialect, limits, label: Label::new(&first, self.events()), return_rows };
        let stored = |error: &Error| error.detail().outcome == Some(Outcome::Committed);
        match &context.transaction {
            Some(transaction) => {
                let mut held = transaction.hold(&writer.limits).await?;
                let result = writer.write(held.session()?, &mut append, Effect::Nothing).await;
                match &result {
                    Ok(appended) => held.after_commit(writer.changed(&append, appended)),
                    Err(_) => held.abort(),
                }
                result
            }
            None => {
                let mut session = self.session(Access::Write, &writer.limits).await?;
                let result = writer.write_and_commit(&mut session, &mut append).await;
                match &result {
                    Ok(appended) => self.events().emit(|| writer.changed(&append, appended)),
                    // Cancelled while it was being committed: the rows are there all the same.
                    Err(error) if stored(error) => {
                        let rows = u64::try_from(append.rows.count()).unwrap_or(u64::MAX);
                        self.events().emit(|| writer.changed(&append, &Appended { rows, batch: None }));
                    }
                    Err(_) => {}
                }
                result
            }
        }
    }
}

/// The key column of all rows, where the caller gave one and the table could generate it.
fn rows_keys(table: &TableSchema, rows: &Rows) -> Result<Vec<ArrayRef>> {
    let name = &table.key_column().name;
    if !table.automatic_key {
        return Ok(Vec::new());
    }
    match rows {
        Rows::Checked(batch) => Ok(batch.column_by_name(name).cloned().into_iter().collect()),
        Rows::Arrow { batches, reading } => {
            let mut keys = Vec::new();
            let mut first = 0;
            for batch in batches {
                if let Some(array) = batch.column_by_name(name) {
                    let column = table.key_column();
                    let keyed = dataflow_core::batch::normalise_column(table, column, array, *reading, first);
                    keys.push(keyed.map_err(|error| error.within("data"))?);
                }
                first += batch.num_rows();
            }
            Ok(keys)
        }
    }
}

struct Writer<'a> {
    db: &'a Database,
    dialect: Arc<dyn Dialect>,
    limits: Limits,
    label: Label,
    return_rows: bool,
}

impl Writer<'_> {
    fn changed(&self, append: &Append, appended: &Appended) -> Event {
        let keys = match &appended.batch {
            Some(batch) if batch.num_rows() <= TOLD_KEYS => told_keys(&append.table, batch),
            _ => Vec::new(),
        };
        Event::RowsChanged {
            model: Arc::clone(&self.label.model),
            table: Arc::from(append.table.table.as_str()),
            operation: "insert",
            tenant: append.scope.tenant.as_ref().filter(|_| append.table.multi_tenant).map(|tenant| tenant.shared()),
            rows: appended.rows,
            keys,
        }
    }

    /// One statement commits by itself; more share a transaction.
    async fn write_and_commit(&self, session: &mut Session, append: &mut Append) -> Result<Appended> {
        if append.rows.count() == 1 && !append.keys.needs_statements(self.dialect.as_ref()) {
            return self.write(session, append, Effect::Write).await;
        }
        begin(session, self.dialect.as_ref(), &Begin::default(), &self.limits).await?;
        match self.write(session, append, Effect::Nothing).await {
            Ok(appended) => {
                commit(session, &self.limits).await?;
                Ok(appended)
            }
            Err(error) => {
                // After a cancel the limits are spent: the rollback has its own, and closes the connection if it fails.
                let limits = Limits {
                    cancel: Default::default(),
                    deadline: Some(tokio::time::Instant::now() + crate::session::GRACE),
                };
                rollback(session, &limits).await.ok();
                Err(error.outcome(Outcome::RolledBack))
            }
        }
    }

    async fn write(&self, session: &mut Session, append: &mut Append, effect: Effect) -> Result<Appended> {
        append.keys.prepare(session, self.dialect.as_ref(), &append.table, &self.limits).await?;
        let copy = self.db.bulk_form() == BulkForm::Copy && append.rows.count() > 1 && !self.return_rows;
        let written = if copy { self.copy(session, append).await } else { self.insert(session, append, effect).await }?;
        let given = u64::try_from(append.rows.count()).unwrap_or(u64::MAX);
        if written.rows != given {
            return Err(Error::internal(format!("{given} rows were given and the server counted {}", written.rows)));
        }
        Ok(written)
    }

    async fn copy(&self, session: &mut Session, append: &Append) -> Result<Appended> {
        let first = append.chunks().next().transpose()?.ok_or_else(|| Error::internal("rows without a batch"))?;
        let statement = Statement::copy(self.dialect.as_ref(), &first, batch_of(&first)?);
        let chunks = || -> Chunks { Box::new(append.chunks().map(|scoped| batch_of(&scoped?).cloned())) };
        let reply = copy_in(session, &statement, &chunks, &self.limits, &self.label).await?;
        Ok(Appended { rows: reply.affected, batch: None })
    }

    async fn insert(&self, session: &mut Session, append: &Append, effect: Effect) -> Result<Appended> {
        let mut stored = Vec::new();
        let mut rows = 0;
        for scoped in append.chunks() {
            let scoped = scoped?;
            let batch = batch_of(&scoped)?;
            for piece in self.statements(batch) {
                let inserted = self.insert_piece(session, &scoped, piece, effect, &mut stored).await;
                rows += inserted.map_err(|error| self.place(error, rows))?;
            }
        }
        Ok(Appended { rows, batch: self.returned(&stored)? })
    }

    /// A row within its statement (`[3]`) becomes a row of the caller's data; one row given alone has no number.
    fn place(&self, error: Error, first: u64) -> Error {
        let numbered = error.detail().path.as_deref().and_then(|path| {
            let (row, rest) = path.strip_prefix('[')?.split_once(']')?;
            Some((row.parse::<u64>().ok()?, rest.to_owned()))
        });
        match numbered {
            Some((_, rest)) if self.return_rows => error.path(rest.trim_start_matches('.').to_owned()),
            Some((row, rest)) => error.path(format!("data[{}]{rest}", first + row)),
            None => error,
        }
    }

    /// The rows one statement takes: all that parameters and packet allow, or any number where it is stepped.
    fn statements(&self, batch: &RecordBatch) -> Vec<RecordBatch> {
        if self.db.bulk_form() == BulkForm::Stepped {
            return vec![batch.clone()];
        }
        let most = (self.dialect.max_parameters() / batch.num_columns().max(1)).clamp(1, MULTI_ROW);
        let pieces = (0..batch.num_rows()).step_by(most).map(|at| batch.slice(at, most.min(batch.num_rows() - at)));
        match self.db.max_statement_bytes() {
            None => pieces.collect(),
            // Half of it: a value may be a little longer on the wire than in memory.
            Some(bytes) => pieces.flat_map(|piece| split_by_bytes(piece, bytes / 2)).collect(),
        }
    }

    async fn insert_piece(
        &self,
        session: &mut Session,
        scoped: &ScopedPlan,
        piece: RecordBatch,
        effect: Effect,
        stored: &mut Vec<RecordBatch>,
    ) -> Result<u64> {
        let table = scoped.plan().table();
        let rows_in_text = if self.db.bulk_form() == BulkForm::Stepped { 1 } else { piece.num_rows() };
        let generated = piece.column_by_name(&table.key_column().name).is_none_or(|keys| keys.null_count() > 0);
        let return_key = self.return_rows && generated;
        let statement = Statement::insert(self.dialect.as_ref(), scoped, &piece, rows_in_text, return_key);
        let reply = run(session, &statement, effect, &self.limits, &self.label).await?;
        let rows = if return_key { reply.rows.num_rows() as u64 } else { reply.affected };
        if self.return_rows {
            let keys = return_key.then(|| Arc::clone(reply.rows.column(0)));
            stored.push(with_keys(table, &piece, keys)?);
        }
        Ok(rows)
    }

    fn returned(&self, stored: &[RecordBatch]) -> Result<Option<RecordBatch>> {
        let Some(first) = stored.first().filter(|_| self.return_rows) else {
            return Ok(None);
        };
        concat_batches(&first.schema(), stored).map(Some).map_err(|error| Error::internal(error.to_string()))
    }
}

/// Halves a batch until each part fits, or is one row, which the driver then refuses by itself.
fn split_by_bytes(batch: RecordBatch, most: u64) -> Vec<RecordBatch> {
    let mut todo = vec![batch];
    let mut parts = Vec::new();
    while let Some(batch) = todo.pop() {
        let bytes: usize =
            batch.columns().iter().filter_map(|array| array.to_data().get_slice_memory_size().ok()).sum();
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

/// Rows of one multi-row statement: beyond some hundreds nothing is gained, and packets grow.
const MULTI_ROW: usize = 1_000;

/// The stored rows in the table's columns: without the tenant, with the keys the database gave.
fn with_keys(table: &TableSchema, batch: &RecordBatch, keys: Option<ArrayRef>) -> Result<RecordBatch> {
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(table.columns.len());
    for (at, column) in table.columns.iter().enumerate() {
        let array = match &keys {
            Some(keys) if at == table.key => Some(Arc::clone(keys)),
            _ => batch.column_by_name(&column.name).cloned(),
        };
        columns.push(array.ok_or_else(|| Error::internal(format!("no value came back for `{}`", column.name)))?);
    }
    let fields: Vec<_> = table.columns.iter().map(arrow_field).collect();
    RecordBatch::try_new(Arc::new(arrow_schema::Schema::new(fields)), columns)
        .map_err(|error| Error::internal(error.to_string()))
}

fn told_keys(table: &TableSchema, batch: &RecordBatch) -> Vec<String> {
    let Some(keys) = batch.column_by_name(&table.key_column().name) else {
        return Vec::new();
    };
    if let Some(uuids) = keys.as_fixed_size_binary_opt() {
        return uuids.iter().map(|key| render_uuid(key.unwrap_or_default())).collect();
    }
    match arrow_cast::cast(keys, &arrow_schema::DataType::Utf8) {
        Ok(texts) => texts.as_string::<i32>().iter().map(|key| key.unwrap_or_default().to_owned()).collect(),
        Err(_) => Vec::new(),
    }
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562), as Python's `str(uuid)` writes them.
fn render_uuid(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
        text.push_str(&format!("{dash}{byte:02x}"));
    }
    text
}
