//! The statements that write: new rows, rows put by key, changes and removals by selection.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field};

use super::statement::{Returned, Statement, Writer};
use super::{Dialect, PutForm, RowsForm};
use crate::error::{Error, Result};
use crate::plan::{Assignment, Plan, ScopedPlan};
use crate::schema::TableSchema;
use crate::types::LogicalType;

impl Statement {
    /// `INSERT … VALUES` for `rows` rows of an append, which are bound from `batch`.
    ///
    /// With `return_key` the statement returns the key column, in the order of the rows.
    pub fn insert(
        dialect: &dyn Dialect,
        scoped: &ScopedPlan,
        batch: &RecordBatch,
        rows: usize,
        return_key: bool,
    ) -> Self {
        let table = scoped.plan().table();
        let mut writer = Writer::new(dialect, scoped);
        writer.insert(table, batch, rows);
        let mut returns = Vec::new();
        if let Some(key) = table.sole_key().filter(|_| return_key) {
            let _ = write!(writer.sql, " RETURNING {}", dialect.quote(&key.name));
            returns.push(Returned { name: key.name.clone(), ty: key.ty.clone(), nullable: false });
        }
        Statement { rows: Some(batch.clone()), tenant: None, ..writer.finish(returns) }
    }

    /// The statement behind which rows come in a stream, for the columns of `batch`.
    pub fn copy(dialect: &dyn Dialect, scoped: &ScopedPlan, batch: &RecordBatch) -> Self {
        let mut writer = Writer::new(dialect, scoped);
        let columns = writer.column_list(batch);
        let table = dialect.qualified_table(scoped.plan().table());
        writer.sql.push_str(&dialect.copy_from(&table, &columns));
        Statement { tenant: None, ..writer.finish(Vec::new()) }
    }

    /// Whole rows of a put, written over those with the same keys; `rows` of them in one statement.
    pub fn put(dialect: &dyn Dialect, scoped: &ScopedPlan, batch: &RecordBatch, rows: usize) -> Result<Self> {
        let Plan::Put { table, set, .. } = scoped.plan() else {
            return Err(Error::internal("a put without its plan"));
        };
        let mut writer = Writer::new(dialect, scoped);
        let (key, set) = (table.physical_key(), table.names(set));
        let bound = match dialect.put_form() {
            PutForm::OnDuplicateKey => {
                writer.insert(table, batch, rows);
                writer.set_list(" ON DUPLICATE KEY UPDATE ", &set, |name| format!("VALUES({name})"));
                batch.clone()
            }
            PutForm::FromRows => {
                let columns: Vec<&str> = key.iter().chain(&set).copied().collect();
                let batch = project(batch, &columns)?;
                let _ = write!(writer.sql, "UPDATE {} AS t", dialect.qualified_table(table));
                writer.set_list(" SET ", &set, |name| format!("v.{name}"));
                let bound = writer.table_of(&batch, rows)?;
                let _ = write!(writer.sql, " AS v ({})", writer.names(&columns).join(", "));
                writer.equal_keys(&key, |name| format!("v.{name}"));
                return Ok(Statement { rows: bound, tenant: None, ..writer.finish(Vec::new()) });
            }
            PutForm::Stepped => {
                let _ = write!(writer.sql, "UPDATE {} AS t", dialect.qualified_table(table));
                let mut number = 0;
                let mut next = |_: &str| {
                    number += 1;
                    dialect.placeholder(number, &LogicalType::Int)
                };
                writer.set_list(" SET ", &set, &mut next);
                writer.equal_keys(&key, &mut next);
                project(batch, &set.iter().chain(&key).copied().collect::<Vec<_>>())?
            }
        };
        Ok(Statement { rows: Some(bound), tenant: None, ..writer.finish(Vec::new()) })
    }

    /// `UPDATE … SET … WHERE …` with the same values for every selected row.
    pub fn change(dialect: &dyn Dialect, scoped: &ScopedPlan) -> Result<Self> {
        let Plan::Change { table, selection, assignments, .. } = scoped.plan() else {
            return Err(Error::internal("a change without its plan"));
        };
        let mut writer = Writer::new(dialect, scoped);
        let _ = write!(writer.sql, "UPDATE {}", dialect.qualified_table(table));
        for (number, (at, assignment)) in assignments.iter().enumerate() {
            let column = &table.columns[*at];
            let name = dialect.quote(&column.name);
            let _ = write!(writer.sql, "{}{name} = ", if number == 0 { " SET " } else { ", " });
            match assignment {
                Assignment::Value(value) => writer.param(&column.ty, value.clone()),
                Assignment::Increment => drop(write!(writer.sql, "{name} + 1")),
                Assignment::Change(change) => writer.changed(table, *at, change)?,
            }
        }
        writer.conditions(table, selection)?;
        Ok(Statement { tenant: None, ..writer.finish(Vec::new()) })
    }

