use std::sync::Arc;

use super::*;
use crate::batch::{Given, Reading, RowsBuilder, cell};
use crate::error::{Error, ErrorKind};
use crate::schema::{ColumnSchema, KeySource, Role, TableSchema};
use crate::types::{FloatRules, LogicalType, parse_json};
use crate::value::Raw;

const FLOATS: FloatRules = FloatRules { nan: true, infinity: true };
const NOW: i64 = 86_400_000_000 * 3 + 5;

/// `id`, then a column of each kind that operators tell apart.
fn table() -> Arc<TableSchema> {
    let list = |item| LogicalType::List { item: Box::new(item) };
    let columns = [
        ("id", LogicalType::Int),
        ("qty", LogicalType::Int),
        ("cost", LogicalType::Decimal { precision: 6, scale: 2 }),
        ("ratio", LogicalType::Float),
        ("name", LogicalType::Text { max_length: None }),
        ("seen", LogicalType::Instant),
        ("day", LogicalType::Date),
        ("wall", LogicalType::WallTime),
        ("sizes", list(LogicalType::Int)),
        ("meta", LogicalType::Json),
        ("closed", LogicalType::Json),
    ];
    let column = |(name, ty): (&str, LogicalType)| ColumnSchema {
        name: name.to_owned(),
        ty,
        nullable: name != "id" && name != "name",
        default: None,
        role: Role::Field,
    };
    let table = TableSchema {
        model: "Item".to_owned(),
        namespace: None,
        table: "item".to_owned(),
        columns: columns.into_iter().map(column).collect(),
        key: vec![0],
        key_source: KeySource::Caller,
        unique: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        references: Vec::new(),
        multi_tenant: false,
        append_only: false,
    };
    Arc::new(table.checked().unwrap())
}

/// One row with these values, as JSON text of a dict.
fn row(table: &Arc<TableSchema>, values: &str) -> Given {
    let mut rows = RowsBuilder::new(table, Reading { floats: FLOATS, nan_is_null: false }, 1);
    let Raw::Map(entries) = parse_json(values).unwrap() else { panic!("a dict") };
    for (at, column) in table.columns.iter().enumerate() {
        let given = entries.iter().find(|(name, _)| *name == column.name).map(|(_, raw)| raw.clone());
        rows.push(at, given).unwrap();
    }
    rows.end_row();
    rows.finish().unwrap()
}

fn read(update: &str) -> Result<Update, Error> {
    parse(&table(), parse_json(update).unwrap(), &[], &[10], FLOATS)
}

/// The column of one row after an update.
fn after(stored: &str, update: &str, column: usize) -> Result<Value<'static>, Error> {
    let table = table();
    let given = read(update)?.resolve(&table, &row(&table, "{}"), &row(&table, stored).batch, NOW)?;
    assert!(given.is_given(column, 0));
    cell(&table.columns[column].ty, given.batch.column(column), 0).map(Value::into_owned)
}

fn refused(update: &str) -> (ErrorKind, String) {
    let error = read(update).unwrap_err();
    (error.kind(), error.detail().path.clone().unwrap_or_default())
}

