//! Given rows meet stored rows: what becomes of each is decided here, once for all databases.
//!
//! The stored rows are read under a lock, the decision is made in memory, and only what differs is written. So an
//! upsert never answers a unique key that was not meant, an absent value leaves the stored one row by row, and every
//! row given has an outcome.

mod key;

use std::collections::HashMap;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_select::interleave::interleave;

use crate::batch::{Given, cell};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Role, TableSchema};
use crate::types::LogicalType;
use crate::value::Value;

pub use key::{Key, keys_of};

/// What happens to a row that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMatch {
    Update,
    Ignore,
    Refuse,
}

/// What happens to a row that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMissing {
    Insert,
    Skip,
    Refuse,
}

/// What happens to rows with the same key in the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    Refuse,
    First,
    Last,
}

#[derive(Clone, Debug)]
pub struct Rules {
    /// The columns by which given and stored rows are the same: the key or a unique set.
    pub target: Vec<usize>,
    pub on_match: OnMatch,
    pub on_missing: OnMissing,
    pub duplicates: Duplicates,
    /// The columns that may change; None for all.
    pub update: Option<Vec<usize>>,
    /// The time of the operation, in microseconds since 1970.
    pub now: i64,
}

/// What becomes of a given row. `stored` and `of` are row numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Insert,
    Update {
        stored: usize,
    },
    Unchanged {
        stored: usize,
    },
    Ignored {
        stored: usize,
    },
    /// Another given row with the same key goes instead.
    Duplicate {
        of: usize,
    },
    /// Row `of` of the load, in an earlier piece, had the key; `stored` is it, where it is there.
    Repeated {
        of: usize,
        stored: Option<usize>,
    },
    Delete {
        stored: usize,
    },
    Missing,
}

/// The rows that stand for their keys: for each row itself, or the row that goes instead.
///
/// A key with a null in it equals no other.
///
/// # Errors
/// `DuplicateRow` where rows may not have the same key; its message counts rows from `first_row`.
pub fn deduplicate(keys: &[Option<Key>], rule: Duplicates, first_row: usize) -> Result<Vec<usize>> {
    let mut seen: HashMap<&Key, usize> = HashMap::with_capacity(keys.len());
    let mut goes: Vec<usize> = (0..keys.len()).collect();
    for (row, key) in keys.iter().enumerate() {
        let Some(key) = key else { continue };
        match (seen.insert(key, row), rule) {
            (None, _) => {}
            (Some(first), Duplicates::Refuse) => {
                return Err(same_key(first_row + first, first_row + row).path(format!("[{row}]")));
            }
            (Some(first), Duplicates::First) => {
                goes[row] = first;
                seen.insert(key, first);
            }
            (Some(before), Duplicates::Last) => goes[before] = row,
        }
    }
    // With `Last` a chain of three leads to the last one.
    for row in (0..goes.len()).rev() {
        goes[row] = goes[goes[row]];
    }
    Ok(goes)
}

/// The error for two rows of the data that may not be the same.
pub fn same_key(first: usize, row: usize) -> Error {
    Error::new(ErrorKind::DuplicateRow, format!("rows {first} and {row} of the data have the same key"))
        .hint("choose duplicates=\"first\" or \"last\", or remove one of them")
}

/// Decides for every given row; `repeats` names the row of an earlier piece that had its key, and `stored` holds the
/// rows that were found, with all columns of the table.
///
/// # Errors
/// `NotFound` where a row has to be there, `StaleRow`, `KeyMismatch`.
pub fn decide(
    table: &TableSchema,
    given: &Given,
    keys: &[Option<Key>],
    goes: &[usize],
    repeats: &[Option<usize>],
    stored: &RecordBatch,
    rules: &Rules,
) -> Result<Vec<Fate>> {
    let found = keys_of(table, &rules.target, stored)?;
    let by_key: HashMap<&Key, usize> =
        found.iter().enumerate().filter_map(|(at, key)| Some((key.as_ref()?, at))).collect();
    let mut fates = Vec::with_capacity(given.rows());
    for (row, key) in keys.iter().enumerate() {
        let at = key.as_ref().and_then(|key| by_key.get(key)).copied();
        let fate = match (repeats[row], at, rules.on_missing) {
            (Some(of), stored, _) => Ok(Fate::Repeated { of, stored }),
            _ if goes[row] != row => Ok(Fate::Duplicate { of: goes[row] }),
            (None, Some(stored_row), _) => meet(table, given, row, stored, stored_row, rules),
            (None, None, OnMissing::Insert) => Ok(Fate::Insert),
            (None, None, OnMissing::Skip) => Ok(Fate::Missing),
            (None, None, OnMissing::Refuse) => {
                Err(Error::new(ErrorKind::NotFound, format!("no {} has this key; nothing was written", table.model))
                    .hint("on_missing=\"skip\" counts such rows"))
            }
        };
        fates.push(fate.map_err(|error| error.within(&format!("[{row}]")))?);
    }
    Ok(fates)
}

