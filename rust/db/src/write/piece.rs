//! Writes under a load id: piece by piece, each from where the ledger says that the load is.
//!
//! A piece whose rows an earlier run has committed is only hashed, to see that they are the same; one that lies on both
//! sides of that border is cut. Two runs of one load at the same time take turns: who finds that the other was faster
//! goes on after him.

use std::sync::Arc;

use dataflow_core::ledger::{Entry, InputHash, Kind, State, Status};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, ErrorKind, Outcome, Result};
use tokio_util::sync::CancellationToken;

use super::counts::Progress;
use super::ledger::{Mark, Step};
use super::run::{LoadPiece, LoadRun};
use super::{Counts, Tolerance, Write, Written};
use crate::context::Context;
use crate::database::{Database, Table};

/// What is to be done with the rows of a piece.
enum Way {
    Write,
    /// More than these are written.
    Skip(State),
    /// So many of them are written, and the others are not.
    Cut(usize, State),
    /// They are the last of a load that is done.
    Replay(State),
}

/// A piece on its way.
struct Course<'a> {
    schema: &'a Arc<TableSchema>,
    cancel: &'a CancellationToken,
    entry: Entry,
    last: bool,
    /// Of what is not written yet, as far as is known.
    write: Write,
    /// Of the rows before those.
    from: InputHash,
    /// Of all rows up to the end of the piece.
    to: InputHash,
    /// Rows of the piece that were written before.
    cut: usize,
    /// What came of those.
    gained: Counts,
}

impl Course<'_> {
    /// # Errors
    /// `LoadMismatch` where the load cannot go on with these rows.
    fn way(&self, run: &LoadRun) -> Result<Way> {
        let Some(state) = run.elsewhere.clone() else {
            return Ok(Way::Write);
        };
        let (from, to, done) = (self.from.count(), self.to.count(), state.rows_done);
        match state.status {
            Status::Done if to > done || (self.last && to < done) => Err(self.entry.mismatch(&state)),
            Status::Done if self.last => Ok(Way::Replay(state)),
            Status::Done => Ok(Way::Skip(state)),
            Status::Running if !run.resumable => Err(self.entry.unfinished(&state)),
            Status::Running if done < from => Err(self.entry.forgotten()),
            Status::Running if done > to && self.last => Err(self.entry.mismatch(&state)),
            Status::Running if done > to => Ok(Way::Skip(state)),
            Status::Running => {
                let rows = usize::try_from(done - from);
                rows.map(|rows| Way::Cut(rows, state)).map_err(|_| Error::internal("a piece is larger than memory"))
            }
        }
    }

    /// # Errors
    /// `LoadMismatch` where the rows are other ones than those the ledger knows.
    fn check(&self, hash: &InputHash, state: &State) -> Result<()> {
        if self.mark(hash).hash == state.input_hash { Ok(()) } else { Err(self.entry.mismatch(state)) }
    }

    fn mark(&self, hash: &InputHash) -> Mark {
        Mark { rows: hash.count(), hash: hash.clone().finish(self.schema) }
    }

    fn skip(&self, run: &mut LoadRun, state: &State) -> Result<Written> {
        // Of a load that is done nothing will be written, and no row compared with an earlier one.
        if state.status == Status::Running {
            self.write.note_keys(self.schema, &Progress::of(state)?.refused)?;
        }
        run.pass(&self.to, run.counts);
        Ok(self.nothing_more())
    }

    fn replay(&mut self, run: &mut LoadRun, state: &State) -> Result<Written> {
        self.check(&self.to, state)?;
        self.gained = self.gained.and(run.pass(&self.to, Progress::of(state)?.counts));
        Ok(Written { replayed: !run.wrote, ..self.nothing_more() })
    }

    fn nothing_more(&self) -> Written {
        Written { counts: self.gained, ..Written::default() }
    }

    /// Leaves the rows that are written behind.
    async fn cut(&mut self, run: &mut LoadRun, rows: usize, state: &State) -> Result<()> {
        let (written, rest) = self.write.clone().split(rows)?;
        written.add_to(&mut self.from, self.schema, self.cancel).await?;
        self.check(&self.from, state)?;
        let Progress { counts, refused } = Progress::of(state)?;
        written.note_keys(self.schema, &refused)?;
        self.gained = self.gained.and(run.pass(&self.from, counts));
        run.refused = refused;
        (self.write, self.cut, run.elsewhere) = (rest, self.cut + rows, None);
        Ok(())
    }

    fn step(&self, run: &LoadRun) -> Step {
        let (from, to) = (self.mark(&self.from), self.mark(&self.to));
        let refused = self.keeps_refused(run).then(|| run.refused.clone());
        Step { entry: self.entry.clone(), from, to, last: self.last, before: run.counts, refused }
    }

    /// Whether a later run has to know which rows were refused: it has not seen that their keys are stored by none.
    const fn keeps_refused(&self, run: &LoadRun) -> bool {
        run.resumable && !self.last && !matches!(self.write, Write::Append { .. })
    }

    /// What the write brought, where it was the next step.
    fn end(&self, run: &mut LoadRun, result: Result<Written>) -> Result<Option<Written>> {
        match result {
            Ok(Written { elsewhere: Some(state), .. }) => {
                run.meet(state);
                Ok(None)
            }
            Ok(written) => {
                (run.wrote, run.committed) = (true, Some(self.to.count()));
                if self.keeps_refused(run) {
                    run.refused = written.refused_after(&run.refused)?;
                }
                let counts = self.gained.and(run.pass(&self.to, run.counts.and(written.counts)));
                Ok(Some(Written { counts, ..written }))
            }
            Err(error) => {
                if error.detail().outcome == Some(Outcome::Committed) {
                    run.committed = Some(self.to.count());
                }
                Err(after(error, self.cut))
            }
        }
    }
}

