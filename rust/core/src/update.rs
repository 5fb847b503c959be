//! What becomes of stored values: `{"$inc": {"qty": 1}}` as a checked tree, and what it makes of a row.
//!
//! The meaning is given once, in memory, by [`Update::resolve`]: stored rows are read under a lock and the new values
//! are written, as in [`crate::merge`]. What every database can say in one expression with the same outcome is a
//! statement of its own: see [`Change::is_stated`].

mod apply;
mod assigned;
mod json;
mod list;
mod number;
mod parse;
#[cfg(test)]
mod tests;

pub use parse::{OPERATORS, parse};

use crate::filter::Filter;
use crate::value::Value;

/// What one operator makes of one value. Null, a key that is not there and JSON's null are the same to all of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Becomes the value; behind keys it is JSON.
    Set(Value<'static>),
    /// Becomes null; behind keys it is taken out.
    Unset,
    /// Plus the amount; null becomes the amount.
    Add(Value<'static>),
    /// Times the factor, which for decimals has `scale` places of its own; null becomes 0.
    Multiply {
        factor: Value<'static>,
        scale: u8,
    },
    /// The smaller of both; null becomes the value.
    Least(Value<'static>),
    /// The greater of both; null becomes the value.
    Greatest(Value<'static>),
    /// The bits of an int, of which null has none.
    Bits(BitOperation, i64),
    /// The time of the write.
    CurrentDate,
    /// Items come into a list; null becomes one.
    Push(Push),
    /// Items that the list does not have yet.
    AddToSet(Vec<Value<'static>>),
    /// Items that meet the filter, whose one column is the item, leave the list.
    Pull(Filter),
    /// Items equal to one of these leave the list.
    PullAll(Vec<Value<'static>>),
    Pop(End),
    /// The value moves behind these keys of the same document.
    Rename(Vec<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOperation {
    And,
    Or,
    Xor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    First,
    Last,
}

/// First the items come in, then all are sorted, and then cut.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    pub items: Vec<Value<'static>>,
    /// Where the items go: counted from the end where it is negative. None: behind the others.
    pub position: Option<i64>,
    pub sort: Option<Sort>,
    /// How many stay: the last ones where it is negative.
    pub slice: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// Of items that are objects: the paths by which they are sorted. None: by the items themselves.
    pub by: Vec<(Vec<String>, bool)>,
    /// Of the items themselves.
    pub descending: bool,
}

/// One operator on one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub column: usize,
    /// Where in a JSON document; none: the whole column.
    pub keys: Vec<String>,
    pub change: Change,
    /// As the caller knows it: `updates.$inc.price`.
    pub path: String,
}

/// The operators of an update beside the values that it sets; no two of them are about the same place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    pub steps: Vec<Step>,
}

impl Update {
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The columns it is about, each once, in the order of the table.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns: Vec<usize> = self.steps.iter().map(|step| step.column).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}
