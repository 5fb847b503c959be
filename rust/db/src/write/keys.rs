//! Automatic keys: given ones are kept, missing ones generated, and the generator stays above the largest.
//!
//! MariaDB and a sole SQLite key do all of it by themselves. PostgreSQL's identity does not move after
//! explicit values and takes no null; SQLite generates nothing behind a tenant.

use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::{Field, Schema};
use dataflow_core::dialect::{Dialect, KeyGenerator, Param, ParamValue, SEQUENCE_LOCK, Statement};
use dataflow_core::schema::{KeySource, TableSchema, arrow_field};
use dataflow_core::types::LogicalType;
use dataflow_core::value::Value;
use dataflow_core::{Error, Result};

use crate::execute::{control, query};
use crate::fetch::text_cell;
use crate::schema::{META, meta_exists, put_meta};
use crate::session::{Effect, Limits, Session};

/// The sequence of the key column $2 of table $1.
const SEQUENCE: &str = "pg_get_serial_sequence($1, $2)::regclass";

/// The generator of a table's keys on PostgreSQL.
struct Sequence<'a> {
    name: String,
    key: &'a str,
}

impl Sequence<'_> {
    /// With the table as $1, the key as $2 and the number as $3.
    fn statement(&self, sql: &str, number: i64) -> Statement {
        let statement = Statement::unscoped(sql.to_owned(), "the generator of a table's keys");
        let mut statement = statement.with_text(&self.name).with_text(self.key).returning(&[("id", LogicalType::Int)]);
        statement.params.push(Param { ty: LogicalType::Int, value: ParamValue::One(Value::Int(number)) });
        statement
    }

    /// Sets the generator to a key far above it.
    ///
    /// Nobody sets it between the look at it and the setting, or the later of two would turn it back to the lower key.
    /// The lock ends with the savepoint, long before the transaction does; a generator that is set stays so.
    async fn jump(&self, session: &mut Session, largest: i64, limits: &Limits) -> Result<()> {
        let steps = |verb: &str| Statement::unscoped(format!("{verb} dataflow_keys"), "a savepoint");
        let lock = format!("SELECT $3::bigint FROM pg_advisory_xact_lock({SEQUENCE_LOCK}, {SEQUENCE}::oid::int4)");
        let set = format!(
            "SELECT setval(seq, $3) FROM (SELECT {SEQUENCE} AS seq) AS s WHERE $3 > coalesce(pg_sequence_last_value(seq), 0)"
        );
        control(session, &steps("SAVEPOINT"), Effect::Nothing, limits).await?;
        for sql in [lock, set] {
            query(session, &self.statement(&sql, largest), limits).await?;
        }
        control(session, &steps("ROLLBACK TO SAVEPOINT"), Effect::Nothing, limits).await?;
        control(session, &steps("RELEASE SAVEPOINT"), Effect::Nothing, limits).await
    }
}

/// What is known of the keys of an append, and the ids allocated for it.
#[derive(Clone, Debug)]
pub(super) struct KeyWork {
    source: KeySource,
    multi_tenant: bool,
    /// Rows without a key.
    missing: usize,
    largest_given: Option<i64>,
    /// Whether the ids have to be known before the rows are sent: a COPY tells none.
    reserves: bool,
    /// Ids for the rows without key, where the database does not give them by itself.
    ids: Arc<[i64]>,
    used: usize,
}

impl KeyWork {
    /// `keys`: the key column of every batch that has one; `rows`: of all batches; `told`: whether the rows are given
    /// back.
    pub fn new(table: &TableSchema, keys: &[ArrayRef], rows: usize, told: bool) -> Self {
        let mut work = KeyWork {
            source: table.key_source,
            multi_tenant: table.multi_tenant,
            missing: 0,
            largest_given: None,
            reserves: told && rows > 1,
            ids: Arc::from([]),
            used: 0,
        };
        if work.source == KeySource::Database {
            let given = || keys.iter().flat_map(|keys| keys.as_primitive::<Int64Type>().iter().flatten());
            work.missing = rows - given().count();
            work.largest_given = given().max();
        }
        work
    }

    /// Whether the database or our counter gives keys to rows of it.
    pub const fn generates(&self) -> bool {
        self.missing > 0
    }

