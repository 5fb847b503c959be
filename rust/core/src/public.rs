//! What callers who are not trusted may ask of a table: a list of its fields, each with the operators of a filter.
//!
//! A field that is not in the list does not exist: names are looked up among those of the list alone, so that an unknown
//! one and a hidden one get the same answer.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Filter, Rules, check_operator, free_operators, parse_within};
use crate::pipeline::{self, Pipeline};
use crate::plan::{parse_fields, parse_names};
use crate::schema::TableSchema;
use crate::types::FloatRules;
use crate::value::Raw;

/// Deepest nesting of a filter.
pub const MAX_DEPTH: usize = 5;
/// Most conditions of a filter.
pub const MAX_LEAVES: usize = 50;
/// Most expressions of a pipeline: no text becomes more than some hundred times as long.
pub const MAX_EXPRESSIONS: usize = 20;
/// Most `$unwind` of a pipeline.
pub const MAX_UNWINDS: usize = 1;
/// Most values of a list.
pub const MAX_LIST: usize = 1_000;

/// The operators of a field: those named, or every one whose operand is no pattern.
pub type Allowed = Option<Vec<String>>;

#[derive(Debug)]
pub struct Public {
    /// In the order of the table.
    columns: Vec<usize>,
    /// A table of these columns alone.
    row: TableSchema,
    /// By column of `row`.
    rules: Rules,
    /// By column of the table.
    hidden: Vec<bool>,
    digest: [u8; 32],
}

impl Public {
    /// # Errors
    /// `InvalidOption` for an empty list, `UnknownField`, `UnknownOperator`; of the one who declares it.
    pub fn new(table: &TableSchema, fields: &[(String, Allowed)]) -> Result<Self> {
        if fields.is_empty() {
            return Err(Error::new(ErrorKind::InvalidOption, "nothing is public: fields names no field")
                .path("fields")
                .hint("write {\"name\": [\"$eq\"], \"price\": True}: each field with its operators"));
        }
        let mut operators: Vec<Option<Vec<String>>> = vec![None; table.columns.len()];
        for (name, allowed) in fields {
            let at = table.resolve(name).map_err(|error| error.path(format!("fields.{name}")))?;
            operators[at] =
                Some(operators_of(table, at, allowed).map_err(|error| error.within(name).within("fields"))?);
        }
        let columns: Vec<usize> = (0..operators.len()).filter(|&at| operators[at].is_some()).collect();
        let row = TableSchema {
            columns: columns.iter().map(|&at| table.columns[at].clone()).collect(),
            key: Vec::new(),
            ..table.clone()
        };
        let hidden = operators.iter().map(Option::is_none).collect();
        let mut text = String::new();
        let _ = write!(text, "{:?} {operators:?}", table.fingerprint());
        let rules = Rules {
            max_depth: MAX_DEPTH,
            max_leaves: MAX_LEAVES,
            max_expressions: MAX_EXPRESSIONS,
            max_unwinds: MAX_UNWINDS,
            // How many rows there are does not tell how large it is.
            lists: false,
            max_items: MAX_LIST,
            plain_regex: true,
            operators: Some(operators.into_iter().flatten().collect()),
        };
        Ok(Public { columns, row, rules, hidden, digest: Sha256::digest(text.as_bytes()).into() })
    }

    /// What tells it from others: a cursor is of one.
    pub const fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.row.columns.iter().map(|column| column.name.as_str())
    }

    pub fn shows(&self, columns: &[usize]) -> bool {
        columns.iter().all(|column| self.columns.contains(column))
    }

    /// # Errors
    /// Those of [`crate::filter::parse`].
    pub fn filter(&self, raw: Raw<'_>, floats: FloatRules) -> Result<Filter> {
        let mut filter = parse_within(&self.row, None, raw, floats, &self.rules)?;
        filter.rename(&self.columns);
        Ok(filter)
    }

    /// Refuses an order or fields with a name that is not in the list.
    ///
    /// # Errors
    /// Those of [`parse_names`] and [`parse_fields`].
    pub fn check_names(&self, order_by: &[String], fields: Option<&[String]>) -> Result<()> {
        parse_names(&self.row, order_by)?;
        fields.map_or(Ok(()), |fields| parse_fields(&self.row, fields).map(drop))
    }

    /// # Errors
    /// Those of [`pipeline::parse`].
    pub fn pipeline(&self, table: &TableSchema, raw: Raw<'_>, floats: FloatRules) -> Result<Pipeline> {
        let mut operators = vec![Vec::new(); table.columns.len()];
        for (&at, allowed) in self.columns.iter().zip(self.rules.operators.iter().flatten()) {
            operators[at].clone_from(allowed);
        }
        let rules = Rules { operators: Some(operators), ..self.rules.clone() };
        pipeline::parse_within(table, raw, floats, &rules, &self.hidden)
    }
}

fn operators_of(table: &TableSchema, at: usize, allowed: &Allowed) -> Result<Vec<String>> {
    let ty = &table.columns[at].ty;
    let Some(allowed) = allowed else { return Ok(free_operators(ty)) };
    for (at, operator) in allowed.iter().enumerate() {
        check_operator(operator, ty).map_err(|error| error.within(&format!("[{at}]")))?;
    }
    Ok(allowed.clone())
}

/// The error of a query, as a caller who is not trusted may see it: what a database or a check of its tables says may
/// name anything that is there.
pub fn veiled(error: Error) -> Error {
    use ErrorKind as Kind;
    match error.kind() {
        Kind::StatementTimeout
        | Kind::Cancelled
        | Kind::Closed
        | Kind::Forked
        | Kind::PoolTimeout
        | Kind::MissingTenant
        | Kind::InvalidCursor
        | Kind::InvalidFilter
        | Kind::TransactionAborted
        | Kind::TransactionState => error,
        kind => {
            let mut veiled = Error::new(kind, "the query failed").hint("the same without `public` tells why");
            if let Some(sqlstate) = &error.detail().sqlstate {
                veiled = veiled.sqlstate(sqlstate);
            }
            match error.detail().outcome {
                Some(outcome) => veiled.outcome(outcome),
                None => veiled,
            }
        }
    }
}
