//! Rows as a caller gave them: every column of the table, and which values were given.

use std::sync::Arc;

use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::Schema;
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use super::rows::missing;
use crate::error::{Error, Result};
use crate::schema::{Role, TableSchema, arrow_field};

/// In which rows a column was given.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    All,
    /// In none: the data has no such column.
    None,
    Rows(BooleanBuffer),
}

impl Presence {
    pub fn is_given(&self, row: usize) -> bool {
        match self {
            Presence::All => true,
            Presence::None => false,
            Presence::Rows(rows) => rows.value(row),
        }
    }

    fn slice(&self, at: usize, rows: usize) -> Self {
        match self {
            Presence::Rows(bits) => Presence::Rows(bits.slice(at, rows)),
            whole => whole.clone(),
        }
    }

    fn to_bits(&self, rows: usize) -> BooleanBuffer {
        match self {
            Presence::All => BooleanBuffer::new_set(rows),
            Presence::None => BooleanBuffer::new_unset(rows),
            Presence::Rows(bits) => bits.clone(),
        }
    }
}

/// Checked rows with all columns of their table. A value that was not given is its default, or null where it has none.
#[derive(Clone, Debug)]
pub struct Given {
    pub batch: RecordBatch,
    /// One for each column.
    pub present: Vec<Presence>,
}

impl Given {
    /// # Errors
    /// `Internal` when the arrays are not the table's columns.
    pub fn new(table: &TableSchema, arrays: Vec<ArrayRef>, present: Vec<Presence>, rows: usize) -> Result<Self> {
        let fields: Vec<_> = table.columns.iter().map(|column| arrow_field(column).with_nullable(true)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options);
        Ok(Given { batch: batch.map_err(|error| Error::internal(error.to_string()))?, present })
    }

    pub fn rows(&self) -> usize {
        self.batch.num_rows()
    }

    pub fn is_given(&self, column: usize, row: usize) -> bool {
        self.present[column].is_given(row)
    }

    /// Whether no row gives the column.
    pub fn lacks(&self, column: usize) -> bool {
        match &self.present[column] {
            Presence::All => false,
            Presence::None => true,
            Presence::Rows(rows) => rows.count_set_bits() == 0,
        }
    }

    /// The rows with the values that the rows of `other` give, which are as many, in place of their own.
    ///
    /// # Errors
    /// `Internal` where a column is given in some of the rows.
    pub fn over(mut self, table: &TableSchema, other: &Given) -> Result<Self> {
        let mut arrays = self.batch.columns().to_vec();
        for at in (0..arrays.len()).filter(|&at| !other.lacks(at)) {
            if (0..other.rows()).any(|row| !other.is_given(at, row)) {
                return Err(Error::internal("values that some of the rows give"));
            }
            arrays[at] = Arc::clone(other.batch.column(at));
            self.present[at] = Presence::All;
        }
        let rows = self.batch.num_rows();
        Given::new(table, arrays, self.present, rows)
    }

    pub fn slice(&self, at: usize, rows: usize) -> Self {
        let present = self.present.iter().map(|column| column.slice(at, rows)).collect();
        Given { batch: self.batch.slice(at, rows), present }
    }

    /// All parts as one.
    pub fn concat(table: &TableSchema, parts: &[Given]) -> Result<Self> {
        if let [only] = parts {
            return Ok(only.clone());
        }
        let Some(first) = parts.first() else {
            return Err(Error::internal("no rows to put together"));
        };
        let batch = concat_batches(first.batch.schema_ref(), parts.iter().map(|part| &part.batch))
            .map_err(|error| Error::internal(error.to_string()))?;
        let column = |at: usize| {
            let whole = &first.present[at];
            if !matches!(whole, Presence::Rows(_)) && parts.iter().all(|part| part.present[at] == *whole) {
                return whole.clone();
            }
            let bits = parts.iter().flat_map(|part| {
                let bits = part.present[at].to_bits(part.rows());
                (0..bits.len()).map(move |row| bits.value(row)).collect::<Vec<_>>()
            });
            Presence::Rows(bits.collect())
        };
        Ok(Given { batch, present: (0..table.columns.len()).map(column).collect() })
    }

    /// A column that no row gives, with a default of its own for each.
    pub fn with_defaults(mut self, table: &TableSchema, at: usize, values: ArrayRef) -> Result<Self> {
        let mut arrays = self.batch.columns().to_vec();
        arrays[at] = values;
        self.present[at] = Presence::Rows(BooleanBuffer::new_unset(self.rows()));
        Given::new(table, arrays, self.present, self.batch.num_rows())
    }

    /// The error for the first of `rows` without a value that an insert needs, placed as `[row].field`; a column that
    /// the data lacks altogether is not the fault of a row.
    ///
    /// # Errors
    /// `MissingValue`.
    pub fn check_required(&self, table: &TableSchema, rows: impl Iterator<Item = usize> + Clone) -> Result<()> {
        for (at, column) in table.columns.iter().enumerate() {
            let array = self.batch.column(at);
            if column.nullable || table.is_filled(at) || column.default.is_some() {
                continue;
            }
            if self.present[at] == Presence::None {
                return Err(missing(table, column).path(column.name.clone()));
            }
            if let Some(row) = rows.clone().find(|&row| array.is_null(row)) {
                return Err(missing(table, column).path(format!("[{row}].{}", column.name)));
            }
        }
        Ok(())
    }

    /// The rows as they are to be stored: with their version and times, and without an automatic key that no row gives.
    pub fn to_stored(&self, table: &TableSchema, now: i64) -> Result<RecordBatch> {
        let mut columns = Vec::with_capacity(table.columns.len());
        for (at, (column, array)) in table.columns.iter().zip(self.batch.columns()).enumerate() {
            if table.automatic_key() == Some(at) && array.null_count() == array.len() {
                continue;
            }
            let array = match column.role {
                Role::Version => fill::<Int64Type>(array, 1),
                Role::CreatedAt | Role::UpdatedAt => fill::<TimestampMicrosecondType>(array, now),
                Role::Field | Role::DeletedAt => Arc::clone(array),
            };
            columns.push((arrow_field(column).with_nullable(true), array));
        }
        let (fields, arrays): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// Some of the rows, in the order of `rows`.
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        let batch = take_rows(&self.batch, rows)?;
        let column = |present: &Presence| match present {
            Presence::Rows(bits) => Presence::Rows(rows.iter().map(|&row| bits.value(row)).collect()),
            whole => whole.clone(),
        };
        Ok(Given { batch, present: self.present.iter().map(column).collect() })
    }
}

/// Some rows of a batch, in the order of `rows`.
pub fn take_rows(batch: &RecordBatch, rows: &[usize]) -> Result<RecordBatch> {
    let indices: UInt64Array = rows.iter().map(|&row| row as u64).collect();
    take_record_batch(batch, &indices).map_err(|error| Error::internal(error.to_string()))
}

/// The array with `value` in place of null.
fn fill<T: ArrowPrimitiveType>(array: &ArrayRef, value: T::Native) -> ArrayRef {
    use arrow_array::cast::AsArray;
    let typed = array.as_primitive::<T>();
    if typed.null_count() == 0 {
        return Arc::clone(array);
    }
    let filled: PrimitiveArray<T> = typed.iter().map(|given| Some(given.unwrap_or(value))).collect();
    Arc::new(filled.with_data_type(array.data_type().clone()))
}
