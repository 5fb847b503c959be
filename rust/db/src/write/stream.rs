//! New rows in one stream: `COPY`, or `LOAD DATA` with nothing of it unnoticed.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use dataflow_core::dialect::Statement;
use dataflow_core::{Error, ErrorKind, Result};

use super::Writer;
use super::append::{Append, batch_of, whole_schema, with_keys};
use crate::driver::{BulkForm, Chunks};
use crate::execute::{Label, copy_in};
use crate::session::Session;

/// From so many rows on `LOAD DATA` is faster than statements of many rows (benches/README.md, B8).
const LOAD_ROWS: usize = 500;

const SAVEPOINT: &str = "dataflow_load";

/// How many rows were stored, and which, where they are asked for.
type Streamed = (u64, Option<RecordBatch>);

impl Writer<'_> {
    /// How many rows were stored, and which, where they are asked for; None where they have to go in statements of many
    /// rows.
    pub(super) async fn stream(&self, session: &mut Session, append: &Append) -> Result<Option<Streamed>> {
        let rows = append.rows.count();
        match self.bulk_form {
            BulkForm::Copy if rows > 1 => self.copy(session, append).await.map(Some),
            // It tells no keys that the database gives.
            BulkForm::Load if rows >= LOAD_ROWS && !append.return_rows => self.load(session, append).await,
            _ => Ok(None),
        }
    }

    /// `LOAD DATA`, taken back unless it took every row as it is: statements of many rows then tell which row it was,
    /// and why, or store what was only warned of.
    async fn load(&self, session: &mut Session, append: &Append) -> Result<Option<Streamed>> {
        if batch_of(&append.first_chunk()?)?.num_columns() == 0 {
            return Ok(None);
        }
        self.savepoint(session, "SAVEPOINT", SAVEPOINT).await?;
        match self.copy(session, append).await {
            Ok(stored) => {
                self.savepoint(session, "RELEASE SAVEPOINT", SAVEPOINT).await?;
                Ok(Some(stored))
            }
            Err(error) if is_of_the_rows(&error) => {
                self.savepoint(session, "ROLLBACK TO SAVEPOINT", SAVEPOINT).await?;
                self.savepoint(session, "RELEASE SAVEPOINT", SAVEPOINT).await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn copy(&self, session: &mut Session, append: &Append) -> Result<Streamed> {
        let first = append.first_chunk()?;
        let statement = Statement::copy(self.dialect.as_ref(), &first, batch_of(&first)?);
        let batches = || append.chunks().map(|scoped| batch_of(&scoped?).cloned());
        // What is given back is what was sent: keys that are made here would be others the second time.
        let kept = append.return_rows.then(|| batches().collect::<Result<Vec<_>>>()).transpose()?;
        let chunks = || -> Chunks {
            match &kept {
                Some(kept) => Box::new(kept.clone().into_iter().map(Ok)),
                None => Box::new(batches()),
            }
        };
        let label = Label::new(&first, self.db.events());
        let copied = copy_in(session, &statement, &chunks, &self.limits, &label).await?.affected;
        let stored = |kept: &Vec<RecordBatch>| {
            let stored = kept.iter().map(|batch| with_keys(&self.table, batch, None)).collect::<Result<Vec<_>>>()?;
            let whole = concat_batches(&Arc::new(whole_schema(&self.table)), &stored);
            whole.map_err(|error| Error::internal(error.to_string()))
        };
        Ok((copied, kept.as_ref().map(stored).transpose()?))
    }
}

/// Whether it is about the rows, or the server's refusal of the statement; every other error ends the transaction.
pub(super) fn is_of_the_rows(error: &Error) -> bool {
    use ErrorKind::{Cancelled, ConnectionLost, Deadlock, Internal, LockTimeout, SerializationFailure};
    use ErrorKind::{StatementTimeout, TransactionAborted};
    !matches!(
        error.kind(),
        Cancelled
            | ConnectionLost
            | Deadlock
            | Internal
            | LockTimeout
            | SerializationFailure
            | StatementTimeout
            | TransactionAborted
    )
}
