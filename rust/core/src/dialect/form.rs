//! The forms between which the databases differ, as [`super::Dialect`] names them.

use crate::types::{LogicalType, Returned};
use crate::value::Value;

/// A list too long for a parameter each.
pub struct LongList<'v> {
    pub column: &'v str,
    pub ty: &'v LogicalType,
    pub values: &'v [Value<'static>],
    pub placeholder: &'v str,
    /// Whether the statement writes rows.
    pub changes: bool,
}

/// A query whose rows become one value of a row around it. Where parameters have no numbers, theirs are in the order of
/// these parts.
pub struct NestedRows<'n> {
    /// What is read of each row, in SQL; the tenant first where there is one.
    pub columns: &'n [(String, Returned)],
    /// ` FROM … AS alias WHERE …`
    pub from: &'n str,
    pub alias: &'n str,
    /// ` ORDER BY …`, without parameters; empty where there is at most one row.
    pub order: &'n str,
    pub limit: Option<u64>,
    /// Whether an index has the rows of `from` in this order.
    pub is_indexed: bool,
}

/// A part of a condition on a JSON value. Where parameters have no numbers, a value asked for twice is two of them.
pub enum Piece {
    Sql(String),
    Value,
    Operand(LogicalType, Value<'static>),
}

/// How a statement takes many values or rows: those of a list, keys to look for, rows to put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsForm {
    /// A parameter for each value: `IN ($1, $2)`, `(VALUES ($1, $2), …)`.
    Parameters,
    /// An array parameter for each column: `= ANY($1)`, `unnest($1, $2)`. The text is the same for any number of rows.
    Arrays,
}

/// How rows are changed to values of their own, found by their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutForm {
    /// `UPDATE … FROM` rows in the dialect's [`RowsForm`]; in parameters where there are no arrays of a column.
    FromRows,
    /// `INSERT … ON DUPLICATE KEY UPDATE` of whole rows that are known to be there.
    ///
    /// It finds the row by the first unique index, which is the primary key; a clash in another one is an error.
    OnDuplicateKey,
    /// A one-row `UPDATE`, stepped.
    Stepped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialIndex {
    Where,
    /// A generated column that is null outside it; an index that is not unique has all rows.
    GeneratedColumn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignKeys {
    /// Added when their tables are there.
    Added,
    /// Part of the table, which may name one that is not there yet.
    Inside,
}

/// Isolation levels of the SQL standard, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Isolation {
    pub const fn sql(self) -> &'static str {
        match self {
            Isolation::ReadUncommitted => "READ UNCOMMITTED",
            Isolation::ReadCommitted => "READ COMMITTED",
            Isolation::RepeatableRead => "REPEATABLE READ",
            Isolation::Serializable => "SERIALIZABLE",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        use Isolation::{ReadCommitted, ReadUncommitted, RepeatableRead, Serializable};
        let levels = [ReadUncommitted, ReadCommitted, RepeatableRead, Serializable];
        levels.into_iter().find(|level| level.sql().eq_ignore_ascii_case(text))
    }
}

/// How a database gives automatic keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyGenerator {
    /// By itself, beside given values too.
    Column,
    /// By a sequence that given values do not move, and that takes no null.
    Sequence,
    /// By itself for a sole key; behind a tenant not at all, so that we count.
    SoleColumn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIndex {
    None,
    /// Inside the table's definition, which would be refused without it.
    Inside,
    Separate,
}

/// A lock over the whole schema.
pub struct SchemaLock {
    /// Whether making a table is one transaction, which then ends the lock.
    pub in_transaction: bool,
    /// Tries to take the lock and returns 1 when it has it; None where the transaction itself is the lock.
    pub acquire: Option<String>,
    pub release: Option<String>,
}

/// How a transaction is opened.
pub struct BeginSteps {
    /// Sets the level for the session, where `begin` cannot carry it, and the statement that undoes it.
    pub session_isolation: Option<(String, &'static str)>,
    pub begin: String,
    /// Reads the level back; None where there is only SERIALIZABLE.
    pub report: Option<String>,
}

/// How a database tells the plan of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanForm {
    /// Before the query.
    pub words: &'static str,
    /// Whether it is one text in JSON; else a row for each step: its number, that of the one around it, and a text.
    pub is_json: bool,
    /// Whether it tells how many rows came.
    pub counts_rows: bool,
    /// A statement after which the connection knows the indexes that others have made.
    pub look: Option<&'static str>,
}
