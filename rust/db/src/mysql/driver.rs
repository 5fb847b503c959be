//! One connection: a statement out, its rows or its count back.

use std::time::Duration;

use dataflow_core::dialect::Statement;
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use futures_util::future::BoxFuture;
use mysql_async::consts::StatusFlags;
use mysql_async::prelude::{Protocol, Queryable};
use mysql_async::{Conn, Opts, QueryResult, Value as Wire};

use super::decode::decode_row;
use super::dial::{Dial, drop_outside_runtime, say_goodbye};
use super::encode::{encode, encoded_len};
use super::error::{check_load, check_warnings, too_large, translate};
use super::infile::{Infile, lock};
use crate::driver::{Chunks, Driver, Reply};
use crate::fetch::{Chunks as Chunked, Outlet, RowSink, unwanted};

/// The whole time for connecting and sending `KILL QUERY`.
const INTERRUPT_LIMIT: Duration = Duration::from_millis(500);

/// A pooled connection that does not answer in this time is given up for a new one.
const PING_LIMIT: Duration = Duration::from_secs(2);

/// A statement with more parameters is not kept prepared: the server holds some 500 bytes for each of them.
const MOST_CACHED_PARAMETERS: usize = 2_000;

pub(super) struct MysqlDriver {
    conn: Option<Conn>,
    id: u32,
    /// How another connection for `KILL QUERY` is made.
    kill: Opts,
    max_packet: u64,
    statement_cache: bool,
    infile: Infile,
    /// An exchange is under way; still true when its future was dropped halfway.
    busy: bool,
    /// The connection broke, or the server said that it is closing it.
    broken: bool,
}

impl MysqlDriver {
    /// Takes over a fresh connection and asks what the server allows.
    ///
    /// `infile` is what `conn` answers with when the server asks for a file.
    pub async fn start(conn: Conn, kill: Opts, statement_cache: bool, infile: Infile) -> Result<Self> {
        let (id, max_packet, busy, broken) = (conn.id(), 0, true, false);
        let conn = Some(conn);
        let mut driver = MysqlDriver { conn, id, kill, max_packet, statement_cache, infile, busy, broken };
        let conn = driver.conn.as_mut().ok_or_else(closed)?;
        let packet: Option<u64> = conn.query_first("SELECT @@max_allowed_packet").await.map_err(translate)?;
        driver.max_packet = packet.ok_or_else(|| Error::internal("the server did not tell max_allowed_packet"))?;
        driver.busy = false;
        Ok(driver)
    }

    pub fn max_packet(&self) -> u64 {
        self.max_packet
    }

    async fn exchange(&mut self, statement: &Statement) -> Result<Reply> {
        let verb = verb(&statement.sql);
        let bare = statement.params.is_empty() && statement.rows.is_none() && statement.returns.is_empty();
        let values = encode(statement)?;
        let size = encoded_len(&values).max(statement.sql.len() as u64);
        if size >= self.max_packet {
            let limit = self.max_packet;
            return Err(too_large(&format!("the statement has {size} bytes, the server takes fewer than {limit}")));
        }
        let cached = self.statement_cache && values.len() <= MOST_CACHED_PARAMETERS;
        let conn = self.conn.as_mut().ok_or_else(closed)?;
        let outcome = if bare && is_control(&verb) {
            let result = conn.query_iter(statement.sql.as_str()).await.map_err(translate)?;
            collect(result, statement).await
        } else {
            execute(conn, statement, values, cached).await
        };
        let mut reply = outcome?;
        let reads = matches!(verb.as_str(), "SELECT" | "SHOW" | "WITH" | "EXPLAIN");
        let ok = conn.last_ok_packet();
        let warned = ok.is_some_and(|ok| ok.warnings() > 0);
        let open = ok.is_some_and(|ok| ok.status_flags().contains(StatusFlags::SERVER_STATUS_IN_TRANS));
        reply.affected = match reply.rows.num_columns() {
            _ if reads => 0,
            0 => ok.map_or(0, |ok| ok.affected_rows()),
            // The answer to a write that returns its rows carries no count.
            _ => reply.rows.num_rows() as u64,
        };
        if warned && let Err(error) = check_warnings(&warnings(conn).await?, reads) {
            // Outside a transaction the server has stored the changed value already.
            return Err(if reads || open { error } else { error.outcome(Outcome::Committed) });
        }
        Ok(reply)
    }

