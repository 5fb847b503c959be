//! A few new rows that give their keys: one statement, which commits by itself.

use dataflow_core::dialect::{Statement, takes_arrays};
use dataflow_core::{Error, Result};

use super::append::{Append, batch_of, with_keys};
use super::counts::Changed;
use super::direct::is_refused;
use super::{Counts, Writer, Written};
use crate::execute::run;
use crate::session::{Effect, Session};

/// From so many rows on a COPY in a transaction is as fast, whose round trips are four (benches/README.md, B9).
const ROWS: usize = 500;

impl Writer<'_> {
    /// The rows in one statement; None where it takes more, or the server refused a row, which it does not name.
    pub(super) async fn append_alone(&self, session: &mut Session, append: &Append) -> Option<Result<Written>> {
        let rows = append.rows.count();
        let more = !self.dialect.decides_rows()
            || self.nested
            || self.step.is_some()
            || self.part.is_some()
            || append.keys.generates();
        let is_plain = rows == 1 && append.is_one_statement(self.dialect.as_ref());
        // A row that a trigger leaves out of many would be missed when the others are committed.
        if more || is_plain || rows == 0 || rows > ROWS || (rows > 1 && !self.decides()) {
            return None;
        }
        match self.insert_arrays(session, append).await {
            Ok(None) => None,
            Err(error) if rows > 1 && is_refused(session, &error) => None,
            Ok(Some(written)) => Some(self.told(Ok(written), || append.expected())),
            Err(error) => {
                let placed = error.renumbered(|row| append.number(row)).within_rows("data");
                Some(self.told(Err(placed), || append.expected()))
            }
        }
    }

    async fn insert_arrays(&self, session: &mut Session, append: &Append) -> Result<Option<Written>> {
        let mut chunks = append.chunks();
        let (Some(scoped), None) = (chunks.next().transpose()?, chunks.next()) else {
            return Ok(None);
        };
        let batch = batch_of(&scoped)?;
        if !takes_arrays(self.dialect.as_ref(), batch) {
            return Ok(None);
        }
        let largest = append.keys.largest_given();
        let statement = Statement::insert_arrays(self.dialect.as_ref(), &scoped, batch, largest)?;
        let inserted =
            run(session, &statement, Effect::Write, &self.limits, &self.label(&scoped, batch)).await?.affected;
        if inserted != batch.num_rows() as u64 {
            return Err(Error::internal(format!(
                "{} rows were given and the server counted {inserted}",
                batch.num_rows()
            )));
        }
        let rows = append.return_rows.then(|| with_keys(&self.table, batch, None)).transpose()?;
        let known = rows.as_ref().or_else(|| append.rows.with_keys(&self.table));
        let changed = vec![Changed::new("insert", inserted, &self.table, known)?];
        let counts = Counts { inserted, ..Counts::default() };
        append.told(Written { counts, rows, changed, ..Written::default() }).map(Some)
    }
}
