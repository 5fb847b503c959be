//! A filter as the condition of a statement, or as SQL text of its own.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::ArrayRef;

use super::statement::{Param, ParamValue, Writer};
use super::{Dialect, RowsForm};
use crate::error::Result;
use crate::filter::{Filter, Found, JsonKey};
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::value::{Raw, Value};

const TEXT: LogicalType = LogicalType::Text { max_length: None };

/// The filter as SQL text with its values in it, for a check or a partial index.
///
/// Unlike a WHERE, a CHECK takes null for met: where the filter is to decide as it does elsewhere, the check is
/// `(text) IS TRUE`.
///
/// # Errors
/// `NotFinite` for a float that the database cannot keep.
pub fn condition_text(dialect: &dyn Dialect, table: &TableSchema, filter: &Filter) -> Result<String> {
    let mut writer =
        Writer { dialect, tenant: None, live: None, sql: String::new(), params: Vec::new(), literals: true };
    writer.filter(table, filter)?;
    Ok(writer.sql)
}

impl Writer<'_> {
    /// The recursion is as deep as the filter, which the parser bounds.
    ///
    /// # Errors
    /// Those of a value that cannot be written into the text.
    pub(super) fn filter(&mut self, table: &TableSchema, filter: &Filter) -> Result<()> {
        let quoted = |column: usize| self.dialect.quote(&table.columns[column].name);
        match filter {
            Filter::And(parts) => self.join(table, parts, " AND ", "1 = 1")?,
            Filter::Or(parts) => self.join(table, parts, " OR ", "1 = 0")?,
            Filter::IsNull { column } => drop(write!(self.sql, "{} IS NULL", quoted(*column))),
            Filter::Compare { column, comparison, value } => {
                let name = quoted(*column);
                let operand = self.operand(&table.columns[*column].ty, value.clone())?;
                let _ = write!(self.sql, "{name} {} {operand}", comparison.sql());
            }
            Filter::In { column, values, null } => {
                let name = quoted(*column);
                if *null {
                    let _ = write!(self.sql, "({name} IS NULL OR ");
                }
                self.list(&name, &table.columns[*column].ty, values)?;
                self.sql.push_str(if *null { ")" } else { "" });
            }
            Filter::Match { column, pattern } => {
                let name = quoted(*column);
                let operand = self.operand(&TEXT, Value::Text(self.dialect.pattern(pattern).into()))?;
                self.sql.push_str(&self.dialect.matches(pattern, &name, &operand));
            }
            Filter::Has { column, values } => self.has(&quoted(*column), &table.columns[*column].ty, values)?,
            Filter::Json { column, keys, found } => self.json(&quoted(*column), keys, found)?,
            // A comparison with null is null in SQL: IS NOT TRUE makes its negation true, as MongoDB has it.
            Filter::Not(inner) => {
                self.sql.push('(');
                self.filter(table, inner)?;
                self.sql.push_str(") IS NOT TRUE");
            }
        }
        Ok(())
    }

    /// In text of its own one item at a time: a check may hold no subquery, which many of them can be.
    fn has(&mut self, column: &str, ty: &LogicalType, values: &[Value<'static>]) -> Result<()> {
        let together = if self.literals { 1 } else { values.len() };
        let mut conditions = Vec::new();
        for values in values.chunks(together.max(1)) {
            let operands = self.dialect.has_operands(ty, values)?;
            let operands = operands.into_iter().map(|(ty, value)| self.operand(&ty, value));
            let operands = operands.collect::<Result<Vec<_>>>()?;
            conditions.push(self.dialect.has_any(ty, column, &operands));
        }
        let _ = write!(self.sql, "({})", conditions.join(" OR "));
        Ok(())
    }

    fn json(&mut self, column: &str, keys: &[JsonKey], found: &Found) -> Result<()> {
        let path = self.dialect.json_path(keys).into_iter().map(|text| self.operand(&TEXT, Value::Text(text.into())));
        let path = path.collect::<Result<Vec<_>>>()?;
        let value = self.dialect.json_at(column, &path);
        let condition = match found {
            Found::Any => format!("{value} IS NOT NULL"),
            Found::Object => self.dialect.json_is_object(&value),
            Found::OneOf(texts) => {
                let texts = texts.iter().map(|text| Value::Json(text.clone().into()));
                let operands = texts.map(|text| self.operand(&LogicalType::Json, text)).collect::<Result<Vec<_>>>()?;
                self.dialect.json_is_one_of(&value, &operands)
            }
        };
        self.sql.push_str(&condition);
        Ok(())
    }

    fn join(&mut self, table: &TableSchema, parts: &[Filter], separator: &str, none: &str) -> Result<()> {
        if parts.is_empty() {
            self.sql.push_str(none);
            return Ok(());
        }
        self.sql.push('(');
        for (at, part) in parts.iter().enumerate() {
            self.sql.push_str(if at == 0 { "" } else { separator });
            self.filter(table, part)?;
        }
        self.sql.push(')');
        Ok(())
    }

    pub(super) fn list(&mut self, name: &str, ty: &LogicalType, values: &[Value<'static>]) -> Result<()> {
        if values.is_empty() {
            self.sql.push_str("1 = 0");
        } else if self.dialect.rows_form() == RowsForm::Arrays && !self.literals {
            self.params.push(Param { ty: ty.clone(), value: ParamValue::Many(values.to_vec()) });
            let _ = write!(self.sql, "{name} = ANY({})", self.dialect.placeholder(self.params.len(), ty));
        } else {
            let operands = values.iter().map(|value| self.operand(ty, value.clone())).collect::<Result<Vec<_>>>()?;
            let _ = write!(self.sql, "{name} IN ({})", operands.join(", "));
        }
        Ok(())
    }

    /// A value to compare with: a literal, or the placeholder of a new parameter.
    fn operand(&mut self, ty: &LogicalType, value: Value<'static>) -> Result<String> {
        if !self.literals {
            return Ok(self.placeholder(ty, value));
        }
        if let Value::Float(value) = value {
            LogicalType::Float.accept(Raw::Float(value), self.dialect.floats())?;
        }
        self.dialect.literal(ty, &value)
    }

    pub(super) fn param(&mut self, ty: &LogicalType, value: Value<'static>) {
        let placeholder = self.placeholder(ty, value);
        self.sql.push_str(&placeholder);
    }

    fn placeholder(&mut self, ty: &LogicalType, value: Value<'static>) -> String {
        self.params.push(Param { ty: ty.clone(), value: ParamValue::One(value) });
        self.dialect.placeholder(self.params.len(), ty)
    }

    /// The placeholder of a new array parameter.
    pub(super) fn array(&mut self, ty: &LogicalType, column: &ArrayRef) -> String {
        self.params.push(Param { ty: ty.clone(), value: ParamValue::Column(Arc::clone(column)) });
        self.dialect.placeholder(self.params.len(), ty)
    }
}
