//! SQL text with typed parameters. A value is inside the text only where a database takes no parameter: see
//! [`super::condition_text`].

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};

use super::condition::Place;
use super::staged::STAGING;
use super::{Dialect, PlanForm};
use crate::error::{Error, Result};
use crate::plan::{Order, Plan, ReadPlan, Scope, ScopedPlan, Selection, TenantId};
use crate::schema::TableSchema;
use crate::types::LogicalType;
pub(super) use crate::types::Returned;
use crate::value::Value;

/// Bytes of a node's name in a comment: as many as PostgreSQL keeps of a name.
const NODE_BYTES: usize = 63;

/// The column of a read with its total, the last one.
pub const TOTAL: &str = "dataflow_total";

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

    /// The query of a read, a count or a pipeline.
    pub fn query(dialect: &dyn Dialect, scoped: &ScopedPlan) -> Result<Self> {
        match scoped.plan() {
            Plan::Read(read) => Writer::new(dialect, scoped).read(read),
            Plan::Count { table, selection, lock, .. } => Writer::new(dialect, scoped).count(table, selection, *lock),
            Plan::Aggregate { table, pipeline, .. } => Writer::new(dialect, scoped).pipeline(table, pipeline),
            _ => Err(Error::internal("a write is no query")),
        }
    }
}

impl Statement {
    /// Opens a cursor over a query, inside a transaction.
    pub fn declare(&self, cursor: &str) -> Self {
        let sql = format!("DECLARE {cursor} NO SCROLL CURSOR FOR {}", self.sql);
        Statement { sql, returns: Vec::new(), tenant: None, ..self.clone() }
    }

    /// The next rows of a cursor over a query.
    pub fn fetch(&self, cursor: &str, rows: u64) -> Self {
        Statement { sql: format!("FETCH FORWARD {rows} FROM {cursor}"), params: Vec::new(), ..self.clone() }
    }

    /// A query that tells its plan instead of its rows.
    pub fn plan_of(&self, form: PlanForm) -> Self {
        let column = |name: &str, ty| Returned { name: name.to_owned(), ty, nullable: true };
        let text = LogicalType::Text { max_length: None };
        let returns = if form.is_json {
            vec![column("plan", text)]
        } else {
            let numbers = ["id", "parent", "notused"].into_iter().map(|name| column(name, LogicalType::Int));
            numbers.chain([column("detail", text)]).collect()
        };
        Statement { sql: format!("{}{}", form.words, self.sql), returns, tenant: None, ..self.clone() }
    }

    /// A query that tells how many rows it has instead of the rows.
    pub fn counted(&self) -> Self {
        let returns = vec![Returned { name: "rows".to_owned(), ty: LogicalType::Int, nullable: false }];
        let sql = format!("SELECT count(*) FROM ({}) AS dataflow_counted", self.sql);
        Statement { sql, returns, tenant: None, ..self.clone() }
    }

    /// The query of a read that tells how many rows the database expects, instead of the rows; None where it does not.
    pub fn estimate(dialect: &dyn Dialect, scoped: &ScopedPlan) -> Result<Option<Self>> {
        let Some(explain) = dialect.explain() else { return Ok(None) };
        let query = Statement::query(dialect, scoped)?;
        let returns =
            vec![Returned { name: "plan".to_owned(), ty: LogicalType::Text { max_length: None }, nullable: false }];
        Ok(Some(Statement { sql: format!("{explain}{}", query.sql), returns, tenant: None, ..query }))
    }
}

/// SQL text as it grows; its conditions are written in [`super::condition`].
pub(super) struct Writer<'a> {
    pub dialect: &'a dyn Dialect,
    pub tenant: Option<&'a TenantId>,
    pub live: Option<usize>,
    /// In whose name other tables are asked.
    pub scope: Option<&'a Scope>,
    pub sql: String,
    pub params: Vec<Param>,
    /// Values are written into the text: `params` stays empty.
    pub literals: bool,
    /// The statement writes rows.
    pub changes: bool,
    /// Lists whose items are asked for one by one, so far.
    pub items: usize,
    /// Tables whose rows are asked for by relations, so far.
    pub related: usize,
    /// Whether a `WITH` has begun.
    pub withs: bool,
    /// Models that rows are joined with, so far.
    pub lookups: usize,
}

impl<'a> Writer<'a> {
    pub fn new(dialect: &'a dyn Dialect, scoped: &'a ScopedPlan) -> Self {
        let (tenant, live, scope) = (scoped.tenant(), scoped.live(), Some(scoped.scope()));
        let changes = !matches!(scoped.plan(), Plan::Read(_) | Plan::Count { .. } | Plan::Aggregate { .. });
        Writer { tenant, live, scope, sql: comment(scoped), literals: false, changes, ..Writer::of_text(dialect) }
    }

