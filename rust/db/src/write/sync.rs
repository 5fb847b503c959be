//! Data that becomes all there is within a filter: what it has not is removed, and the rest is an upsert.

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;
use dataflow_core::filter::Filter;
use dataflow_core::merge::Keys;
use dataflow_core::plan::Selection;
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Result};

use super::counts::Changed;
use super::matching::check_affected;
use super::merge::Merge;
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
    pub(super) fn check(&self, table: &TableSchema, target: &[usize], keys: &Keys) -> Result<()> {
        let Some(row) = keys.iter().position(|key| key.is_none()) else { return Ok(()) };
        let names = table.names(target).join(", ");
        Err(Error::new(ErrorKind::MissingValue, format!("a row without {names} cannot be found again"))
            .path(format!("data[{row}]"))
            .hint("give the fields, or name those of a unique set in conflict_on"))
    }
}

impl Writer<'_> {
    /// The removal comes first: a row that goes may have a unique value that one of the data takes.
    pub(super) async fn sync(&self, session: &mut Session, merge: &Merge, within: &Within) -> Result<Written> {
        let stored = self.find_within(session, merge, &within.filter).await?;
        let ours = Keys::of(&self.table, merge.target(), &stored)?.find_in(merge.keys());
        let theirs: UInt64Array = (0_u64..).zip(ours).filter(|(_, ours)| ours.is_none()).map(|(at, _)| at).collect();
        let going = take_record_batch(&stored, &theirs).map_err(|error| Error::internal(error.to_string()))?;
        let rows = going.num_rows();
        check_affected(rows as u64, within.max_affected)?;
        self.remove_all_found(session, &going, within.hard).await?;
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
        let found = merge.keys().find_in(&Keys::of(&self.table, merge.target(), &stored)?);
        match merge.keys().iter().zip(found).position(|(key, found)| key.is_some() && found.is_none()) {
            None => Ok(()),
            Some(row) => Err(Error::new(ErrorKind::CheckViolation, "the row is not among those that `within` finds")
                .path(format!("data[{row}]"))
                .hint("leave it out, or make the filter wider")),
        }
    }

    /// Keys and values to be found by of the rows of the filter, locked.
    async fn find_within(&self, session: &mut Session, merge: &Merge, filter: &Filter) -> Result<RecordBatch> {
        let mut columns: Vec<usize> = self.table.key.iter().chain(merge.target()).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        self.find_columns(session, &columns, Selection::Matching(filter.clone()), false).await
    }
}
