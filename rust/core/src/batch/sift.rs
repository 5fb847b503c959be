//! Rows that the table takes are kept, and those that it refuses are told: the same checks, asked of ever fewer rows.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow_array::{RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;

use super::{Given, Reading, normalise, normalise_column};
use crate::error::{Error, Result};
use crate::reject::{Reject, arrow_payload, is_refusal};
use crate::schema::TableSchema;

/// Checked rows with their numbers in the rows given.
#[derive(Clone, Debug)]
pub struct Kept {
    pub given: Given,
    pub numbers: Vec<usize>,
}

impl Kept {
    /// Some of the rows, by their place here.
    pub fn take(&self, rows: &[usize]) -> Result<Self> {
        if rows.iter().copied().eq(0..self.numbers.len()) {
            return Ok(self.clone());
        }
        Ok(Kept { given: self.given.take(rows)?, numbers: rows.iter().map(|&row| self.numbers[row]).collect() })
    }
}

/// What became of rows that were read.
#[derive(Clone, Debug, Default)]
pub struct Sifted {
    pub kept: Vec<Kept>,
    /// In the order of their numbers.
    pub rejects: Vec<Reject>,
}

impl Sifted {
    /// The first `rows` of those given, and the others, numbered anew.
    pub fn split(&self, rows: usize) -> Result<(Self, Self)> {
        let (mut first, mut rest) = (Sifted::default(), Sifted::default());
        for kept in &self.kept {
            let border = kept.numbers.partition_point(|&number| number < rows);
            let all: Vec<usize> = (0..kept.numbers.len()).collect();
            first.kept.push(kept.take(&all[..border])?);
            let mut after = kept.take(&all[border..])?;
            after.numbers.iter_mut().for_each(|number| *number -= rows);
            rest.kept.push(after);
        }
        for reject in &self.rejects {
            match reject.row.checked_sub(rows) {
                None => first.rejects.push(reject.clone()),
                Some(row) => rest.rejects.push(Reject { row, ..reject.clone() }),
            }
        }
        Ok((first, rest))
    }

    /// The rows given.
    pub fn count(&self) -> usize {
        self.kept.iter().map(|kept| kept.given.rows()).sum::<usize>() + self.rejects.len()
    }
}

/// As [`normalise`], but a row that is refused does not hold up the others. `first_row` is the number of the first.
///
/// # Errors
/// What is wrong with a whole column.
pub fn sift(
    table: &TableSchema,
    input: &RecordBatch,
    reading: Reading,
    first_row: usize,
    with_payload: bool,
) -> Result<(Kept, Vec<Reject>)> {
    let rows = input.num_rows();
    let failure = match normalise(table, input, reading, first_row) {
        Ok(given) => return Ok((Kept { given, numbers: (first_row..first_row + rows).collect() }, Vec::new())),
        Err(error) => error,
    };
    if normalise(table, &input.slice(0, 0), reading, first_row).is_err() {
        return Err(failure);
    }
    let mut refused: BTreeMap<usize, Error> = BTreeMap::new();
    for (at, column) in table.columns.iter().enumerate() {
        let Some(array) = input.column_by_name(&column.name) else { continue };
        let found = find_refused(0..rows, |range| {
            normalise_column(table, at, &array.slice(range.start, range.len()), reading, range.start).map(drop)
        })?;
        for (row, error) in found {
            refused.entry(row).or_insert(error);
        }
    }
    let kept: Vec<usize> = (0..rows).filter(|row| !refused.contains_key(row)).collect();
    let indices: UInt64Array = kept.iter().map(|&row| row as u64).collect();
    let taken = take_record_batch(input, &indices).map_err(|error| Error::internal(error.to_string()))?;
    let given = normalise(table, &taken, reading, first_row)?;
    let rejects = refused.iter().map(|(&row, error)| {
        Reject::new(first_row + row, error, with_payload.then(|| arrow_payload(table, input, row, reading)))
    });
    Ok((Kept { given, numbers: kept.iter().map(|row| first_row + row).collect() }, rejects.collect()))
}

