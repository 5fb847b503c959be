//! What an operation will do, before any SQL: a plan, and the plan within its scope.

mod advice;
mod include;
mod read;
mod scope;
mod seek;

pub use advice::missing_index;
pub use include::Include;
pub use read::{Order, ReadPlan, parse_distinct_order, parse_fields, parse_names, parse_order};
pub use scope::{Scope, ScopedPlan, TenantId};
pub use seek::{Seek, reversed};

use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::filter::Filter;
use crate::pipeline::Pipeline;
use crate::schema::TableSchema;
use crate::update::Change;
use crate::value::Value;

/// Which rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    Matching(Filter),
    /// Rows whose values in `columns` are those of a row of `keys`, which has these columns in this order.
    Keyed {
        columns: Vec<usize>,
        keys: RecordBatch,
    },
    /// As [`Selection::Keyed`], where the keys are in the staging table, in columns named by [`staged_key`].
    Staged {
        columns: Vec<usize>,
    },
}

/// The staging table's name of the `at`-th column of a key.
pub fn staged_key(at: usize) -> String {
    format!("dataflow_{at}")
}

impl Selection {
    pub fn everything() -> Self {
        Selection::Matching(Filter::And(Vec::new()))
    }

    pub const fn filter(&self) -> Option<&Filter> {
        match self {
            Selection::Matching(filter) => Some(filter),
            Selection::Keyed { .. } | Selection::Staged { .. } => None,
        }
    }
}

/// What a column becomes in every selected row.
#[derive(Clone, Debug, PartialEq)]
pub enum Assignment {
    Value(Value<'static>),
    /// One more than it is.
    Increment,
    /// What an operator makes of it: one that [`crate::update::Update::assignments`] takes.
    Change(Change),
}

/// One operation on one table.
#[derive(Clone, Debug)]
pub enum Plan {
    Read(ReadPlan),
    Count {
        table: Arc<TableSchema>,
        selection: Selection,
        include_deleted: bool,
        /// Whether the rows are locked until the transaction ends.
        lock: bool,
    },
    Aggregate {
        table: Arc<TableSchema>,
        pipeline: Pipeline,
        include_deleted: bool,
    },
    /// New rows, already normalised to the table's types.
    Append {
        table: Arc<TableSchema>,
        batch: RecordBatch,
    },
    /// Whole rows that are inserted or, where `target` finds them, changed in the columns `set`; in none: left alone.
    Upsert {
        table: Arc<TableSchema>,
        batch: RecordBatch,
        target: Vec<usize>,
        set: Vec<usize>,
    },
    /// Whole rows that are there, found by key, whose columns `set` change.
    Put {
        table: Arc<TableSchema>,
        batch: RecordBatch,
        set: Vec<usize>,
    },
    /// The same change for every selected row.
    Change {
        table: Arc<TableSchema>,
        selection: Selection,
        assignments: Vec<(usize, Assignment)>,
        include_deleted: bool,
    },
    Remove {
        table: Arc<TableSchema>,
        selection: Selection,
        include_deleted: bool,
    },
}

impl Plan {
    pub fn table(&self) -> &Arc<TableSchema> {
        match self {
            Plan::Read(read) => &read.table,
            Plan::Count { table, .. }
            | Plan::Aggregate { table, .. }
            | Plan::Append { table, .. }
            | Plan::Upsert { table, .. }
            | Plan::Put { table, .. }
            | Plan::Change { table, .. }
            | Plan::Remove { table, .. } => table,
        }
    }

    /// Which rows it is about, where a filter says it.
    pub const fn filter(&self) -> Option<&Filter> {
        match self {
            Plan::Read(ReadPlan { selection, .. })
            | Plan::Count { selection, .. }
            | Plan::Change { selection, .. }
            | Plan::Remove { selection, .. } => selection.filter(),
            Plan::Aggregate { .. } | Plan::Append { .. } | Plan::Upsert { .. } | Plan::Put { .. } => None,
        }
    }

    /// The models whose rows it asks for beside its own.
    pub fn related(&self) -> Vec<&Arc<TableSchema>> {
        let mut tables = self.filter().map(Filter::related).unwrap_or_default();
        match self {
            Plan::Read(read) => tables.extend(read.include.iter().flat_map(Include::tables)),
            Plan::Aggregate { pipeline, .. } => tables.extend(pipeline.related()),
            _ => {}
        }
        tables
    }

    /// The name of the operation in events and SQL comments.
    pub const fn operation(&self) -> &'static str {
        match self {
            Plan::Read(_) => "read",
            Plan::Count { .. } => "count",
            Plan::Aggregate { .. } => "aggregate",
            Plan::Append { .. } => "append",
            Plan::Upsert { .. } => "upsert",
            Plan::Put { .. } | Plan::Change { .. } => "update",
            Plan::Remove { .. } => "delete",
        }
    }

    /// Whether rows that were soft-deleted count too.
    const fn includes_deleted(&self) -> bool {
        match self {
            Plan::Read(ReadPlan { include_deleted, .. })
            | Plan::Count { include_deleted, .. }
            | Plan::Aggregate { include_deleted, .. }
            | Plan::Change { include_deleted, .. }
            | Plan::Remove { include_deleted, .. } => *include_deleted,
            Plan::Append { .. } | Plan::Upsert { .. } | Plan::Put { .. } => true,
        }
    }
}
