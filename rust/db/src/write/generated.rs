//! Keys that are given after keys were generated, in a load that comes in pieces.
//!
//! Rows that give their keys are stored before those that do not, but a piece is written before the next is known: a
//! later row may give a key that the database gave to an earlier one. As a new row it would be refused for no fault of
//! its own, and an upsert would change a row that it does not mean.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::batch::Given;
use dataflow_core::dialect::{KeyGenerator, Statement};
use dataflow_core::schema::{KeySource, TableSchema};
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};

use super::append::rows_keys;
use super::keys::{KeyWork, key_name};
use super::load::Part;
use super::{Write, Writer};
use crate::execute::query;
use crate::session::Session;

/// Refuses a row with a key that an earlier piece may have been given.
///
/// # Errors
/// `UnsupportedData`, placed as `data[row].key`.
pub(super) fn check(table: &TableSchema, write: &Write) -> Result<()> {
    let (Write::Append { rows, part: Some(part), .. } | Write::Upsert { rows, part: Some(part), .. }) = write else {
        return Ok(());
    };
    if table.key_source != KeySource::Database {
        return Ok(());
    }
    match doubtful(&rows_keys(table, rows)?, part).next() {
        None => Ok(()),
        Some(row) => Err(refusal(table, row)?),
    }
}

/// The rows with a key that an earlier piece may have been given, each with the error that [`check`] has for it.
pub(super) fn refused(table: &TableSchema, given: &Given, part: &Part) -> Result<Vec<(usize, Error)>> {
    let Some(at) = table.automatic_key().filter(|_| table.key_source == KeySource::Database) else {
        return Ok(Vec::new());
    };
    let keys = [Arc::clone(given.batch.column(at))];
    doubtful(&keys, part).map(|row| Ok((row, refusal(table, row)?))).collect()
}

fn doubtful<'a>(keys: &'a [ArrayRef], part: &'a Part) -> impl Iterator<Item = usize> + 'a {
    let given = keys.iter().flat_map(|keys| keys.as_primitive::<Int64Type>().iter());
    let doubtful = given.enumerate().filter(|(_, key)| key.is_some_and(|key| part.may_have_generated(key)));
    doubtful.map(|(row, _)| row)
}

fn refusal(table: &TableSchema, row: usize) -> Result<Error> {
    let message = "the database may have given this key to a row of an earlier piece that came without one";
    Ok(Error::new(ErrorKind::UnsupportedData, message)
        .path(format!("data[{row}].{}", key_name(table)?))
        .hint("give the rows with keys first, or all rows at once: list(rows), pyarrow.table(data)"))
}

impl Writer<'_> {
    /// The last key before some are generated, where a later piece could bring one of them.
    pub(super) async fn last_key(&self, session: &mut Session, keys: &KeyWork) -> Result<Option<i64>> {
        if self.part.is_none() || !keys.generates() {
            return Ok(None);
        }
        let column = self.dialect.quote(key_name(&self.table)?);
        let table = self.dialect.qualified_table(&self.table);
        let (sql, texts) = match self.dialect.key_generator() {
            // It may stand below keys that others have stored, and begins there.
            KeyGenerator::Sequence => {
                let last = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, $2)::regclass), 0)";
                (last.to_owned(), vec![table.as_str(), key_name(&self.table)?])
            }
            _ => (format!("SELECT coalesce(max({column}), 0) FROM {table}"), Vec::new()),
        };
        let statement =
            Statement::unscoped(sql, "ids are unique over all tenants").returning(&[("last", LogicalType::Int)]);
        let statement = texts.into_iter().fold(statement, Statement::with_text);
        let last = query(session, &statement, &self.limits).await?;
        Ok(Some(last.column(0).as_primitive::<Int64Type>().value(0)))
    }

    /// Notes which keys an append has generated, `before` being what [`Self::last_key`] told.
    pub(super) async fn note_generated(
        &self,
        session: &mut Session,
        keys: &KeyWork,
        before: Option<i64>,
    ) -> Result<()> {
        if let (Some(part), Some(before), Some(last)) = (&self.part, before, self.last_key(session, keys).await?) {
            part.note_generated(before, last);
        }
        Ok(())
    }
}
