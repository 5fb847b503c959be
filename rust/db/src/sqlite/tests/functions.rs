use dataflow_core::dialect::{Dialect, Sqlite};

use super::*;

async fn ask(driver: &mut dyn Driver, query: &str) -> Result<Option<i64>> {
    let reply = driver.run(&sql(query).returning(&[("answer", LogicalType::Int)])).await?;
    let answers = arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(reply.rows.column(0));
    Ok(answers.iter().next().flatten())
}

#[tokio::test]
async fn regexp_finds_and_is_null_for_null() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    for (call, expected) in [
        ("'^a.$', 'ab'", Some(1)),
        ("'^a.$', 'abc'", Some(0)),
        ("'1$', 21", Some(1)),
        ("NULL, 'a'", None),
        ("'a', NULL", None),
        ("'', ''", Some(1)),
    ] {
        let found = ask(driver.as_mut(), &format!("SELECT dataflow_regexp({call})")).await.unwrap();
        assert_eq!(found, expected, "{call}");
    }
}

#[tokio::test]
async fn regexp_refuses_what_is_not_portable() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    for call in ["'a(?=b)', 'a'", "'(a+)+', 'a'", "CAST(X'ff' AS TEXT), 'a'", "'a', CAST(X'ff' AS TEXT)"] {
        let refused = ask(driver.as_mut(), &format!("SELECT dataflow_regexp({call})")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::DatabaseFailure, "{call}");
    }
}

#[tokio::test]
async fn regexp_takes_a_pattern_of_each_row() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (pattern TEXT, word TEXT) STRICT").await.unwrap();
    run(driver.as_mut(), "INSERT INTO t VALUES ('^a', 'ab'), ('^b', 'ab'), ('b$', 'ab')").await.unwrap();
    let query = "SELECT count(*) FROM t WHERE dataflow_regexp(pattern, word)";
    assert_eq!(ask(driver.as_mut(), query).await.unwrap(), Some(2));
}

#[tokio::test]
async fn regexp_serves_checks_and_indexes() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (word TEXT CHECK (dataflow_regexp('^a', word))) STRICT").await.unwrap();
    run(driver.as_mut(), "CREATE INDEX i ON t (word) WHERE dataflow_regexp('b$', word)").await.unwrap();
    run(driver.as_mut(), "INSERT INTO t VALUES ('ab')").await.unwrap();
    assert_eq!(fails(driver.as_mut(), "INSERT INTO t VALUES ('b')").await.kind(), ErrorKind::CheckViolation);
    run(driver.as_mut(), "PRAGMA trusted_schema = OFF").await.unwrap();
    run(driver.as_mut(), "INSERT INTO t VALUES ('abb')").await.unwrap();
}

#[tokio::test]
async fn has_any_tells_whether_lists_share_an_item() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    for (call, expected) in [
        (r#"'["a",","]', '["b",","]'"#, Some(1)),
        (r#"'[","]', '["a,",",b"]'"#, Some(0)),
        ("'[9007199254740993]', '[9007199254740992]'", Some(0)),
        ("'[1]', '[]'", Some(0)),
        ("NULL, '[]'", None),
        ("'[1]', NULL", None),
    ] {
        let found = ask(driver.as_mut(), &format!("SELECT dataflow_has_any({call})")).await.unwrap();
        assert_eq!(found, expected, "{call}");
    }
    run(driver.as_mut(), "CREATE TABLE t (items TEXT, list TEXT CHECK (dataflow_has_any('[1,2,3]', list))) STRICT")
        .await
        .unwrap();
    run(driver.as_mut(), "INSERT INTO t VALUES ('[1]', '[1,2]'), ('[1]', '[2]'), ('[2]', '[2]')").await.unwrap();
    assert_eq!(fails(driver.as_mut(), "INSERT INTO t VALUES ('[1]', '[4]')").await.kind(), ErrorKind::CheckViolation);
    let query = "SELECT count(*) FROM t WHERE dataflow_has_any(items, list)";
    assert_eq!(ask(driver.as_mut(), query).await.unwrap(), Some(2), "items of each row");
}

#[tokio::test]
async fn float_literals_are_read_back_exactly() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let mut values = vec![0.1, -0.0, 1e15, 1e22, 1e23, 5e-324, f64::MIN_POSITIVE, f64::MAX, f64::MIN, f64::INFINITY];
    // Any bits: a linear congruential generator (Knuth's MMIX) reaches every exponent.
    let mut bits = 42_u64;
    for _ in 0..20_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        values.push(f64::from_bits(bits));
        values.push(f64::from_bits(bits >> 12));
        values.push(bits as f64 / 4096.0);
    }
    values.retain(|value| !value.is_nan());
    for chunk in values.chunks(400) {
        let literals: Vec<_> =
            chunk.iter().map(|value| Sqlite.literal(&LogicalType::Float, &Value::Float(*value)).unwrap()).collect();
        let query = sql(&format!("SELECT {}", literals.join(", ")));
        let names: Vec<_> = (0..chunk.len()).map(|_| ("value", LogicalType::Float)).collect();
        let reply = driver.run(&query.returning(&names)).await.unwrap();
        for (at, value) in chunk.iter().enumerate() {
            let column =
                arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Float64Type>(reply.rows.column(at));
            assert_eq!(column.value(0), *value, "{}", literals[at]);
        }
    }
}

#[tokio::test]
async fn a_sum_is_that_of_its_group_and_a_number_that_does_not_fit_is_told() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let all = "(VALUES (1, 9223372036854775807), (1, 1), (1, -2), (2, 5), (2, NULL), (3, NULL)) AS t";
    for (which, expected) in [(1, Some(i64::MAX - 1)), (2, Some(5)), (3, None)] {
        let query = format!("SELECT dataflow_sum(column2) FROM {all} WHERE column1 = {which} GROUP BY column1");
        assert_eq!(ask(driver.as_mut(), &query).await.unwrap(), expected);
    }
    assert_eq!(ask(driver.as_mut(), "SELECT dataflow_sum(1) WHERE 1 = 0").await.unwrap(), None);
    for query in [
        format!("SELECT dataflow_sum(column2) FROM {all} WHERE column2 > 0"),
        "SELECT dataflow_add(9223372036854775807, 1)".to_owned(),
        "SELECT dataflow_add(1, 1.5)".to_owned(),
        "SELECT dataflow_multiply(1, 'x')".to_owned(),
        "SELECT dataflow_sum('x')".to_owned(),
        "SELECT dataflow_absolute(X'00')".to_owned(),
    ] {
        let refused = ask(driver.as_mut(), &query).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::OutOfRange, "{query}");
    }
    assert_eq!(ask(driver.as_mut(), "SELECT dataflow_add(NULL, 1)").await.unwrap(), None);
}
