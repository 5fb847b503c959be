//! Data that becomes all there is within a filter: what it has not is removed, and the rest is an upsert.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;
use dataflow_core::filter::Filter;
use dataflow_core::merge::{Key, keys_of};
use dataflow_core::plan::{ReadPlan, Selection};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Result};

use super::counts::Changed;
use super::matching::check_affected;
use super::merge::{FIND_ROWS, Merge};
use super::{Writer, Written};
use crate::session::Session;

/// Which stored rows the data stands for.
#[derive(Clone, Debug)]
pub struct Within {
    pub filter: Filter,
    pub hard: bool,
    /// Most rows that may be removed.
    pub max_affected: Option<u64>,
}

impl Within {
    /// # Errors
    /// `MissingValue` for a row that cannot be told from those that are not in the data.
    pub(super) fn check(&self, table: &TableSchema, target: &[usize], keys: &[Option<Key>]) -> Result<()> {
        let Some(row) = keys.iter().position(Option::is_none) else { return Ok(()) };
        let names = table.names(target).join(", ");
        Err(Error::new(ErrorKind::MissingValue, format!("a row without {names} cannot be found again"))
            .path(format!("data[{row}]"))
            .hint("give the fields, or name those of a unique set in conflict_on"))
    }
}

impl Writer<'_> {
    /// The removal comes first: a row that goes may have a unique value that one of the data takes.
    pub(super) async fn sync(&self, session: &mut Session, merge: &Merge, within: &Within) -> Result<Written> {
        let ours: HashSet<&Key> = merge.keys().iter().flatten().collect();
        let stored = self.find_within(session, merge, &within.filter).await?;
        let found = keys_of(&self.table, merge.target(), &stored)?;
        let is_theirs = |key: &Option<Key>| key.as_ref().is_none_or(|key| !ours.contains(key));
        let theirs: UInt64Array = (0_u64..).zip(&found).filter(|(_, key)| is_theirs(key)).map(|(at, _)| at).collect();
        let going = take_record_batch(&stored, &theirs).map_err(|error| Error::internal(error.to_string()))?;
        let rows = going.num_rows();
        check_affected(rows as u64, within.max_affected)?;
        for at in (0..rows).step_by(FIND_ROWS) {
            self.remove_found(session, &going.slice(at, FIND_ROWS.min(rows - at)), within.hard).await?;
        }
        let mut written = self.merge(session, merge).await?;
        self.check_within(session, merge, &within.filter).await?;
        written.counts.deleted = rows as u64;
        written.changed.push(Changed::new("delete", rows as u64, &self.table, Some(&going))?);
        Ok(written)
    }

    /// A row that the filter does not find would be there twice as often with every sync, or never.
    async fn check_within(&self, session: &mut Session, merge: &Merge, filter: &Filter) -> Result<()> {
        if filter.is_everything() {
            return Ok(());
        }
        let stored = self.find_within(session, merge, filter).await?;
        let found = keys_of(&self.table, merge.target(), &stored)?;
        let found: HashSet<&Key> = found.iter().flatten().collect();
        match merge.keys().iter().position(|key| key.as_ref().is_some_and(|key| !found.contains(key))) {
            None => Ok(()),
            Some(row) => Err(Error::new(ErrorKind::CheckViolation, "the row is not among those that `within` finds")
                .path(format!("data[{row}]"))
                .hint("leave it out, or make the filter wider")),
        }
    }

    /// Keys and values to be found by of the rows of the filter, locked.
    async fn find_within(&self, session: &mut Session, merge: &Merge, filter: &Filter) -> Result<RecordBatch> {
        let (table, order, selection) =
            (Arc::clone(&self.table), self.key_order(), Selection::Matching(filter.clone()));
        let mut columns: Vec<usize> = table.key.iter().chain(merge.target()).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        let columns = Some(columns);
        let (limit, offset, include_deleted, lock) = (None, 0, false, true);
        let read = ReadPlan { table, columns, selection, order, limit, offset, include_deleted, lock };
        self.read_plan(session, read).await
    }
}
