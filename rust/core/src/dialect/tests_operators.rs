//! Every operator's condition in each dialect, in a file; the test prints the new text where it differs.

use std::fmt::Write as _;
use std::sync::Arc;

use super::tests::dialects;
use super::tests_condition::every_type;
use super::{Dialect, LongList, ParamValue, Statement, condition_text};
use crate::error::ErrorKind;
use crate::filter::{Filter, parse};
use crate::plan::{Assignment, Plan, Scope, ScopedPlan, Selection};
use crate::types::{FloatRules, LogicalType, parse_json};
use crate::value::Value;

const FLOATS: FloatRules = FloatRules { nan: false, infinity: false };
const GOLDEN: &str = include_str!("conditions.golden");
const FILTERS: &str = r#"
{"c0":{"$eq":1}}
{"c0":{"$ne":1}}
{"c0":{"$gt":1,"$lte":9}}
{"c0":{"$gte":1,"$lt":9}}
{"c0":{"$in":[1,2,null]}}
{"c0":{"$nin":[1]}}
{"c0":{"$exists":false}}
{"c0":{"$not":{"$gt":1}}}
{"$and":[{"c0":1},{"$or":[{"c1":true},{"c2":1.5}]}]}
{"$nor":[{"c0":1},{"c1":true}],"$comment":"nobody"}
{"c0":{"$mod":[-3,-1]}}
{"c0":{"$bitsAllSet":5}}
{"c0":{"$bitsAllClear":[0,63]}}
{"c0":{"$bitsAnySet":5}}
{"c0":{"$bitsAnyClear":5}}
{"$expr":{"$eq":["$c4","$c12"]}}
{"$expr":{"$not":{"$and":[{"$lt":["$c0","$c0"]},{"$ne":["$c3",1.5]},{"$gte":[3,"$c0"]}]}}}
{"c4":{"$contains":"a%"}}
{"c4":{"$icontains":"aK\u00e4"}}
{"c4":{"$startsWith":"a*"}}
{"c4":{"$endsWith":"a_"}}
{"c4":{"$like":"a%_b\\%"}}
{"c4":{"$ilike":"a%1_"}}
{"c4":{"$regex":"^ak.b$"}}
{"c4":{"$regex":"^ak.b$","$options":"ims"}}
{"c13":5}
{"c13":[5]}
{"c13":{"$contains":[5,6]}}
{"c13":{"$all":[5,{"$elemMatch":{"$gt":1}}]}}
{"c13":{"$size":2}}
{"c13":{"$elemMatch":{"$gt":1,"$ne":3}}}
{"c14":{"$elemMatch":{"$gte":"a","$not":{"$contains":"b"}}}}
{"c14":{"$elemMatch":{"$in":["a","b"]}}}
{"c15.a":1}
{"c15.a":{"$in":[1,"x"]}}
{"c15.a":{"$exists":true}}
{"c15.a":{"$type":"number"}}
{"c15.a":{"$type":["bool","null","array"]}}
{"c0":{"$type":["int","string","null"]}}
{"c15.a":{"$gt":12.5}}
{"c15.a":{"$lte":12.5}}
{"c15.a":{"$gte":-12.5}}
{"c15.a":{"$lt":-12.5}}
{"c15.a":{"$gt":"x"}}
{"c15.a":{"$contains":"x"}}
{"c15.a":{"$icontains":"x"}}
{"c15.a":{"$regex":"x"}}
{"c15.a":{"$size":1}}
{"c15.a":{"$all":[1,"x"]}}
{"c15.a":{"$elemMatch":{"$gt":1}}}
{"c15":{"$elemMatch":{"b":1,"c":{"$elemMatch":{"d":"x"}}}}}
{"c15":{"$contains":{"a":{}}}}
"#;

fn count(filter: Filter) -> Plan {
    let selection = Selection::Matching(filter);
    Plan::Count { table: Arc::new(every_type()), selection, include_deleted: false, lock: false }
}

fn scoped(plan: Plan) -> ScopedPlan {
    ScopedPlan::new(plan, &Scope::default()).unwrap()
}

