//! SQL text with typed parameters. A value is never inside the text.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::RecordBatch;

use super::Dialect;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::plan::{Order, Plan, ReadPlan, ScopedPlan, TenantId};
use crate::schema::{TENANT_COLUMN, TableSchema};
use crate::types::LogicalType;
use crate::value::Value;

#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub ty: LogicalType,
    pub value: ParamValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ParamValue {
    One(Value<'static>),
    /// One array parameter.
    Many(Vec<Value<'static>>),
}

/// A column of the result.
#[derive(Clone, Debug, PartialEq)]
pub struct Returned {
    pub name: String,
    pub ty: LogicalType,
    pub nullable: bool,
}

/// What a driver sends. Only a [`ScopedPlan`] or, with a reason, [`Statement::unscoped`] makes one.
#[derive(Clone, Debug)]
pub struct Statement {
    pub sql: String,
    pub params: Vec<Param>,
    pub returns: Vec<Returned>,
    /// Rows bound as parameters behind `params`, row by row; at most one of the two is used.
    pub rows: Option<RecordBatch>,
    /// The tenant every returned row must carry in its first column.
    pub tenant: Option<TenantId>,
}

impl Statement {
    /// A statement outside every tenant: catalogue, schema and session control. `reason` is for the reader and for grep.
    pub fn unscoped(sql: impl Into<String>, reason: &'static str) -> Self {
        debug_assert!(!reason.is_empty());
        Statement { sql: sql.into(), params: Vec::new(), returns: Vec::new(), rows: None, tenant: None }
    }

    pub fn with_text(mut self, value: &str) -> Self {
        self.params.push(Param {
            ty: LogicalType::Text { max_length: None },
            value: ParamValue::One(Value::Text(value.to_owned().into())),
        });
        self
    }

    pub fn returning(mut self, columns: &[(&str, LogicalType)]) -> Self {
        let returned =
            |(name, ty): &(&str, LogicalType)| Returned { name: (*name).to_owned(), ty: ty.clone(), nullable: true };
        self.returns = columns.iter().map(returned).collect();
        self
    }

    /// The query of a read or count.
    pub fn query(dialect: &dyn Dialect, scoped: &ScopedPlan) -> Result<Self> {
        match scoped.plan() {
            Plan::Read(read) => Ok(Writer::new(dialect, scoped).read(read)),
            Plan::Count { table, filter } => Ok(Writer::new(dialect, scoped).count(table, filter)),
            Plan::Append { .. } => Err(Error::internal("an append is no query")),
        }
    }

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
        let columns = writer.column_list(batch);
        let _ = write!(writer.sql, "INSERT INTO {} ({columns}) VALUES ", dialect.qualified(&table.table));
        let width = batch.num_columns();
        for row in 0..rows {
            writer.sql.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..width {
                let separator = if column == 0 { "" } else { ", " };
                // Values to be stored need no cast: the column converts them.
                let _ = write!(
                    writer.sql,
                    "{separator}{}",
                    dialect.placeholder(row * width + column + 1, &LogicalType::Int)
                );
            }
            writer.sql.push(')');
        }
        let mut returns = Vec::new();
        if return_key {
            let key = table.key_column();
            let _ = write!(writer.sql, " RETURNING {}", dialect.quote(&key.name));
            returns.push(Returned { name: key.name.clone(), ty: key.ty.clone(), nullable: false });
        }
        Statement { sql: writer.sql, params: Vec::new(), returns, rows: Some(batch.clone()), tenant: None }
    }

    /// `COPY … FROM STDIN` in binary form for the columns of `batch`.
    pub fn copy(dialect: &dyn Dialect, scoped: &ScopedPlan, batch: &RecordBatch) -> Self {
        let mut writer = Writer::new(dialect, scoped);
        let columns = writer.column_list(batch);
        let _ = write!(
            writer.sql,
            "COPY {} ({columns}) FROM STDIN (FORMAT binary)",
            dialect.qualified(&scoped.plan().table().table)
        );
        Statement { sql: writer.sql, params: Vec::new(), returns: Vec::new(), rows: None, tenant: None }
    }
}

struct Writer<'a> {
    dialect: &'a dyn Dialect,
    tenant: Option<&'a TenantId>,
    sql: String,
    params: Vec<Param>,
}

impl<'a> Writer<'a> {
    /// Starts with a comment of static tags; a run or trace id in it would make every statement a new one.
    fn new(dialect: &'a dyn Dialect, scoped: &'a ScopedPlan) -> Self {
        let plan = scoped.plan();
        let model: String = plan.table().model.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
        let sql = format!("/* {model}.{} */ ", plan.operation());
        Writer { dialect, tenant: scoped.tenant(), sql, params: Vec::new() }
    }

    fn column_list(&self, batch: &RecordBatch) -> String {
        let names: Vec<_> = batch.schema_ref().fields().iter().map(|field| self.dialect.quote(field.name())).collect();
        names.join(", ")
    }

