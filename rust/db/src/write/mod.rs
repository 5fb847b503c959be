//! The write funnel: every row that enters the database passes here.

mod append;
mod keys;

pub use append::{Appended, Rows};
