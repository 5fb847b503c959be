use std::time::Instant;

use super::*;

/// Runs `statement` and interrupts it after 50 ms; returns its reply and the time from the interrupt to it.
async fn interrupted(driver: &mut dyn Driver, statement: &Statement) -> (Result<Reply>, Duration) {
    let interrupt = driver.interrupt();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        interrupt.await;
        Instant::now()
    };
    let (reply, stopped) = tokio::join!(driver.run(statement), stop);
    (reply, stopped.elapsed())
}

#[tokio::test]
async fn an_interrupted_query_ends_soon_and_the_connection_goes_on() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    for _ in 0..5 {
        let (reply, took) = interrupted(driver.as_mut(), &sql(ENDLESS)).await;
        assert_eq!(reply.unwrap_err().kind(), ErrorKind::Cancelled);
        assert!(took < Duration::from_millis(200), "{took:?}");
        run(driver.as_mut(), "SELECT 1").await.unwrap();
    }
    assert!(!driver.is_closed() && driver.survives_interrupt());
}

#[tokio::test]
async fn an_interrupt_between_statements_reaches_none() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    for _ in 0..100 {
        run(driver.as_mut(), "SELECT 1").await.unwrap();
        driver.interrupt().await;
    }
    run(driver.as_mut(), "SELECT 1").await.unwrap();
}

#[tokio::test]
async fn an_interrupt_at_once_is_not_lost() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    for _ in 0..200 {
        let interrupt = driver.interrupt();
        let endless = sql(ENDLESS);
        let (reply, ()) = tokio::join!(driver.run(&endless), interrupt);
        assert_eq!(reply.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}

#[tokio::test]
async fn an_interrupted_batch_stops_between_rows() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (a INTEGER) STRICT").await.unwrap();
    run(driver.as_mut(), "BEGIN IMMEDIATE").await.unwrap();
    let mut insert = sql("INSERT INTO t VALUES (?1)");
    insert.rows = Some(batch(&[("a", LogicalType::Int, (0..2_000_000).map(Value::Int).collect())]));
    let (reply, took) = interrupted(driver.as_mut(), &insert).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(took < Duration::from_millis(200), "{took:?}");
    run(driver.as_mut(), "ROLLBACK").await.unwrap();
    assert_eq!(count(driver.as_mut(), "t").await, 0);
}

#[tokio::test]
async fn an_interrupted_write_ends_its_transaction_and_rollback_succeeds() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (a INTEGER) STRICT").await.unwrap();
    run(driver.as_mut(), "BEGIN IMMEDIATE").await.unwrap();
    run(driver.as_mut(), "INSERT INTO t VALUES (1)").await.unwrap();
    let (reply, _) = interrupted(driver.as_mut(), &sql(&format!("INSERT INTO t {ENDLESS}"))).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Cancelled);
    let error = fails(driver.as_mut(), "INSERT INTO t VALUES (2)").await;
    assert_eq!(error.kind(), ErrorKind::TransactionAborted);
    run(driver.as_mut(), "ROLLBACK").await.unwrap();
    assert_eq!(count(driver.as_mut(), "t").await, 0);
}

#[tokio::test]
async fn a_wait_for_the_write_lock_ends_with_the_lock_or_an_interrupt() {
    let file = TempFile::new();
    let (mut holder, mut waiter) = (open(&file).await, open(&file).await);
    run(holder.as_mut(), "BEGIN IMMEDIATE").await.unwrap();
    let (reply, took) = interrupted(waiter.as_mut(), &sql("BEGIN IMMEDIATE")).await;
    assert_eq!(reply.unwrap_err().kind(), ErrorKind::Cancelled);
    assert!(took < Duration::from_millis(200), "{took:?}");
    let release = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        run(holder.as_mut(), "COMMIT").await.unwrap();
    };
    let begin = sql("BEGIN IMMEDIATE");
    let (waited, ()) = tokio::join!(waiter.run(&begin), release);
    waited.unwrap();
    run(waiter.as_mut(), "COMMIT").await.unwrap();
}

#[tokio::test]
async fn a_dropped_run_closes_the_connection_and_rolls_back() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (a INTEGER) STRICT").await.unwrap();
    run(driver.as_mut(), "BEGIN IMMEDIATE").await.unwrap();
    run(driver.as_mut(), "INSERT INTO t VALUES (1)").await.unwrap();
    let endless = sql(ENDLESS);
    let late = tokio::time::timeout(Duration::from_millis(50), driver.run(&endless)).await;
    assert!(late.is_err() && driver.is_closed());
    assert_eq!(fails(driver.as_mut(), "SELECT 1").await.kind(), ErrorKind::ConnectionLost);
    driver.close();
    let mut other = open(&file).await;
    let started = Instant::now();
    run(other.as_mut(), "BEGIN IMMEDIATE").await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(count(other.as_mut(), "t").await, 0);
}