    async fn fetch_rows(&mut self, statement: &Statement, outlet: &Outlet) -> Result<Reply> {
        let values = encode(statement)?;
        let conn = self.conn.as_mut().ok_or_else(closed)?;
        let prepared = conn.prep(statement.sql.as_str()).await.map_err(translate)?;
        let mut result = conn.exec_iter(&prepared, values).await.map_err(translate)?;
        let mut chunks = Chunked::new(&statement.returns);
        while let Some(row) = result.next().await.map_err(translate)? {
            decode_row(row, &statement.returns, &mut chunks.sink)?;
            if let Some(chunk) = chunks.take_full()? {
                outlet.0.send(chunk).await.map_err(|_| unwanted())?;
            }
        }
        drop(result);
        if conn.last_ok_packet().is_some_and(|ok| ok.warnings() > 0) {
            check_warnings(&warnings(conn).await?, true)?;
        }
        Ok(Reply { rows: chunks.sink.finish()?, affected: 0 })
    }

    async fn load(&mut self, statement: &Statement, chunks: Chunks) -> Result<Reply> {
        let sent = self.infile.offer(chunks, self.max_packet);
        let conn = self.conn.as_mut().ok_or_else(closed)?;
        let outcome = match conn.query_iter(statement.sql.as_str()).await {
            Ok(result) => collect(result, statement).await,
            Err(failure) => Err(translate(failure)),
        };
        self.infile.withdraw();
        let sent = std::mem::take(&mut *lock(&sent));
        // What became of the rows before it is of no interest: they are not kept.
        if let Some(refused) = sent.refused {
            return Err(refused);
        }
        let mut reply = outcome?;
        reply.affected = check_load(&conn.info(), conn.affected_rows(), conn.get_warnings(), sent.rows)?;
        Ok(reply)
    }

    fn settle(&mut self, outcome: Result<Reply>) -> Result<Reply> {
        self.busy = false;
        self.broken = matches!(&outcome, Err(error) if error.kind() == ErrorKind::ConnectionLost);
        outcome
    }
}

impl Driver for MysqlDriver {
    fn run<'a>(&'a mut self, statement: &'a Statement) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async move {
            if self.is_closed() {
                return Err(closed());
            }
            self.busy = true;
            let outcome = self.exchange(statement).await;
            self.settle(outcome)
        })
    }

    fn copy_in<'a>(&'a mut self, statement: &'a Statement, chunks: Chunks) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async move {
            if self.is_closed() {
                return Err(closed());
            }
            self.busy = true;
            let outcome = self.load(statement, chunks).await;
            self.settle(outcome)
        })
    }

    /// An error leaves rows on the wire, and so a connection that is closed.
    fn fetch<'a>(&'a mut self, statement: &'a Statement, outlet: Outlet) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(async move {
            if self.is_closed() {
                return Err(closed());
            }
            self.busy = true;
            let outcome = self.fetch_rows(statement, &outlet).await;
            self.busy = outcome.is_err();
            outcome
        })
    }

    fn interrupt(&self) -> BoxFuture<'static, ()> {
        let (opts, id) = (self.kill.clone(), self.id);
        Box::pin(async move {
            let kill = async {
                let mut conn = Dial::new(opts).await?;
                conn.query_drop(format!("KILL QUERY {id}")).await?;
                conn.disconnect().await
            };
            // The caller closes the connection in any case.
            let _ = tokio::time::timeout(INTERRUPT_LIMIT, kill).await;
        })
    }

    /// A ping: mysql_async does not look at an idle socket, so it cannot know that the server has closed it.
    fn check_alive(&mut self) -> BoxFuture<'_, bool> {
        Box::pin(async {
            self.busy = true;
            let Some(conn) = &mut self.conn else {
                return false;
            };
            let alive = matches!(tokio::time::timeout(PING_LIMIT, conn.ping()).await, Ok(Ok(())));
            self.busy = !alive;
            alive
        })
    }

    fn is_closed(&self) -> bool {
        self.busy || self.broken || self.conn.as_ref().is_none_or(Conn::is_disconnected)
    }

    fn close(mut self: Box<Self>) {
        if let Some(conn) = self.conn.take() {
            drop_outside_runtime(conn);
        }
    }
}

