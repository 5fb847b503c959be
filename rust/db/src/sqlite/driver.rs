//! The asynchronous side of a connection.

use std::sync::{Arc, mpsc};

use dataflow_core::dialect::Statement;
use dataflow_core::{Error, Result};
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::error::connection_lost;
use super::interrupt::Control;
use super::worker::Job;
use crate::driver::{Driver, Reply};
use crate::fetch::Outlet;

/// A connection served by its own thread, which owns it: a dropped future loses nothing, the thread
/// ends its statement and closes the connection.
pub(crate) struct SqliteDriver {
    jobs: mpsc::Sender<Job>,
    control: Arc<Control>,
    /// A `run` has begun and was not answered: after it was dropped this stays so.
    waiting: bool,
}

impl SqliteDriver {
    pub(super) fn new(jobs: mpsc::Sender<Job>, control: Arc<Control>) -> Self {
        SqliteDriver { jobs, control, waiting: false }
    }

    async fn send(&mut self, statement: &Statement, outlet: Option<Outlet>) -> Result<Reply> {
        if self.is_closed() {
            return Err(connection_lost());
        }
        let (answer, reply) = oneshot::channel();
        self.waiting = true;
        self.control.begin();
        self.jobs.send(Job { statement: statement.clone(), outlet, answer }).map_err(|_| connection_lost())?;
        // Without an answer the thread has panicked; `waiting` keeps the connection closed.
        let reply = reply.await.map_err(|_| Error::internal("the thread of an SQLite connection ended"))?;
        self.waiting = false;
        reply
    }
}

impl Driver for SqliteDriver {
    fn run<'a>(&'a mut self, statement: &'a Statement) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(self.send(statement, None))
    }

    fn fetch<'a>(&'a mut self, statement: &'a Statement, outlet: Outlet) -> BoxFuture<'a, Result<Reply>> {
        Box::pin(self.send(statement, Some(outlet)))
    }

    /// Ends whatever runs when the future is first polled; resolves at once.
    fn interrupt(&self) -> BoxFuture<'static, ()> {
        let control = Arc::clone(&self.control);
        Box::pin(async move { control.interrupt() })
    }

    fn is_closed(&self) -> bool {
        self.waiting || self.control.is_gone()
    }

    /// A step always comes to its end, and an interrupt cannot reach the next statement.
    fn survives_interrupt(&self) -> bool {
        true
    }

    /// Ends the running statement; the thread then closes the connection, which rolls back what is open.
    fn close(self: Box<Self>) {
        drop(self);
    }
}

impl Drop for SqliteDriver {
    fn drop(&mut self) {
        self.control.interrupt();
    }
}
