//! MariaDB 10.11 and MySQL 8.

mod explain;
mod function;
mod list;
mod nested;
mod number;
mod pattern;

use super::{
    BeginSteps, Dialect, ForeignKeys, Isolation, KeyGenerator, KeyIndex, LongList, NestedRows, PartialIndex, Piece,
    PlanForm, PutForm, RowsForm, SchemaLock, as_texts, ascii, decimal_text, list_text,
};
use crate::error::{Error, Result};
use crate::filter::{JsonKind, NumberTest, Pattern};
use crate::schema::{ColumnSchema, TableSchema, hex};
use crate::types::{
    FloatRules, LogicalType, WALL_WIDTH, render_date, render_datetime, render_item, render_list, render_time,
};
use crate::value::Value;

/// A character takes up to four bytes of `max_sort_length`, which sessions set to 16,384. Its default of 1,024 leaves rows
/// in any order that differ further behind; fifteen sort keys must fit into `sort_buffer_size`, by default 2 MiB.
pub const LONGEST_SORTED: usize = 4_000;

#[derive(Clone, Debug)]
pub struct Mysql {
    pub database: String,
    pub mariadb: bool,
    /// With a binary log of statements InnoDB refuses writes under READ COMMITTED.
    pub statement_log: bool,
    /// Whether REPEATABLE READ can be made to refuse a write to a row that changed since it was read
    /// (`innodb_snapshot_isolation`); without that it loses updates.
    pub snapshot_isolation: bool,
    /// The file that `LOAD DATA LOCAL` names: nobody's, the rows of the statement stand for it.
    pub infile: String,
}

impl Mysql {
    /// The collation of our columns.
    const fn collation(&self) -> &'static str {
        if self.mariadb { "utf8mb4_nopad_bin" } else { "utf8mb4_0900_bin" }
    }

    /// Many items are compared with a table of the list's. MariaDB makes it of their own text, MySQL would write
    /// numbers anew.
    const fn has_by_table(&self, items: usize) -> bool {
        self.mariadb && items > 1
    }
}

/// Whether JSON writes the items of a list without quotes.
fn is_bare(list: &LogicalType) -> bool {
    use LogicalType::{Bool, Duration, Float, Int, List};
    matches!(list, List { item } if matches!(**item, Bool | Int | Float | Duration))
}

