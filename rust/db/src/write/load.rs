//! A load that comes in pieces: what a later piece has to know of the earlier ones.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use dataflow_core::merge::{Duplicates, Keys, same_key};
use dataflow_core::{Error, ErrorKind, Result};

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
}

impl Part {
    /// Which rows of the piece have the key of a row of an earlier piece.
    ///
    /// # Errors
    /// `DuplicateRow` at the first of them, where rows may not have the same key.
    pub(super) fn repeats<'k>(
        &self,
        keys: impl Iterator<Item = Option<&'k [u8]>>,
        rule: Duplicates,
    ) -> Result<Vec<bool>> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut repeats = Vec::new();
        for (row, key) in keys.enumerate() {
            repeats.push(false);
            let Some(key) = key else { continue };
            let before = seen.note(key, self.first, self.first + row)?;
            if let (Some(before), Duplicates::Refuse) = (before, rule) {
                return Err(same_key(before, self.first + row).path(format!("[{row}]")));
            }
            repeats[row] = before.is_some();
        }
        Ok(repeats)
    }
}

/// As [`Part::repeats`] for rows that may be all there are.
pub(super) fn repeats(part: Option<&Part>, keys: &Keys, rule: Duplicates) -> Result<Vec<bool>> {
    part.map_or_else(|| Ok(vec![false; keys.rows()]), |part| part.repeats(keys.iter(), rule))
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
        assert_eq!(first, [false; 3]);
        let second = part(3, &seen).repeats(keys(&[0, 2, 3]), Duplicates::First).unwrap();
        assert_eq!(second, [false, true, false]);
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
            assert_eq!(part(5, &seen).repeats(keys(&[1, 2]), Duplicates::First).unwrap(), [false; 2]);
        }
    }
}
