//! What an operation will do, before any SQL: a plan, and the plan within its scope.

mod read;
mod scope;

pub use read::{Order, ReadPlan, parse_order};
pub use scope::{Scope, ScopedPlan, TenantId};

use std::sync::Arc;

use arrow_array::RecordBatch;

use crate::filter::Filter;
use crate::schema::TableSchema;

/// One operation on one table.
#[derive(Clone, Debug)]
pub enum Plan {
    Read(ReadPlan),
    Count {
        table: Arc<TableSchema>,
        filter: Filter,
    },
    /// New rows, already normalised to the table's types.
    Append {
        table: Arc<TableSchema>,
        batch: RecordBatch,
    },
}

impl Plan {
    pub fn table(&self) -> &Arc<TableSchema> {
        match self {
            Plan::Read(read) => &read.table,
            Plan::Count { table, .. } | Plan::Append { table, .. } => table,
        }
    }

    /// The name of the operation in events and SQL comments.
    pub const fn operation(&self) -> &'static str {
        match self {
            Plan::Read(_) => "read",
            Plan::Count { .. } => "count",
            Plan::Append { .. } => "append",
        }
    }
}
