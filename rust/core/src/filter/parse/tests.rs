use super::*;
use crate::filter::JsonKind;
use crate::schema::tests::product;

const FLOATS: FloatRules = FloatRules { nan: true, infinity: true };

fn map(entries: Vec<(&'static str, Raw<'static>)>) -> Raw<'static> {
    Raw::Map(entries.into_iter().map(|(name, raw)| (name.into(), raw)).collect())
}

fn refused(raw: Raw<'_>) -> (ErrorKind, String) {
    let error = parse(&product(false), raw, FLOATS).unwrap_err();
    (error.kind(), error.detail().path.clone().unwrap_or_default())
}

#[test]
fn an_empty_filter_matches_every_row() {
    assert_eq!(parse(&product(false), map(vec![]), FLOATS).unwrap(), Filter::And(vec![]));
}

#[test]
fn errors_say_where() {
    let less = |raw| map(vec![("price", map(vec![("$lt", raw)]))]);
    assert_eq!(refused(less(Raw::Bytes(b"x".as_slice().into()))), (ErrorKind::WrongType, "filter.price.$lt".into()));
    assert_eq!(refused(less(Raw::Null)), (ErrorKind::InvalidFilter, "filter.price.$lt".into()));
    assert_eq!(refused(map(vec![("nmae", Raw::Null)])).0, ErrorKind::UnknownField);
    let nested = map(vec![("$or", Raw::List(vec![map(vec![("qty", map(vec![("$gtt", Raw::Int(1))]))])]))]);
    assert_eq!(refused(nested), (ErrorKind::UnknownOperator, "filter.$or[0].qty.$gtt".into()));
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = (0..40).fold(map(vec![]), |inner, _| map(vec![("$not", inner)]));
    assert_eq!(refused(deep).0, ErrorKind::LimitExceeded);
    let wide = Raw::List((0..1_001).map(|_| map(vec![("qty", Raw::Int(1))])).collect());
    assert_eq!(refused(map(vec![("$or", wide)])).0, ErrorKind::LimitExceeded);
    let long = |length| map(vec![("qty", map(vec![("$in", Raw::List((0..length).map(Raw::Int).collect()))]))]);
    assert_eq!(refused(long(1_000_001)).0, ErrorKind::LimitExceeded);
    assert!(parse(&product(false), long(1_000_000), FLOATS).is_ok());
}

#[test]
fn null_in_a_list_is_kept_apart() {
    let list = Raw::List(vec![Raw::Int(1), Raw::Null]);
    let filter = parse(&product(false), map(vec![("qty", map(vec![("$in", list)]))]), FLOATS).unwrap();
    assert_eq!(filter, Filter::In { column: 3, values: vec![Value::Int(1)], null: true });
}

