//! Rows that meet stored rows in one statement: the server decides what becomes of each.
//!
//! Values are compared as [`crate::merge::Cells`] does, and only rows that differ are written. The rows come in the order
//! of their keys, so that two writers of the same rows wait for each other and do not deadlock.

use std::fmt::Write as _;

use arrow_array::RecordBatch;

use super::statement::{Returned, Statement, Writer};
use super::write::project;
use super::{Dialect, tenant_column};
use crate::error::{Error, Result};
use crate::plan::{Plan, ScopedPlan};
use crate::schema::{ColumnSchema, KeySource, Role, TableSchema};
use crate::types::LogicalType;
use crate::value::Value;

/// What is told of the rows that a statement wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Their keys, of an upsert each with whether the row is new.
    Keys,
    /// How many they are: of an upsert first the new ones, and then all.
    Number,
}

/// Has those wait for each other who set a generator of keys; beside it stands the number of the sequence.
pub const SEQUENCE_LOCK: i32 = 0x6466_6b79;

/// Moves the sequence of a table's column above a key: table, column and key are the parameters of these names.
///
/// Small gaps are crossed by `nextval`, which no concurrent writer can turn back. Only a jump sets the value, one writer
/// at a time: of two that had looked before, the later would turn it back to the lower key.
fn raise_sequence([table, column, key]: [&str; 3]) -> String {
    format!(
        "SELECT CASE WHEN gap > 1000 \
         THEN (SELECT CASE WHEN {key} > coalesce(pg_sequence_last_value(seq), 0) THEN setval(seq, {key}) END \
         FROM (SELECT pg_advisory_xact_lock({SEQUENCE_LOCK}, seq::oid::int4)::text OFFSET 0) AS locked) \
         ELSE (SELECT max(id) FROM (SELECT nextval(seq) AS id FROM generate_series(1, gap)) AS taken) END \
         FROM (SELECT seq, {key} - coalesce(pg_sequence_last_value(seq), 0) AS gap \
         FROM (SELECT pg_get_serial_sequence({table}, {column})::regclass AS seq) AS s) AS g WHERE gap > 0"
    )
}

/// Whether values of the type are the same to a statement where they are the same to [`crate::merge::Cells`]: numbers
/// inside of documents are not.
pub const fn compares(ty: &LogicalType) -> bool {
    !matches!(ty, LogicalType::Json | LogicalType::List { .. })
}

impl Statement {
    /// `INSERT … ON CONFLICT` of some rows of an upsert, in the columns of `batch`. `largest_key` is the largest of
    /// those that the table's sequence could give.
    ///
    /// # Errors
    /// `Internal` for another plan.
    pub fn upsert(
        dialect: &dyn Dialect,
        scoped: &ScopedPlan,
        batch: &RecordBatch,
        largest_key: Option<i64>,
        told: Told,
    ) -> Result<Self> {
        let Plan::Upsert { table, target, set, .. } = scoped.plan() else {
            return Err(Error::internal("an upsert without its plan"));
        };
        let mut writer = Writer::new(dialect, scoped);
        let raised = writer.raise(table, largest_key);
        if told == Told::Number {
            writer.sql.push_str(if raised { ", written AS (" } else { "WITH written AS (" });
        }
        let (columns, table_name) = (writer.column_list(batch), dialect.qualified_table(table));
        let _ = write!(writer.sql, "{}INSERT INTO {table_name} AS t ({columns}) SELECT v.*", space(raised, told));
        // It comes first: a writer that is given a key meanwhile is given none of these.
        writer.unnested(if raised { "raised CROSS JOIN " } else { "" }, batch)?;
        let _ = write!(writer.sql, " AS v ({columns}) ON CONFLICT ({})", writer.arbiter(table, target));
        if set.is_empty() {
            writer.sql.push_str(" DO NOTHING");
        } else {
            writer.set_list(" DO UPDATE SET ", &table.names(set), |name| format!("excluded.{name}"));
            writer.differs(" WHERE ", table, set, "excluded");
        }
        let returns = match told {
            Told::Keys => writer.returning(table, Some("t.xmax = 0")),
            Told::Number => {
                let new = "t.xmax = 0 AS new";
                let _ =
                    write!(writer.sql, " RETURNING {new}) SELECT count(*) FILTER (WHERE new), count(*) FROM written");
                writer.tenant = None;
                vec![number("new"), number("all")]
            }
        };
        Ok(writer.finish(returns))
    }

    /// `INSERT … SELECT` of new rows with one array a column. `largest_key` is the largest of those that the table's
    /// sequence could give.
    ///
    /// # Errors
    /// `Internal` for columns of another type than the table's.
    pub fn insert_arrays(
        dialect: &dyn Dialect,
        scoped: &ScopedPlan,
        batch: &RecordBatch,
        largest_key: Option<i64>,
    ) -> Result<Self> {
        let table = scoped.plan().table();
        let mut writer = Writer::new(dialect, scoped);
        let raised = writer.raise(table, largest_key);
        let columns = writer.column_list(batch);
        let insert = if raised { " INSERT" } else { "INSERT" };
        let _ = write!(writer.sql, "{insert} INTO {} ({columns}) SELECT v.*", dialect.qualified_table(table));
        writer.unnested(if raised { "raised CROSS JOIN " } else { "" }, batch)?;
        let _ = write!(writer.sql, " AS v ({columns})");
        Ok(Statement { tenant: None, ..writer.finish(Vec::new()) })
    }