/// The rows that `check` refuses, each with its reason: a range that fails is halved until single rows are left.
///
/// # Errors
/// An error that is not about a row.
pub fn find_refused(rows: Range<usize>, check: impl Fn(Range<usize>) -> Result<()>) -> Result<Vec<(usize, Error)>> {
    let mut refused = Vec::new();
    let mut todo = vec![rows];
    while let Some(range) = todo.pop() {
        match check(range.clone()) {
            Ok(()) => {}
            Err(error) if range.len() <= 1 => match is_refusal(&error) {
                true => refused.push((range.start, error)),
                false => return Err(error),
            },
            Err(_) => {
                let middle = range.start + range.len() / 2;
                todo.push(middle..range.end);
                todo.push(range.start..middle);
            }
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::{ArrayRef, Int64Array, StringArray};

    use super::*;
    use crate::error::ErrorKind;
    use crate::schema::tests::product;
    use crate::types::FloatRules;

    const READING: Reading = Reading { floats: FloatRules { nan: true, infinity: true }, nan_is_null: false };

    fn batch(names: Vec<Option<&str>>, prices: Vec<&str>) -> RecordBatch {
        let names: ArrayRef = Arc::new(StringArray::from(names));
        let prices: ArrayRef = Arc::new(StringArray::from(prices));
        RecordBatch::try_from_iter_with_nullable([("name", names, true), ("price", prices, true)]).unwrap()
    }

    #[test]
    fn rows_that_are_refused_are_left_out() {
        let table = product(false);
        let input = batch(vec![Some("a"), None, Some("c"), Some("d\0"), Some("e")], vec!["1", "x", "1.234", "1", "2"]);
        let (kept, rejects) = sift(&table, &input, READING, 10, false).unwrap();
        assert_eq!(kept.numbers, [10, 14]);
        assert_eq!(kept.given.rows(), 2);
        let told: Vec<_> = rejects.iter().map(|reject| (reject.row, reject.kind, reject.column.as_deref())).collect();
        let expected = [
            (11, ErrorKind::NullValue, Some("name")),
            (12, ErrorKind::TooManyDigits, Some("price")),
            (13, ErrorKind::NulCharacter, Some("name")),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn rows_are_taken_in_the_order_asked_for() {
        let table = product(false);
        let (kept, _) = sift(&table, &batch(vec![Some("a"), Some("b")], vec!["1", "2"]), READING, 3, false).unwrap();
        for (rows, numbers) in [([0, 1], [3, 4]), ([1, 0], [4, 3]), ([1, 1], [4, 4])] {
            let taken = kept.take(&rows).unwrap();
            assert_eq!(taken.numbers, numbers);
            let names = taken.given.batch.column_by_name("name").unwrap().as_string::<i32>().clone();
            let of = |number| if number == 3 { "a" } else { "b" };
            assert_eq!(names.iter().flatten().collect::<Vec<_>>(), numbers.map(of));
        }
    }

    #[test]
    fn a_column_that_no_row_can_mend_fails() {
        let table = product(false);
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let input = RecordBatch::try_from_iter([("nmae", numbers)]).unwrap();
        assert_eq!(sift(&table, &input, READING, 0, false).unwrap_err().kind(), ErrorKind::UnknownField);
    }

    #[test]
    fn halving_finds_every_row_in_order() {
        let bad = [0, 17, 18, 99];
        let check = |range: Range<usize>| match bad.iter().any(|row| range.contains(row)) {
            true => Err(Error::new(ErrorKind::WrongType, "no").path(format!("[{}]", range.start))),
            false => Ok(()),
        };
        let found: Vec<usize> = find_refused(0..100, check).unwrap().into_iter().map(|(row, _)| row).collect();
        assert_eq!(found, bad);
        assert!(find_refused(0..4, |_| Err(Error::internal("no"))).is_err());
    }
}
