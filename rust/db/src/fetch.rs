//! Rows on their way out: wire values become Arrow columns, and a tenant's rows are proved to be its own.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};
use dataflow_core::batch::ColumnBuilder;
use dataflow_core::dialect::Returned;
use dataflow_core::plan::TenantId;
use dataflow_core::{Error, ErrorKind, Result};
use tokio::sync::mpsc;

/// Collects the rows of one statement; a driver appends each row's values in column order.
pub(crate) struct RowSink {
    pub columns: Vec<ColumnBuilder>,
    fields: Vec<Field>,
    rows: usize,
}

impl RowSink {
    pub fn new(returns: &[Returned]) -> Self {
        RowSink {
            columns: returns.iter().map(|column| ColumnBuilder::new(&column.ty, 16)).collect(),
            fields: returns.iter().map(field).collect(),
            rows: 0,
        }
    }

    pub fn end_row(&mut self) {
        self.rows += 1;
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn finish(self) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = self.columns.into_iter().map(ColumnBuilder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(self.fields)), columns, &options)
            .map_err(|error| Error::internal(error.to_string()))
    }
}

/// Rows of the first chunk, when it is not known yet how wide they are.
pub(crate) const FIRST_ROWS: usize = 256;
const MOST_ROWS: usize = 8_192;
/// What a chunk shall have in Arrow's memory.
const CHUNK_BYTES: usize = 2 << 20;

/// How many rows the next chunk has: as many as fill it, in powers of two, since each number is a statement of its own.
pub(crate) fn next_rows(rows: usize, chunk: &RecordBatch) -> usize {
    let width = chunk.get_array_memory_size().div_ceil(chunk.num_rows().max(1)).max(1);
    let fitting = (CHUNK_BYTES / width).clamp(1, MOST_ROWS);
    (1 << fitting.ilog2()).min(rows * 4)
}

/// Where chunks of rows go while a statement brings them; it waits until there is room for one.
#[derive(Clone)]
pub(crate) struct Outlet(pub mpsc::Sender<RecordBatch>);

/// The rows of one statement on their way into an [`Outlet`].
pub(crate) struct Chunks<'s> {
    returns: &'s [Returned],
    pub sink: RowSink,
    rows: usize,
}

impl<'s> Chunks<'s> {
    pub fn new(returns: &'s [Returned]) -> Self {
        Chunks { returns, sink: RowSink::new(returns), rows: FIRST_ROWS }
    }

    /// The chunk, if it is full.
    pub fn take_full(&mut self) -> Result<Option<RecordBatch>> {
        if self.sink.rows() < self.rows {
            return Ok(None);
        }
        let chunk = std::mem::replace(&mut self.sink, RowSink::new(self.returns)).finish()?;
        self.rows = next_rows(self.rows, &chunk);
        Ok(Some(chunk))
    }
}

/// Nobody takes the rows any more.
pub(crate) fn unwanted() -> Error {
    Error::new(ErrorKind::Cancelled, "the stream was closed")
}

fn field(column: &Returned) -> Field {
    column.ty.field(&column.name, column.nullable)
}

/// The text in the first row's column `at`; empty for null or no row.
pub(crate) fn text_cell(rows: &RecordBatch, at: usize) -> String {
    let column = rows.column(at).as_string::<i32>();
    if column.is_empty() || column.is_null(0) { String::new() } else { column.value(0).to_owned() }
}

/// A value that came back and is not one the column may hold: another writer put it there.
pub(crate) fn unreadable(column: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::OutOfRange, format!("the stored value of `{column}` cannot be read: {why}"))
        .hint("it was written by something other than DataFlow; mend the row or the model's type")
}

/// Compares every row's first column with the tenant and takes it off.
///
/// The compiler's predicate already asked for this tenant only: a difference is a fault of ours, and
/// no row leaves.
pub(crate) fn prove_tenant(batch: RecordBatch, tenant: Option<&TenantId>) -> Result<RecordBatch> {
    let Some(tenant) = tenant else {
        return Ok(batch);
    };
    let tenants = batch.column(0).as_string::<i32>();
    let foreign = (0..tenants.len()).any(|row| tenants.is_null(row) || tenants.value(row) != tenant.as_str());
    if foreign {
        return Err(Error::new(ErrorKind::TenantLeak, "a row of another tenant was about to be returned; nothing was"));
    }
    let rest: Vec<usize> = (1..batch.num_columns()).collect();
    batch.project(&rest).map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, StringArray};

    fn batch(tenants: Vec<Option<&str>>) -> RecordBatch {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..i64::try_from(tenants.len()).unwrap()));
        let tenants: ArrayRef = Arc::new(StringArray::from(tenants));
        RecordBatch::try_from_iter([("tenant_id", tenants), ("id", ids)]).unwrap()
    }

    #[test]
    fn one_foreign_row_stops_them_all() {
        let tenant = TenantId::new("acme").unwrap();
        for foreign in [Some("ACME"), Some("acme "), None] {
            let error = prove_tenant(batch(vec![Some("acme"), foreign]), Some(&tenant)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TenantLeak);
        }
    }

    #[test]
    fn own_rows_come_back_without_the_tenant() {
        let tenant = TenantId::new("acme").unwrap();
        let rows = prove_tenant(batch(vec![Some("acme"); 3]), Some(&tenant)).unwrap();
        assert_eq!((rows.num_rows(), rows.num_columns()), (3, 1));
    }
}
