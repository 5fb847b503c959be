//! A leased connection, and the law that no cancel poisons it.
//!
//! An exchange is one statement and its whole answer. A cancel (or deadline) during an exchange asks
//! the server to end it and waits half a second for the answer; then the connection is closed. A
//! session that is dropped in the middle of an exchange, or inside a transaction, closes its
//! connection too: what goes back to the pool has ended its last exchange and has no transaction.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use dataflow_core::dialect::Statement;
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use deadpool::managed::Object;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::driver::{Access, Capabilities, Chunks, Connector, Reply};
use crate::fetch::Outlet;
use crate::planted::{Fault, planted};
use crate::pool::{Lease, Pool};

/// How long a cancelled exchange may take to end before its socket is closed.
pub(crate) const GRACE: Duration = Duration::from_millis(500);

/// What ends an operation before its time.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub cancel: CancellationToken,
    pub deadline: Option<Instant>,
}

impl Limits {
    /// Resolves when the operation must end, with why.
    pub async fn reached(&self) -> Error {
        let expired = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.cancel.cancelled() => cancelled(),
            () = expired => expiry(),
        }
    }

    /// Why nothing new may begin, if so.
    fn passed(&self) -> Option<Error> {
        if self.cancel.is_cancelled() {
            return Some(cancelled());
        }
        self.deadline.is_some_and(|deadline| deadline <= Instant::now()).then(expiry)
    }
}

fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the operation was cancelled")
}

fn expiry() -> Error {
    Error::new(ErrorKind::StatementTimeout, "the statement, or its transaction, ran longer than its timeout")
}

/// What an exchange does to the data, which decides what its loss means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing is kept yet: a read, or a write whose transaction goes on.
    Nothing,
    /// A write that commits by itself.
    Write,
    /// COMMIT: the server is never asked to cancel it, only its answer is waited for.
    Commit,
}

/// What goes over the wire in one exchange.
#[derive(Clone, Copy)]
pub(crate) enum Exchange<'a> {
    Run(&'a Statement),
    /// A COPY statement and the rows behind it.
    CopyIn(&'a Statement, &'a (dyn Fn() -> Chunks + Sync)),
    /// A query whose rows are taken while they come.
    Fetch(&'a Statement, &'a Outlet),
}

pub(crate) struct Session {
    lease: Option<Lease>,
    /// An exchange is under way, or was left in the middle.
    exchanging: bool,
    /// The server has a transaction open; set and cleared by `transaction.rs` and `execute.rs`.
    pub in_transaction: bool,
}

impl Session {
    pub async fn acquire(pool: &Pool, access: Access, limits: &Limits) -> Result<Self> {
        let lease = async {
            tokio::select! {
                biased;
                error = limits.reached() => Err(error.outcome(Outcome::RolledBack)),
                lease = pool.acquire(access) => lease,
            }
        };
        let lease = lease.await?;
        Ok(Session { lease: Some(lease), exchanging: false, in_transaction: false })
    }

    /// The statement that undoes what was set for the whole session.
    pub fn reset_mut(&mut self) -> Result<&mut Option<&'static str>> {
        self.lease.as_mut().map(|lease| &mut lease.reset).ok_or_else(gone)
    }

    pub fn is_open(&self) -> bool {
        self.lease.is_some()
    }

    /// Closes the connection now, whatever its state.
    pub fn discard(&mut self, reason: &'static str) {
        if let Some(lease) = self.lease.take() {
            Object::take(lease).close(reason);
        }
    }

    /// Runs one exchange under the limits. Whatever happens, afterwards the session is settled or closed.
    pub async fn exchange(&mut self, limits: &Limits, effect: Effect, what: Exchange<'_>) -> Result<Reply> {
        // Nothing is begun that must end at once: a fast answer would hide that the limit was reached.
        if let Some(error) = limits.passed() {
            return Err(error.outcome(Outcome::RolledBack));
        }
        let driver = self.lease.as_mut().ok_or_else(gone)?.driver()?;
        self.exchanging = true;
        let (interrupt, survives) = (driver.interrupt(), driver.survives_interrupt());
        let mut running = match what {
            Exchange::Run(statement) => driver.run(statement),
            Exchange::CopyIn(statement, chunks) => driver.copy_in(statement, chunks()),
            Exchange::Fetch(statement, outlet) => driver.fetch(statement, outlet.clone()),
        };
        tokio::select! {
            biased;
            result = &mut running => {
                drop(running);
                self.finish(result, effect)
            }
            why = limits.reached() => {
                if planted(Fault::ReuseCancelled) {
                    drop(running);
                    (self.exchanging, self.in_transaction) = (false, false);
                    return Err(why.outcome(Outcome::RolledBack));
                }
                let settled = settle(running, interrupt, effect).await;
                if !(survives && settled.is_some()) {
                    self.discard("cancelled in the middle of an exchange");
                }
                self.exchanging = false;
                match settled {
                    // It committed while its time ran out: nothing is left to be told of.
                    Some(Ok(reply)) if effect == Effect::Commit && why.kind() == ErrorKind::StatementTimeout => Ok(reply),
                    settled => match (stopped_outcome(settled, effect), why.kind()) {
                        (Outcome::Unknown, ErrorKind::StatementTimeout) => Err(outcome_unknown()),
                        (outcome, _) => Err(why.outcome(outcome)),
                    },
                }
            }
        }
    }

    /// Asks the server what it is; an exchange like any other, but short enough to be closed on cancel.
    pub async fn probe(&mut self, connector: &dyn Connector, limits: &Limits) -> Result<Capabilities> {
        let driver = self.lease.as_mut().ok_or_else(gone)?.driver()?;
        self.exchanging = true;
        let result = tokio::select! {
            biased;
            result = connector.probe(driver) => result,
            why = limits.reached() => return Err(why.outcome(Outcome::RolledBack)),
        };
        self.exchanging = false;
        result
    }

    fn finish(&mut self, result: Result<Reply>, effect: Effect) -> Result<Reply> {
        self.exchanging = false;
        let dead = match self.lease.as_mut().map(|lease| lease.driver()) {
            Some(Ok(driver)) => driver.is_closed(),
            _ => true,
        };
        let lost = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionLost);
        if dead || lost {
            self.discard("the connection broke");
        }
        match (result, effect) {
            (Ok(reply), _) => Ok(reply),
            (Err(error), Effect::Write | Effect::Commit) if lost => lost_commit(error),
            (Err(error), _) => Err(error.outcome(Outcome::RolledBack)),
        }
    }
}

