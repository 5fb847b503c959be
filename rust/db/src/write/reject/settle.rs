//! Rows are written together; where that fails, those at fault are found and left out.

use dataflow_core::batch::Kept;
use dataflow_core::dialect::Statement;
use dataflow_core::reject::is_refusal;
use dataflow_core::{Error, Result};

use super::classify::{Asked, Found};
use super::tally::Tally;
use super::{Sieve, Writer, Written};
use crate::execute::control;
use crate::session::{Effect, Session};
use crate::write::Job;

const SAVEPOINT: &str = "dataflow_rows";

/// Rows that are still to be written, and what was asked about them already.
struct Todo {
    rows: Kept,
    asked: Asked,
}

impl Writer<'_> {
    /// Writes the rows, but for those that are refused. Rows are tried in input order, so that of two that exclude each
    /// other the first is stored. Where a row is refused at whose number it `stops`, the numbers of those that are not
    /// tried yet come back.
    pub(super) async fn settle(
        &self,
        session: &mut Session,
        sieve: &Sieve,
        rows: Kept,
        tally: &mut Tally<'_>,
        stops: &(dyn Fn(usize) -> Result<bool> + Sync),
    ) -> Result<Vec<usize>> {
        let mut todo = vec![Todo { rows, asked: Asked::default() }];
        while let Some(Todo { rows, mut asked }) = todo.pop() {
            if rows.numbers.is_empty() {
                continue;
            }
            let error = match self.attempt(session, sieve, &rows).await? {
                Ok(written) => {
                    tally.store(&rows, written);
                    continue;
                }
                Err(error) => error,
            };
            let mut found = self.classify(session, sieve, &rows, &error, &mut asked).await?;
            if rows.numbers.len() == 1 {
                // The model may know more of it than the database tells.
                tally.refuse(&rows, 0, &found.refused.remove(&0).unwrap_or(error))?;
                if stops(rows.numbers[0])? {
                    return Ok(todo.into_iter().flat_map(|todo| todo.rows.numbers).collect());
                }
                continue;
            }
            if found.is_empty() {
                let middle = rows.numbers.len() / 2;
                let all: Vec<usize> = (0..rows.numbers.len()).collect();
                let (first, second) = all.split_at(middle);
                todo.push(Todo { rows: rows.take(second)?, asked });
                todo.push(Todo { rows: rows.take(first)?, asked });
                continue;
            }
            let Found { refused, held } = found;
            for (&at, error) in &refused {
                tally.refuse(&rows, at, error)?;
            }
            // What is held back goes when it is known what became of the rows before it.
            let rest = |held_back: bool| -> Vec<usize> {
                (0..rows.numbers.len())
                    .filter(|at| !refused.contains_key(at) && held.contains(at) == held_back)
                    .collect()
            };
            todo.push(Todo { rows: rows.take(&rest(true))?, asked: Asked::default() });
            todo.push(Todo { rows: rows.take(&rest(false))?, asked });
        }
        Ok(Vec::new())
    }

    /// Writes the rows behind a savepoint; the inner error is the refusal of one of them, and nothing of them is left.
    async fn attempt(&self, session: &mut Session, sieve: &Sieve, rows: &Kept) -> Result<Result<Written>> {
        let refused = |error: Error| if is_refusal(&error) { Ok(Err(self.named(error))) } else { Err(error) };
        let mut job = match Job::of_some(&self.table, &self.scope, sieve.of(rows.given.clone()), self.now) {
            Ok(job) => job,
            Err(error) => return refused(error),
        };
        self.mark(session, "SAVEPOINT").await?;
        match Box::pin(self.run_job(session, &mut job, Effect::Nothing)).await {
            Ok(written) => {
                self.mark(session, "RELEASE SAVEPOINT").await?;
                Ok(Ok(written))
            }
            Err(error) if is_refusal(&error) => {
                self.mark(session, "ROLLBACK TO SAVEPOINT").await?;
                self.mark(session, "RELEASE SAVEPOINT").await?;
                refused(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn mark(&self, session: &mut Session, verb: &str) -> Result<()> {
        let statement = Statement::unscoped(format!("{verb} {SAVEPOINT}"), "a savepoint");
        control(session, &statement, Effect::Nothing, &self.limits).await
    }
}
