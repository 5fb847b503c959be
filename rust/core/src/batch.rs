//! Data on its way in: rows or Arrow become one batch of the table's own Arrow types, every value checked.

mod builder;
mod cell;
mod check;
mod document;
mod given;
mod list;
mod nested;
mod normalise;
mod rows;
mod sift;
mod size;
mod temporal;
mod text;

pub use builder::ColumnBuilder;
pub use cell::{cell, list_cell};
pub use check::check_rows;
pub use given::{Given, Presence, take_rows};
pub use nested::NestedBuilder;
pub use normalise::{normalise, normalise_column};
pub use rows::RowsBuilder;
pub use sift::{Kept, Sifted, find_refused, sift};
pub use size::{array_bytes, batch_bytes};

use crate::types::FloatRules;

/// How incoming data is read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub floats: FloatRules,
    /// pandas writes a missing number as NaN: in an optional field it is null.
    pub nan_is_null: bool,
}
