//! What each operator takes and refuses, and what it means in memory.

use super::*;
use crate::filter::{Row, matches};
use crate::schema::tests::product;
use crate::schema::{ColumnSchema, Role};
use crate::types::parse_json;

const FLOATS: FloatRules = FloatRules { nan: false, infinity: false };

fn table() -> TableSchema {
    let list = |item| LogicalType::List { item: Box::new(item) };
    let decimal = |scale| LogicalType::Decimal { precision: 10, scale };
    let text = LogicalType::Text { max_length: None };
    let types = [
        ("a", LogicalType::Int),
        ("b", LogicalType::Int),
        ("real", LogicalType::Float),
        ("price", decimal(2)),
        ("rate", decimal(4)),
        ("name", text.clone()),
        ("sizes", list(LogicalType::Int)),
        ("tags", list(text)),
        ("meta", LogicalType::Json),
    ];
    let column = |(name, ty): (&str, LogicalType)| ColumnSchema {
        name: name.to_owned(),
        ty,
        nullable: true,
        default: None,
        role: Role::Field,
    };
    TableSchema { columns: types.into_iter().map(column).collect(), ..product(false) }
}

fn refused(text: &str) -> (ErrorKind, String) {
    let error = parse(&table(), parse_json(text).unwrap(), FLOATS).unwrap_err();
    (error.kind(), error.detail().path.clone().unwrap_or_default())
}