impl Drop for MysqlDriver {
    /// An idle connection says goodbye; any other is closed at once.
    fn drop(&mut self) {
        let dead = self.is_closed();
        match self.conn.take() {
            Some(conn) if dead => drop_outside_runtime(conn),
            Some(conn) => say_goodbye(conn),
            None => {}
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::ConnectionLost, "the connection to the database is closed")
}

async fn execute(conn: &mut Conn, statement: &Statement, values: Vec<Wire>, cached: bool) -> Result<Reply> {
    let prepared = conn.prep(statement.sql.as_str()).await.map_err(translate)?;
    let outcome = match conn.exec_iter(&prepared, values).await {
        Ok(result) => collect(result, statement).await,
        Err(failure) => Err(translate(failure)),
    };
    if !cached && !conn.is_disconnected() {
        // Without an answer from the server; what `conn` knows of the last statement stays.
        conn.close(prepared).await.map_err(translate)?;
    }
    outcome
}

/// Reads every row to the end, also behind a row that cannot be read: the next statement finds a clean wire.
async fn collect<P: Protocol>(result: QueryResult<'_, '_, P>, statement: &Statement) -> Result<Reply> {
    let mut sink = RowSink::new(&statement.returns);
    let mut decoded = Ok(());
    let read = result.for_each_and_drop(|row| {
        if decoded.is_ok() && !statement.returns.is_empty() {
            decoded = decode_row(row, &statement.returns, &mut sink);
        }
    });
    read.await.map_err(translate)?;
    decoded?;
    Ok(Reply { rows: sink.finish()?, affected: 0 })
}

async fn warnings(conn: &mut Conn) -> Result<Vec<(u16, String)>> {
    let mut found = Vec::new();
    let shown = conn.query_iter("SHOW WARNINGS").await.map_err(translate)?;
    let read = shown.for_each_and_drop(|row| {
        if let (Some(Ok(code)), Some(Ok(text))) = (row.get_opt(1), row.get_opt(2)) {
            found.push((code, text));
        }
    });
    read.await.map_err(translate)?;
    Ok(found)
}

/// The first word behind leading comments, in capitals.
fn verb(sql: &str) -> String {
    let mut rest = sql.trim_start();
    while let Some((_, behind)) = rest.strip_prefix("/*").and_then(|comment| comment.split_once("*/")) {
        rest = behind.trim_start();
    }
    rest.chars().take_while(char::is_ascii_alphabetic).map(|letter| letter.to_ascii_uppercase()).collect()
}

/// What MySQL cannot prepare, or what is not worth it. Everything else is prepared, which also refuses
/// a second statement behind a `;` (`mysql_async` always turns `CLIENT_MULTI_STATEMENTS` on).
fn is_control(verb: &str) -> bool {
    const CONTROL: &[&str] = &[
        "ALTER",
        "BEGIN",
        "COMMIT",
        "CREATE",
        "DROP",
        "LOCK",
        "RELEASE",
        "ROLLBACK",
        "SAVEPOINT",
        "SET",
        "START",
        "UNLOCK",
        "XA",
    ];
    CONTROL.contains(&verb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verb_stands_behind_comments() {
        assert_eq!(verb("/* Order.read */ /* x */\n select 1"), "SELECT");
        assert_eq!(verb("START TRANSACTION"), "START");
        assert_eq!(verb("/* open"), "");
        assert!(is_control("SAVEPOINT") && !is_control("DELETE") && !is_control(""));
    }
}
