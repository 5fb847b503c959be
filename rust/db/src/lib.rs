//! DataFlow's I/O: pools, sessions, transactions and the two funnels on three databases.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod context;
mod copy;
mod cursor;
mod database;
mod driver;
mod dsn;
mod event;
mod execute;
mod explain;
mod fetch;
mod mysql;
mod page;
mod planted;
mod pool;
mod postgres;
mod read;
mod schema;
mod session;
mod sorted;
mod sqlite;
mod stream;
mod transaction;
mod write;

pub use context::Context;
pub use cursor::Secret;
pub use database::{Database, Options, SchemaMode, Table};
pub use driver::Capabilities;
pub use event::{EventBus, EventReceiver, warn_through};
pub use execute::Begin;
pub use explain::{ExplainOptions, Explained, Parameter, PlanText};
pub use page::{Page, PageOptions, Total};
pub use stream::{Stream, StreamPlan, taken};
pub use transaction::Transaction;
pub use write::{
    Counts, LoadPiece, LoadRun, Operators, Part, Ranges, Rows, SeenKeys, Tolerance, Within, Write, Written,
};

/// A name for a load that has none.
pub fn new_load_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