#[test]
fn places_lead_through_objects() {
    let meta = |stored: &str, update: &str| match after(stored, update, 9).unwrap() {
        Value::Json(text) => text.into_owned(),
        other => format!("{other:?}"),
    };
    for (stored, update, expected) in [
        (r#"{"meta":{"a":{"x":1}}}"#, r#"{"$set":{"meta.a.b":{"c":[1]}}}"#, r#"{"a":{"b":{"c":[1]},"x":1}}"#),
        (r#"{"meta":{"a":null}}"#, r#"{"$inc":{"meta.a.b":2}}"#, r#"{"a":{"b":2}}"#),
        (r#"{"meta":{"a":1}}"#, r#"{"$unset":{"meta.a.b":true}}"#, r#"{"a":1}"#),
        (r#"{"meta":{"a":{"b":1}}}"#, r#"{"$unset":{"meta.a.b":true}}"#, r#"{"a":{}}"#),
        ("{}", r#"{"$unset":{"meta.a":true}}"#, "Null"),
        (r#"{"meta":{"a":1,"b":2}}"#, r#"{"$rename":{"meta.a":"meta.b.c"}}"#, "refused"),
        (r#"{"meta":{"a":1}}"#, r#"{"$rename":{"meta.a":"meta.b.c"}}"#, r#"{"b":{"c":1}}"#),
        (r#"{"meta":{"b":1}}"#, r#"{"$rename":{"meta.a":"meta.c"}}"#, r#"{"b":1}"#),
        (r#"{"meta":{"n":"5"}}"#, r#"{"$max":{"meta.n":9}}"#, r#"{"n":"5"}"#),
        (r#"{"meta":{"n":true}}"#, r#"{"$min":{"meta.n":{}}}"#, r#"{"n":{}}"#),
        (r#"{"meta":{"l":null}}"#, r#"{"$pop":{"meta.l":1}}"#, r#"{"l":null}"#),
        (r#"{"meta":{"l":[1,null,"a"]}}"#, r#"{"$pullAll":{"meta.l":[null]}}"#, r#"{"l":[1,"a"]}"#),
    ] {
        match expected {
            "refused" => {
                let error = after(stored, update, 9).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::WrongType);
                assert_eq!(error.detail().path.as_deref(), Some("updates.$rename.meta.a"));
            }
            expected => assert_eq!(meta(stored, update), expected, "{update}"),
        }
    }
}

#[test]
fn what_is_stored_may_be_of_another_kind() {
    for (update, path) in [
        (r#"{"$inc":{"meta.s":1}}"#, "updates.$inc.meta.s"),
        (r#"{"$push":{"meta.s":1}}"#, "updates.$push.meta.s"),
        (r#"{"$set":{"meta.s.x":1}}"#, "updates.$set.meta.s.x"),
        (r#"{"$bit":{"meta.s":{"or":1}}}"#, "updates.$bit.meta.s"),
    ] {
        let error = after(r#"{"meta":{"s":"text"}}"#, update, 9).unwrap_err();
        assert_eq!((error.kind(), error.detail().path.as_deref()), (ErrorKind::WrongType, Some(path)));
        assert!(!error.detail().message.contains("text"), "{}", error.detail().message);
    }
}

#[test]
fn lists_are_pushed_sorted_and_cut() {
    let sizes = |stored: &str, push: &str| {
        let stored = format!("{{\"sizes\":{stored}}}");
        match after(&stored, &format!("{{\"$push\":{{\"sizes\":{push}}}}}"), 8).unwrap() {
            Value::List(items) => items.into_iter().map(|item| match item {
                Value::Int(value) => value,
                _ => 0,
            }),
            _ => panic!("a list"),
        }
        .collect::<Vec<_>>()
    };
    assert_eq!(sizes("[1,2,3]", r#"{"$each":[8,9],"$position":-1}"#), [1, 2, 8, 9, 3]);
    assert_eq!(sizes("[1,2]", r#"{"$each":[9],"$position":-7}"#), [9, 1, 2]);
    assert_eq!(sizes("[1,2]", r#"{"$each":[9],"$position":7}"#), [1, 2, 9]);
    assert_eq!(sizes("[3,1,2]", r#"{"$each":[],"$sort":-1,"$slice":2}"#), [3, 2]);
    assert_eq!(sizes("[3,1,2]", r#"{"$each":[],"$slice":0}"#), []);
    assert_eq!(sizes("[3,1,2]", r#"{"$each":[4],"$slice":-9223372036854775808}"#), [3, 1, 2, 4]);
    assert_eq!(sizes("null", "7"), [7]);
}

#[test]
fn the_time_of_the_write_is_one() {
    assert_eq!(after("{}", r#"{"$currentDate":{"seen":true}}"#, 5).unwrap(), Value::Instant(NOW));
    assert_eq!(after("{}", r#"{"$currentDate":{"day":true}}"#, 6).unwrap(), Value::Date(3));
}

#[test]
fn an_update_that_is_no_update_is_refused_with_its_place() {
    use ErrorKind::{
        InvalidFilter, InvalidUpdate, KeyMismatch, LimitExceeded, NotFinite, NullValue, OutOfRange, UnknownField,
        UnknownOperator, WrongType,
    };
    for (update, kind, path) in [
        (r#"{"$inc":{"qyt":1}}"#, UnknownField, "updates.$inc.qyt"),
        (r#"{"$where":{"qty":1}}"#, UnknownOperator, "updates.$where"),
        (r#"{"$inc":{"qty":1},"name":"x"}"#, InvalidUpdate, "updates.name"),
        (r#"{"$inc":{}}"#, InvalidUpdate, "updates.$inc"),
        (r#"{"$inc":5}"#, InvalidUpdate, "updates.$inc"),
        (r#"{"$inc":{"id":1}}"#, KeyMismatch, "updates.$inc.id"),
        (r#"{"$inc":{"qty":1.5}}"#, WrongType, "updates.$inc.qty"),
        (r#"{"$inc":{"qty":null}}"#, NullValue, "updates.$inc.qty"),
        (r#"{"$inc":{"name":1}}"#, InvalidUpdate, "updates.$inc.name"),
        (r#"{"$inc":{"cost":0.001}}"#, ErrorKind::TooManyDigits, "updates.$inc.cost"),
        (r#"{"$mul":{"qty":9223372036854775808}}"#, OutOfRange, "updates.$mul.qty"),
        (r#"{"$inc":{"meta":1}}"#, InvalidUpdate, "updates.$inc.meta"),
        (r#"{"$inc":{"meta.a":"1"}}"#, WrongType, "updates.$inc.meta.a"),
        (r#"{"$min":{"meta.a":null}}"#, NullValue, "updates.$min.meta.a"),
        (r#"{"$inc":{"qty.a":1}}"#, InvalidUpdate, "updates.$inc.qty.a"),
        (r#"{"$set":{"meta..a":1}}"#, InvalidUpdate, "updates.$set.meta..a"),
        (r#"{"$set":{"closed.a":1}}"#, InvalidUpdate, "updates.$set.closed.a"),
        (r#"{"$unset":{"name":true}}"#, NullValue, "updates.$unset.name"),
        (r#"{"$currentDate":{"wall":true}}"#, InvalidUpdate, "updates.$currentDate.wall"),
        (r#"{"$currentDate":{"seen":false}}"#, InvalidUpdate, "updates.$currentDate.seen"),
        (r#"{"$bit":{"qty":{"and":1,"or":2}}}"#, InvalidUpdate, "updates.$bit.qty"),
        (r#"{"$bit":{"qty":{"nand":1}}}"#, InvalidUpdate, "updates.$bit.qty"),
        (r#"{"$push":{"sizes":{"$slice":1}}}"#, InvalidUpdate, "updates.$push.sizes"),
        (r#"{"$push":{"sizes":{"$each":[1],"$slize":1}}}"#, UnknownOperator, "updates.$push.sizes.$slize"),
        (r#"{"$push":{"sizes":{"$each":[1,"x"]}}}"#, WrongType, "updates.$push.sizes.$each[1]"),
        (r#"{"$push":{"sizes":{"$each":[1],"$sort":{"a":1}}}}"#, InvalidUpdate, "updates.$push.sizes.$sort"),
        (r#"{"$push":{"sizes":[1]}}"#, WrongType, "updates.$push.sizes"),
        (r#"{"$addToSet":{"sizes":{"$each":[1],"$sort":1}}}"#, InvalidUpdate, "updates.$addToSet.sizes"),
        (r#"{"$pull":{"sizes":{}}}"#, InvalidFilter, "updates.$pull.sizes"),
        (r#"{"$pull":{"meta.l":{}}}"#, InvalidFilter, "updates.$pull.meta.l"),
        (r#"{"$pull":{"sizes":{"$lk":1}}}"#, UnknownOperator, "updates.$pull.sizes.$lk"),
        (r#"{"$pop":{"sizes":2}}"#, InvalidUpdate, "updates.$pop.sizes"),
        (r#"{"$rename":{"qty":"amount"}}"#, InvalidUpdate, "updates.$rename.qty"),
        (r#"{"$rename":{"meta.a":"closed.a"}}"#, InvalidUpdate, "updates.$rename.meta.a"),
        (r#"{"$setOnInsert":{"qty":1}}"#, InvalidUpdate, "updates.$setOnInsert.qty"),
        (r#"{"$inc":{"qty":1},"$mul":{"qty":2}}"#, InvalidUpdate, "updates.$mul.qty"),
        (r#"{"$set":{"meta.a":1},"$inc":{"meta.a.b":2}}"#, InvalidUpdate, "updates.$inc.meta.a.b"),
        (r#"{"$rename":{"meta.a":"meta.a.b"}}"#, InvalidUpdate, "updates.$rename.meta.a"),
    ] {
        assert_eq!(refused(update), (kind, path.to_owned()), "{update}");
    }
    let infinite = Raw::Map(vec![("$inc".into(), Raw::Map(vec![("ratio".into(), Raw::Float(f64::INFINITY))]))]);
    assert_eq!(parse(&table(), infinite, &[], &[], FLOATS).unwrap_err().kind(), NotFinite);
    let deep = (0..200).fold(Raw::Int(1), |inner, _| Raw::Map(vec![("$inc".into(), inner)]));
    assert_eq!(parse(&table(), deep, &[], &[], FLOATS).unwrap_err().kind(), LimitExceeded);
}

#[test]
fn an_unknown_operator_is_answered_with_the_known_ones() {
    let hint = |update: &str| read(update).unwrap_err().detail().hint.clone().unwrap();
    assert_eq!(hint(r#"{"$icn":{"qty":1}}"#), "did you mean `$inc`?");
    assert!(OPERATORS.iter().all(|operator| hint(r#"{"$where":{"qty":1}}"#).contains(operator)));
}

#[test]
fn a_column_that_is_set_takes_no_operator() {
    let raw = parse_json(r#"{"$inc":{"qty":1}}"#).unwrap();
    let error = parse(&table(), raw, &[1], &[], FLOATS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUpdate);
}

/// The rows that a statement would leave alone are those that memory leaves as they are.
#[test]
fn a_condition_of_change_is_met_by_just_the_rows_that_change() {
    let table = table();
    let updates = [
        r#"{"$unset":{"qty":true}}"#,
        r#"{"$inc":{"qty":0}}"#,
        r#"{"$inc":{"qty":3}}"#,
        r#"{"$mul":{"qty":0}}"#,
        r#"{"$mul":{"qty":1}}"#,
        r#"{"$mul":{"qty":-1}}"#,
        r#"{"$min":{"qty":1}}"#,
        r#"{"$max":{"qty":1}}"#,
        r#"{"$bit":{"qty":{"and":1}}}"#,
        r#"{"$bit":{"qty":{"or":1}}}"#,
        r#"{"$bit":{"qty":{"xor":0}}}"#,
        r#"{"$bit":{"qty":{"xor":1}}}"#,
        r#"{"$inc":{"cost":0}}"#,
        r#"{"$mul":{"cost":1}}"#,
        r#"{"$mul":{"cost":2}}"#,
        r#"{"$min":{"name":"b"}}"#,
        r#"{"$max":{"name":"b"}}"#,
        r#"{"$currentDate":{"day":true}}"#,
        r#"{"$push":{"sizes":1}}"#,
        r#"{"$addToSet":{"sizes":1}}"#,
    ];
    let rows = [
        r#"{"qty":0,"cost":0,"name":"a","day":"1970-01-04"}"#,
        r#"{"qty":1,"cost":1,"name":"b","sizes":[2,1]}"#,
        r#"{"qty":-2,"cost":"-2.5","name":"c","day":"1970-01-05"}"#,
        r#"{"qty":7,"name":"a","sizes":[11]}"#,
        r#"{"name":"b"}"#,
    ];
    let mut seen = [0, 0];
    for update in updates.map(|update| read(update).unwrap()) {
        let [(at, _, differs)] = &update.assignments(&table, NOW).unwrap().unwrap()[..] else { panic!("one") };
        for values in rows {
            let stored = row(&table, values).batch;
            let given = update.resolve(&table, &row(&table, "{}"), &stored, NOW).unwrap();
            let ty = &table.columns[*at].ty;
            let changes = cell(ty, given.batch.column(*at), 0).unwrap() != cell(ty, stored.column(*at), 0).unwrap();
            let rows = crate::filter::BatchRows::new(&table, &stored).unwrap();
            assert_eq!(rows.matches(differs, 0).unwrap(), changes, "{update:?} on {values}");
            seen[usize::from(changes)] += 1;
        }
    }
    assert!(seen[0] > 20 && seen[1] > 20, "{seen:?}");
}
