//! MariaDB and MySQL by `mysql_async`: one connection carries transactions, bulk loads and the ledger.

mod connector;
mod decode;
mod dial;
mod driver;
mod encode;
mod error;
mod infile;
mod nested;
mod text;

pub(crate) use connector::MysqlConnector;
