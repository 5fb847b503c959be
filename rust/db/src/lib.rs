//! DataFlow's I/O: pools, sessions, transactions and the two funnels on three databases.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod copy;
mod database;
mod driver;
mod dsn;
mod event;
mod execute;
mod fetch;
mod mysql;
mod planted;
mod pool;
mod postgres;
mod read;
mod schema;
mod session;
mod sqlite;
mod transaction;
mod write;

pub use database::{Context, Database, Options, SchemaMode, Table};
pub use driver::Capabilities;
pub use event::{EventBus, EventReceiver, warn_through};
pub use transaction::{Begin, Transaction};
pub use write::{Appended, Rows};
