//! One run of a load: what its pieces have in common.

use std::sync::Arc;

use dataflow_core::ledger::{EntryKey, InputHash, RowNumbers, State, Status};
use tokio::sync::Mutex;

use super::Counts;

/// The rows of a write that happens once: all of them, or the next ones of a load.
pub struct LoadPiece {
    pub key: EntryKey,
    /// Whether no rows come after these.
    pub last: bool,
    pub run: Arc<Mutex<LoadRun>>,
}

impl LoadPiece {
    /// All rows at once.
    pub fn whole(key: EntryKey) -> Self {
        LoadPiece { key, last: true, run: Arc::default() }
    }
}

/// One run of a load: what is known from one piece to the next.
#[derive(Default)]
pub struct LoadRun {
    /// Whether each piece commits by itself, so that another run may go on after it.
    pub(super) resumable: bool,
    /// Of the rows so far; none before the first piece.
    pub(super) hash: Option<InputHash>,
    /// What came of the rows so far, in all runs.
    pub(super) counts: Counts,
    /// Which of them were refused, where a later run has to know.
    pub(super) refused: RowNumbers,
    /// What the ledger says, where that is not where this run is.
    pub(super) elsewhere: Option<State>,
    pub(super) wrote: bool,
    resumed_at: Option<u64>,
    pub(super) committed: Option<u64>,
}

impl LoadRun {
    pub fn new(resumable: bool) -> Self {
        LoadRun { resumable, ..LoadRun::default() }
    }

    /// Rows that an earlier run had committed, after which this one went on.
    pub fn resumed_at(&self) -> Option<u64> {
        self.resumed_at
    }

    /// Rows of the load that are known to be committed, by whichever run; None before the ledger was looked at.
    pub fn committed(&self) -> Option<u64> {
        self.committed
    }

    /// The ledger says that the load is elsewhere.
    pub(super) fn meet(&mut self, state: State) {
        if state.status == Status::Running && state.rows_done > 0 && !self.wrote && self.resumed_at.is_none() {
            self.resumed_at = Some(state.rows_done);
        }
        self.committed = Some(state.rows_done);
        self.elsewhere = Some(state);
    }

    /// Moves on over rows; returns what came of them.
    pub(super) fn pass(&mut self, hash: &InputHash, counts: Counts) -> Counts {
        let gained = counts.since(self.counts);
        (self.hash, self.counts) = (Some(hash.clone()), counts);
        gained
    }
}
