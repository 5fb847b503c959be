//! The filter language: a dict becomes a typed tree, checked against the table.

mod parse;

pub use parse::parse;

use crate::value::Value;

/// Deepest nesting a filter may have; SQLite's own parser ends at 100 parentheses.
pub const MAX_DEPTH: usize = 32;
/// Most conditions and operators in one filter.
pub const MAX_NODES: usize = 1_000;
/// Most values in one `$in` list; the smallest parameter limit of the databases is SQLite's 32,766.
pub const MAX_LIST: usize = 10_000;

/// A condition on rows. Two-valued: a comparison with null is false, so `Not` of it is true.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Empty: every row.
    And(Vec<Filter>),
    /// Empty: no row.
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        column: usize,
        comparison: Comparison,
        value: Value<'static>,
    },
    IsNull {
        column: usize,
    },
    /// `values` holds no null; `null` tells whether the list did.
    In {
        column: usize,
        values: Vec<Value<'static>>,
        null: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    /// The same sign in all three dialects.
    pub const fn sql(self) -> &'static str {
        match self {
            Comparison::Equal => "=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
        }
    }
}
