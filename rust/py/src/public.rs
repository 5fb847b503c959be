//! A table as callers who are not trusted have it.

use std::sync::Arc;
use std::time::Duration;

use dataflow_core::filter::{Filter, TRUSTED};
use dataflow_core::pipeline::{self, Pipeline};
use dataflow_core::plan::ReadPlan;
use dataflow_core::public::{Allowed, Public, veiled};
use dataflow_core::schema::{Models, TableSchema};
use dataflow_core::types::FloatRules;
use dataflow_core::value::Raw;
use dataflow_core::{Error, ErrorKind, Result, filter};
use dataflow_db::Context;

/// Who reads a table, and what there is to see for them.
#[derive(Clone, Default)]
pub struct Audience(Option<Arc<View>>);

struct View {
    public: Public,
    pipelines: bool,
    max_rows: u64,
    timeout: Duration,
}

impl Audience {
    pub fn public(
        table: &TableSchema,
        fields: &[(String, Allowed)],
        pipelines: bool,
        max_rows: u64,
        timeout: Duration,
    ) -> Result<Self> {
        let public = Public::new(table, fields)?;
        Ok(Audience(Some(Arc::new(View { public, pipelines, max_rows, timeout }))))
    }

    /// Refuses what changes rows.
    pub fn check_writes(&self) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |_| Err(Error::internal("a write to what is public")))
    }

    /// Ways to other rows are not public.
    pub fn filter(&self, table: &TableSchema, models: &Models, raw: Raw<'_>, floats: FloatRules) -> Result<Filter> {
        match &self.0 {
            None => filter::parse_within(table, Some(models), raw, floats, &TRUSTED),
            Some(view) => view.public.filter(raw, floats),
        }
    }

    pub fn pipeline(&self, table: &TableSchema, models: &Models, raw: Raw<'_>, floats: FloatRules) -> Result<Pipeline> {
        match &self.0 {
            None => pipeline::parse(table, models, raw, floats),
            Some(view) if !view.pipelines => {
                Err(Error::new(ErrorKind::InvalidOption, "no pipelines are public").path("pipeline"))
            }
            Some(view) => {
                let mut pipeline = view.public.pipeline(table, raw, floats)?;
                // One row more tells that they are too many.
                let most = view.max_rows.saturating_add(1);
                if let Some(last) = pipeline.levels.last_mut() {
                    last.limit = Some(last.limit.map_or(most, |limit| limit.min(most)));
                }
                Ok(pipeline)
            }
        }
    }

    /// The fields that are read, of which there are less to the public.
    pub fn fields(&self, order_by: &[String], fields: Option<Vec<String>>) -> Result<Option<Vec<String>>> {
        let Some(view) = &self.0 else { return Ok(fields) };
        view.public.check_names(order_by, fields.as_deref())?;
        Ok(Some(fields.unwrap_or_else(|| view.public.names().map(str::to_owned).collect())))
    }

    /// The plan of a read, which names its list.
    pub fn plan(&self, plan: ReadPlan) -> Result<ReadPlan> {
        self.check_deleted(plan.include_deleted)?;
        Ok(ReadPlan { view: self.0.as_ref().map(|view| view.public.digest()), ..plan })
    }

    pub fn check_deleted(&self, include_deleted: bool) -> Result<()> {
        match self.0.is_some() && include_deleted {
            false => Ok(()),
            true => Err(Error::new(ErrorKind::InvalidOption, "no deleted rows are public").path("include_deleted")),
        }
    }

    /// Refuses a page of too many rows.
    pub fn check_limit(&self, limit: Option<u64>) -> Result<()> {
        match &self.0 {
            Some(view) if limit.is_none_or(|limit| limit > view.max_rows) => {
                let message = format!("a page has at most {} rows", view.max_rows);
                Err(Error::new(ErrorKind::LimitExceeded, message).path("limit"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses rows that are too many.
    pub fn check_rows(&self, rows: usize) -> Result<()> {
        match &self.0 {
            Some(view) if rows as u64 > view.max_rows => {
                let message = format!("the pipeline gives more than {} rows", view.max_rows);
                Err(Error::new(ErrorKind::LimitExceeded, message).path("pipeline").hint("end it with a $limit"))
            }
            _ => Ok(()),
        }
    }

    /// Whether rows are found by these columns.
    pub fn shows(&self, columns: &[usize]) -> bool {
        self.0.as_ref().is_none_or(|view| view.public.shows(columns))
    }

    pub fn within(&self, context: Context) -> Context {
        let timeout = self.0.as_ref().map(|view| view.timeout);
        Context { timeout: timeout.or(context.timeout), ..context }
    }

    /// What they see of an error.
    pub fn told(&self, error: Error) -> Error {
        if self.0.is_some() { veiled(error) } else { error }
    }
}
