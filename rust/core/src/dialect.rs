//! What differs between the databases in SQL. One file a database; all share [`statement`].

mod change;
mod condition;
mod direct;
mod form;
mod function;
mod include;
mod mysql;
mod pipeline;
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
mod tests_direct;
#[cfg(test)]
mod tests_lookup;
#[cfg(test)]
mod tests_operators;
#[cfg(test)]
mod tests_pipeline;
#[cfg(test)]
mod tests_relation;
#[cfg(test)]
mod tests_seek;
#[cfg(test)]
mod tests_stream;
#[cfg(test)]
mod tests_update;
mod write;

pub use condition::condition_text;
pub use direct::{SEQUENCE_LOCK, Told, compares};
pub use form::{
    BeginSteps, ForeignKeys, Isolation, KeyGenerator, KeyIndex, LongList, NestedRows, PartialIndex, Piece, PlanForm,
    PutForm, RowsForm, SchemaLock,
};
pub use function::{Functions, Unwound};
pub use mysql::{LONGEST_SORTED, Mysql};
pub use postgres::Postgres;
pub use sqlite::{
    HAS_ANY_FUNCTION, LIKE_FUNCTION, NUMBER_FUNCTION, REGEXP_FUNCTION, ROW_FUNCTION, ROWS_FUNCTION, Sqlite,
    calculation, decode_decimal, encode_decimal,
};
pub use staged::StagedPut;
pub use statement::{Param, ParamValue, Statement, TOTAL};
pub use table::{Target, add_columns, add_index, create_table, foreign_keys};
pub use write::takes_arrays;

use crate::error::{Error, Result};
use crate::filter::{JsonKey, JsonKind, NumberTest, Pattern};
use crate::schema::{ColumnSchema, Role, TENANT_COLUMN, TENANT_LENGTH, TableSchema, constraint_name};
pub use crate::types::Returned;
use crate::types::{FloatRules, LogicalType, render_decimal, render_list};
use crate::value::Value;

