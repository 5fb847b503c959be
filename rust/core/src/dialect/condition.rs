//! A filter as the condition of a statement, or as SQL text of its own.

mod json;
mod relation;

use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::ArrayRef;

use super::statement::{Param, ParamValue, Writer};
use super::{Dialect, LongList, RowsForm};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Bits, Comparison, Filter, Pattern};
use crate::schema::TableSchema;
use crate::types::LogicalType;
use crate::value::{Raw, Value};

pub(super) const TEXT: LogicalType = LogicalType::Text { max_length: None };
/// Parameters kept for what stands beside the lists of a filter.
const RESERVED: usize = 2_000;

/// The filter as SQL text with its values in it, for a check or a partial index.
///
/// Unlike a WHERE, a CHECK takes null for met: where the filter is to decide as it does elsewhere, the check is
/// `(text) IS TRUE`.
///
/// # Errors
/// `NotFinite` for a float that the database cannot keep.
pub fn condition_text(dialect: &dyn Dialect, table: &TableSchema, filter: &Filter) -> Result<String> {
    let mut writer = Writer::of_text(dialect);
    writer.filter(Place::Table(table), filter)?;
    Ok(writer.sql)
}

/// What the columns of a filter are in SQL.
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Table(&'p TableSchema),
    /// The rows of another table, by the name it has in the statement.
    Related {
        table: &'p TableSchema,
        alias: &'p str,
    },
    /// The items of a list; a filter on them has one column.
    Item {
        sql: &'p str,
        ty: &'p LogicalType,
    },
}

impl<'p> Place<'p> {
    fn ty(self, column: usize) -> &'p LogicalType {
        match self {
            Place::Table(table) | Place::Related { table, .. } => &table.columns[column].ty,
            Place::Item { ty, .. } => ty,
        }
    }
}

