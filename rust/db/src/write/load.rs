//! A load that comes in pieces: what a later piece has to know of the earlier ones.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use dataflow_core::ledger::RowNumbers;
use dataflow_core::merge::{Duplicates, Keys, same_key};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Result};

use super::append::rows_keys;
use super::keys::KeyWork;
use super::{Rows, Write};

/// One piece of a load.
#[derive(Clone)]
pub struct Part {
    /// The number of its first row in the load.
    pub first: usize,
    pub seen: Arc<Mutex<SeenKeys>>,
}

/// The keys a load has brought, with the row that brought each first: 16 bytes a key.
///
/// A key is held as 96 bits of a hash whose secret is drawn anew for each load. Two different keys of a load of 10^8
/// rows are taken for the same once in 10^13 loads, and nobody can choose them so.
#[derive(Default)]
pub struct SeenKeys {
    rows: HashMap<[u8; 12], [u8; 4]>,
    low: RandomState,
    high: RandomState,
    generated: Option<Generated>,
}

/// Where the keys lie that the database has generated for a load; those of others may lie there too.
#[derive(Clone, Copy)]
struct Generated {
    /// The number of the first row of the first piece that had some.
    first: usize,
    above: i64,
    most: i64,
}

impl SeenKeys {
    fn digest(&self, key: &[u8]) -> [u8; 12] {
        let mut digest = [0; 12];
        digest[..8].copy_from_slice(&self.low.hash_one(key).to_le_bytes());
        digest[8..].copy_from_slice(&self.high.hash_one(key).to_le_bytes()[..4]);
        digest
    }

    /// Notes the key; returns the row of an earlier piece that had it.
    fn note(&mut self, key: &[u8], first: usize, row: usize) -> Result<Option<usize>> {
        let digest = self.digest(key);
        let number = u32::try_from(row).map_err(|_| {
            Error::new(ErrorKind::LimitExceeded, "an upsert or update from a stream has at most 2^32 rows")
                .hint("give the rows in several calls")
        })?;
        match self.rows.entry(digest) {
            Entry::Vacant(entry) => {
                entry.insert(number.to_le_bytes());
                Ok(None)
            }
            // A piece that is run again meets its own rows, which is no repetition.
            Entry::Occupied(entry) => {
                Ok(Some(u32::from_le_bytes(*entry.get()) as usize).filter(|&before| before < first))
            }
        }
    }

    /// Forgets the key, unless a row of an earlier piece had it.
    fn forget(&mut self, key: &[u8], first: usize) {
        if let Entry::Occupied(entry) = self.rows.entry(self.digest(key))
            && u32::from_le_bytes(*entry.get()) as usize >= first
        {
            entry.remove();
        }
    }

    /// The row of an earlier piece that had the key.
    fn find(&self, key: &[u8], first: usize) -> Option<usize> {
        let row = self.rows.get(&self.digest(key)).map(|row| u32::from_le_bytes(*row) as usize);
        row.filter(|&row| row < first)
    }
}

impl Part {
    /// The row of an earlier piece that had the key of each row; nothing is noted.
    pub(super) fn before(&self, keys: &Keys) -> Vec<Option<usize>> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().map(|key| key.and_then(|key| seen.find(key, self.first))).collect()
    }

    /// Notes the keys of rows, by their numbers in the piece; those of refused rows are the keys of none, whatever an
    /// attempt has noted that was undone.
    pub(super) fn settle(&self, numbers: &[usize], keys: &Keys, is_refused: impl Fn(usize) -> bool) -> Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let keyed = || numbers.iter().zip(keys.iter()).filter_map(|(&number, key)| Some((number, key?)));
        keyed().filter(|(number, _)| is_refused(*number)).for_each(|(_, key)| seen.forget(key, self.first));
        for (number, key) in keyed().filter(|(number, _)| !is_refused(*number)) {
            seen.note(key, self.first, self.first + number)?;
        }
        Ok(())
    }

    /// For each row of the piece the row of an earlier piece that had its key.
    ///
    /// # Errors
    /// `DuplicateRow` at the first of them, where rows may not have the same key.
    pub(super) fn repeats<'k>(
        &self,
        keys: impl Iterator<Item = Option<&'k [u8]>>,
        rule: Duplicates,
    ) -> Result<Vec<Option<usize>>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut repeats = Vec::new();
        for (row, key) in keys.enumerate() {
            repeats.push(None);
            let Some(key) = key else { continue };
            let before = seen.note(key, self.first, self.first + row)?;
            if let (Some(before), Duplicates::Refuse) = (before, rule) {
                return Err(same_key(before, self.first + row).path(format!("[{row}]")));
            }
            repeats[row] = before;
        }
        Ok(repeats)
    }
}

impl Part {
    /// Notes that keys above one and up to another were generated for this piece.
    pub(super) fn note_generated(&self, above: i64, most: i64) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.generated = Some(match seen.generated {
            None => Generated { first: self.first, above, most },
            Some(known) => Generated { above: known.above.min(above), most: known.most.max(most), ..known },
        });
    }

    /// Whether a row of an earlier piece may have been given the key.
    pub(super) fn may_have_generated(&self, key: i64) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.generated.is_some_and(|known| known.first < self.first && (known.above + 1..=known.most).contains(&key))
    }
}

