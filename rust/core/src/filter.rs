//! The filter language: a dict becomes a typed tree, checked against the table.

mod evaluate;
mod json;
mod like;
mod parse;
mod regex;

pub use evaluate::{BatchRows, Row, matches};
pub use json::{Items, JsonKey};
pub use like::{Like, Token};
pub use parse::parse;
pub use regex::Regex;

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
    /// A text that meets a pattern.
    Match {
        column: usize,
        pattern: Pattern,
    },
    /// A list with at least one of these items, of which there is one at least.
    Has {
        column: usize,
        values: Vec<Value<'static>>,
    },
    /// What lies behind keys in a JSON document; behind none it is the document itself.
    Json {
        column: usize,
        keys: Vec<JsonKey>,
        found: Found,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Anything, JSON's null too.
    Any,
    Object,
    /// One of these canonical texts, of which there is one at least; JSON's null is `null`.
    OneOf(Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    Like(Like),
    Regex(Regex),
}

impl Filter {
    /// Calls `see` with the column of every condition. The recursion is as deep as the filter, which the parser bounds.
    fn visit(&self, see: &mut dyn FnMut(usize)) {
        match self {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| part.visit(see)),
            Filter::Not(inner) => inner.visit(see),
            Filter::Compare { column, .. }
            | Filter::IsNull { column }
            | Filter::In { column, .. }
            | Filter::Match { column, .. }
            | Filter::Has { column, .. }
            | Filter::Json { column, .. } => see(*column),
        }
    }

    /// The columns it names, each once, in the order of the table.
    pub fn columns(&self) -> Vec<usize> {
        let mut columns = Vec::new();
        self.visit(&mut |column| columns.push(column));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Whether it is known to match every row, whatever is in it.
    ///
    /// The recursion is as deep as the filter, which the parser bounds.
    pub fn is_everything(&self) -> bool {
        match self {
            Filter::And(parts) => parts.iter().all(Filter::is_everything),
            Filter::Or(parts) => parts.iter().any(Filter::is_everything),
            Filter::Not(part) => part.is_nothing(),
            _ => false,
        }
    }

    fn is_nothing(&self) -> bool {
        match self {
            Filter::And(parts) => parts.iter().any(Filter::is_nothing),
            Filter::Or(parts) => parts.iter().all(Filter::is_nothing),
            Filter::Not(part) => part.is_everything(),
            Filter::In { values, null, .. } => values.is_empty() && !null,
            _ => false,
        }
    }

    /// Rows whose column is the value; null is a value too.
    pub fn equal(column: usize, value: Value<'static>) -> Self {
        match value {
            Value::Null => Filter::IsNull { column },
            value => Filter::Compare { column, comparison: Comparison::Equal, value },
        }
    }
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
