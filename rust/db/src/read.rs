//! The read funnel: every row that leaves the database passes here.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::dialect::Statement;
use dataflow_core::filter::Filter;
use dataflow_core::plan::{Plan, ReadPlan, ScopedPlan, Selection};
use dataflow_core::{Error, Result};

use crate::context::Context;
use crate::database::{Database, Table};
use crate::driver::Access;
use crate::execute::{Label, run};
use crate::fetch::prove_tenant;
use crate::session::Effect;

impl Database {
    /// The rows of a plan, in the table's own columns.
    pub async fn read(&self, table: &Table, plan: ReadPlan, context: &Context) -> Result<RecordBatch> {
        self.query(table, Plan::Read(plan), context).await
    }

    pub async fn count(&self, table: &Table, filter: Filter, include_deleted: bool, context: &Context) -> Result<i64> {
        let selection = Selection::Matching(filter);
        let plan = Plan::Count { table: std::sync::Arc::clone(&table.schema), selection, include_deleted, lock: false };
        let rows = self.query(table, plan, context).await?;
        let counts = rows.column(0).as_primitive::<Int64Type>();
        counts.iter().next().flatten().ok_or_else(|| Error::internal("a count returned no row"))
    }

    async fn query(&self, table: &Table, plan: Plan, context: &Context) -> Result<RecordBatch> {
        let scoped = ScopedPlan::new(plan, &context.scope())?;
        self.make_ready(table, context).await?;
        let limits = context.limits();
        let dialect = self.dialect(&limits, context.labels.as_ref()).await?;
        let statement = Statement::query(dialect.as_ref(), &scoped)?;
        let label = Label::new(&scoped, self.events());
        let reply = match &context.transaction {
            Some(transaction) => {
                let mut held = transaction.hold(&limits).await?;
                let reply = run(held.session()?, &statement, Effect::Nothing, &limits, &label).await;
                if reply.is_err() {
                    held.abort();
                }
                reply
            }
            None => {
                let mut session = self.session(Access::Read, &limits, context.labels.as_ref()).await?;
                let reply = run(&mut session, &statement, Effect::Nothing, &limits, &label).await;
                reply.map_err(Error::without_outcome)
            }
        };
        prove_tenant(reply?.rows, statement.tenant.as_ref())
    }
}
