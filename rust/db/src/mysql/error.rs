//! The server's refusals as ours. Their messages quote values, so ours are written anew: only names are taken over.
//!
//! Codes: <https://mariadb.com/kb/en/mariadb-error-code-reference/>. The session sets `lc_messages` to English,
//! because names are found by the words around them.

use dataflow_core::dialect::LONGEST_SORTED;
use dataflow_core::{Error, ErrorKind, Result};
use mysql_async::{DriverError, Error as Failure, IoError, LocalInfileError, ServerError};

use crate::dsn::ServerUrl;

/// Warnings that say a value was changed on its way; strict mode lets some pass as notes.
///
/// 1260 a group was cut, 1264 out of range, 1265 truncated (a *note* for decimals), 1292 and 1366 a
/// wrong value, 1300 bad characters, 1301 a result over `max_allowed_packet`, 1365 division by zero, 1406 too long,
/// 1411 and 1441 a wrong or overflowing datetime, 1916 to 1918 a bad or overflowing cast.
const LOSSES: &[u16] = &[1260, 1264, 1265, 1292, 1300, 1301, 1365, 1366, 1406, 1411, 1441, 1916, 1917, 1918];

/// Those of a calculated number that a cast cut.
const OVERFLOWS: &[u16] = &[1264, 1916];

/// Codes whose messages hold names only.
const NAMES_ONLY: &[u16] = &[
    1040, 1046, 1049, 1050, 1051, 1054, 1060, 1061, 1068, 1070, 1071, 1072, 1075, 1091, 1109, 1146, 1203, 1227, 1286,
    1290, 1305, 1461, 1792,
];

/// More rows than one of a subquery: [`Functions::sort_guard`](dataflow_core::dialect::Functions::sort_guard).
const TOO_LONG_TO_SORT: u16 = 1242;

/// The disk, or the file that may hold the table.
const DISK_FULL: &[u16] = &[1021, 1114];

pub(super) fn translate(failure: Failure) -> Error {
    match failure {
        Failure::Server(error) => server(&error),
        Failure::Driver(DriverError::PacketTooLarge) => too_large("a packet of the server is over 1 GiB"),
        Failure::Driver(
            error @ (DriverError::StmtParamsMismatch { .. } | DriverError::StmtParamsNumberExceedsLimit { .. }),
        ) => Error::internal(error.to_string()),
        Failure::Driver(DriverError::MixedParams | DriverError::Params(_)) => {
            Error::internal("the SQL text holds a named parameter")
        }
        // A server that goes on asking has to be told nothing more: the connection ends here.
        Failure::Driver(DriverError::LocalInfile(LocalInfileError::NoHandler)) => {
            lost("the server asked for a file of this machine; it got none, and the connection was closed")
        }
        Failure::Io(error) => lost(&format!("the connection to the database broke: {}", io(&error))),
        // Other driver errors may carry packets and values.
        _ => lost("the connection to the database broke: the server's answer was not understood"),
    }
}

/// Why no connection came about; names everything but the password.
pub(super) fn at_connect(url: &ServerUrl, failure: Failure) -> Error {
    let place = place(url);
    let refused = |why: &str| Error::new(ErrorKind::ConnectionRefused, format!("no connection to {place}: {why}"));
    match failure {
        Failure::Server(ServerError { code: 1044 | 1045 | 1698, state, .. }) => {
            Error::new(ErrorKind::AuthenticationFailed, format!("the server refused the login for {place}"))
                .sqlstate(state)
                .hint("check user, password and the user's rights on the database (SHOW GRANTS FOR …)")
        }
        Failure::Server(ServerError { code: 1049, state, .. }) => refused("there is no such database")
            .sqlstate(state)
            .hint(format!("create it: CREATE DATABASE `{}`", url.database.replace('`', "``"))),
        Failure::Server(error) => {
            refused(&server_message(&error)).sqlstate(&error.state).hint("the server was reached and refused")
        }
        Failure::Driver(DriverError::NoClientSslFlagFromServer) => refused("the server offers no TLS")
            .hint("turn TLS on at the server, or allow a connection without it: sslmode=prefer or disable"),
        Failure::Driver(DriverError::UnknownAuthPlugin { name }) => {
            Error::new(ErrorKind::AuthenticationFailed, format!("{place} asks for the unknown login method {name}"))
                .hint("give the user mysql_native_password or caching_sha2_password")
        }
        Failure::Io(error) if is_tls(&error) => {
            refused(&io(&error)).hint("check sslmode and sslrootcert against the server's certificate")
        }
        Failure::Io(error) => refused(&io(&error)).hint("check that the server runs and listens there"),
        _ => refused("the server's answer was not understood").hint("is it a MariaDB or MySQL server?"),
    }
}

pub(super) fn connect_timed_out(url: &ServerUrl, limit: std::time::Duration) -> Error {
    let why = format!("no connection to {}: no answer within {} ms", place(url), limit.as_millis());
    Error::new(ErrorKind::ConnectionRefused, why).hint("check host, port and firewall, or raise connect_timeout")
}

