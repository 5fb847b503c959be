//! New rows in one stream: `COPY`, or `LOAD DATA` with nothing of it unnoticed.

use dataflow_core::dialect::Statement;
use dataflow_core::{Error, ErrorKind, Result};

use super::Writer;
use super::append::{Append, batch_of};
use crate::driver::{BulkForm, Chunks};
use crate::execute::{Label, copy_in};
use crate::session::Session;

/// From so many rows on `LOAD DATA` is faster than statements of many rows (benches/README.md, B8).
const LOAD_ROWS: usize = 500;

const SAVEPOINT: &str = "dataflow_load";

impl Writer<'_> {
    /// How many rows were stored; None where they have to go in statements of many rows.
    pub(super) async fn stream(&self, session: &mut Session, append: &Append) -> Result<Option<u64>> {
        let rows = append.rows.count();
        match self.bulk_form {
            _ if append.return_rows => Ok(None),
            BulkForm::Copy if rows > 1 => self.copy(session, append).await.map(Some),
            BulkForm::Load if rows >= LOAD_ROWS => self.load(session, append).await,
            _ => Ok(None),
        }
    }

    /// `LOAD DATA`, taken back unless it took every row as it is: statements of many rows then tell which row it was,
    /// and why, or store what was only warned of.
    async fn load(&self, session: &mut Session, append: &Append) -> Result<Option<u64>> {
        if batch_of(&append.first()?)?.num_columns() == 0 {
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
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn copy(&self, session: &mut Session, append: &Append) -> Result<u64> {
        let first = append.first()?;
        let statement = Statement::copy(self.dialect.as_ref(), &first, batch_of(&first)?);
        let chunks = || -> Chunks { Box::new(append.chunks().map(|scoped| batch_of(&scoped?).cloned())) };
        let label = Label::new(&first, self.db.events());
        Ok(copy_in(session, &statement, &chunks, &self.limits, &label).await?.affected)
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
