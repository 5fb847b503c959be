//! What differs between the databases in SQL. One file a database; all share [`statement`].

mod condition;
mod mysql;
mod postgres;
mod selection;
mod sqlite;
mod staged;
mod statement;
mod table;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_comment;
#[cfg(test)]
mod tests_condition;
#[cfg(test)]
mod tests_stream;
mod write;

pub use condition::condition_text;
pub use mysql::Mysql;
pub use postgres::Postgres;
pub use sqlite::{HAS_ANY_FUNCTION, REGEXP_FUNCTION, Sqlite, decode_decimal, encode_decimal};
pub use statement::{Param, ParamValue, Returned, Statement};
pub use table::{Target, add_columns, create_table, foreign_keys};
pub use write::takes_arrays;

use crate::error::{Error, Result};
use crate::filter::{JsonKey, Pattern};
use crate::schema::{ColumnSchema, Role, TENANT_COLUMN, TENANT_LENGTH, TableSchema, constraint_name};
use crate::types::{FloatRules, LogicalType, render_decimal, render_list};
use crate::value::Value;

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

    /// How a statement takes many values or rows.
    fn rows_form(&self) -> RowsForm;

    /// A value of a column of type `ty` as SQL text, read back as exactly the same value.
    ///
    /// Sessions have the server's usual reading of backslashes: `standard_conforming_strings` on PostgreSQL is left
    /// open, `NO_BACKSLASH_ESCAPES` on MariaDB is off.
    ///
    /// # Errors
    /// `Internal` for a value that is not of the type.
    fn literal(&self, ty: &LogicalType, value: &Value<'_>) -> Result<String>;

    /// The pattern in the database's own form: what [`Dialect::matches`] compares a column with.
    fn pattern(&self, pattern: &Pattern) -> String;

    /// The condition that `column` meets the pattern whose own form is `operand`.
    fn matches(&self, pattern: &Pattern, column: &str, operand: &str) -> String;

    /// What [`Dialect::has_any`] compares a column of lists with, each with its type.
    ///
    /// # Errors
    /// `Internal` for values that are not items of the type.
    fn has_operands(&self, ty: &LogicalType, values: &[Value<'static>]) -> Result<Vec<(LogicalType, Value<'static>)>> {
        Ok(vec![(ty.clone(), Value::List(values.to_vec()))])
    }

    /// The condition that a list has one of the items in `operands`.
    fn has_any(&self, ty: &LogicalType, column: &str, operands: &[String]) -> String;

    /// The texts that [`Dialect::json_at`] takes for these keys.
    fn json_path(&self, keys: &[JsonKey]) -> Vec<String> {
        let keys: Vec<_> = keys.iter().map(|key| format!(".{}", key.quoted())).collect();
        vec![format!("${}", keys.concat())]
    }

    /// What lies in a document at a path: null only where nothing does.
    fn json_at(&self, column: &str, path: &[String]) -> String;

    /// The condition that a JSON value is an object.
    fn json_is_object(&self, value: &str) -> String;

    /// The condition that a JSON value is one of others.
    fn json_is_one_of(&self, value: &str, operands: &[String]) -> String {
        format!("{value} IN ({})", operands.join(", "))
    }

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
    fn columns_query(&self, namespace: Option<&str>) -> String;

    /// Lists the columns of a table's unique indexes, the key's among them: index, column ("" for an expression or a
    /// part of a column), and whether only some rows are in it (0 or 1), with the table's name as the one parameter.
    fn unique_query(&self, namespace: Option<&str>) -> String;

    fn qualified(&self, table: &str) -> String {
        format!("{}.{}", self.quote(self.namespace()), self.quote(table))
    }

    /// The table's own name: SQLite has no schemas, so there the schema is a part of it.
    fn table_name(&self, table: &TableSchema) -> String {
        table.table.clone()
    }

    /// The table as every statement names it.
    fn qualified_table(&self, table: &TableSchema) -> String {
        let namespace = table.namespace.as_deref().unwrap_or_else(|| self.namespace());
        format!("{}.{}", self.quote(namespace), self.quote(&self.table_name(table)))
    }

    /// What the database calls the primary key in its errors.
    fn key_constraint(&self, table: &TableSchema) -> String {
        constraint_name("pk", &table.table, "key")
    }

    /// The table as a foreign key names it.
    fn referenced_table(&self, table: &TableSchema) -> String {
        self.qualified_table(table)
    }

    /// An index and its table, as `CREATE INDEX … ON …` names them.
    fn index_on(&self, table: &TableSchema, index: &str) -> (String, String) {
        (self.quote(index), self.qualified_table(table))
    }

    /// Makes the schema that a model names; None where there are none.
    fn create_namespace(&self, namespace: &str) -> Option<String>;

    /// Counts the schemas of a name, which is the one parameter.
    fn namespace_query(&self) -> &'static str {
        "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?"
    }

    /// How an index over some of the rows is made.
    fn partial_index(&self) -> PartialIndex;

    /// How foreign keys come to a table.
    fn foreign_keys(&self) -> ForeignKeys;

    /// Bounds how long the transaction that makes tables waits for locks of others, and undoes that.
    fn bound_locks(&self) -> Option<[&'static str; 2]> {
        None
    }

    /// A statement that makes or changes a table, bounded where the transaction cannot be.
    fn bounded(&self, sql: &str) -> String {
        sql.to_owned()
    }

    /// What makes a query lock the rows it reads until the transaction ends.
    fn lock_rows(&self) -> &'static str;

    /// The statements that open a transaction which reads rows, decides, and writes them.
    fn begin_change(&self) -> Vec<String> {
        vec![self.begin(None, false).begin]
    }

    /// The statement behind which new rows come in a stream.
    fn copy_from(&self, table: &str, columns: &str) -> String {
        format!("COPY {table} ({columns}) FROM STDIN (FORMAT binary)")
    }

    /// Settings of a transaction in which rows named by a sole key are reached through its index alone, and so in the
    /// order of the keys; None where they are anyway.
    fn by_key_only(&self) -> Option<&'static str> {
        None
    }

    /// How rows that are there are written by key.
    fn put_form(&self) -> PutForm;

    /// Whether the count the server tells of a put can be that of `rows` rows, all of which were there.
    fn rows_put(&self, told: u64, rows: u64) -> bool {
        told == rows
    }

    /// Columns compared with a list of rows: `(a, b) IN (…)`.
    fn row_list(&self, rows: &[String]) -> String {
        format!("(VALUES {})", rows.join(", "))
    }
}

