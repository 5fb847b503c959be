//! Connections kept open, and who may have one. Waiting is fair: first come, first served.
//!
//! deadpool keeps the books; the rules of release are ours (`session.rs`): only a connection whose
//! last exchange ended and whose state is known goes back.

use std::sync::Arc;
use std::time::Duration;

use dataflow_core::event::Event;
use dataflow_core::{Error, ErrorKind, Result};
use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult, TimeoutType};

use crate::driver::{Access, Connector, Driver};
use crate::event::EventBus;

/// How often idle connections are looked for.
const REAP_INTERVAL: Duration = Duration::from_secs(5);

pub(crate) type Lease = Object<Manager>;

/// A connection and what is known of its session.
pub(crate) struct Connection {
    driver: Option<Box<dyn Driver>>,
    /// The statement that undoes what was set for the whole session (MariaDB's isolation level).
    pub reset: Option<&'static str>,
    events: EventBus,
}

impl Connection {
    pub fn driver(&mut self) -> Result<&mut dyn Driver> {
        match &mut self.driver {
            Some(driver) => Ok(driver.as_mut()),
            None => Err(Error::internal("a closed connection was used")),
        }
    }

    /// Closes the socket now.
    pub fn close(mut self, reason: &'static str) {
        if let Some(driver) = self.driver.take() {
            driver.close();
            self.events.emit(|| Event::Pool { action: "discard", reason });
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.driver.is_some() {
            self.events.emit(|| Event::Pool { action: "close", reason: "idle" });
        }
    }
}

pub(crate) struct Manager {
    connector: Arc<dyn Connector>,
    access: Access,
    events: EventBus,
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = Error;

    async fn create(&self) -> Result<Connection> {
        let driver = self.connector.connect(self.access).await?;
        self.events.emit(|| Event::Pool { action: "open", reason: "demand" });
        Ok(Connection { driver: Some(driver), reset: None, events: self.events.clone() })
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Error> {
        let alive = match connection.driver() {
            Ok(driver) => !driver.is_closed() && driver.check_alive().await,
            Err(_) => false,
        };
        if alive { Ok(()) } else { Err(RecycleError::message("the server closed it")) }
    }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "this DataFlow is closed")
}

/// The pools of one database: one for a server, readers and the one writer for an SQLite file.
pub(crate) struct Pool {
    write: managed::Pool<Manager>,
    read: Option<managed::Pool<Manager>>,
    /// One connection for [`Access::Schema`] on a server.
    schema: Option<managed::Pool<Manager>>,
    acquire_timeout: Duration,
    events: EventBus,
}

impl Pool {
    pub fn new(
        connector: &Arc<dyn Connector>,
        size: usize,
        acquire_timeout: Duration,
        connect_timeout: Duration,
        events: &EventBus,
    ) -> Result<Self> {
        let build = |access, size| {
            managed::Pool::builder(Manager { connector: Arc::clone(connector), access, events: events.clone() })
                .max_size(size)
                .wait_timeout(Some(acquire_timeout))
                .create_timeout(Some(connect_timeout))
                .runtime(deadpool::Runtime::Tokio1)
                .build()
                .map_err(|error| Error::internal(error.to_string()))
        };
        let (write, read) = if connector.single_writer() {
            (build(Access::Write, 1)?, Some(build(Access::Read, size)?))
        } else {
            (build(Access::Write, size)?, None)
        };
        let schema = if connector.embedded() { None } else { Some(build(Access::Schema, 1)?) };
        Ok(Pool { write, read, schema, acquire_timeout, events: events.clone() })
    }

    /// # Errors
    /// `PoolTimeout` when none came free in time, `Closed`, and every refusal of the server.
    pub async fn acquire(&self, access: Access) -> Result<Lease> {
        let pool = match (access, &self.read, &self.schema) {
            (Access::Read, Some(read), _) => read,
            (Access::Schema, _, Some(schema)) => schema,
            _ => &self.write,
        };
        pool.get().await.map_err(|error| self.translate(error))
    }

    fn translate(&self, error: PoolError<Error>) -> Error {
        match error {
            PoolError::Backend(error) => error,
            PoolError::Closed => closed(),
            PoolError::Timeout(TimeoutType::Wait) => {
                self.events.emit(|| Event::Pool { action: "timeout", reason: "all connections are in use" });
                Error::new(
                    ErrorKind::PoolTimeout,
                    format!("no connection came free within {} s", self.acquire_timeout.as_secs_f64()),
                )
                .hint("a transaction held open elsewhere, or a larger pool_size")
            }
            PoolError::Timeout(_) => Error::new(ErrorKind::ConnectionRefused, "the server did not answer in time")
                .hint("connect_timeout bounds the wait"),
            PoolError::PostCreateHook(_) | PoolError::NoRuntimeSpecified => Error::internal(error.to_string()),
        }
    }

    /// Closes what has been idle for `idle_timeout`, for as long as the pool lives.
    pub fn reap_idle(&self, idle_timeout: Duration) {
        let pools: Vec<_> =
            std::iter::once(&self.write).chain(&self.read).chain(&self.schema).map(managed::Pool::weak).collect();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(REAP_INTERVAL.min(idle_timeout)).await;
                let live: Vec<_> = pools.iter().filter_map(managed::WeakPool::upgrade).collect();
                if live.is_empty() || live.iter().all(managed::Pool::is_closed) {
                    return;
                }
                for pool in live {
                    pool.retain(|_, metrics| metrics.last_used() < idle_timeout);
                }
            }
        });
    }

    /// Connections that may write at the same time.
    pub fn writers(&self) -> usize {
        self.write.status().max_size
    }

    /// Connections that may read at the same time.
    pub fn readers(&self) -> usize {
        self.read.as_ref().unwrap_or(&self.write).status().max_size
    }

    pub fn is_closed(&self) -> bool {
        self.write.is_closed()
    }

    pub fn close(&self) {
        self.write.close();
        self.read.iter().chain(&self.schema).for_each(managed::Pool::close);
    }

    /// (open, idle, waiting, largest size), over all pools.
    pub fn status(&self) -> [usize; 4] {
        std::iter::once(&self.write).chain(&self.read).map(managed::Pool::status).fold([0; 4], |sum, status| {
            [sum[0] + status.size, sum[1] + status.available, sum[2] + status.waiting, sum[3] + status.max_size]
        })
    }
}
