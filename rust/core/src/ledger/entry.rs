//! An entry of the ledger: its name, and how far its work is.

use std::sync::Arc;

use arrow_array::RecordBatch;

use super::{
    EPOCH, EntryKey, INPUT_HASH, KEY, KIND, Kind, RESULT, ROWS_DONE, SCOPE, STATUS, Status, TENANT, UPDATED_AT,
};
use crate::batch::{Given, Reading, RowsBuilder, cell};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::Filter;
use crate::plan::{Assignment, Selection, TenantId};
use crate::schema::TableSchema;
use crate::types::FloatRules;
use crate::value::{Raw, Value};

/// One thing to be done once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub tenant: Option<TenantId>,
    /// Table or workflow.
    pub scope: String,
    pub kind: Kind,
    pub key: EntryKey,
}

/// How far the work of an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub status: Status,
    /// Of the input that was worked on so far, as [`InputHash::finish`](super::InputHash::finish) gives it.
    pub input_hash: String,
    pub rows_done: u64,
    /// As [`render_result`](super::render_result) gives it; none where nothing is done yet.
    pub result: Option<String>,
    /// Raised by every commit of the entry: who finds another number than he left has been overtaken.
    pub epoch: i64,
}

impl State {
    /// That of an entry on whose input nothing was done yet.
    pub fn begun(input_hash: String) -> Self {
        State { status: Status::Running, input_hash, rows_done: 0, result: None, epoch: 0 }
    }
}

impl Entry {
    /// The row of an entry that is begun.
    pub fn row(&self, table: &Arc<TableSchema>, state: &State) -> Result<Given> {
        let reading = Reading { floats: FloatRules { nan: false, infinity: false }, nan_is_null: false };
        let mut row = RowsBuilder::new(table, reading, 1);
        for at in 0..table.columns.len() {
            row.push(at, self.cell_of(state, at))?;
        }
        row.end_row();
        row.finish()
    }

    pub(super) fn cell_of<'a>(&'a self, state: &'a State, column: usize) -> Option<Raw<'a>> {
        let text = |text: &'a str| Some(Raw::Text(text.into()));
        match column {
            STATUS => text(state.status.name()),
            INPUT_HASH => text(&state.input_hash),
            ROWS_DONE => Some(Raw::Int(count(state.rows_done))),
            RESULT => state.result.as_deref().and_then(text),
            EPOCH => Some(Raw::Int(state.epoch)),
            _ => self.key_part(column).and_then(text),
        }
    }

    fn key_part(&self, column: usize) -> Option<&str> {
        match column {
            TENANT => Some(self.tenant.as_ref().map_or("", TenantId::as_str)),
            SCOPE => Some(&self.scope),
            KIND => Some(self.kind.name()),
            KEY => Some(&self.key.0),
            _ => None,
        }
    }

    /// The entry's own row.
    pub fn selection(&self) -> Selection {
        Selection::Matching(Filter::And(self.is_this().collect()))
    }

    /// The entry's own row, if nobody has changed it since it was read.
    pub fn selection_at(&self, epoch: i64) -> Selection {
        let unchanged = Filter::equal(EPOCH, Value::Int(epoch));
        Selection::Matching(Filter::And(self.is_this().chain([unchanged]).collect()))
    }

    fn is_this(&self) -> impl Iterator<Item = Filter> + '_ {
        [TENANT, SCOPE, KIND, KEY].into_iter().map(|column| {
            let text = self.key_part(column).unwrap_or_default().to_owned();
            Filter::equal(column, Value::Text(text.into()))
        })
    }

    /// What the ledger says of the entry; `stored` has its row, or none.
    ///
    /// # Errors
    /// `NewerFormat` for a status of a newer version.
    pub fn state_in(table: &TableSchema, stored: &RecordBatch) -> Result<Option<State>> {
        if stored.num_rows() == 0 {
            return Ok(None);
        }
        let broken =
            |at: usize| Error::internal(format!("an entry of the ledger without `{}`", table.columns[at].name));
        let value = |at: usize| cell(&table.columns[at].ty, stored.column(at), 0);
        let text = |at: usize| match value(at)? {
            Value::Text(text) => Ok(Some(text.into_owned())),
            _ => Ok::<_, Error>(None),
        };
        let int = |at: usize| match value(at)? {
            Value::Int(int) => Ok(int),
            _ => Err(broken(at)),
        };
        let status = text(STATUS)?.ok_or_else(|| broken(STATUS))?;
        let Some(status) = Status::ALL.into_iter().find(|known| known.name() == status) else {
            return Err(Error::new(ErrorKind::NewerFormat, "the ledger has an entry of a newer DataFlow")
                .hint("upgrade dataflow-db here"));
        };
        let result = text(RESULT)?;
        if status == Status::Done && result.is_none() {
            return Err(broken(RESULT));
        }
        let input_hash = text(INPUT_HASH)?.ok_or_else(|| broken(INPUT_HASH))?;
        let rows_done = u64::try_from(int(ROWS_DONE)?).map_err(|_| broken(ROWS_DONE))?;
        Ok(Some(State { status, input_hash, rows_done, result, epoch: int(EPOCH)? }))
    }

    /// The input is not that of the entry.
    pub fn mismatch(&self, state: &State) -> Error {
        let Entry { scope, .. } = self;
        let (rows, plural) = (state.rows_done, if state.rows_done == 1 { "row" } else { "rows" });
        let message = match state.status {
            Status::Done => format!("this load of {scope} was done with other input"),
            Status::Running => {
                format!("this load of {scope} was begun with other input, of which {rows} {plural} are committed")
            }
        };
        Error::new(ErrorKind::LoadMismatch, message).path("load_id").hint(
            "a rerun has the same rows in the same order and the same options; new data takes a load_id of its own",
        )
    }

    /// Rows of an earlier run are committed, and now it is to be all or nothing.
    pub fn unfinished(&self, state: &State) -> Error {
        let message = format!(
            "an earlier run of this load of {} has committed {} rows and did not end: it can be neither all nor nothing",
            self.scope, state.rows_done
        );
        Error::new(ErrorKind::LoadMismatch, message)
            .path("load_id")
            .hint("run it with atomic=False: it goes on after those rows")
    }

    /// Rows of this run are committed, and the ledger does not know them any more.
    pub fn forgotten(&self) -> Error {
        let message = format!("the ledger's entry of this load of {} was taken away while it ran", self.scope);
        Error::new(ErrorKind::LoadMismatch, message)
            .path("load_id")
            .hint("rows of it are committed, and a rerun would write them again: compare the table with the data")
    }

    /// Another has begun the same, and it is not known yet how that ends.
    pub fn overtaken(&self) -> Error {
        let message = format!("another transaction does the same {} of {}", self.kind.name(), self.scope);
        Error::new(ErrorKind::SerializationFailure, message)
    }
}

/// What brings an entry to a state; `now` in microseconds since 1970.
pub fn change_to(state: &State, now: i64) -> Vec<(usize, Assignment)> {
    let text = |text: &str| Value::Text(text.to_owned().into());
    let values = [
        (STATUS, text(state.status.name())),
        (INPUT_HASH, text(&state.input_hash)),
        (ROWS_DONE, Value::Int(count(state.rows_done))),
        (RESULT, state.result.as_deref().map_or(Value::Null, text)),
        (EPOCH, Value::Int(state.epoch)),
        (UPDATED_AT, Value::Instant(now)),
    ];
    values.into_iter().map(|(column, value)| (column, Assignment::Value(value))).collect()
}

fn count(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}
