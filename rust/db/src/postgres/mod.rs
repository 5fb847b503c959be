//! What only PostgreSQL has: its wire formats, its COPY, its errors.

mod connector;
mod decode;
mod driver;
pub(crate) mod encode;
mod error;
mod link;
mod records;
mod tls;
mod wire_type;

pub(crate) use connector::PostgresConnector;
