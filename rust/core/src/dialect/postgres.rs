//! PostgreSQL 15 and newer.

mod function;

use super::{
    BeginSteps, Dialect, ForeignKeys, Isolation, KeyGenerator, KeyIndex, LongList, NestedRows, PartialIndex, Piece,
    PlanForm, PutForm, RowsForm, SchemaLock, ascii, decimal_text,
};
use crate::error::{Error, Result};
use crate::filter::{Anchors, JsonKey, JsonKind, Like, NumberTest, Pattern, Token, variants};
use crate::schema::{ColumnSchema, TableSchema, hex};
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

    /// LIKE without case is told the other forms of its letters: what ILIKE folds depends on collation and version.
    fn pattern(&self, pattern: &Pattern) -> Vec<String> {
        match pattern {
            Pattern::Like(like) if like.folds() => {
                let (from, to) = other_forms(like);
                vec![from, to, like.render_escaped()]
            }
            Pattern::Like(like) => vec![like.render_escaped()],
            // Without a newline flag both anchors are the ends of the whole text; `w` makes them those of lines.
            Pattern::Regex(regex) if regex.has_lines() => vec![format!("(?w){}", regex.render(&LINES))],
            Pattern::Regex(regex) => vec![regex.render(&WHOLE)],
        }
    }

    fn matches(&self, pattern: &Pattern, column: &str, operands: &[String]) -> String {
        match (pattern, operands) {
            (Pattern::Like(_), [from, to, pattern]) => format!("translate({column}, {from}, {to}) LIKE {pattern}"),
            (Pattern::Like(_), operands) => format!("{column} LIKE {}", operands.concat()),
            (Pattern::Regex(_), operands) => format!("{column} ~ {}", operands.concat()),
        }
    }

    fn null_safe_equal(&self) -> &'static str {
        "IS NOT DISTINCT FROM"
    }

    /// Lists are arrays.
    fn in_json(&self, _list: &LongList<'_>) -> Result<Option<(String, String)>> {
        Ok(None)
    }

    fn list_size(&self, column: &str) -> String {
        format!("cardinality({column})")
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

    fn json_is(&self, value: &str, kind: JsonKind) -> String {
        let name = match kind {
            JsonKind::Object => "object",
            JsonKind::List => "array",
            JsonKind::Text => "string",
            JsonKind::Number => "number",
            JsonKind::Bool => "boolean",
            JsonKind::Null => "null",
        };
        format!("jsonb_typeof({value}) = '{name}'")
    }

    fn json_text(&self, value: &str) -> String {
        format!("({value} #>> '{{}}') COLLATE \"C\"")
    }

    /// Other values than lists have no length, and conditions are evaluated in no certain order.
    fn json_size(&self, value: &str) -> String {
        format!("jsonb_array_length({})", list_or_none(value))
    }

    /// Numbers of jsonb are exact.
    fn json_number(&self, test: &NumberTest) -> Vec<Piece> {
        let number = Piece::Operand(LogicalType::Json, Value::Json(test.number.clone().into()));
        vec![
            Piece::Sql("(jsonb_typeof(".to_owned()),
            Piece::Value,
            Piece::Sql(") = 'number' AND ".to_owned()),
            Piece::Value,
            Piece::Sql(format!(" {} ", test.comparison.sql())),
            number,
            Piece::Sql(")".to_owned()),
        ]
    }

    fn items(&self, value: &str, is_json: bool, number: usize) -> (String, String) {
        let rows = match is_json {
            true => format!("jsonb_array_elements({})", list_or_none(value)),
            false => format!("unnest({value})"),
        };
        let item = format!("dataflow_item{number}");
        (format!("{rows} AS dataflow_items{number} ({item})"), item)
    }

    /// An array of records, whose fields travel as columns do.
    ///
    /// With a limit the planner hopes to find the rows early in an index of their order, and then goes through the whole
    /// table for each row that has few of them: `OFFSET 0` has them found first.
    fn nested(&self, rows: &NestedRows<'_>) -> String {
        let NestedRows { columns, from, alias, order, limit, is_indexed } = rows;
        let columns: Vec<_> = columns.iter().map(|(sql, _)| sql.as_str()).collect();
        let from = match limit {
            Some(_) if !is_indexed => format!(" FROM (SELECT {alias}.*{from} OFFSET 0) AS {alias}"),
            _ => (*from).to_owned(),
        };
        let limit = limit.map(|limit| format!(" LIMIT {limit}")).unwrap_or_default();
        format!("ARRAY(SELECT ROW({}){from}{order}{limit})", columns.join(", "))
    }

    fn append_operands(
        &self,
        ty: &LogicalType,
        items: &[Value<'static>],
    ) -> Result<Vec<(LogicalType, Value<'static>)>> {
        Ok(vec![(ty.clone(), Value::List(items.to_vec()))])
    }

    fn appended(&self, column: &str, operands: &[String]) -> String {
        format!("array_cat(coalesce({column}, '{{}}'), {})", operands.concat())
    }

    fn has_cursors(&self) -> bool {
        true
    }

    fn plan_of(&self, analyze: bool) -> Option<PlanForm> {
        let words = if analyze { "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " } else { "EXPLAIN (FORMAT JSON) " };
        Some(PlanForm { words, is_json: true, counts_rows: analyze, look: None })
    }

    fn explain(&self) -> Option<&'static str> {
        Some("EXPLAIN ")
    }

    /// The first line is that of the whole: `Seq Scan on product  (cost=0.00..1.05 rows=5 width=4)`.
    fn expected_rows(&self, plan: &str) -> Option<i64> {
        let (_, rest) = plan.rsplit_once(" rows=")?;
        rest.split_once(' ')?.0.parse().ok()
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
            LogicalType::Rows(_) => "record[]".to_owned(),
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

    fn lock_table(&self, table: &str) -> Option<String> {
        Some(format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
    }

    /// Not those that something refers to by name: a foreign key, a view, the order of CLUSTER, a replica, a comment; nor
    /// those with settings that their definition does not show.
    fn droppable_query(&self) -> Option<&'static str> {
        Some(
            "SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %I.%I', n.nspname, r.relname) \
             ELSE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', n.nspname, t.relname, c.conname) END, \
             CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid) \
             ELSE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', n.nspname, t.relname, c.conname, pg_get_constraintdef(c.oid)) END \
             FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class r ON r.oid = i.indexrelid \
             JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace \
             LEFT JOIN pg_catalog.pg_constraint c \
             ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype IN ('p', 'u', 'x') \
             WHERE i.indrelid = $1::regclass AND $2 = t.relname AND t.relkind = 'r' AND i.indisvalid \
             AND NOT i.indisclustered AND NOT i.indisreplident AND r.reltablespace = 0 AND r.reloptions IS NULL \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE h.inhrelid = i.indexrelid) \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_description d WHERE d.objoid IN (i.indexrelid, c.oid)) \
             AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refobjid IN (i.indexrelid, c.oid) \
             AND d.refclassid IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_constraint'::regclass) AND d.deptype = 'n') \
             ORDER BY i.indexrelid",
        )
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

    fn differs(&self, ty: &LogicalType, left: &str, right: &str) -> String {
        let bytes = if ty.is_text() { "::text COLLATE \"C\"" } else { "" };
        format!("{left}{bytes} IS DISTINCT FROM {right}")
    }

    fn decides_rows(&self) -> bool {
        true
    }

    fn columns_query(&self, namespace: Option<&str>) -> String {
        format!(
            "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), (NOT a.attnotnull)::int::int8 FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = '{}' AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            namespace.unwrap_or(&self.schema).replace('\'', "''")
        )
    }

    /// Of the bits, 1 is a row, 2 before, 4 insert and 16 update.
    fn obstacles_query(&self, table: &TableSchema) -> Option<String> {
        let quote = |text: &str| text.replace('\'', "''");
        Some(format!(
            "SELECT count(*), 0::int8 FROM pg_catalog.pg_trigger g JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = '{}' AND c.relname = '{}' AND NOT g.tgisinternal AND g.tgenabled <> 'D' \
             AND g.tgtype & 3 = 3 AND g.tgtype & 20 <> 0",
            quote(table.namespace.as_deref().unwrap_or(&self.schema)),
            quote(&self.table_name(table))
        ))
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

const WHOLE: Anchors = Anchors { start: "^", end: "$", line_start: "^", line_end: "$" };
const LINES: Anchors = Anchors { start: "\\A", end: "\\Z", line_start: "^", line_end: "$" };

/// The characters that are other forms of the pattern's, and for each the one that the pattern has.
fn other_forms(like: &Like) -> (String, String) {
    let mut chars: Vec<char> = like.tokens().iter().filter_map(Token::char).collect();
    chars.sort_unstable();
    chars.dedup();
    let others = chars.into_iter().flat_map(|c| variants(c).into_iter().map(move |other| (other, c)));
    others.filter(|(other, c)| other != c).unzip()
}

fn list_or_none(value: &str) -> String {
    format!("CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} END")
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
