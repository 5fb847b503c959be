use dataflow_core::types::{FIRST_DAY, FIRST_MICROSECOND, LAST_DAY, LAST_MICROSECOND, pow10};

use super::*;

/// Every type with its edges and a null, all of one length.
fn edges() -> Vec<(&'static str, LogicalType, Vec<Value<'static>>)> {
    let nines = pow10(38) - 1;
    let long = "x".repeat(100_000);
    vec![
        ("a_bool", LogicalType::Bool, vec![Value::Bool(true), Value::Bool(false), Value::Null, Value::Bool(true)]),
        ("an_int", LogicalType::Int, vec![Value::Int(i64::MIN), Value::Int(0), Value::Null, Value::Int(i64::MAX)]),
        (
            "a_float",
            LogicalType::Float,
            vec![Value::Float(f64::MAX), Value::Float(5e-324), Value::Null, Value::Float(f64::NEG_INFINITY)],
        ),
        (
            "a_decimal",
            LogicalType::Decimal { precision: 38, scale: 10 },
            vec![Value::Decimal(-nines), Value::Decimal(0), Value::Null, Value::Decimal(nines)],
        ),
        (
            "a_text",
            TEXT,
            vec![Value::Text("".into()), Value::Text("ä€😀'\"\n ".into()), Value::Null, Value::Text(long.into())],
        ),
        (
            "some_bytes",
            LogicalType::Bytes,
            vec![
                Value::Bytes(vec![].into()),
                Value::Bytes(vec![0, 255, 0].into()),
                Value::Null,
                Value::Bytes(vec![0; 4096].into()),
            ],
        ),
        (
            "a_uuid",
            LogicalType::Uuid,
            vec![Value::Uuid([0; 16]), Value::Uuid([255; 16]), Value::Null, Value::Uuid(*b"0123456789abcdef")],
        ),
        (
            "an_instant",
            LogicalType::Instant,
            vec![Value::Instant(FIRST_MICROSECOND), Value::Instant(-1), Value::Null, Value::Instant(LAST_MICROSECOND)],
        ),
        (
            "a_wall_time",
            LogicalType::WallTime,
            vec![
                Value::WallTime(FIRST_MICROSECOND),
                Value::WallTime(1),
                Value::Null,
                Value::WallTime(LAST_MICROSECOND),
            ],
        ),
        (
            "a_date",
            LogicalType::Date,
            vec![Value::Date(FIRST_DAY), Value::Date(-1), Value::Null, Value::Date(LAST_DAY)],
        ),
        ("a_time", LogicalType::Time, vec![Value::Time(0), Value::Time(1), Value::Null, Value::Time(86_399_999_999)]),
        (
            "a_duration",
            LogicalType::Duration,
            vec![Value::Duration(i64::MIN), Value::Duration(-1), Value::Null, Value::Duration(i64::MAX)],
        ),
        (
            "a_choice",
            LogicalType::Choice { values: ["a".into(), "it's".into()].into() },
            vec![Value::Text("a".into()), Value::Text("it's".into()), Value::Null, Value::Text("a".into())],
        ),
        (
            "a_list",
            LogicalType::List { item: Box::new(LogicalType::Date) },
            vec![
                Value::List(vec![]),
                Value::List(vec![Value::Date(FIRST_DAY), Value::Date(LAST_DAY)]),
                Value::Null,
                Value::List(vec![Value::Date(0)]),
            ],
        ),
        (
            "some_json",
            LogicalType::Json,
            vec![
                Value::Json("{}".into()),
                Value::Json(r#"{"a":[1,null,{"ä":"😀"}],"b":0.0000001}"#.into()),
                Value::Null,
                Value::Json("1000000000000000000000000000000".into()),
            ],
        ),
    ]
}

async fn create(driver: &mut dyn Driver) {
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a_bool INTEGER, an_int INTEGER, a_float REAL, a_decimal BLOB, \
         a_text TEXT, some_bytes BLOB, a_uuid BLOB, an_instant TEXT, a_wall_time TEXT, a_date TEXT, a_time TEXT, a_duration INTEGER, \
         a_choice TEXT, a_list TEXT, some_json TEXT) STRICT";
    run(driver, table).await.unwrap();
}

/// Compares without printing the long values.
fn assert_same(found: &RecordBatch, expected: &RecordBatch) {
    assert_eq!(found.num_columns(), 15);
    for (at, field) in expected.schema().fields().iter().enumerate() {
        assert!(found.column(at) == expected.column(at), "{}", field.name());
    }
}

const INSERT: &str = "INSERT INTO t (a_bool, an_int, a_float, a_decimal, a_text, some_bytes, a_uuid, an_instant, \
     a_wall_time, a_date, a_time, a_duration, a_choice, a_list, some_json) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

async fn stored(driver: &mut dyn Driver) -> RecordBatch {
    let columns: Vec<(&str, LogicalType)> = edges().into_iter().map(|(name, ty, _)| (name, ty)).collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let query = sql(&format!("SELECT {} FROM t ORDER BY id", names.join(", "))).returning(&columns);
    driver.run(&query).await.unwrap().rows
}

#[tokio::test]
async fn every_type_comes_back_from_parameters() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    create(driver.as_mut()).await;
    for row in 0..4 {
        let values: Vec<_> = edges().into_iter().map(|(_, ty, values)| (ty, values[row].clone())).collect();
        assert_eq!(driver.run(&with(sql(INSERT), &values)).await.unwrap().affected, 1);
    }
    assert_same(&stored(driver.as_mut()).await, &batch(&edges()));
}

