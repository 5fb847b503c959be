//! How a read is done: through the read funnel like the read itself, whose statement is the one that is explained.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch};
use dataflow_core::dialect::{Dialect, Param, ParamValue, PlanForm, Statement, add_index};
use dataflow_core::plan::{Order, Plan, ReadPlan, ScopedPlan, missing_index};
use dataflow_core::{Error, ErrorKind, Result};

use crate::context::Context;
use crate::database::{Database, Table};
use crate::execute::{Begin, control};
use crate::fetch::text_cell;
use crate::page::{PageOptions, Total};
use crate::session::Effect;
use crate::transaction::Transaction;

/// What an explanation may show and do.
#[derive(Clone, Copy, Debug)]
pub struct ExplainOptions {
    /// Whether the read is done, and its rows counted.
    pub analyze: bool,
    /// Whether the parameters' values are told.
    pub values: bool,
}

/// A statement and what the database will do for it.
#[derive(Debug)]
pub struct Explained {
    pub database: &'static str,
    pub sql: String,
    pub parameters: Vec<Parameter>,
    pub is_scoped: bool,
    pub plan: PlanText,
    /// The rows that came, where the plan does not tell them.
    pub rows: Option<i64>,
    /// The index that could help, unless there is one: its fields, `-` for descending, what makes it, and whether all
    /// rows of the tenant are read without it.
    pub index: Option<(Vec<String>, String, bool)>,
}

#[derive(Debug)]
pub struct Parameter {
    pub ty: String,
    /// As SQL writes it.
    pub value: Option<String>,
}

#[derive(Debug)]
pub enum PlanText {
    Json(String),
    /// Number, number of the step around it, and what is done.
    Steps(Vec<(i64, i64, String)>),
}

impl Database {
    /// The statement of a page's first rows, which nobody sends; None while the server was not asked yet what it is.
    ///
    /// # Errors
    /// As of the page itself.
    pub fn statement(&self, plan: &ReadPlan, total: Total, context: &Context) -> Result<Option<Statement>> {
        let Some(dialect) = self.known_dialect()? else { return Ok(None) };
        let scoped = ScopedPlan::new(Plan::Read(self.asked(plan, total, None).plan), &context.scope())?;
        Statement::query(dialect, &scoped).map(Some)
    }

    /// How [`Database::page`] reads.
    ///
    /// # Errors
    /// As of the page itself.
    pub async fn explain_page(
        &self,
        table: &Table,
        plan: ReadPlan,
        page: PageOptions,
        options: ExplainOptions,
        context: &Context,
    ) -> Result<Explained> {
        let asked = self.ask_page(&plan, &page, context).await?.plan;
        self.explain(table, Plan::Read(asked), options, context).await
    }

    /// How a read, a count or a pipeline is done.
    ///
    /// # Errors
    /// `InvalidOption` where the database cannot tell what it did.
    pub async fn explain(
        &self,
        table: &Table,
        plan: Plan,
        options: ExplainOptions,
        context: &Context,
    ) -> Result<Explained> {
        let scoped = ScopedPlan::new(plan, &context.scope())?;
        self.make_related_ready(table, scoped.plan().related(), context).await?;
        let limits = context.limits();
        let dialect = self.dialect(&limits, context.labels.as_ref()).await?;
        let form = dialect.plan_of(options.analyze).ok_or_else(|| {
            Error::new(ErrorKind::InvalidOption, "MySQL tells what it did as a text only")
                .path("analyze")
                .hint("leave analyze= out, or ask MySQL itself: EXPLAIN ANALYZE")
        })?;
        let statement = Statement::query(dialect.as_ref(), &scoped)?;
        let (plan, rows) = match (form.look, &context.transaction) {
            (Some(_), None) => {
                let begin = Begin { read_only: true, ..Begin::default() };
                let labels = context.labels.clone();
                let own = Transaction::begin(self, begin, context.cancel.clone(), labels).await?;
                let inside = Context { transaction: Some(Arc::clone(&own)), ..context.clone() };
                let told = self.tell(&scoped, &statement, form, options, &inside).await;
                own.rollback(context.cancel.clone()).await?;
                told.map_err(Error::without_outcome)?
            }
            _ => self.tell(&scoped, &statement, form, options, context).await?,
        };
        let schema = scoped.plan().table();
        let index = missing_index(scoped.plan()).map(|(index, by_tenant)| {
            let field = |order: &Order| {
                let sign = if order.descending { "-" } else { "" };
                format!("{sign}{}", schema.columns[order.column].name)
            };
            let sql = add_index(dialect.as_ref(), schema, &index)?;
            Ok::<_, Error>((index.columns.iter().map(field).collect(), sql, by_tenant))
        });
        let parameters = statement.params.iter().map(|param| parameter(dialect.as_ref(), param, options.values));
        Ok(Explained {
            database: dialect.name(),
            parameters: parameters.collect::<Result<_>>()?,
            is_scoped: scoped.tenant().is_some(),
            plan,
            rows,
            index: index.transpose()?,
            sql: statement.sql,
        })
    }

    /// The plan, and the rows where they are counted apart.
    async fn tell(
        &self,
        scoped: &ScopedPlan,
        statement: &Statement,
        form: PlanForm,
        options: ExplainOptions,
        context: &Context,
    ) -> Result<(PlanText, Option<i64>)> {
        let limits = context.limits();
        if let (Some(look), Some(transaction)) = (form.look, &context.transaction) {
            let look = Statement::unscoped(look, "catalogue");
            control(transaction.hold(&limits).await?.session()?, &look, Effect::Nothing, &limits).await?;
        }
        let told = self.ask(scoped, &statement.plan_of(form), &limits, context).await?;
        let plan = if form.is_json { PlanText::Json(text_cell(&told, 0)) } else { PlanText::Steps(steps(&told)) };
        if !options.analyze || form.counts_rows {
            return Ok((plan, None));
        }
        let counted = self.ask(scoped, &statement.counted(), &limits, context).await?;
        Ok((plan, numbers(&counted, 0).first().copied()))
    }
}

fn parameter(dialect: &dyn Dialect, param: &Param, shown: bool) -> Result<Parameter> {
    let name = param.ty.name();
    let ty = match &param.value {
        ParamValue::One(_) => name.into_owned(),
        ParamValue::Many(_) | ParamValue::Column(_) => format!("list of {name}"),
    };
    let value = match &param.value {
        _ if !shown => None,
        ParamValue::One(value) => Some(dialect.literal(&param.ty, value)?),
        ParamValue::Many(values) => {
            let texts = values.iter().map(|value| dialect.literal(&param.ty, value));
            Some(texts.collect::<Result<Vec<_>>>()?.join(", "))
        }
        ParamValue::Column(values) => Some(format!("{} values", values.len())),
    };
    Ok(Parameter { ty, value })
}

fn numbers(rows: &RecordBatch, at: usize) -> Vec<i64> {
    rows.column(at).as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default).collect()
}

fn steps(rows: &RecordBatch) -> Vec<(i64, i64, String)> {
    let (ids, parents) = (numbers(rows, 0), numbers(rows, 1));
    let texts = rows.column(3).as_string::<i32>().iter().map(|text| text.unwrap_or_default().to_owned());
    ids.into_iter().zip(parents).zip(texts).map(|((id, parent), text)| (id, parent, text)).collect()
}
