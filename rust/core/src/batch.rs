//! Data on its way in: rows or Arrow become one batch of the table's own Arrow types, every value checked.

mod builder;
mod normalise;
mod rows;

pub use builder::ColumnBuilder;
pub use normalise::{normalise, normalise_column};
pub use rows::RowsBuilder;

use crate::types::FloatRules;

/// How incoming data is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub floats: FloatRules,
    /// pandas writes a missing number as NaN: in an optional field it is null.
    pub nan_is_null: bool,
}