    /// A tenant's rows come with their tenant in front, which the read funnel compares and removes.
    fn read(mut self, read: &ReadPlan) -> Statement {
        let table = &read.table;
        let returns: Vec<Returned> = super::physical_columns(table)
            .into_iter()
            .map(|column| Returned { name: column.name, ty: column.ty, nullable: column.nullable })
            .collect();
        let names: Vec<_> = returns.iter().map(|column| self.dialect.quote(&column.name)).collect();
        let _ = write!(self.sql, "SELECT {} FROM {}", names.join(", "), self.dialect.qualified(&table.table));
        self.conditions(table, &read.filter);
        self.order(table, &read.order);
        match (read.limit, read.offset) {
            (Some(limit), 0) => drop(write!(self.sql, " LIMIT {limit}")),
            (Some(limit), offset) => drop(write!(self.sql, " LIMIT {limit} OFFSET {offset}")),
            (None, 0) => {}
            // Neither MariaDB nor SQLite takes an offset alone.
            (None, offset) => drop(write!(self.sql, " LIMIT {} OFFSET {offset}", i64::MAX)),
        }
        self.finish(returns)
    }

    fn count(mut self, table: &Arc<TableSchema>, filter: &Filter) -> Statement {
        let _ = write!(self.sql, "SELECT count(*) FROM {}", self.dialect.qualified(&table.table));
        self.conditions(table, filter);
        self.tenant = None;
        self.finish(vec![Returned { name: "count".to_owned(), ty: LogicalType::Int, nullable: false }])
    }

    fn finish(self, returns: Vec<Returned>) -> Statement {
        Statement { sql: self.sql, params: self.params, returns, rows: None, tenant: self.tenant.cloned() }
    }

    fn conditions(&mut self, table: &TableSchema, filter: &Filter) {
        let everything = *filter == Filter::And(Vec::new());
        if let Some(tenant) = self.tenant {
            let ty = LogicalType::Text { max_length: None };
            let _ = write!(self.sql, " WHERE {} = ", self.dialect.quote(TENANT_COLUMN));
            self.param(&ty, Value::Text(tenant.as_str().to_owned().into()));
            self.sql.push_str(if everything { "" } else { " AND " });
        } else if !everything {
            self.sql.push_str(" WHERE ");
        }
        if !everything {
            self.filter(table, filter);
        }
    }

    fn order(&mut self, table: &TableSchema, order: &[Order]) {
        for (at, Order { column, descending }) in order.iter().enumerate() {
            let column = &table.columns[*column];
            self.sql.push_str(if at == 0 { " ORDER BY " } else { ", " });
            self.sql.push_str(&self.dialect.quote(&column.name));
            self.sql.push_str(if *descending { " DESC" } else { "" });
            if column.nullable {
                self.sql.push_str(self.dialect.null_is_smallest(*descending));
            }
        }
    }

    /// The recursion is as deep as the filter, which the parser bounds.
    fn filter(&mut self, table: &TableSchema, filter: &Filter) {
        let quoted = |column: usize| self.dialect.quote(&table.columns[column].name);
        match filter {
            Filter::And(parts) => self.join(table, parts, " AND ", "1 = 1"),
            Filter::Or(parts) => self.join(table, parts, " OR ", "1 = 0"),
            Filter::IsNull { column } => drop(write!(self.sql, "{} IS NULL", quoted(*column))),
            Filter::Compare { column, comparison, value } => {
                let _ = write!(self.sql, "{} {} ", quoted(*column), comparison.sql());
                self.param(&table.columns[*column].ty, value.clone());
            }
            Filter::In { column, values, null } => {
                let name = quoted(*column);
                if *null {
                    let _ = write!(self.sql, "({name} IS NULL OR ");
                }
                self.list(&name, &table.columns[*column].ty, values);
                self.sql.push_str(if *null { ")" } else { "" });
            }
            // A comparison with null is null in SQL: IS NOT TRUE makes its negation true, as MongoDB has it.
            Filter::Not(inner) => {
                self.sql.push('(');
                self.filter(table, inner);
                self.sql.push_str(") IS NOT TRUE");
            }
        }
    }

    fn join(&mut self, table: &TableSchema, parts: &[Filter], separator: &str, none: &str) {
        if parts.is_empty() {
            return self.sql.push_str(none);
        }
        self.sql.push('(');
        for (at, part) in parts.iter().enumerate() {
            self.sql.push_str(if at == 0 { "" } else { separator });
            self.filter(table, part);
        }
        self.sql.push(')');
    }

    fn list(&mut self, name: &str, ty: &LogicalType, values: &[Value<'static>]) {
        if values.is_empty() {
            return self.sql.push_str("1 = 0");
        }
        if self.dialect.array_parameters() {
            self.params.push(Param { ty: ty.clone(), value: ParamValue::Many(values.to_vec()) });
            let _ = write!(self.sql, "{name} = ANY({})", self.dialect.placeholder(self.params.len(), ty));
            return;
        }
        let _ = write!(self.sql, "{name} IN (");
        for (at, value) in values.iter().enumerate() {
            self.sql.push_str(if at == 0 { "" } else { ", " });
            self.param(ty, value.clone());
        }
        self.sql.push(')');
    }

    fn param(&mut self, ty: &LogicalType, value: Value<'static>) {
        self.params.push(Param { ty: ty.clone(), value: ParamValue::One(value) });
        self.sql.push_str(&self.dialect.placeholder(self.params.len(), ty));
    }
}
