//! Makes connections: address, TLS, session settings, and what the server is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use dataflow_core::dialect::{Dialect, Mysql, Statement};
use dataflow_core::types::LogicalType;
use dataflow_core::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;
use mysql_async::{Conn, DriverError, Opts, OptsBuilder, SslOpts};
use tokio::sync::OnceCell;

use super::dial::Dial;
use super::driver::MysqlDriver;
use super::error::{at_connect, connect_timed_out};
use super::infile::Infile;
use crate::driver::{Access, BulkForm, Capabilities, Connector, Driver};
use crate::dsn::{ServerUrl, Tls, TlsMode};

/// Everything a server's configuration could change under us. Backslashes keep escaping (no
/// `NO_BACKSLASH_ESCAPES`): the dialect's catalogue queries and literals count on it.
/// English messages: names of constraints are read from them.
///
/// A binary collation: under another the optimiser takes `f(x, 'a') = 1` and `f(x, 'A') = 1` for one condition (10.11).
/// MySQL does not run what stands in `/*M! … */`.
///
/// Rows in a row and the lists of a group are texts of GROUP_CONCAT, of any length that a packet has; one that is cut
/// warns, and then the statement is an error.
///
/// Who reads a stream of rows may take his time between two of them: `net_write_timeout`.
const SESSION: &str = "SET NAMES utf8mb4 COLLATE utf8mb4_bin /*M!, collation_connection = utf8mb4_nopad_bin */, \
     autocommit = 1, time_zone = '+00:00', lc_messages = 'en_US', foreign_key_checks = 1, unique_checks = 1, \
     sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
     NO_ENGINE_SUBSTITUTION', sql_notes = 1, max_sort_length = 16384, \
     group_concat_max_len = 4294967295, net_write_timeout = 28800";

/// The protocol's largest packet. A server may send a row that is larger than its own `max_allowed_packet`.
const LARGEST_PACKET: usize = 1 << 30;

const KEEPALIVE: Duration = Duration::from_secs(60);
const CACHED_STATEMENTS: usize = 64;

pub(crate) struct MysqlConnector {
    url: ServerUrl,
    connect_timeout: Duration,
    statement_cache: bool,
    /// With and without TLS; made at the first connection because certificates are files.
    ways: OnceCell<Ways>,
    /// `sslmode=prefer` met a server without TLS: later connections do not ask again, since every asking counts
    /// as a failed login at the server (`max_connect_errors`).
    plain: AtomicBool,
    max_packet: AtomicU64,
    /// The file that `LOAD DATA LOCAL` names. Nobody can guess it, so no server asks for it without our statement.
    infile: Arc<str>,
}

struct Ways {
    secure: Option<Opts>,
    plain: Opts,
}

