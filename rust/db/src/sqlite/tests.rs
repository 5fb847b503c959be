//! Against real files in the system's temporary directory.

mod failures;
mod functions;
mod interrupts;
mod opening;
mod round_trip;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};
use dataflow_core::batch::ColumnBuilder;
use dataflow_core::dialect::{Param, ParamValue, Statement};
use dataflow_core::types::LogicalType;
use dataflow_core::value::Value;
use dataflow_core::{ErrorKind, Result};

use super::SqliteConnector;
use crate::driver::{Access, Connector, Driver, Reply};
use crate::dsn::SqliteUrl;

const TEXT: LogicalType = LogicalType::Text { max_length: None };

/// Counts far enough to run for minutes.
const ENDLESS: &str =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) SELECT count(*) FROM n";

/// A file that goes with its test.
struct TempFile(PathBuf);

impl TempFile {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        TempFile(std::env::temp_dir().join(format!("dataflow-sqlite-{}-{number}.db", std::process::id())))
    }

    fn connector(&self) -> SqliteConnector {
        let url = SqliteUrl::File(self.0.to_str().unwrap().to_owned());
        SqliteConnector::new(url, Duration::from_secs(10)).unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    }
}

async fn open(file: &TempFile) -> Box<dyn Driver> {
    file.connector().connect(Access::Write).await.unwrap()
}

fn sql(text: &str) -> Statement {
    Statement::unscoped(text, "test")
}

fn with(mut statement: Statement, values: &[(LogicalType, Value<'static>)]) -> Statement {
    statement.params =
        values.iter().map(|(ty, value)| Param { ty: ty.clone(), value: ParamValue::One(value.clone()) }).collect();
    statement
}

async fn run(driver: &mut dyn Driver, text: &str) -> Result<Reply> {
    driver.run(&sql(text)).await
}

async fn fails(driver: &mut dyn Driver, text: &str) -> dataflow_core::Error {
    run(driver, text).await.unwrap_err()
}

async fn count(driver: &mut dyn Driver, table: &str) -> i64 {
    let query = sql(&format!("SELECT count(*) FROM {table}")).returning(&[("count", LogicalType::Int)]);
    let reply = driver.run(&query).await.unwrap();
    arrow_array::cast::AsArray::as_primitive::<arrow_array::types::Int64Type>(reply.rows.column(0)).value(0)
}

/// Named columns of values, as the write funnel makes them.
fn batch(columns: &[(&str, LogicalType, Vec<Value<'static>>)]) -> RecordBatch {
    let fields: Vec<Field> = columns.iter().map(|(name, ty, _)| ty.field(name, true)).collect();
    let arrays: Vec<ArrayRef> = columns
        .iter()
        .map(|(_, ty, values)| {
            let mut builder = ColumnBuilder::new(ty, values.len());
            values.iter().for_each(|value| builder.append(value).unwrap());
            builder.finish()
        })
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}
