//! SQLite: a thread for each connection steps prepared statements on the raw handle that sqlx opened.
//!
//! [`driver`] is the asynchronous side and [`worker`] the thread; [`session`] runs statements there. Unsafe code is in
//! [`handle`] (the connection), [`statement`] (a prepared statement), [`function`], [`calculation`] and [`rows`]
//! (what SQL may call) only.

mod bind;
mod calculation;
mod connector;
mod decode;
mod driver;
mod error;
mod foreign;
mod function;
mod handle;
mod interrupt;
mod rows;
mod session;
mod statement;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use connector::SqliteConnector;
