//! Statements around the staging table of MariaDB: temporary, filled by a stream, and joined or copied from.

use std::fmt::Write as _;

use arrow_array::RecordBatch;

use super::statement::{Statement, Writer};
use super::{Dialect, tenant_column};
use crate::error::{Error, Result};
use crate::plan::{Plan, ScopedPlan};
use crate::schema::Role;
use crate::types::LogicalType;

pub(super) const STAGING: &str = "dataflow_staging";
const FOUND: &str = "@dataflow_found";

/// How rows of the staging table come over those that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagedPut {
    /// All that triggers see of it. It takes longer: the server notes what it will change before it does.
    Update,
    /// `INSERT … ON DUPLICATE KEY UPDATE`, which sets off the triggers of an insert too.
    OnDuplicateKey,
}

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

    /// The columns of the staging table of a put: the key, and what is set.
    pub fn staged_columns(scoped: &ScopedPlan) -> Result<Vec<&str>> {
        let Plan::Put { table, set, .. } = scoped.plan() else {
            return Err(Error::internal("a put without its plan"));
        };
        Ok(table.physical_key().into_iter().chain(table.names(set)).collect())
    }

    /// The rows of the staging table, written over those with the same keys, which are locked; the columns of `batch`
    /// are all that the table has. The rows of the one table find those of the other by their keys.
    pub fn put_staged(
        dialect: &dyn Dialect,
        scoped: &ScopedPlan,
        batch: &RecordBatch,
        form: StagedPut,
    ) -> Result<Self> {
        let Plan::Put { table, set, .. } = scoped.plan() else {
            return Err(Error::internal("a put without its plan"));
        };
        let mut writer = Writer::new(dialect, scoped);
        let (target, set) = (dialect.qualified_table(table), writer.names(&table.names(set)));
        let keys = writer.names(&table.physical_key());
        let keys: Vec<_> = keys.iter().map(|name| format!("t.{name} = v.{name}")).collect();
        let joined =
            format!("{} AS v STRAIGHT_JOIN {target} AS t ON {}", dialect.qualified(STAGING), keys.join(" AND "));
        match form {
            StagedPut::Update => {
                let set: Vec<_> = set.iter().map(|name| format!("t.{name} = v.{name}")).collect();
                let _ = write!(writer.sql, "UPDATE {joined} SET {}", set.join(", "));
            }
            StagedPut::OnDuplicateKey => {
                let names = batch.schema_ref().fields().iter().map(|field| dialect.quote(field.name()));
                let from = |name: String| format!("{}.{name}", if set.contains(&name) { "v" } else { "t" });
                let (columns, values) = (writer.column_list(batch), names.map(from).collect::<Vec<_>>().join(", "));
                let _ = write!(writer.sql, "INSERT INTO {target} ({columns}) SELECT {values} FROM {joined}");
                let set: Vec<_> = set.iter().map(|name| format!("{name} = VALUES({name})")).collect();
                let _ = write!(writer.sql, " ON DUPLICATE KEY UPDATE {}", set.join(", "));
            }
        }
        Ok(Statement { tenant: None, ..writer.finish(Vec::new()) })
    }

    /// The rows of the staging table, whose columns are those of `batch`: inserted, or written over those with the same
    /// keys. A row that meets another by anything else, as by a unique index that was made meanwhile, is to get the key
    /// null, which the server refuses.
    ///
    /// The server counts each row once, and one that it changes twice; how many were there is counted by the statement
    /// itself, in a variable of the session ([`Self::count_found`], [`Self::found`]).
    pub fn upsert_staged(dialect: &dyn Dialect, scoped: &ScopedPlan, batch: &RecordBatch) -> Result<Self> {
        let Plan::Upsert { table, set, .. } = scoped.plan() else {
            return Err(Error::internal("an upsert without its plan"));
        };
        let mut writer = Writer::new(dialect, scoped);
        let (target, columns) = (dialect.qualified_table(table), writer.column_list(batch));
        let staging = dialect.qualified(STAGING);
        let differs = |name: &str, ty: &LogicalType| {
            let name = dialect.quote(name);
            dialect.differs(ty, &format!("{target}.{name}"), &format!("VALUES({name})"))
        };
        let keys = table.multi_tenant.then(tenant_column).into_iter();
        let keys: Vec<_> = keys.chain(table.key.iter().map(|&at| table.columns[at].clone())).collect();
        let others: Vec<_> = keys.iter().map(|column| differs(&column.name, &column.ty)).collect();
        let key = dialect.quote(table.physical_key()[0]);
        let _ = write!(
            writer.sql,
            "INSERT INTO {target} ({columns}) SELECT {columns} FROM {staging} AS v ON DUPLICATE KEY UPDATE \
             {key} = IF(({FOUND} := {FOUND} + 1) IS NULL OR {}, NULL, VALUES({key}))",
            others.join(" OR ")
        );
        let (times, others): (Vec<_>, Vec<_>) =
            set.iter().map(|&at| &table.columns[at]).partition(|column| column.role == Role::UpdatedAt);
        // A later assignment sees what an earlier one wrote: the time is decided upon first.
        for column in times {
            let changed: Vec<_> = others.iter().map(|other| differs(&other.name, &other.ty)).collect();
            let (changed, name) = (changed.join(" OR "), dialect.quote(&column.name));
            let _ = write!(writer.sql, ", {name} = IF({changed}, VALUES({name}), {target}.{name})");
        }
        for column in others {
            let name = dialect.quote(&column.name);
            let _ = write!(writer.sql, ", {name} = VALUES({name})");
        }
        Ok(Statement { tenant: None, ..writer.finish(Vec::new()) })
    }

    /// Before [`Self::upsert_staged`].
    pub fn count_found() -> Self {
        Statement::unscoped(format!("SET {FOUND} = 0"), "a variable of this session only")
    }

    /// How many rows of [`Self::upsert_staged`] were there.
    pub fn found() -> Self {
        Statement::unscoped(format!("SELECT CAST({FOUND} AS SIGNED)"), "a variable of this session only")
            .returning(&[("found", LogicalType::Int)])
    }

    pub fn drop_staging(dialect: &dyn Dialect) -> Self {
        let sql = format!("DROP TEMPORARY TABLE {}", dialect.qualified(STAGING));
        Statement::unscoped(sql, "a table of this session only")
    }
}