    pub fn remove(dialect: &dyn Dialect, scoped: &ScopedPlan) -> Result<Self> {
        let Plan::Remove { table, selection, .. } = scoped.plan() else {
            return Err(Error::internal("a removal without its plan"));
        };
        let mut writer = Writer::new(dialect, scoped);
        let _ = write!(writer.sql, "DELETE FROM {}", dialect.qualified_table(table));
        writer.conditions(table, selection)?;
        Ok(Statement { tenant: None, ..writer.finish(Vec::new()) })
    }
}

/// Whether a statement takes the rows as an array for each column: PostgreSQL has no arrays of lists that differ in
/// length.
pub fn takes_arrays(dialect: &dyn Dialect, batch: &RecordBatch) -> bool {
    let list = |field: &Arc<Field>| matches!(field.data_type(), DataType::List(_));
    dialect.rows_form() == RowsForm::Arrays && !batch.schema_ref().fields().iter().any(list)
}

pub(super) fn project(batch: &RecordBatch, names: &[&str]) -> Result<RecordBatch> {
    let schema = batch.schema_ref();
    let at = names.iter().map(|name| schema.index_of(name)).collect::<Result<Vec<_>, _>>();
    at.and_then(|at| batch.project(&at)).map_err(|error| Error::internal(error.to_string()))
}

impl Writer<'_> {
    pub(super) fn column_list(&self, batch: &RecordBatch) -> String {
        let names: Vec<_> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        self.names(&names).join(", ")
    }

    pub(super) fn names(&self, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| self.dialect.quote(name)).collect()
    }

    fn insert(&mut self, table: &Arc<TableSchema>, batch: &RecordBatch, rows: usize) {
        let columns = self.column_list(batch);
        let _ = write!(self.sql, "INSERT INTO {} ({columns}) VALUES ", self.dialect.qualified_table(table));
        self.row_values(batch.num_columns(), rows);
    }

    /// `($1, $2), ($3, $4)`: values to be stored need no cast, the column converts them.
    fn row_values(&mut self, width: usize, rows: usize) {
        for row in 0..rows {
            self.sql.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..width {
                let placeholder = self.dialect.placeholder(row * width + column + 1, &LogicalType::Int);
                self.sql.push_str(if column == 0 { "" } else { ", " });
                self.sql.push_str(&placeholder);
            }
            self.sql.push(')');
        }
    }

    /// The rows as an array for each column, joined to what comes before them.
    pub(super) fn unnested(&mut self, before: &str, batch: &RecordBatch) -> Result<()> {
        let mut arrays = Vec::with_capacity(batch.num_columns());
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            arrays.push(self.array(&LogicalType::of_field(field)?, column));
        }
        let _ = write!(self.sql, " FROM {before}unnest({})", arrays.join(", "));
        Ok(())
    }

    /// The rows as a table expression; returns what is bound row by row.
    fn table_of(&mut self, batch: &RecordBatch, rows: usize) -> Result<Option<RecordBatch>> {
        if takes_arrays(self.dialect, batch) {
            self.unnested("", batch)?;
            return Ok(None);
        }
        self.sql.push_str(" FROM (VALUES ");
        self.row_values(batch.num_columns(), rows);
        self.sql.push(')');
        Ok(Some(batch.clone()))
    }

    pub(super) fn set_list(&mut self, word: &str, set: &[&str], mut value: impl FnMut(&str) -> String) {
        for (at, name) in self.names(set).iter().enumerate() {
            let _ = write!(self.sql, "{}{name} = {}", if at == 0 { word } else { ", " }, value(name));
        }
    }

    pub(super) fn equal_keys(&mut self, key: &[&str], mut value: impl FnMut(&str) -> String) {
        for (at, name) in self.names(key).iter().enumerate() {
            let _ = write!(self.sql, "{}t.{name} = {}", if at == 0 { " WHERE " } else { " AND " }, value(name));
        }
    }
}
