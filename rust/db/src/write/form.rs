//! How many rows go in one statement.

use dataflow_core::dialect::RowsForm;

use super::Writer;

/// Keys of one statement that has a parameter for each value: its text grows with them.
const KEYS: usize = 500;
/// Rows of one statement that has an array for each column. Each statement costs a round trip, and a larger one makes
/// neither side faster (measured from 500 to 1,000,000 keys): the server would keep more in memory, or on its disk.
pub(super) const ARRAY_ROWS: usize = 10_000;
/// Bytes of the arrays of one statement: PostgreSQL takes at most 1 GiB.
pub(super) const ARRAY_BYTES: u64 = 64 * 1024 * 1024;

impl Writer<'_> {
    /// Keys looked up in one statement.
    pub(super) fn most_keys(&self) -> usize {
        match self.dialect.rows_form() {
            RowsForm::Parameters => KEYS,
            RowsForm::Arrays => ARRAY_ROWS,
        }
    }
}