/// What becomes of a given row that meets a stored one.
///
/// # Errors
/// `StaleRow`, `KeyMismatch`, `UniqueViolation`; the path is the field.
pub fn meet(
    table: &TableSchema,
    given: &Given,
    row: usize,
    stored: &RecordBatch,
    stored_row: usize,
    rules: &Rules,
) -> Result<Fate> {
    let deleted = table.role(Role::DeletedAt).is_some_and(|at| stored.column(at).is_valid(stored_row));
    // A row that changes nothing may have any version.
    match rules.on_match {
        OnMatch::Ignore if !deleted => return Ok(Fate::Ignored { stored: stored_row }),
        OnMatch::Refuse => {
            let names = table.names(&rules.target).join(", ");
            return Err(Error::new(
                ErrorKind::UniqueViolation,
                format!("a {} with the same {names} is there already", table.model),
            ));
        }
        _ => {}
    }
    check_version(table, given, row, stored, stored_row)?;
    check_key(table, given, row, stored, stored_row)?;
    let mut changes = deleted;
    for at in 0..table.columns.len() {
        changes = changes || takes(table, given, row, stored, stored_row, at, rules)?;
    }
    Ok(if changes { Fate::Update { stored: stored_row } } else { Fate::Unchanged { stored: stored_row } })
}

/// Whether a given value is to replace a stored one. The time of the last write only moves forward: one that was read
/// before, and is given back, is none of the caller's.
fn takes(
    table: &TableSchema,
    given: &Given,
    row: usize,
    stored: &RecordBatch,
    stored_row: usize,
    at: usize,
    rules: &Rules,
) -> Result<bool> {
    let chosen = rules.update.as_ref().is_none_or(|update| update.contains(&at));
    let open = chosen && given.is_given(at, row) && !table.key.contains(&at) && table.columns[at].role != Role::Version;
    if open && table.columns[at].role == Role::UpdatedAt {
        let times = |batch: &RecordBatch, row: usize| match cell(&table.columns[at].ty, batch.column(at), row) {
            Ok(Value::Instant(us)) => Some(us),
            _ => None,
        };
        return Ok(times(&given.batch, row) > times(stored, stored_row));
    }
    Ok(open && differs(table, given, row, stored, stored_row, at)?)
}

fn differs(
    table: &TableSchema,
    given: &Given,
    row: usize,
    stored: &RecordBatch,
    stored_row: usize,
    at: usize,
) -> Result<bool> {
    let ty: &LogicalType = &table.columns[at].ty;
    Ok(!cell(ty, given.batch.column(at), row)?.same(&cell(ty, stored.column(at), stored_row)?))
}

fn check_version(
    table: &TableSchema,
    given: &Given,
    row: usize,
    stored: &RecordBatch,
    stored_row: usize,
) -> Result<()> {
    let Some(at) = table.role(Role::Version).filter(|&at| given.is_given(at, row)) else {
        return Ok(());
    };
    if differs(table, given, row, stored, stored_row, at)? {
        return Err(stale(table).path(table.columns[at].name.clone()));
    }
    Ok(())
}

/// The row was written by somebody else since it was read.
pub fn stale(table: &TableSchema) -> Error {
    Error::new(ErrorKind::StaleRow, format!("the {} has another version by now; nothing was written", table.model))
        .hint("read it again, and apply the change to what it is now")
}

