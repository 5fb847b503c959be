use arrow_array::RecordBatch;

use super::*;
use crate::batch::{Reading, RowsBuilder, cell};
use crate::types::FloatRules;
use crate::value::Raw;

fn entry(tenant: Option<&str>) -> Entry {
    Entry {
        tenant: tenant.map(|tenant| TenantId::new(tenant).unwrap()),
        scope: "shop.orders".to_owned(),
        kind: Kind::Load,
        key: EntryKey::new("2024-01").unwrap(),
    }
}

/// The row of an entry as it is stored.
fn stored(state: &State) -> RecordBatch {
    let table = Arc::new(ledger_table().unwrap());
    entry(None).row(&table, state).unwrap().to_stored(&table, 7).unwrap()
}

#[test]
fn the_key_of_the_table_fits_into_every_index() {
    let table = ledger_table().unwrap();
    assert_eq!(table.physical_key(), ["tenant", "scope", "kind", "key"]);
    let bytes: u32 = table
        .key
        .iter()
        .map(|&at| match table.columns[at].ty {
            LogicalType::Text { max_length: Some(length) } => 4 * length,
            _ => u32::MAX,
        })
        .sum();
    assert!(bytes <= 2_704, "{bytes}");
    assert!(table.key.iter().all(|&at| !table.columns[at].nullable));
}

#[test]
fn the_places_of_the_columns_are_those_of_the_table() {
    let table = ledger_table().unwrap();
    let named = [STATUS, INPUT_HASH, ROWS_DONE, RESULT, EPOCH, UPDATED_AT].map(|at| table.columns[at].name.as_str());
    assert_eq!(named, ["status", "input_hash", "rows_done", "result", "epoch", "updated_at"]);
}

#[test]
fn a_name_is_a_bounded_text_without_control_characters() {
    for text in ["a", " ", "2024/01", &"ä".repeat(255), "\u{1f600}"] {
        assert!(EntryKey::new(text).is_ok(), "{text:?}");
    }
    for text in ["", "a\0b", "a\nb", "\u{7f}", "\u{85}", &"x".repeat(256)] {
        let error = EntryKey::new(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidOption, "{text:?}");
    }
}

#[test]
fn an_entry_is_begun_without_a_null_in_its_key() {
    let table = Arc::new(ledger_table().unwrap());
    let given = entry(None).row(&table, &State::begun("h".to_owned())).unwrap();
    given.check_required(&table, 0..1).unwrap();
    let row = given.to_stored(&table, 7).unwrap();
    let text = |at: usize| cell(&table.columns[at].ty, row.column(at), 0).unwrap();
    assert_eq!(text(TENANT), Value::Text("".into()));
    assert_eq!(text(STATUS), Value::Text("running".into()));
    assert_eq!(text(RESULT), Value::Null);
    assert_eq!(text(UPDATED_AT), Value::Instant(7));
}

#[test]
fn entries_of_two_tenants_are_two() {
    assert_ne!(entry(None).selection(), entry(Some("a")).selection());
    assert_ne!(entry(Some("b")).selection(), entry(Some("a")).selection());
}

#[test]
fn a_state_comes_back_as_it_was() {
    let table = ledger_table().unwrap();
    let begun = State::begun("h".to_owned());
    let further = State { rows_done: 7, result: Some("r".to_owned()), epoch: 3, ..begun.clone() };
    let done = State { status: Status::Done, ..further.clone() };
    assert_eq!(Entry::state_in(&table, &stored(&begun).slice(0, 0)).unwrap(), None);
    for state in [begun, further, done] {
        assert_eq!(Entry::state_in(&table, &stored(&state)).unwrap(), Some(state));
    }
}

#[test]
fn a_change_writes_all_of_a_state() {
    let state = State { status: Status::Done, input_hash: "h".to_owned(), rows_done: 2, result: None, epoch: 1 };
    let columns: Vec<usize> = change_to(&state, 7).into_iter().map(|(column, _)| column).collect();
    assert_eq!(columns, [STATUS, INPUT_HASH, ROWS_DONE, RESULT, EPOCH, UPDATED_AT]);
}

#[test]
fn a_state_that_cannot_be_is_refused() {
    let table = Arc::new(ledger_table().unwrap());
    let mut row =
        RowsBuilder::new(&table, Reading { floats: FloatRules { nan: false, infinity: false }, nan_is_null: false }, 1);
    let state = State::begun("h".to_owned());
    for at in 0..table.columns.len() {
        let value =
            if at == STATUS { Some(Raw::Text("paused".into())) } else { entry(None).cell_of(&state, at).map(own) };
        row.push(at, value).unwrap();
    }
    row.end_row();
    let newer = row.finish().unwrap().to_stored(&table, 7).unwrap();
    assert_eq!(Entry::state_in(&table, &newer).unwrap_err().kind(), ErrorKind::NewerFormat);
    let done = State { status: Status::Done, ..state };
    assert_eq!(Entry::state_in(&table, &stored(&done)).unwrap_err().kind(), ErrorKind::Internal);
}

fn own(raw: Raw<'_>) -> Raw<'static> {
    match raw {
        Raw::Text(text) => Raw::Text(text.into_owned().into()),
        Raw::Int(int) => Raw::Int(int),
        _ => Raw::Null,
    }
}

#[test]
fn counts_come_back_as_they_were() {
    let counts = [("inserted", 3), ("updated", 0), ("matched", u64::try_from(i64::MAX).unwrap())];
    let mut refused = RowNumbers::default();
    for version in [1, 2] {
        if version == 2 {
            refused.add(7).unwrap();
        }
        let text = render_result(&counts, &refused).unwrap();
        assert!(text.ends_with(&format!("\"version\":{version}}}")), "{text}");
        let (mut read, rows) = read_result(&text).unwrap();
        read.sort_by_key(|(name, _)| counts.iter().position(|(known, _)| known == name));
        assert_eq!((read, &rows), (counts.map(|(name, count)| (name.to_owned(), count)).to_vec(), &refused));
    }
}

#[test]
fn a_result_of_another_form_is_refused() {
    let cases = [
        ("{\"counts\":{},\"version\":3}", ErrorKind::NewerFormat),
        ("{\"counts\":{},\"version\":2}", ErrorKind::Internal),
        ("{\"counts\":{},\"refused\":\"2 1\",\"version\":2}", ErrorKind::Internal),
        ("{\"counts\":{}}", ErrorKind::Internal),
        ("{\"version\":1}", ErrorKind::Internal),
        ("{\"counts\":{\"inserted\":-1},\"version\":1}", ErrorKind::Internal),
        ("3 rows", ErrorKind::Internal),
    ];
    for (text, kind) in cases {
        assert_eq!(read_result(text).unwrap_err().kind(), kind, "{text}");
    }
}

#[test]
fn old_entries_are_those_done_and_of_the_tenant() {
    let table = ledger_table().unwrap();
    let tenant = TenantId::new("a").unwrap();
    let columns = |filter: &Filter| table.names(&filter.columns()).join(" ");
    assert_eq!(columns(&older_than(0, None, false)), "status updated_at");
    assert_eq!(columns(&older_than(0, Some(&tenant), false)), "tenant status updated_at");
    assert_eq!(columns(&older_than(0, None, true)), "updated_at");
    assert_eq!(older_than(i64::MIN, None, false), older_than(FIRST_MICROSECOND, None, false));
}
