//! Transactions over one held session: begin, savepoints, and the three ways to end.

use std::sync::Arc;

use dataflow_core::dialect::{Isolation, Statement};
use dataflow_core::event::{Event, Labels};
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::database::Database;
use crate::driver::Access;
use crate::event::EventBus;
use crate::execute::{Begin, begin, begin_change, commit, control, rollback};
use crate::session::{Effect, Limits, Session};

pub struct Transaction {
    held: Mutex<Held>,
    isolation: Option<Isolation>,
    read_only: bool,
    deadline: Option<Instant>,
    events: EventBus,
    labels: Option<Arc<Labels>>,
}

/// What the operations of a transaction share, one at a time.
pub(crate) struct Held {
    /// None once the transaction has ended.
    session: Option<Session>,
    /// An error left the server's transaction unusable until a savepoint is rolled back to.
    ///
    /// PostgreSQL demands this; the other databases are held to it, so that a program means the same on all.
    aborted: bool,
    /// Told after the commit.
    pending: Vec<Event>,
    /// Open savepoints with the length of `pending` when they were set.
    savepoints: Vec<(u32, usize)>,
    /// Streams that are read here.
    streams: Vec<u32>,
    /// The number of the last savepoint or stream.
    number: u32,
    /// Tables made or seen inside this transaction of an embedded database.
    tables: Vec<String>,
    makes_tables: bool,
}

impl Held {
    pub fn session(&mut self) -> Result<&mut Session> {
        self.session.as_mut().ok_or_else(ended)
    }

    pub fn abort(&mut self) {
        self.aborted = true;
    }

    /// A number that nothing else of this transaction has; what comes later has a larger one.
    fn next_number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    /// Numbers a new stream.
    pub fn add_stream(&mut self) -> u32 {
        let number = self.next_number();
        self.streams.push(number);
        number
    }

    /// # Errors
    /// `TransactionState` for a stream that began behind a savepoint which was rolled back to: its cursor is gone.
    pub fn check_stream(&self, number: u32) -> Result<()> {
        if self.streams.contains(&number) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::TransactionState, "the savepoint in which this stream began was undone")
            .hint("read a stream to its end inside the nested db.transaction() that it begins in"))
    }

    /// Whether the stream was there until now.
    pub fn remove_stream(&mut self, number: u32) -> bool {
        let at = self.streams.iter().position(|&known| known == number);
        at.map(|at| self.streams.swap_remove(at)).is_some()
    }

    pub fn knows_table(&self, table: &str) -> bool {
        self.tables.iter().any(|known| known == table)
    }

    pub fn learn_table(&mut self, table: &str, made: bool) {
        self.tables.push(table.to_owned());
        self.makes_tables |= made;
    }

    /// Whether it has made a table, which a rollback takes back.
    pub fn makes_tables(&self) -> bool {
        self.makes_tables
    }

    /// What came after a savepoint that is rolled back to is neither told nor known any more.
    fn note_savepoint(&mut self, action: Savepoint, level: u32) {
        if action == Savepoint::Set {
            self.savepoints.push((level, self.pending.len()));
            return;
        }
        if let Some(at) = self.savepoints.iter().position(|(set, _)| *set == level) {
            let (_, told) = self.savepoints[at];
            self.savepoints.truncate(at);
            if action == Savepoint::RollBackTo {
                self.pending.truncate(told);
                self.tables.clear();
                self.streams.retain(|&stream| stream < level);
            }
        }
    }

    pub fn after_commit(&mut self, event: Event) {
        self.pending.push(event);
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::TransactionState, "this transaction has ended")
}

fn aborted() -> Error {
    Error::new(ErrorKind::TransactionAborted, "an earlier error ended this transaction; nothing of it will be kept")
        .hint("let the error leave the `with` block, or wrap the part that may fail in a nested db.transaction()")
        .outcome(Outcome::RolledBack)
}

impl Transaction {
    pub async fn begin(
        db: &Database,
        options: Begin,
        cancel: CancellationToken,
        labels: Option<Arc<Labels>>,
    ) -> Result<Arc<Self>> {
        let started = Instant::now();
        let limits = Limits { cancel, deadline: options.timeout.map(|timeout| started + timeout) };
        let dialect = db.dialect(&limits, labels.as_ref()).await?;
        let access = if options.read_only { Access::Read } else { Access::Write };
        let mut session = db.session(access, &limits, labels.as_ref()).await?;
        let isolation = if options.changes {
            begin_change(&mut session, dialect.as_ref(), &limits).await?;
            None
        } else {
            begin(&mut session, dialect.as_ref(), &options, &limits).await?
        };
        let transaction = Transaction {
            held: Mutex::new(Held {
                session: Some(session),
                aborted: false,
                pending: Vec::new(),
                savepoints: Vec::new(),
                streams: Vec::new(),
                number: 0,
                tables: Vec::new(),
                makes_tables: false,
            }),
            isolation,
            read_only: options.read_only,
            deadline: limits.deadline,
            events: db.events().clone(),
            labels,
        };
        transaction.tell("begin", started);
        Ok(Arc::new(transaction))
    }

