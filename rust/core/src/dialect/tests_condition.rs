//! Golden conditions: one filter, three dialects, as a statement's WHERE and as text of its own.

use std::sync::Arc;

use super::tests::dialects;
use super::{Dialect, Mysql, ParamValue, Statement, condition_text};
use crate::error::ErrorKind;
use crate::filter::{Comparison, Filter, Found, JsonKey, JsonKind, Like, Pattern, Regex};
use crate::plan::{Plan, Scope, ScopedPlan, Selection};
use crate::schema::tests::product;
use crate::schema::{ColumnSchema, Role, TableSchema};
use crate::types::{FIRST_MICROSECOND, LogicalType};
use crate::value::Value;

const NAME: usize = 1;

fn like(pattern: &str, fold_ascii: bool) -> Filter {
    Filter::Match { column: NAME, pattern: Pattern::Like(Like::parse(pattern, fold_ascii).unwrap()) }
}

fn regex(pattern: &str) -> Filter {
    Filter::Match { column: NAME, pattern: Pattern::Regex(Regex::parse(pattern).unwrap()) }
}

/// The condition behind WHERE and the texts of its parameters.
fn condition(dialect: &dyn Dialect, filter: Filter) -> (String, Vec<String>) {
    let selection = Selection::Matching(filter);
    let plan = Plan::Count { table: Arc::new(product(false)), selection, include_deleted: false, lock: false };
    let statement = Statement::query(dialect, &ScopedPlan::new(plan, &Scope::default()).unwrap()).unwrap();
    let (_, condition) = statement.sql.split_once(" WHERE ").unwrap();
    let texts = statement.params.iter().map(|param| match &param.value {
        ParamValue::One(Value::Text(text)) => text.to_string(),
        other => format!("{other:?}"),
    });
    (condition.to_owned(), texts.collect())
}

fn expect(filter: &Filter, expected: [(&str, &str); 3]) {
    for (dialect, (sql, parameter)) in dialects().iter().zip(expected) {
        let found = condition(dialect.as_ref(), filter.clone());
        assert_eq!(found, (sql.to_owned(), vec![parameter.to_owned()]), "{}", dialect.name());
    }
}

#[test]
fn a_pattern_is_exact() {
    expect(
        &like("a%_\\%\\_\\\\*?[]'", false),
        [
            ("\"name\" LIKE $1", "a%_\\%\\_\\\\*?[]'"),
            ("`name` LIKE ?", "a%_\\%\\_\\\\*?[]'"),
            ("\"name\" GLOB ?1", "a*?%_\\[*][?][[]]'"),
        ],
    );
}

#[test]
fn a_regular_expression_is_written_out() {
    expect(
        &regex("^\\d+.(a|b)$"),
        [
            ("\"name\" ~ $1", "^[0-9]+[^\n](?:a|b)$"),
            ("`name` REGEXP ?", "(?s-imxU)(?:\\A[0-9]+[^\n](?:a|b)\\z)"),
            ("dataflow_regexp(?1, \"name\")", "^\\d+.(a|b)$"),
        ],
    );
    expect(
        &regex("^a|b"),
        [
            ("\"name\" ~ $1", "^a|b"),
            ("`name` REGEXP ?", "(?s-imxU)\\A.*?(?:\\Aa|b)"),
            ("dataflow_regexp(?1, \"name\")", "^a|b"),
        ],
    );
}

#[test]
fn mysqls_regular_expressions_have_no_ungreedy_flag() {
    let mysql = Mysql {
        database: "shop".to_owned(),
        mariadb: false,
        statement_log: false,
        snapshot_isolation: true,
        infile: "rows".to_owned(),
    };
    assert_eq!(condition(&mysql, regex("^a")).1, ["(?s-imx)(?:\\Aa)"]);
    assert_eq!(condition(&mysql, like("a", true)).1, ["(?s-imx)\\A[Aa]\\z"]);
}

fn list_of(item: LogicalType) -> LogicalType {
    LogicalType::List { item: Box::new(item) }
}

/// A column of every type, `c0` the key.
pub(super) fn every_type() -> TableSchema {
    let types = [
        LogicalType::Int,
        LogicalType::Bool,
        LogicalType::Float,
        LogicalType::Decimal { precision: 10, scale: 2 },
        LogicalType::Text { max_length: None },
        LogicalType::Bytes,
        LogicalType::Uuid,
        LogicalType::Instant,
        LogicalType::WallTime,
        LogicalType::Date,
        LogicalType::Time,
        LogicalType::Duration,
        LogicalType::Choice { values: ["a".into()].into() },
        list_of(LogicalType::Int),
        list_of(LogicalType::Text { max_length: None }),
        LogicalType::Json,
    ];
    let column =
        |(at, ty)| ColumnSchema { name: format!("c{at}"), ty, nullable: at > 0, default: None, role: Role::Field };
    TableSchema { columns: types.into_iter().enumerate().map(column).collect(), ..product(false) }.checked().unwrap()
}

fn equal(column: usize, value: Value<'static>) -> Filter {
    Filter::Compare { column, comparison: Comparison::Equal, value }
}

