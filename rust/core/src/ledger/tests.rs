use super::*;

fn entry(tenant: Option<&str>, input_hash: &str) -> Entry {
    Entry {
        tenant: tenant.map(|tenant| TenantId::new(tenant).unwrap()),
        scope: "shop.orders".to_owned(),
        kind: Kind::Load,
        key: EntryKey::new("2024-01").unwrap(),
        input_hash: input_hash.to_owned(),
    }
}

/// The stored row of an entry, with what a completion writes over it.
fn stored(entry: &Entry, status: &str, result: Option<&str>) -> RecordBatch {
    let table = Arc::new(ledger_table().unwrap());
    let reading = Reading { floats: FloatRules { nan: false, infinity: false }, nan_is_null: false };
    let mut row = RowsBuilder::new(&table, reading, 1);
    for at in 0..table.columns.len() {
        let value = match at {
            STATUS => Some(Raw::Text(status.into())),
            RESULT => result.map(|result| Raw::Text(result.into())),
            at => entry.begun(at),
        };
        row.push(at, value).unwrap();
    }
    row.end_row();
    row.finish().unwrap().batch
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
    let given = entry(None, "h").row(&table).unwrap();
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
    assert_ne!(entry(None, "h").selection(), entry(Some("a"), "h").selection());
    assert_ne!(entry(Some("b"), "h").selection(), entry(Some("a"), "h").selection());
    assert_eq!(entry(Some("a"), "h").selection(), entry(Some("a"), "other input").selection());
}

#[test]
fn a_stored_entry_gives_its_result_to_the_same_input_only() {
    let table = ledger_table().unwrap();
    let done = entry(None, "h");
    let nothing = stored(&done, "done", Some("r")).slice(0, 0);
    assert_eq!(done.result_in(&table, &nothing).unwrap(), None);
    assert_eq!(done.result_in(&table, &stored(&done, "done", Some("r"))).unwrap().as_deref(), Some("r"));
    let cases = [
        (stored(&entry(None, "other"), "done", Some("r")), ErrorKind::LoadMismatch),
        (stored(&done, "running", None), ErrorKind::SerializationFailure),
        (stored(&done, "paused", None), ErrorKind::NewerFormat),
        (stored(&done, "done", None), ErrorKind::Internal),
    ];
    for (batch, kind) in cases {
        assert_eq!(done.result_in(&table, &batch).unwrap_err().kind(), kind);
    }
}

#[test]
fn counts_come_back_as_they_were() {
    let counts = [("inserted", 3), ("updated", 0), ("matched", u64::try_from(i64::MAX).unwrap())];
    let text = render_result(&counts).unwrap();
    assert!(text.ends_with("\"version\":1}"), "{text}");
    let mut read = read_result(&text).unwrap();
    read.sort_by_key(|(name, _)| counts.iter().position(|(known, _)| known == name));
    assert_eq!(read, counts.map(|(name, count)| (name.to_owned(), count)));
}

#[test]
fn a_result_of_another_form_is_refused() {
    let cases = [
        ("{\"counts\":{},\"version\":2}", ErrorKind::NewerFormat),
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
    assert_eq!(columns(&done_before(0, None)), "status updated_at");
    assert_eq!(columns(&done_before(0, Some(&tenant))), "tenant status updated_at");
    assert_eq!(done_before(i64::MIN, None), done_before(FIRST_MICROSECOND, None));
}
