//! PostgreSQL 15 and newer.

use super::{
    BeginSteps, Dialect, ForeignKeys, Isolation, KeyGenerator, KeyIndex, PartialIndex, PutForm, RowsForm, SchemaLock,
    ascii, decimal_text,
};
use crate::error::{Error, Result};
use crate::filter::{JsonKey, Pattern};
use crate::schema::{ColumnSchema, hex};
use crate::types::{FloatRules, LogicalType, WALL_WIDTH, render_date, render_datetime, render_time};
use crate::value::Value;

#[derive(Clone, Debug)]
pub struct Postgres {
    pub schema: String,
}

impl Postgres {
    fn array_literal(&self, ty: &LogicalType, values: &[Value<'_>]) -> Result<String> {
        let LogicalType::List { item } = ty else {
            return Err(Error::internal("a list without the type of its items"));
        };
        let items = values.iter().map(|value| self.literal(item, value)).collect::<Result<Vec<_>>>()?;
        Ok(format!("ARRAY[{}]::{}", items.join(", "), self.reported_type(ty)))
    }
}

impl Dialect for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn namespace(&self) -> &str {
        &self.schema
    }

    fn floats(&self) -> FloatRules {
        FloatRules { nan: true, infinity: true }
    }

    fn max_parameters(&self) -> usize {
        65_535
    }

    fn quote(&self, identifier: &str) -> String {
        format!("\"{}\"", identifier.replace('"', "\"\""))
    }

    fn placeholder(&self, number: usize, _ty: &LogicalType) -> String {
        format!("${number}")
    }

    fn rows_form(&self) -> RowsForm {
        RowsForm::Arrays
    }

    fn literal(&self, ty: &LogicalType, value: &Value<'_>) -> Result<String> {
        let text = match value {
            Value::Null => return Ok("NULL".to_owned()),
            Value::List(values) => return self.array_literal(ty, values),
            Value::Bool(v) => v.to_string(),
            Value::Int(v) => v.to_string(),
            Value::Float(v) => format!("{v:e}"),
            Value::Decimal(v) => decimal_text(ty, *v)?,
            Value::Text(v) | Value::Json(v) => v.to_string(),
            Value::Bytes(v) => format!("\\x{}", hex(v)),
            Value::Uuid(v) => hex(v),
            Value::Instant(us) => ascii(&render_datetime(*us)),
            Value::WallTime(us) => ascii(&render_datetime(*us)[..WALL_WIDTH]),
            Value::Date(days) => ascii(&render_date(*days)),
            Value::Time(us) => ascii(&render_time(*us)),
            Value::Duration(us) => format!("{us} microseconds"),
        };
        Ok(format!("{}::{}", quote_text(&text), self.reported_type(ty)))
    }

    fn pattern(&self, pattern: &Pattern) -> String {
        match pattern {
            Pattern::Like(like) => like.render_escaped(),
            // Without a newline flag both anchors are the ends of the whole text.
            Pattern::Regex(regex) => regex.render("^", "$"),
        }
    }

    fn matches(&self, pattern: &Pattern, column: &str, operand: &str) -> String {
        match pattern {
            Pattern::Like(like) if !like.folds_ascii() => format!("{column} LIKE {operand}"),
            // ILIKE folds what the collation folds: "C" knows ASCII only.
            Pattern::Like(_) => format!("{column} COLLATE \"C\" ILIKE {operand}"),
            Pattern::Regex(_) => format!("{column} ~ {operand}"),
        }
    }

    fn has_any(&self, _ty: &LogicalType, column: &str, operands: &[String]) -> String {
        format!("{column} && {}", operands.concat())
    }

    fn json_path(&self, keys: &[JsonKey]) -> Vec<String> {
        keys.iter().map(|key| key.name().to_owned()).collect()
    }

    /// Key by key: a path of `#>` would take a number for a place in a list.
    fn json_at(&self, column: &str, path: &[String]) -> String {
        let keys: Vec<_> = path.iter().map(|key| format!(" -> {key}")).collect();
        format!("({column}{})", keys.concat())
    }

    fn json_is_object(&self, value: &str) -> String {
        format!("jsonb_typeof({value}) = 'object'")
    }

