//! Database URLs, parsed by us from an allowlist: a driver's own parser refuses valid libpq forms
//! and puts the password into its messages.

use dataflow_core::{Error, ErrorKind, Result, did_you_mean};

/// A server's address and login. `Debug` is left out so that a password cannot be printed.
#[derive(Clone)]
pub(crate) struct ServerUrl {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Option<String>,
    pub database: String,
    pub tls: Tls,
    /// Runtime parameters (`options=-c …`), PostgreSQL only.
    pub options: Option<String>,
    pub application_name: Option<String>,
    pub pgbouncer: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub mode: TlsMode,
    /// PEM file of the authorities that may sign the server's certificate.
    pub root_certificate: Option<String>,
}

/// libpq's `sslmode`. <https://www.postgresql.org/docs/current/libpq-ssl.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SqliteUrl {
    Memory,
    File(String),
}

const PARAMETERS: &[&str] =
    &["sslmode", "ssl-mode", "sslrootcert", "ssl-ca", "options", "application_name", "host", "port", "pgbouncer"];

/// `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite:///:memory:`.
pub(crate) fn parse_sqlite(rest: &str) -> Result<SqliteUrl> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !query.is_empty() {
        return Err(invalid("an SQLite URL takes no parameters"));
    }
    match path.strip_prefix("//").and_then(|path| path.strip_prefix('/')) {
        Some(":memory:") => Ok(SqliteUrl::Memory),
        Some("") | None => Err(invalid("an SQLite URL names a file: sqlite:///relative.db or sqlite:////absolute.db")),
        Some(path) => Ok(SqliteUrl::File(decode(path)?)),
    }
}

/// `//user:password@host:port/database?parameters`.
pub(crate) fn parse_server(rest: &str, default_port: u16) -> Result<ServerUrl> {
    let rest = rest.strip_prefix("//").ok_or_else(|| invalid("a database URL starts with scheme://"))?;
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = address.split_once('/').unwrap_or((address, ""));
    let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (decode(user)?, Some(decode(password)?)),
        None => (decode(login)?, None),
    };
    let (host, port) = split_port(host, default_port)?;
    let mut url = ServerUrl {
        host: if host.is_empty() { "localhost".to_owned() } else { host },
        port,
        user,
        password,
        database: decode(database)?,
        tls: Tls { mode: TlsMode::Prefer, root_certificate: None },
        options: None,
        application_name: None,
        pgbouncer: false,
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        parameter(&mut url, name, decode(value)?)?;
    }
    // As libpq has it: a named authority that is not asked would be a false sense of safety.
    if url.tls.mode == TlsMode::Require && url.tls.root_certificate.is_some() {
        url.tls.mode = TlsMode::VerifyCa;
    }
    Ok(url)
}

fn parameter(url: &mut ServerUrl, name: &str, value: String) -> Result<()> {
    match name {
        "sslmode" | "ssl-mode" => url.tls.mode = tls_mode(&value)?,
        "sslrootcert" | "ssl-ca" => url.tls.root_certificate = Some(value),
        "options" => url.options = Some(value),
        "application_name" => url.application_name = Some(value),
        "host" => url.host = value,
        "port" => url.port = port(&value)?,
        "pgbouncer" => {
            url.pgbouncer = match value.as_str() {
                "true" | "1" => true,
                "false" | "0" => false,
                _ => return Err(invalid("pgbouncer is true or false")),
            }
        }
        _ => {
            let error = invalid(format!("unknown URL parameter `{name}`"));
            return Err(match did_you_mean(name, PARAMETERS.iter().copied()) {
                Some(meant) => error.hint(format!("did you mean `{meant}`?")),
                None => error.hint(format!("the parameters are {}", PARAMETERS.join(", "))),
            });
        }
    }
    Ok(())
}

fn tls_mode(value: &str) -> Result<TlsMode> {
    match value.to_ascii_lowercase().replace('_', "-").as_str() {
        "disable" | "disabled" => Ok(TlsMode::Disable),
        "allow" | "prefer" | "preferred" => Ok(TlsMode::Prefer),
        "require" | "required" => Ok(TlsMode::Require),
        "verify-ca" => Ok(TlsMode::VerifyCa),
        "verify-full" | "verify-identity" => Ok(TlsMode::VerifyFull),
        _ => Err(invalid("sslmode is one of disable, prefer, require, verify-ca, verify-full")),
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn split_port(text: &str, default: u16) -> Result<(String, u16)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| invalid("an IPv6 host stands in [brackets]"))?;
        return Ok((host.to_owned(), rest.strip_prefix(':').map_or(Ok(default), port)?));
    }
    match text.rsplit_once(':') {
        Some((host, number)) => Ok((decode(host)?, port(number)?)),
        None => Ok((decode(text)?, default)),
    }
}

fn port(text: &str) -> Result<u16> {
    text.parse().ok().filter(|&port| port != 0).ok_or_else(|| invalid("a port is a number from 1 to 65535"))
}

/// Undoes percent-encoding (RFC 3986).
fn decode(text: &str) -> Result<String> {
    let bad = || invalid("a % in a URL is followed by two hexadecimal digits; write a literal % as %25");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let pair = [rest.next().ok_or_else(bad)?, rest.next().ok_or_else(bad)?];
        let digits = std::str::from_utf8(&pair).map_err(|_| bad())?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
    }
    String::from_utf8(bytes).map_err(|_| invalid("a URL is UTF-8"))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOption, message).path("url")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_a_server_url_is_read() {
        let url = parse_server(
            "//us%40er:p%3Aw%25@db.example:6432/shop?sslmode=verify-full&sslrootcert=/ca.pem&application_name=etl",
            5432,
        )
        .unwrap();
        assert_eq!((url.user.as_str(), url.password.as_deref()), ("us@er", Some("p:w%")));
        assert_eq!((url.host.as_str(), url.port, url.database.as_str()), ("db.example", 6432, "shop"));
        assert_eq!(url.tls, Tls { mode: TlsMode::VerifyFull, root_certificate: Some("/ca.pem".to_owned()) });
        let url = parse_server("//[::1]/x", 3306).unwrap();
        assert_eq!((url.host.as_str(), url.port), ("::1", 3306));
    }

    #[test]
    fn a_refusal_never_shows_the_password() {
        for rest in ["//u:secret%zz@h/d", "//u:secret@h:port/d", "//u:secret@h/d?sslmod=x", "//u:secret@h/d?sslmode=x"]
        {
            let error = parse_server(rest, 5432).err().unwrap();
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
            assert_eq!(error.kind(), ErrorKind::InvalidOption);
        }
    }

    #[test]
    fn sqlite_urls_name_a_file_or_memory() {
        assert_eq!(parse_sqlite("///a%20b.db").unwrap(), SqliteUrl::File("a b.db".to_owned()));
        assert_eq!(parse_sqlite("////abs.db").unwrap(), SqliteUrl::File("/abs.db".to_owned()));
        assert_eq!(parse_sqlite("///:memory:").unwrap(), SqliteUrl::Memory);
        assert!(parse_sqlite("//").is_err());
    }
}
