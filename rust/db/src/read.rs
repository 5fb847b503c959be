//! The read funnel: every row that leaves the database passes here.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::dialect::Statement;
use dataflow_core::filter::Filter;
use dataflow_core::pipeline::Pipeline;
use dataflow_core::plan::{Order, Plan, ReadPlan, ScopedPlan, Selection};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, Result};

use crate::context::Context;
use crate::database::{Database, Table};
use crate::driver::Access;
use crate::execute::{Label, run};
use crate::fetch::{prove_tenant, text_cell};
use crate::session::{Effect, Limits};
use crate::sorted::SortedBy;

impl Database {
    /// The rows of a plan, in the table's own columns.
    pub async fn read(&self, table: &Table, plan: ReadPlan, context: &Context) -> Result<RecordBatch> {
        self.read_some(table, plan, true, context).await
    }

    /// As [`Database::read`], where the row at the limit only tells what comes behind the others, and is not kept.
    pub(crate) async fn read_beyond(&self, table: &Table, plan: ReadPlan, context: &Context) -> Result<RecordBatch> {
        self.read_some(table, plan, false, context).await
    }

    async fn read_some(&self, table: &Table, plan: ReadPlan, ends: bool, context: &Context) -> Result<RecordBatch> {
        let (order, limit, offset) = (plan.order.clone(), plan.limit, plan.offset);
        let rows = self.query(table, Plan::Read(plan), context).await?;
        if let Some(sorted) = self.sorted_by(&table.schema, &order, context).await? {
            let is_cut = ends && limit.is_some_and(|limit| rows.num_rows() as u64 >= limit);
            sorted.prove_ends(&rows, offset > 0, is_cut)?;
            sorted.prove(None, &rows)?;
        }
        Ok(rows)
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

    /// What is to be proved of rows in an order; None where the database sorts by whole values.
    pub(crate) async fn sorted_by<'p>(
        &self,
        table: &'p TableSchema,
        order: &'p [Order],
        context: &Context,
    ) -> Result<Option<SortedBy<'p>>> {
        let longest = self.dialect(&context.limits(), context.labels.as_ref()).await?.longest_sorted();
        Ok(longest.map(|longest| SortedBy { table, order, longest }))
    }

    async fn query(&self, table: &Table, plan: Plan, context: &Context) -> Result<RecordBatch> {
        let scoped = ScopedPlan::new(plan, &context.scope())?;
        self.make_related_ready(table, scoped.plan().related(), context).await?;
        let limits = context.limits();
        let dialect = self.dialect(&limits, context.labels.as_ref()).await?;
        let statement = Statement::query(dialect.as_ref(), &scoped)?;
        self.ask(&scoped, &statement, &limits, context).await
    }

    /// About how many rows match a plan, as the database guesses before it looks; None where it does not.
    pub(crate) async fn estimate(&self, table: &Table, plan: &ReadPlan, context: &Context) -> Result<Option<i64>> {
        let rows = ReadPlan {
            columns: Some(plan.table.key.clone()),
            include_deleted: plan.include_deleted,
            ..ReadPlan::of(Arc::clone(&plan.table), plan.selection.clone())
        };
        let scoped = ScopedPlan::new(Plan::Read(rows), &context.scope())?;
        self.make_related_ready(table, scoped.plan().related(), context).await?;
        let limits = context.limits();
        let dialect = self.dialect(&limits, context.labels.as_ref()).await?;
        let Some(statement) = Statement::estimate(dialect.as_ref(), &scoped)? else { return Ok(None) };
        let told = self.ask(&scoped, &statement, &limits, context).await?;
        Ok(dialect.expected_rows(&text_cell(&told, 0)))
    }

    pub(crate) async fn ask(
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