impl Database {
    /// Writes the rows of a piece that are not written yet. Its counts are those of all its rows, and of those that
    /// another run has written since the piece before.
    pub(super) async fn write_piece(
        &self,
        table: &Table,
        write: Write,
        piece: &LoadPiece,
        tolerance: Option<&Tolerance>,
        context: &Context,
    ) -> Result<Written> {
        let mut run = piece.run.lock().await;
        let result = self.go_on(table, write, piece, &mut run, tolerance, context).await;
        // Nothing of these rows was written, so that a transaction around them has nothing to undo and goes on.
        let mismatch = |error: &Error| error.kind() == ErrorKind::LoadMismatch && context.transaction.is_none();
        result.map_err(|error| if mismatch(&error) { error.outcome(Outcome::RolledBack) } else { error })
    }

    async fn go_on(
        &self,
        table: &Table,
        write: Write,
        piece: &LoadPiece,
        run: &mut LoadRun,
        tolerance: Option<&Tolerance>,
        context: &Context,
    ) -> Result<Written> {
        let (schema, cancel) = (&table.schema, &context.cancel);
        let entry = Entry {
            tenant: context.scope().tenant_of(schema)?.cloned(),
            scope: schema.full_name(),
            kind: Kind::Load,
            key: piece.key.clone(),
        };
        let from = run.hash.clone().map_or_else(|| write.hash(schema), Ok)?;
        let mut to = from.clone();
        write.add_to(&mut to, schema, cancel).await?;
        let (last, gained) = (piece.last, Counts::default());
        let mut course = Course { schema, cancel, entry, last, write, from, to, cut: 0, gained };
        loop {
            match course.way(run)? {
                Way::Write => {}
                Way::Skip(state) => return course.skip(run, &state),
                Way::Replay(state) => return course.replay(run, &state),
                Way::Cut(rows, state) => {
                    course.cut(run, rows, &state).await?;
                    if course.from.count() == course.to.count() && !course.last {
                        return Ok(course.nothing_more());
                    }
                }
            }
            let step = course.step(run);
            let tolerance = tolerance.map(|tolerance| tolerance.after(course.gained.rejected));
            let result = self.write_step(table, course.write.clone(), Some(step), tolerance.as_ref(), context).await;
            if let Some(written) = course.end(run, result)? {
                return Ok(written);
            }
        }
    }
}

/// The error with the row of its path counted from the begin of a piece of which `rows` were cut off.
fn after(error: Error, rows: usize) -> Error {
    let row = error.detail().path.as_deref().and_then(|path| path.strip_prefix("data")).map(str::to_owned);
    match row {
        Some(row) if rows > 0 && row.starts_with('[') => error.path(row).renumbered(|row| rows + row).within("data"),
        _ => error,
    }
}
