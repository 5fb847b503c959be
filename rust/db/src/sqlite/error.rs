//! SQLite's result codes as our kinds. <https://www.sqlite.org/rescode.html>

use std::ffi::c_int;

use dataflow_core::{Error, ErrorKind, Outcome};
use libsqlite3_sys as ffi;

/// Messages of SQLite that name schema objects only; any other may quote the statement or a value.
const SAFE_MESSAGES: &[&str] = &["no such ", "duplicate column name", "table ", "index ", "cannot "];

/// A code of our own: a function of ours has no number to give.
pub(super) const OVERFLOW: c_int = ffi::SQLITE_ERROR | (200 << 8);

pub(super) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the statement was cancelled")
}

/// The connection's transaction is gone: running on would commit each statement by itself.
pub(super) fn lost_transaction() -> Error {
    Error::new(ErrorKind::TransactionAborted, "SQLite ended the transaction after an earlier error or cancel")
        .hint("nothing of it was kept; run it again from its start")
        .outcome(Outcome::RolledBack)
}

pub(super) fn connection_lost() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the connection to the SQLite database was closed")
}

/// The error of an extended result code; `offset` is the byte of the SQL at fault.
pub(super) fn from_code(code: c_int, text: &str, offset: Option<usize>) -> Error {
    use ErrorKind as Kind;
    let failure = |message: &str, hint: &str| Error::new(Kind::DatabaseFailure, with_code(message, code)).hint(hint);
    match code {
        ffi::SQLITE_BUSY_SNAPSHOT => {
            return Error::new(Kind::SerializationFailure, "another transaction wrote after this one had read")
                .hint("run the transaction again; one that writes begins as a writing one");
        }
        OVERFLOW => {
            return Error::new(Kind::OutOfRange, "a calculated number does not fit its type")
                .hint("an int holds 64 bits, and a Decimal its own digits or 38");
        }
        ffi::SQLITE_READONLY_DBMOVED => {
            return failure("the database file was moved or deleted while it was open", "open it again");
        }
        _ => {}
    }
    match code & 0xff {
        ffi::SQLITE_CONSTRAINT => constraint(code, text),
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => {
            Error::new(Kind::LockTimeout, with_code("the database stayed locked by another connection", code))
                .hint("another process or transaction is writing; keep transactions short")
        }
        ffi::SQLITE_INTERRUPT => cancelled(),
        ffi::SQLITE_ABORT => lost_transaction(),
        ffi::SQLITE_READONLY => Error::new(Kind::PermissionDenied, with_code("the database cannot be written", code))
            .hint("the connection, the file or its directory is read-only"),
        ffi::SQLITE_PERM | ffi::SQLITE_AUTH => {
            Error::new(Kind::PermissionDenied, with_code("SQLite denied access", code))
        }
        ffi::SQLITE_TOOBIG => Error::new(Kind::DataTooLong, "a text, byte string or statement is over SQLite's limit"),
        ffi::SQLITE_MISMATCH => Error::new(Kind::WrongType, "a key that must be an int is none"),
        ffi::SQLITE_CANTOPEN => Error::new(Kind::ConnectionRefused, with_code("the database cannot be opened", code)),
        ffi::SQLITE_FULL => failure("the disk is full", "make room; the statement left nothing behind"),
        ffi::SQLITE_IOERR => failure("the disk could not be read or written", "look at the system's log and the disk"),
        ffi::SQLITE_CORRUPT => failure("the database file is damaged", "restore it from a backup"),
        ffi::SQLITE_NOTADB => failure("the file is not an SQLite database", "check the path in the URL"),
        ffi::SQLITE_NOMEM => failure("SQLite ran out of memory", "use smaller chunks"),
        ffi::SQLITE_MISUSE | ffi::SQLITE_RANGE => Error::internal(with_code("SQLite was called wrongly", code)),
        _ => other(code, text, offset),
    }
}

