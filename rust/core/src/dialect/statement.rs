//! SQL text with typed parameters. A value is inside the text only where a database takes no parameter: see
//! [`super::condition_text`].

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};

use super::Dialect;
use super::staged::STAGING;
use crate::error::{Error, Result};
use crate::plan::{Order, Plan, ReadPlan, ScopedPlan, Selection, TenantId};
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::value::Value;

/// Bytes of a node's name in a comment: as many as PostgreSQL keeps of a name.
const NODE_BYTES: usize = 63;

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
    /// One array parameter with the values of a column.
    Column(ArrayRef),
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
            Plan::Read(read) => Writer::new(dialect, scoped).read(read),
            Plan::Count { table, selection, lock, .. } => Writer::new(dialect, scoped).count(table, selection, *lock),
            _ => Err(Error::internal("a write is no query")),
        }
    }
}

/// SQL text as it grows; its conditions are written in [`super::condition`].
pub(super) struct Writer<'a> {
    pub dialect: &'a dyn Dialect,
    pub tenant: Option<&'a TenantId>,
    pub live: Option<usize>,
    pub sql: String,
    pub params: Vec<Param>,
    /// Values are written into the text: `params` stays empty.
    pub literals: bool,
}

impl<'a> Writer<'a> {
    pub fn new(dialect: &'a dyn Dialect, scoped: &'a ScopedPlan) -> Self {
        let sql = comment(scoped);
        Writer { dialect, tenant: scoped.tenant(), live: scoped.live(), sql, params: Vec::new(), literals: false }
    }

    /// A tenant's rows come with their tenant in front, which the read funnel compares and removes.
    fn read(mut self, read: &ReadPlan) -> Result<Statement> {
        let table = &read.table;
        let tenant = table.multi_tenant.then(super::tenant_column);
        let columns: Vec<usize> = read.columns.clone().unwrap_or_else(|| (0..table.columns.len()).collect());
        let columns = tenant.into_iter().chain(columns.into_iter().map(|at| table.columns[at].clone()));
        let returns: Vec<Returned> =
            columns.map(|column| Returned { name: column.name, ty: column.ty, nullable: column.nullable }).collect();
        let names: Vec<_> = returns.iter().map(|column| self.dialect.quote(&column.name)).collect();
        let _ = write!(self.sql, "SELECT {} FROM ", names.join(", "));
        if let Selection::Staged { .. } = read.selection {
            // The keys first, whatever the optimiser thinks: it would lock every row that it looks at.
            let _ = write!(self.sql, "{} STRAIGHT_JOIN ", self.dialect.qualified(STAGING));
        }
        self.sql.push_str(&self.dialect.qualified_table(table));
        self.conditions(table, &read.selection)?;
        self.order(table, &read.order);
        match (read.limit, read.offset) {
            (Some(limit), 0) => drop(write!(self.sql, " LIMIT {limit}")),
            (Some(limit), offset) => drop(write!(self.sql, " LIMIT {limit} OFFSET {offset}")),
            (None, 0) => {}
            // Neither MariaDB nor SQLite takes an offset alone.
            (None, offset) => drop(write!(self.sql, " LIMIT {} OFFSET {offset}", i64::MAX)),
        }
        self.sql.push_str(if read.lock { self.dialect.lock_rows() } else { "" });
        Ok(self.finish(returns))
    }

    /// PostgreSQL locks rows, not their number: they are read inside.
    fn count(mut self, table: &Arc<TableSchema>, selection: &Selection, lock: bool) -> Result<Statement> {
        let lock_rows = if lock { self.dialect.lock_rows() } else { "" };
        let (open, close) = if lock_rows.is_empty() { ("", "") } else { ("(SELECT 1 AS held FROM ", ") AS rows_held") };
        let _ = write!(self.sql, "SELECT count(*) FROM {open}{}", self.dialect.qualified_table(table));
        self.conditions(table, selection)?;
        let _ = write!(self.sql, "{lock_rows}{close}");
        self.tenant = None;
        Ok(self.finish(vec![Returned { name: "count".to_owned(), ty: LogicalType::Int, nullable: false }]))
    }

    pub fn finish(self, returns: Vec<Returned>) -> Statement {
        Statement { sql: self.sql, params: self.params, returns, rows: None, tenant: self.tenant.cloned() }
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
}

/// The comment of static tags each statement starts with: a run or trace id in it would make every statement a new one.
fn comment(scoped: &ScopedPlan) -> String {
    let plan = scoped.plan();
    let model: String = plan.table().model.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut sql = format!("/* {model}.{}", plan.operation());
    let node = scoped.labels().map_or("", |labels| labels.node.as_str());
    let kept = node.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    for (at, letter) in kept.take(NODE_BYTES).enumerate() {
        sql.push_str(if at == 0 { " " } else { "" });
        sql.push(letter);
    }
    sql.push_str(" */ ");
    sql
}
