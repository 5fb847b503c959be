//! What became of every row given to a write, as a table: one row each, in the order given.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, StructArray, new_null_array};
use arrow_schema::{DataType, Field, Fields, Schema};
use arrow_select::interleave::interleave;

use crate::error::{Error, Result};
use crate::merge::Fate;
use crate::reject::Reject;
use crate::schema::{TableSchema, arrow_field};

/// How a row ended, by the names of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Inserted,
    Updated,
    Unchanged,
    Deleted,
    Ignored,
    Duplicate,
    Missing,
    Rejected,
}

impl Status {
    pub const fn name(self) -> &'static str {
        match self {
            Status::Inserted => "inserted",
            Status::Updated => "updated",
            Status::Unchanged => "unchanged",
            Status::Deleted => "deleted",
            Status::Ignored => "ignored",
            Status::Duplicate => "duplicate",
            Status::Missing => "missing",
            Status::Rejected => "rejected",
        }
    }
}

impl From<&Fate> for Status {
    fn from(fate: &Fate) -> Self {
        match fate {
            Fate::Insert => Status::Inserted,
            Fate::Update { .. } => Status::Updated,
            Fate::Unchanged { .. } => Status::Unchanged,
            Fate::Ignored { .. } => Status::Ignored,
            Fate::Duplicate { .. } | Fate::Repeated { .. } => Status::Duplicate,
            Fate::Delete { .. } => Status::Deleted,
            Fate::Missing => Status::Missing,
        }
    }
}

/// The outcomes of some rows of a load that follow each other.
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// The number of the first of them in the load.
    first: usize,
    /// For a duplicate also the number of the row that goes instead.
    ends: Vec<(Status, Option<usize>)>,
    /// The fields of the key, null where they are not known.
    keys: StructArray,
    /// Those of the rejected rows, in their order.
    rejects: Vec<Reject>,
}

impl Outcomes {
    /// `first` is the number of the first row in the load; `keys` has a row for each fate, as of [`key_columns`].
    pub fn new(first: usize, fates: &[Fate], keys: StructArray) -> Self {
        let instead = |fate: &Fate| match fate {
            Fate::Duplicate { of } => Some(first + of),
            Fate::Repeated { of, .. } => Some(*of),
            _ => None,
        };
        let ends = fates.iter().map(|fate| (Status::from(fate), instead(fate))).collect();
        Outcomes { first, ends, keys, rejects: Vec::new() }
    }

    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How the row at a place ended.
    pub fn status(&self, at: usize) -> Status {
        self.ends[at].0
    }

    /// The outcomes of all rows of a piece: `parts` are those of some of them with their numbers in the piece,
    /// `duplicates` name the row of the load that went instead, and `rejects` are in the order of their rows.
    ///
    /// # Errors
    /// `Internal` when a row is there twice, or is none of the piece.
    pub fn gathered(
        table: &TableSchema,
        first: usize,
        parts: &[(Vec<usize>, Outcomes)],
        duplicates: &[(usize, usize)],
        rejects: Vec<Reject>,
    ) -> Result<Self> {
        let rows = parts.iter().map(|(numbers, _)| numbers.len()).sum::<usize>() + duplicates.len() + rejects.len();
        let mut ends = vec![None; rows];
        let mut places = vec![(parts.len(), 0); rows];
        let mut end = |row: Option<usize>, told| match row.and_then(|row| ends.get_mut(row)) {
            Some(place @ None) => {
                *place = Some(told);
                Ok(())
            }
            _ => Err(Error::internal("a row that ended twice, or was not given")),
        };
        for (part, (numbers, outcomes)) in parts.iter().enumerate() {
            for (at, &row) in numbers.iter().enumerate() {
                end(Some(row), outcomes.ends[at])?;
                places[row] = (part, at);
            }
        }
        for reject in &rejects {
            end(reject.row.checked_sub(first), (Status::Rejected, None))?;
        }
        for &(row, instead) in duplicates {
            end(Some(row), (Status::Duplicate, Some(instead)))?;
            places[row] = instead.checked_sub(first).and_then(|row| places.get(row)).copied().unwrap_or(places[row]);
        }
        let mut columns = Vec::with_capacity(table.key.len());
        for (at, &column) in table.key.iter().enumerate() {
            let null = new_null_array(&table.columns[column].ty.arrow(), 1);
            let arrays = parts.iter().map(|(_, outcomes)| outcomes.keys.column(at).as_ref());
            let arrays: Vec<&dyn Array> = arrays.chain([null.as_ref()]).collect();
            columns.push(interleave(&arrays, &places).map_err(|error| Error::internal(error.to_string()))?);
        }
        let ends: Option<Vec<_>> = ends.into_iter().collect();
        let ends = ends.ok_or_else(|| Error::internal("a row without an outcome"))?;
        Ok(Outcomes { first, ends, keys: key_columns(table, columns, rows)?, rejects })
    }

    /// One row each: `row`, `status`, `key`, `first_row` for duplicates, and for rejected rows why.
    pub fn batch(&self) -> Result<RecordBatch> {
        let number = |row: usize| i64::try_from(row).unwrap_or(i64::MAX);
        let rows: Int64Array = (self.first..self.first + self.rows()).map(number).collect();
        let status: StringArray = self.ends.iter().map(|(status, _)| Some(status.name())).collect();
        let first_row: Int64Array = self.ends.iter().map(|(_, instead)| instead.map(number)).collect();
        let mut columns: Vec<ArrayRef> = vec![Arc::new(rows), Arc::new(status), Arc::new(self.keys.clone())];
        columns.push(Arc::new(first_row));
        columns.push(self.reasons(|reject| Some(reject.kind.name())));
        columns.push(self.reasons(|reject| reject.sqlstate.as_deref()));
        columns.push(self.reasons(|reject| reject.constraint.as_deref()));
        columns.push(self.reasons(|reject| reject.column.as_deref()));
        columns.push(self.reasons(|reject| Some(&reject.message)));
        RecordBatch::try_new(Arc::new(self.schema()), columns).map_err(|error| Error::internal(error.to_string()))
    }

    fn schema(&self) -> Schema {
        let field = |name: &str, ty: DataType, nullable| Field::new(name, ty, nullable);
        let mut fields = vec![
            field("row", DataType::Int64, false),
            field("status", DataType::Utf8, false),
            field("key", DataType::Struct(self.keys.fields().clone()), false),
            field("first_row", DataType::Int64, true),
        ];
        let reasons = ["kind", "sqlstate", "constraint", "column", "message"];
        fields.extend(reasons.map(|name| field(name, DataType::Utf8, true)));
        Schema::new(fields)
    }

    fn reasons<'a>(&'a self, reason: impl Fn(&'a Reject) -> Option<&'a str>) -> ArrayRef {
        let mut rejects = self.rejects.iter();
        let of = |(status, _): &(Status, _)| match status {
            Status::Rejected => rejects.next().and_then(&reason),
            _ => None,
        };
        Arc::new(self.ends.iter().map(of).collect::<StringArray>())
    }
}

/// The key of every row as one column; `columns` are the table's key columns, in the order of its key.
///
/// # Errors
/// `Internal` when they are not.
pub fn key_columns(table: &TableSchema, columns: Vec<ArrayRef>, rows: usize) -> Result<StructArray> {
    let fields = table.key.iter().map(|&at| arrow_field(&table.columns[at]).with_nullable(true)).collect();
    struct_of(fields, columns, rows)
}

fn struct_of(fields: Fields, columns: Vec<ArrayRef>, rows: usize) -> Result<StructArray> {
    StructArray::try_new_with_length(fields, columns, None, rows).map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests;
