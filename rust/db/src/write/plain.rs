//! Which merges may be left to the server: those that end as they would if the stored rows were read first.

use arrow_array::Array;
use dataflow_core::batch::{Given, Presence};
use dataflow_core::dialect::compares;
use dataflow_core::merge::OnMatch;
use dataflow_core::schema::{KeySource, Role, TableSchema};

use super::merge::Merge;

impl Merge {
    /// Whether a statement that sees no stored row before can know what is to become of each row.
    pub(super) fn is_plain(&self, table: &TableSchema) -> bool {
        let (given, rules) = (&self.given, &self.rules);
        let managed = [Role::Version, Role::DeletedAt];
        if !self.direct || self.return_rows || self.within.is_some() || rules.on_match == OnMatch::Refuse {
            return false;
        }
        if managed.iter().any(|&role| table.role(role).is_some()) || self.keys.order().len() != given.rows() {
            return false;
        }
        let same_columns = (0..table.columns.len()).all(|at| is_whole(given, at));
        same_columns && self.times_are_plain(table) && self.keys_are_plain(table) && self.values_are_plain(table)
    }

    /// A time of the last write that is given counts only where it is later than the stored one; a time of creation
    /// that is given as null is filled when the row is new and cleared when it is not.
    fn times_are_plain(&self, table: &TableSchema) -> bool {
        let lacks = |role| table.role(role).is_none_or(|at| self.given.lacks(at));
        let has_nulls = |role| table.role(role).is_some_and(|at| self.given.batch.column(at).null_count() > 0);
        lacks(Role::UpdatedAt) && (lacks(Role::CreatedAt) || !has_nulls(Role::CreatedAt))
    }

    /// A row that is found by other values must keep its key, and takes none from the table's sequence.
    fn keys_are_plain(&self, table: &TableSchema) -> bool {
        let made = table.key_source == KeySource::Uuid7 && table.key.iter().all(|&at| self.given.lacks(at));
        self.rules.target == table.key || made
    }

    /// The server compares the values as we do; none is moved from one row to another that may not share it; and what
    /// a check of the model is about is known.
    fn values_are_plain(&self, table: &TableSchema) -> bool {
        let set = self.set(table);
        let known = |at: usize| set.contains(&at) || table.key.contains(&at) || self.rules.target.contains(&at);
        let mut unique = table.unique_indexes().flat_map(|index| {
            let filtered = index.filter.iter().flat_map(|filter| filter.columns()).collect::<Vec<_>>();
            index.columns.iter().map(|order| order.column).chain(filtered).collect::<Vec<_>>()
        });
        set.iter().all(|&at| compares(&table.columns[at].ty))
            && !unique.any(|at| set.contains(&at))
            && (set.is_empty() || table.checks.iter().flat_map(|check| check.filter.columns()).all(known))
    }

    /// The columns that a row which is there gets anew where it differs; none where nothing can differ.
    pub(super) fn set(&self, table: &TableSchema) -> Vec<usize> {
        let rules = &self.rules;
        if rules.on_match == OnMatch::Ignore {
            return Vec::new();
        }
        let chosen = |at: &usize| {
            let same = table.key.contains(at) || rules.target.contains(at);
            !same && !self.given.lacks(*at) && rules.update.as_ref().is_none_or(|update| update.contains(at))
        };
        let mut set: Vec<usize> = (0..table.columns.len()).filter(chosen).collect();
        if !set.is_empty() {
            set.extend(table.role(Role::UpdatedAt));
            set.sort_unstable();
        }
        set
    }
}

/// Whether all rows give the column, or none does.
fn is_whole(given: &Given, at: usize) -> bool {
    match &given.present[at] {
        Presence::All | Presence::None => true,
        Presence::Rows(rows) => [0, given.rows()].contains(&rows.count_set_bits()),
    }
}
