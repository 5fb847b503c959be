//! The ledger: what was done under a name, told in the same commit as the data, so that it is done once.
//!
//! Loads are its first kind of entry. An entry is one row of a table like any other, made by the same schema machinery
//! and read and written by the same plans.

mod input;
mod result;

use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::batch::{Given, Reading, RowsBuilder, cell};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Comparison, Filter};
use crate::plan::{Assignment, Selection, TenantId};
use crate::schema::{ColumnSchema, KeySource, Role, TENANT_LENGTH, TableSchema};
use crate::types::{FIRST_MICROSECOND, FloatRules, LogicalType};
use crate::value::{Raw, Value};

pub use input::InputHash;
pub use result::{read_result, render_result};

/// Longest schema-qualified name of a table, and of a workflow. With tenant, kind and key the primary key has 2,168
/// bytes at most: InnoDB takes 3,072, PostgreSQL 2,704.
const SCOPE_LENGTH: u32 = 191;
const KIND_LENGTH: u32 = 32;
/// Longest name of an entry, in characters.
const KEY_LENGTH: u32 = 255;

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
}

/// One thing to be done once, and the hash of what it is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub tenant: Option<TenantId>,
    /// Table or workflow.
    pub scope: String,
    pub kind: Kind,
    pub key: EntryKey,
    /// As [`InputHash::finish`] gives it.
    pub input_hash: String,
}

impl Entry {
    /// The row of an entry that is begun.
    pub fn row(&self, table: &Arc<TableSchema>) -> Result<Given> {
        let reading = Reading { floats: FloatRules { nan: false, infinity: false }, nan_is_null: false };
        let mut row = RowsBuilder::new(table, reading, 1);
        for at in 0..table.columns.len() {
            row.push(at, self.begun(at))?;
        }
        row.end_row();
        row.finish()
    }

    fn begun(&self, column: usize) -> Option<Raw<'_>> {
        match column {
            STATUS => Some(Raw::Text(Status::Running.name().into())),
            INPUT_HASH => Some(Raw::Text(self.input_hash.as_str().into())),
            ROWS_DONE | EPOCH => Some(Raw::Int(0)),
            _ => self.key_part(column).map(|part| Raw::Text(part.into())),
        }
    }

    fn key_part(&self, column: usize) -> Option<&str> {
        match column {
            TENANT => Some(self.tenant.as_ref().map_or("", TenantId::as_str)),
            SCOPE => Some(&self.scope),
            KIND => Some(self.kind.name()),
            KEY => Some(&self.key.0),
            _ => None,
        }
    }

    /// The entry's own row.
    pub fn selection(&self) -> Selection {
        let part = |column| {
            let text = self.key_part(column).unwrap_or_default().to_owned();
            Filter::equal(column, Value::Text(text.into()))
        };
        Selection::Matching(Filter::And([TENANT, SCOPE, KIND, KEY].map(part).into()))
    }

    /// What makes it done; `now` in microseconds since 1970.
    pub fn completion(&self, rows_done: u64, result: &str, now: i64) -> Vec<(usize, Assignment)> {
        let rows_done = i64::try_from(rows_done).unwrap_or(i64::MAX);
        let values = [
            (STATUS, Value::Text(Status::Done.name().into())),
            (ROWS_DONE, Value::Int(rows_done)),
            (RESULT, Value::Text(result.to_owned().into())),
            (UPDATED_AT, Value::Instant(now)),
        ];
        values.into_iter().map(|(column, value)| (column, Assignment::Value(value))).collect()
    }

    /// The result of the entry that is stored, where there is one.
    ///
    /// # Errors
    /// `LoadMismatch` when it was done with other input, `SerializationFailure` while another does it, `NewerFormat`
    /// for a status of a newer version.
    pub fn result_in(&self, table: &TableSchema, stored: &RecordBatch) -> Result<Option<String>> {
        if stored.num_rows() == 0 {
            return Ok(None);
        }
        let text = |column: usize| match cell(&table.columns[column].ty, stored.column(column), 0)? {
            Value::Text(text) => Ok(text.into_owned()),
            _ => Err(Error::internal(format!("an entry of the ledger without `{}`", table.columns[column].name))),
        };
        if text(INPUT_HASH)? != self.input_hash {
            return Err(self.mismatch());
        }
        let status = text(STATUS)?;
        match Status::ALL.into_iter().find(|known| known.name() == status) {
            Some(Status::Done) => text(RESULT).map(Some),
            Some(Status::Running) => Err(self.overtaken()),
            None => Err(Error::new(ErrorKind::NewerFormat, "the ledger has an entry of a newer DataFlow")
                .hint("upgrade dataflow-db here")),
        }
    }

    fn mismatch(&self) -> Error {
        Error::new(ErrorKind::LoadMismatch, format!("this load of {} was done with other input", self.scope))
            .path("load_id")
            .hint(
                "a rerun has the same rows in the same order and the same options; new data takes a load_id of its own",
            )
    }

    /// Another has begun the same, and it is not known yet how that ends.
    pub fn overtaken(&self) -> Error {
        let message = format!("another transaction does the same {} of {}", self.kind.name(), self.scope);
        Error::new(ErrorKind::SerializationFailure, message)
    }
}

/// The entries done before an instant (microseconds since 1970), those of the tenant where one is given.
pub fn done_before(instant: i64, tenant: Option<&TenantId>) -> Filter {
    let instant = Value::Instant(instant.max(FIRST_MICROSECOND));
    let done = Filter::equal(STATUS, Value::Text(Status::Done.name().into()));
    let old = Filter::Compare { column: UPDATED_AT, comparison: Comparison::Less, value: instant };
    let own = tenant.map(|tenant| Filter::equal(TENANT, Value::Text(tenant.as_str().to_owned().into())));
    Filter::And([done, old].into_iter().chain(own).collect())
}

#[cfg(test)]
mod tests;
