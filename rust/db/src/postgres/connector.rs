//! Opening connections to PostgreSQL.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::dialect::{Dialect, Postgres, Statement};
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::driver::PostgresDriver;
use super::link::{Address, Door};
use super::tls;
use crate::driver::{Access, BulkForm, Capabilities, Connector, Driver};
use crate::dsn::{ServerUrl, TlsMode};
use crate::fetch::text_cell;

pub(crate) struct PostgresConnector {
    config: Config,
    door: Door,
    address: String,
    statement_cache: bool,
    port: u16,
    /// Whether the server itself answers on our port; asked once.
    direct: OnceLock<bool>,
}

impl PostgresConnector {
    pub fn new(url: &ServerUrl, connect_timeout: Duration, statement_cache: bool) -> Result<Self> {
        let mut config = Config::new();
        config
            .ssl_mode(match url.tls.mode {
                TlsMode::Disable => SslMode::Disable,
                TlsMode::Prefer => SslMode::Prefer,
                TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
            })
            .application_name(url.application_name.as_deref().unwrap_or("dataflow"));
        if !url.user.is_empty() {
            config.user(&url.user);
        }
        if let Some(password) = &url.password {
            config.password(password);
        }
        if !url.database.is_empty() {
            config.dbname(&url.database);
        }
        if let Some(options) = &url.options {
            config.options(options);
        }
        let address =
            format!("PostgreSQL at {}:{} (user `{}`, database `{}`)", url.host, url.port, url.user, url.database);
        // Behind PgBouncer a prepared statement lives on a server connection that the next transaction may not get.
        let statement_cache = statement_cache && !url.pgbouncer;
        Ok(PostgresConnector {
            config,
            door: Door {
                address: Address { host: url.host.clone(), port: url.port, timeout: connect_timeout },
                tls: tls::connector(&url.tls)?,
            },
            address,
            statement_cache,
            port: url.port,
            direct: OnceLock::new(),
        })
    }

    /// Whether statements may stay prepared: a server that listens on another port than ours stands
    /// behind a proxy (PgBouncer) or a port mapping, and unnamed statements are right behind both.
    async fn may_prepare(&self, driver: &mut PostgresDriver) -> Result<bool> {
        if !self.statement_cache {
            return Ok(false);
        }
        if let Some(direct) = self.direct.get() {
            return Ok(*direct);
        }
        let statement = Statement::unscoped("SELECT coalesce(inet_server_port(), 0)::int8", "detection of a proxy")
            .returning(&[("port", LogicalType::Int)]);
        let rows = driver.run(&statement).await?.rows;
        let direct = rows.column(0).as_primitive::<Int64Type>().value(0) == i64::from(self.port);
        Ok(*self.direct.get_or_init(|| direct))
    }

    /// The driver names the step that failed and the operating system's reason, never the login.
    fn unreachable(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::new(ErrorKind::ConnectionRefused, format!("cannot connect to {}: {reason}", self.address))
            .hint("is the server running, and are host and port right?")
    }

    fn refused(&self, error: &tokio_postgres::Error) -> Error {
        let sqlstate = error.code().map(|code| code.code().to_owned());
        let address = &self.address;
        let refusal = match sqlstate.as_deref() {
            Some("28P01" | "28000") => {
                Error::new(ErrorKind::AuthenticationFailed, format!("{address} refused the login"))
                    .hint("check user and password in the URL; a special character in it is percent-encoded")
            }
            Some("3D000") => {
                Error::new(ErrorKind::ConnectionRefused, format!("the database does not exist: {address}"))
                    .hint("create it first")
            }
            Some("53300") => Error::new(ErrorKind::ConnectionRefused, format!("{address} has no connection left"))
                .hint("lower pool_size, or raise max_connections on the server"),
            _ => self.unreachable(&reason(error)),
        };
        match sqlstate {
            Some(code) => refusal.sqlstate(code),
            None => refusal,
        }
    }
}

fn reason(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}

impl Connector for PostgresConnector {
    fn connect(&self, _access: Access) -> BoxFuture<'_, Result<Box<dyn Driver>>> {
        Box::pin(async {
            let link = self.door.address.dial().await.map_err(|error| self.unreachable(&error))?;
            let tls = self.door.tls().map_err(|error| self.unreachable(&error))?;
            let (client, connection) =
                self.config.connect_raw(link, tls).await.map_err(|error| self.refused(&error))?;
            let connection = Box::pin(connection.map(drop));
            let mut driver = PostgresDriver::new(client, connection, self.door.clone());
            if self.may_prepare(&mut driver).await? {
                driver.keep_prepared();
            }
            Ok(Box::new(driver) as Box<dyn Driver>)
        })
    }

    fn probe<'a>(&'a self, driver: &'a mut dyn Driver) -> BoxFuture<'a, Result<Capabilities>> {
        Box::pin(async {
            let text = LogicalType::Text { max_length: None };
            let statement = Statement::unscoped(
                "SELECT current_setting('server_version'), current_setting('wal_level'), current_user::text, \
                 (SELECT (rolsuper OR rolbypassrls)::text FROM pg_catalog.pg_roles WHERE rolname = current_user)",
                "facts about the server",
            )
            .returning(&[
                ("version", text.clone()),
                ("wal_level", text.clone()),
                ("role", text.clone()),
                ("bypass", text),
            ]);
            let rows = driver.run(&statement).await?.rows;
            Ok(Capabilities {
                server: "PostgreSQL".to_owned(),
                version: text_cell(&rows, 0),
                returning: true,
                local_infile: false,
                wal_level: text_cell(&rows, 1),
                role: text_cell(&rows, 2),
                row_security: text_cell(&rows, 3) != "true",
            })
        })
    }

    fn dialect(&self, _capabilities: &Capabilities) -> Arc<dyn Dialect> {
        Arc::new(Postgres { schema: "public".to_owned() })
    }

    fn bulk_form(&self, _: &Capabilities) -> BulkForm {
        BulkForm::Copy
    }
}