fn place(url: &ServerUrl) -> String {
    format!("{}:{} as user `{}`, database `{}`", url.host, url.port, url.user, url.database)
}

fn io(error: &IoError) -> String {
    match error {
        IoError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => "the server closed it".to_owned(),
        IoError::Io(error) => error.to_string(),
        IoError::Tls(error) => error.to_string(),
    }
}

/// A refused certificate arrives as an I/O error around rustls' own.
fn is_tls(error: &IoError) -> bool {
    match error {
        IoError::Io(error) => error.get_ref().is_some_and(|cause| cause.is::<rustls::Error>()),
        IoError::Tls(_) => true,
    }
}

fn lost(message: &str) -> Error {
    Error::new(ErrorKind::ConnectionLost, message)
}

pub(super) fn too_large(message: &str) -> Error {
    Error::new(ErrorKind::DataTooLong, message).hint("send smaller values, or raise max_allowed_packet at the server")
}

fn server(error: &ServerError) -> Error {
    let text = error.message.as_str();
    let (kind, constraint) = classify(error.code, text);
    let column = column(text).map_or_else(String::new, |name| format!(" for column `{name}`"));
    let named = constraint.as_deref().map_or_else(String::new, |name| format!(" `{name}`"));
    let message = match kind {
        ErrorKind::UniqueViolation => format!("a row with the same value of unique key{named} exists"),
        ErrorKind::ForeignKeyViolation if matches!(error.code, 1217 | 1451) => {
            format!("foreign key{named} is violated: other rows still point to the row")
        }
        ErrorKind::ForeignKeyViolation => {
            format!("foreign key{named} is violated: a row points to one that is not there")
        }
        ErrorKind::NotNullViolation => format!("column{named} takes no null and has no default"),
        ErrorKind::CheckViolation => format!("check{named} refuses the row"),
        ErrorKind::Deadlock => "deadlock with another transaction; the server rolled this one back".to_owned(),
        ErrorKind::LockTimeout => "a lock did not come free in time".to_owned(),
        ErrorKind::SerializationFailure => "another transaction changed what this one had read".to_owned(),
        ErrorKind::Cancelled => "the statement was cancelled".to_owned(),
        ErrorKind::StatementTimeout => "the statement ran longer than the server allows".to_owned(),
        ErrorKind::DataTooLong if error.code == 1406 => format!("a value is too long{column}"),
        ErrorKind::DataTooLong => "the statement is larger than the server takes".to_owned(),
        ErrorKind::OutOfRange => format!("a value is out of range{column}"),
        ErrorKind::LimitExceeded => {
            format!("rows are ordered by a text or bytes with more than {LONGEST_SORTED} characters or bytes")
        }
        _ if DISK_FULL.contains(&error.code) => format!("the disk of the server is full (error {})", error.code),
        _ => server_message(error),
    };
    let answer = Error::new(kind, message).sqlstate(&error.state).constraint(constraint);
    match error.code {
        code if DISK_FULL.contains(&code) => answer.hint("make room; the statement left nothing behind"),
        1153 => answer.hint("send smaller values, or raise max_allowed_packet at the server"),
        TOO_LONG_TO_SORT => answer.hint("MariaDB looks no further when it sorts: order by another field"),
        1461 => answer.hint("raise max_prepared_stmt_count at the server, or use statement_cache=False"),
        _ => answer,
    }
}

/// The server's own words where they hold no value, else its code.
fn server_message(error: &ServerError) -> String {
    let known = NAMES_ONLY.contains(&error.code) || matches!(error.code, 1142 | 1143 | 1044 | 1370);
    if known {
        return format!("{} (error {})", error.message, error.code);
    }
    let line = error.message.rsplit_once(" at line ").filter(|_| error.code == 1064);
    let line = line.and_then(|(_, line)| line.parse::<u32>().ok()).map(|line| format!(" at line {line}"));
    let what = if error.code == 1064 { "SQL syntax error" } else { "the database refused the statement" };
    format!("{what}{} (error {})", line.unwrap_or_default(), error.code)
}

/// The kind and the name of the constraint.
fn classify(code: u16, text: &str) -> (ErrorKind, Option<String>) {
    let kind = match code {
        1062 | 1586 => return (ErrorKind::UniqueViolation, key(text)),
        1216 | 1217 | 1451 | 1452 => {
            return (ErrorKind::ForeignKeyViolation, between(text, "CONSTRAINT `", "` FOREIGN KEY"));
        }
        1048 | 1364 => return (ErrorKind::NotNullViolation, between(text, "'", "' ")),
        4025 => return (ErrorKind::CheckViolation, between(text, "CONSTRAINT `", "` failed")),
        3819 => return (ErrorKind::CheckViolation, between(text, "constraint '", "' is violated")),
        1213 | 1614 => ErrorKind::Deadlock,
        1205 | 3572 => ErrorKind::LockTimeout,
        1020 | 1412 => ErrorKind::SerializationFailure,
        1317 => ErrorKind::Cancelled,
        1969 | 3024 => ErrorKind::StatementTimeout,
        1153 | 1406 => ErrorKind::DataTooLong,
        1264 | 1265 | 1292 | 1366 | 1367 | 1411 | 1441 | 1690 => ErrorKind::OutOfRange,
        TOO_LONG_TO_SORT => ErrorKind::LimitExceeded,
        1044 | 1142 | 1143 | 1227 | 1370 => ErrorKind::PermissionDenied,
        // Shutdown, killed, idle for too long, network trouble: the server closes the connection behind these.
        1053 | 1077..=1080 | 1152 | 1158..=1161 | 1184 | 1927 | 2006 | 2013 | 4031 => ErrorKind::ConnectionLost,
        _ => ErrorKind::DatabaseFailure,
    };
    (kind, None)
}