/// The law: a session in the middle of something is closed, never reused.
impl Drop for Session {
    fn drop(&mut self) {
        if self.exchanging {
            self.discard("dropped in the middle of an exchange");
        } else if self.in_transaction {
            self.discard("dropped inside a transaction");
        }
    }
}

/// Ends a running exchange: the server's cancel (but never for a COMMIT), then at most [`GRACE`].
///
/// None when it did not end in that time.
async fn settle(
    running: BoxFuture<'_, Result<Reply>>,
    interrupt: BoxFuture<'static, ()>,
    effect: Effect,
) -> Option<Result<Reply>> {
    let cancel = async {
        if effect != Effect::Commit {
            interrupt.await;
        }
        // The cancel was heard or could not be sent: from here on only the exchange itself ends the wait.
        std::future::pending::<()>().await;
    };
    let both = async {
        tokio::select! {
            result = running => result,
            () = cancel => Err(Error::internal("a pending future ended")),
        }
    };
    timeout(GRACE, both).await.ok()
}

/// MariaDB may answer a statement that was killed while it was planned with OK and no row: an interrupted write that
/// wrote no row has kept nothing.
fn stopped_outcome(settled: Option<Result<Reply>>, effect: Effect) -> Outcome {
    match (effect, settled) {
        (Effect::Nothing, _) => Outcome::RolledBack,
        (Effect::Write, Some(Ok(reply))) if reply.affected == 0 && reply.rows.num_rows() == 0 => Outcome::RolledBack,
        (_, Some(Ok(_))) => Outcome::Committed,
        (_, Some(Err(error))) if error.kind() != ErrorKind::ConnectionLost => Outcome::RolledBack,
        _ => Outcome::Unknown,
    }
}

fn gone() -> Error {
    Error::new(ErrorKind::TransactionAborted, "the connection of this transaction is gone; it was rolled back")
        .outcome(Outcome::RolledBack)
}

fn lost_commit(error: Error) -> Result<Reply> {
    if planted(Fault::TrustLostCommit) {
        return Ok(Reply { affected: 1, rows: RecordBatch::new_empty(Arc::new(Schema::empty())) });
    }
    if planted(Fault::DenyLostCommit) {
        return Err(error.outcome(Outcome::RolledBack));
    }
    Err(outcome_unknown())
}

fn outcome_unknown() -> Error {
    Error::new(
        ErrorKind::CommitOutcomeUnknown,
        "the answer to the commit was lost: the write may or may not have been kept",
    )
    .hint("look for the rows before you write them again; nothing is retried by itself")
    .outcome(Outcome::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(affected: u64) -> Option<Result<Reply>> {
        Some(Ok(Reply { affected, rows: RecordBatch::new_empty(Arc::new(Schema::empty())) }))
    }

    #[test]
    fn an_interrupted_write_without_rows_kept_nothing() {
        assert_eq!(stopped_outcome(reply(0), Effect::Write), Outcome::RolledBack);
        assert_eq!(stopped_outcome(reply(1), Effect::Write), Outcome::Committed);
        assert_eq!(stopped_outcome(reply(0), Effect::Commit), Outcome::Committed);
        assert_eq!(stopped_outcome(None, Effect::Write), Outcome::Unknown);
    }
}