    /// The largest key given that the database could give too.
    pub const fn largest_given(&self) -> Option<i64> {
        self.largest_given
    }

    /// Whether rows with a key have to be stored before those without: a database that counts by itself would give a
    /// key that a later row of the data brings.
    pub fn needs_order(&self, dialect: &dyn Dialect) -> bool {
        let counts = self.source == KeySource::Database && !self.needs_statements(dialect);
        counts && self.missing > 0 && self.largest_given.is_some()
    }

    /// Whether [`Self::prepare`] has anything to send.
    pub fn needs_statements(&self, dialect: &dyn Dialect) -> bool {
        self.source == KeySource::Database
            && match dialect.key_generator() {
                KeyGenerator::Column => false,
                KeyGenerator::Sequence => self.largest_given.is_some() || (self.reserves && self.missing > 0),
                KeyGenerator::SoleColumn => self.multi_tenant,
            }
    }

    /// Moves the generator above the given keys and takes ids for the missing ones, on the append's own session.
    pub async fn prepare(
        &mut self,
        session: &mut Session,
        dialect: &dyn Dialect,
        table: &TableSchema,
        limits: &Limits,
    ) -> Result<()> {
        if !self.needs_statements(dialect) {
            return Ok(());
        }
        self.used = 0;
        self.ids = match dialect.key_generator() {
            KeyGenerator::Sequence => self.take_identities(session, dialect, table, limits).await?,
            _ => self.take_range(session, dialect, table, limits).await?,
        };
        Ok(())
    }

    /// Moves the identity above the given keys, and takes from it in one call what the rows without key need.
    ///
    /// Small gaps are crossed by `nextval`, which no concurrent writer can turn back; only a jump sets the value, one
    /// writer at a time.
    async fn take_identities(
        &self,
        session: &mut Session,
        dialect: &dyn Dialect,
        table: &TableSchema,
        limits: &Limits,
    ) -> Result<Arc<[i64]>> {
        let sequence = Sequence { name: dialect.qualified_table(table), key: key_name(table)? };
        if let Some(largest) = self.largest_given {
            let raise = sequence.statement(
                &format!(
                    "SELECT CASE WHEN gap <= 1000 THEN (SELECT max(id) FROM (SELECT nextval(seq) AS id FROM generate_series(1, gap)) AS taken) END \
                     FROM (SELECT seq, $3 - coalesce(pg_sequence_last_value(seq), 0) AS gap FROM (SELECT {SEQUENCE} AS seq) AS s) AS g WHERE gap > 0"
                ),
                largest,
            );
            let raised = query(session, &raise, limits).await?;
            if raised.num_rows() > 0 && raised.column(0).is_null(0) {
                sequence.jump(session, largest, limits).await?;
            }
        }
        if self.missing == 0 {
            return Ok(Arc::from([]));
        }
        let take = sequence.statement(
            // Materialized: the name of the sequence would be looked up for every id.
            &format!(
                "WITH s AS MATERIALIZED (SELECT {SEQUENCE} AS seq) SELECT nextval(seq) FROM s, generate_series(1, $3)"
            ),
            i64::try_from(self.missing).unwrap_or(i64::MAX),
        );
        let rows = query(session, &take, limits).await?;
        Ok(rows.column(0).as_primitive::<Int64Type>().values().iter().copied().collect())
    }

    /// Takes the next ids from our own counter; the append's transaction is the only writer.
    async fn take_range(
        &self,
        session: &mut Session,
        dialect: &dyn Dialect,
        table: &TableSchema,
        limits: &Limits,
    ) -> Result<Arc<[i64]>> {
        let key = dialect.quote(key_name(table)?);
        let largest = Statement::unscoped(
            format!("SELECT coalesce(max({key}), 0) FROM {}", dialect.qualified_table(table)),
            "ids are unique over all tenants",
        )
        .returning(&[("largest", LogicalType::Int)]);
        let stored = query(session, &largest, limits).await?.column(0).as_primitive::<Int64Type>().value(0);
        let counter = format!("sequence.{}", table.full_name());
        let counted = match meta_exists(session, dialect, limits).await? {
            false => None,
            true => Some(read_counter(session, dialect, &counter, limits).await?),
        };
        let last = stored.max(counted.unwrap_or(0)).max(self.largest_given.unwrap_or(0));
        let end = i64::try_from(self.missing).ok().and_then(|missing| last.checked_add(missing));
        let end = end.ok_or_else(|| Error::internal("the keys of the table are used up"))?;
        if counted.is_some_and(|counted| counted != end) {
            put_meta(session, dialect, &counter, &end.to_string(), limits).await?;
        }
        Ok((last + 1..=end).collect())
    }

