//! The ledger: what was done under a name, told in the same commit as the data, so that it is done once.
//!
//! Loads are its first kind of entry. An entry is one row of a table like any other, made by the same schema machinery
//! and read and written by the same plans.

mod entry;
mod input;
mod numbers;
mod result;

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Comparison, Filter};
use crate::plan::TenantId;
use crate::schema::{ColumnSchema, KeySource, Role, TENANT_LENGTH, TableSchema};
use crate::types::{FIRST_MICROSECOND, LogicalType};
use crate::value::Value;

pub use entry::{Entry, State, change_to};
pub use input::InputHash;
pub use numbers::RowNumbers;
pub use result::{read_result, render_result};

/// Longest schema-qualified name of a table, and of a workflow. With tenant, kind and key the primary key has 2,168
/// bytes at most: InnoDB takes 3,072, PostgreSQL 2,704.
pub(crate) const SCOPE_LENGTH: u32 = 191;
pub(crate) const KIND_LENGTH: u32 = 32;
/// Longest name of an entry, in characters.
pub(crate) const KEY_LENGTH: u32 = 255;

const TENANT: usize = 0;
const SCOPE: usize = 1;
const KIND: usize = 2;
const KEY: usize = 3;
const STATUS: usize = 4;
const INPUT_HASH: usize = 5;
const ROWS_DONE: usize = 6;
const RESULT: usize = 7;
const EPOCH: usize = 8;
const UPDATED_AT: usize = 10;

/// The table `dataflow_ledger`. Its tenant is `''` where there is none: no part of the key is null.
///
/// # Errors
/// None but `Internal`: the table is always the same.
pub fn ledger_table() -> Result<TableSchema> {
    let text = |length| LogicalType::Text { max_length: Some(length) };
    let column =
        |name: &str, ty, nullable, role| ColumnSchema { name: name.to_owned(), ty, nullable, default: None, role };
    let columns = vec![
        column("tenant", text(TENANT_LENGTH), false, Role::Field),
        column("scope", text(SCOPE_LENGTH), false, Role::Field),
        column("kind", text(KIND_LENGTH), false, Role::Field),
        column("key", text(KEY_LENGTH), false, Role::Field),
        column("status", text(KIND_LENGTH), false, Role::Field),
        column("input_hash", text(InputHash::LENGTH), false, Role::Field),
        column("rows_done", LogicalType::Int, false, Role::Field),
        column("result", LogicalType::Text { max_length: None }, true, Role::Field),
        column("epoch", LogicalType::Int, false, Role::Field),
        column("created_at", LogicalType::Instant, false, Role::CreatedAt),
        column("updated_at", LogicalType::Instant, false, Role::UpdatedAt),
    ];
    let table = TableSchema {
        model: "dataflow_ledger".to_owned(),
        namespace: None,
        table: "dataflow_ledger".to_owned(),
        columns,
        key: vec![TENANT, SCOPE, KIND, KEY],
        key_source: KeySource::Caller,
        unique: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        references: Vec::new(),
        multi_tenant: false,
        append_only: false,
    };
    table.checked()
}

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A bulk write with a load id; its scope is the table.
    Load,
}

impl Kind {
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Load => "load",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Begun; seen by others only where the work takes several commits.
    Running,
    Done,
}

impl Status {
    const ALL: [Status; 2] = [Status::Running, Status::Done];

    pub const fn name(self) -> &'static str {
        match self {
            Status::Running => "running",
            Status::Done => "done",
        }
    }
}

/// The checked name of an entry. Equality of names is equality of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryKey(Arc<str>);

impl EntryKey {
    /// # Errors
    /// `InvalidOption` for a text that is empty, longer than 255 characters, or has control characters.
    pub fn new(text: &str) -> Result<Self> {
        let wrong = match text.chars().count() {
            0 => Some("is empty".to_owned()),
            length if length > KEY_LENGTH as usize => Some(format!("has {length} characters")),
            _ => text.chars().any(char::is_control).then(|| "has a control character".to_owned()),
        };
        match wrong {
            None => Ok(EntryKey(Arc::from(text))),
            Some(wrong) => Err(Error::new(ErrorKind::InvalidOption, format!("the name {wrong}"))
                .hint(format!("it is a text of 1 to {KEY_LENGTH} characters without control characters"))),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The entries last changed before an instant (microseconds since 1970), those of the tenant where one is given.
///
/// One that is not done has rows in its table: forgotten, a rerun writes them again. It is among them only if `unfinished`.
pub fn older_than(instant: i64, tenant: Option<&TenantId>, unfinished: bool) -> Filter {
    let instant = Value::Instant(instant.max(FIRST_MICROSECOND));
    let done = Filter::equal(STATUS, Value::Text(Status::Done.name().into()));
    let old = Filter::Compare { column: UPDATED_AT, comparison: Comparison::Less, value: instant };
    let own = tenant.map(|tenant| Filter::equal(TENANT, Value::Text(tenant.as_str().to_owned().into())));
    Filter::And([old].into_iter().chain((!unfinished).then_some(done)).chain(own).collect())
}

#[cfg(test)]
mod tests;
