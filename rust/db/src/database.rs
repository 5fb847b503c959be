//! One database: its address, its pool, what is known of its server.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use dataflow_core::batch::Reading;
use dataflow_core::dialect::Dialect;
use dataflow_core::event::Labels;
use dataflow_core::ledger::ledger_table;
use dataflow_core::reject::quarantine_table;
use dataflow_core::schema::{Models, TableSchema};
use dataflow_core::types::FloatRules;
use dataflow_core::{Error, ErrorKind, Result};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::cursor::{Keys, Secret};
use crate::driver::{Access, BulkForm, Capabilities, Connector};
use crate::dsn::{ServerUrl, SqliteUrl, parse_server, parse_sqlite};
use crate::event::EventBus;
use crate::mysql::MysqlConnector;
use crate::pool::{Pool, closed};
use crate::postgres::PostgresConnector;
use crate::session::{Limits, Session};
use crate::sqlite::SqliteConnector;

#[derive(Clone, Debug)]
pub struct Options {
    pub pool_size: usize,
    pub acquire_timeout: Duration,
    pub connect_timeout: Duration,
    pub idle_timeout: Duration,
    pub statement_cache: bool,
    pub pgbouncer: bool,
    pub schema_mode: SchemaMode,
    pub application_name: Option<String>,
    /// What cursors are sealed with.
    pub secret_key: Option<Secret>,
}

/// What may be done to make a model's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaMode {
    /// Missing tables are made and missing nullable columns added; anything else is reported.
    Create,
    /// Differences are reported.
    Check,
    Off,
}

/// A model's table and whether it is known to be there.
pub struct Table {
    pub schema: Arc<TableSchema>,
    pub(crate) ready: OnceCell<Ready>,
}

/// What is known of a table that is there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    /// Whether no trigger is known that keeps statements from deciding for rows.
    pub decides: bool,
    /// Whether rows meet by the key alone, byte by byte; known where statements of such tables decide.
    pub sole_key: bool,
}

impl Table {
    pub fn new(schema: Arc<TableSchema>) -> Self {
        Table { schema, ready: OnceCell::new() }
    }
}

/// The models that were declared so far, and their tables.
#[derive(Default)]
struct Known {
    models: Arc<Models>,
    tables: HashMap<String, Arc<Table>>,
}

pub struct Database {
    connector: Arc<dyn Connector>,
    pool: Pool,
    server: OnceCell<(Capabilities, Arc<dyn Dialect>)>,
    reaper: OnceCell<()>,
    kind: Kind,
    name: String,
    options: Options,
    events: EventBus,
    known: RwLock<Known>,
    ledger: Table,
    quarantine: Arc<Table>,
    cursor_keys: Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Postgres,
    Mysql,
    Sqlite,
}

impl Database {
    /// Reads the URL; nothing is sent before the first operation.
    pub fn open(url: &str, options: Options, events: EventBus) -> Result<Self> {
        let (kind, name, connector) = connector(url, &options)?;
        let pool = Pool::new(&connector, options.pool_size, options.acquire_timeout, options.connect_timeout, &events)?;
        let cursor_keys = Keys::new(options.secret_key.as_ref())?;
        Ok(Database {
            cursor_keys,
            connector,
            pool,
            server: OnceCell::new(),
            reaper: OnceCell::new(),
            kind,
            name,
            options,
            events,
            known: RwLock::default(),
            ledger: Table::new(Arc::new(ledger_table()?)),
            quarantine: Arc::new(Table::new(Arc::new(quarantine_table()?))),
        })
    }