impl MysqlConnector {
    /// Reads nothing and connects to nothing yet.
    ///
    /// # Errors
    /// `InvalidOption` when the URL names no database.
    pub fn new(url: ServerUrl, connect_timeout: Duration, statement_cache: bool) -> Result<Self> {
        if url.database.is_empty() {
            return Err(Error::new(ErrorKind::InvalidOption, "the URL names no database")
                .path("url")
                .hint("mysql://user:password@host:3306/database"));
        }
        // One provider for the process; whoever was first, both are rustls.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Ok(MysqlConnector {
            url,
            connect_timeout,
            statement_cache,
            ways: OnceCell::new(),
            plain: AtomicBool::new(false),
            max_packet: AtomicU64::new(0),
            infile: format!("dataflow-{}", uuid::Uuid::now_v7()).into(),
        })
    }

    async fn open(&self) -> Result<MysqlDriver> {
        let ways = self.ways.get_or_try_init(|| self.ways()).await?;
        let infile = Infile::new(&self.infile);
        let (conn, opts) = self.dial(ways, &infile).await.map_err(|failure| at_connect(&self.url, failure))?;
        let kill = OptsBuilder::from_opts(opts).init(Vec::<String>::new()).stmt_cache_size(0);
        let driver = MysqlDriver::start(conn, kill.into(), self.statement_cache, infile).await?;
        self.max_packet.store(driver.max_packet(), Ordering::Relaxed);
        Ok(driver)
    }

    /// `mysql_async` does not know `prefer`: it is asked for TLS and, where the server offers none, asked again without.
    async fn dial(&self, ways: &Ways, infile: &Infile) -> mysql_async::Result<(Conn, Opts)> {
        let answering = |opts: &Opts| OptsBuilder::from_opts(opts.clone()).local_infile_handler(Some(infile.clone()));
        let prefer = self.url.tls.mode == TlsMode::Prefer;
        if let Some(secure) = ways.secure.as_ref().filter(|_| !self.plain.load(Ordering::Relaxed)) {
            match Dial::new(answering(secure).into()).await {
                Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)) if prefer => {
                    self.plain.store(true, Ordering::Relaxed);
                }
                outcome => return Ok((outcome?, secure.clone())),
            }
        }
        Ok((Dial::new(answering(&ways.plain).into()).await?, ways.plain.clone()))
    }

    async fn ways(&self) -> Result<Ways> {
        let tls = self.url.tls.clone();
        let loaded = tokio::task::spawn_blocking(move || ssl(&tls)).await;
        let secure = loaded.map_err(|error| Error::internal(error.to_string()))??;
        Ok(Ways { secure: secure.map(|ssl| self.opts().ssl_opts(ssl).into()), plain: self.opts().into() })
    }

    fn opts(&self) -> OptsBuilder {
        let user = Some(self.url.user.as_str()).filter(|user| !user.is_empty());
        OptsBuilder::default()
            .ip_or_hostname(self.url.host.as_str())
            .tcp_port(self.url.port)
            .user(user)
            .pass(self.url.password.as_deref())
            .db_name(Some(self.url.database.as_str()))
            .prefer_socket(false)
            .tcp_keepalive(Some(KEEPALIVE))
            .stmt_cache_size(if self.statement_cache { CACHED_STATEMENTS } else { 0 })
            // An update counts the rows it found, as PostgreSQL and SQLite count them.
            .client_found_rows(true)
            .max_allowed_packet(Some(LARGEST_PACKET))
            // Only its pool uses it; unset, it would be asked for.
            .wait_timeout(Some(28_800))
            .init(vec![SESSION])
    }
}

/// How TLS is spoken; reads certificate files.
///
/// `verify-ca` is as strict as `verify-full` today: `mysql_async` 0.37 looks for `NotValidForName` in the error's
/// text to let another host name pass, and rustls 0.23 words it differently. It errs on the safe side.
fn ssl(tls: &Tls) -> Result<Option<SslOpts>> {
    let unverified = || SslOpts::default().with_danger_accept_invalid_certs(true);
    Ok(match tls.mode {
        TlsMode::Disable => None,
        TlsMode::Prefer | TlsMode::Require => Some(unverified()),
        TlsMode::VerifyCa | TlsMode::VerifyFull => Some(
            SslOpts::default()
                .with_disable_built_in_roots(true)
                .with_root_certs(roots(tls.root_certificate.as_deref())?.into_iter().map(Into::into).collect())
                .with_danger_skip_domain_validation(tls.mode == TlsMode::VerifyCa),
        ),
    })
}

/// Certificates in PEM or DER.
fn roots(file: Option<&str>) -> Result<Vec<Vec<u8>>> {
    let unusable = |why: String| Error::new(ErrorKind::InvalidOption, why).path("url.sslrootcert");
    if let Some(file) = file {
        let pem = std::fs::read(file).map_err(|error| unusable(format!("cannot read {file}: {error}")))?;
        return Ok(vec![pem]);
    }
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        return Err(unusable("this machine has no certificate authorities installed".to_owned())
            .hint("name a PEM file: sslrootcert=/path/ca.pem"));
    }
    Ok(found.into_iter().map(|certificate| certificate.to_vec()).collect())
}

