//! Indexes that are made when the rows are in: dropped while the table is empty, and made again as they were.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::dialect::{Dialect, Statement};
use dataflow_core::schema::TableSchema;
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};

use super::{TEXT, run_ddl};
use crate::context::Context;
use crate::database::{Database, Table};
use crate::execute::query;
use crate::session::{Limits, Session};
use crate::write::named;

impl Database {
    /// Drops the indexes of an empty table inside the context's transaction, which keeps all others out of it; returns
    /// what makes them again.
    ///
    /// # Errors
    /// `InvalidOption` where the table has rows, or where a transaction cannot take an index back.
    pub async fn drop_indexes(&self, table: &Table, context: &Context) -> Result<Vec<String>> {
        self.make_ready(table, context).await?;
        self.alter(table, None, context).await
    }

    /// Makes indexes again, in the same transaction.
    ///
    /// # Errors
    /// `UniqueViolation` where rows are the same; which, no database tells.
    pub async fn make_indexes(&self, table: &Table, indexes: &[String], context: &Context) -> Result<()> {
        self.alter(table, Some(indexes), context).await.map(drop)
    }

    /// Makes the indexes given, or drops all there are and returns them.
    async fn alter(&self, table: &Table, indexes: Option<&[String]>, context: &Context) -> Result<Vec<String>> {
        let limits = context.limits();
        let dialect = self.dialect(&limits, context.labels.as_ref()).await?;
        let transaction = context.transaction.as_ref();
        let transaction = transaction.ok_or_else(|| Error::internal("indexes are dropped outside of a transaction"))?;
        let mut held = transaction.hold(&limits).await?;
        let session = held.session()?;
        let result = match indexes {
            None => drop_all(session, dialect.as_ref(), &table.schema, &limits).await,
            Some(indexes) => make_all(session, dialect.as_ref(), &table.schema, indexes, &limits).await,
        };
        if result.is_err() {
            held.abort();
        }
        result
    }
}

async fn make_all(
    session: &mut Session,
    dialect: &dyn Dialect,
    table: &TableSchema,
    indexes: &[String],
    limits: &Limits,
) -> Result<Vec<String>> {
    for sql in indexes {
        run_ddl(session, sql, limits).await.map_err(|error| explained(dialect, table, error))?;
    }
    Ok(Vec::new())
}

async fn drop_all(
    session: &mut Session,
    dialect: &dyn Dialect,
    table: &TableSchema,
    limits: &Limits,
) -> Result<Vec<String>> {
    let Some(list) = dialect.droppable_query() else {
        return Err(refused("this database commits when an index is dropped").hint("leave defer_indexes out"));
    };
    let name = dialect.qualified_table(table);
    if let Some(lock) = dialect.lock_table(&name) {
        let [bound, free] = dialect.bound_locks().unwrap_or(["", ""]);
        run_ddl(session, bound, limits).await?;
        run_ddl(session, &lock, limits).await?;
        run_ddl(session, free, limits).await?;
    }
    let count = format!("SELECT count(*) FROM (SELECT 1 FROM {name} LIMIT 1) AS {}", dialect.quote("rows"));
    let count = Statement::unscoped(count, "whether a table is empty").returning(&[("count", LogicalType::Int)]);
    if query(session, &count, limits).await?.column(0).as_primitive::<Int64Type>().value(0) > 0 {
        return Err(refused(format!("the table of {} has rows already", table.model))
            .hint("indexes are dropped for the load of an empty table only"));
    }
    let list = Statement::unscoped(list, "catalogue").with_text(&name).with_text(&dialect.table_name(table));
    let found = query(session, &list.returning(&[("drop", TEXT), ("make", TEXT)]), limits).await?;
    for sql in found.column(0).as_string::<i32>().iter().flatten() {
        run_ddl(session, sql, limits).await?;
    }
    Ok(found.column(1).as_string::<i32>().iter().flatten().map(str::to_owned).collect())
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOption, message.into()).path("defer_indexes")
}

fn explained(dialect: &dyn Dialect, table: &TableSchema, error: Error) -> Error {
    match error.kind() {
        ErrorKind::UniqueViolation => named(dialect, table, error).hint(
            "the index was made after the rows, so that the row is not known: load without defer_indexes to learn it",
        ),
        _ => error,
    }
}
