//! Opens connections to one file or one memory database.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use arrow_array::cast::AsArray;
use dataflow_core::dialect::{Dialect, Sqlite, Statement};
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tokio::sync::{Mutex, oneshot};

use super::driver::SqliteDriver;
use super::interrupt::Control;
use super::worker::{Opening, spawn};
use crate::driver::{Access, BulkForm, Capabilities, Connector, Driver};
use crate::dsn::SqliteUrl;

pub(crate) struct SqliteConnector {
    place: Place,
    timeout: Duration,
    /// Whether a connection was asked for: only the first looks for strangers on the file.
    asked: AtomicBool,
}

enum Place {
    File(PathBuf),
    Memory {
        name: String,
        /// A connection that does nothing: the database lives as long as one is open.
        anchor: Mutex<Option<SqliteConnection>>,
    },
}

impl SqliteConnector {
    /// No I/O happens before the first connection.
    ///
    /// # Errors
    /// `InvalidOption` when the path cannot be made absolute.
    pub fn new(url: SqliteUrl, connect_timeout: Duration) -> Result<Self> {
        let place = match url {
            // An absolute path is not read as a `file:` URI and survives a change of directory.
            SqliteUrl::File(path) => Place::File(std::path::absolute(&path).map_err(|error| {
                Error::new(ErrorKind::InvalidOption, format!("`{path}` is no usable file name: {}", error.kind()))
            })?),
            SqliteUrl::Memory => Place::Memory { name: memory_name(), anchor: Mutex::new(None) },
        };
        Ok(SqliteConnector { place, timeout: connect_timeout, asked: AtomicBool::new(false) })
    }

    fn options(&self) -> SqliteConnectOptions {
        // The busy handler of `handle.rs` replaces sqlx's timeout, and our cache its own.
        let options = SqliteConnectOptions::new()
            .create_if_missing(true)
            .foreign_keys(true)
            .statement_cache_capacity(0)
            .busy_timeout(self.timeout.min(Duration::from_secs(3600)));
        match &self.place {
            Place::File(path) => options.filename(path),
            Place::Memory { name, .. } => options.filename(name).in_memory(true).shared_cache(true),
        }
    }

    async fn anchor(&self) -> Result<()> {
        let Place::Memory { anchor, .. } = &self.place else { return Ok(()) };
        let mut anchor = anchor.lock().await;
        if anchor.is_none() {
            let opened = self.options().connect().await;
            *anchor = Some(
                opened.map_err(|_| Error::new(ErrorKind::ConnectionRefused, "no memory database could be opened"))?,
            );
        }
        Ok(())
    }

    async fn open(&self, access: Access) -> Result<Box<dyn Driver>> {
        self.anchor().await?;
        let control = Arc::new(Control::default());
        let (sender, jobs) = mpsc::channel();
        let (ready, settled) = oneshot::channel();
        spawn(Opening {
            options: self.options(),
            file: self.file().map(Path::to_owned),
            access,
            first: !self.asked.swap(true, Ordering::Relaxed),
            timeout: self.timeout,
            control: Arc::clone(&control),
            jobs,
            ready,
        })?;
        match tokio::time::timeout(self.timeout, settled).await {
            Ok(Ok(settled)) => settled?,
            Ok(Err(_)) => return Err(Error::internal("the thread of an SQLite connection ended")),
            Err(_) => return Err(self.too_slow()),
        }
        Ok(Box::new(SqliteDriver::new(sender, control)))
    }

    fn too_slow(&self) -> Error {
        let name = self.file().map_or_else(|| ":memory:".into(), Path::to_string_lossy);
        Error::new(ErrorKind::ConnectionRefused, format!("the SQLite file `{name}` could not be opened in time"))
            .hint("another process holds it locked")
    }

    fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Memory { .. } => None,
        }
    }
}

/// A name no other memory database of this process has.
fn memory_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("file:dataflow-{}?mode=memory&cache=shared", NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Connector for SqliteConnector {
    fn connect(&self, access: Access) -> BoxFuture<'_, Result<Box<dyn Driver>>> {
        Box::pin(self.open(access))
    }

    fn probe<'a>(&'a self, driver: &'a mut dyn Driver) -> BoxFuture<'a, Result<Capabilities>> {
        Box::pin(async move {
            Ok(Capabilities {
                server: "SQLite".to_owned(),
                version: ask(driver, "SELECT sqlite_version()").await?,
                returning: true,
                local_infile: false,
                wal_level: ask(driver, "PRAGMA main.journal_mode").await?,
                role: String::new(),
                row_security: false,
            })
        })
    }

    fn dialect(&self, _capabilities: &Capabilities) -> Arc<dyn Dialect> {
        Arc::new(Sqlite)
    }

    fn bulk_form(&self, _: &Capabilities) -> BulkForm {
        BulkForm::Stepped
    }

    /// In memory everything uses one connection: a second would wait for table locks.
    fn embedded(&self) -> bool {
        true
    }

    fn single_writer(&self) -> bool {
        self.file().is_some()
    }
}

async fn ask(driver: &mut dyn Driver, sql: &str) -> Result<String> {
    let text = LogicalType::Text { max_length: None };
    let reply = driver.run(&Statement::unscoped(sql, "probe of the library").returning(&[("answer", text)])).await?;
    let answers = reply.rows.column(0).as_string::<i32>();
    let first = answers.iter().flatten().next();
    first.map(str::to_owned).ok_or_else(|| Error::internal("SQLite answered the probe with nothing"))
}
