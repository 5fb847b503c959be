//! What DataFlow knows without touching the world: no I/O, no Python, no clock, no randomness.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

pub mod batch;
pub mod cursor;
pub mod dialect;
pub mod error;
pub mod event;
pub mod filter;
pub mod ledger;
pub mod merge;
pub mod outcomes;
pub mod pipeline;
pub mod plan;
pub mod public;
pub mod reject;
pub mod retry;
pub mod schema;
pub mod types;
pub mod update;
pub mod value;

pub use error::{Error, ErrorKind, Outcome, Result, did_you_mean};
