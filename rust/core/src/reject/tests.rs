use super::*;
use crate::batch::{Reading, RowsBuilder, normalise};
use crate::schema::tests::product;
use crate::types::{FloatRules, parse_json};
use crate::value::Raw;

const READING: Reading = Reading { floats: FloatRules { nan: true, infinity: true }, nan_is_null: false };

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "no")
}

#[test]
fn the_column_is_that_of_the_path() {
    let column = |path: &str| Reject::new(7, &error(ErrorKind::WrongType).path(path), None).column;
    assert_eq!(column("data[3].price"), Some("price".to_owned()));
    assert_eq!(column("[3].tags[2].name"), Some("tags".to_owned()));
    assert_eq!(column("data[3]"), None);
    assert_eq!(column("conflict_on"), None);
}

#[test]
fn only_what_is_about_one_row_is_a_refusal() {
    assert!(is_refusal(&error(ErrorKind::UniqueViolation)));
    assert!(is_refusal(&error(ErrorKind::MissingValue).path("data[1].name")));
    assert!(!is_refusal(&error(ErrorKind::MissingValue).path("data.name")));
    assert!(is_refusal(&error(ErrorKind::DatabaseFailure).sqlstate("P0001")));
    assert!(!is_refusal(&error(ErrorKind::DatabaseFailure).sqlstate("53100")));
    for kind in [ErrorKind::Deadlock, ErrorKind::ConnectionLost, ErrorKind::Internal, ErrorKind::Cancelled] {
        assert!(!is_refusal(&error(kind).path("data[1]").sqlstate("23505")));
    }
}

#[test]
fn a_share_is_of_the_rows_given() {
    assert_eq!(Limit::Rows(3).of(10), 3);
    assert_eq!(Limit::Share(0.25).of(10), 2);
    assert_eq!(Limit::Share(0.25).of(0), 0);
    for percent in 1..100_u32 {
        let share = f64::from(percent) / 100.0;
        for rows in [1, 7, 50, 100, 1_000, 12_345, 1_000_000_000] {
            let exact = u64::from(percent) * rows as u64 / 100;
            assert_eq!(Limit::Share(share).of(rows), exact, "{percent} % of {rows}");
        }
    }
}

#[test]
fn a_payload_is_read_back_as_it_was() {
    let table = Arc::new(product(false));
    let given = [
        Some(Raw::Int(7)),
        Some(Raw::Text("a\"\\\n\u{1}ä".into())),
        Some(Raw::Decimal("1.50".into())),
        None,
        Some(Raw::Instant(1_000_001)),
    ];
    let mut rows = RowsBuilder::new(&table, READING, 1);
    given.into_iter().enumerate().for_each(|(at, value)| rows.push(at, value).unwrap());
    rows.end_row();
    let first = rows.finish().unwrap();
    let text = given_payload(&table, &first, 0).unwrap();
    assert!(text.contains("\"price\":\"1.50\"") && !text.contains("qty"), "{text}");
    let Raw::Map(entries) = parse_json(&text).unwrap() else { panic!("no object: {text}") };
    let mut rows = RowsBuilder::new(&table, READING, 1);
    for (at, column) in table.columns.iter().enumerate() {
        let value = entries.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value.clone());
        rows.push(at, value).unwrap();
    }
    rows.end_row();
    assert_eq!(rows.finish().unwrap().batch, first.batch);
}

#[test]
fn what_json_has_no_form_for_is_marked() {
    let fields = [
        ("a", Raw::Bytes(vec![0, 255].into())),
        ("b", Raw::Duration(-5)),
        ("c", Raw::Other("<thing>".into())),
        ("d", Raw::Map(vec![("$bytes".into(), Raw::Int(1))])),
        ("e", Raw::Float(f64::NAN)),
        ("f", Raw::Float(1e300)),
    ];
    let expected = "{\"a\":{\"$bytes\":\"00ff\"},\"b\":{\"$timedelta\":-5},\"c\":{\"$repr\":\"<thing>\"},\
                    \"d\":{\"$dict\":{\"$bytes\":1}},\"e\":\"NaN\",\"f\":1e300}";
    assert_eq!(payload(&fields), expected);
    assert!(is_whole(&fields[1].1) && !is_whole(&Raw::List(vec![fields[2].1.clone()])));
}

#[test]
fn arrow_of_any_type_has_a_payload() {
    let table = product(false);
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let prices: ArrayRef = Arc::new(StringArray::from(vec!["1.5", "x"]));
    let times: ArrayRef = Arc::new(arrow_array::BooleanArray::from(vec![true, false]));
    let input = RecordBatch::try_from_iter([("name", names), ("price", prices), ("made", times)]).unwrap();
    assert!(normalise(&table, &input, READING, 0).is_err());
    let text = |row| arrow_payload(&table, &input, row, READING);
    assert_eq!(text(0), "{\"name\":\"a\",\"price\":\"1.50\",\"made\":true}");
    assert_eq!(text(1), "{\"name\":\"b\",\"price\":\"x\",\"made\":false}");
}

#[test]
fn rejects_are_told_in_arrow_and_kept_in_the_quarantine() {
    let found = error(ErrorKind::UniqueViolation).path("data[0].name").constraint(Some("uq".to_owned()));
    let reject = Reject::new(12, &found, Some("{\"a\":1}".to_owned()));
    let table = reject_table().unwrap();
    let batch = reject_batch(&table, std::slice::from_ref(&reject)).unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (1, NAMES.len()));
    let table = Arc::new(quarantine_table().unwrap());
    let load_id = crate::ledger::EntryKey::new("load").unwrap();
    let given = Quarantine { load_id, operation: "{}".into() }.rows(&table, None, "orders", &[reject]).unwrap();
    given.check_required(&table, 0..1).unwrap();
}
