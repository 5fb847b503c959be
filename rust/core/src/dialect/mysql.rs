//! MariaDB 10.11 and MySQL 8.

use super::{
    BeginSteps, Dialect, ForeignKeys, Isolation, KeyGenerator, KeyIndex, PartialIndex, PutForm, RowsForm, SchemaLock,
    ascii, decimal_text, list_text,
};
use crate::error::{Error, Result};
use crate::filter::{Like, Pattern, Regex, Token};
use crate::schema::{ColumnSchema, TableSchema, hex};
use crate::types::{FloatRules, LogicalType, WALL_WIDTH, render_date, render_datetime, render_item, render_time};
use crate::value::Value;

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
    /// Undoes every flag that the server may set for all patterns (`default_regex_flags`), and lets `.` match newlines.
    const fn flags(&self) -> &'static str {
        // U swaps greedy and lazy in PCRE; MySQL's ICU does not know it.
        if self.mariadb { "(?s-imxU)" } else { "(?s-imx)" }
    }

    /// The pattern as a regular expression: LOWER and the collations without case fold letters beyond ASCII.
    ///
    /// What stands between two runs is looked for once (`(?>…)`): its earliest place is never worse than another, and
    /// an engine that tried them all would take time with a power of the number of runs.
    fn folded(&self, like: &Like) -> String {
        let parts: Vec<&[Token]> = like.tokens().split(|token| *token == Token::AnyRun).collect();
        let mut text = format!("{}\\A", self.flags());
        for (at, part) in parts.iter().enumerate() {
            let (before, behind) = match at {
                0 => ("", ""),
                _ if at + 1 < parts.len() => ("(?>.*?", ")"),
                _ => (".*", ""),
            };
            text.push_str(before);
            part.iter().for_each(|token| push_folded(*token, &mut text));
            text.push_str(behind);
        }
        text + "\\z"
    }

    /// Many items are compared with a table of the list's. MariaDB makes it of their own text, MySQL would write
    /// numbers anew.
    const fn has_by_table(&self, items: usize) -> bool {
        self.mariadb && items > 1
    }

    /// From the start of the text: PCRE counts its steps, and gives up with a warning, for each place it begins at.
    /// Without that a hopeless search takes time with the square of the text, and no KILL ends it.
    fn searched(&self, regex: &Regex) -> String {
        let start = if regex.is_anchored() { "" } else { "\\A.*?" };
        format!("{}{start}(?:{})", self.flags(), regex.render("\\A", "\\z"))
    }
}

/// Whether JSON writes the items of a list without quotes.
fn is_bare(list: &LogicalType) -> bool {
    use LogicalType::{Bool, Duration, Float, Int, List};
    matches!(list, List { item } if matches!(**item, Bool | Int | Float | Duration))
}

fn push_folded(token: Token, text: &mut String) {
    match token {
        Token::Char(c) if c.is_ascii_alphabetic() => {
            text.extend(['[', c.to_ascii_lowercase(), c.to_ascii_uppercase(), ']'])
        }
        Token::Char(c) if c.is_ascii_punctuation() => text.extend(['\\', c]),
        Token::Char(c) => text.push(c),
        Token::AnyOne | Token::AnyRun => text.push('.'),
    }
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

    fn pattern(&self, pattern: &Pattern) -> String {
        match pattern {
            Pattern::Like(like) if like.folds_ascii() => self.folded(like),
            Pattern::Like(like) => like.render_escaped(),
            Pattern::Regex(regex) => self.searched(regex),
        }
    }

    fn matches(&self, pattern: &Pattern, column: &str, operand: &str) -> String {
        match pattern {
            Pattern::Like(like) if !like.folds_ascii() => format!("{column} LIKE {operand}"),
            _ => format!("{column} REGEXP {operand}"),
        }
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

    fn json_is_object(&self, value: &str) -> String {
        format!("JSON_TYPE({value}) = 'OBJECT'")
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

    fn null_is_smallest(&self, _descending: bool) -> &'static str {
        ""
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
            LogicalType::Text { max_length: None } | LogicalType::List { .. } | LogicalType::Json => {
                "longtext".to_owned()
            }
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