#[tokio::test]
async fn every_type_comes_back_from_a_batch_and_keys_in_its_order() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    create(driver.as_mut()).await;
    let mut insert = sql(&format!("{INSERT} RETURNING id")).returning(&[("id", LogicalType::Int)]);
    insert.rows = Some(batch(&edges()));
    let reply = driver.run(&insert).await.unwrap();
    assert_eq!((reply.affected, reply.rows.num_rows()), (4, 4));
    let keys = batch(&[("id", LogicalType::Int, (1..=4).map(Value::Int).collect())]);
    assert_eq!(reply.rows.columns(), keys.columns());
    assert_same(&stored(driver.as_mut()).await, &batch(&edges()));
    // A slice starts in the middle of its arrays.
    insert.rows = Some(batch(&edges()).slice(1, 2));
    assert_eq!(driver.run(&insert).await.unwrap().affected, 2);
    assert_same(&stored(driver.as_mut()).await.slice(4, 2), &batch(&edges()).slice(1, 2));
}

#[tokio::test]
async fn values_are_stored_in_the_documented_form() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let query = "SELECT typeof(?1) || typeof(?2) || typeof(?3) || ?4 || ?5 || hex(?6) || typeof(?7)";
    let values = [
        (LogicalType::Bool, Value::Bool(true)),
        (TEXT, Value::Text("".into())),
        (LogicalType::Bytes, Value::Bytes(vec![].into())),
        (LogicalType::Instant, Value::Instant(0)),
        (LogicalType::WallTime, Value::WallTime(0)),
        (LogicalType::Decimal { precision: 3, scale: 0 }, Value::Decimal(1)),
        (LogicalType::Float, Value::Float(1.0)),
    ];
    let reply = driver.run(&with(sql(query), &values).returning(&[("form", TEXT)])).await.unwrap();
    let form =
        "integertextblob1970-01-01T00:00:00.000000Z1970-01-01T00:00:00.00000080000000000000000000000000000001real";
    assert_eq!(reply.rows.columns(), batch(&[("form", TEXT, vec![Value::Text(form.into())])]).columns());
}

#[tokio::test]
async fn what_is_not_of_the_stored_form_is_refused() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let decimal = LogicalType::Decimal { precision: 3, scale: 0 };
    let mut refused = 0;
    for (expression, ty) in [
        ("2", LogicalType::Bool),
        ("'1'", LogicalType::Int),
        ("1.0", LogicalType::Int),
        ("1", LogicalType::Float),
        ("1", decimal.clone()),
        ("x'00'", decimal.clone()),
        ("x'800000000000000000000000000003E8'", decimal),
        ("1", TEXT),
        ("x'61'", TEXT),
        ("CAST(x'ff' AS TEXT)", TEXT),
        ("'a'", LogicalType::Bytes),
        ("x'00'", LogicalType::Uuid),
        ("'1970-01-01T00:00:00.000000'", LogicalType::Instant),
        ("'1970-01-01 00:00:00.000000Z'", LogicalType::Instant),
        ("'1970-01-01T00:00:00.000000Z'", LogicalType::WallTime),
        ("0", LogicalType::WallTime),
        ("'1970-1-1'", LogicalType::Date),
        ("'1970-01-01T00:00:00.000000'", LogicalType::Date),
        ("'00:00:00'", LogicalType::Time),
        ("'24:00:00.000000'", LogicalType::Time),
        ("'1'", LogicalType::Duration),
        ("'A'", LogicalType::Choice { values: ["a".into()].into() }),
        ("'[1, 2]'", LogicalType::List { item: Box::new(LogicalType::Int) }),
        ("'{\"a\": 1}'", LogicalType::Json),
        ("'null'", LogicalType::Json),
    ] {
        let query = sql(&format!("SELECT {expression}")).returning(&[("c", ty)]);
        let error = driver.run(&query).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfRange, "{expression}");
        assert!(error.detail().message.contains("`c`"));
        refused += 1;
    }
    assert_eq!(refused, 25);
    let mut query = sql("SELECT NULL").returning(&[("c", TEXT)]);
    query.returns[0].nullable = false;
    assert_eq!(driver.run(&query).await.unwrap_err().kind(), ErrorKind::OutOfRange);
}

#[tokio::test]
async fn nan_and_dates_out_of_range_name_row_and_column() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (v REAL)").await.unwrap();
    for (ty, values, kind) in [
        (LogicalType::Float, vec![Value::Float(1.0), Value::Float(f64::NAN)], ErrorKind::NotFinite),
        (LogicalType::Instant, vec![Value::Instant(0), Value::Instant(i64::MAX)], ErrorKind::OutOfRange),
    ] {
        let mut insert = sql("INSERT INTO t VALUES (?1)");
        insert.rows = Some(batch(&[("v", ty, values)]));
        let error = driver.run(&insert).await.unwrap_err();
        assert_eq!((error.kind(), error.detail().path.as_deref()), (kind, Some("[1].v")));
    }
}

/// SQLite keeps a whole number in a REAL column as an integer, which has one zero. The two zeros are equal.
#[tokio::test]
async fn a_negative_zero_comes_back_as_zero() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (v REAL) STRICT").await.unwrap();
    driver.run(&with(sql("INSERT INTO t VALUES (?1)"), &[(LogicalType::Float, Value::Float(-0.0))])).await.unwrap();
    let rows = driver.run(&sql("SELECT v FROM t").returning(&[("v", LogicalType::Float)])).await.unwrap().rows;
    assert!(rows.columns() == batch(&[("v", LogicalType::Float, vec![Value::Float(0.0)])]).columns());
}
