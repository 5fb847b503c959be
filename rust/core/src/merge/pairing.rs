//! Given rows beside the stored rows they meet: what a pair of them comes to.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_select::interleave::interleave;

use super::{Cells, Fate, OnMatch, Rules, stale};
use crate::batch::Given;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Role, TableSchema};

/// The columns of both sides, ready to be compared row by row.
pub(super) struct Pairing<'a> {
    table: &'a TableSchema,
    given: &'a Given,
    stored: &'a RecordBatch,
    rules: &'a Rules,
    /// One for each column.
    cells: Vec<Cells<'a>>,
    /// The columns that a given value may change.
    open: Vec<usize>,
    version: Option<usize>,
    deleted_at: Option<usize>,
}

impl<'a> Pairing<'a> {
    pub fn new(table: &'a TableSchema, given: &'a Given, stored: &'a RecordBatch, rules: &'a Rules) -> Result<Self> {
        let column = |at: usize| {
            let (given, stored): (&dyn Array, &dyn Array) = (given.batch.column(at), stored.column(at));
            Cells::new(&table.columns[at].ty, given, stored)
        };
        let chosen = |at: &usize| rules.update.as_ref().is_none_or(|update| update.contains(at)) && !given.lacks(*at);
        let fixed = |at: &usize| table.key.contains(at) || table.columns[*at].role == Role::Version;
        Ok(Pairing {
            table,
            given,
            stored,
            rules,
            cells: (0..table.columns.len()).map(column).collect::<Result<_>>()?,
            open: (0..table.columns.len()).filter(|at| chosen(at) && !fixed(at)).collect(),
            version: table.role(Role::Version).filter(|&at| !given.lacks(at)),
            deleted_at: table.role(Role::DeletedAt),
        })
    }

    /// What becomes of a given row that meets a stored one.
    ///
    /// # Errors
    /// `StaleRow`, `KeyMismatch`, `UniqueViolation`; the path is the field.
    pub fn meet(&self, row: usize, stored: usize) -> Result<Fate> {
        let deleted = self.deleted_at.is_some_and(|at| self.stored.column(at).is_valid(stored));
        match self.rules.on_match {
            OnMatch::Ignore if !deleted => return Ok(Fate::Ignored { stored }),
            OnMatch::Refuse => {
                let names = self.table.names(&self.rules.target).join(", ");
                return Err(Error::new(
                    ErrorKind::UniqueViolation,
                    format!("a {} with the same {names} is there already", self.table.model),
                ));
            }
            _ => {}
        }
        // A row that changes nothing may have any version.
        self.check_version(row, stored)?;
        self.check_key(row, stored)?;
        let mut changes = deleted;
        for &at in &self.open {
            changes = changes || self.takes(row, stored, at)?;
        }
        Ok(if changes { Fate::Update { stored } } else { Fate::Unchanged { stored } })
    }

    /// Whether the given value of an open column is to replace the stored one. The time of the last write only moves
    /// forward: one that was read before, and is given back, is none of the caller's.
    fn takes(&self, row: usize, stored: usize, at: usize) -> Result<bool> {
        if !self.given.is_given(at, row) {
            return Ok(false);
        }
        if self.table.columns[at].role == Role::UpdatedAt {
            let time = |batch: &RecordBatch, row: usize| {
                let times = batch.column(at).as_primitive::<TimestampMicrosecondType>();
                times.is_valid(row).then(|| times.value(row))
            };
            return Ok(time(&self.given.batch, row) > time(self.stored, stored));
        }
        self.cells[at].differ(row, stored)
    }

    fn check_version(&self, row: usize, stored: usize) -> Result<()> {
        let Some(at) = self.version.filter(|&at| self.given.is_given(at, row)) else {
            return Ok(());
        };
        if self.cells[at].differ(row, stored)? {
            return Err(stale(self.table).path(self.table.columns[at].name.clone()));
        }
        Ok(())
    }

    /// A row found by a unique set keeps its key.
    fn check_key(&self, row: usize, stored: usize) -> Result<()> {
        for &at in &self.table.key {
            if self.given.is_given(at, row) && self.cells[at].differ(row, stored)? {
                let message = format!(
                    "the {} that has these values has another key, and keys are never changed",
                    self.table.model
                );
                return Err(Error::new(ErrorKind::KeyMismatch, message)
                    .path(self.table.columns[at].name.clone())
                    .hint("leave the key out, or give the one that is stored"));
            }
        }
        Ok(())
    }

    /// A column of the updated rows, which are pairs of a given and a stored row.
    pub fn merged_column(&self, pairs: &[(usize, usize)], at: usize) -> Result<ArrayRef> {
        let own = self.managed(pairs, at)?;
        let open = self.open.contains(&at);
        // A time that DataFlow keeps may be given too; a row that was deleted comes back to life.
        let mut indices = Vec::with_capacity(pairs.len());
        for (new, &(row, stored)) in pairs.iter().enumerate() {
            indices.push(match open && self.takes(row, stored, at)? {
                true => (0, row),
                false if own.is_some() => (2, new),
                false => (1, stored),
            });
        }
        let stored = self.stored.column(at);
        let own = own.as_ref().unwrap_or(stored);
        let sources: [&dyn Array; 3] = [self.given.batch.column(at), stored, own];
        interleave(&sources, &indices).map_err(|error| Error::internal(error.to_string()))
    }

    /// What DataFlow itself writes into a column of the updated rows.
    fn managed(&self, pairs: &[(usize, usize)], at: usize) -> Result<Option<ArrayRef>> {
        let column = &self.table.columns[at];
        Ok(match column.role {
            Role::Field | Role::CreatedAt => None,
            Role::Version => {
                let versions = self.stored.column(at).as_primitive::<Int64Type>();
                let next: Int64Array = pairs.iter().map(|(_, row)| versions.value(*row).checked_add(1)).collect();
                Some(Arc::new(next))
            }
            Role::UpdatedAt => {
                let times = TimestampMicrosecondArray::from(vec![self.rules.now; pairs.len()]);
                Some(Arc::new(times.with_data_type(column.ty.arrow())))
            }
            Role::DeletedAt => Some(arrow_array::new_null_array(&column.ty.arrow(), pairs.len())),
        })
    }
}