#[test]
fn what_is_wrong_is_refused_with_its_path() {
    use ErrorKind::{InvalidFilter, LimitExceeded, UnknownField, UnknownOperator, WrongType};
    for (text, kind, path) in [
        (r#"{"$nor":{}}"#, InvalidFilter, "filter.$nor"),
        (r#"{"$comment":1}"#, InvalidFilter, "filter.$comment"),
        (r#"{"$or":[{"$comment":null}]}"#, InvalidFilter, "filter.$or[0].$comment"),
        (r#"{"$where":"1"}"#, UnknownOperator, "filter.$where"),
        (r#"{"a":{"$function":{}}}"#, UnknownOperator, "filter.a.$function"),
        (r#"{"$expr":{"$accumulator":[]}}"#, UnknownOperator, "filter.$expr.$accumulator"),
        (r#"{"meta":{"$elemMatch":{"$where":"1"}}}"#, UnknownOperator, "filter.meta.$elemMatch.$where"),
        (r#"{"a":{"$mod":[0,1]}}"#, InvalidFilter, "filter.a.$mod[0]"),
        (r#"{"a":{"$mod":[2]}}"#, InvalidFilter, "filter.a.$mod"),
        (r#"{"a":{"$mod":[2,"x"]}}"#, WrongType, "filter.a.$mod[1]"),
        (r#"{"price":{"$mod":[2,1]}}"#, InvalidFilter, "filter.price.$mod"),
        (r#"{"a":{"$bitsAllSet":-1}}"#, InvalidFilter, "filter.a.$bitsAllSet"),
        (r#"{"a":{"$bitsAnySet":[64]}}"#, InvalidFilter, "filter.a.$bitsAnySet[0]"),
        (r#"{"$expr":{"$lt":["$a"]}}"#, InvalidFilter, "filter.$expr.$lt"),
        (r#"{"$expr":{"$lt":["$a","$c"]}}"#, UnknownField, "filter.$expr.$lt[1]"),
        (r#"{"$expr":{"$lt":["$a","$real"]}}"#, InvalidFilter, "filter.$expr.$lt"),
        (r#"{"$expr":{"$lt":["$price","$rate"]}}"#, InvalidFilter, "filter.$expr.$lt"),
        (r#"{"$expr":{"$lt":["$tags","$tags"]}}"#, InvalidFilter, "filter.$expr.$lt"),
        (r#"{"$expr":{"$lt":[1,2]}}"#, InvalidFilter, "filter.$expr.$lt"),
        (r#"{"$expr":{"$lt":["$a",null]}}"#, InvalidFilter, "filter.$expr.$lt[1]"),
        (r#"{"$expr":{"$lt":["x","$a"]}}"#, WrongType, "filter.$expr.$lt[0]"),
        (r#"{"$expr":{"$and":[{"$add":[1]}]}}"#, UnknownOperator, "filter.$expr.$and[0].$add"),
        (r#"{"name":{"$options":"i"}}"#, InvalidFilter, "filter.name.$options"),
        (r#"{"name":{"$regex":"a","$options":"g"}}"#, InvalidFilter, "filter.name.$options"),
        (r#"{"a":{"$regex":"a","$options":"i"}}"#, InvalidFilter, "filter.a.$regex"),
        (r#"{"a":{"$icontains":"a"}}"#, InvalidFilter, "filter.a.$icontains"),
        (r#"{"a":{"$size":1}}"#, InvalidFilter, "filter.a.$size"),
        (r#"{"tags":{"$size":-1}}"#, InvalidFilter, "filter.tags.$size"),
        (r#"{"tags":{"$all":"a"}}"#, InvalidFilter, "filter.tags.$all"),
        (r#"{"tags":{"$all":["a",1]}}"#, WrongType, "filter.tags.$all[1]"),
        (r#"{"tags":{"$all":[null]}}"#, InvalidFilter, "filter.tags.$all[0]"),
        (r#"{"tags":{"$elemMatch":"a"}}"#, InvalidFilter, "filter.tags.$elemMatch"),
        (r#"{"tags":{"$elemMatch":{}}}"#, InvalidFilter, "filter.tags.$elemMatch"),
        (r#"{"tags":{"$elemMatch":{"a":1}}}"#, InvalidFilter, "filter.tags.$elemMatch"),
        (r#"{"sizes":{"$elemMatch":{"$mod":[2,1]}}}"#, InvalidFilter, "filter.sizes.$elemMatch.$mod"),
        (r#"{"meta":{"$elemMatch":{"$expr":{}}}}"#, InvalidFilter, "filter.meta.$elemMatch.$expr"),
        (r#"{"meta.a":{"$gt":null}}"#, InvalidFilter, "filter.meta.a.$gt"),
        (r#"{"meta.a":{"$gt":[1]}}"#, InvalidFilter, "filter.meta.a.$gt"),
        (r#"{"meta.a":{"$mod":[2,1]}}"#, InvalidFilter, "filter.meta.a.$mod"),
        (r#"{"meta":{"$gt":1}}"#, InvalidFilter, "filter.meta.$gt"),
    ] {
        assert_eq!(refused(text), (kind, path.to_owned()), "{text}");
    }
    let nested = (0..9).fold("{\"$gt\":1}".to_owned(), |inner, _| format!("{{\"$elemMatch\":{inner}}}"));
    assert_eq!(refused(&format!("{{\"meta\":{nested}}}")).0, LimitExceeded);
}

#[test]
fn a_filter_too_deep_is_refused_at_once_and_freed() {
    let deep = (0..1_000_000).fold(Raw::Null, |inner, at| match at % 2 {
        0 => Raw::Map(vec![("$not".into(), inner)]),
        _ => Raw::List(vec![inner]),
    });
    let error = parse(&table(), deep, FLOATS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}

struct Values(Vec<Value<'static>>);

impl Row for Values {
    fn value(&self, column: usize) -> Result<Value<'_>> {
        Ok(self.0[column].clone())
    }
}

/// a = -5, b = 6, price = 1.50, name = "Kä", sizes = [1, 9], tags = ["a", "B"], meta a document; the others are null.
fn row() -> Values {
    let text = |text: &'static str| Value::Text(text.into());
    let meta = r#"{"big":9007199254740993,"list":[1,"x",null,{"n":2,"s":"Ab"}],"n":-1.5,"s":"Kb"}"#;
    Values(vec![
        Value::Int(-5),
        Value::Int(6),
        Value::Null,
        Value::Decimal(150),
        Value::Null,
        text("Kä"),
        Value::List(vec![Value::Int(1), Value::Int(9)]),
        Value::List(vec![text("a"), text("B")]),
        Value::Json(meta.into()),
    ])
}

#[test]
fn each_operator_has_its_meaning() {
    for (text, expected) in [
        (r#"{"$nor":[{"a":1},{"b":7}]}"#, true),
        (r#"{"$nor":[{"a":1},{"b":6}]}"#, false),
        (r#"{"$comment":"x","a":-5}"#, true),
        (r#"{"a":{"$mod":[3,-2]}}"#, true),
        (r#"{"a":{"$mod":[3,1]}}"#, false),
        (r#"{"a":{"$mod":[-3,-2]}}"#, true),
        (r#"{"b":{"$bitsAllSet":6}}"#, true),
        (r#"{"b":{"$bitsAllSet":[0,1]}}"#, false),
        (r#"{"b":{"$bitsAnySet":[0,1]}}"#, true),
        (r#"{"b":{"$bitsAllClear":[0,3]}}"#, true),
        (r#"{"b":{"$bitsAnyClear":6}}"#, false),
        (r#"{"a":{"$bitsAllSet":[63]}}"#, true),
        (r#"{"$expr":{"$lt":["$a","$b"]}}"#, true),
        (r#"{"$expr":{"$gt":[7,"$b"]}}"#, true),
        (r#"{"$expr":{"$eq":["$real","$real"]}}"#, true),
        (r#"{"$expr":{"$lte":["$real","$real"]}}"#, false),
        (r#"{"$expr":{"$not":[{"$lte":["$real","$real"]}]}}"#, true),
        (r#"{"$expr":{"$ne":["$real",null]}}"#, false),
        (r#"{"$expr":{"$eq":["$name",{"$literal":"$x"}]}}"#, false),
        (r#"{"name":{"$icontains":"ÄÄ"}}"#, false),
        (r#"{"name":{"$icontains":"Ä"}}"#, true),
        (r#"{"name":{"$ilike":"_Ä"}}"#, true),
        (r#"{"name":{"$regex":"^kÄ$","$options":"i"}}"#, true),
        (r#"{"name":{"$not":{"$regex":"^kÄ$","$options":""}}}"#, true),
        (r#"{"sizes":{"$size":2}}"#, true),
        (r#"{"sizes":{"$all":[9,1]}}"#, true),
        (r#"{"sizes":{"$all":[]}}"#, false),
        (r#"{"sizes":{"$elemMatch":{"$gt":1,"$lt":9}}}"#, false),
        (r#"{"sizes":{"$elemMatch":{"$gt":1,"$lte":9}}}"#, true),
        (r#"{"tags":{"$all":["a",{"$elemMatch":{"$ilike":"b"}}]}}"#, true),
        (r#"{"tags":{"$elemMatch":{"$exists":false}}}"#, false),
        (r#"{"meta.big":{"$gt":9007199254740992}}"#, true),
        (r#"{"meta.big":{"$gt":9007199254740993}}"#, false),
        (r#"{"meta.n":{"$lt":-1.25}}"#, true),
        (r#"{"meta.n":{"$lt":"x"}}"#, false),
        (r#"{"meta.s":{"$gte":"Ka"}}"#, true),
        (r#"{"meta.s":{"$icontains":"kB"}}"#, true),
        (r#"{"meta.s":{"$contains":"b"}}"#, true),
        (r#"{"meta.n":{"$not":{"$contains":"b"}}}"#, true),
        (r#"{"meta.list":{"$size":4}}"#, true),
        (r#"{"meta.s":{"$size":1}}"#, false),
        (r#"{"meta.list":{"$all":["x",null,1]}}"#, true),
        (r#"{"meta.list":{"$all":["1"]}}"#, false),
        (r#"{"meta.list":{"$elemMatch":{"n":{"$gt":1},"s":{"$regex":"b$"}}}}"#, true),
        (r#"{"meta.list":{"$elemMatch":{"$or":[{"n":3},{"s":"Ab"}]}}}"#, true),
        (r#"{"meta.list":{"$elemMatch":{"$eq":null}}}"#, true),
        (r#"{"meta.list":{"$elemMatch":{"$gt":1}}}"#, false),
        (r#"{"meta":{"$elemMatch":{"$exists":true}}}"#, false),
    ] {
        let filter = parse(&table(), parse_json(text).unwrap(), FLOATS).unwrap();
        assert_eq!(matches(&filter, &row()).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_comment_alone_matches_every_row() {
    let filter = parse(&table(), parse_json(r#"{"$comment":"x"}"#).unwrap(), FLOATS).unwrap();
    assert!(filter.is_everything());
}
