//! Rows given one value at a time (dicts, instances) become a batch.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::Schema;

use super::{ColumnBuilder, Reading};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{ColumnSchema, TableSchema, arrow_field};
use crate::value::{Raw, Value};

/// Collects rows for a table; errors carry the path `[row].field`.
pub struct RowsBuilder {
    table: Arc<TableSchema>,
    reading: Reading,
    columns: Vec<ColumnBuilder>,
    /// Whether any row gave the automatic key: if none did, the column is left to the database.
    key_given: bool,
    rows: usize,
}

impl RowsBuilder {
    pub fn new(table: &Arc<TableSchema>, reading: Reading, rows: usize) -> Self {
        let columns = table.columns.iter().map(|column| ColumnBuilder::new(&column.ty, rows)).collect();
        RowsBuilder { table: Arc::clone(table), reading, columns, key_given: false, rows: 0 }
    }

    /// Adds the next row's value of column `at`; `None` means the row does not have the field.
    ///
    /// Every column is pushed once a row, in any order, before [`Self::end_row`].
    pub fn push(&mut self, at: usize, given: Option<Raw<'_>>) -> Result<()> {
        let column = &self.table.columns[at];
        let automatic = self.table.automatic_key && at == self.table.key;
        self.key_given |= automatic && !matches!(given, None | Some(Raw::Null));
        let value = self.value(column, automatic, given);
        let value = value.map_err(|error| error.path(format!("[{}].{}", self.rows, column.name)))?;
        self.columns[at].append(&value)
    }

    fn value<'a>(&self, column: &ColumnSchema, automatic: bool, given: Option<Raw<'a>>) -> Result<Value<'a>> {
        let value = match given {
            None if automatic => Value::Null,
            None => match &column.default {
                Some(default) => default.clone(),
                None if column.nullable => Value::Null,
                None => return Err(missing(&self.table, column)),
            },
            Some(Raw::Float(value)) if value.is_nan() && self.reading.nan_is_null && column.nullable => Value::Null,
            Some(raw) => column.ty.accept(raw, self.reading.floats)?,
        };
        if value == Value::Null && !column.nullable && !automatic {
            return Err(null(&self.table, column));
        }
        Ok(value)
    }

    pub fn end_row(&mut self) {
        self.rows += 1;
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The batch in the table's column order, without the automatic key where no row gave one.
    pub fn finish(self) -> Result<RecordBatch> {
        let skip = (self.table.automatic_key && !self.key_given).then_some(self.table.key);
        let mut fields = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (at, (column, builder)) in self.table.columns.iter().zip(self.columns).enumerate() {
            if Some(at) != skip {
                fields.push(arrow_field(column).with_nullable(true));
                arrays.push(builder.finish());
            }
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| Error::internal(error.to_string()))
    }
}

pub(super) fn missing(table: &TableSchema, column: &ColumnSchema) -> Error {
    Error::new(ErrorKind::MissingValue, format!("{} needs a value for `{}`", table.model, column.name))
        .hint(format!("give `{}`, or declare it with a default", column.name))
}

pub(super) fn null(table: &TableSchema, column: &ColumnSchema) -> Error {
    let name = &column.name;
    Error::new(ErrorKind::NullValue, format!("{}.{name} cannot be None", table.model))
        .hint(format!("give a value, or declare `{name}` as `… | None`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::tests::product;
    use crate::types::FloatRules;

    const READING: Reading = Reading { floats: FloatRules { nan: true, infinity: true }, nan_is_null: false };

    fn row(builder: &mut RowsBuilder, key: Option<i64>, name: Option<Raw<'_>>) -> Result<()> {
        builder.push(0, key.map(Raw::Int))?;
        builder.push(1, name)?;
        for at in 2..5 {
            builder.push(at, None)?;
        }
        builder.end_row();
        Ok(())
    }

    #[test]
    fn the_automatic_key_is_left_out_when_no_row_gives_it() {
        let table = Arc::new(product(false));
        for (key, columns) in [(None, 4), (Some(7), 5)] {
            let mut builder = RowsBuilder::new(&table, READING, 1);
            row(&mut builder, key, Some(Raw::Text("a".into()))).unwrap();
            assert_eq!(builder.finish().unwrap().num_columns(), columns);
        }
    }

    #[test]
    fn a_refusal_names_row_and_field() {
        let mut builder = RowsBuilder::new(&Arc::new(product(false)), READING, 2);
        row(&mut builder, None, Some(Raw::Text("a".into()))).unwrap();
        for (given, kind) in [
            (None, ErrorKind::MissingValue),
            (Some(Raw::Null), ErrorKind::NullValue),
            (Some(Raw::Int(1)), ErrorKind::WrongType),
        ] {
            let error = builder.push(1, given).unwrap_err();
            assert_eq!((error.kind(), error.detail().path.as_deref()), (kind, Some("[1].name")));
        }
    }
}
