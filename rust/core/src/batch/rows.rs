//! Rows given one value at a time (dicts, instances) become a batch.

use std::sync::Arc;

use arrow_buffer::NullBufferBuilder;

use super::{ColumnBuilder, Given, Presence, Reading};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{ColumnSchema, TableSchema};
use crate::types::{LogicalType, check_range, check_text};
use crate::value::{Raw, Value};

/// About the memory that a value of fixed width takes.
const WEIGHT: usize = size_of::<i128>();

/// Collects rows for a table; errors carry the path `[row].field`.
pub struct RowsBuilder {
    table: Arc<TableSchema>,
    reading: Reading,
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

struct Column {
    values: ColumnBuilder,
    /// Valid where the row gave the value.
    given: NullBufferBuilder,
    /// Whether DataFlow gives a value where the caller gives none, or null.
    filled: bool,
}

impl RowsBuilder {
    pub fn new(table: &Arc<TableSchema>, reading: Reading, rows: usize) -> Self {
        let column = |(at, column): (usize, &ColumnSchema)| Column {
            values: ColumnBuilder::new(&column.ty, rows),
            given: NullBufferBuilder::new(rows),
            filled: table.is_filled(at),
        };
        let columns = table.columns.iter().enumerate().map(column).collect();
        RowsBuilder { table: Arc::clone(table), reading, columns, rows: 0, bytes: 0 }
    }

    /// Adds the next row's value of column `at`; `None` means the row does not have the field.
    ///
    /// Every column is pushed once a row, in any order, before [`Self::end_row`].
    #[inline]
    pub fn push(&mut self, at: usize, given: Option<Raw<'_>>) -> Result<()> {
        if let Some(raw) = &given
            && self.push_plain(at, raw)
        {
            return Ok(());
        }
        self.push_any(at, given)
    }

    /// The most frequent values of the most frequent types, of which nothing but a check is to be made; false where it
    /// is another, or refused, and nothing was added.
    #[inline]
    fn push_plain(&mut self, at: usize, raw: &Raw<'_>) -> bool {
        let ColumnSchema { ty, nullable, .. } = &self.table.columns[at];
        let Column { values, given, filled } = &mut self.columns[at];
        let mut weight = WEIGHT;
        match (values, raw) {
            (ColumnBuilder::Int(b), Raw::Int(value)) => b.append_value(*value),
            (ColumnBuilder::Float(b), Raw::Float(value)) if value.is_finite() => b.append_value(*value),
            (ColumnBuilder::Bool(b), Raw::Bool(value)) => b.append_value(*value),
            (ColumnBuilder::Text(b), Raw::Text(text)) => match ty {
                LogicalType::Text { max_length } if check_text(text, *max_length).is_ok() => {
                    weight = text.len() + size_of::<i32>();
                    b.append_value(text);
                }
                _ => return false,
            },
            (ColumnBuilder::Instant(b), Raw::Instant(us)) | (ColumnBuilder::WallTime(b), Raw::WallTime(us))
                if check_range(*us).is_ok() =>
            {
                b.append_value(*us);
            }
            (values, Raw::Null) if *nullable && !*filled => values.append_null(),
            _ => return false,
        }
        given.append_non_null();
        self.bytes += weight;
        true
    }

    fn push_any(&mut self, at: usize, given: Option<Raw<'_>>) -> Result<()> {
        let filled = self.columns[at].filled;
        let given = given.filter(|raw| !(filled && matches!(raw, Raw::Null)));
        let present = given.is_some();
        match (given, &self.table.columns[at].default) {
            (None, None) => self.columns[at].values.append_null(),
            (None, Some(default)) => self.columns[at].values.append(default)?,
            (Some(raw), _) => self.accept(at, raw)?,
        }
        self.columns[at].given.append(present);
        Ok(())
    }

    /// As [`Self::push`] for a row that does not have the field and whose default was made for it alone.
    pub fn push_default(&mut self, at: usize, default: Raw<'_>) -> Result<()> {
        self.accept(at, default)?;
        self.columns[at].given.append(false);
        Ok(())
    }

    fn accept(&mut self, at: usize, raw: Raw<'_>) -> Result<()> {
        let column = &self.table.columns[at];
        let value = match raw {
            Raw::Float(value) if value.is_nan() && self.reading.nan_is_null && column.nullable => Ok(Value::Null),
            raw => column.ty.accept(raw, self.reading.floats),
        };
        let value = match value {
            Ok(Value::Null) if !column.nullable => Err(null(&self.table, column)),
            value => value,
        };
        let value = value.map_err(|error| error.within(&column.name).within(&format!("[{}]", self.rows)))?;
        self.bytes += weight(&value);
        self.columns[at].values.append(&value)
    }

    pub fn end_row(&mut self) {
        self.rows += 1;
    }

    /// Ends a row whose column `at` was refused: it keeps its place and has no values from there on.
    pub fn spoil_row(&mut self, at: usize) {
        for column in &mut self.columns[at..] {
            column.values.append_null();
            column.given.append_null();
        }
        self.end_row();
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// About the memory the rows take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn finish(self) -> Result<Given> {
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut present = Vec::with_capacity(self.columns.len());
        for Column { values, given, .. } in self.columns {
            arrays.push(values.finish());
            present.push(given.build().map_or(Presence::All, |given| Presence::Rows(given.into_inner())));
        }
        Given::new(&self.table, arrays, present, self.rows)
    }
}

/// About the memory a value takes in its column.
fn weight(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) | Value::Json(text) => text.len() + size_of::<i32>(),
        Value::Bytes(bytes) => bytes.len() + size_of::<i32>(),
        Value::List(items) => items.iter().map(weight).sum::<usize>() + size_of::<i32>(),
        _ => WEIGHT,
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
            let given = builder.finish().unwrap();
            assert_eq!(given.to_stored(&table, 0).unwrap().num_columns(), columns);
        }
    }

    #[test]
    fn a_refusal_names_row_and_field() {
        let mut builder = RowsBuilder::new(&Arc::new(product(false)), READING, 2);
        row(&mut builder, None, Some(Raw::Text("a".into()))).unwrap();
        for (given, kind) in [(Some(Raw::Null), ErrorKind::NullValue), (Some(Raw::Int(1)), ErrorKind::WrongType)] {
            let error = builder.push(1, given).unwrap_err();
            assert_eq!((error.kind(), error.detail().path.as_deref()), (kind, Some("[1].name")));
        }
    }
}
