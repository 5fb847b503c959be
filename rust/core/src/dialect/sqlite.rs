//! SQLite, the embedded default. Tables are STRICT: without it text goes into INTEGER columns.

pub mod calculation;
mod function;

use std::fmt::Write as _;

use super::{
    BeginSteps, Dialect, ForeignKeys, Isolation, KeyGenerator, KeyIndex, LongList, NestedRows, PartialIndex, Piece,
    PlanForm, PutForm, RowsForm, SchemaLock, as_texts, ascii, list_text,
};
use crate::error::Result;
use crate::filter::{JsonKind, NumberTest, Pattern};
use crate::schema::{ColumnSchema, KeySource, TableSchema, hex};
use crate::types::{FloatRules, LogicalType, WALL_WIDTH, render_date, render_datetime, render_list, render_time};
use crate::value::Value;

/// Our own SQL function `dataflow_regexp(pattern, text)`, which every connection of ours has.
pub const REGEXP_FUNCTION: &str = "dataflow_regexp";
/// Our own SQL function `dataflow_like(pattern, text)`, without case.
pub const LIKE_FUNCTION: &str = "dataflow_like";
/// Our own SQL function `dataflow_json_number(comparison, value)` on a value in JSON; SQLite's numbers are floats.
pub const NUMBER_FUNCTION: &str = "dataflow_json_number";
/// Our own SQL function `dataflow_row(…)`: its values as they are, in one BLOB.
pub const ROW_FUNCTION: &str = "dataflow_row";
/// Our own SQL aggregate `dataflow_rows(…)`: BLOBs of `dataflow_row` one behind the other, and how many rows they are.
pub const ROWS_FUNCTION: &str = "dataflow_rows";
/// Values of one call: SQLite's limit is 127.
const ROW_VALUES: usize = 100;
/// Our own SQL function `dataflow_has_any(items, list)` on lists in JSON; a subquery on `json_each` may not stand in a
/// check, and reads numbers as floats.
pub const HAS_ANY_FUNCTION: &str = "dataflow_has_any";

#[derive(Clone, Debug)]
pub struct Sqlite;

/// A number that a column of the type holds.
fn calculated(function: &str, ty: &LogicalType, column: &str, operand: &str) -> String {
    let result = format!("{function}(coalesce({column}, {}), {operand})", calculation::zero(ty));
    match ty {
        LogicalType::Decimal { precision, .. } => format!("{}({result}, {precision})", calculation::FIT),
        _ => result,
    }
}