    /// Fills the rows without key with the ids taken for them.
    pub fn apply(&mut self, table: &TableSchema, batch: RecordBatch) -> Result<RecordBatch> {
        if self.source == KeySource::Uuid7 {
            return fill_uuids(table, &batch);
        }
        if self.ids.is_empty() {
            return Ok(batch);
        }
        let given = batch.column_by_name(key_name(table)?).map(|keys| keys.as_primitive::<Int64Type>());
        let mut take = || {
            let id = self.ids.get(self.used).copied();
            self.used += 1;
            id.ok_or_else(|| Error::internal("more rows without key than ids"))
        };
        let keys = (0..batch.num_rows()).map(|row| match given {
            Some(keys) if keys.is_valid(row) => Ok(keys.value(row)),
            _ => take(),
        });
        let keys: Int64Array = keys.collect::<Result<Vec<i64>>>()?.into();
        replace_key(table, &batch, Arc::new(keys))
    }
}

async fn read_counter(session: &mut Session, dialect: &dyn Dialect, counter: &str, limits: &Limits) -> Result<i64> {
    let [key, value] = ["key", "value"].map(|name| dialect.quote(name));
    let text = LogicalType::Text { max_length: None };
    let sql =
        format!("SELECT {value} FROM {} WHERE {key} = {}", dialect.qualified(META), dialect.placeholder(1, &text));
    let statement = Statement::unscoped(sql, "our own table").with_text(counter).returning(&[("value", text)]);
    let rows = query(session, &statement, limits).await?;
    if rows.num_rows() == 0 {
        return Ok(0);
    }
    let broken = |_| Error::internal(format!("the counter `{counter}` of the keys is no number"));
    text_cell(&rows, 0).parse().map_err(broken)
}

/// UUIDs of version 7 in the rows without key: they rise with time, and within one batch too.
fn fill_uuids(table: &TableSchema, batch: &RecordBatch) -> Result<RecordBatch> {
    let given = batch.column_by_name(key_name(table)?).map(|keys| keys.as_fixed_size_binary());
    if given.is_some_and(|keys| keys.null_count() == 0) {
        return Ok(batch.clone());
    }
    let mut keys = FixedSizeBinaryBuilder::with_capacity(batch.num_rows(), 16);
    for row in 0..batch.num_rows() {
        let appended = match given {
            Some(given) if given.is_valid(row) => keys.append_value(given.value(row)),
            _ => keys.append_value(uuid::Uuid::now_v7().as_bytes()),
        };
        appended.map_err(|error| Error::internal(error.to_string()))?;
    }
    replace_key(table, batch, Arc::new(keys.finish()))
}

pub(super) fn key_name(table: &TableSchema) -> Result<&str> {
    let name = table.sole_key().map(|key| key.name.as_str());
    name.ok_or_else(|| Error::internal("an automatic key of several columns"))
}

/// The batch with the key column in its place among the table's columns.
fn replace_key(table: &TableSchema, batch: &RecordBatch, keys: ArrayRef) -> Result<RecordBatch> {
    let key = table.sole_key().ok_or_else(|| Error::internal("an automatic key of several columns"))?;
    let mut columns: Vec<(Arc<Field>, ArrayRef)> = Vec::with_capacity(batch.num_columns() + 1);
    for column in &table.columns {
        if column.name == key.name {
            columns.push((Arc::new(arrow_field(key)), Arc::clone(&keys)));
        } else if let Some((at, field)) = batch.schema_ref().column_with_name(&column.name) {
            columns.push((Arc::new(field.clone()), Arc::clone(batch.column(at))));
        }
    }
    let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|error| Error::internal(error.to_string()))
}
