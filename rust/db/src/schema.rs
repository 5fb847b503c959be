//! A model's table, made or checked before its first statement, once, under a lock of the database.

mod indexes;
mod look;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::dialect::{Dialect, Statement, Target, add_columns, create_table, foreign_keys};
use dataflow_core::schema::TableSchema;
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};

use self::look::{Missing, look, mismatch, report};
use crate::context::Context;
use crate::cursor::{KEY_ENTRY, new_key_text};
use crate::database::{Database, Ready, SchemaMode, Table};
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

impl Database {
    /// Makes or checks the table, once for each `Table`; a failure is tried again by the next operation.
    ///
    /// On a server this happens beside the caller's transaction, which DDL would commit on MariaDB. An embedded
    /// database has no room beside it, and on PostgreSQL a table that refers to others would wait for the caller's own
    /// locks on them: there the transaction itself makes the table, and may take it back.
    pub async fn make_ready(&self, table: &Table, context: &Context) -> Result<()> {
        if table.ready.initialized() || self.schema_mode() == SchemaMode::Off {
            return Ok(());
        }
        match &context.transaction {
            Some(transaction) if self.embedded() || self.refers_to_more(table, transaction) => {
                self.prepare_inside(table, transaction, context).await
            }
            _ => table.ready.get_or_try_init(async || self.prepare(table, context).await).await.map(drop),
        }
    }

    /// As [`Self::make_ready`], with the tables of the other rows that are asked for.
    pub async fn make_related_ready(
        &self,
        table: &Table,
        related: Vec<&Arc<TableSchema>>,
        context: &Context,
    ) -> Result<()> {
        self.make_ready(table, context).await?;
        for related in related {
            let table = self.table_of(&related.model);
            let table = table.ok_or_else(|| Error::internal("a relation to a model that is not known"))?;
            self.make_ready(&table, context).await?;
        }
        Ok(())
    }

    /// Whether the table has to be made inside the transaction, which may hold the tables it refers to.
    fn refers_to_more(&self, table: &Table, transaction: &Transaction) -> bool {
        self.transactional_ddl() && !transaction.read_only() && !table.schema.references.is_empty()
    }

    async fn prepare_inside(&self, table: &Table, transaction: &Transaction, context: &Context) -> Result<()> {
        let limits = context.limits();
        let dialect = self.dialect(&limits, context.labels.as_ref()).await?;
        let family = self.family(&table.schema)?;
        let mut held = transaction.hold(&limits).await?;
        let name = table.schema.full_name();
        if held.knows_table(&name) {
            return Ok(());
        }
        let session = held.session()?;
        let work = async {
            match self.lacks_something(session, dialect.as_ref(), &family, &limits).await? {
                false => ready(session, dialect.as_ref(), &table.schema, &limits).await.map(Some),
                true => create_bounded(session, dialect.as_ref(), &family, &limits).await.map(|()| None),
            }
        };
        let result = work.await;
        match &result {
            Ok(ready) => held.learn_table(&name, ready.is_none()),
            Err(_) => held.abort(),
        }
        // It was there before this transaction, which cannot take it back.
        if let Ok(Some(ready)) = &result
            && !held.makes_tables()
        {
            table.ready.set(*ready).ok();
        }
        result.map(drop)
    }

    async fn prepare(&self, table: &Table, context: &Context) -> Result<Ready> {
        let limits = Limits { deadline: None, ..context.limits() };
        let labels = context.labels.as_ref();
        let dialect = self.dialect(&limits, labels).await?;
        let family = self.family(&table.schema)?;
        let _station = self.events().station("dataflow.schema", labels);
        let access = if context.transaction.is_some() { Access::Schema } else { Access::Write };
        let mut session = self.session(access, &limits, labels).await?;
        if self.lacks_something(&mut session, dialect.as_ref(), &family, &limits).await? {
            create_locked(&mut session, dialect.as_ref(), &family, &limits).await?;
        }
        // Also after that: it may have been a column that the table lacked.
        ready(&mut session, dialect.as_ref(), &table.schema, &limits).await
    }

    /// The table and all that it refers to, over any number of steps; what is referred to comes first, but for cycles.
    fn family(&self, table: &Arc<TableSchema>) -> Result<Vec<Member>> {
        let mut family: Vec<Member> = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        let mut todo = vec![(Arc::clone(table), false)];
        while let Some((table, has_targets)) = todo.pop() {
            let targets = self.targets(&table)?;
            if has_targets {
                family.push(Member { table, targets });
            } else if !seen.contains(&table.model) {
                seen.push(table.model.clone());
                todo.push((table, true));
                todo.extend(targets.into_iter().map(|target| (target, false)));
            }
        }
        Ok(family)
    }

    /// Whether something is to be made; refused where the schema mode does not let us.
    async fn lacks_something(
        &self,
        session: &mut Session,
        dialect: &dyn Dialect,
        family: &[Member],
        limits: &Limits,
    ) -> Result<bool> {
        check_format(session, dialect, limits).await?;
        let mut lacks = false;
        for Member { table, .. } in family {
            match (look(session, dialect, table, limits).await?, self.schema_mode()) {
                (Missing::Nothing, _) => {}
                (Missing::Table, SchemaMode::Check) => {
                    return Err(mismatch(table, "the table does not exist".to_owned()));
                }
                (Missing::Columns(columns), SchemaMode::Check) => {
                    return Err(mismatch(table, format!("the table has no column `{}`", columns[0].name)));
                }
                _ => lacks = true,
            }
        }
        Ok(lacks)
    }
}

