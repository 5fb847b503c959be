//! What differs between the databases in SQL. One file a database; all share [`statement`].

mod mysql;
mod postgres;
mod sqlite;
mod statement;
#[cfg(test)]
mod tests;

pub use mysql::Mysql;
pub use postgres::Postgres;
pub use sqlite::{Sqlite, decode_decimal, encode_decimal};
pub use statement::{Param, ParamValue, Returned, Statement};

use crate::schema::{ColumnSchema, TENANT_COLUMN, TENANT_LENGTH, TableSchema, constraint_name};
use crate::types::{FloatRules, LogicalType};

/// A database's way of writing SQL. A difference that is not SQL text is in `rust/db/src/<database>`.
pub trait Dialect: Send + Sync + 'static {
    /// `postgres`, `mysql` or `sqlite`.
    fn name(&self) -> &'static str;

    /// Schema (PostgreSQL), database (MariaDB) or attached file (SQLite) that every statement names.
    fn namespace(&self) -> &str;

    fn floats(&self) -> FloatRules;

    /// Most parameters in one statement.
    fn max_parameters(&self) -> usize;

    /// The identifier between the database's quotes.
    fn quote(&self, identifier: &str) -> String;

    /// The `number`-th parameter (from 1) where it is compared with a column of type `ty`.
    fn placeholder(&self, number: usize, ty: &LogicalType) -> String;

    /// Whether a list is one array parameter (`= ANY($1)`) or a parameter each.
    fn array_parameters(&self) -> bool;

    /// What makes null the smallest value, as it is in MongoDB.
    fn null_is_smallest(&self, descending: bool) -> &'static str;

    /// The column's type, as `CREATE TABLE` takes it.
    fn column_type(&self, ty: &LogicalType) -> String;

    /// The column's type, as the database's catalogue reports it.
    fn reported_type(&self, ty: &LogicalType) -> String;

    /// The catalogue's text of a type, freed from what differs between versions of a server.
    fn normalise_reported(&self, reported: &str) -> String {
        reported.to_ascii_lowercase()
    }

    /// The condition a column's values must meet beyond its type.
    fn column_check(&self, column: &ColumnSchema) -> Option<String>;

    /// What makes the key column give its own values; "" where the whole definition is `sole_key`.
    fn automatic_key(&self) -> &'static str;

    /// A key column that is primary key all by itself (SQLite's rowid), where the dialect needs it.
    fn sole_automatic_key(&self, _table: &TableSchema) -> Option<String> {
        None
    }

    /// How the key column keeps above given values and fills in missing ones.
    fn key_generator(&self) -> KeyGenerator;

    /// The index an automatic column behind a tenant needs of its own.
    fn automatic_key_index(&self) -> KeyIndex;

    /// What follows the closing parenthesis of `CREATE TABLE`.
    fn table_options(&self) -> &'static str;

    /// The statements that open a transaction.
    fn begin(&self, isolation: Option<Isolation>, read_only: bool) -> BeginSteps;

    /// How processes take turns in making tables.
    fn schema_lock(&self) -> SchemaLock;

    /// Makes `dataflow_meta(key, value)`, where DataFlow keeps what it must know.
    fn create_meta(&self, name: &str) -> String {
        let text = self.column_type(&LogicalType::Text { max_length: Some(255) });
        format!(
            "CREATE TABLE {name} ({} {text} NOT NULL PRIMARY KEY, {} {text} NOT NULL){}",
            self.quote("key"),
            self.quote("value"),
            self.table_options()
        )
    }

    /// Stores a key (first parameter) and its value (second) in `dataflow_meta`, over an older value.
    fn put_meta(&self, name: &str) -> String {
        let [key, value] = ["key", "value"].map(|column| self.quote(column));
        let text = LogicalType::Text { max_length: None };
        format!(
            "INSERT INTO {name} ({key}, {value}) VALUES ({}, {}) ON CONFLICT ({key}) DO UPDATE SET {value} = excluded.{value}",
            self.placeholder(1, &text),
            self.placeholder(2, &text)
        )
    }

    /// Lists a table's columns: name, reported type, nullable (0 or 1), with the table's name as the one parameter.
    fn columns_query(&self) -> String;

    fn qualified(&self, table: &str) -> String {
        format!("{}.{}", self.quote(self.namespace()), self.quote(table))
    }

    fn create_table(&self, table: &TableSchema) -> Vec<String> {
        create_table(self, table)
    }

    fn add_column(&self, table: &TableSchema, column: &ColumnSchema) -> String {
        format!("ALTER TABLE {} ADD COLUMN {}", self.qualified(&table.table), self.column_definition(column, None))
    }

    /// `"name" type [NOT NULL]` with the check of the column.
    fn column_definition(&self, column: &ColumnSchema, table: Option<&TableSchema>) -> String {
        let automatic = table.is_some_and(|t| t.automatic_key && t.key_column().name == column.name);
        let mut sql = format!("{} {}", self.quote(&column.name), self.column_type(&column.ty));
        if !column.nullable {
            sql.push_str(" NOT NULL");
        }
        if automatic {
            sql.push_str(self.automatic_key());
        }
        sql
    }
}

