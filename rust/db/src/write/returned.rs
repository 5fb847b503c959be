//! What is given back of a write: its rows, in the order given, and how each of them ended.

use arrow_array::{Array, ArrayRef, RecordBatch, StructArray, new_null_array};
use arrow_select::interleave::interleave;
use dataflow_core::batch::Given;
use dataflow_core::merge::Fate;
use dataflow_core::outcomes::{Outcomes, key_columns};
use dataflow_core::schema::TableSchema;
use dataflow_core::{Error, Result};

use super::Written;
use super::append::whole_schema;

/// Where the rows of a write are.
pub(super) struct Found<'a> {
    pub table: &'a TableSchema,
    /// The rows given; None where the stored ones are all there are.
    pub given: Option<&'a Given>,
    /// As they were before.
    pub stored: &'a RecordBatch,
    /// The updated ones as they are now, in the order given.
    pub changed: &'a RecordBatch,
    pub added: &'a RecordBatch,
    /// The given rows that were added, in the order of `added`; empty where that is the order given.
    pub order: &'a [usize],
}

/// A batch and a row of it.
type Place = (usize, usize);
const STORED: usize = 0;
const CHANGED: usize = 1;
const ADDED: usize = 2;
const GIVEN: usize = 3;
const NULL: usize = 4;

impl Found<'_> {
    /// The result with its rows and outcomes; `first` is the number of the first row in the load.
    pub fn told(self, mut written: Written, fates: &[Fate], first: usize) -> Result<Written> {
        let places = self.places(fates);
        written.outcomes = Some(Outcomes::new(first, fates, self.keys(&places)?));
        written.rows = Some(self.rows(&places, fates)?);
        Ok(written)
    }

    /// The row of every given one; None where there is none.
    fn places(&self, fates: &[Fate]) -> Vec<Option<Place>> {
        let (mut put, mut insert) = (0, 0);
        let next = |counter: &mut usize| {
            *counter += 1;
            *counter - 1
        };
        let mut sorted: Vec<usize> = vec![0; fates.len()];
        self.order.iter().enumerate().for_each(|(at, &row)| sorted[row] = at);
        let own = |(row, fate): (usize, &Fate)| match fate {
            Fate::Update { .. } => Some((CHANGED, next(&mut put))),
            Fate::Insert if self.order.is_empty() => Some((ADDED, next(&mut insert))),
            Fate::Insert => Some((ADDED, sorted[row])),
            Fate::Unchanged { stored } | Fate::Ignored { stored } | Fate::Delete { stored } => Some((STORED, *stored)),
            Fate::Repeated { stored, .. } => stored.map(|stored| (STORED, stored)),
            Fate::Duplicate { .. } | Fate::Missing => None,
        };
        let own: Vec<_> = fates.iter().enumerate().map(own).collect();
        let shared = |(row, fate): (usize, &Fate)| match fate {
            Fate::Duplicate { of } => own[*of],
            _ => own[row],
        };
        fates.iter().enumerate().map(shared).collect()
    }

    /// The rows; one that is deleted is given back once.
    fn rows(&self, places: &[Option<Place>], fates: &[Fate]) -> Result<RecordBatch> {
        let twice = |fate: &Fate| matches!(fate, Fate::Duplicate { of } if matches!(fates[*of], Fate::Delete { .. }));
        let kept = places.iter().zip(fates).filter(|(_, fate)| !twice(fate));
        let indices: Vec<Place> = kept.filter_map(|(place, _)| *place).collect();
        let sources = [self.stored, self.changed, self.added];
        let mut columns = Vec::with_capacity(self.table.columns.len());
        for at in 0..self.table.columns.len() {
            let arrays = sources.map(|batch| batch.column(at).as_ref());
            columns.push(interleave(&arrays, &indices).map_err(|error| Error::internal(error.to_string()))?);
        }
        RecordBatch::try_new(whole_schema(self.table).into(), columns)
            .map_err(|error| Error::internal(error.to_string()))
    }

    /// The keys: those of the rows, or as they were given.
    fn keys(&self, places: &[Option<Place>]) -> Result<StructArray> {
        let is_given = |at: usize, row: usize| self.given.is_some_and(|given| given.is_given(at, row));
        let given = self.given.map_or(self.stored, |given| &given.batch);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.table.key.len());
        for &at in &self.table.key {
            let place = |(row, place): (usize, &Option<Place>)| match place {
                Some(place) => *place,
                None if is_given(at, row) => (GIVEN, row),
                None => (NULL, 0),
            };
            let indices: Vec<Place> = places.iter().enumerate().map(place).collect();
            let null = new_null_array(self.stored.column(at).data_type(), 1);
            let [stored, changed, added, given] =
                [self.stored, self.changed, self.added, given].map(|batch| batch.column(at).as_ref());
            let sources: [&dyn Array; NULL + 1] = [stored, changed, added, given, null.as_ref()];
            columns.push(interleave(&sources, &indices).map_err(|error| Error::internal(error.to_string()))?);
        }
        key_columns(self.table, columns, places.len())
    }
}

/// What is given back of a write without rows.
pub(super) fn told_nothing(table: &TableSchema, first: usize, return_rows: bool) -> Result<Written> {
    let written = Written::default();
    if !return_rows {
        return Ok(written);
    }
    let nothing = RecordBatch::new_empty(whole_schema(table).into());
    Found { table, given: None, stored: &nothing, changed: &nothing, added: &nothing, order: &[] }.told(
        written,
        &[],
        first,
    )
}
