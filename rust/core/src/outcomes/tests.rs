use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use super::*;
use crate::error::ErrorKind;
use crate::schema::tests::product;

fn keys(ids: &[Option<i64>]) -> StructArray {
    key_columns(&product(false), vec![Arc::new(Int64Array::from(ids.to_vec()))], ids.len()).unwrap()
}

fn reject(row: usize) -> Reject {
    let (kind, column) = (ErrorKind::WrongType, Some("qty".to_owned()));
    Reject { row, kind, sqlstate: None, constraint: None, column, message: "no number".to_owned(), payload: None }
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    batch.column_by_name(name).unwrap().as_string::<i32>().iter().collect()
}

fn numbers(array: &ArrayRef) -> Vec<Option<i64>> {
    array.as_primitive::<Int64Type>().iter().collect()
}

#[test]
fn every_row_is_told_with_its_number_in_the_load() {
    let fates = [Fate::Insert, Fate::Duplicate { of: 0 }, Fate::Repeated { of: 3, stored: None }, Fate::Missing];
    let batch = Outcomes::new(10, &fates, keys(&[Some(5), Some(5), Some(1), None])).batch().unwrap();
    assert_eq!(numbers(batch.column(0)), [Some(10), Some(11), Some(12), Some(13)]);
    assert_eq!(texts(&batch, "status"), [Some("inserted"), Some("duplicate"), Some("duplicate"), Some("missing")]);
    assert_eq!(numbers(batch.column(2).as_struct().column(0)), [Some(5), Some(5), Some(1), None]);
    assert_eq!(numbers(batch.column(3)), [None, Some(10), Some(3), None]);
    assert_eq!(texts(&batch, "kind"), [None; 4]);
}

#[test]
fn rows_take_their_places_whatever_they_were_written_with() {
    let table = product(false);
    let first = Outcomes::new(0, &[Fate::Insert, Fate::Missing], keys(&[Some(5), None]));
    let second = Outcomes::new(0, &[Fate::Insert], keys(&[Some(7)]));
    let parts = [(vec![1, 4], first), (vec![5], second)];
    let told = Outcomes::gathered(&table, 10, &parts, &[(3, 11), (6, 2)], vec![reject(10), reject(12)]).unwrap();
    let batch = told.batch().unwrap();
    let status = ["rejected", "inserted", "rejected", "duplicate", "missing", "inserted", "duplicate"];
    assert_eq!(texts(&batch, "status"), status.map(Some));
    assert_eq!(numbers(batch.column(0)), [10, 11, 12, 13, 14, 15, 16].map(Some));
    assert_eq!(numbers(batch.column(3)), [None, None, None, Some(11), None, None, Some(2)]);
    let found = [None, Some(5), None, Some(5), None, Some(7), None];
    assert_eq!(numbers(batch.column(2).as_struct().column(0)), found);
    assert_eq!(texts(&batch, "kind")[2], Some("WrongType"));
}

#[test]
fn a_row_ends_once() {
    let part = || (vec![0], Outcomes::new(0, &[Fate::Insert], keys(&[None])));
    for rejects in [vec![reject(9)], vec![reject(12)], vec![reject(10)], vec![reject(11), reject(11)]] {
        let told = Outcomes::gathered(&product(false), 10, &[part()], &[], rejects);
        assert_eq!(told.unwrap_err().kind(), ErrorKind::Internal);
    }
}

#[test]
fn no_rows_are_a_table_without_rows() {
    let batch = Outcomes::new(0, &[], keys(&[])).batch().unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (0, 9));
}
