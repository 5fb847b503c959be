//! The UPDATE of every operator that a statement says, in each dialect, in a file; the test prints the new text where
//! it differs.

use std::fmt::Write as _;
use std::sync::Arc;

use super::tests::dialects;
use super::{Dialect, Statement};
use crate::filter::Filter;
use crate::plan::{Assignment, Plan, Scope, ScopedPlan, Selection};
use crate::schema::tests::product;
use crate::schema::{ColumnSchema, Role, TableSchema};
use crate::types::{FloatRules, LogicalType, parse_json};
use crate::update::{Change, End, parse};

const GOLDEN: &str = include_str!("updates.golden");
const FLOATS: FloatRules = FloatRules { nan: true, infinity: true };
const NOW: i64 = 1_700_000_000_000_000;
const UPDATES: &str = r#"
{"$unset":{"price":true}}
{"$currentDate":{"made":true}}
{"$inc":{"qty":5}}
{"$inc":{"qty":0}}
{"$inc":{"price":"1.5"}}
{"$mul":{"qty":-3}}
{"$mul":{"qty":1}}
{"$mul":{"price":3}}
{"$min":{"qty":7}}
{"$min":{"price":7}}
{"$max":{"name":"b"}}
{"$max":{"made":"2024-01-01T00:00:00Z"}}
{"$bit":{"qty":{"and":6}}}
{"$bit":{"qty":{"or":6}}}
{"$bit":{"qty":{"xor":6}}}
{"$inc":{"qty":1,"price":2},"$max":{"name":"b"}}
{"$push":{"tags":"a"}}
{"$push":{"sizes":{"$each":[1,2]}}}
{"$addToSet":{"tags":"a"}}
{"$addToSet":{"sizes":1}}
"#;
/// What has no exact expression on every database, or none whose outcome is the same.
const IN_MEMORY: [&str; 7] = [
    r#"{"$mul":{"price":1.5}}"#,
    r#"{"$mul":{"price":1000000000000000000}}"#,
    r#"{"$push":{"sizes":{"$each":[]}}}"#,
    r#"{"$push":{"sizes":{"$each":[1],"$slice":5}}}"#,
    r#"{"$addToSet":{"sizes":{"$each":[1,2]}}}"#,
    r#"{"$pull":{"sizes":1}}"#,
    r#"{"$inc":{"qty":1},"$pop":{"sizes":1}}"#,
];

fn shop() -> TableSchema {
    let mut table = product(false);
    for (name, item) in [("tags", LogicalType::Text { max_length: None }), ("sizes", LogicalType::Int)] {
        let (name, ty) = (name.to_owned(), LogicalType::List { item: Box::new(item) });
        table.columns.push(ColumnSchema { name, ty, nullable: true, default: None, role: Role::Field });
    }
    table.checked().unwrap()
}

fn change(dialect: &dyn Dialect, selection: Filter, assignments: Vec<(usize, Assignment)>) -> Statement {
    let (table, selection) = (Arc::new(shop()), Selection::Matching(selection));
    let plan = Plan::Change { table, selection, assignments, include_deleted: false };
    Statement::change(dialect, &ScopedPlan::new(plan, &Scope::default()).unwrap()).unwrap()
}

#[test]
fn every_operator_of_a_statement_is_written_in_each_dialect() {
    let table = shop();
    let mut found = String::new();
    for line in UPDATES.trim().lines() {
        let update = parse(&table, parse_json(line).unwrap(), &[], &[], FLOATS).unwrap();
        let _ = writeln!(found, "{line}");
        for dialect in dialects() {
            let assigned = update.assignments(&table, NOW).unwrap().unwrap();
            let differs = Filter::Or(assigned.iter().map(|(_, _, differs)| differs.clone()).collect());
            let assignments = assigned.into_iter().map(|(at, assignment, _)| (at, assignment)).collect();
            let statement = change(dialect.as_ref(), differs, assignments);
            let (_, text) = statement.sql.split_once(" SET ").unwrap();
            let params: Vec<_> = statement.params.iter().map(|param| &param.value).collect();
            let _ = writeln!(found, "    {}: {text:?}\n        {params:?}", dialect.name());
        }
    }
    assert!(found == GOLDEN, "updates.golden is no longer what is written, which is:\n{found}");
}

#[test]
fn what_no_statement_says_is_decided_in_memory() {
    let table = shop();
    for line in IN_MEMORY {
        let update = parse(&table, parse_json(line).unwrap(), &[], &[], FLOATS).unwrap();
        assert_eq!(update.assignments(&table, NOW).unwrap(), None, "{line}");
    }
}

#[test]
fn a_statement_never_holds_an_operator_that_it_cannot_say() {
    let table = Arc::new(shop());
    let plan = Plan::Change {
        table,
        selection: Selection::everything(),
        assignments: vec![(5, Assignment::Change(Change::Pop(End::Last)))],
        include_deleted: false,
    };
    for dialect in dialects() {
        let scoped = ScopedPlan::new(plan.clone(), &Scope::default()).unwrap();
        assert!(Statement::change(dialect.as_ref(), &scoped).is_err());
    }
}