/// A database's way of writing SQL. A difference that is not SQL text is in `rust/db/src/<database>`.
pub trait Dialect: Functions + Send + Sync + 'static {
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

    /// The pattern in the database's own form: the texts that [`Dialect::matches`] compares a column with.
    fn pattern(&self, pattern: &Pattern) -> Vec<String>;

    /// The condition that `column` meets the pattern whose own form is `operands`, which stand behind it.
    fn matches(&self, pattern: &Pattern, column: &str, operands: &[String]) -> String;

    /// The sign of an equality that null has with null, and with nothing else.
    fn null_safe_equal(&self) -> &'static str;

    /// The condition that `column` is in a list which is one parameter, and that list; None where there is no such.
    /// `changes` tells that the statement writes.
    ///
    /// # Errors
    /// `Internal` for values that are not of the type.
    fn in_json(&self, list: &LongList<'_>) -> Result<Option<(String, String)>>;

    /// How many items a list has.
    fn list_size(&self, column: &str) -> String;

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

    /// The condition that a JSON value is of a kind.
    fn json_is(&self, value: &str, kind: JsonKind) -> String;

    /// The text that a JSON string stands for, compared by its bytes.
    fn json_text(&self, value: &str) -> String;

    /// How many items a list in JSON has.
    fn json_size(&self, value: &str) -> String;

    /// The condition that a JSON value is a number that compares so.
    fn json_number(&self, test: &NumberTest) -> Vec<Piece>;

    /// A source of rows, one for each item of a list, for the `number`-th of them in a statement, and an item in it.
    /// The value is a list of ours, or a list in JSON.
    fn items(&self, value: &str, is_json: bool, number: usize) -> (String, String);

    /// The rows of a query as one value, in a form that this database's driver reads: each value comes as exact as it does
    /// in a column of its own.
    fn nested(&self, rows: &NestedRows<'_>) -> String;

    /// The condition that a JSON value is one of others.
    fn json_is_one_of(&self, value: &str, operands: &[String]) -> String {
        format!("{value} IN ({})", operands.join(", "))
    }

    /// A column of numbers plus an amount; null is the amount. A result that the column does not hold is an error.
    fn plus(&self, _ty: &LogicalType, column: &str, amount: &str) -> String {
        format!("coalesce({column}, 0) + {amount}")
    }

    /// A column of ints or decimals times a whole factor; null is 0. A result that the column does not hold is an error.
    fn times(&self, _ty: &LogicalType, column: &str, factor: &str) -> String {
        format!("coalesce({column}, 0) * {factor}")
    }

    /// An expression of bits as an int of 64 of them with a sign.
    fn bits(&self, expression: &str) -> String {
        expression.to_owned()
    }

    /// What [`Dialect::appended`] puts behind a list, each with its type: the items as they follow others, and as a list.
    ///
    /// # Errors
    /// `Internal` for values that are not items of the type.
    fn append_operands(
        &self,
        ty: &LogicalType,
        items: &[Value<'static>],
    ) -> Result<Vec<(LogicalType, Value<'static>)>> {
        let list = list_text(ty, items)?;
        let inner = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or_default().to_owned();
        let text = |text: String| (LogicalType::Text { max_length: None }, Value::Text(text.into()));
        Ok(vec![text(inner), text(list)])
    }

    /// A list with the operands behind its items; null is an empty one.
    fn appended(&self, column: &str, operands: &[String]) -> String;

    /// Whether `(a, b) > (1, 2)` is a range of an index: MariaDB goes through the whole table for it.
    fn seeks_by_rows(&self) -> bool {
        true
    }

    /// Whether a transaction can read a query's rows some at a time, beside other statements (`DECLARE`, `FETCH`).
    fn has_cursors(&self) -> bool {
        false
    }

    /// What makes a query tell its whole plan, and the columns that come then; `analyze` has it run. None where the
    /// database has no such words.
    fn plan_of(&self, analyze: bool) -> Option<PlanForm>;

    /// What makes a query tell its plan in one text; None where that has no number of rows in it.
    fn explain(&self) -> Option<&'static str> {
        None
    }

    /// The rows that a plan expects, as [`Dialect::explain`] gave it.
    fn expected_rows(&self, _plan: &str) -> Option<i64> {
        None
    }

    /// What makes null the smallest value, as it is in MongoDB.
    fn null_is_smallest(&self, descending: bool) -> &'static str;

    /// The characters or bytes of a value that rows are sorted by, where the rest of it is not looked at.
    fn longest_sorted(&self) -> Option<usize> {
        None
    }

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

    /// Stores a key (first parameter) and its value (second) in `dataflow_meta`, unless it is there.
    fn add_meta(&self, name: &str) -> String {
        let [key, value] = ["key", "value"].map(|column| self.quote(column));
        let text = LogicalType::Text { max_length: None };
        let [first, second] = [1, 2].map(|number| self.placeholder(number, &text));
        format!("INSERT INTO {name} ({key}, {value}) VALUES ({first}, {second}) ON CONFLICT ({key}) DO NOTHING")
    }

    /// Lists a table's columns: name, reported type, nullable (0 or 1), with the table's name as the one parameter.
    fn columns_query(&self, namespace: Option<&str>) -> String;

    /// Lists the columns of a table's unique indexes, the key's among them: index, column ("" for an expression or a
    /// part of a column), and whether only some rows are in it (0 or 1), with the table's name as the one parameter.
    fn unique_query(&self, namespace: Option<&str>) -> String;

    /// Counts what keeps statements from deciding for the rows of a table; None where none does. First the triggers
    /// that leave rows out before they are written, or that see rows which are there as new ones; then the unique
    /// indexes beside the key, and a key that takes different values for the same.
    fn obstacles_query(&self, _table: &TableSchema) -> Option<String> {
        None
    }

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

    /// Keeps others out of a table until the transaction ends; None where the transaction itself does.
    fn lock_table(&self, _table: &str) -> Option<String> {
        None
    }

    /// Lists what drops each index that can be dropped and made again with nothing else noticing, and what makes it
    /// again as it was, in the order of their making. The table's name as `qualified_table` and as `table_name` has it
    /// are the parameters; None where a transaction takes no index back.
    fn droppable_query(&self) -> Option<&'static str> {
        None
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

    /// Whether one statement can decide for many rows what becomes of each: it compares them with the stored ones as
    /// [`crate::merge`] does, and tells which of them are new.
    fn decides_rows(&self) -> bool {
        false
    }

    /// Whether the count the server tells of a put can be that of `rows` rows, all of which were there.
    fn rows_put(&self, told: u64, rows: u64) -> bool {
        told == rows
    }

    /// Whether values of two columns of a type differ, to the byte and whatever the columns' own collation.
    fn differs(&self, ty: &LogicalType, left: &str, right: &str) -> String {
        let _ = ty;
        format!("{left} IS DISTINCT FROM {right}")
    }

    /// Columns compared with a list of rows: `(a, b) IN (…)`.
    fn row_list(&self, rows: &[String]) -> String {
        format!("(VALUES {})", rows.join(", "))
    }
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

/// Documents as the texts that their columns hold.
fn as_texts(documents: &[Value<'static>]) -> Vec<Value<'static>> {
    let text = |document: &Value<'static>| match document {
        Value::Json(text) => Value::Text(text.clone()),
        other => other.clone(),
    };
    documents.iter().map(text).collect()
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
