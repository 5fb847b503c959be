//! Rows that are refused and left out while the others are written: what refuses them, and how it is told.

mod payload;
mod quarantine;

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use crate::error::{Error, ErrorKind, Result};
use crate::schema::{ColumnSchema, KeySource, Role, TableSchema};
use crate::types::LogicalType;

pub use payload::{arrow_payload, given_payload, is_whole, payload};
pub use quarantine::{LOAD_ID, Quarantine, TENANT, quarantine_table};

/// One row that was refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Its number in the rows given.
    pub row: usize,
    pub kind: ErrorKind,
    pub sqlstate: Option<String>,
    pub constraint: Option<String>,
    pub column: Option<String>,
    pub message: String,
    /// The row as it was given, as JSON text, where it is to be kept. Nothing else holds a value.
    pub payload: Option<String>,
}

impl Reject {
    pub fn new(row: usize, error: &Error, payload: Option<String>) -> Self {
        let detail = error.detail();
        Reject {
            row,
            kind: detail.kind,
            sqlstate: detail.sqlstate.clone(),
            constraint: detail.constraint.clone(),
            column: detail.path.as_deref().and_then(column_of).map(str::to_owned),
            message: detail.message.clone(),
            payload,
        }
    }
}

/// The column in `data[3].price` and in `[3].price.amount`.
fn column_of(path: &str) -> Option<&str> {
    let (_, rest) = path.split_once(']')?;
    let column = rest.strip_prefix('.')?.split(['.', '[']).next()?;
    (!column.is_empty()).then_some(column)
}

/// Whether an error is about one row, so that others may be written without it.
///
/// What the data lacks altogether, and whatever became of the server or the transaction, is no fault of a row.
pub fn is_refusal(error: &Error) -> bool {
    use ErrorKind as Kind;
    let detail = error.detail();
    match detail.kind {
        Kind::UniqueViolation
        | Kind::ForeignKeyViolation
        | Kind::NotNullViolation
        | Kind::CheckViolation
        | Kind::KeyMismatch
        | Kind::StaleRow
        | Kind::NotFound
        | Kind::DuplicateRow
        | Kind::DataTooLong => true,
        Kind::UnknownField
        | Kind::WrongType
        | Kind::MissingValue
        | Kind::NullValue
        | Kind::OutOfRange
        | Kind::TooManyDigits
        | Kind::TimezoneMismatch
        | Kind::NulCharacter
        | Kind::NotFinite
        | Kind::UnsupportedData
        | Kind::NotAChoice
        | Kind::LimitExceeded => {
            detail.sqlstate.is_some() || detail.path.as_deref().is_some_and(|path| path.contains('['))
        }
        // What a trigger raises, and what a column that is narrower than the model says makes of a value: classes of
        // <https://www.postgresql.org/docs/current/errcodes-appendix.html>, and those MariaDB has for the same.
        Kind::DatabaseFailure => {
            let classes = ["01", "22", "23", "44", "45", "P0"];
            detail.sqlstate.as_deref().is_some_and(|state| classes.iter().any(|class| state.starts_with(class)))
        }
        _ => false,
    }
}

/// So much of a row may be missing to a whole one, where a share is no exact number of rows in binary.
const SHARE_TOLERANCE: f64 = 1e-9;

/// Most rows that may be refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    Rows(u64),
    /// Of all rows given: above 0 and below 1.
    Share(f64),
}

impl Limit {
    /// As a number, of so many rows.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share is no more exact than a float, and lies between 0 and all rows"
    )]
    pub fn of(self, rows: usize) -> u64 {
        match self {
            Limit::Rows(most) => most,
            Limit::Share(share) => {
                // A share like 0.29 is a little less in binary, and of 100 rows it means 29.
                let most = share * rows as f64;
                (most + SHARE_TOLERANCE.max(most * f64::EPSILON)).floor() as u64
            }
        }
    }
}

/// The error of a write in which more rows were refused than `most`; `rejects` are the last of them.
pub fn too_many(rejects: Vec<Reject>, refused: u64, most: u64) -> Error {
    let message = format!("{refused} rows were refused, and at most {most} may be");
    Error::new(ErrorKind::TooManyRejects, message)
        .path("reject_limit")
        .hint("the attribute `rejects` of the error tells why; mend the data, or allow more")
        .rejects(rejects)
}

const NAMES: [&str; 6] = ["row", "kind", "sqlstate", "constraint", "column", "message"];

/// The form in which rejects are handed to the caller.
///
/// # Errors
/// None but `Internal`: the table is always the same.
pub fn reject_table() -> Result<TableSchema> {
    let column = |name: &str| {
        let ty = if name == "row" { LogicalType::Int } else { LogicalType::Text { max_length: None } };
        let nullable = matches!(name, "sqlstate" | "constraint" | "column");
        ColumnSchema { name: name.to_owned(), ty, nullable, default: None, role: Role::Field }
    };
    let table = TableSchema {
        model: "Reject".to_owned(),
        namespace: None,
        table: "reject".to_owned(),
        columns: NAMES.map(column).into(),
        key: vec![0],
        key_source: KeySource::Caller,
        unique: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        references: Vec::new(),
        multi_tenant: false,
        append_only: true,
    };
    table.checked()
}

/// The rejects as rows of [`reject_table`].
///
/// # Errors
/// `Internal` when `table` is another one.
pub fn reject_batch(table: &TableSchema, rejects: &[Reject]) -> Result<RecordBatch> {
    fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
        Arc::new(StringArray::from_iter(values))
    }
    let rows: Int64Array = rejects.iter().map(|reject| i64::try_from(reject.row).ok()).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(rows),
        texts(rejects.iter().map(|reject| Some(reject.kind.name()))),
        texts(rejects.iter().map(|reject| reject.sqlstate.as_deref())),
        texts(rejects.iter().map(|reject| reject.constraint.as_deref())),
        texts(rejects.iter().map(|reject| reject.column.as_deref())),
        texts(rejects.iter().map(|reject| Some(reject.message.as_str()))),
    ];
    let all: Vec<usize> = (0..NAMES.len()).collect();
    RecordBatch::try_new(Arc::new(table.arrow(&all)), columns).map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests;