impl Dialect for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn namespace(&self) -> &'static str {
        "main"
    }

    fn floats(&self) -> FloatRules {
        // SQLite stores NaN as NULL without a word.
        FloatRules { nan: false, infinity: true }
    }

    fn max_parameters(&self) -> usize {
        32_766
    }

    fn quote(&self, identifier: &str) -> String {
        format!("\"{}\"", identifier.replace('"', "\"\""))
    }

    fn placeholder(&self, number: usize, _ty: &LogicalType) -> String {
        format!("?{number}")
    }

    fn rows_form(&self) -> RowsForm {
        RowsForm::Parameters
    }

    fn literal(&self, ty: &LogicalType, value: &Value<'_>) -> Result<String> {
        Ok(match value {
            Value::Null => "NULL".to_owned(),
            Value::Bool(v) => u8::from(*v).to_string(),
            Value::Int(v) | Value::Duration(v) => v.to_string(),
            Value::Float(v) => float_literal(*v),
            Value::Decimal(v) => format!("X'{}'", hex(&encode_decimal(*v))),
            Value::Text(v) | Value::Json(v) => quote_text(v),
            Value::List(values) => quote_text(&list_text(ty, values)?),
            Value::Bytes(v) => format!("X'{}'", hex(v)),
            Value::Uuid(v) => format!("X'{}'", hex(v)),
            Value::Instant(us) => quote_text(&ascii(&render_datetime(*us))),
            Value::WallTime(us) => quote_text(&ascii(&render_datetime(*us)[..WALL_WIDTH])),
            Value::Date(days) => quote_text(&ascii(&render_date(*days))),
            Value::Time(us) => quote_text(&ascii(&render_time(*us))),
        })
    }

    fn pattern(&self, pattern: &Pattern) -> Vec<String> {
        vec![match pattern {
            Pattern::Like(like) if like.folds() => like.render_escaped(),
            Pattern::Like(like) => like.render("?", "*", |text, c| match c {
                '*' | '?' | '[' => text.extend(['[', c, ']']),
                c => text.push(c),
            }),
            Pattern::Regex(regex) => regex.source().to_owned(),
        }]
    }

    /// GLOB is exact where LIKE folds ASCII letters, and no others.
    fn matches(&self, pattern: &Pattern, column: &str, operands: &[String]) -> String {
        let operand = operands.concat();
        match pattern {
            Pattern::Like(like) if like.folds() => format!("{LIKE_FUNCTION}({operand}, {column})"),
            Pattern::Like(_) => format!("{column} GLOB {operand}"),
            Pattern::Regex(_) => format!("{REGEXP_FUNCTION}({operand}, {column})"),
        }
    }

    fn null_safe_equal(&self) -> &'static str {
        "IS"
    }

    fn in_json(&self, list: &LongList<'_>) -> Result<Option<(String, String)>> {
        let LongList { column, ty, values, placeholder, .. } = list;
        let value = match ty {
            LogicalType::Bytes | LogicalType::Uuid | LogicalType::Decimal { .. } => "unhex(value, '-')",
            _ => "value",
        };
        let text = LogicalType::Text { max_length: None };
        let list = match ty {
            LogicalType::Json => render_list(&text, &as_texts(values))?,
            LogicalType::Decimal { .. } => render_list(&text, &values.iter().map(encoded).collect::<Vec<_>>())?,
            ty => render_list(ty, values)?,
        };
        Ok(Some((format!("{column} IN (SELECT {value} FROM json_each({placeholder}))"), list)))
    }

    fn list_size(&self, column: &str) -> String {
        format!("json_array_length({column})")
    }

    fn has_any(&self, _ty: &LogicalType, column: &str, operands: &[String]) -> String {
        format!("{HAS_ANY_FUNCTION}({}, {column})", operands.concat())
    }

    fn json_at(&self, column: &str, path: &[String]) -> String {
        format!("({column} -> {})", path.concat())
    }

    fn json_is(&self, value: &str, kind: JsonKind) -> String {
        let names = match kind {
            JsonKind::Object => "= 'object'",
            JsonKind::List => "= 'array'",
            JsonKind::Text => "= 'text'",
            JsonKind::Number => "IN ('integer', 'real')",
            JsonKind::Bool => "IN ('true', 'false')",
            JsonKind::Null => "= 'null'",
        };
        format!("json_type({value}) {names}")
    }

    fn json_text(&self, value: &str) -> String {
        format!("({value} ->> '$')")
    }

    fn json_size(&self, value: &str) -> String {
        format!("json_array_length({value})")
    }

    fn json_number(&self, test: &NumberTest) -> Vec<Piece> {
        let source = Value::Text(test.source().into());
        vec![
            Piece::Sql(format!("{NUMBER_FUNCTION}(")),
            Piece::Operand(LogicalType::Text { max_length: None }, source),
            Piece::Sql(", ".to_owned()),
            Piece::Value,
            Piece::Sql(")".to_owned()),
        ]
    }

    fn items(&self, value: &str, _is_json: bool, number: usize) -> (String, String) {
        let rows = format!("dataflow_items{number}");
        (format!("json_each({value}) AS {rows}"), format!("({value} -> {rows}.key)"))
    }

    /// The order of a subquery is kept for an aggregate that is not SQLite's own.
    fn nested(&self, rows: &NestedRows<'_>) -> String {
        let NestedRows { columns, from, order, limit, .. } = rows;
        let columns: Vec<_> = columns.iter().map(|(sql, _)| sql.as_str()).collect();
        let parts = columns.chunks(ROW_VALUES).enumerate();
        let parts: Vec<_> =
            parts.map(|(at, part)| format!("{ROW_FUNCTION}({}) AS dataflow_{at}", part.join(", "))).collect();
        let names: Vec<_> = (0..parts.len()).map(|at| format!("dataflow_{at}")).collect();
        let limit = limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
        format!("(SELECT {ROWS_FUNCTION}({}) FROM (SELECT {}{from}{order}{limit}))", names.join(", "), parts.join(", "))
    }

    fn plus(&self, ty: &LogicalType, column: &str, amount: &str) -> String {
        calculated(calculation::ADD, ty, column, amount)
    }

    fn times(&self, ty: &LogicalType, column: &str, factor: &str) -> String {
        calculated(calculation::MULTIPLY, ty, column, factor)
    }

    /// As text: SQLite's functions on JSON read large numbers as floats.
    fn appended(&self, column: &str, operands: &[String]) -> String {
        let [inner, list] = [0, 1].map(|at| operands.get(at).map_or("", String::as_str));
        format!(
            "CASE WHEN json_array_length({column}) > 0 THEN substr({column}, 1, length({column}) - 1) || ',' || {inner} \
             || ']' ELSE {list} END"
        )
    }

    /// It tells the plan by the schema that the connection has read last: only what reads a table compares that.
    fn plan_of(&self, _analyze: bool) -> Option<PlanForm> {
        let look = Some("SELECT count(*) FROM sqlite_schema");
        Some(PlanForm { words: "EXPLAIN QUERY PLAN ", is_json: false, counts_rows: false, look })
    }

    fn null_is_smallest(&self, _descending: bool) -> &'static str {
        ""
    }

    fn column_type(&self, ty: &LogicalType) -> String {
        self.reported_type(ty)
    }

    fn reported_type(&self, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Bool | LogicalType::Int | LogicalType::Duration => "INTEGER",
            LogicalType::Float => "REAL",
            LogicalType::Text { .. }
            | LogicalType::Instant
            | LogicalType::WallTime
            | LogicalType::Date
            | LogicalType::Time
            | LogicalType::Choice { .. }
            | LogicalType::List { .. }
            | LogicalType::Json => "TEXT",
            LogicalType::Decimal { .. } | LogicalType::Bytes | LogicalType::Uuid | LogicalType::Rows(_) => "BLOB",
        }
        .to_owned()
    }

    fn normalise_reported(&self, reported: &str) -> String {
        reported.to_ascii_uppercase()
    }

    fn column_check(&self, column: &ColumnSchema) -> Option<String> {
        let name = self.quote(&column.name);
        match &column.ty {
            LogicalType::Bool => Some(format!("{name} IN (0, 1)")),
            LogicalType::Decimal { .. } | LogicalType::Uuid => Some(format!("length({name}) = 16")),
            LogicalType::Text { max_length: Some(length) } => Some(format!("length({name}) <= {length}")),
            // Fixed width is what makes the order of the text the order of time.
            LogicalType::Instant => Some(format!("length({name}) = 27 AND {name} LIKE '____-__-__T__:__:__.______Z'")),
            LogicalType::WallTime => Some(format!("length({name}) = 26 AND {name} LIKE '____-__-__T__:__:__.______'")),
            LogicalType::Date => Some(format!("length({name}) = 10 AND {name} LIKE '____-__-__'")),
            LogicalType::Time => Some(format!("length({name}) = 15 AND {name} LIKE '__:__:__.______'")),
            LogicalType::Choice { values } => {
                let quoted: Vec<_> = values.iter().map(|text| quote_text(text)).collect();
                Some(format!("{name} IN ({})", quoted.join(", ")))
            }
            LogicalType::List { .. } | LogicalType::Json => Some(format!("json_valid({name})")),
            _ => None,
        }
    }

    fn automatic_key(&self) -> &'static str {
        ""
    }

    /// Only a sole INTEGER PRIMARY KEY generates; AUTOINCREMENT never gives a deleted row's id again.
    fn sole_automatic_key(&self, table: &TableSchema) -> Option<String> {
        let generated = table.key_source == KeySource::Database && !table.multi_tenant;
        let key = table.sole_key().filter(|_| generated)?;
        Some(format!("{} INTEGER PRIMARY KEY AUTOINCREMENT", self.quote(&key.name)))
    }

    fn key_generator(&self) -> KeyGenerator {
        KeyGenerator::SoleColumn
    }

    fn automatic_key_index(&self) -> KeyIndex {
        KeyIndex::Separate
    }

    fn table_options(&self) -> &'static str {
        " STRICT"
    }

    /// IMMEDIATE: a deferred transaction that reads and then writes fails at once when another wrote between.
    fn begin(&self, _isolation: Option<Isolation>, read_only: bool) -> BeginSteps {
        BeginSteps {
            session_isolation: None,
            begin: if read_only { "BEGIN" } else { "BEGIN IMMEDIATE" }.to_owned(),
            report: None,
        }
    }

    fn schema_lock(&self) -> SchemaLock {
        SchemaLock { in_transaction: true, acquire: None, release: None }
    }

    /// A rowid key is reported as nullable, which it never is.
    fn columns_query(&self, _namespace: Option<&str>) -> String {
        "SELECT name, type, (\"notnull\" = 0 AND pk = 0) FROM pragma_table_info(?1)".to_owned()
    }

    /// A rowid key has no index.
    fn unique_query(&self, _namespace: Option<&str>) -> String {
        "SELECT i.name, coalesce(c.name, ''), i.partial FROM pragma_index_list(?1) AS i, pragma_index_info(i.name) AS c \
         WHERE i.\"unique\" UNION ALL SELECT 'key', name, 0 FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY 1, 2"
            .to_owned()
    }

    fn table_name(&self, table: &TableSchema) -> String {
        table.full_name()
    }

    fn qualified_table(&self, table: &TableSchema) -> String {
        self.qualified(&self.table_name(table))
    }

    fn referenced_table(&self, table: &TableSchema) -> String {
        self.quote(&self.table_name(table))
    }

    /// The names of indexes are those of the whole file.
    fn index_on(&self, table: &TableSchema, index: &str) -> (String, String) {
        let prefix = table.namespace.as_ref().map(|namespace| format!("{namespace}.")).unwrap_or_default();
        (self.qualified(&format!("{prefix}{index}")), self.referenced_table(table))
    }

    fn create_namespace(&self, _namespace: &str) -> Option<String> {
        None
    }

    fn partial_index(&self) -> PartialIndex {
        PartialIndex::Where
    }

    fn foreign_keys(&self) -> ForeignKeys {
        ForeignKeys::Inside
    }

    /// Not those of a table's own definition, which have no text.
    fn droppable_query(&self) -> Option<&'static str> {
        Some(
            "SELECT 'DROP INDEX main.\"' || replace(name, '\"', '\"\"') || '\"', sql FROM main.sqlite_schema \
             WHERE type = 'index' AND ?1 <> '' AND tbl_name = ?2 AND sql IS NOT NULL ORDER BY rowid",
        )
    }

    /// A writer holds the whole file.
    fn lock_rows(&self) -> &'static str {
        ""
    }

    fn put_form(&self) -> PutForm {
        PutForm::Stepped
    }
}

fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A float as a constant expression.
///
/// SQLite 3.51 reads up to 15 digits near the point exactly and others sometimes one step off: those are written as
/// a whole number times powers of two, where every step is exact. A number beyond the largest is an infinity.
fn float_literal(value: f64) -> String {
    let shortest = format!("{value:e}");
    let near = shortest.split_once('e').is_some_and(|(digits, exponent)| {
        digits.len() <= 17 && exponent.parse::<i32>().is_ok_and(|exponent| exponent.abs() <= 22)
    });
    match value {
        f64::INFINITY => "9e999".to_owned(),
        f64::NEG_INFINITY => "-9e999".to_owned(),
        _ if near => shortest,
        value => exact_product(value),
    }
}

fn exact_product(value: f64) -> String {
    let (bits, sign) = (value.to_bits(), if value < 0.0 { "-" } else { "" });
    let (fraction, biased) = (bits & ((1 << 52) - 1), bits >> 52 & 0x7ff);
    let whole = if biased == 0 { fraction } else { fraction | 1 << 52 };
    let mut text = format!("({sign}{whole}.0");
    // 1075 is the bias and the 52 places of the fraction.
    let (operator, mut powers) = if biased > 1075 { ('*', biased - 1075) } else { ('/', 1075 - biased.max(1)) };
    while powers > 0 {
        let step = powers.min(52);
        let _ = write!(text, " {operator} {}.0", 1_u64 << step);
        powers -= step;
    }
    text + ")"
}

/// A decimal's bytes as hexadecimal digits.
fn encoded(value: &Value<'static>) -> Value<'static> {
    match value {
        Value::Decimal(digits) => Value::Text(hex(&encode_decimal(*digits)).into()),
        other => other.clone(),
    }
}

/// A decimal's digits as 16 bytes whose order is the order of the numbers: big-endian with the sign bit flipped.
pub fn encode_decimal(digits: i128) -> [u8; 16] {
    (digits.cast_unsigned() ^ (1 << 127)).to_be_bytes()
}

pub fn decode_decimal(bytes: [u8; 16]) -> i128 {
    (u128::from_be_bytes(bytes) ^ (1 << 127)).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_encoded_decimals_is_the_order_of_numbers() {
        let numbers = [i128::MIN, -(10_i128.pow(38)), -256, -1, 0, 1, 255, 256, 10_i128.pow(38), i128::MAX];
        let encoded: Vec<_> = numbers.iter().map(|&n| encode_decimal(n)).collect();
        assert!(encoded.is_sorted());
        assert!(numbers.iter().zip(&encoded).all(|(&n, &bytes)| decode_decimal(bytes) == n));
    }
}
