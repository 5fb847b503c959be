//! Many rows found and put by key on MariaDB: a stream into a temporary table, and one statement from there.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::{Field, Schema};
use dataflow_core::batch::Given;
use dataflow_core::dialect::{StagedPut, Statement};
use dataflow_core::plan::{Plan, ReadPlan, ScopedPlan, Selection, staged_key};
use dataflow_core::{Error, ErrorKind, Result};

use super::Writer;
use super::counts::TOLD_KEYS;
use super::stream::is_of_the_rows;
use crate::driver::{BulkForm, Chunks};
use crate::execute::{Label, control, copy_in, query, run};
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
        let read = ReadPlan { include_deleted, lock: true, ..ReadPlan::of(table, selection) };
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
        if !self.stages(batch.num_rows()) {
            return Ok(false);
        }
        let columns = Statement::staged_columns(scoped)?;
        let places = columns.iter().map(|column| batch.schema_ref().index_of(column));
        let staged = batch.project(&places.collect::<Result<Vec<_>, _>>().map_err(internal)?).map_err(internal)?;
        if !self.stage(session, scoped, &columns, &staged).await? {
            return Ok(false);
        }
        let form = if self.decides() { StagedPut::OnDuplicateKey } else { StagedPut::Update };
        let put = Statement::put_staged(self.dialect.as_ref(), scoped, batch, form)?;
        let put = run(session, &put, Effect::Nothing, &self.limits, &self.label(scoped, batch)).await;
        self.unstage(session).await?;
        let (told, rows) = (put?.affected, batch.num_rows() as u64);
        // An update counts the rows that were found, also those that are equal after all.
        let all = match form {
            StagedPut::Update => told == rows,
            StagedPut::OnDuplicateKey => (rows..=2 * rows).contains(&told),
        };
        match all {
            true => Ok(true),
            false => Err(Error::internal("a row that was locked is gone")),
        }
    }

    /// Few rows only where a trigger would take one that is put for a new one.
    fn stages(&self, rows: usize) -> bool {
        let triggered = self.ready.is_some_and(|ready| !ready.decides);
        self.bulk_form == BulkForm::Load && rows > 0 && (rows >= STAGED_ROWS || triggered)
    }

    /// Whether an upsert of so many rows may be one statement from the staging table, which tells no keys.
    pub(super) fn upserts_staged(&self, rows: usize) -> bool {
        self.stages(rows) && rows > TOLD_KEYS && self.ready.is_some_and(|ready| ready.decides && ready.sole_key)
    }

    /// Inserts the rows, or writes them over those with the same keys; tells how many were new, and how many changed.
    pub(super) async fn upsert_staged(
        &self,
        session: &mut Session,
        scoped: &ScopedPlan,
        batch: &RecordBatch,
    ) -> Result<(u64, u64)> {
        let (rows, label) = (batch.num_rows() as u64, self.label(scoped, batch));
        let columns: Vec<_> = batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
        if !self.stage(session, scoped, &columns, batch).await? {
            return Err(Error::new(ErrorKind::DatabaseFailure, "the server did not take the rows in a stream"));
        }
        let upsert = Statement::upsert_staged(self.dialect.as_ref(), scoped, batch)?;
        let work = async {
            control(session, &Statement::count_found(), Effect::Nothing, &self.limits).await?;
            let told = run(session, &upsert, Effect::Nothing, &self.limits, &label).await?.affected;
            let found = query(session, &Statement::found(), &self.limits).await?;
            Ok((told, found.column(0).as_primitive::<Int64Type>().value(0).cast_unsigned()))
        };
        let written = work.await;
        self.unstage(session).await?;
        let (told, found) = written?;
        let counts = told.checked_sub(rows).zip(rows.checked_sub(found)).filter(|(updated, _)| *updated <= found);
        let (updated, inserted) = counts.ok_or_else(|| {
            Error::internal(format!("{rows} rows were given; the server counted {told}, {found} of them there"))
        })?;
        Ok((inserted, updated))
    }

    pub(super) fn label(&self, scoped: &ScopedPlan, batch: &RecordBatch) -> Label {
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