impl Dialect for Mysql {
    fn name(&self) -> &'static str {
        "mysql"
    }

    fn namespace(&self) -> &str {
        &self.database
    }

    fn floats(&self) -> FloatRules {
        FloatRules { nan: false, infinity: false }
    }

    fn max_parameters(&self) -> usize {
        65_535
    }

    fn quote(&self, identifier: &str) -> String {
        format!("`{}`", identifier.replace('`', "``"))
    }

    fn placeholder(&self, _number: usize, ty: &LogicalType) -> String {
        match ty {
            // A decimal travels as text, and a decimal is compared with text as two doubles.
            LogicalType::Decimal { precision, scale } => format!("CAST(? AS DECIMAL({precision},{scale}))"),
            _ => "?".to_owned(),
        }
    }

    fn rows_form(&self) -> RowsForm {
        RowsForm::Parameters
    }

    fn literal(&self, ty: &LogicalType, value: &Value<'_>) -> Result<String> {
        Ok(match value {
            Value::Null => "NULL".to_owned(),
            Value::Bool(v) => u8::from(*v).to_string(),
            Value::Int(v) | Value::Duration(v) => v.to_string(),
            // The exponent makes it a double and no decimal.
            Value::Float(v) => format!("{v:e}"),
            Value::Decimal(v) => decimal_text(ty, *v)?,
            Value::Text(v) | Value::Json(v) => quote_text(v),
            Value::List(values) => quote_text(&list_text(ty, values)?),
            Value::Bytes(v) => format!("X'{}'", hex(v)),
            Value::Uuid(v) => format!("X'{}'", hex(v)),
            Value::Instant(us) | Value::WallTime(us) => {
                format!("TIMESTAMP'{}'", ascii(&render_datetime(*us)[..WALL_WIDTH]).replace('T', " "))
            }
            Value::Date(days) => format!("DATE'{}'", ascii(&render_date(*days))),
            Value::Time(us) => format!("TIME'{}'", ascii(&render_time(*us))),
        })
    }

    fn pattern(&self, pattern: &Pattern) -> Vec<String> {
        vec![match pattern {
            Pattern::Like(like) if like.folds() => self.folded(like),
            Pattern::Like(like) => like.render_escaped(),
            Pattern::Regex(regex) => self.searched(regex),
        }]
    }

    fn matches(&self, pattern: &Pattern, column: &str, operands: &[String]) -> String {
        match pattern {
            Pattern::Like(like) if !like.folds() => format!("{column} LIKE {}", operands.concat()),
            _ => format!("{column} REGEXP {}", operands.concat()),
        }
    }

    fn null_safe_equal(&self) -> &'static str {
        "<=>"
    }

    /// A list in a statement that writes is looked through for each row of the table: such a list is refused instead.
    fn in_json(&self, list: &LongList<'_>) -> Result<Option<(String, String)>> {
        let LongList { column, ty, values, placeholder, changes } = list;
        if *changes {
            return Ok(None);
        }
        let text = format!("longtext COLLATE {}", self.collation());
        let (path, value) = match ty {
            LogicalType::Bytes | LogicalType::Uuid => (text, "UNHEX(REPLACE(dataflow_value, '-', ''))"),
            // The text of an instant ends with its zone.
            LogicalType::Instant | LogicalType::WallTime => (text, "CAST(LEFT(dataflow_value, 26) AS datetime(6))"),
            LogicalType::Text { .. } | LogicalType::Choice { .. } | LogicalType::Json => (text, "dataflow_value"),
            ty => (self.reported_type(ty), "dataflow_value"),
        };
        let condition = format!(
            "{column} IN (SELECT {value} FROM JSON_TABLE({placeholder}, '$[*]' COLUMNS (dataflow_value {path} \
             PATH '$')) AS dataflow_values)"
        );
        let texts = match ty {
            LogicalType::Json => render_list(&LogicalType::Text { max_length: None }, &as_texts(values))?,
            ty => render_list(ty, values)?,
        };
        Ok(Some((condition, texts)))
    }

    fn list_size(&self, column: &str) -> String {
        format!("JSON_LENGTH({column})")
    }

    fn has_operands(&self, ty: &LogicalType, values: &[Value<'static>]) -> Result<Vec<(LogicalType, Value<'static>)>> {
        let LogicalType::List { item } = ty else {
            return Err(Error::internal("a list without the type of its items"));
        };
        let text = |value: &Value<'_>| match self.has_by_table(values.len()) {
            true => value.to_key_text(item),
            false if is_bare(ty) => Ok(format!(",{},", render_item(item, value)?)),
            false => render_item(item, value),
        };
        values
            .iter()
            .map(|value| Ok((LogicalType::Text { max_length: None }, Value::Text(text(value)?.into()))))
            .collect()
    }

    /// JSON functions compare numbers as doubles, where 2^53 + 1 is 2^53: what has no quotes is looked for in the text.
    fn has_any(&self, ty: &LogicalType, column: &str, operands: &[String]) -> String {
        if self.has_by_table(operands.len()) {
            return format!(
                "EXISTS (SELECT 1 FROM JSON_TABLE({column}, '$[*]' COLUMNS (dataflow_item longtext \
                 COLLATE utf8mb4_nopad_bin PATH '$')) AS dataflow_items WHERE dataflow_item IN ({}))",
                operands.join(", ")
            );
        }
        let has = |operand| match is_bare(ty) {
            true => format!("INSTR(REPLACE(REPLACE({column}, '[', ','), ']', ','), {operand}) > 0"),
            false => format!("JSON_CONTAINS({column}, {operand})"),
        };
        operands.iter().map(has).collect::<Vec<_>>().join(" OR ")
    }

    fn json_at(&self, column: &str, path: &[String]) -> String {
        format!("JSON_EXTRACT({column}, {})", path.concat())
    }

    fn json_is(&self, value: &str, kind: JsonKind) -> String {
        let names = match kind {
            JsonKind::Object => "= 'OBJECT'",
            JsonKind::List => "= 'ARRAY'",
            JsonKind::Text => "= 'STRING'",
            JsonKind::Number => "IN ('INTEGER', 'DOUBLE')",
            JsonKind::Bool => "= 'BOOLEAN'",
            JsonKind::Null => "= 'NULL'",
        };
        format!("JSON_TYPE({value}) {names}")
    }

    /// JSON functions give a collation that ignores blanks at the end.
    fn json_text(&self, value: &str) -> String {
        format!("JSON_UNQUOTE({value}) COLLATE {}", self.collation())
    }

    fn json_size(&self, value: &str) -> String {
        format!("JSON_LENGTH({value})")
    }

    fn json_number(&self, test: &NumberTest) -> Vec<Piece> {
        self.number(test)
    }

    fn items(&self, value: &str, _is_json: bool, number: usize) -> (String, String) {
        let item = format!("dataflow_item{number}");
        let rows = format!("JSON_TABLE({value}, '$[*]' COLUMNS ({item} json PATH '$')) AS dataflow_items{number}");
        (rows, item)
    }

    fn nested(&self, rows: &NestedRows<'_>) -> String {
        self.nested_text(rows)
    }

    /// MariaDB's JSON is text, and ours is canonical but for the blanks that JSON_EXTRACT puts in. CONCAT makes it
    /// plain: a JSON value is compared with a text by what is between its quotes.
    fn json_is_one_of(&self, value: &str, operands: &[String]) -> String {
        if self.mariadb {
            return format!("CONCAT(JSON_COMPACT({value}), '') IN ({})", operands.join(", "));
        }
        let found: Vec<_> = operands.iter().map(|operand| format!("{value} = CAST({operand} AS JSON)")).collect();
        format!("({})", found.join(" OR "))
    }

    /// Bits have no sign here.
    fn bits(&self, expression: &str) -> String {
        format!("CAST({expression} AS SIGNED)")
    }

    /// As text: MariaDB's functions on JSON write a list anew, in another form.
    fn appended(&self, column: &str, operands: &[String]) -> String {
        let [inner, list] = [0, 1].map(|at| operands.get(at).map_or("", String::as_str));
        format!(
            "CASE WHEN JSON_LENGTH({column}) > 0 THEN CONCAT(LEFT({column}, CHAR_LENGTH({column}) - 1), ',', {inner}, ']') \
             ELSE {list} END"
        )
    }

    fn seeks_by_rows(&self) -> bool {
        false
    }

    /// MySQL tells what it did as a text only.
    fn plan_of(&self, analyze: bool) -> Option<PlanForm> {
        let words = if analyze { "ANALYZE FORMAT=JSON " } else { "EXPLAIN FORMAT=JSON " };
        let form = PlanForm { words, is_json: true, counts_rows: false, look: None };
        (self.mariadb || !analyze).then_some(form)
    }

    fn explain(&self) -> Option<&'static str> {
        Some("EXPLAIN FORMAT=JSON ")
    }

    fn expected_rows(&self, plan: &str) -> Option<i64> {
        explain::expected_rows(plan)
    }

    fn null_is_smallest(&self, _descending: bool) -> &'static str {
        ""
    }

    fn longest_sorted(&self) -> Option<usize> {
        Some(LONGEST_SORTED)
    }

    fn column_type(&self, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Bool => "boolean".to_owned(),
            ty => self.reported_type(ty),
        }
    }

    fn reported_type(&self, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Bool => "tinyint(1)".to_owned(),
            LogicalType::Int | LogicalType::Duration => "bigint".to_owned(),
            LogicalType::Float => "double".to_owned(),
            LogicalType::Decimal { precision, scale } => format!("decimal({precision},{scale})"),
            // JSON as text: MariaDB's `json` is that, MySQL's would sort the keys and round the numbers.
            LogicalType::Text { max_length: None }
            | LogicalType::List { .. }
            | LogicalType::Json
            | LogicalType::Rows(_) => "longtext".to_owned(),
            LogicalType::Text { max_length: Some(length) } => format!("varchar({length})"),
            LogicalType::Bytes => "longblob".to_owned(),
            LogicalType::Uuid => "binary(16)".to_owned(),
            LogicalType::Instant | LogicalType::WallTime => "datetime(6)".to_owned(),
            LogicalType::Date => "date".to_owned(),
            LogicalType::Time => "time(6)".to_owned(),
            LogicalType::Choice { values } => {
                let longest = values.iter().map(|value| value.chars().count()).max();
                format!("varchar({})", longest.unwrap_or(0).max(1))
            }
        }
    }

    fn normalise_reported(&self, reported: &str) -> String {
        // MariaDB reports a display width that MySQL 8 has dropped.
        reported.to_ascii_lowercase().replace("bigint(20)", "bigint")
    }

    fn column_check(&self, column: &ColumnSchema) -> Option<String> {
        let name = self.quote(&column.name);
        match &column.ty {
            LogicalType::Bool => Some(format!("{name} IN (0, 1)")),
            LogicalType::Choice { values } => Some(format!("{name} IN ({})", literals(values))),
            LogicalType::List { .. } | LogicalType::Json => Some(format!("json_valid({name})")),
            _ => None,
        }
    }

    fn automatic_key(&self) -> &'static str {
        " AUTO_INCREMENT"
    }

    fn key_generator(&self) -> KeyGenerator {
        KeyGenerator::Column
    }

    fn automatic_key_index(&self) -> KeyIndex {
        KeyIndex::Inside
    }

    /// A binary no-pad collation: every other one takes `acme` for `ACME` or for `acme `.
    fn table_options(&self) -> &'static str {
        if self.mariadb {
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"
        } else {
            " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin"
        }
    }

    /// A level set for the next transaction only cannot be read back: it is set for the session.
    fn begin(&self, isolation: Option<Isolation>, read_only: bool) -> BeginSteps {
        let variable = if self.mariadb { "tx_isolation" } else { "transaction_isolation" };
        let reset = match (self.snapshot_isolation, self.mariadb) {
            (true, _) => "SET SESSION tx_isolation = DEFAULT, innodb_snapshot_isolation = DEFAULT",
            (false, true) => "SET SESSION tx_isolation = DEFAULT",
            (false, false) => "SET SESSION transaction_isolation = DEFAULT",
        };
        let set = |level: Isolation| {
            let name = level.sql().replace(' ', "-");
            let snapshot = if self.snapshot_isolation { ", innodb_snapshot_isolation = ON" } else { "" };
            format!("SET SESSION {variable} = '{name}'{snapshot}")
        };
        BeginSteps {
            session_isolation: isolation.map(|level| (set(level), reset)),
            begin: format!("START TRANSACTION{}", if read_only { " READ ONLY" } else { "" }),
            report: Some(format!("SELECT @@session.{variable}")),
        }
    }

    fn schema_lock(&self) -> SchemaLock {
        SchemaLock {
            in_transaction: false,
            acquire: Some("SELECT coalesce(GET_LOCK('dataflow_schema', 1), 0)".to_owned()),
            release: Some("SELECT coalesce(RELEASE_LOCK('dataflow_schema'), 0)".to_owned()),
        }
    }

    fn put_meta(&self, name: &str) -> String {
        format!("INSERT INTO {name} (`key`, `value`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `value` = VALUES(`value`)")
    }

    fn add_meta(&self, name: &str) -> String {
        format!("INSERT INTO {name} (`key`, `value`) VALUES (?, ?) ON DUPLICATE KEY UPDATE `key` = `key`")
    }

    fn create_namespace(&self, namespace: &str) -> Option<String> {
        Some(format!("CREATE DATABASE {}", self.quote(namespace)))
    }

    fn key_constraint(&self, _table: &TableSchema) -> String {
        "PRIMARY".to_owned()
    }

    fn partial_index(&self) -> PartialIndex {
        PartialIndex::GeneratedColumn
    }

    fn foreign_keys(&self) -> ForeignKeys {
        ForeignKeys::Added
    }

    /// By itself it would wait for a day.
    fn bounded(&self, sql: &str) -> String {
        if self.mariadb { format!("SET STATEMENT lock_wait_timeout = 30 FOR {sql}") } else { sql.to_owned() }
    }

    fn lock_rows(&self) -> &'static str {
        " FOR UPDATE"
    }

    /// READ COMMITTED locks no gaps: under REPEATABLE READ two writers that look for the same absent key both lock
    /// its gap, and their inserts deadlock.
    fn begin_change(&self) -> Vec<String> {
        let begin = self.begin(None, false).begin;
        if self.statement_log {
            return vec![begin];
        }
        vec!["SET TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(), begin]
    }

    /// Bytes as they are (`binary`): every column takes its own character set, and an escape is no part of a letter.
    fn copy_from(&self, table: &str, columns: &str) -> String {
        format!(
            "LOAD DATA LOCAL INFILE {} INTO TABLE {table} CHARACTER SET binary FIELDS TERMINATED BY '\\t' \
             ENCLOSED BY '' ESCAPED BY '\\\\' LINES STARTING BY '' TERMINATED BY '\\n' ({columns})",
            quote_text(&self.infile)
        )
    }

    fn put_form(&self) -> PutForm {
        PutForm::OnDuplicateKey
    }

    /// A row that changed counts twice, and one that was equal after all not at all: an insert would count once.
    fn rows_put(&self, told: u64, rows: u64) -> bool {
        told <= 2 * rows && told.is_multiple_of(2)
    }

    fn differs(&self, ty: &LogicalType, left: &str, right: &str) -> String {
        match ty.is_text() {
            true => format!("NOT (CAST({left} AS BINARY) <=> CAST({right} AS BINARY))"),
            false => format!("NOT ({left} <=> {right})"),
        }
    }

    fn row_list(&self, rows: &[String]) -> String {
        format!("({})", rows.join(", "))
    }

    fn columns_query(&self, namespace: Option<&str>) -> String {
        format!(
            "SELECT column_name, column_type, is_nullable = 'YES' FROM information_schema.columns \
             WHERE table_schema = '{}' AND table_name = ? ORDER BY ordinal_position",
            self.catalogue_name(namespace)
        )
    }

    fn obstacles_query(&self, table: &TableSchema) -> Option<String> {
        let (schema, name) = (self.catalogue_name(table.namespace.as_deref()), quote_text(&self.table_name(table)));
        Some(format!(
            "SELECT (SELECT count(*) FROM information_schema.triggers WHERE event_object_schema = '{schema}' \
             AND event_object_table = {name} AND event_manipulation = 'INSERT'), \
             (SELECT count(*) FROM information_schema.statistics s LEFT JOIN information_schema.columns c \
             ON c.table_schema = s.table_schema AND c.table_name = s.table_name AND c.column_name = s.column_name \
             WHERE s.table_schema = '{schema}' AND s.table_name = {name} AND s.non_unique = 0 \
             AND (s.index_name <> 'PRIMARY' OR s.sub_part IS NOT NULL OR c.collation_name <> '{}'))",
            self.collation()
        ))
    }

    fn unique_query(&self, namespace: Option<&str>) -> String {
        format!(
            "SELECT index_name, CASE WHEN sub_part IS NULL THEN coalesce(column_name, '') ELSE '' END, 0 \
             FROM information_schema.statistics \
             WHERE table_schema = '{}' AND table_name = ? AND non_unique = 0 ORDER BY index_name, seq_in_index",
            self.catalogue_name(namespace)
        )
    }
}

impl Mysql {
    fn catalogue_name(&self, namespace: Option<&str>) -> String {
        namespace.unwrap_or(&self.database).replace('\\', "\\\\").replace('\'', "''")
    }
}

/// Texts between quotes; our sessions leave the backslash its meaning (`NO_BACKSLASH_ESCAPES` is not in their mode).
fn literals(texts: &[Box<str>]) -> String {
    texts.iter().map(|text| quote_text(text)).collect::<Vec<_>>().join(", ")
}

fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_stays_between_its_quotes() {
        let texts: Vec<Box<str>> = ["a", "it's", "\\'; --", "ä"].map(Into::into).to_vec();
        assert_eq!(literals(&texts), r"'a', 'it''s', '\\''; --', 'ä'");
    }
}
