//! The aggregation pipeline: stages become levels of SELECT, each checked against the columns that are there.
//!
//! A level reads the rows of the table or of the level before. A stage is put into the last level where SQL does things
//! in the order of the stages, else into a new one. No name that a caller made up is part of the SQL.

mod expression;
mod level;
mod parse;
mod window;

pub use expression::{Expression, Function, Node, Part};
pub use level::{Cell, Column, Join, Level, Lookup, Nested, Origin, Output, Pair, Union, United, Unwind};
pub use parse::{parse, parse_within};
pub use window::{Bound, Frame, Window};

use std::sync::Arc;

use crate::filter::Filter;
use crate::schema::TableSchema;

/// Most stages of a pipeline.
pub const MAX_STAGES: usize = 50;
/// Most levels that they become: MariaDB's optimiser takes 63 in one another.
pub const MAX_LEVELS: usize = 50;
/// Most models that it looks into: a join of MariaDB has 61 tables.
pub const MAX_LOOKUPS: usize = 20;
/// Most expressions in one another.
pub const MAX_DEPTH: usize = 16;
/// Longest name of a column, in bytes, as of a field.
pub const MAX_NAME_BYTES: usize = 63;

#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// The first reads the table, the last gives the result. There is one at least.
    pub levels: Vec<Level>,
    /// The models that it looks into, in the order of the stages.
    pub lookups: Vec<Arc<TableSchema>>,
    /// Columns of different tables that became one.
    pub pairs: Vec<Pair>,
}

impl Pipeline {
    /// The columns of the result.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        visible(&self.levels).map(|(_, output)| &output.column)
    }

    /// As [`Self::columns`], each with those of the rows inside it.
    pub fn shapes(&self) -> Vec<Shape<'_>> {
        shapes(&self.levels)
    }

    /// The models that it asks for beside its own.
    pub fn related(&self) -> Vec<&Arc<TableSchema>> {
        let filters = self.levels.iter().flat_map(|level| &level.filters);
        self.lookups.iter().chain(filters.flat_map(Filter::related)).collect()
    }
}

/// A column of a result, with those of the rows inside it.
pub struct Shape<'p> {
    pub column: &'p Column,
    pub inner: Vec<Shape<'p>>,
}

fn visible(levels: &[Level]) -> impl Iterator<Item = (usize, &Output)> {
    let last = levels.last().into_iter().flat_map(|level| level.outputs.iter().enumerate());
    last.filter(|(_, output)| !output.hidden)
}

/// The recursion is as deep as lookups are in one another.
fn shapes(levels: &[Level]) -> Vec<Shape<'_>> {
    let inner = |at: usize| looked_up(levels, at).map(|lookup| shapes(&lookup.levels)).unwrap_or_default();
    visible(levels).map(|(at, output)| Shape { column: &output.column, inner: inner(at) }).collect()
}

/// The lookup whose rows an output of the last level has.
fn looked_up(levels: &[Level], output: usize) -> Option<&Lookup> {
    let (last, before) = levels.split_last()?;
    let before = if last.union.is_some() { &[] } else { before };
    let input = match &last.outputs.get(output)?.cell {
        Cell::Rows(nested) => return Some(&nested.lookup),
        cell => cell.as_column()?,
    };
    match (before.last().map_or(0, |before| before.outputs.len()), &last.join) {
        (own, _) if input < own => looked_up(before, input),
        (own, Some(join)) => looked_up(&join.lookup.levels, input - own),
        _ => None,
    }
}
