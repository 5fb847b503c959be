//! Statements around the staging table of MariaDB: temporary, filled by a stream, and joined or copied from.

use std::fmt::Write as _;

use arrow_array::RecordBatch;

use super::Dialect;
use super::statement::{Statement, Writer};
use crate::error::{Error, Result};
use crate::plan::{Plan, ScopedPlan};

pub(super) const STAGING: &str = "dataflow_staging";

impl Statement {
    /// Makes the staging table: temporary, empty, with the columns of `batch`, of the types that `columns` of the
    /// plan's table have.
    pub fn stage(dialect: &dyn Dialect, scoped: &ScopedPlan, columns: &[&str], batch: &RecordBatch) -> Self {
        let mut writer = Writer::new(dialect, scoped);
        let fields = batch.schema_ref().fields().iter();
        let named = |(column, name): (&&str, &str)| format!("{} AS {}", dialect.quote(column), dialect.quote(name));
        let columns: Vec<_> = columns.iter().zip(fields.map(|field| field.name().as_str())).map(named).collect();
        let (columns, staging) = (columns.join(", "), dialect.qualified(STAGING));
        let table = dialect.qualified_table(scoped.plan().table());
        let _ = write!(writer.sql, "CREATE TEMPORARY TABLE {staging} AS SELECT {columns} FROM {table} LIMIT 0");
        Statement { tenant: None, ..writer.finish(Vec::new()) }
    }

    /// The statement behind which the rows of `batch` come into the staging table in a stream.
    pub fn copy_staged(dialect: &dyn Dialect, scoped: &ScopedPlan, batch: &RecordBatch) -> Self {
        let mut writer = Writer::new(dialect, scoped);
        let columns = writer.column_list(batch);
        writer.sql.push_str(&dialect.copy_from(&dialect.qualified(STAGING), &columns));
        Statement { tenant: None, ..writer.finish(Vec::new()) }
    }

    /// The rows of the staging table, written over those with the same keys.
    pub fn put_staged(dialect: &dyn Dialect, scoped: &ScopedPlan, batch: &RecordBatch) -> Result<Self> {
        let Plan::Put { table, set, .. } = scoped.plan() else {
            return Err(Error::internal("a put without its plan"));
        };
        let mut writer = Writer::new(dialect, scoped);
        let (columns, staging) = (writer.column_list(batch), dialect.qualified(STAGING));
        let table_name = dialect.qualified_table(table);
        let _ = write!(writer.sql, "INSERT INTO {table_name} ({columns}) SELECT {columns} FROM {staging}");
        writer.set_list(" ON DUPLICATE KEY UPDATE ", &table.names(set), |name| format!("VALUES({name})"));
        Ok(Statement { tenant: None, ..writer.finish(Vec::new()) })
    }

    pub fn drop_staging(dialect: &dyn Dialect) -> Self {
        let sql = format!("DROP TEMPORARY TABLE {}", dialect.qualified(STAGING));
        Statement::unscoped(sql, "a table of this session only")
    }
}