impl Connector for MysqlConnector {
    fn connect(&self, _access: Access) -> BoxFuture<'_, Result<Box<dyn Driver>>> {
        Box::pin(async {
            match tokio::time::timeout(self.connect_timeout, self.open()).await {
                Ok(opened) => opened.map(|driver| Box::new(driver) as Box<dyn Driver>),
                Err(_) => Err(connect_timed_out(&self.url, self.connect_timeout)),
            }
        })
    }

    fn probe<'a>(&'a self, driver: &'a mut dyn Driver) -> BoxFuture<'a, Result<Capabilities>> {
        let text = || LogicalType::Text { max_length: None };
        let question = Statement::unscoped(
            "SELECT version(), current_user(), @@binlog_format, @@log_bin, @@local_infile",
            "what the server is belongs to no tenant",
        )
        .returning(&[
            ("version", text()),
            ("user", text()),
            ("binlog_format", text()),
            ("log_bin", LogicalType::Int),
            ("local_infile", LogicalType::Int),
        ]);
        Box::pin(async move { Ok(capabilities(&driver.run(&question).await?.rows)) })
    }

    fn dialect(&self, capabilities: &Capabilities) -> Arc<dyn Dialect> {
        Arc::new(Mysql {
            database: self.url.database.clone(),
            mariadb: capabilities.server == "MariaDB",
            snapshot_isolation: capabilities.server == "MariaDB" && has_snapshot_isolation(&capabilities.version),
            statement_log: logs_statements(capabilities),
            infile: self.infile.to_string(),
        })
    }

    /// `max_allowed_packet`, known from the first connection on.
    fn max_statement_bytes(&self) -> Option<u64> {
        Some(self.max_packet.load(Ordering::Relaxed)).filter(|&bytes| bytes > 0)
    }

    /// A binary log of statements makes each `LOAD DATA` warn that it is unsafe.
    fn bulk_form(&self, capabilities: &Capabilities) -> BulkForm {
        if capabilities.local_infile && !logs_statements(capabilities) { BulkForm::Load } else { BulkForm::MultiRow }
    }
}

fn logs_statements(capabilities: &Capabilities) -> bool {
    capabilities.wal_level.eq_ignore_ascii_case("statement")
}

/// Since 10.6.18, 10.11.8, 11.0.6, 11.1.5, 11.2.4 and 11.4.2:
/// <https://mariadb.com/docs/server/server-usage/storage-engines/innodb/innodb-system-variables#innodb_snapshot_isolation>.
fn has_snapshot_isolation(version: &str) -> bool {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0);
    let numbers: Vec<u32> = version.split('.').take(3).map(number).collect();
    match numbers[..] {
        [10, 6, patch] => patch >= 18,
        [10, 11, patch] => patch >= 8,
        [11, 0, patch] => patch >= 6,
        [11, 1, patch] => patch >= 5,
        [11, 2, patch] => patch >= 4,
        [11, 4, patch] => patch >= 2,
        [major, minor, _] => (major, minor) > (11, 4),
        _ => false,
    }
}

fn capabilities(rows: &RecordBatch) -> Capabilities {
    let present = rows.num_rows() > 0;
    let text = |at: usize| if present { rows.column(at).as_string::<i32>().value(0).to_owned() } else { String::new() };
    let flag = |at: usize| present && rows.column(at).as_primitive::<Int64Type>().value(0) != 0;
    let version = text(0);
    let mariadb = version.to_ascii_lowercase().contains("mariadb");
    Capabilities {
        server: if mariadb { "MariaDB" } else { "MySQL" }.to_owned(),
        returning: mariadb && release(&version) >= (10, 5),
        local_infile: flag(4),
        wal_level: if flag(3) { text(2) } else { "OFF".to_owned() },
        role: text(1),
        row_security: false,
        version,
    }
}

/// Major and minor number of `10.11.6-MariaDB-log`.
fn release(version: &str) -> (u32, u32) {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_database_is_refused() {
        let url = crate::dsn::parse_server("//u:secret@h", 3306).unwrap();
        let error = MysqlConnector::new(url, Duration::from_secs(1), true).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidOption);
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(release("10.11.19-MariaDB-0+deb12u1-log"), (10, 11));
        assert_eq!(release("8.0.36"), (8, 0));
        assert!(release("10.5.0-MariaDB") >= (10, 5) && release("10.4.9-MariaDB") < (10, 5));
    }
}
