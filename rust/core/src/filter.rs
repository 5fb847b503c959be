//! The filter language: a dict becomes a typed tree, checked against the table.

mod evaluate;
mod fold;
mod item;
mod json;
mod kind;
mod like;
mod number;
mod parse;
mod regex;
mod rules;

pub use evaluate::{BatchRows, Row, matches};
pub(crate) use evaluate::{compare as compare_values, item_matches};
pub use fold::variants;
pub use item::on_json;
pub(crate) use json::json_text;
pub use json::{Items, JsonKey, NumberTest};
pub use kind::JsonKind;
pub use like::{Like, Token};
pub(crate) use number::compare_numbers;
pub(crate) use parse::{check_depth, check_operator, free_operators, parse_checked, parse_item};
pub use parse::{parse, parse_within};
pub use regex::{Anchors, Regex};
pub use rules::{Rules, TRUSTED};

use std::cmp::Ordering;
use std::sync::Arc;

use crate::schema::{Relation, TableSchema};
use crate::value::Value;

/// Deepest nesting a filter may have; SQLite's own parser ends at 100 parentheses.
pub const MAX_DEPTH: usize = 32;
/// Most conditions and operators in one filter.
pub const MAX_NODES: usize = 1_000;
/// Most values in one `$in` list of a field that takes them as one parameter.
pub const MAX_LIST: usize = 1_000_000;
/// Most values in every other list; the smallest parameter limit of the databases is SQLite's 32,766.
pub const MAX_PARAMETERS: usize = 10_000;
/// Most relations in one filter: PostgreSQL plans the joins of 80 for a second, those of 200 for twenty.
pub const MAX_RELATIONS: usize = 50;
/// Most relations and `$elemMatch` in one another: SQLite's parser ends at 100 parentheses.
pub const MAX_ITEMS: usize = 8;

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
    /// Two columns of one type. Null equals null, and has no order.
    Fields {
        left: usize,
        comparison: Comparison,
        right: usize,
    },
    /// An int whose division leaves this remainder, which has the sign of the int.
    Modulo {
        column: usize,
        divisor: i64,
        remainder: i64,
    },
    /// An int as 64 bits in two's complement.
    Bits {
        column: usize,
        bits: Bits,
        mask: i64,
    },
    /// A list with so many items.
    Size {
        column: usize,
        size: i64,
    },
    /// A list with an item that meets a filter, whose one column is the item. Behind keys: a list in a JSON document.
    Item {
        column: usize,
        keys: Vec<JsonKey>,
        filter: Box<Filter>,
    },
    /// A row of another table that is tied to this one by a relation and meets a filter of its own.
    Related {
        relation: Relation,
        filter: Box<Filter>,
    },
    /// What lies behind keys in a JSON document; behind none it is the document itself.
    Json {
        column: usize,
        keys: Vec<JsonKey>,
        found: Found,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Anything, JSON's null too.
    Any,
    Kind(JsonKind),
    /// One of these canonical texts, of which there is one at least; JSON's null is `null`.
    OneOf(Vec<String>),
    /// A number that compares so with this one, exactly.
    Number(NumberTest),
    /// A str, ordered by its UTF-8 bytes.
    Text(Comparison, String),
    /// A str that meets a pattern.
    Match(Pattern),
    /// A list with so many items.
    Size(i64),
}

/// What the bits of a mask are in a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    AllSet,
    AllClear,
    AnySet,
    AnyClear,
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
            | Filter::Modulo { column, .. }
            | Filter::Bits { column, .. }
            | Filter::Size { column, .. }
            | Filter::Item { column, .. }
            | Filter::Json { column, .. } => see(*column),
            Filter::Related { relation, .. } => see(relation.own),
            Filter::Fields { left, right, .. } => {
                see(*left);
                see(*right);
            }
        }
    }

    /// Has it name other columns: `columns[at]` for `at`. The recursion is bounded by the parser.
    pub(crate) fn rename(&mut self, columns: &[usize]) {
        match self {
            Filter::And(parts) | Filter::Or(parts) => parts.iter_mut().for_each(|part| part.rename(columns)),
            Filter::Not(inner) => inner.rename(columns),
            Filter::Compare { column, .. }
            | Filter::IsNull { column }
            | Filter::In { column, .. }
            | Filter::Match { column, .. }
            | Filter::Has { column, .. }
            | Filter::Modulo { column, .. }
            | Filter::Bits { column, .. }
            | Filter::Size { column, .. }
            | Filter::Item { column, .. }
            | Filter::Json { column, .. } => *column = columns[*column],
            Filter::Related { relation, .. } => relation.own = columns[relation.own],
            Filter::Fields { left, right, .. } => (*left, *right) = (columns[*left], columns[*right]),
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

    /// The tables of other rows that it asks for, each once. The recursion is bounded by the parser.
    pub fn related(&self) -> Vec<&Arc<TableSchema>> {
        let mut tables: Vec<&Arc<TableSchema>> = Vec::new();
        let mut todo = vec![self];
        while let Some(filter) = todo.pop() {
            match filter {
                Filter::And(parts) | Filter::Or(parts) => todo.extend(parts),
                Filter::Not(inner) => todo.push(inner),
                Filter::Related { relation, filter } => {
                    todo.push(filter);
                    if !tables.iter().any(|known| Arc::ptr_eq(known, &relation.table)) {
                        tables.push(&relation.table);
                    }
                }
                _ => {}
            }
        }
        tables
    }

    /// Whether it asks for items one by one, which only a subquery can. The recursion is bounded by the parser.
    pub fn has_items(&self) -> bool {
        match self {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().any(Filter::has_items),
            Filter::Not(inner) => inner.has_items(),
            Filter::Item { .. } => true,
            _ => false,
        }
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
            Filter::Related { filter, .. } => filter.is_nothing(),
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
    /// The comparison with its sides exchanged.
    pub const fn mirrored(self) -> Self {
        match self {
            Comparison::Equal => Comparison::Equal,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        }
    }

    pub const fn holds(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
        }
    }

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
