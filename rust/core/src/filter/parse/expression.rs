//! `$expr`: fields compared with fields of the same type, `{"$lt": ["$price", "$cost"]}`.

use super::operator::{Kind, unknown};
use super::{Parser, invalid};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Comparison, Filter};
use crate::types::LogicalType;
use crate::value::{Raw, Value};

const OPERATORS: &[&str] = &["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$and", "$or", "$not"];

enum Operand<'r> {
    Field(usize),
    Literal(Raw<'r>),
}

impl Parser<'_> {
    pub(super) fn expression(&mut self, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        self.count(depth)?;
        let entry = match raw {
            Raw::Map(entries) => <[_; 1]>::try_from(entries).ok(),
            _ => None,
        };
        let Some([(operator, raw)]) = entry else {
            return Err(invalid("an expression is a dict with one operator"));
        };
        let not = |filter| Filter::Not(Box::new(filter));
        let found = match &*operator {
            "$and" => self.expressions(raw, depth + 1).map(Filter::And),
            "$or" => self.expressions(raw, depth + 1).map(Filter::Or),
            "$not" => self.expression(only(raw), depth + 1).map(not),
            "$eq" => self.sides(&operator, Comparison::Equal, raw),
            "$ne" => self.sides(&operator, Comparison::Equal, raw).map(not),
            "$gt" => self.sides(&operator, Comparison::Greater, raw),
            "$gte" => self.sides(&operator, Comparison::GreaterOrEqual, raw),
            "$lt" => self.sides(&operator, Comparison::Less, raw),
            "$lte" => self.sides(&operator, Comparison::LessOrEqual, raw),
            operator => Err(unknown(operator, OPERATORS)),
        };
        found.map_err(|error| error.within(&operator))
    }

    fn expressions(&mut self, raw: Raw<'_>, depth: usize) -> Result<Vec<Filter>> {
        let Raw::List(items) = raw else {
            return Err(invalid(format!("expected a list of expressions, got {}", raw.type_name())));
        };
        let each = |(at, item)| self.expression(item, depth).map_err(|error: Error| error.within(&format!("[{at}]")));
        items.into_iter().enumerate().map(each).collect()
    }

    fn sides(&mut self, operator: &str, comparison: Comparison, raw: Raw<'_>) -> Result<Filter> {
        let pair = match raw {
            Raw::List(items) => <[Raw<'_>; 2]>::try_from(items).ok(),
            _ => None,
        };
        let Some([left, right]) = pair else {
            return Err(invalid("expected a list of two: fields as `\"$name\"`, or values"));
        };
        let left = self.side(left).map_err(|error| error.within("[0]"))?;
        let right = self.side(right).map_err(|error| error.within("[1]"))?;
        self.leaf()?;
        for (at, side) in ["[0]", "[1]"].into_iter().zip([&left, &right]) {
            if let Operand::Field(column) = side {
                self.check_allowed(*column, operator).map_err(|error| error.within(at))?;
            }
        }
        match (left, right) {
            (Operand::Field(left), Operand::Field(right)) => self.fields(left, comparison, right),
            (Operand::Field(column), Operand::Literal(raw)) => {
                self.literal(column, comparison, raw).map_err(|error| error.within("[1]"))
            }
            (Operand::Literal(raw), Operand::Field(column)) => {
                self.literal(column, comparison.mirrored(), raw).map_err(|error| error.within("[0]"))
            }
            (Operand::Literal(_), Operand::Literal(_)) => Err(invalid("one of the two is a field, `\"$name\"`")),
        }
    }

    /// A str that begins with `$` is a field; `{"$literal": "$a"}` is that text itself.
    fn side<'r>(&self, raw: Raw<'r>) -> Result<Operand<'r>> {
        match raw {
            Raw::Text(name) if name.starts_with('$') => {
                let found = self.table.resolve(&name[1..]).map(Operand::Field);
                found.map_err(|error| match name.contains('.') {
                    true => {
                        error.hint("$expr compares fields of the model itself, not what lies in them or other rows")
                    }
                    false => error,
                })
            }
            Raw::Map(entries) => match <[_; 1]>::try_from(entries) {
                Ok([(name, raw)]) if name == "$literal" => Ok(Operand::Literal(raw)),
                Ok([(name, _)]) if name.starts_with('$') => Err(unknown(&name, &["$literal"])),
                _ => Err(invalid("write a dict as {\"$literal\": {…}}")),
            },
            raw => Ok(Operand::Literal(raw)),
        }
    }

    fn fields(&self, left: usize, comparison: Comparison, right: usize) -> Result<Filter> {
        let [one, other] = [left, right].map(|column| &self.table.columns[column].ty);
        if !is_alike(one, other) {
            return Err(invalid(format!("{} and {} are not compared", one.name(), other.name()))
                .hint("fields of one type are, decimals of one scale: databases round mixed numbers differently"));
        }
        self.check_order(comparison, left)?;
        Ok(Filter::Fields { left, comparison, right })
    }

    fn literal(&self, column: usize, comparison: Comparison, raw: Raw<'_>) -> Result<Filter> {
        self.check_order(comparison, column)?;
        match self.accept(&self.table.columns[column].ty, raw)? {
            Value::Null if comparison != Comparison::Equal => {
                Err(invalid("None has no order").hint("use $eq or $ne with None"))
            }
            Value::Null => Ok(Filter::IsNull { column }),
            value => Ok(Filter::Compare { column, comparison, value }),
        }
    }

    fn check_order(&self, comparison: Comparison, column: usize) -> Result<()> {
        let ty = &self.table.columns[column].ty;
        let unordered = matches!(Kind::of(ty, false), Kind::List | Kind::Json);
        if unordered && comparison != Comparison::Equal {
            return Err(Error::new(ErrorKind::InvalidFilter, format!("{} has no order", ty.name())));
        }
        Ok(())
    }
}

/// `$not` takes its expression, or a list of that one.
fn only(raw: Raw<'_>) -> Raw<'_> {
    match raw {
        Raw::List(mut items) if items.len() == 1 => items.remove(0),
        raw => raw,
    }
}

fn is_alike(a: &LogicalType, b: &LogicalType) -> bool {
    let is_text = |ty: &LogicalType| matches!(ty, LogicalType::Text { .. } | LogicalType::Choice { .. });
    match (a, b) {
        (LogicalType::Decimal { scale: a, .. }, LogicalType::Decimal { scale: b, .. }) => a == b,
        (LogicalType::List { item: a }, LogicalType::List { item: b }) => is_alike(a, b),
        (a, b) => a == b || (is_text(a) && is_text(b)),
    }
}