/// A row found by a unique set keeps its key.
fn check_key(table: &TableSchema, given: &Given, row: usize, stored: &RecordBatch, stored_row: usize) -> Result<()> {
    for &at in &table.key {
        if given.is_given(at, row) && differs(table, given, row, stored, stored_row, at)? {
            return Err(Error::new(
                ErrorKind::KeyMismatch,
                format!("the {} that has these values has another key, and keys are never changed", table.model),
            )
            .path(table.columns[at].name.clone())
            .hint("leave the key out, or give the one that is stored"));
        }
    }
    Ok(())
}

/// The rows to be updated as they will be, in the order of the given ones.
pub fn merged(
    table: &TableSchema,
    given: &Given,
    stored: &RecordBatch,
    fates: &[Fate],
    rules: &Rules,
) -> Result<RecordBatch> {
    let pairs: Vec<(usize, usize)> = fates
        .iter()
        .enumerate()
        .filter_map(|(row, fate)| match fate {
            Fate::Update { stored } => Some((row, *stored)),
            _ => None,
        })
        .collect();
    let mut columns = Vec::with_capacity(table.columns.len());
    for at in 0..table.columns.len() {
        columns.push(merged_column(table, given, stored, &pairs, at, rules)?);
    }
    RecordBatch::try_new(stored.schema(), columns).map_err(|error| Error::internal(error.to_string()))
}

fn merged_column(
    table: &TableSchema,
    given: &Given,
    stored: &RecordBatch,
    pairs: &[(usize, usize)],
    at: usize,
    rules: &Rules,
) -> Result<ArrayRef> {
    let own = managed(table, stored, pairs, at, rules.now)?;
    // A time that DataFlow keeps may be given too; a row that was deleted comes back to life.
    let mut indices = Vec::with_capacity(pairs.len());
    for (new, &(row, stored_row)) in pairs.iter().enumerate() {
        indices.push(match takes(table, given, row, stored, stored_row, at, rules)? {
            true => (0, row),
            false if own.is_some() => (2, new),
            false => (1, stored_row),
        });
    }
    let placeholder = stored.column(at);
    let sources: [&dyn Array; 3] =
        [given.batch.column(at), stored.column(at), own.as_ref().map_or(placeholder.as_ref(), |own| own.as_ref())];
    interleave(&sources, &indices).map_err(|error| Error::internal(error.to_string()))
}

/// What DataFlow itself writes into a column of the updated rows.
fn managed(
    table: &TableSchema,
    stored: &RecordBatch,
    pairs: &[(usize, usize)],
    at: usize,
    now: i64,
) -> Result<Option<ArrayRef>> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    let column = &table.columns[at];
    Ok(match column.role {
        Role::Field | Role::CreatedAt => None,
        Role::Version => {
            let versions = stored.column(at).as_primitive::<Int64Type>();
            let next: Int64Array = pairs.iter().map(|(_, row)| versions.value(*row).checked_add(1)).collect();
            Some(std::sync::Arc::new(next))
        }
        Role::UpdatedAt => {
            let times = TimestampMicrosecondArray::from(vec![now; pairs.len()]);
            Some(std::sync::Arc::new(times.with_data_type(column.ty.arrow())))
        }
        Role::DeletedAt => Some(arrow_array::new_null_array(&column.ty.arrow(), pairs.len())),
    })
}

/// The columns in which updated rows may differ from the stored ones.
pub fn changed_columns(
    table: &TableSchema,
    given: &Given,
    stored: &RecordBatch,
    fates: &[Fate],
    rules: &Rules,
) -> Vec<usize> {
    let was_deleted =
        |at: usize, fate: &Fate| matches!(fate, Fate::Update { stored: row } if stored.column(at).is_valid(*row));
    let same = |at: &usize| table.key.contains(at) || rules.target.contains(at);
    let chosen = |at: &usize| rules.update.as_ref().is_none_or(|update| update.contains(at)) && !given.lacks(*at);
    let set = |at: &usize| {
        let kept = match table.columns[*at].role {
            Role::Field | Role::CreatedAt => false,
            Role::Version | Role::UpdatedAt => true,
            Role::DeletedAt => fates.iter().any(|fate| was_deleted(*at, fate)),
        };
        !same(at) && (chosen(at) || kept)
    };
    (0..table.columns.len()).filter(set).collect()
}

#[cfg(test)]
mod tests;