fn constraint(code: c_int, text: &str) -> Error {
    use ErrorKind as Kind;
    let name = text.split_once(" constraint failed: ").map(|(_, name)| constraint_name(name));
    let (kind, message) = match code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            (Kind::UniqueViolation, "a row with the same unique value exists")
        }
        // RESTRICT is a trigger of SQLite's own.
        ffi::SQLITE_CONSTRAINT_TRIGGER if text.starts_with("FOREIGN KEY") => {
            (Kind::ForeignKeyViolation, "other rows refer to the row")
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => (Kind::ForeignKeyViolation, "a row refers to one that does not exist"),
        ffi::SQLITE_CONSTRAINT_NOTNULL => (Kind::NotNullViolation, "a required column has no value"),
        ffi::SQLITE_CONSTRAINT_CHECK => (Kind::CheckViolation, "a row does not meet a check of its table"),
        ffi::SQLITE_CONSTRAINT_TRIGGER => (Kind::CheckViolation, "a trigger of the table refused the row"),
        ffi::SQLITE_CONSTRAINT_DATATYPE => (Kind::WrongType, "a value of another type than its column's"),
        _ => (Kind::DatabaseFailure, "a constraint was not met"),
    };
    match name.filter(|_| code != ffi::SQLITE_CONSTRAINT_TRIGGER) {
        Some(name) => Error::new(kind, format!("{message} ({name})")).constraint(Some(name)),
        None => Error::new(kind, message),
    }
}

/// `t.a, t.b` as it is, `index 'name'` as the name: SQLite names only checks and indexes on expressions.
fn constraint_name(text: &str) -> String {
    text.strip_prefix("index '").and_then(|name| name.strip_suffix('\'')).unwrap_or(text).to_owned()
}

fn other(code: c_int, text: &str, offset: Option<usize>) -> Error {
    let transaction = ["cannot start a transaction", "cannot commit", "cannot rollback", "no such savepoint"];
    if transaction.iter().any(|start| text.starts_with(start)) {
        return Error::new(ErrorKind::TransactionState, format!("SQLite: {text}"));
    }
    // A column that is added with a check its rows do not meet.
    if text == "CHECK constraint failed" {
        return Error::new(ErrorKind::CheckViolation, "a row does not meet a check of its table");
    }
    if SAFE_MESSAGES.iter().any(|start| text.starts_with(start)) {
        return Error::new(ErrorKind::DatabaseFailure, format!("SQLite: {text}"));
    }
    let place = offset.map_or_else(String::new, |offset| format!(" at byte {offset} of its text"));
    Error::new(ErrorKind::DatabaseFailure, with_code(&format!("SQLite refused the statement{place}"), code))
}

fn with_code(message: &str, code: c_int) -> String {
    format!("{message} (SQLite code {code})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_never_carries_what_the_statement_said() {
        for text in ["near \"secret\": syntax error", "unrecognized token: \"'secret\"", "malformed JSON secret"] {
            let error = from_code(ffi::SQLITE_ERROR, text, Some(7));
            assert!(!format!("{error:?}").contains("secret"));
        }
        let error = from_code(ffi::SQLITE_CONSTRAINT_TRIGGER, "X constraint failed: secret", None);
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn extended_codes_decide_the_kind() {
        for (code, kind) in [
            (ffi::SQLITE_BUSY, ErrorKind::LockTimeout),
            (ffi::SQLITE_BUSY_SNAPSHOT, ErrorKind::SerializationFailure),
            (ffi::SQLITE_BUSY_RECOVERY, ErrorKind::LockTimeout),
            (ffi::SQLITE_READONLY, ErrorKind::PermissionDenied),
            (ffi::SQLITE_IOERR_FSYNC, ErrorKind::DatabaseFailure),
            (ffi::SQLITE_FULL, ErrorKind::DatabaseFailure),
            (ffi::SQLITE_CORRUPT, ErrorKind::DatabaseFailure),
            (ffi::SQLITE_INTERRUPT, ErrorKind::Cancelled),
            (ffi::SQLITE_ABORT_ROLLBACK, ErrorKind::TransactionAborted),
            (ffi::SQLITE_TOOBIG, ErrorKind::DataTooLong),
        ] {
            assert_eq!(from_code(code, "", None).kind(), kind, "{code}");
        }
    }

    #[test]
    fn an_index_on_an_expression_is_named() {
        let text = "UNIQUE constraint failed: index 'uq_t_lower'";
        let error = from_code(ffi::SQLITE_CONSTRAINT_UNIQUE, text, None);
        assert_eq!(error.detail().constraint.as_deref(), Some("uq_t_lower"));
    }
}
