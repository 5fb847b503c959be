use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;

use super::*;
use crate::batch::{Reading, RowsBuilder};
use crate::schema::tests::product;
use crate::types::FloatRules;
use crate::value::Raw;

const READING: Reading = Reading { floats: FloatRules { nan: true, infinity: true }, nan_is_null: false };

/// Rows of (id, name, qty); None is absent.
fn given(table: &Arc<TableSchema>, rows: &[(Option<i64>, Option<&'static str>, Option<Raw<'static>>)]) -> Given {
    let mut builder = RowsBuilder::new(table, READING, rows.len());
    for (id, name, qty) in rows {
        builder.push(0, id.map(Raw::Int)).unwrap();
        builder.push(1, name.map(|name| Raw::Text(name.into()))).unwrap();
        builder.push(2, None).unwrap();
        builder.push(3, qty.clone()).unwrap();
        builder.push(4, None).unwrap();
        builder.end_row();
    }
    builder.finish().unwrap()
}

fn rules(on_missing: OnMissing) -> Rules {
    let on_match = OnMatch::Update;
    Rules { target: vec![0], on_match, on_missing, duplicates: Duplicates::Refuse, update: None, now: 7 }
}

fn fates(table: &Arc<TableSchema>, given: &Given, stored: &RecordBatch, rules: &Rules) -> Result<Vec<Fate>> {
    let keys = Keys::of(table, &rules.target, &given.batch)?;
    let goes = deduplicate(&keys, rules.duplicates, 0)?;
    decide(table, given, &keys, &goes, &vec![None; keys.rows()], stored, rules)
}

#[test]
fn every_row_has_one_fate() {
    let table = Arc::new(product(false));
    let stored = given(&table, &[(Some(1), Some("a"), Some(Raw::Int(1))), (Some(2), Some("b"), None)]).batch;
    let rows = given(
        &table,
        &[
            (Some(2), Some("c"), None),
            (Some(1), Some("a"), None),
            (Some(3), Some("d"), None),
            (None, Some("e"), None),
            (None, Some("e"), None),
        ],
    );
    let fates = fates(&table, &rows, &stored, &rules(OnMissing::Insert)).unwrap();
    assert_eq!(
        fates,
        [Fate::Update { stored: 1 }, Fate::Unchanged { stored: 0 }, Fate::Insert, Fate::Insert, Fate::Insert]
    );
}

#[test]
fn an_absent_value_leaves_the_stored_one_and_null_clears_it() {
    let table = Arc::new(product(false));
    let stored =
        given(&table, &[(Some(1), Some("a"), Some(Raw::Int(1))), (Some(2), Some("b"), Some(Raw::Int(2)))]).batch;
    let rows = given(&table, &[(Some(2), None, Some(Raw::Null)), (Some(1), Some("z"), None)]);
    let rules = rules(OnMissing::Refuse);
    let fates = fates(&table, &rows, &stored, &rules).unwrap();
    let merged = merged(&table, &rows, &stored, &fates, &rules).unwrap();
    assert_eq!(merged.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("b"), Some("z")]);
    assert_eq!(merged.column(3).as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [None, Some(1)]);
    assert_eq!(changed_columns(&table, &rows, &stored, &fates, &rules), [1, 3]);
}

#[test]
fn duplicates_are_refused_or_one_of_them_goes() {
    let table = Arc::new(product(false));
    let rows = [Some(1), None, Some(1), Some(2), Some(1), None].map(|id| (id, None, None));
    let keys = Keys::of(&table, &[0], &given(&table, &rows).batch).unwrap();
    let error = deduplicate(&keys, Duplicates::Refuse, 0).unwrap_err();
    assert_eq!((error.kind(), error.detail().path.as_deref()), (ErrorKind::DuplicateRow, Some("[2]")));
    assert_eq!(deduplicate(&keys, Duplicates::First, 0).unwrap(), [0, 1, 0, 3, 0, 5]);
    assert_eq!(deduplicate(&keys, Duplicates::Last, 0).unwrap(), [4, 1, 4, 3, 4, 5]);
}

#[test]
fn a_row_that_is_not_there_is_refused_or_counted() {
    let table = Arc::new(product(false));
    let stored = given(&table, &[]).batch;
    let rows = given(&table, &[(Some(9), Some("a"), None)]);
    let error = fates(&table, &rows, &stored, &rules(OnMissing::Refuse)).unwrap_err();
    assert_eq!((error.kind(), error.detail().path.as_deref()), (ErrorKind::NotFound, Some("[0]")));
    assert_eq!(fates(&table, &rows, &stored, &rules(OnMissing::Skip)).unwrap(), [Fate::Missing]);
}

#[test]
fn a_unique_set_finds_a_row_but_never_changes_its_key() {
    let table = Arc::new(product(false));
    let stored = given(&table, &[(Some(1), Some("a"), None)]).batch;
    let rules = Rules { target: vec![1], ..rules(OnMissing::Insert) };
    let without = given(&table, &[(None, Some("a"), Some(Raw::Int(5)))]);
    assert_eq!(fates(&table, &without, &stored, &rules).unwrap(), [Fate::Update { stored: 0 }]);
    let other = given(&table, &[(Some(2), Some("a"), None)]);
    let error = fates(&table, &other, &stored, &rules).unwrap_err();
    assert_eq!((error.kind(), error.detail().path.as_deref()), (ErrorKind::KeyMismatch, Some("[0].id")));
}

#[test]
fn a_row_that_is_left_alone_may_have_another_key() {
    let table = Arc::new(product(false));
    let stored = given(&table, &[(Some(1), Some("a"), None)]).batch;
    let rows = given(&table, &[(Some(2), Some("a"), None)]);
    let by_name = |on_match| Rules { target: vec![1], on_match, ..rules(OnMissing::Insert) };
    assert_eq!(fates(&table, &rows, &stored, &by_name(OnMatch::Ignore)).unwrap(), [Fate::Ignored { stored: 0 }]);
    let error = fates(&table, &rows, &stored, &by_name(OnMatch::Refuse)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
}