impl Writer<'_> {
    pub(super) fn column(&self, place: Place<'_>, column: usize) -> String {
        match place {
            Place::Table(table) => self.dialect.quote(&table.columns[column].name),
            Place::Related { table, alias } => format!("{alias}.{}", self.dialect.quote(&table.columns[column].name)),
            Place::Item { sql, .. } => sql.to_owned(),
        }
    }

    /// The recursion is as deep as the filter, which the parser bounds.
    ///
    /// # Errors
    /// Those of a value that cannot be written into the text, and `LimitExceeded` for a list that is too long here.
    pub(super) fn filter(&mut self, place: Place<'_>, filter: &Filter) -> Result<()> {
        match filter {
            Filter::And(parts) => self.join(place, parts, " AND ", "1 = 1")?,
            Filter::Or(parts) => self.join(place, parts, " OR ", "1 = 0")?,
            Filter::IsNull { column } => drop(write!(self.sql, "{} IS NULL", self.column(place, *column))),
            Filter::Compare { column, comparison, value } => {
                let name = self.column(place, *column);
                let operand = self.operand(place.ty(*column), value.clone())?;
                let _ = write!(self.sql, "{name} {} {operand}", comparison.sql());
            }
            Filter::In { column, values, null } => {
                let name = self.column(place, *column);
                if *null {
                    let _ = write!(self.sql, "({name} IS NULL OR ");
                }
                self.list(&name, place.ty(*column), values)?;
                self.sql.push_str(if *null { ")" } else { "" });
            }
            Filter::Match { column, pattern } => {
                let operands = self.pattern(pattern)?;
                self.sql.push_str(&self.dialect.matches(pattern, &self.column(place, *column), &operands));
            }
            Filter::Has { column, values } => self.has(&self.column(place, *column), place.ty(*column), values)?,
            Filter::Json { column, keys, found } => self.json(&self.column(place, *column), keys, found)?,
            Filter::Related { relation, filter } => self.related(place, relation, filter)?,
            Filter::Item { column, keys, filter } => self.item(place, *column, keys, filter)?,
            Filter::Fields { .. } | Filter::Modulo { .. } | Filter::Bits { .. } | Filter::Size { .. } => {
                self.arithmetic(place, filter)?;
            }
            // A comparison with null is null in SQL: IS NOT TRUE makes its negation true, as MongoDB has it.
            Filter::Not(inner) => {
                self.sql.push('(');
                self.filter(place, inner)?;
                self.sql.push_str(") IS NOT TRUE");
            }
        }
        Ok(())
    }

    fn arithmetic(&mut self, place: Place<'_>, filter: &Filter) -> Result<()> {
        let int = |value: i64| (LogicalType::Int, Value::Int(value));
        let mut operand = |(ty, value)| self.operand(&ty, value);
        let condition = match filter {
            Filter::Modulo { column, divisor, remainder } => {
                let (divisor, remainder) = (operand(int(*divisor))?, operand(int(*remainder))?);
                format!("({} % {divisor}) = {remainder}", self.column(place, *column))
            }
            Filter::Bits { column, bits, mask } => {
                let mask = operand(int(*mask))?;
                let (is_set, sign) = match bits {
                    Bits::AllSet => (true, "="),
                    Bits::AllClear => (false, "="),
                    Bits::AnySet => (false, "<>"),
                    Bits::AnyClear => (true, "<>"),
                };
                let name = self.column(place, *column);
                let name = if is_set { format!("(~ {name})") } else { name };
                format!("({name} & {mask}) {sign} 0")
            }
            Filter::Size { column, size } => {
                let size = operand(int(*size))?;
                format!("{} = {size}", self.dialect.list_size(&self.column(place, *column)))
            }
            Filter::Fields { left, comparison, right } => {
                let sign = match comparison {
                    Comparison::Equal => self.dialect.null_safe_equal(),
                    other => other.sql(),
                };
                format!("{} {sign} {}", self.column(place, *left), self.column(place, *right))
            }
            _ => return Err(Error::internal("no arithmetic")),
        };
        self.sql.push_str(&condition);
        Ok(())
    }

    /// The operands of a pattern.
    fn pattern(&mut self, pattern: &Pattern) -> Result<Vec<String>> {
        let texts = self.dialect.pattern(pattern);
        texts.into_iter().map(|text| self.operand(&TEXT, Value::Text(text.into()))).collect()
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

    fn join(&mut self, place: Place<'_>, parts: &[Filter], separator: &str, none: &str) -> Result<()> {
        if parts.is_empty() {
            self.sql.push_str(none);
            return Ok(());
        }
        self.sql.push('(');
        for (at, part) in parts.iter().enumerate() {
            self.sql.push_str(if at == 0 { "" } else { separator });
            self.filter(place, part)?;
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
        } else if !self.literals && self.params.len() + values.len() > self.dialect.max_parameters() - RESERVED {
            self.long_list(name, ty, values)?;
        } else {
            let operands = values.iter().map(|value| self.operand(ty, value.clone())).collect::<Result<Vec<_>>>()?;
            let _ = write!(self.sql, "{name} IN ({})", operands.join(", "));
        }
        Ok(())
    }

    fn long_list(&mut self, column: &str, ty: &LogicalType, values: &[Value<'static>]) -> Result<()> {
        if *ty == LogicalType::Bool {
            let some = [false, true].map(Value::Bool).into_iter().filter(|value| values.contains(value));
            return self.list(column, ty, &some.collect::<Vec<_>>());
        }
        let placeholder = self.dialect.placeholder(self.params.len() + 1, &TEXT);
        let list = LongList { column, ty, values, placeholder: &placeholder, changes: self.changes };
        let Some((condition, list)) = self.dialect.in_json(&list)? else {
            let most = self.dialect.max_parameters() - RESERVED;
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!("the lists of a change or a removal have at most {most} values here"),
            )
            .hint("split the list: MariaDB would look through it for each row of the table"));
        };
        self.params.push(Param { ty: TEXT, value: ParamValue::One(Value::Text(list.into())) });
        self.sql.push_str(&condition);
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

    pub(super) fn placeholder(&mut self, ty: &LogicalType, value: Value<'static>) -> String {
        self.params.push(Param { ty: ty.clone(), value: ParamValue::One(value) });
        self.dialect.placeholder(self.params.len(), ty)
    }

    /// The placeholder of a new array parameter.
    pub(super) fn array(&mut self, ty: &LogicalType, column: &ArrayRef) -> String {
        self.params.push(Param { ty: ty.clone(), value: ParamValue::Column(Arc::clone(column)) });
        self.dialect.placeholder(self.params.len(), ty)
    }
}
