//! An upsert of one row whose update has operators.

use std::borrow::Cow;

use arrow_array::RecordBatch;
use dataflow_core::batch::Given;
use dataflow_core::schema::TableSchema;
use dataflow_core::update::Update;
use dataflow_core::{Error, Result};

use super::merge::Merge;

/// What becomes of the one row given beside its data.
#[derive(Debug)]
pub struct Operators {
    /// One row of values, set in a new row and in a stored one.
    pub values: Given,
    /// On the stored row; on a new one as it would be without.
    pub update: Update,
    /// One row of values for a new row alone.
    pub on_insert: Option<Given>,
}

impl Operators {
    /// The row given, where it meets the stored row of `stored`, or none.
    fn met(&self, table: &TableSchema, given: &Given, stored: &RecordBatch, now: i64) -> Result<Given> {
        let given = given.clone().over(table, &self.values)?;
        if stored.num_rows() > 0 {
            return self.update.resolve(table, &given, stored, now);
        }
        let new = match &self.on_insert {
            Some(values) => given.over(table, values)?,
            None => given,
        };
        let before = new.batch.clone();
        self.update.resolve(table, &new, &before, now)
    }

    /// The columns that may change in a stored row.
    pub(super) fn columns<'a>(&'a self, table: &'a TableSchema) -> impl Iterator<Item = usize> + 'a {
        let set = (0..table.columns.len()).filter(|&at| self.values.is_given(at, 0));
        set.chain(self.update.columns())
    }
}

impl Merge {
    /// With the values that its operators make of the row, which is there or not.
    ///
    /// # Errors
    /// Those of [`Update::resolve`].
    pub(super) fn met(&self, table: &TableSchema, stored: &RecordBatch) -> Result<Cow<'_, Given>> {
        let Some(operators) = &self.operators else {
            return Ok(Cow::Borrowed(&self.given));
        };
        if self.given.rows() != 1 || stored.num_rows() > 1 {
            return Err(Error::internal("operators on more than one row"));
        }
        operators.met(table, &self.given, stored, self.rules.now).map(Cow::Owned)
    }
}