    /// The level the server reported; None where none was asked for.
    pub fn isolation(&self) -> Option<Isolation> {
        self.isolation
    }

    /// Whether its reads show the rows of its beginning only.
    pub(crate) fn sees_the_past(&self) -> bool {
        self.isolation.is_some_and(|level| level >= Isolation::RepeatableRead)
    }

    pub fn read_only(&self) -> bool {
        self.read_only
    }

    pub(crate) fn limits(&self, cancel: CancellationToken) -> Limits {
        Limits { cancel, deadline: self.deadline }
    }

    /// The session for one operation; operations of one transaction take turns.
    pub(crate) async fn hold(&self, limits: &Limits) -> Result<MutexGuard<'_, Held>> {
        let held = self.turn(limits).await?;
        if held.session.is_none() {
            return Err(ended());
        }
        if held.aborted {
            return Err(aborted());
        }
        Ok(held)
    }

    async fn turn(&self, limits: &Limits) -> Result<MutexGuard<'_, Held>> {
        tokio::select! {
            biased;
            held = self.held.lock() => Ok(held),
            () = limits.cancel.cancelled() => {
                Err(Error::new(ErrorKind::Cancelled, "the operation was cancelled").outcome(Outcome::RolledBack))
            }
        }
    }

    /// # Errors
    /// `TransactionAborted` when an earlier error ended it, `CommitOutcomeUnknown` when the answer was lost.
    pub async fn commit(&self, cancel: CancellationToken) -> Result<()> {
        let started = Instant::now();
        let limits = self.limits(cancel);
        let mut held = self.turn(&limits).await?;
        let mut session = held.session.take().ok_or_else(ended)?;
        if held.aborted {
            rollback(&mut session, &limits).await.ok();
            self.tell("rollback", started);
            return Err(aborted());
        }
        let result = commit(&mut session, &limits).await;
        let action = match &result {
            Ok(()) => "commit",
            Err(error) if error.detail().outcome == Some(Outcome::Committed) => "commit",
            Err(error) if error.detail().outcome == Some(Outcome::Unknown) => "unknown",
            Err(_) => "rollback",
        };
        let pending = std::mem::take(&mut held.pending);
        if action == "commit" {
            pending.into_iter().for_each(|event| self.events.emit(|| event));
        }
        self.tell(action, started);
        result
    }

    /// Ends the transaction without a trace; never fails for a connection that is gone, which rolls back too.
    pub async fn rollback(&self, cancel: CancellationToken) -> Result<()> {
        let started = Instant::now();
        let limits = Limits { cancel, deadline: None };
        let mut held = self.turn(&limits).await?;
        held.pending.clear();
        let Some(mut session) = held.session.take() else {
            return Ok(());
        };
        let result = rollback(&mut session, &limits).await;
        self.tell("rollback", started);
        match result {
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(error),
            // Any other failure has closed the connection, and the server rolls back what it finds open.
            _ => Ok(()),
        }
    }

    /// Sets a savepoint and returns its level.
    pub async fn savepoint(&self, cancel: CancellationToken) -> Result<u32> {
        self.control(Savepoint::Set, None, cancel).await
    }

    pub async fn release(&self, level: u32, cancel: CancellationToken) -> Result<()> {
        self.control(Savepoint::Release, Some(level), cancel).await.map(drop)
    }

    /// Undoes what came after the savepoint; the transaction is usable again, if its connection lives.
    pub async fn rollback_to(&self, level: u32, cancel: CancellationToken) -> Result<()> {
        self.control(Savepoint::RollBackTo, Some(level), cancel).await.map(drop)
    }

    /// `level` is that of a savepoint which is set; a new one gets the next.
    async fn control(&self, action: Savepoint, level: Option<u32>, cancel: CancellationToken) -> Result<u32> {
        let started = Instant::now();
        let limits = self.limits(cancel);
        let mut held = self.turn(&limits).await?;
        if held.aborted && action == Savepoint::Set {
            return Err(aborted());
        }
        // What failed inside ends there: the savepoint is given up, and the transaction around it goes on.
        let failed = held.aborted && action == Savepoint::Release;
        let action = if failed { Savepoint::RollBackTo } else { action };
        let level = level.unwrap_or_else(|| held.next_number());
        let (verb, name) = action.words();
        let statement = Statement::unscoped(format!("{verb} dataflow_{level}"), "a savepoint");
        let result = control(held.session()?, &statement, Effect::Nothing, &limits).await;
        held.aborted = result.is_err();
        held.note_savepoint(action, level);
        self.tell(name, started);
        if failed { Err(aborted()) } else { result.map(|()| level) }
    }

    fn tell(&self, action: &'static str, started: Instant) {
        let duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.events.emit(|| Event::Transaction { action, duration_us, labels: self.labels.clone() });
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Savepoint {
    Set,
    Release,
    RollBackTo,
}

impl Savepoint {
    /// In SQL and in events.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Savepoint::Set => ("SAVEPOINT", "savepoint"),
            Savepoint::Release => ("RELEASE SAVEPOINT", "release"),
            Savepoint::RollBackTo => ("ROLLBACK TO SAVEPOINT", "rollback_to"),
        }
    }
}
