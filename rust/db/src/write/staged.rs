//! Many rows found and put by key on MariaDB: a stream into a temporary table, and one statement from there.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use dataflow_core::batch::Given;
use dataflow_core::dialect::Statement;
use dataflow_core::plan::{Plan, ReadPlan, ScopedPlan, Selection, staged_key};
use dataflow_core::{Error, Result};

use super::Writer;
use super::stream::is_of_the_rows;
use crate::driver::{BulkForm, Chunks};
use crate::execute::{Label, control, copy_in, run};
use crate::session::{Effect, Session};

/// From so many rows on this is faster than statements of many rows (benches/README.md, B8).
const STAGED_ROWS: usize = 1_000;

impl Writer<'_> {
    /// The stored rows with the keys of these rows, locked in their order; None where they have to be asked for in
    /// statements of many keys.
    pub(super) async fn find_staged(
        &self,
        session: &mut Session,
        given: &Given,
        rows: &[usize],
        target: &[usize],
        include_deleted: bool,
    ) -> Result<Option<RecordBatch>> {
        if !self.stages(rows.len()) {
            return Ok(None);
        }
        let keys = given.take(rows)?.batch.project(target).map_err(internal)?;
        let fields = keys.schema_ref().fields().iter().enumerate();
        let fields: Vec<Field> = fields.map(|(at, field)| field.as_ref().clone().with_name(staged_key(at))).collect();
        let keys = RecordBatch::try_new(Arc::new(Schema::new(fields)), keys.columns().to_vec()).map_err(internal)?;
        let (table, selection) = (Arc::clone(&self.table), Selection::Staged { columns: target.to_vec() });
        let (columns, order, limit, offset, lock) = (None, Vec::new(), None, 0, true);
        let read = ReadPlan { table, columns, selection, order, limit, offset, include_deleted, lock };
        let scoped = self.scoped(Plan::Read(read.clone()))?;
        if !self.stage(session, &scoped, &self.table.names(target), &keys).await? {
            return Ok(None);
        }
        let found = self.find(session, read.selection, None, include_deleted).await;
        self.unstage(session).await?;
        found.map(Some)
    }

    /// Whether the rows were put; if not, they have to go in statements of many rows.
    pub(super) async fn put_staged(
        &self,
        session: &mut Session,
        scoped: &ScopedPlan,
        batch: &RecordBatch,
    ) -> Result<bool> {
        let columns: Vec<&str> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        if !self.stages(batch.num_rows()) || !self.stage(session, scoped, &columns, batch).await? {
            return Ok(false);
        }
        let put = Statement::put_staged(self.dialect.as_ref(), scoped, batch)?;
        let put = run(session, &put, Effect::Nothing, &self.limits, &self.label(scoped, batch)).await;
        self.unstage(session).await?;
        match self.dialect.rows_put(put?.affected, batch.num_rows() as u64) {
            true => Ok(true),
            false => Err(Error::internal("a row that was locked is gone")),
        }
    }

    fn stages(&self, rows: usize) -> bool {
        self.bulk_form == BulkForm::Load && rows >= STAGED_ROWS
    }

    fn label(&self, scoped: &ScopedPlan, batch: &RecordBatch) -> Label {
        Label { rows: Some(batch.num_rows() as u64), ..Label::new(scoped, self.db.events()) }
    }

    /// Makes the staging table with these rows, whose types are those of `columns` in the plan's table.
    ///
    /// False where the login may not make one, or where it does not take the rows as they are: nothing has happened.
    async fn stage(
        &self,
        session: &mut Session,
        scoped: &ScopedPlan,
        columns: &[&str],
        batch: &RecordBatch,
    ) -> Result<bool> {
        let (dialect, label) = (self.dialect.as_ref(), self.label(scoped, batch));
        let table = Statement::stage(dialect, scoped, columns, batch);
        match run(session, &table, Effect::Nothing, &self.limits, &label).await {
            Err(error) if is_of_the_rows(&error) => return Ok(false),
            made => made?,
        };
        let copy = Statement::copy_staged(dialect, scoped, batch);
        let chunks = || -> Chunks { Box::new(std::iter::once(Ok(batch.clone()))) };
        match copy_in(session, &copy, &chunks, &self.limits, &label).await {
            Ok(_) => Ok(true),
            Err(error) => {
                self.unstage(session).await?;
                if is_of_the_rows(&error) { Ok(false) } else { Err(error) }
            }
        }
    }

    /// Drops the staging table, where its connection still lives; one that keeps it is closed.
    async fn unstage(&self, session: &mut Session) -> Result<()> {
        if !session.is_open() {
            return Ok(());
        }
        let statement = Statement::drop_staging(self.dialect.as_ref());
        let dropped = control(session, &statement, Effect::Nothing, &self.limits).await;
        if dropped.is_err() {
            session.discard("a temporary table that was not dropped");
        }
        dropped
    }
}

fn internal(error: arrow_schema::ArrowError) -> Error {
    Error::internal(error.to_string())
}
