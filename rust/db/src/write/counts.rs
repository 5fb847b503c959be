//! What became of the rows, as counts and as events.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use dataflow_core::batch::cell;
use dataflow_core::event::Event;
use dataflow_core::ledger::{RowNumbers, State, read_result, render_result};
use dataflow_core::merge::Fate;
use dataflow_core::schema::TableSchema;
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, Result};

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
    pub rejected: u64,
    /// Rows a filter found.
    pub matched: u64,
}

impl Counts {
    pub const NAMES: [&'static str; 9] =
        ["inserted", "updated", "unchanged", "deleted", "ignored", "duplicate", "missing", "rejected", "matched"];

    /// In the order of [`Self::NAMES`].
    pub const fn values(&self) -> [u64; 9] {
        [
            self.inserted,
            self.updated,
            self.unchanged,
            self.deleted,
            self.ignored,
            self.duplicate,
            self.missing,
            self.rejected,
            self.matched,
        ]
    }

    const fn from_values(values: [u64; 9]) -> Self {
        let [inserted, updated, unchanged, deleted, ignored, duplicate, missing, rejected, matched] = values;
        Counts { inserted, updated, unchanged, deleted, ignored, duplicate, missing, rejected, matched }
    }

    /// Those of both.
    pub(super) fn and(&self, other: Counts) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// Those that came after `before`.
    pub(super) fn since(&self, before: Counts) -> Self {
        self.each(before, u64::saturating_sub)
    }

    fn each(&self, other: Counts, combine: impl Fn(u64, u64) -> u64) -> Self {
        let (ours, theirs) = (self.values(), other.values());
        Counts::from_values(std::array::from_fn(|at| combine(ours[at], theirs[at])))
    }

    pub(super) fn of(fates: &[Fate]) -> Self {
        let mut counts = Counts::default();
        for fate in fates {
            *match fate {
                Fate::Insert => &mut counts.inserted,
                Fate::Update { .. } => &mut counts.updated,
                Fate::Unchanged { .. } => &mut counts.unchanged,
                Fate::Delete { .. } => &mut counts.deleted,
                Fate::Ignored { .. } => &mut counts.ignored,
                Fate::Duplicate { .. } | Fate::Repeated { .. } => &mut counts.duplicate,
                Fate::Missing => &mut counts.missing,
            } += 1;
        }
        counts
    }
}

/// What came of the rows of a load so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub counts: Counts,
    /// The rows that were refused, where a later run has to know them: their keys are those of no stored row.
    pub refused: RowNumbers,
}

impl Progress {
    /// As the ledger keeps it.
    pub fn render(&self) -> Result<String> {
        let counts: Vec<_> = Counts::NAMES.into_iter().zip(self.counts.values()).collect();
        render_result(&counts, &self.refused)
    }

    /// # Errors
    /// As of [`read_result`].
    pub fn of(state: &State) -> Result<Self> {
        let Some(text) = state.result.as_deref() else { return Ok(Progress::default()) };
        let (counts, refused) = read_result(text)?;
        let find = |wanted| counts.iter().find(|(name, _)| name == wanted).map_or(0, |(_, count)| *count);
        Ok(Progress { counts: Counts::from_values(Counts::NAMES.map(find)), refused })
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
    ///
    /// # Errors
    /// `Internal` for a batch that has not the columns of the key.
    pub fn new(operation: &'static str, rows: u64, table: &TableSchema, batch: Option<&RecordBatch>) -> Result<Self> {
        let keys = match batch.filter(|batch| batch.num_rows() <= TOLD_KEYS) {
            Some(batch) => told_keys(table, batch)?,
            None => Vec::new(),
        };
        Ok(Changed { operation, rows, keys })
    }

    /// Rows whose keys are not known.
    pub const fn unnamed(operation: &'static str, rows: u64) -> Self {
        Changed { operation, rows, keys: Vec::new() }
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
fn told_keys(table: &TableSchema, batch: &RecordBatch) -> Result<Vec<String>> {
    let mut columns = Vec::with_capacity(table.key.len());
    for &at in &table.key {
        let column = &table.columns[at];
        let array = batch.column_by_name(&column.name);
        columns.push((&column.ty, array.ok_or_else(|| Error::internal("rows without their key"))?));
    }
    let row = |row: usize| {
        let text = |(ty, array): &(&LogicalType, &ArrayRef)| cell(ty, array, row)?.to_key_text(ty);
        let texts = columns.iter().map(text).collect::<Result<Vec<_>>>()?;
        Ok(match &texts[..] {
            [only] => only.clone(),
            several => format!("{several:?}"),
        })
    };
    (0..batch.num_rows()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_comes_back_from_the_ledger() {
        let mut progress = Progress { counts: Counts::from_values([1, 2, 3, 4, 5, 6, 7, 8, 9]), ..Progress::default() };
        progress.refused.add(3).unwrap();
        let begun = State::begun(String::new());
        assert_eq!(Progress::of(&begun).unwrap(), Progress::default());
        let state = State { result: Some(progress.render().unwrap()), ..begun };
        assert_eq!(Progress::of(&state).unwrap(), progress);
    }

    #[test]
    fn counts_are_added_and_taken_away_name_by_name() {
        let (all, some) =
            (Counts::from_values([9, 8, 7, 6, 5, 4, 3, 3, 2]), Counts::from_values([1, 2, 3, 4, 5, 3, 2, 2, 1]));
        assert_eq!(all.since(some).and(some), all);
        assert_eq!((all.since(some).inserted, all.since(some).matched), (8, 1));
    }
}