/// `Duplicate entry '…' for key 'name'`; MySQL 8 writes `'table.name'`. The entry may quote anything, so from the end.
fn key(text: &str) -> Option<String> {
    let (_, name) = text.rsplit_once(" for key ")?;
    let name = name.trim_matches(['\'', '`']);
    Some(name.rsplit_once('.').map_or(name, |(_, name)| name).to_owned())
}

/// The column in `… for column `db`.`table`.`name` at row 3`; a value before it may quote the same words.
fn column(text: &str) -> Option<&str> {
    let (text, row) = text.rsplit_once(" at row ")?;
    row.parse::<u64>().ok()?;
    let (_, name) = text.rsplit_once(" for column ")?;
    let name = name.rsplit_once('.').map_or(name, |(_, name)| name);
    name.strip_prefix(['\'', '`'])?.strip_suffix(['\'', '`'])
}

fn between(text: &str, before: &str, after: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(name, _)| name.to_owned())
}

/// A regular expression that gave up. The server takes the text for one without a match.
const REGEX_GAVE_UP: u16 = 1139;

/// JSON, or a path in it, that could not be read. The server takes it for null.
const UNREAD_JSON: std::ops::RangeInclusive<u16> = 4035..=4044;

/// A text that a function gave was too long for a packet. The server takes it for null.
const LONGER_THAN_A_PACKET: u16 = 1301;

/// Refuses a statement whose warnings (code, message) say that a value was changed, or not looked at.
/// `reads` tells that nothing was to be stored.
pub(super) fn check_warnings(warnings: &[(u16, String)], reads: bool) -> Result<()> {
    if warnings.iter().any(|(code, _)| *code == REGEX_GAVE_UP) {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            "MariaDB gave up on a regular expression: it took too many steps",
        )
        .sqlstate("01000")
        .hint("let the pattern begin with `^`, or with fewer characters that stand in many places"));
    }
    if let Some((code, _)) = warnings.iter().find(|(code, _)| UNREAD_JSON.contains(code)) {
        let message = format!("MariaDB could not read JSON and only warned (warning {code})");
        return Err(Error::new(ErrorKind::DatabaseFailure, message)
            .sqlstate("01000")
            .hint("a column holds what DataFlow has not written: its check `json_valid` is missing"));
    }
    if reads && warnings.iter().any(|(code, _)| *code == LONGER_THAN_A_PACKET) {
        let message = "a text that the query puts together is longer than max_allowed_packet of the server";
        return Err(Error::new(ErrorKind::LimitExceeded, message)
            .sqlstate("01000")
            .hint("put shorter texts together, or raise max_allowed_packet at the server"));
    }
    let Some((code, text)) = warnings.iter().find(|(code, _)| LOSSES.contains(code)) else {
        return Ok(());
    };
    if reads && OVERFLOWS.contains(code) {
        return Err(Error::new(ErrorKind::OutOfRange, "a calculated number does not fit its type")
            .sqlstate("01000")
            .hint("an int holds 64 bits, and a Decimal its own digits or 38"));
    }
    let column = column(text).map_or_else(String::new, |name| format!(" in column `{name}`"));
    let message = format!("the database changed or cut a value{column} and only warned (warning {code})");
    Err(Error::new(ErrorKind::DatabaseFailure, message)
        .sqlstate("01000")
        .hint("the column is narrower than the model says: compare the table with the model"))
}

/// The rows that a `LOAD DATA LOCAL` has stored, where it took all that were sent as they are.
///
/// It works as with IGNORE: a row that meets a constraint is passed over, and a value that does not fit is changed.
/// `info`: `Records: 3  Deleted: 0  Skipped: 0  Warnings: 0`.
pub(super) fn check_load(info: &str, affected: u64, warnings: u16, sent: u64) -> Result<u64> {
    let told: Vec<Option<u64>> = info.split_ascii_whitespace().skip(1).step_by(2).map(|n| n.parse().ok()).collect();
    if warnings == 0 && affected == sent && told == [Some(sent), Some(0), Some(0), Some(0)] {
        return Ok(affected);
    }
    let message = format!("LOAD DATA stored {affected} of {sent} rows, with {warnings} warnings");
    Err(Error::new(ErrorKind::DatabaseFailure, message).sqlstate("01000"))
}

#[cfg(test)]
mod tests;