    /// For text of its own, without parameters.
    pub fn of_text(dialect: &'a dyn Dialect) -> Self {
        let (sql, params) = (String::new(), Vec::new());
        Writer {
            dialect,
            tenant: None,
            live: None,
            scope: None,
            sql,
            params,
            literals: true,
            changes: false,
            items: 0,
            related: 0,
            withs: false,
            lookups: 0,
        }
    }

    /// A tenant's rows come with their tenant in front, which the read funnel compares and removes.
    fn read(mut self, read: &ReadPlan) -> Result<Statement> {
        let table = &read.table;
        let tenant = table.multi_tenant.then(super::tenant_column);
        let columns: Vec<usize> = read.columns.clone().unwrap_or_else(|| (0..table.columns.len()).collect());
        let columns = tenant.into_iter().chain(columns.into_iter().map(|at| table.columns[at].clone()));
        let mut returns: Vec<Returned> =
            columns.map(|column| Returned { name: column.name, ty: column.ty, nullable: column.nullable }).collect();
        let names: Vec<_> = returns.iter().map(|column| self.dialect.quote(&column.name)).collect();
        let names = names.join(", ");
        let _ = write!(self.sql, "SELECT {}{names}", if read.distinct { "DISTINCT " } else { "" });
        for include in &read.include {
            let (sql, column) = self.include(Place::Table(table), include)?;
            let _ = write!(self.sql, ", {sql}");
            returns.push(column);
        }
        if read.total {
            self.total(read, &names)?;
            returns.push(Returned { name: TOTAL.to_owned(), ty: LogicalType::Int, nullable: false });
        }
        self.sql.push_str(" FROM ");
        if let Selection::Staged { .. } = read.selection {
            // The keys first, whatever the optimiser thinks: it would lock every row that it looks at.
            let _ = write!(self.sql, "{} STRAIGHT_JOIN ", self.dialect.qualified(STAGING));
        }
        self.sql.push_str(&self.dialect.qualified_table(table));
        let word = self.conditions(table, &read.selection)?;
        if let Some(seek) = &read.seek {
            self.sql.push_str(word);
            self.seek(table, &read.order, seek)?;
        }
        self.order(table, &read.order);
        self.cut(read.limit, read.offset);
        self.sql.push_str(if read.lock { self.dialect.lock_rows() } else { "" });
        Ok(self.finish(returns))
    }

    /// How many rows match in all: in the statement of the page, so that both are of one snapshot.
    fn total(&mut self, read: &ReadPlan, names: &str) -> Result<()> {
        let (open, close) = if read.distinct {
            (format!("(SELECT DISTINCT {names} FROM "), ") AS all_rows")
        } else {
            Default::default()
        };
        let _ = write!(self.sql, ", (SELECT count(*) FROM {open}{}", self.dialect.qualified_table(&read.table));
        self.conditions(&read.table, &read.selection)?;
        let _ = write!(self.sql, "{close}) AS {}", self.dialect.quote(TOTAL));
        Ok(())
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
            self.direction(*descending, column.nullable);
        }
    }

    /// What follows a column in an order.
    pub(super) fn direction(&mut self, descending: bool, nullable: bool) {
        self.sql.push_str(if descending { " DESC" } else { "" });
        self.sql.push_str(if nullable { self.dialect.null_is_smallest(descending) } else { "" });
    }

    pub(super) fn cut(&mut self, limit: Option<u64>, offset: u64) {
        match (limit, offset) {
            (Some(limit), 0) => drop(write!(self.sql, " LIMIT {limit}")),
            (Some(limit), offset) => drop(write!(self.sql, " LIMIT {limit} OFFSET {offset}")),
            (None, 0) => {}
            // Neither MariaDB nor SQLite takes an offset alone.
            (None, offset) => drop(write!(self.sql, " LIMIT {} OFFSET {offset}", i64::MAX)),
        }
    }
}

/// The comment of static tags each statement starts with: a run or trace id in it would make every statement a new one.
fn comment(scoped: &ScopedPlan) -> String {
    let plan = scoped.plan();
    let model: String = plan.table().model.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut sql = format!("/* {model}.{}", plan.operation());
    let node = scoped.scope().labels.as_ref().map_or("", |labels| labels.node.as_str());
    let kept = node.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    for (at, letter) in kept.take(NODE_BYTES).enumerate() {
        sql.push_str(if at == 0 { " " } else { "" });
        sql.push(letter);
    }
    sql.push_str(" */ ");
    sql
}