/// How a statement takes many values or rows: those of a list, keys to look for, rows to put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowsForm {
    /// A parameter for each value: `IN ($1, $2)`, `(VALUES ($1, $2), …)`.
    Parameters,
    /// An array parameter for each column: `= ANY($1)`, `unnest($1, $2)`. The text is the same for any number of rows.
    Arrays,
}

/// How rows are changed to values of their own, found by their key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutForm {
    /// `UPDATE … FROM` rows in the dialect's [`RowsForm`]; in parameters where there are no arrays of a column.
    FromRows,
    /// `INSERT … ON DUPLICATE KEY UPDATE` of whole rows that are known to be there.
    ///
    /// It finds the row by the first unique index, which is the primary key; a clash in another one is an error.
    OnDuplicateKey,
    /// A one-row `UPDATE`, stepped.
    Stepped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialIndex {
    Where,
    /// A generated column that is null outside it; an index that is not unique has all rows.
    GeneratedColumn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignKeys {
    /// Added when their tables are there.
    Added,
    /// Part of the table, which may name one that is not there yet.
    Inside,
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
        role: Role::Field,
    }
}

/// The digits of a decimal of type `ty`.
fn decimal_text(ty: &LogicalType, digits: i128) -> Result<String> {
    match ty {
        LogicalType::Decimal { scale, .. } => Ok(render_decimal(digits, *scale)),
        _ => Err(Error::internal("a decimal without its scale")),
    }
}

/// A list of type `ty` as JSON.
fn list_text(ty: &LogicalType, values: &[Value<'_>]) -> Result<String> {
    match ty {
        LogicalType::List { item } => render_list(item, values),
        _ => Err(Error::internal("a list without the type of its items")),
    }
}

/// What is ASCII by its making.
fn ascii(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The columns a table has in the database, the tenant's first.
pub fn physical_columns(table: &TableSchema) -> Vec<ColumnSchema> {
    let tenant = table.multi_tenant.then(tenant_column);
    tenant.into_iter().chain(table.columns.iter().cloned()).collect()
}
