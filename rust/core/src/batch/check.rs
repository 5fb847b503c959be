//! The model's checks, asked in memory before the database is.

use arrow_array::RecordBatch;

use crate::error::{Error, ErrorKind, Result};
use crate::filter::BatchRows;
use crate::schema::{Check, TableSchema, constraint_name};

/// `[row].field` where the check is about one field.
fn place(table: &TableSchema, check: &Check, row: usize) -> String {
    match check.filter.columns()[..] {
        [column] => format!("[{row}].{}", table.columns[column].name),
        _ => format!("[{row}]"),
    }
}

/// Refuses the first row that does not meet a check of its model, placed as `[row]` or `[row].field`.
///
/// # Errors
/// `CheckViolation` with the name of the constraint.
pub fn check_rows(table: &TableSchema, batch: &RecordBatch) -> Result<()> {
    if table.checks.is_empty() {
        return Ok(());
    }
    let rows = BatchRows::new(table, batch)?;
    for check in &table.checks {
        for row in 0..batch.num_rows() {
            if !rows.matches(&check.filter, row)? {
                let message = format!("the row does not meet the check `{}` of {}", check.name, table.model);
                return Err(Error::new(ErrorKind::CheckViolation, message)
                    .path(place(table, check, row))
                    .constraint(Some(constraint_name("ck", &table.table, &check.name))));
            }
        }
    }
    Ok(())
}