impl Write {
    /// Notes the keys of rows that are written already, so that later ones with the same keys are known as repetitions,
    /// and that the database has given keys to those without one, whichever these are. A row of the load that was
    /// refused is not written.
    pub(super) fn note_keys(&self, table: &Arc<TableSchema>, refused: &RowNumbers) -> Result<()> {
        if let (Write::Append { rows, .. } | Write::Upsert { rows, .. }, Some(part)) = (self, self.part())
            && KeyWork::new(table, &rows_keys(table, rows)?, rows.count(), false).generates()
        {
            part.note_generated(i64::MIN, i64::MAX);
        }
        let (rows, part, columns) = match self {
            Write::Upsert { rows, part: Some(part), conflict_on, .. } => (rows, part, conflict_on),
            Write::UpdateRows { rows, part: Some(part), .. } | Write::DeleteRows { rows, part: Some(part), .. } => {
                (rows, part, &table.key)
            }
            _ => return Ok(()),
        };
        let keys = Keys::of(table, columns, &rows.whole(table)?.batch)?;
        part.settle(&rows.numbers(), &keys, |number| refused.contains((part.first + number) as u64))
    }

    /// Two writes: one of the first `rows`, one of the others.
    pub(super) fn split(self, rows: usize) -> Result<(Write, Write)> {
        let (mut first, mut rest) = (self.clone(), self);
        if let (Some(ours), Some(theirs)) = (first.rows_mut(), rest.rows_mut()) {
            (*ours, *theirs) = ours.split(rows)?;
        }
        if let Some(part) = rest.part_mut() {
            part.first += rows;
        }
        Ok((first, rest))
    }

    /// The rows given, where it takes rows.
    pub(super) fn rows(&self) -> Option<&Rows> {
        match self {
            Write::Append { rows, .. }
            | Write::Upsert { rows, .. }
            | Write::UpdateRows { rows, .. }
            | Write::DeleteRows { rows, .. } => Some(rows),
            _ => None,
        }
    }

    pub(super) fn rows_mut(&mut self) -> Option<&mut Rows> {
        match self {
            Write::Append { rows, .. }
            | Write::Upsert { rows, .. }
            | Write::UpdateRows { rows, .. }
            | Write::DeleteRows { rows, .. } => Some(rows),
            _ => None,
        }
    }

    fn part_mut(&mut self) -> Option<&mut Part> {
        self.part_slot().and_then(Option::as_mut)
    }

    /// Takes its place in a load away.
    pub(super) fn take_part(&mut self) -> Option<Part> {
        self.part_slot().and_then(Option::take)
    }

    fn part_slot(&mut self) -> Option<&mut Option<Part>> {
        match self {
            Write::Append { part, .. }
            | Write::Upsert { part, .. }
            | Write::UpdateRows { part, .. }
            | Write::DeleteRows { part, .. } => Some(part),
            _ => None,
        }
    }
}

/// As [`Part::repeats`] for rows that may be all there are.
pub(super) fn repeats(part: Option<&Part>, keys: &Keys, rule: Duplicates) -> Result<Vec<Option<usize>>> {
    part.map_or_else(|| Ok(vec![None; keys.rows()]), |part| part.repeats(keys.iter(), rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(first: usize, seen: &Arc<Mutex<SeenKeys>>) -> Part {
        Part { first, seen: Arc::clone(seen) }
    }

    /// 0 stands for a row without key.
    fn keys(numbers: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
        numbers.iter().map(|number| (*number > 0).then(|| std::slice::from_ref(number)))
    }

    #[test]
    fn a_key_of_an_earlier_piece_is_seen() {
        let seen = Arc::default();
        let first = part(0, &seen).repeats(keys(&[1, 2, 0]), Duplicates::First).unwrap();
        assert_eq!(first, [None; 3]);
        let second = part(3, &seen).repeats(keys(&[0, 2, 3]), Duplicates::First).unwrap();
        assert_eq!(second, [None, Some(1), None]);
    }

    #[test]
    fn both_rows_are_named() {
        let seen = Arc::default();
        part(0, &seen).repeats(keys(&[1, 2]), Duplicates::Refuse).unwrap();
        let error = part(2, &seen).repeats(keys(&[3, 2]), Duplicates::Refuse).unwrap_err();
        assert_eq!(error.detail().path.as_deref(), Some("[1]"));
        assert_eq!(error.detail().message, "rows 1 and 3 of the data have the same key");
    }

    #[test]
    fn a_piece_that_is_run_again_does_not_meet_itself() {
        let seen = Arc::default();
        for _ in 0..2 {
            assert_eq!(part(5, &seen).repeats(keys(&[1, 2]), Duplicates::First).unwrap(), [None; 2]);
        }
    }
}