#[test]
fn every_operator_has_its_condition_in_each_dialect() {
    let mut found = String::new();
    for line in FILTERS.trim().lines() {
        let filter = parse(&every_type(), parse_json(line).unwrap(), FLOATS).unwrap();
        let _ = writeln!(found, "{line}");
        for dialect in dialects() {
            let statement = Statement::query(dialect.as_ref(), &scoped(count(filter.clone()))).unwrap();
            let (_, condition) = statement.sql.split_once(" WHERE ").unwrap();
            let params: Vec<_> = statement.params.iter().map(|param| &param.value).collect();
            let _ = writeln!(found, "    {}: {condition:?}\n        {params:?}", dialect.name());
        }
    }
    assert!(found == GOLDEN, "conditions.golden is no longer what is written, which is:\n{found}");
}

fn long() -> Filter {
    Filter::In { column: 0, values: (0..70_000).map(Value::Int).collect(), null: false }
}

#[test]
fn a_list_beyond_the_parameters_is_one_of_them() {
    let conditions = [
        "= ANY($1)",
        "IN (SELECT dataflow_value FROM JSON_TABLE(?, '$[*]' COLUMNS (dataflow_value bigint PATH '$')) AS \
         dataflow_values)",
        "IN (SELECT value FROM json_each(?1))",
    ];
    for (dialect, expected) in dialects().iter().zip(conditions) {
        let statement = Statement::query(dialect.as_ref(), &scoped(count(long()))).unwrap();
        assert!(statement.sql.ends_with(expected), "{}", statement.sql);
        assert_eq!(statement.params.len(), 1);
    }
}

#[test]
fn values_in_a_long_list_are_told_apart() {
    let [_, mysql, sqlite] = dialects();
    let text = |dialect: &dyn Dialect, ty: LogicalType, value: Value<'static>| {
        let list = LongList { column: "c", ty: &ty, values: &[value], placeholder: "?", changes: false };
        dialect.in_json(&list).unwrap().unwrap()
    };
    let decimal = LogicalType::Decimal { precision: 10, scale: 2 };
    let (condition, list) = text(sqlite.as_ref(), decimal.clone(), Value::Decimal(1));
    assert_eq!(condition, "c IN (SELECT unhex(value, '-') FROM json_each(?))");
    assert_eq!(list, "[\"80000000000000000000000000000001\"]");
    let (condition, list) = text(mysql.as_ref(), decimal, Value::Decimal(1));
    assert!(condition.contains("dataflow_value decimal(10,2) PATH"), "{condition}");
    assert_eq!(list, "[\"0.01\"]");
    let (condition, list) = text(mysql.as_ref(), LogicalType::Instant, Value::Instant(0));
    assert!(condition.contains("SELECT CAST(LEFT(dataflow_value, 26) AS datetime(6)) FROM"), "{condition}");
    assert_eq!(list, "[\"1970-01-01T00:00:00.000000Z\"]");
    assert_eq!(text(sqlite.as_ref(), LogicalType::Json, Value::Json("{\"a\":1}".into())).1, r#"["{\"a\":1}"]"#);
}

#[test]
fn a_change_takes_no_list_that_would_be_searched_for_each_row() {
    let table = Arc::new(every_type());
    let assignments = vec![(1, Assignment::Value(Value::Bool(true)))];
    let plan = || Plan::Change {
        table: Arc::clone(&table),
        selection: Selection::Matching(long()),
        assignments: assignments.clone(),
        include_deleted: false,
    };
    let kinds =
        dialects().map(|dialect| Statement::change(dialect.as_ref(), &scoped(plan())).err().map(|error| error.kind()));
    assert_eq!(kinds, [None, Some(ErrorKind::LimitExceeded), None]);
}

#[test]
fn booleans_are_never_many() {
    let values = (0..70_000).map(|at| Value::Bool(at > 0)).collect();
    let filter = Filter::In { column: 1, values, null: false };
    for dialect in &dialects()[1..] {
        let statement = Statement::query(dialect.as_ref(), &scoped(count(filter.clone()))).unwrap();
        let values: Vec<_> = statement.params.into_iter().map(|param| param.value).collect();
        assert_eq!(values, [false, true].map(|value| ParamValue::One(Value::Bool(value))));
    }
}

#[test]
fn no_text_of_its_own_looks_at_items_one_by_one() {
    let filter = parse(&every_type(), parse_json(r#"{"c13":{"$elemMatch":{"$gt":1}}}"#).unwrap(), FLOATS).unwrap();
    for dialect in dialects() {
        assert!(condition_text(dialect.as_ref(), &every_type(), &filter).is_err());
    }
}