fn texts(filter: &Filter) -> [String; 3] {
    dialects().map(|dialect| condition_text(dialect.as_ref(), &every_type(), filter).unwrap())
}

#[test]
fn every_type_has_an_exact_literal() {
    for (column, value, expected) in [
        (0, Value::Int(i64::MIN), ["'-9223372036854775808'::bigint", "-9223372036854775808", "-9223372036854775808"]),
        (1, Value::Bool(true), ["'true'::boolean", "1", "1"]),
        (2, Value::Float(-0.1), ["'-1e-1'::double precision", "-1e-1", "-1e-1"]),
        (3, Value::Decimal(-5), ["'-0.05'::numeric(10,2)", "-0.05", "X'7ffffffffffffffffffffffffffffffb'"]),
        (4, Value::Text("a'b\\".into()), ["E'a''b\\\\'::text", "'a''b\\\\'", "'a''b\\'"]),
        (5, Value::Bytes(vec![0, 255].into()), ["E'\\\\x00ff'::bytea", "X'00ff'", "X'00ff'"]),
        (
            6,
            Value::Uuid([1; 16]),
            [
                "'01010101010101010101010101010101'::uuid",
                "X'01010101010101010101010101010101'",
                "X'01010101010101010101010101010101'",
            ],
        ),
        (
            7,
            Value::Instant(FIRST_MICROSECOND),
            [
                "'0001-01-01T00:00:00.000000Z'::timestamp with time zone",
                "TIMESTAMP'0001-01-01 00:00:00.000000'",
                "'0001-01-01T00:00:00.000000Z'",
            ],
        ),
        (
            8,
            Value::WallTime(1),
            [
                "'1970-01-01T00:00:00.000001'::timestamp without time zone",
                "TIMESTAMP'1970-01-01 00:00:00.000001'",
                "'1970-01-01T00:00:00.000001'",
            ],
        ),
        (9, Value::Date(0), ["'1970-01-01'::date", "DATE'1970-01-01'", "'1970-01-01'"]),
        (
            10,
            Value::Time(1),
            ["'00:00:00.000001'::time without time zone", "TIME'00:00:00.000001'", "'00:00:00.000001'"],
        ),
        (11, Value::Duration(-1), ["'-1 microseconds'::interval", "-1", "-1"]),
        (12, Value::Text("a".into()), ["'a'::text", "'a'", "'a'"]),
        (13, Value::List(vec![Value::Int(1)]), ["ARRAY['1'::bigint]::bigint[]", "'[1]'", "'[1]'"]),
        (14, Value::List(vec![]), ["ARRAY[]::text[]", "'[]'", "'[]'"]),
        (
            15,
            Value::Json(r#"{"a":"'\\"}"#.into()),
            [r#"E'{"a":"''\\\\"}'::jsonb"#, r#"'{"a":"''\\\\"}'"#, r#"'{"a":"''\\"}'"#],
        ),
    ] {
        let names = [format!("\"c{column}\""), format!("`c{column}`"), format!("\"c{column}\"")];
        for ((found, name), expected) in texts(&equal(column, value)).iter().zip(names).zip(expected) {
            assert_eq!(*found, format!("{name} = {expected}"));
        }
    }
}

/// The conditions with parameters, and the parameters of each.
fn conditions(filter: &Filter) -> [(String, Vec<ParamValue>); 3] {
    dialects().map(|dialect| {
        let selection = Selection::Matching(filter.clone());
        let plan = Plan::Count { table: Arc::new(every_type()), selection, include_deleted: false, lock: false };
        let statement = Statement::query(dialect.as_ref(), &ScopedPlan::new(plan, &Scope::default()).unwrap()).unwrap();
        let (_, condition) = statement.sql.split_once(" WHERE ").unwrap();
        (condition.to_owned(), statement.params.into_iter().map(|param| param.value).collect())
    })
}

fn sql(filter: &Filter) -> [String; 3] {
    conditions(filter).map(|(sql, _)| sql)
}

#[test]
fn items_are_looked_for_in_lists() {
    let numbers = Filter::Has { column: 13, values: vec![Value::Int(5), Value::Int(6)] };
    assert_eq!(
        sql(&numbers),
        [
            "(\"c13\" && $1)",
            "(EXISTS (SELECT 1 FROM JSON_TABLE(`c13`, '$[*]' COLUMNS (dataflow_item longtext COLLATE utf8mb4_nopad_bin \
             PATH '$')) AS dataflow_items WHERE dataflow_item IN (?, ?)))",
            "(dataflow_has_any(?1, \"c13\"))",
        ]
    );
    let [postgres, mysql, sqlite] = conditions(&numbers).map(|(_, params)| params);
    let list = ParamValue::One(Value::List(vec![Value::Int(5), Value::Int(6)]));
    assert_eq!((&postgres, &sqlite), (&vec![list.clone()], &vec![list]));
    assert_eq!(mysql, ["5", "6"].map(|text| ParamValue::One(Value::Text(text.into()))));
}

#[test]
fn one_item_needs_no_subquery() {
    let text = Filter::Has { column: 14, values: vec![Value::Text("it's".into())] };
    assert_eq!(
        texts(&text),
        [
            "(\"c14\" && ARRAY['it''s'::text]::text[])",
            "(JSON_CONTAINS(`c14`, '\"it''s\"'))",
            "(dataflow_has_any('[\"it''s\"]', \"c14\"))",
        ]
    );
    let numbers = Filter::Has { column: 13, values: vec![Value::Int(5), Value::Int(6)] };
    let item = |number| format!("INSTR(REPLACE(REPLACE(`c13`, '[', ','), ']', ','), ',{number},') > 0");
    assert_eq!(
        texts(&numbers),
        [
            "(\"c13\" && ARRAY['5'::bigint]::bigint[] OR \"c13\" && ARRAY['6'::bigint]::bigint[])".to_owned(),
            format!("({} OR {})", item(5), item(6)),
            "(dataflow_has_any('[5]', \"c13\") OR dataflow_has_any('[6]', \"c13\"))".to_owned(),
        ]
    );
}

#[test]
fn keys_lead_into_documents() {
    let path = |found| {
        let keys = ["a", "b\"c"].map(|key| JsonKey::new(key).unwrap()).to_vec();
        Filter::Json { column: 15, keys, found }
    };
    let equal = path(Found::OneOf(vec!["1".to_owned(), "null".to_owned()]));
    assert_eq!(
        sql(&equal),
        [
            "(\"c15\" -> $1 -> $2) IN ($3, $4)",
            "CONCAT(JSON_COMPACT(JSON_EXTRACT(`c15`, ?)), '') IN (?, ?)",
            "(\"c15\" -> ?1) IN (?2, ?3)",
        ]
    );
    let [postgres, mysql, sqlite] = conditions(&equal).map(|(_, params)| params);
    let text = |text: &'static str| ParamValue::One(Value::Text(text.into()));
    let json = |text: &'static str| ParamValue::One(Value::Json(text.into()));
    assert_eq!(postgres, [text("a"), text("b\"c"), json("1"), json("null")]);
    assert_eq!(mysql, [text(r#"$."a"."b\"c""#), json("1"), json("null")]);
    assert_eq!(sqlite, mysql);
    assert_eq!(
        sql(&path(Found::Any)),
        ["(\"c15\" -> $1 -> $2) IS NOT NULL", "JSON_EXTRACT(`c15`, ?) IS NOT NULL", "(\"c15\" -> ?1) IS NOT NULL"]
    );
    let whole = Filter::Json { column: 15, keys: vec![], found: Found::Kind(JsonKind::Object) };
    assert_eq!(
        sql(&whole),
        [
            "jsonb_typeof((\"c15\")) = 'object'",
            "JSON_TYPE(JSON_EXTRACT(`c15`, ?)) = 'OBJECT'",
            "json_type((\"c15\" -> ?1)) = 'object'",
        ]
    );
}

#[test]
fn mysql_compares_json_as_json() {
    let mysql = Mysql {
        database: "shop".to_owned(),
        mariadb: false,
        statement_log: false,
        snapshot_isolation: false,
        infile: "rows".to_owned(),
    };
    let filter = Filter::Json { column: 15, keys: vec![], found: Found::OneOf(vec!["1".into(), "2".into()]) };
    assert_eq!(
        condition_text(&mysql, &every_type(), &filter).unwrap(),
        "(JSON_EXTRACT(`c15`, '$') = CAST('1' AS JSON) OR JSON_EXTRACT(`c15`, '$') = CAST('2' AS JSON))"
    );
}

#[test]
fn text_of_a_filter_has_no_parameters() {
    let list = Filter::In { column: 0, values: vec![Value::Int(1), Value::Int(2)], null: true };
    let starts = Pattern::Like(Like::literal("it's", false, true, false).unwrap());
    let filter = Filter::Or(vec![
        Filter::Not(Box::new(list)),
        Filter::Match { column: 4, pattern: starts },
        Filter::And(vec![]),
    ]);
    assert_eq!(
        texts(&filter),
        [
            "(((\"c0\" IS NULL OR \"c0\" IN ('1'::bigint, '2'::bigint))) IS NOT TRUE OR \"c4\" LIKE 'it''s%'::text OR 1 = 1)",
            "(((`c0` IS NULL OR `c0` IN (1, 2))) IS NOT TRUE OR `c4` LIKE 'it''s%' OR 1 = 1)",
            "(((\"c0\" IS NULL OR \"c0\" IN (1, 2))) IS NOT TRUE OR \"c4\" GLOB 'it''s*' OR 1 = 1)",
        ]
    );
}

#[test]
fn infinities_are_written_where_they_can_be_kept() {
    let [postgres, mysql, sqlite] = dialects()
        .map(|dialect| condition_text(dialect.as_ref(), &every_type(), &equal(2, Value::Float(f64::INFINITY))));
    assert_eq!(postgres.unwrap(), "\"c2\" = 'inf'::double precision");
    assert_eq!(mysql.unwrap_err().kind(), ErrorKind::NotFinite);
    assert_eq!(sqlite.unwrap(), "\"c2\" = 9e999");
}
