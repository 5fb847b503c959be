//! A model's table, made or checked before its first statement, once, under a lock of the database.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use dataflow_core::dialect::{Dialect, Param, ParamValue, Statement, physical_columns};
use dataflow_core::schema::{ColumnSchema, TableSchema};
use dataflow_core::types::LogicalType;
use dataflow_core::value::Value;
use dataflow_core::{Error, ErrorKind, Result};

use crate::context::Context;
use crate::database::{Database, SchemaMode, Table};
use crate::driver::Access;
use crate::execute::{Begin, begin, commit, control, query, rollback};
use crate::fetch::text_cell;
use crate::session::{Effect, Limits, Session};
use crate::transaction::Transaction;

/// Version of what we keep in the database ourselves.
const FORMAT: i64 = 1;
/// Our own table.
pub(crate) const META: &str = "dataflow_meta";
const TEXT: LogicalType = LogicalType::Text { max_length: None };

/// A column as the database reports it.
struct Reported {
    name: String,
    ty: String,
    nullable: bool,
}

impl Database {
    /// Makes or checks the table, once for each `Table`; a failure is tried again by the next operation.
    ///
    /// On a server this happens beside the caller's transaction, which DDL would commit on MariaDB. An embedded
    /// database has no room beside it: there the transaction itself makes the table, and may take it back.
    pub async fn make_ready(&self, table: &Table, context: &Context) -> Result<()> {
        if table.ready.initialized() || self.schema_mode() == SchemaMode::Off {
            return Ok(());
        }
        match &context.transaction {
            Some(transaction) if self.embedded() => self.prepare_inside(table, transaction, context).await,
            _ => table.ready.get_or_try_init(async || self.prepare(table, context).await).await.copied(),
        }
    }

    async fn prepare_inside(&self, table: &Table, transaction: &Transaction, context: &Context) -> Result<()> {
        let limits = context.limits();
        let dialect = self.dialect(&limits).await?;
        let mut held = transaction.hold(&limits).await?;
        if held.knows_table(&table.schema.table) {
            return Ok(());
        }
        let session = held.session()?;
        let work = async {
            match self.look(session, dialect.as_ref(), &table.schema, &limits).await? {
                Missing::Nothing => Ok(()),
                _ => create(session, dialect.as_ref(), &table.schema, &limits).await,
            }
        };
        let result = work.await;
        match &result {
            Ok(()) => held.learn_table(&table.schema.table),
            Err(_) => held.abort(),
        }
        result
    }

    async fn prepare(&self, table: &Table, context: &Context) -> Result<()> {
        let limits = Limits { deadline: None, ..context.limits() };
        let dialect = self.dialect(&limits).await?;
        let _station = self.events().station("dataflow.schema");
        let access = if context.transaction.is_some() { Access::Schema } else { Access::Write };
        let mut session = self.session(access, &limits).await?;
        match self.look(&mut session, dialect.as_ref(), &table.schema, &limits).await? {
            Missing::Nothing => Ok(()),
            _ => create_locked(&mut session, dialect.as_ref(), &table.schema, &limits).await,
        }
    }

    /// What the table lacks, refused where the schema mode does not let us mend it.
    async fn look(
        &self,
        session: &mut Session,
        dialect: &dyn Dialect,
        table: &TableSchema,
        limits: &Limits,
    ) -> Result<Missing> {
        check_format(session, dialect, limits).await?;
        let missing = compare(dialect, table, &report(session, dialect, &table.table, limits).await?)?;
        match (&missing, self.schema_mode()) {
            (Missing::Table, SchemaMode::Check) => Err(mismatch(table, "the table does not exist".to_owned())),
            (Missing::Columns(columns), SchemaMode::Check) => {
                Err(mismatch(table, format!("the table has no column `{}`", columns[0].name)))
            }
            _ => Ok(missing),
        }
    }
}

