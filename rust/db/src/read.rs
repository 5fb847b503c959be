//! The read funnel: every row that leaves the database passes here.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::dialect::Statement;
use dataflow_core::filter::Filter;
use dataflow_core::pipeline::Pipeline;
use dataflow_core::plan::{Plan, ReadPlan, ScopedPlan, Selection};
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};

use crate::context::Context;
use crate::database::{Database, Table};
use crate::driver::Access;
use crate::execute::{Label, run};
use crate::fetch::{prove_tenant, text_cell};
use crate::session::{Effect, Limits};

impl Database {
    /// The rows of a plan, in the table's own columns.
    pub async fn read(&self, table: &Table, plan: ReadPlan, context: &Context) -> Result<RecordBatch> {
        self.query(table, Plan::Read(plan), context).await
    }

    pub async fn count(&self, table: &Table, filter: Filter, include_deleted: bool, context: &Context) -> Result<i64> {
        let selection = Selection::Matching(filter);
        let plan = Plan::Count { table: Arc::clone(&table.schema), selection, include_deleted, lock: false };
        let rows = self.query(table, plan, context).await?;
        let counts = rows.column(0).as_primitive::<Int64Type>();
        counts.iter().next().flatten().ok_or_else(|| Error::internal("a count returned no row"))
    }

    /// The rows of a pipeline, in its own columns.
    pub async fn aggregate(
        &self,
        table: &Table,
        pipeline: Pipeline,
        include_deleted: bool,
        context: &Context,
    ) -> Result<RecordBatch> {
        let plan = Plan::Aggregate { table: std::sync::Arc::clone(&table.schema), pipeline, include_deleted };
        self.query(table, plan, context).await
    }

    async fn query(&self, table: &Table, plan: Plan, context: &Context) -> Result<RecordBatch> {
        let scoped = ScopedPlan::new(plan, &context.scope())?;
        self.make_related_ready(table, scoped.plan().filter(), context).await?;
        let limits = context.limits();
        let dialect = self.dialect(&limits, context.labels.as_ref()).await?;
        let statement = Statement::query(dialect.as_ref(), &scoped)?;
        let rows = self.ask(&scoped, &statement, &limits, context).await?;
        if let (Plan::Read(read), Some(longest)) = (scoped.plan(), dialect.longest_sorted()) {
            prove_sorted(read, &rows, longest, false)?;
        }
        Ok(rows)
    }

    /// Refuses rows of a read that the database has not put in order by their whole values.
    pub(crate) async fn prove_order(&self, read: &ReadPlan, rows: &RecordBatch, context: &Context) -> Result<()> {
        let dialect = self.dialect(&context.limits(), context.labels.as_ref()).await?;
        dialect.longest_sorted().map_or(Ok(()), |longest| prove_sorted(read, rows, longest, true))
    }

    /// About how many rows match a plan, as the database guesses before it looks; None where it does not.
    pub(crate) async fn estimate(&self, table: &Table, plan: &ReadPlan, context: &Context) -> Result<Option<i64>> {
        let rows = ReadPlan {
            columns: Some(plan.table.key.clone()),
            include_deleted: plan.include_deleted,
            ..ReadPlan::of(Arc::clone(&plan.table), plan.selection.clone())
        };
        let scoped = ScopedPlan::new(Plan::Read(rows), &context.scope())?;
        self.make_related_ready(table, scoped.plan().filter(), context).await?;
        let limits = context.limits();
        let dialect = self.dialect(&limits, context.labels.as_ref()).await?;
        let Some(statement) = Statement::estimate(dialect.as_ref(), &scoped)? else { return Ok(None) };
        let told = self.ask(&scoped, &statement, &limits, context).await?;
        Ok(dialect.expected_rows(&text_cell(&told, 0)))
    }

    async fn ask(
        &self,
        scoped: &ScopedPlan,
        statement: &Statement,
        limits: &Limits,
        context: &Context,
    ) -> Result<RecordBatch> {
        let label = Label::new(scoped, self.events());
        let reply = match &context.transaction {
            Some(transaction) => {
                let mut held = transaction.hold(limits).await?;
                let reply = run(held.session()?, statement, Effect::Nothing, limits, &label).await;
                if reply.is_err() {
                    held.abort();
                }
                reply
            }
            None => {
                let mut session = self.session(Access::Read, limits, context.labels.as_ref()).await?;
                let reply = run(&mut session, statement, Effect::Nothing, limits, &label).await;
                reply.map_err(Error::without_outcome)
            }
        };
        prove_tenant(reply?.rows, statement.tenant.as_ref())
    }
}

/// Refuses rows that the database has sorted by the begin of a value only, where that leaves their order open.
///
/// Rows with the same begin stand side by side. `ends` says that other rows come before and behind these, which nobody
/// compares with them.
///
/// # Errors
/// `LimitExceeded` for texts or byte strings in a column of the order that differ further behind.
fn prove_sorted(read: &ReadPlan, rows: &RecordBatch, longest: usize, ends: bool) -> Result<()> {
    let count = rows.num_rows();
    let before = ends || read.offset > 0;
    let behind = ends || read.limit.is_some_and(|limit| count as u64 >= limit);
    for order in &read.order {
        let column = &read.table.columns[order.column];
        let Some(array) = rows.column_by_name(&column.name) else { continue };
        let (values, is_text): (Vec<&[u8]>, bool) = match &column.ty {
            LogicalType::Text { max_length } if max_length.is_none_or(|length| length as usize > longest) => {
                (array.as_string::<i32>().iter().map(|text| text.unwrap_or_default().as_bytes()).collect(), true)
            }
            LogicalType::Bytes => (array.as_binary::<i32>().iter().map(Option::unwrap_or_default).collect(), false),
            _ => continue,
        };
        let size = |bytes: &[u8]| match is_text {
            // A byte that begins no character continues one.
            true if bytes.len() > longest => bytes.iter().filter(|&&byte| byte & 0xc0 != 0x80).count(),
            _ => bytes.len(),
        };
        let open = |pair: &[&[u8]]| {
            let common = pair[0].iter().zip(pair[1]).take_while(|(a, b)| a == b).count();
            pair[0] != pair[1] && common >= longest && size(&pair[0][..common]) >= longest
        };
        let is_long = |value: Option<&&[u8]>| value.is_some_and(|value| size(value) > longest);
        let at_an_end = (before && is_long(values.first())) || (behind && is_long(values.last()));
        if at_an_end || values.windows(2).any(open) {
            let message =
                format!("values of `{}` differ behind their first {longest} characters or bytes", column.name);
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .path("order_by")
                .hint("MariaDB looks no further when it sorts: order by another field"));
        }
    }
    Ok(())
}