fn on(field: &'static str, operator: &'static str, operand: Raw<'static>) -> Raw<'static> {
    map(vec![(field, map(vec![(operator, operand)]))])
}

#[test]
fn existence_is_not_null() {
    let found = |given| parse(&product(false), on("qty", "$exists", Raw::Bool(given)), FLOATS).unwrap();
    assert_eq!(found(false), Filter::IsNull { column: 3 });
    assert_eq!(found(true), Filter::Not(Box::new(Filter::IsNull { column: 3 })));
    for wrong in [Raw::Null, Raw::Int(1), Raw::Text("true".into())] {
        assert_eq!(refused(on("qty", "$exists", wrong)), (ErrorKind::InvalidFilter, "filter.qty.$exists".into()));
    }
}

#[test]
fn text_operators_are_for_text() {
    for operator in ["$contains", "$startsWith", "$endsWith", "$like", "$ilike", "$regex"] {
        let path = |field: &str| format!("filter.{field}.{operator}");
        let text = Raw::Text("a".into());
        assert_eq!(refused(on("qty", operator, text.clone())), (ErrorKind::InvalidFilter, path("qty")));
        assert_eq!(refused(on("name", operator, Raw::Int(1))), (ErrorKind::WrongType, path("name")));
        assert_eq!(refused(on("name", operator, Raw::Null)), (ErrorKind::InvalidFilter, path("name")));
        assert_eq!(refused(on("name", operator, Raw::Text("\0".into()))).0, ErrorKind::NulCharacter);
        assert!(parse(&product(false), on("name", operator, text), FLOATS).is_ok());
    }
}

#[test]
fn the_columns_of_a_filter_are_listed_once() {
    let raw = map(vec![
        ("$or", Raw::List(vec![map(vec![("qty", Raw::Int(1))]), map(vec![("name", Raw::Text("a".into()))])])),
        ("qty", map(vec![("$ne", Raw::Null)])),
    ]);
    assert_eq!(parse(&product(false), raw, FLOATS).unwrap().columns(), [1, 3]);
}

/// A list of texts and a JSON document beside the columns of a product.
fn nested() -> TableSchema {
    let mut table = product(false);
    let text = LogicalType::Text { max_length: Some(1) };
    for (name, ty) in [("tags", LogicalType::List { item: Box::new(text) }), ("meta", LogicalType::Json)] {
        table.columns.push(crate::schema::ColumnSchema {
            name: name.to_owned(),
            ty,
            nullable: true,
            default: None,
            role: crate::schema::Role::Field,
        });
    }
    table.checked().unwrap()
}

fn read(raw: Raw<'_>) -> Filter {
    parse(&nested(), raw, FLOATS).unwrap()
}

fn has(text: &'static str) -> Filter {
    Filter::Has { column: 5, values: vec![Value::Text(text.into())] }
}

fn json(keys: &[&str], found: Found) -> Filter {
    Filter::Json { column: 6, keys: keys.iter().map(|key| JsonKey::new(key).unwrap()).collect(), found }
}

#[test]
fn a_scalar_means_an_item_and_a_list_the_list() {
    let text = |text: &'static str| Raw::Text(text.into());
    let list = |texts: &[&'static str]| Raw::List(texts.iter().map(|item| text(item)).collect());
    assert_eq!(read(map(vec![("tags", text("long"))])), has("long"));
    let whole = Filter::equal(5, Value::List(vec![Value::Text("a".into())]));
    assert_eq!(read(map(vec![("tags", list(&["a"]))])), whole);
    assert_eq!(read(map(vec![("tags", Raw::Null)])), Filter::IsNull { column: 5 });
    let there = Filter::Not(Box::new(Filter::IsNull { column: 5 }));
    assert_eq!(read(on("tags", "$contains", list(&["a", "b"]))), Filter::And(vec![there, has("a"), has("b")]));
    let or_none = Raw::List(vec![Raw::Null, text("a")]);
    assert_eq!(read(on("tags", "$in", or_none)), Filter::Or(vec![Filter::IsNull { column: 5 }, has("a")]));
    let nothing = Filter::In { column: 5, values: vec![], null: false };
    assert_eq!(read(on("tags", "$in", list(&[]))), nothing);
}

#[test]
fn a_dotted_name_is_a_path() {
    let one = || Found::OneOf(vec!["1".to_owned()]);
    assert_eq!(read(map(vec![("meta.a.b", Raw::Float(1.0))])), json(&["a", "b"], one()));
    let null = json(&["a"], Found::OneOf(vec!["null".to_owned()]));
    let absent = Filter::Not(Box::new(json(&["a"], Found::Any)));
    assert_eq!(read(map(vec![("meta.a", Raw::Null)])), Filter::Or(vec![absent, null]));
    let part = map(vec![("a", map(vec![("b.c", Raw::Int(1)), ("d", map(vec![]))]))]);
    let inner = Filter::And(vec![json(&["a", "b.c"], one()), json(&["a", "d"], Found::Kind(JsonKind::Object))]);
    assert_eq!(read(on("meta", "$contains", part)), Filter::And(vec![inner]));
}

#[test]
fn a_field_whose_own_name_has_a_dot_wins() {
    let mut table = nested();
    table.columns[3].name = "meta.a".to_owned();
    let found = parse(&table, map(vec![("meta.a", Raw::Int(1))]), FLOATS).unwrap();
    assert_eq!(found, Filter::equal(3, Value::Int(1)));
    let error = parse(&table, map(vec![("meta.a.b", Raw::Int(1))]), FLOATS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidFilter, "the longest name is a number's");
}

#[test]
fn parts_are_counted_and_bounded() {
    let deep = (0..40).fold(map(vec![]), |inner, _| map(vec![("a", inner)]));
    let error = parse(&nested(), on("meta", "$contains", deep), FLOATS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let wide = Raw::List((0..1_000).map(|_| Raw::Text("a".into())).collect());
    let error = parse(&nested(), on("tags", "$contains", wide), FLOATS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
}
