//! How much a filter may ask, and what of each column.

use super::{MAX_DEPTH, MAX_NODES};

/// The limits beside those that every filter has.
#[derive(Clone, Debug)]
pub struct Rules {
    pub max_depth: usize,
    /// Most conditions.
    pub max_leaves: usize,
    /// Most expressions of a pipeline.
    pub max_expressions: usize,
    /// Most `$unwind` of a pipeline: each multiplies its rows.
    pub max_unwinds: usize,
    /// Whether a pipeline may make a list of all values of a group.
    pub lists: bool,
    /// Most values of a list, and keys of a dict.
    pub max_items: usize,
    /// Whether a `$regex` is of few parts, each of which a database reads in a time that is known before.
    pub plain_regex: bool,
    /// By column of the table that the filter is read against; None: every operator of its type.
    pub operators: Option<Vec<Vec<String>>>,
}

/// Those of a caller who may ask anything.
pub static TRUSTED: Rules = Rules {
    max_depth: MAX_DEPTH,
    max_leaves: MAX_NODES,
    max_expressions: MAX_NODES,
    max_unwinds: usize::MAX,
    lists: true,
    max_items: usize::MAX,
    plain_regex: false,
    operators: None,
};
