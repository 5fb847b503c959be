//! The aggregation pipeline: stages become levels of SELECT, each checked against the columns that are there.
//!
//! A level reads the rows of the table or of the level before. A stage is put into the last level where SQL does things
//! in the order of the stages, else into a new one. No name that a caller made up is part of the SQL.

mod expression;
mod level;
mod parse;

pub use expression::{Expression, Function, Node, Part};
pub use level::{Cell, Column, Level, Origin, Output, Unwind};
pub use parse::{parse, parse_within};

/// Most stages of a pipeline.
pub const MAX_STAGES: usize = 50;
/// Most levels that they become: MariaDB's optimiser takes 63 in one another.
pub const MAX_LEVELS: usize = 50;
/// Most expressions in one another.
pub const MAX_DEPTH: usize = 16;
/// Longest name of a column, in bytes, as of a field.
pub const MAX_NAME_BYTES: usize = 63;

#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// The first reads the table, the last gives the result. There is one at least.
    pub levels: Vec<Level>,
}

impl Pipeline {
    /// The columns of the result.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        let last = self.levels.last().into_iter();
        last.flat_map(|level| level.outputs.iter().filter(|output| !output.hidden).map(|output| &output.column))
    }
}