    fn null_is_smallest(&self, descending: bool) -> &'static str {
        if descending { " NULLS LAST" } else { " NULLS FIRST" }
    }

    fn column_type(&self, ty: &LogicalType) -> String {
        match ty {
            // "C" sorts by bytes, as the other two databases do.
            LogicalType::Text { .. } | LogicalType::Choice { .. } => "text COLLATE \"C\"".to_owned(),
            LogicalType::List { item } if self.reported_type(item) == "text" => "text[] COLLATE \"C\"".to_owned(),
            ty => self.reported_type(ty),
        }
    }

    fn reported_type(&self, ty: &LogicalType) -> String {
        match ty {
            LogicalType::Bool => "boolean".to_owned(),
            LogicalType::Int => "bigint".to_owned(),
            LogicalType::Float => "double precision".to_owned(),
            LogicalType::Decimal { precision, scale } => format!("numeric({precision},{scale})"),
            LogicalType::Text { .. } | LogicalType::Choice { .. } => "text".to_owned(),
            LogicalType::Bytes => "bytea".to_owned(),
            LogicalType::Uuid => "uuid".to_owned(),
            LogicalType::Instant => "timestamp with time zone".to_owned(),
            LogicalType::WallTime => "timestamp without time zone".to_owned(),
            LogicalType::Date => "date".to_owned(),
            LogicalType::Time => "time without time zone".to_owned(),
            LogicalType::Duration => "interval".to_owned(),
            LogicalType::List { item } => format!("{}[]", self.reported_type(item)),
            LogicalType::Json => "jsonb".to_owned(),
        }
    }

    fn column_check(&self, column: &ColumnSchema) -> Option<String> {
        let name = self.quote(&column.name);
        match &column.ty {
            LogicalType::Text { max_length: Some(length) } => Some(format!("char_length({name}) <= {length}")),
            LogicalType::Choice { values } => Some(format!("{name} IN ({})", literals(values))),
            // It refuses arrays of more than one dimension too.
            LogicalType::List { item } => Some(match item.as_ref() {
                LogicalType::Choice { values } => {
                    format!("array_position({name}, NULL) IS NULL AND {name} <@ ARRAY[{}]::text[]", literals(values))
                }
                _ => format!("array_position({name}, NULL) IS NULL"),
            }),
            _ => None,
        }
    }

    fn automatic_key(&self) -> &'static str {
        " GENERATED BY DEFAULT AS IDENTITY"
    }

    fn key_generator(&self) -> KeyGenerator {
        KeyGenerator::Sequence
    }

    fn automatic_key_index(&self) -> KeyIndex {
        KeyIndex::None
    }

    fn table_options(&self) -> &'static str {
        ""
    }

    fn begin(&self, isolation: Option<Isolation>, read_only: bool) -> BeginSteps {
        let isolation = isolation.map(|level| format!(" ISOLATION LEVEL {}", level.sql())).unwrap_or_default();
        BeginSteps {
            session_isolation: None,
            begin: format!("BEGIN{isolation}{}", if read_only { " READ ONLY" } else { "" }),
            report: Some("SELECT current_setting('transaction_isolation')".to_owned()),
        }
    }

    fn schema_lock(&self) -> SchemaLock {
        SchemaLock {
            in_transaction: true,
            // 0x6461_7461_666c_6f77 is "dataflow".
            acquire: Some("SELECT pg_try_advisory_xact_lock(7233190438212759415)::int::int8".to_owned()),
            release: None,
        }
    }

    fn create_namespace(&self, namespace: &str) -> Option<String> {
        Some(format!("CREATE SCHEMA {}", self.quote(namespace)))
    }

    fn namespace_query(&self) -> &'static str {
        "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1"
    }

    fn partial_index(&self) -> PartialIndex {
        PartialIndex::Where
    }

    fn foreign_keys(&self) -> ForeignKeys {
        ForeignKeys::Added
    }

    fn bound_locks(&self) -> Option<[&'static str; 2]> {
        Some(["SET LOCAL lock_timeout = '30s'", "SET LOCAL lock_timeout = DEFAULT"])
    }

    fn lock_rows(&self) -> &'static str {
        " FOR UPDATE"
    }

    /// Without them a list of 10,000 keys can be compared with every row of the table, time and again. A scan that has
    /// no other way is still planned, at a cost that would call for compilation.
    fn by_key_only(&self) -> Option<&'static str> {
        Some("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL jit = off")
    }

    fn put_form(&self) -> PutForm {
        PutForm::FromRows
    }

    fn columns_query(&self, namespace: Option<&str>) -> String {
        format!(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), (NOT a.attnotnull)::int::int8 FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = '{}' AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            namespace.unwrap_or(&self.schema).replace('\'', "''")
        )
    }

    fn unique_query(&self, namespace: Option<&str>) -> String {
        format!(
            "SELECT i.relname::text, coalesce(a.attname::text, ''), (x.indpred IS NOT NULL)::int::int8 \
             FROM pg_catalog.pg_index x CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k (number, at) \
             JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_class c ON c.oid = x.indrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number AND k.number > 0 \
             WHERE n.nspname = '{}' AND c.relname = $1 AND k.at <= x.indnkeyatts \
             AND x.indisunique AND x.indisvalid AND x.indimmediate ORDER BY 1, k.at",
            namespace.unwrap_or(&self.schema).replace('\'', "''")
        )
    }
}

fn literals(texts: &[Box<str>]) -> String {
    texts.iter().map(|text| quote_text(text)).collect::<Vec<_>>().join(", ")
}

/// In the form that reads the same with `standard_conforming_strings` on or off.
fn quote_text(text: &str) -> String {
    let escape = if text.contains('\\') { "E" } else { "" };
    format!("{escape}'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_stays_between_its_quotes() {
        let texts: Vec<Box<str>> = ["a", "it's", "\\'; --", "ä"].map(Into::into).to_vec();
        assert_eq!(literals(&texts), r"'a', 'it''s', E'\\''; --', 'ä'");
    }
}
