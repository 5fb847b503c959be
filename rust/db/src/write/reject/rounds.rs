//! Which of the rows with one key goes: the next one where the one before was refused.

use std::collections::HashMap;

use dataflow_core::merge::Duplicates;

/// The rows of one key, in the order in which they are tried.
struct Group {
    rows: Vec<usize>,
    /// The one that goes.
    at: usize,
}

pub(super) struct Rounds {
    /// Rows whose key no other has.
    alone: Vec<usize>,
    groups: Vec<Group>,
    /// The group of each row that has one.
    of: HashMap<usize, usize>,
    /// Rows whose key an earlier piece had.
    repeated: Vec<usize>,
}

impl Rounds {
    /// `keys` are those of the rows, and `before` the row of an earlier piece that had the same.
    pub fn new<'k>(keys: impl Iterator<Item = Option<&'k [u8]>>, before: &[Option<usize>], rule: Duplicates) -> Self {
        let mut rounds = Rounds { alone: Vec::new(), groups: Vec::new(), of: HashMap::new(), repeated: Vec::new() };
        let mut by_key: HashMap<&[u8], Vec<usize>> = HashMap::with_capacity(before.len());
        for (row, key) in keys.enumerate() {
            match key {
                _ if before[row].is_some() => rounds.repeated.push(row),
                Some(key) => by_key.entry(key).or_default().push(row),
                None => rounds.alone.push(row),
            }
        }
        for mut rows in by_key.into_values() {
            if rows.len() == 1 {
                rounds.alone.append(&mut rows);
                continue;
            }
            if rule == Duplicates::Last {
                rows.reverse();
            }
            rounds.of.extend(rows.iter().map(|&row| (row, rounds.groups.len())));
            rounds.groups.push(Group { rows, at: 0 });
        }
        rounds
    }

    /// The rows that go first.
    pub fn first(&mut self) -> Vec<usize> {
        let mut rows = std::mem::take(&mut self.alone);
        rows.extend(self.groups.iter().map(|group| group.rows[0]));
        rows
    }

    /// The row that goes where `row` is refused.
    pub fn successor(&self, row: usize) -> Option<usize> {
        let group = &self.groups[*self.of.get(&row)?];
        group.rows.get(group.at + 1).copied()
    }

    /// Has the next one go in place of a row that was refused.
    pub fn advance(&mut self, row: usize) -> Option<usize> {
        let group = &mut self.groups[*self.of.get(&row)?];
        group.at += 1;
        group.rows.get(group.at).copied()
    }

    /// The rows that never went, each with the one that went instead; none where that was in an earlier piece.
    pub fn left(&self) -> Vec<(usize, Option<usize>)> {
        let of_groups = self.groups.iter().flat_map(|group| {
            let went = group.rows.get(group.at).copied();
            group.rows.iter().skip(group.at + 1).map(move |&row| (row, went))
        });
        let mut left: Vec<_> = of_groups.chain(self.repeated.iter().map(|&row| (row, None))).collect();
        left.sort_unstable();
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(keys: &[u8], rule: Duplicates) -> Rounds {
        let keys = keys.iter().map(std::slice::from_ref).map(|key| (key[0] > 0).then_some(key));
        Rounds::new(keys.clone(), &vec![None; keys.count()], rule)
    }

    fn first(rounds: &mut Rounds) -> Vec<usize> {
        let mut rows = rounds.first();
        rows.sort_unstable();
        rows
    }

    #[test]
    fn the_first_or_last_of_a_key_goes() {
        let keys = [1, 2, 1, 0, 0, 1];
        let mut by_first = rounds(&keys, Duplicates::First);
        assert_eq!(first(&mut by_first), [0, 1, 3, 4]);
        assert_eq!(by_first.left(), [(2, Some(0)), (5, Some(0))]);
        assert_eq!(first(&mut rounds(&keys, Duplicates::Last)), [1, 3, 4, 5]);
    }

    #[test]
    fn a_refused_row_makes_room_for_the_next() {
        let mut refused = rounds(&[1, 1, 1, 0], Duplicates::Refuse);
        assert_eq!(first(&mut refused), [0, 3]);
        assert_eq!((refused.successor(0), refused.successor(3)), (Some(1), None));
        assert_eq!(refused.advance(0), Some(1));
        assert_eq!(refused.left(), [(2, Some(1))]);
        assert_eq!((refused.advance(1), refused.advance(2), refused.advance(3)), (Some(2), None, None));
        assert!(refused.left().is_empty());
    }

    #[test]
    fn a_key_of_an_earlier_piece_never_goes() {
        let keys = [Some([1].as_slice()), Some(&[2])];
        let mut repeated = Rounds::new(keys.into_iter(), &[Some(7), None], Duplicates::First);
        assert_eq!(repeated.first(), [1]);
        assert_eq!(repeated.left(), [(0, None)]);
    }
}
