//! What a database's wire must do. Each engine implements it once, in its own folder.

use std::sync::Arc;

use arrow_array::RecordBatch;
use dataflow_core::dialect::{Dialect, Statement};
use dataflow_core::{Error, Result};
use futures_util::future::BoxFuture;

use crate::fetch::Outlet;

/// What a statement brought back.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The returned rows in the Arrow types of `Statement::returns`.
    pub rows: RecordBatch,
    /// Rows written, where the server tells.
    pub affected: u64,
}

/// Rows on their way in, checked piece by piece.
pub(crate) type Chunks = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// How an engine takes many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkForm {
    /// One `COPY` for all rows ([`Driver::copy_in`]).
    Copy,
    /// One `LOAD DATA LOCAL` for all rows ([`Driver::copy_in`]), which passes over rows that it cannot store.
    Load,
    /// `INSERT … VALUES (…), (…)` with as many rows as parameters allow.
    MultiRow,
    /// A one-row `INSERT`, prepared once and stepped for each row of `Statement::rows`.
    Stepped,
}

/// One physical connection. A future of it that is dropped before its end leaves the wire in an
/// unknown state: the caller must then [`Driver::close`] it (`session.rs` is the only caller).
pub(crate) trait Driver: Send {
    /// Runs one statement to its end.
    ///
    /// Parameters are `statement.params`, or, where `statement.rows` is given, the values of that
    /// batch row by row. A server error leaves the connection usable.
    fn run<'a>(&'a mut self, statement: &'a Statement) -> BoxFuture<'a, Result<Reply>>;

    /// Streams rows into a `COPY … FROM STDIN` or `LOAD DATA LOCAL` statement inside a transaction.
    ///
    /// A chunk that is an error ends it with that error, and so does a row that the server has not taken as it is;
    /// behind `LOAD DATA` other rows are stored then, and the caller rolls back.
    fn copy_in<'a>(&'a mut self, _statement: &'a Statement, _chunks: Chunks) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async { Err(Error::internal("this database takes no stream of rows")) })
    }

    /// Runs a query and hands its rows over in chunks as they come; the reply has the last of them.
    ///
    /// Only as many rows are in memory as two chunks have. An outlet that nobody reads ends it with an error.
    fn fetch<'a>(&'a mut self, _statement: &'a Statement, _outlet: Outlet) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async { Err(Error::internal("this database has cursors for that")) })
    }

    /// Asks the server to end the running statement; resolves when the server has heard it, or cannot.
    ///
    /// It must be callable while `run` is under way, so it owns all it needs.
    fn interrupt(&self) -> BoxFuture<'static, ()>;

    /// Whether the connection is known to be dead.
    fn is_closed(&self) -> bool;

    /// Whether an idle connection is still alive: asked before it is used again.
    ///
    /// A dead one that is not noticed here makes the next write fail as *unknown*.
    fn check_alive(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(!self.is_closed()))
    }

    /// Whether the wire is in a known state after an interrupted statement came to its end.
    ///
    /// False where the server's cancel travels on another connection and may hit the next statement
    /// (geldata/gel#2257): such a connection is closed.
    fn survives_interrupt(&self) -> bool {
        false
    }

    /// Closes the socket now, without another word to the server.
    fn close(self: Box<Self>);
}

/// Facts about the server, asked once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Product name: `PostgreSQL`, `MariaDB`, `MySQL`, `SQLite`.
    pub server: String,
    pub version: String,
    /// `INSERT … RETURNING`.
    pub returning: bool,
    /// `LOAD DATA LOCAL` (MariaDB, MySQL).
    pub local_infile: bool,
    /// `wal_level` (PostgreSQL), `binlog_format` or `OFF` (MariaDB), `journal_mode` (SQLite).
    pub wal_level: String,
    /// The login's name; empty on SQLite.
    pub role: String,
    /// Whether row security binds the login (false for superusers and BYPASSRLS).
    pub row_security: bool,
}

/// Makes connections of one engine.
pub(crate) trait Connector: Send + Sync + 'static {
    /// Opens a connection, ready for use: session settings done.
    ///
    /// # Errors
    /// `ConnectionRefused`, `AuthenticationFailed`; messages name host, port, user and database, never a password.
    fn connect(&self, access: Access) -> BoxFuture<'_, Result<Box<dyn Driver>>>;

    /// Asks the server what it is and can.
    fn probe<'a>(&'a self, driver: &'a mut dyn Driver) -> BoxFuture<'a, Result<Capabilities>>;

    /// How this server's SQL is written.
    fn dialect(&self, capabilities: &Capabilities) -> Arc<dyn Dialect>;

    fn bulk_form(&self, capabilities: &Capabilities) -> BulkForm;

    /// Most bytes of one statement with its values, where the server has such a limit.
    fn max_statement_bytes(&self) -> Option<u64> {
        None
    }

    /// Whether the database is a file or memory of this process, where a transaction shuts out all other writers.
    fn embedded(&self) -> bool {
        false
    }

    /// Whether readers and the one writer have pools of their own (SQLite file).
    fn single_writer(&self) -> bool {
        false
    }
}

/// What a connection is for. Only SQLite tells reading from writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// Making tables: beside the pool, which may be full of transactions that wait for the table.
    Schema,
}
