//! How many rows go in one statement, and which of their columns come back.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::Schema;
use dataflow_core::dialect::RowsForm;
use dataflow_core::schema::{TableSchema, arrow_field};
use dataflow_core::{Error, Result};

use super::Writer;

/// Keys of one statement that has a parameter for each value: its text grows with them.
const KEYS: usize = 500;
/// Rows of one statement that has an array for each column. Each statement costs a round trip, and a larger one makes
/// neither side faster (measured from 500 to 1,000,000 keys): the server would keep more in memory, or on its disk.
pub(super) const ARRAY_ROWS: usize = 10_000;
/// Bytes of the arrays of one statement: PostgreSQL takes at most 1 GiB.
pub(super) const ARRAY_BYTES: u64 = 64 * 1024 * 1024;

/// From here on rows are reached through the index of their key alone ([`Dialect::by_key_only`]).
///
/// [`Dialect::by_key_only`]: dataflow_core::dialect::Dialect::by_key_only
pub(super) const MANY: usize = 1_000;

impl Writer<'_> {
    /// Keys looked up in one statement.
    pub(super) fn most_keys(&self) -> usize {
        match self.dialect.rows_form() {
            RowsForm::Parameters => KEYS,
            RowsForm::Arrays => ARRAY_ROWS,
        }
    }
}

/// All columns of the table, any of which may be null.
pub(super) fn wide_schema(table: &TableSchema) -> Arc<Schema> {
    Arc::new(Schema::new(
        table.columns.iter().map(|column| arrow_field(column).with_nullable(true)).collect::<Vec<_>>(),
    ))
}

/// Rows with only some of the table's columns, the others null.
pub(super) fn widened(table: &TableSchema, rows: &RecordBatch) -> Result<RecordBatch> {
    let column = |name: &str| rows.column_by_name(name).cloned();
    let columns = table.columns.iter();
    let columns: Vec<ArrayRef> =
        columns.map(|at| column(&at.name).unwrap_or_else(|| new_null_array(&at.ty.arrow(), rows.num_rows()))).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    RecordBatch::try_new_with_options(wide_schema(table), columns, &options)
        .map_err(|error| Error::internal(error.to_string()))
}