    /// `UPDATE … FROM` some rows of a put; those that do not differ from the stored ones are left alone.
    ///
    /// # Errors
    /// `Internal` for another plan.
    pub fn put_differing(dialect: &dyn Dialect, scoped: &ScopedPlan, batch: &RecordBatch, told: Told) -> Result<Self> {
        let Plan::Put { table, set, .. } = scoped.plan() else {
            return Err(Error::internal("a put without its plan"));
        };
        let mut writer = Writer::new(dialect, scoped);
        let (key, names) = (table.physical_key(), table.names(set));
        let columns: Vec<&str> = key.iter().chain(&names).copied().collect();
        let batch = project(batch, &columns)?;
        let _ = write!(writer.sql, "UPDATE {} AS t", dialect.qualified_table(table));
        writer.set_list(" SET ", &names, |name| format!("v.{name}"));
        writer.unnested("", &batch)?;
        let _ = write!(writer.sql, " AS v ({})", writer.names(&columns).join(", "));
        writer.equal_keys(&key, |name| format!("v.{name}"));
        writer.differs(" AND ", table, set, "v");
        let returns = match told {
            Told::Keys => writer.returning(table, None),
            Told::Number => {
                writer.tenant = None;
                Vec::new()
            }
        };
        Ok(writer.finish(returns))
    }
}

fn number(name: &str) -> Returned {
    Returned { name: name.to_owned(), ty: LogicalType::Int, nullable: false }
}

/// Between the sequence and the rows.
const fn space(raised: bool, told: Told) -> &'static str {
    match (raised, told) {
        (true, Told::Keys) => " ",
        _ => "",
    }
}

impl Writer<'_> {
    /// Moves the table's sequence above the key; whether there is anything to move.
    fn raise(&mut self, table: &TableSchema, largest_key: Option<i64>) -> bool {
        let (Some(largest), Some(key)) = (largest_key, table.sole_key()) else {
            return false;
        };
        if table.key_source != KeySource::Database {
            return false;
        }
        let text = LogicalType::Text { max_length: None };
        let (name, key) = (self.dialect.qualified_table(table), key.name.clone());
        let table = self.placeholder(&text, Value::Text(name.into()));
        let column = self.placeholder(&text, Value::Text(key.into()));
        let key = self.placeholder(&LogicalType::Int, Value::Int(largest));
        // One row, whether it moved or not.
        let _ = write!(self.sql, "WITH raised AS MATERIALIZED (SELECT ({}))", raise_sequence([&table, &column, &key]));
        true
    }

    /// The columns by which stored rows are found. Texts are compared byte by byte: an index that takes others for the
    /// same is no arbiter, and the statement is refused.
    fn arbiter(&self, table: &TableSchema, target: &[usize]) -> String {
        let tenant = table.multi_tenant.then(tenant_column);
        let columns = tenant.into_iter().chain(target.iter().map(|&at| table.columns[at].clone()));
        let named = |column: ColumnSchema| {
            let name = self.dialect.quote(&column.name);
            if column.ty.is_text() { format!("{name} COLLATE \"C\"") } else { name }
        };
        columns.map(named).collect::<Vec<_>>().join(", ")
    }

    /// That a stored row differs from a given one. The time of a write is no difference.
    fn differs(&mut self, word: &str, table: &TableSchema, set: &[usize], given: &str) {
        let columns = set.iter().map(|&at| &table.columns[at]).filter(|column| column.role != Role::UpdatedAt);
        let differs = columns.map(|column| {
            let name = self.dialect.quote(&column.name);
            self.dialect.differs(&column.ty, &format!("t.{name}"), &format!("{given}.{name}"))
        });
        let differs = differs.collect::<Vec<_>>().join(" OR ");
        let _ = write!(self.sql, "{word}({differs})");
    }

    /// The tenant, which is compared and removed, and the keys; `flag` is an expression beside them.
    fn returning(&mut self, table: &TableSchema, flag: Option<&str>) -> Vec<Returned> {
        let tenant = table.multi_tenant.then(tenant_column);
        let columns = tenant.into_iter().chain(table.key.iter().map(|&at| table.columns[at].clone()));
        let mut returns: Vec<Returned> =
            columns.map(|column| Returned { name: column.name, ty: column.ty, nullable: false }).collect();
        let mut texts: Vec<_> =
            returns.iter().map(|column| format!("t.{}", self.dialect.quote(&column.name))).collect();
        if let Some(flag) = flag {
            texts.push(flag.to_owned());
            returns.push(Returned { name: "dataflow_new".to_owned(), ty: LogicalType::Bool, nullable: false });
        }
        let _ = write!(self.sql, " RETURNING {}", texts.join(", "));
        returns
    }
}