    /// `postgres`, `mysql` or `sqlite`.
    pub fn dialect_name(&self) -> &'static str {
        match self.kind {
            Kind::Postgres => "postgres",
            Kind::Mysql => "mysql",
            Kind::Sqlite => "sqlite",
        }
    }

    /// The database on its server, the file without its folder: what every process calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What floats the database keeps: known before the first connection.
    pub fn floats(&self) -> FloatRules {
        FloatRules { nan: self.kind == Kind::Postgres, infinity: self.kind != Kind::Mysql }
    }

    pub fn reading(&self, nan_is_null: bool) -> Reading {
        Reading { floats: self.floats(), nan_is_null }
    }

    /// Makes a model known to the references of others.
    pub fn add_model(&self, table: &Arc<Table>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut known.models).insert(Arc::clone(&table.schema));
        known.tables.insert(table.schema.model.clone(), Arc::clone(table));
    }

    /// The models that are known now.
    pub fn models(&self) -> Arc<Models> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner).models)
    }

    /// The models that `table` refers to, in the order of its references.
    ///
    /// # Errors
    /// `UnknownModel` for one that was never declared.
    pub(crate) fn targets(&self, table: &TableSchema) -> Result<Vec<Arc<TableSchema>>> {
        let models = self.models();
        table.references.iter().map(|reference| models.target(table, reference)).collect()
    }

    /// The table of a model that is known.
    pub(crate) fn table_of(&self, model: &str) -> Option<Arc<Table>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).tables.get(model).map(Arc::clone)
    }

    /// Where it is kept what was done once.
    pub fn ledger(&self) -> &Table {
        &self.ledger
    }

    /// Where refused rows are kept.
    pub fn quarantine(&self) -> &Arc<Table> {
        &self.quarantine
    }

    pub fn events(&self) -> &EventBus {
        &self.events
    }

    pub(crate) fn schema_mode(&self) -> SchemaMode {
        self.options.schema_mode
    }

    pub(crate) fn cursor_keys(&self) -> &Keys {
        &self.cursor_keys
    }

    /// Whether no other process can have it: it is in memory.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.connector.embedded() && !self.connector.single_writer()
    }

    /// Whether it guesses how many rows a query has before it looks.
    pub(crate) fn guesses(&self) -> bool {
        self.kind != Kind::Sqlite
    }

    pub(crate) fn embedded(&self) -> bool {
        self.connector.embedded()
    }

    /// Whether a transaction can make tables.
    pub(crate) fn transactional_ddl(&self) -> bool {
        self.kind != Kind::Mysql
    }

    pub(crate) async fn bulk_form(&self, limits: &Limits) -> Result<BulkForm> {
        Ok(self.connector.bulk_form(&self.server(limits, None).await?.0))
    }

    pub(crate) fn max_statement_bytes(&self) -> Option<u64> {
        self.connector.max_statement_bytes()
    }

    pub(crate) async fn session(
        &self,
        access: Access,
        limits: &Limits,
        labels: Option<&Arc<Labels>>,
    ) -> Result<Session> {
        self.reaper.get_or_init(async || self.pool.reap_idle(self.options.idle_timeout)).await;
        let _station = self.events.station("dataflow.acquire", labels);
        Session::acquire(&self.pool, access, limits).await
    }

    pub async fn capabilities(&self, cancel: CancellationToken) -> Result<Capabilities> {
        Ok(self.server(&Limits { cancel, deadline: None }, None).await?.0.clone())
    }

    pub(crate) async fn dialect(&self, limits: &Limits, labels: Option<&Arc<Labels>>) -> Result<Arc<dyn Dialect>> {
        Ok(Arc::clone(&self.server(limits, labels).await?.1))
    }

    /// None before the server was asked.
    ///
    /// # Errors
    /// `Closed` after [`Database::close`].
    pub(crate) fn known_dialect(&self) -> Result<Option<&dyn Dialect>> {
        self.check_open()?;
        Ok(self.server.get().map(|(_, dialect)| dialect.as_ref()))
    }

    /// Asked once; a failure is asked again.
    async fn server(&self, limits: &Limits, labels: Option<&Arc<Labels>>) -> Result<&(Capabilities, Arc<dyn Dialect>)> {
        let probe = async || {
            let mut session = self.session(Access::Read, limits, labels).await?;
            let capabilities = session.probe(self.connector.as_ref(), limits).await?;
            let dialect = self.connector.dialect(&capabilities);
            Ok((capabilities, dialect))
        };
        self.check_open()?;
        self.server.get_or_try_init(probe).await
    }

    /// # Errors
    /// `Closed` after [`Database::close`].
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.pool.is_closed() { Err(closed()) } else { Ok(()) }
    }

    /// (open, idle, waiting, largest size).
    pub fn pool_status(&self) -> [usize; 4] {
        self.pool.status()
    }

    /// Connections that may write at the same time, and those that may read.
    pub fn connections(&self) -> (usize, usize) {
        (self.pool.writers(), self.pool.readers())
    }

    /// Refuses new work and closes idle connections; those in use are closed when they come back.
    pub fn close(&self) {
        self.pool.close();
    }
}

fn connector(url: &str, options: &Options) -> Result<(Kind, String, Arc<dyn Connector>)> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    let scheme = scheme.split_once('+').map_or(scheme, |(scheme, _driver)| scheme);
    let (timeout, cache) = (options.connect_timeout, options.statement_cache);
    Ok(match scheme {
        "postgres" | "postgresql" => {
            let mut url = parse_server(rest, 5432)?;
            url.pgbouncer |= options.pgbouncer;
            url.application_name = url.application_name.or_else(|| options.application_name.clone());
            let connector = Arc::new(PostgresConnector::new(&url, timeout, cache)?);
            (Kind::Postgres, url.database, connector)
        }
        "mysql" | "mariadb" => {
            let url = for_mysql(parse_server(rest, 3306)?)?;
            (Kind::Mysql, url.database.clone(), Arc::new(MysqlConnector::new(url, timeout, cache)?))
        }
        "sqlite" => {
            let url = parse_sqlite(rest)?;
            let name = match &url {
                SqliteUrl::Memory => String::new(),
                SqliteUrl::File(path) => path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned(),
            };
            (Kind::Sqlite, name, Arc::new(SqliteConnector::new(url, timeout)?))
        }
        _ => {
            return Err(Error::new(ErrorKind::UnknownScheme, "the URL's scheme names no database DataFlow knows")
                .hint("use sqlite://, postgresql://, mysql:// or mariadb://"));
        }
    })
}

/// Parameters that only PostgreSQL has are refused, not passed over.
fn for_mysql(url: ServerUrl) -> Result<ServerUrl> {
    let foreign = [
        ("options", url.options.is_some()),
        ("application_name", url.application_name.is_some()),
        ("pgbouncer", url.pgbouncer),
    ];
    match foreign.iter().find(|(_, given)| *given) {
        Some((name, _)) => {
            Err(Error::new(ErrorKind::InvalidOption, format!("`{name}` is for PostgreSQL URLs only")).path("url"))
        }
        None => Ok(url),
    }
}
