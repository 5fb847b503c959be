use dataflow_core::Outcome;

use super::*;

#[tokio::test]
async fn constraints_are_told_apart_and_named() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let driver = driver.as_mut();
    run(driver, "CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT").await.unwrap();
    let table = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b INTEGER REFERENCES p (id), \
         CONSTRAINT uq_t_a UNIQUE (a, b), CONSTRAINT ck_t_b CHECK (b < 9)) STRICT";
    run(driver, table).await.unwrap();
    run(driver, "INSERT INTO p VALUES (1)").await.unwrap();
    run(driver, "INSERT INTO t VALUES (1, 'secret', 1)").await.unwrap();
    for (values, kind, constraint) in [
        ("1, 'x', 1", ErrorKind::UniqueViolation, Some("t.id")),
        ("2, 'secret', 1", ErrorKind::UniqueViolation, Some("t.a, t.b")),
        ("2, 'secret', 2", ErrorKind::ForeignKeyViolation, None),
        ("2, NULL, 1", ErrorKind::NotNullViolation, Some("t.a")),
        ("2, 'secret', 9", ErrorKind::CheckViolation, Some("ck_t_b")),
        ("2, 'secret', 'secret'", ErrorKind::WrongType, None),
    ] {
        let error = fails(driver, &format!("INSERT INTO t VALUES ({values})")).await;
        assert_eq!((error.kind(), error.detail().constraint.as_deref()), (kind, constraint), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
    assert_eq!(count(driver, "t").await, 1);
}

#[tokio::test]
async fn a_failing_row_of_a_batch_is_named() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (id INTEGER PRIMARY KEY) STRICT").await.unwrap();
    let mut insert = sql("INSERT INTO t VALUES (?1)");
    insert.rows = Some(batch(&[("id", LogicalType::Int, [1, 2, 1].map(Value::Int).to_vec())]));
    run(driver.as_mut(), "BEGIN IMMEDIATE").await.unwrap();
    let error = driver.run(&insert).await.unwrap_err();
    assert_eq!((error.kind(), error.detail().path.as_deref()), (ErrorKind::UniqueViolation, Some("[2]")));
    run(driver.as_mut(), "ROLLBACK").await.unwrap();
    assert_eq!(count(driver.as_mut(), "t").await, 0);
}

#[tokio::test]
async fn an_unknown_name_is_an_error_and_no_string() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let driver = driver.as_mut();
    run(driver, "CREATE TABLE t (a TEXT) STRICT").await.unwrap();
    let error = fails(driver, "SELECT a FROM t WHERE \"nocol\" = 'nocol'").await;
    assert_eq!(error.kind(), ErrorKind::DatabaseFailure);
    assert!(error.detail().message.contains("nocol"), "{error}");
    assert_eq!(fails(driver, "SELEC 1").await.kind(), ErrorKind::DatabaseFailure);
    assert_eq!(fails(driver, "SELECT 1; SELECT 2").await.kind(), ErrorKind::Internal);
    assert_eq!(fails(driver, "SELECT ?1").await.kind(), ErrorKind::Internal);
    assert_eq!(fails(driver, "").await.kind(), ErrorKind::Internal);
    assert_eq!(fails(driver, "SELECT 1\0").await.kind(), ErrorKind::NulCharacter);
}

#[tokio::test]
async fn affected_counts_only_what_the_statement_wrote() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let driver = driver.as_mut();
    let mut counts = Vec::new();
    for text in [
        "CREATE TABLE t (a INTEGER)",
        "INSERT INTO t VALUES (1), (2), (3)",
        "SELECT * FROM t",
        "UPDATE t SET a = 0 WHERE a > 1",
        "BEGIN IMMEDIATE",
        "UPDATE t SET a = 0 WHERE a > 9",
        "COMMIT",
        "CREATE TABLE u (a INTEGER)",
        "DELETE FROM t",
    ] {
        counts.push(run(driver, text).await.unwrap().affected);
    }
    assert_eq!(counts, [0, 3, 0, 2, 0, 0, 0, 0, 3]);
}

#[tokio::test]
async fn a_kept_statement_follows_a_changed_table() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let driver = driver.as_mut();
    run(driver, "CREATE TABLE t (a INTEGER)").await.unwrap();
    for round in 0..3 {
        run(driver, "INSERT INTO t (a) VALUES (1)").await.unwrap();
        run(driver, &format!("ALTER TABLE t ADD COLUMN c{round} TEXT")).await.unwrap();
    }
    for number in 0..100 {
        run(driver, &format!("SELECT {number}")).await.unwrap();
    }
    assert_eq!(count(driver, "t").await, 3);
}

#[tokio::test]
async fn a_transaction_that_sqlite_ended_takes_nothing_more() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    let driver = driver.as_mut();
    run(driver, "CREATE TABLE t (a INTEGER PRIMARY KEY)").await.unwrap();
    run(driver, "BEGIN IMMEDIATE").await.unwrap();
    run(driver, "INSERT INTO t VALUES (1)").await.unwrap();
    let error = fails(driver, "INSERT OR ROLLBACK INTO t VALUES (1)").await;
    assert_eq!((error.kind(), error.detail().outcome), (ErrorKind::UniqueViolation, Some(Outcome::RolledBack)));
    for text in ["INSERT INTO t VALUES (2)", "COMMIT", "ROLLBACK TO a"] {
        assert_eq!(fails(driver, text).await.kind(), ErrorKind::TransactionAborted, "{text}");
    }
    run(driver, "ROLLBACK").await.unwrap();
    run(driver, "ROLLBACK").await.unwrap();
    assert_eq!(fails(driver, "COMMIT").await.kind(), ErrorKind::TransactionState);
    assert_eq!(count(driver, "t").await, 0);
}

#[tokio::test]
async fn a_reader_that_writes_after_another_wrote_is_told_to_begin_again() {
    let file = TempFile::new();
    let (mut first, mut second) = (open(&file).await, open(&file).await);
    run(first.as_mut(), "CREATE TABLE t (a INTEGER)").await.unwrap();
    run(first.as_mut(), "BEGIN").await.unwrap();
    assert_eq!(count(first.as_mut(), "t").await, 0);
    run(second.as_mut(), "INSERT INTO t VALUES (1)").await.unwrap();
    let error = fails(first.as_mut(), "INSERT INTO t VALUES (2)").await;
    assert_eq!(error.kind(), ErrorKind::SerializationFailure);
}
