use super::*;

fn connector(path: &str) -> SqliteConnector {
    SqliteConnector::new(SqliteUrl::File(path.to_owned()), Duration::from_secs(10)).unwrap()
}

fn memory() -> SqliteConnector {
    SqliteConnector::new(SqliteUrl::Memory, Duration::from_secs(10)).unwrap()
}

async fn setting(driver: &mut dyn Driver, name: &str) -> i64 {
    let query = sql(&format!("PRAGMA {name}")).returning(&[("value", LogicalType::Int)]);
    let reply = driver.run(&query).await.unwrap();
    arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(reply.rows.column(0)).value(0)
}

#[tokio::test]
async fn a_file_is_opened_durable_with_wal_and_foreign_keys() {
    let file = TempFile::new();
    let connector = file.connector();
    let mut driver = connector.connect(Access::Write).await.unwrap();
    let capabilities = connector.probe(driver.as_mut()).await.unwrap();
    assert_eq!((capabilities.server.as_str(), capabilities.wal_level.as_str()), ("SQLite", "wal"));
    assert!(capabilities.version.starts_with("3.") && capabilities.returning && connector.single_writer());
    assert_eq!(connector.dialect(&capabilities).name(), "sqlite");
    assert_eq!(setting(driver.as_mut(), "synchronous").await, 2);
    assert_eq!(setting(driver.as_mut(), "foreign_keys").await, 1);
}

#[tokio::test]
async fn a_reading_connection_cannot_write() {
    let file = TempFile::new();
    let connector = file.connector();
    let mut writer = connector.connect(Access::Write).await.unwrap();
    run(writer.as_mut(), "CREATE TABLE t (a INTEGER)").await.unwrap();
    let mut reader = connector.connect(Access::Read).await.unwrap();
    assert_eq!(fails(reader.as_mut(), "INSERT INTO t VALUES (1)").await.kind(), ErrorKind::PermissionDenied);
    run(writer.as_mut(), "INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(count(reader.as_mut(), "t").await, 1);
}

#[tokio::test]
async fn many_connections_make_one_new_file_at_once() {
    let file = TempFile::new();
    let connector = file.connector();
    let opened = futures_util::future::join_all((0..8).map(|_| connector.connect(Access::Write))).await;
    assert!(opened.iter().all(Result::is_ok));
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_file_that_cannot_be_opened_is_named() {
    let folder = std::env::temp_dir();
    let text = TempFile::new();
    std::fs::write(&text.0, "this is no database, but long enough to be taken for a header of one. ".repeat(20))
        .unwrap();
    for (path, kind) in [
        (format!("{}/dataflow-none/x.db", folder.display()), ErrorKind::ConnectionRefused),
        (folder.display().to_string(), ErrorKind::ConnectionRefused),
        (text.0.display().to_string(), ErrorKind::DatabaseFailure),
        ("/proc/self/dataflow.db".to_owned(), ErrorKind::PermissionDenied),
    ] {
        let error = connector(&path).connect(Access::Write).await.err().unwrap();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.detail().message.contains(&path), "{error}");
    }
    assert_eq!(
        SqliteConnector::new(SqliteUrl::File(String::new()), Duration::ZERO).err().unwrap().kind(),
        ErrorKind::InvalidOption
    );
}

#[tokio::test]
async fn a_memory_database_outlives_its_connection() {
    let connector = memory();
    assert!(!connector.single_writer());
    let mut driver = connector.connect(Access::Write).await.unwrap();
    run(driver.as_mut(), "CREATE TABLE t (a INTEGER)").await.unwrap();
    run(driver.as_mut(), "INSERT INTO t VALUES (1)").await.unwrap();
    driver.close();
    let mut again = connector.connect(Access::Read).await.unwrap();
    run(again.as_mut(), "INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(count(again.as_mut(), "t").await, 2);
    let mut other = memory().connect(Access::Write).await.unwrap();
    assert_eq!(fails(other.as_mut(), "SELECT * FROM t").await.kind(), ErrorKind::DatabaseFailure);
}

#[tokio::test]
async fn a_memory_database_is_free_again_after_a_dropped_write() {
    let connector = memory();
    let mut driver = connector.connect(Access::Write).await.unwrap();
    run(driver.as_mut(), "CREATE TABLE t (a INTEGER)").await.unwrap();
    let endless = sql(&format!("INSERT INTO t {ENDLESS}"));
    assert!(tokio::time::timeout(Duration::from_millis(30), driver.run(&endless)).await.is_err());
    driver.close();
    let mut again = connector.connect(Access::Write).await.unwrap();
    run(again.as_mut(), "INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(count(again.as_mut(), "t").await, 1);
}

#[tokio::test]
async fn a_closed_connection_lets_go_of_its_file() {
    let file = TempFile::new();
    let mut driver = open(&file).await;
    run(driver.as_mut(), "CREATE TABLE t (a INTEGER)").await.unwrap();
    driver.close();
    let wal = PathBuf::from(format!("{}-wal", file.0.display()));
    for _ in 0..200 {
        if !wal.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the last connection's close takes the -wal file away");
}
