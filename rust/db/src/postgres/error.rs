//! PostgreSQL's answers as our kinds. Messages are ours: the server's carry values.
//! SQLSTATE table: <https://www.postgresql.org/docs/current/errcodes-appendix.html>

use dataflow_core::{Error, ErrorKind};
use tokio_postgres::error::DbError;

/// What a failed exchange means.
pub(super) fn translate(error: &tokio_postgres::Error) -> Error {
    match error.as_db_error() {
        Some(db) => translate_db(db),
        None if error.is_closed() || std::error::Error::source(error).is_some_and(|s| s.is::<std::io::Error>()) => {
            lost()
        }
        // Left: encoding of our own parameters or an answer out of protocol; the wire's state is unknown.
        None => Error::new(ErrorKind::ConnectionLost, format!("the exchange with PostgreSQL failed: {error}")),
    }
}

pub(super) fn lost() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the connection to PostgreSQL broke")
}

const DISK_FULL: &str = "53100";

fn translate_db(db: &DbError) -> Error {
    let code = db.code().code();
    let kind = kind(code, db.message());
    let message = match kind {
        ErrorKind::UniqueViolation => format!("a row with this key exists already{}", of(db.table())),
        ErrorKind::ForeignKeyViolation => {
            format!("a row refers to one that does not exist, or is referred to{}", of(db.table()))
        }
        ErrorKind::NotNullViolation => {
            format!("`{}` cannot be null{}", db.column().unwrap_or("a column"), of(db.table()))
        }
        ErrorKind::CheckViolation => format!("a check of the table was not met{}", of(db.table())),
        ErrorKind::SerializationFailure => "another transaction changed the same rows".to_owned(),
        ErrorKind::Deadlock => "two transactions waited for each other and PostgreSQL ended this one".to_owned(),
        ErrorKind::LockTimeout => "a lock did not come free in time".to_owned(),
        ErrorKind::StatementTimeout => "the statement ran longer than its timeout".to_owned(),
        ErrorKind::Cancelled => "the statement was cancelled".to_owned(),
        ErrorKind::DataTooLong | ErrorKind::OutOfRange => "a value does not fit its column".to_owned(),
        ErrorKind::ConnectionLost => "the server ended the connection".to_owned(),
        _ if code == DISK_FULL => "the disk of the server is full".to_owned(),
        // Class 42 speaks of names and syntax only, never of values.
        _ if code.starts_with("42") || code == "3D000" => format!("PostgreSQL: {}", db.message()),
        _ => format!("PostgreSQL refused the statement (SQLSTATE {code})"),
    };
    let constraint = db.constraint().or(db.column()).map(str::to_owned);
    let error = Error::new(kind, message).sqlstate(code).constraint(constraint);
    if code == DISK_FULL { error.hint("make room; the statement left nothing behind") } else { error }
}

fn of(table: Option<&str>) -> String {
    table.map(|table| format!(" in table `{table}`")).unwrap_or_default()
}

fn kind(code: &str, message: &str) -> ErrorKind {
    match code {
        "23505" | "23P01" => ErrorKind::UniqueViolation,
        "23503" | "23001" => ErrorKind::ForeignKeyViolation,
        "23502" => ErrorKind::NotNullViolation,
        "23514" => ErrorKind::CheckViolation,
        "40001" => ErrorKind::SerializationFailure,
        "40P01" => ErrorKind::Deadlock,
        "55P03" => ErrorKind::LockTimeout,
        // One code for both. Our own cancels and deadlines never get here: this is the server's statement_timeout, which
        // only its English text tells from somebody's pg_cancel_backend.
        "57014" if message.contains("timeout") => ErrorKind::StatementTimeout,
        "57014" => ErrorKind::Cancelled,
        "22001" => ErrorKind::DataTooLong,
        "22003" | "22008" => ErrorKind::OutOfRange,
        "42501" | "25006" => ErrorKind::PermissionDenied,
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04" => ErrorKind::ConnectionLost,
        "28000" | "28P01" => ErrorKind::AuthenticationFailed,
        "25P02" => ErrorKind::TransactionAborted,
        _ => ErrorKind::DatabaseFailure,
    }
}

/// Whether a prepared statement went stale because its table changed (`cached plan must not change
/// result type`), or is gone (behind a proxy).
pub(super) fn is_stale_statement(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| match db.code().code() {
        "26000" => true,
        "0A000" => db.routine() == Some("RevalidateCachedQuery"),
        _ => false,
    })
}
