//! A write, checked before anything is asked of the server.

use std::sync::Arc;

use dataflow_core::Result;
use dataflow_core::plan::Scope;
use dataflow_core::schema::TableSchema;

use super::append::Append;
use super::merge;
use super::reject::Sieve;
use super::{Write, Written};

/// A write whose rows are checked as far as they can be before anything is asked of the server.
pub(super) enum Job {
    Append(Append),
    Merge(merge::Merge),
    Change(Write),
    /// Rows of which some may be refused: the others are jobs of their own.
    Sift(Sieve),
}

impl Job {
    pub(super) fn new(table: &Arc<TableSchema>, scope: &Scope, write: Write, now: i64) -> Result<Self> {
        match write {
            Write::Append { rows, return_rows, part } => {
                let append = Append::new(table, scope, rows, return_rows, now, None)?;
                Ok(Job::Append(append.after(part.map_or(0, |part| part.first))))
            }
            write @ (Write::Upsert { .. } | Write::UpdateRows { .. }) => {
                merge::Merge::new(table, write, now)?.with_target(table).map(Job::Merge)
            }
            write => Ok(Job::Change(write)),
        }
    }

    /// How many stored rows it may meet by their keys.
    pub(super) fn rows_met(&self) -> usize {
        match self {
            Job::Merge(merge) => merge.rows(),
            Job::Change(Write::DeleteRows { rows, .. }) => rows.count(),
            Job::Append(_) | Job::Sift(_) | Job::Change(_) => 0,
        }
    }

    /// As [`Self::new`] for some rows of a write: what is asked of all of them was asked.
    pub(super) fn of_some(table: &Arc<TableSchema>, scope: &Scope, write: Write, now: i64) -> Result<Self> {
        match write {
            write @ (Write::Upsert { .. } | Write::UpdateRows { .. }) => {
                merge::Merge::new(table, write, now).map(Job::Merge)
            }
            write => Job::new(table, scope, write, now),
        }
    }

    /// Whether it reads no row to decide what it writes.
    pub(super) const fn only_appends(&self) -> bool {
        match self {
            Job::Append(_) => true,
            Job::Sift(sieve) => sieve.only_appends(),
            Job::Merge(_) | Job::Change(_) => false,
        }
    }

    /// What is written when there are no rows to write: nothing is asked of the server.
    pub(super) fn without_rows(&self, table: &TableSchema) -> Result<Option<Written>> {
        match self {
            Job::Append(append) => append.without_rows(),
            Job::Merge(merge) => merge.without_rows(table),
            Job::Change(write) => write.without_rows(table),
            Job::Sift(sieve) => sieve.without_rows(table),
        }
    }
}