/// Isolation levels of the SQL standard, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Isolation {
    pub const fn sql(self) -> &'static str {
        match self {
            Isolation::ReadUncommitted => "READ UNCOMMITTED",
            Isolation::ReadCommitted => "READ COMMITTED",
            Isolation::RepeatableRead => "REPEATABLE READ",
            Isolation::Serializable => "SERIALIZABLE",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        use Isolation::{ReadCommitted, ReadUncommitted, RepeatableRead, Serializable};
        let levels = [ReadUncommitted, ReadCommitted, RepeatableRead, Serializable];
        levels.into_iter().find(|level| level.sql().eq_ignore_ascii_case(text))
    }
}

/// How a database gives automatic keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyGenerator {
    /// By itself, beside given values too.
    Column,
    /// By a sequence that given values do not move, and that takes no null.
    Sequence,
    /// By itself for a sole key; behind a tenant not at all, so that we count.
    SoleColumn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIndex {
    None,
    /// Inside the table's definition, which would be refused without it.
    Inside,
    Separate,
}

/// A lock over the whole schema.
pub struct SchemaLock {
    /// Whether making a table is one transaction, which then ends the lock.
    pub in_transaction: bool,
    /// Tries to take the lock and returns 1 when it has it; None where the transaction itself is the lock.
    pub acquire: Option<String>,
    pub release: Option<String>,
}

/// How a transaction is opened.
pub struct BeginSteps {
    /// Sets the level for the session, where `begin` cannot carry it, and the statement that undoes it.
    pub session_isolation: Option<(String, &'static str)>,
    pub begin: String,
    /// Reads the level back; None where there is only SERIALIZABLE.
    pub report: Option<String>,
}

/// The tenant column as every dialect defines it.
pub fn tenant_column() -> ColumnSchema {
    ColumnSchema {
        name: TENANT_COLUMN.to_owned(),
        ty: LogicalType::Text { max_length: Some(TENANT_LENGTH) },
        nullable: false,
        default: None,
    }
}

/// The columns a table has in the database, the tenant's first.
pub fn physical_columns(table: &TableSchema) -> Vec<ColumnSchema> {
    let tenant = table.multi_tenant.then(tenant_column);
    tenant.into_iter().chain(table.columns.iter().cloned()).collect()
}

/// The statements that make the table and its indexes, in order.
fn create_table<D: Dialect + ?Sized>(dialect: &D, table: &TableSchema) -> Vec<String> {
    let columns = physical_columns(table);
    let sole_key = dialect.sole_automatic_key(table);
    let mut lines: Vec<String> = columns
        .iter()
        .map(|column| match &sole_key {
            Some(definition) if column.name == table.key_column().name => definition.clone(),
            _ => dialect.column_definition(column, Some(table)),
        })
        .collect();
    if sole_key.is_none() {
        let key: Vec<_> = table.physical_key().into_iter().map(|name| dialect.quote(name)).collect();
        lines.push(format!(
            "CONSTRAINT {} PRIMARY KEY ({})",
            dialect.quote(&constraint_name("pk", &table.table, "key")),
            key.join(", ")
        ));
    }
    for column in &columns {
        if let Some(check) = dialect.column_check(column) {
            lines.push(format!(
                "CONSTRAINT {} CHECK ({check})",
                dialect.quote(&constraint_name("ck", &table.table, &column.name))
            ));
        }
    }
    let key_index =
        if table.automatic_key && table.multi_tenant { dialect.automatic_key_index() } else { KeyIndex::None };
    let key_name = dialect.quote(&table.key_column().name);
    let index_name = constraint_name("ix", &table.table, &table.key_column().name);
    if key_index == KeyIndex::Inside {
        lines.push(format!("KEY {} ({key_name})", dialect.quote(&index_name)));
    }
    let name = dialect.qualified(&table.table);
    let mut statements =
        vec![format!("CREATE TABLE {name} (\n  {}\n){}", lines.join(",\n  "), dialect.table_options())];
    if key_index == KeyIndex::Separate {
        let index = dialect.qualified(&index_name);
        statements.push(format!("CREATE INDEX {index} ON {} ({key_name})", dialect.quote(&table.table)));
    }
    statements
}
