//! Given rows meet stored rows: what becomes of each is decided here, once for all databases.
//!
//! The stored rows are read under a lock, the decision is made in memory, and only what differs is written. So an
//! upsert never answers a unique key that was not meant, an absent value leaves the stored one row by row, and every
//! row given has an outcome. Where one statement is known to end the same, a database may decide by itself: see
//! [`crate::dialect::Dialect::decides_rows`].

mod cells;
mod key;
mod pairing;

use arrow_array::{Array, RecordBatch};

pub use self::cells::Cells;
pub use self::key::Keys;
use self::pairing::Pairing;
use crate::batch::Given;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Role, TableSchema};

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
pub fn deduplicate(keys: &Keys, rule: Duplicates, first_row: usize) -> Result<Vec<usize>> {
    let mut goes: Vec<usize> = (0..keys.rows()).collect();
    let mut refused: Option<(usize, usize)> = None;
    for same in keys.groups() {
        let [first, .., last] = *same else { continue };
        match rule {
            Duplicates::Refuse => {
                let pair = (same[1], first);
                refused = Some(refused.map_or(pair, |before| before.min(pair)));
            }
            Duplicates::First => same.iter().for_each(|&row| goes[row] = first),
            Duplicates::Last => same.iter().for_each(|&row| goes[row] = last),
        }
    }
    match refused {
        Some((row, first)) => Err(same_key(first_row + first, first_row + row).path(format!("[{row}]"))),
        None => Ok(goes),
    }
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
    keys: &Keys,
    goes: &[usize],
    repeats: &[Option<usize>],
    stored: &RecordBatch,
    rules: &Rules,
) -> Result<Vec<Fate>> {
    let at = keys.find_in(&Keys::of(table, &rules.target, stored)?);
    let pairing = Pairing::new(table, given, stored, rules)?;
    let mut fates = Vec::with_capacity(given.rows());
    for (row, &stored_row) in at.iter().enumerate() {
        let fate = match (repeats[row], stored_row, rules.on_missing) {
            (Some(of), stored, _) => Ok(Fate::Repeated { of, stored }),
            _ if goes[row] != row => Ok(Fate::Duplicate { of: goes[row] }),
            (None, Some(stored_row), _) => pairing.meet(row, stored_row),
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
    Pairing::new(table, given, stored, rules)?.meet(row, stored_row)
}

/// As [`meet`] for every row, which meets the stored one of the same number.
///
/// # Errors
/// As [`meet`].
pub fn meet_all(table: &TableSchema, given: &Given, stored: &RecordBatch, rules: &Rules) -> Result<Vec<Fate>> {
    let pairing = Pairing::new(table, given, stored, rules)?;
    (0..given.rows()).map(|row| pairing.meet(row, row)).collect()
}

/// The row was written by somebody else since it was read.
pub fn stale(table: &TableSchema) -> Error {
    Error::new(ErrorKind::StaleRow, format!("the {} has another version by now; nothing was written", table.model))
        .hint("read it again, and apply the change to what it is now")
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
    let pairing = Pairing::new(table, given, stored, rules)?;
    let columns = (0..table.columns.len()).map(|at| pairing.merged_column(&pairs, at)).collect::<Result<_>>()?;
    RecordBatch::try_new(stored.schema(), columns).map_err(|error| Error::internal(error.to_string()))
}

/// The columns of stored rows that are looked at: by which they are found, compared, kept and checked.
pub fn met_columns(table: &TableSchema, given: &Given, rules: &Rules) -> Vec<usize> {
    let checked: Vec<usize> = table.checks.iter().flat_map(|check| check.filter.columns()).collect();
    let met = |at: &usize| {
        let named = [&table.key, &rules.target, &checked].iter().any(|columns| columns.contains(at));
        named || table.columns[*at].role != Role::Field || !given.lacks(*at)
    };
    (0..table.columns.len()).filter(met).collect()
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