/// PostgreSQL and SQLite make the table in one transaction; MariaDB commits each step by itself.
async fn create_locked(
    session: &mut Session,
    dialect: &dyn Dialect,
    table: &TableSchema,
    limits: &Limits,
) -> Result<()> {
    let lock = dialect.schema_lock();
    if lock.in_transaction {
        begin(session, dialect, &Begin::default(), limits).await?;
    }
    let created = match take_lock(session, lock.acquire.as_deref(), limits).await {
        Ok(()) => create(session, dialect, table, limits).await,
        Err(error) => Err(error),
    };
    if let Some(release) = lock.release {
        let statement = Statement::unscoped(release, "schema lock").returning(&[("released", LogicalType::Int)]);
        if query(session, &statement, limits).await.is_err() {
            session.discard("a schema lock that could not be released");
        }
    }
    if !lock.in_transaction {
        return created;
    }
    match created {
        Ok(()) => commit(session, limits).await,
        Err(error) => {
            rollback(session, limits).await.ok();
            Err(error)
        }
    }
}

/// Polls a try-lock: a blocking advisory lock deadlocks with CREATE INDEX CONCURRENTLY (golang-migrate#960).
async fn take_lock(session: &mut Session, acquire: Option<&str>, limits: &Limits) -> Result<()> {
    let Some(sql) = acquire else {
        return Ok(());
    };
    let statement = Statement::unscoped(sql, "schema lock").returning(&[("locked", LogicalType::Int)]);
    for _ in 0..600 {
        let rows = query(session, &statement, limits).await?;
        if rows.column(0).as_primitive::<Int64Type>().iter().next().flatten() == Some(1) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err(Error::new(ErrorKind::LockTimeout, "another process held the schema lock for 30 s"))
}

async fn create(session: &mut Session, dialect: &dyn Dialect, table: &TableSchema, limits: &Limits) -> Result<()> {
    let meta = dialect.qualified(META);
    if !meta_exists(session, dialect, limits).await? {
        run_ddl(session, &dialect.create_meta(&meta), limits).await?;
    }
    if stored_format(session, dialect, limits).await?.is_none() {
        put_meta(session, dialect, "format", &FORMAT.to_string(), limits).await?;
    }
    let reported = report(session, dialect, &table.table, limits).await?;
    match compare(dialect, table, &reported)? {
        Missing::Nothing => {}
        Missing::Table => {
            for sql in dialect.create_table(table) {
                run_ddl(session, &sql, limits).await?;
            }
        }
        Missing::Columns(columns) => {
            for column in columns {
                run_ddl(session, &dialect.add_column(table, &column), limits).await?;
            }
        }
    }
    put_meta(session, dialect, &format!("model.{}", table.table), &table.fingerprint(), limits).await
}

async fn run_ddl(session: &mut Session, sql: &str, limits: &Limits) -> Result<()> {
    control(session, &Statement::unscoped(sql, "schema"), Effect::Nothing, limits).await
}

pub(crate) async fn put_meta(
    session: &mut Session,
    dialect: &dyn Dialect,
    key: &str,
    value: &str,
    limits: &Limits,
) -> Result<()> {
    let statement = Statement::unscoped(dialect.put_meta(&dialect.qualified(META)), "our own table")
        .with_text(key)
        .with_text(value);
    control(session, &statement, Effect::Nothing, limits).await
}

pub(crate) async fn meta_exists(session: &mut Session, dialect: &dyn Dialect, limits: &Limits) -> Result<bool> {
    Ok(!report(session, dialect, META, limits).await?.is_empty())
}

/// # Errors
/// `NewerFormat` when a newer DataFlow has written our own table.
async fn check_format(session: &mut Session, dialect: &dyn Dialect, limits: &Limits) -> Result<()> {
    match stored_format(session, dialect, limits).await? {
        // None also while another process makes it: on MariaDB the table is seen before its first row.
        None => Ok(()),
        Some(format) if format.parse::<i64>().is_ok_and(|format| format <= FORMAT) => Ok(()),
        Some(format) => Err(Error::new(
            ErrorKind::NewerFormat,
            format!("the database has format `{format}`, this DataFlow knows {FORMAT}"),
        )
        .hint("upgrade dataflow-db here, or keep the older one out")),
    }
}

async fn stored_format(session: &mut Session, dialect: &dyn Dialect, limits: &Limits) -> Result<Option<String>> {
    if !meta_exists(session, dialect, limits).await? {
        return Ok(None);
    }
    let [key, value] = ["key", "value"].map(|name| dialect.quote(name));
    let sql = format!("SELECT {value} FROM {} WHERE {key} = 'format'", dialect.qualified(META));
    let rows = query(session, &Statement::unscoped(sql, "our own table").returning(&[("value", TEXT)]), limits).await?;
    Ok((rows.num_rows() > 0).then(|| text_cell(&rows, 0)))
}

async fn report(session: &mut Session, dialect: &dyn Dialect, table: &str, limits: &Limits) -> Result<Vec<Reported>> {
    let mut statement = Statement::unscoped(dialect.columns_query(), "catalogue").returning(&[
        ("name", TEXT),
        ("type", TEXT),
        ("nullable", LogicalType::Int),
    ]);
    statement.params.push(Param { ty: TEXT, value: ParamValue::One(Value::Text(table.to_owned().into())) });
    Ok(reported(&query(session, &statement, limits).await?, dialect))
}

fn reported(rows: &RecordBatch, dialect: &dyn Dialect) -> Vec<Reported> {
    let (names, types) = (rows.column(0).as_string::<i32>(), rows.column(1).as_string::<i32>());
    let nullable = rows.column(2).as_primitive::<Int64Type>();
    let row = |at: usize| Reported {
        name: names.value(at).to_owned(),
        ty: dialect.normalise_reported(types.value(at)),
        nullable: nullable.is_valid(at) && nullable.value(at) != 0,
    };
    (0..rows.num_rows()).map(row).collect()
}

enum Missing {
    Nothing,
    Table,
    /// All of them nullable, without a default the table would have to know.
    Columns(Vec<ColumnSchema>),
}

/// What the database lacks, or a difference that is never mended by itself.
fn compare(dialect: &dyn Dialect, table: &TableSchema, reported: &[Reported]) -> Result<Missing> {
    if reported.is_empty() {
        return Ok(Missing::Table);
    }
    let mut missing = Vec::new();
    for column in physical_columns(table) {
        let Some(found) = reported.iter().find(|found| found.name == column.name) else {
            if column.nullable {
                missing.push(column);
                continue;
            }
            return Err(mismatch(table, format!("the table has no column `{}`, which is required", column.name)));
        };
        let expected = dialect.normalise_reported(&dialect.reported_type(&column.ty));
        if found.ty != expected {
            return Err(mismatch(
                table,
                format!("column `{}` is {}, the model needs {expected}", column.name, found.ty),
            ));
        }
        if found.nullable != column.nullable {
            let (has, needs) = if found.nullable { ("takes null", "does not") } else { ("takes no null", "does") };
            return Err(mismatch(table, format!("column `{}` {has}, the model {needs}", column.name)));
        }
    }
    match reported.iter().find(|found| !found.nullable && !physical_columns(table).iter().any(|c| c.name == found.name))
    {
        Some(extra) => {
            Err(mismatch(table, format!("the table has a required column `{}` that the model lacks", extra.name)))
        }
        None if missing.is_empty() => Ok(Missing::Nothing),
        None => Ok(Missing::Columns(missing)),
    }
}

fn mismatch(table: &TableSchema, what: String) -> Error {
    Error::new(ErrorKind::SchemaMismatch, format!("{} and table `{}` differ: {what}", table.model, table.table))
        .path(table.model.clone())
        .hint("change the model, or the table by hand; existing tables are never altered")
}