/// What has to be known of a table that is there.
async fn ready(session: &mut Session, dialect: &dyn Dialect, table: &TableSchema, limits: &Limits) -> Result<Ready> {
    let Some(sql) = dialect.obstacles_query(table) else {
        return Ok(Ready::default());
    };
    let columns = [("triggers", LogicalType::Int), ("indexes", LogicalType::Int)];
    let found = query(session, &Statement::unscoped(sql, "catalogue").returning(&columns), limits).await?;
    let is_none = |at: usize| found.column(at).as_primitive::<Int64Type>().iter().next().flatten() == Some(0);
    Ok(Ready { decides: is_none(0), sole_key: is_none(1) })
}

/// A table that is to be there, and the tables it refers to.
struct Member {
    table: Arc<TableSchema>,
    targets: Vec<Arc<TableSchema>>,
}

impl Member {
    /// `made`: the models whose tables are there by now.
    fn targets(&self, made: &[&str]) -> Vec<Target<'_>> {
        let is_there = |target: &TableSchema| target.model == self.table.model || made.contains(&target.model.as_str());
        self.targets.iter().map(|target| Target { table: target, is_there: is_there(target) }).collect()
    }
}

/// PostgreSQL and SQLite make the tables in one transaction; MariaDB commits each step by itself.
async fn create_locked(session: &mut Session, dialect: &dyn Dialect, family: &[Member], limits: &Limits) -> Result<()> {
    let lock = dialect.schema_lock();
    if lock.in_transaction {
        begin(session, dialect, &Begin::default(), limits).await?;
    }
    let created = create_bounded(session, dialect, family, limits).await;
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

/// Makes what is missing when it is our turn, and waits for no lock of others without end.
async fn create_bounded(
    session: &mut Session,
    dialect: &dyn Dialect,
    family: &[Member],
    limits: &Limits,
) -> Result<()> {
    take_lock(session, dialect.schema_lock().acquire.as_deref(), limits).await?;
    let Some([bound, free]) = dialect.bound_locks() else {
        return create(session, dialect, family, limits).await;
    };
    run_ddl(session, bound, limits).await?;
    create(session, dialect, family, limits).await?;
    run_ddl(session, free, limits).await
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

/// Makes what is missing: first all tables, then what ties them together.
async fn create(session: &mut Session, dialect: &dyn Dialect, family: &[Member], limits: &Limits) -> Result<()> {
    let meta = dialect.qualified(META);
    if !meta_exists(session, dialect, limits).await? {
        run_ddl(session, &dialect.create_meta(&meta), limits).await?;
    }
    if stored_format(session, dialect, limits).await?.is_none() {
        put_meta(session, dialect, "format", &FORMAT.to_string(), limits).await?;
        // Now, so that no reader has to write one.
        add_meta(session, dialect, KEY_ENTRY, &new_key_text()?, limits).await?;
    }
    let (mut ties, mut made) = (Vec::new(), Vec::new());
    for member in family {
        let table = &member.table;
        made.push(table.model.as_str());
        match look(session, dialect, table, limits).await? {
            Missing::Nothing => continue,
            Missing::Table => {
                create_namespace(session, dialect, table, limits).await?;
                let targets = member.targets(&made);
                for sql in create_table(dialect, table, &targets)? {
                    run_ddl(session, &dialect.bounded(&sql), limits).await?;
                }
                ties.extend(foreign_keys(dialect, table, &targets)?);
            }
            Missing::Columns(columns) => {
                for sql in add_columns(dialect, table, &columns, &member.targets(&made))? {
                    let added = run_ddl(session, &dialect.bounded(&sql), limits).await;
                    added.map_err(|error| match error.kind() {
                        ErrorKind::CheckViolation => {
                            mismatch(table, "its rows do not meet a check of a new field".into())
                        }
                        _ => error,
                    })?;
                }
            }
        }
        put_meta(session, dialect, &format!("model.{}", table.full_name()), &table.fingerprint(), limits).await?;
    }
    for sql in ties {
        run_ddl(session, &dialect.bounded(&sql), limits).await?;
    }
    Ok(())
}

/// A login that may not make schemas can use one that is there.
async fn create_namespace(
    session: &mut Session,
    dialect: &dyn Dialect,
    table: &TableSchema,
    limits: &Limits,
) -> Result<()> {
    let Some(namespace) = &table.namespace else { return Ok(()) };
    let Some(create) = dialect.create_namespace(namespace) else { return Ok(()) };
    let question = Statement::unscoped(dialect.namespace_query(), "catalogue").with_text(namespace);
    let found = query(session, &question.returning(&[("count", LogicalType::Int)]), limits).await?;
    match found.column(0).as_primitive::<Int64Type>().iter().next().flatten() {
        Some(0) => run_ddl(session, &create, limits).await,
        _ => Ok(()),
    }
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
    write_meta(session, dialect.put_meta(&dialect.qualified(META)), [key, value], limits).await
}

/// As [`put_meta`], but what is there stays.
pub(crate) async fn add_meta(
    session: &mut Session,
    dialect: &dyn Dialect,
    key: &str,
    value: &str,
    limits: &Limits,
) -> Result<()> {
    write_meta(session, dialect.add_meta(&dialect.qualified(META)), [key, value], limits).await
}

async fn write_meta(session: &mut Session, sql: String, entry: [&str; 2], limits: &Limits) -> Result<()> {
    let [key, value] = entry;
    let statement = Statement::unscoped(sql, "our own table").with_text(key).with_text(value);
    control(session, &statement, Effect::Nothing, limits).await
}

pub(crate) async fn meta_exists(session: &mut Session, dialect: &dyn Dialect, limits: &Limits) -> Result<bool> {
    Ok(!report(session, dialect, None, META, limits).await?.is_empty())
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
