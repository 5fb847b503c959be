//! What became of the rows, as counts and as events.

use std::sync::Arc;

use arrow_array::RecordBatch;
use dataflow_core::Result;
use dataflow_core::batch::cell;
use dataflow_core::event::Event;
use dataflow_core::ledger::{read_result, render_result};
use dataflow_core::schema::TableSchema;

use super::{Writer, Written};

/// Keys told with one event; more rows are told by their number only.
pub(super) const TOLD_KEYS: usize = 1_000;

/// How many rows ended how; all but `matched` sum to the rows given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub inserted: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub ignored: u64,
    pub duplicate: u64,
    pub missing: u64,
    /// Rows a filter found.
    pub matched: u64,
}

impl Counts {
    pub const NAMES: [&'static str; 8] =
        ["inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "matched"];

    /// In the order of [`Self::NAMES`].
    pub const fn values(&self) -> [u64; 8] {
        [
            self.inserted,
            self.updated,
            self.unchanged,
            self.deleted,
            self.ignored,
            self.duplicate,
            self.missing,
            self.matched,
        ]
    }

    /// As the ledger keeps them.
    pub(super) fn render(&self) -> Result<String> {
        let counts: Vec<_> = Self::NAMES.into_iter().zip(self.values()).collect();
        render_result(&counts)
    }

    /// # Errors
    /// As of [`read_result`].
    pub(super) fn read(text: &str) -> Result<Self> {
        let counts = read_result(text)?;
        let [inserted, updated, unchanged, deleted, ignored, duplicate, missing, matched] =
            Self::NAMES.map(|wanted| counts.iter().find(|(name, _)| name == wanted).map_or(0, |(_, count)| *count));
        Ok(Counts { inserted, updated, unchanged, deleted, ignored, duplicate, missing, matched })
    }
}

/// Rows that changed in one way.
#[derive(Clone, Debug)]
pub(super) struct Changed {
    pub operation: &'static str,
    pub rows: u64,
    pub keys: Vec<String>,
}

impl Changed {
    /// `batch` holds the rows with their keys, where they are known.
    pub fn new(operation: &'static str, rows: u64, table: &TableSchema, batch: Option<&RecordBatch>) -> Self {
        let keys = batch.filter(|batch| batch.num_rows() <= TOLD_KEYS);
        Changed { operation, rows, keys: keys.map(|batch| told_keys(table, batch)).unwrap_or_default() }
    }
}

impl Writer<'_> {
    pub(super) fn events<'w>(&'w self, written: &'w Written) -> impl Iterator<Item = Event> + 'w {
        let tenant = self.scope.tenant.as_ref().filter(|_| self.table.multi_tenant);
        written.changed.iter().filter(|changed| changed.rows > 0).map(move |changed| Event::RowsChanged {
            model: Arc::from(self.table.model.as_str()),
            table: Arc::from(self.table.full_name()),
            operation: changed.operation,
            tenant: tenant.map(|tenant| tenant.shared()),
            rows: changed.rows,
            keys: changed.keys.clone(),
            labels: self.scope.labels.clone(),
        })
    }
}

/// The keys as text; those of several fields as a JSON list of their texts.
fn told_keys(table: &TableSchema, batch: &RecordBatch) -> Vec<String> {
    let column = |&at: &usize| {
        let column = &table.columns[at];
        Some((&column.ty, batch.column_by_name(&column.name)?))
    };
    let Some(columns) = table.key.iter().map(column).collect::<Option<Vec<_>>>() else {
        return Vec::new();
    };
    let row = |row: usize| {
        let texts: Vec<String> = columns
            .iter()
            .filter_map(|(ty, array)| cell(ty, array, row).and_then(|key| key.to_key_text(ty)).ok())
            .collect();
        match &texts[..] {
            [only] => only.clone(),
            several => format!("{several:?}"),
        }
    };
    (0..batch.num_rows()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_back_from_the_ledger() {
        let [inserted, updated, unchanged, deleted, ignored, duplicate, missing, matched] = [1, 2, 3, 4, 5, 6, 7, 8];
        let counts = Counts { inserted, updated, unchanged, deleted, ignored, duplicate, missing, matched };
        assert_eq!(Counts::read(&counts.render().unwrap()).unwrap(), counts);
    }
}
