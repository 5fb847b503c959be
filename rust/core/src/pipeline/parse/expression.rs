//! `{"$multiply": ["$price", "$qty"]}`: expressions, typed by the row they are on.

use super::condition::not;
use super::text::part_of;
use super::{invalid, meant};
use crate::error::{Error, ErrorKind, Result};
use crate::filter::{Comparison, MAX_NODES};
use crate::pipeline::{Expression, Function, MAX_DEPTH};
use crate::schema::{ColumnSchema, TableSchema};
use crate::types::{FloatRules, LogicalType};
use crate::value::Raw;

const OPERATORS: &[&str] = &[
    "$abs",
    "$add",
    "$and",
    "$ceil",
    "$concat",
    "$cond",
    "$dateTrunc",
    "$dayOfMonth",
    "$divide",
    "$eq",
    "$floor",
    "$gt",
    "$gte",
    "$hour",
    "$ifNull",
    "$in",
    "$literal",
    "$lt",
    "$lte",
    "$ltrim",
    "$minute",
    "$mod",
    "$month",
    "$multiply",
    "$ne",
    "$not",
    "$or",
    "$rtrim",
    "$second",
    "$size",
    "$strLenCP",
    "$substrCP",
    "$subtract",
    "$switch",
    "$toLower",
    "$toUpper",
    "$trim",
    "$trunc",
    "$year",
];
/// Those of MongoDB's that run code.
const CODE: &[&str] = &["$function", "$accumulator", "$where"];

/// An operand before its type is known.
pub(super) enum Operand<'r> {
    Typed(Expression),
    Literal(Raw<'r>),
}

pub(super) struct Expressions<'e> {
    /// The visible columns.
    pub row: &'e TableSchema,
    pub floats: FloatRules,
    pub nodes: &'e mut usize,
}

/// Refuses a list of rows, of which nothing is asked as it is.
pub(super) fn check_value(column: &ColumnSchema) -> Result<()> {
    match column.ty {
        LogicalType::Rows(_) => Err(invalid(format!("`{}` is a list of rows", column.name))
            .hint(format!("take it apart right behind its $lookup: {{\"$unwind\": \"${}\"}}", column.name))),
        _ => Ok(()),
    }
}

impl Expressions<'_> {
    /// A whole expression; a literal has the type it is given in.
    pub fn whole(&mut self, raw: Raw<'_>) -> Result<Expression> {
        self.expression(raw, 1)
    }

    pub(super) fn expression(&mut self, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        match self.operand(raw, depth)? {
            Operand::Typed(expression) => Ok(expression),
            Operand::Literal(raw) => self.natural(raw),
        }
    }

    /// A str that begins with `$` is a field, a dict an operator; anything else is itself.
    pub(super) fn operand<'r>(&mut self, raw: Raw<'r>, depth: usize) -> Result<Operand<'r>> {
        *self.nodes += 1;
        if depth > MAX_DEPTH || *self.nodes > MAX_NODES {
            let message = format!("expressions nest at most {MAX_DEPTH} levels, and a pipeline has {MAX_NODES}");
            return Err(Error::new(ErrorKind::LimitExceeded, message));
        }
        match raw {
            Raw::Text(name) if name.starts_with("$$") => {
                Err(Error::new(ErrorKind::NotBuilt, "variables, `$$name`, are not built yet"))
            }
            Raw::Text(name) if name.starts_with('$') => self.field(&name[1..]).map(Operand::Typed),
            Raw::Map(entries) => match <[_; 1]>::try_from(entries) {
                Ok([(name, raw)]) if name == "$literal" => Ok(Operand::Literal(raw)),
                Ok([(name, raw)]) if name.starts_with('$') => {
                    let called = self.call(&name, raw, depth + 1);
                    called.map(Operand::Typed).map_err(|error| error.within(&name))
                }
                _ => Err(invalid("an expression is a dict with one operator").hint(all())),
            },
            raw => Ok(Operand::Literal(raw)),
        }
    }

    fn field(&self, name: &str) -> Result<Expression> {
        match self.row.resolve(name) {
            Ok(at) => {
                let column = &self.row.columns[at];
                check_value(column)?;
                Ok(Expression::column(at, column.ty.clone(), column.nullable))
            }
            Err(error) if name.contains('.') => {
                Err(error.hint("paths are not built yet; the parts of `_id` are columns of their own"))
            }
            Err(error) => Err(error),
        }
    }

    fn call(&mut self, name: &str, raw: Raw<'_>, depth: usize) -> Result<Expression> {
        match name {
            "$add" | "$subtract" | "$multiply" | "$divide" | "$mod" => self.arithmetic(name, raw, depth),
            "$abs" | "$ceil" | "$floor" => self.rounded(name, raw, depth),
            "$concat" => self.concat(raw, depth),
            "$size" => self.size(raw, depth),
            "$trim" | "$ltrim" | "$rtrim" => self.trimmed(name, raw, depth),
            "$trunc" => self.truncated(raw, depth),
            "$strLenCP" => self.length(raw, depth),
            "$substrCP" => self.substring(raw, depth),
            "$toLower" | "$toUpper" => self.cased(name == "$toUpper", raw, depth),
            "$cond" => self.cond(raw, depth),
            "$switch" => self.switch(raw, depth),
            "$ifNull" => self.if_null(raw, depth),
            "$eq" => self.compare(Comparison::Equal, raw, depth),
            "$ne" => self.compare(Comparison::Equal, raw, depth).map(not),
            "$gt" => self.compare(Comparison::Greater, raw, depth),
            "$gte" => self.compare(Comparison::GreaterOrEqual, raw, depth),
            "$lt" => self.compare(Comparison::Less, raw, depth),
            "$lte" => self.compare(Comparison::LessOrEqual, raw, depth),
            "$and" => self.logic(Function::And, raw, depth),
            "$or" => self.logic(Function::Or, raw, depth),
            "$not" => self.negation(raw, depth),
            "$in" => self.is_in(raw, depth),
            "$dateTrunc" => self.truncate(raw, depth),
            name => match part_of(name) {
                Some(part) => self.part(part, raw, depth),
                None => Err(unknown(name)),
            },
        }
    }

    pub(super) fn list<'r>(
        &mut self,
        raw: Raw<'r>,
        least: usize,
        most: usize,
        depth: usize,
    ) -> Result<Vec<Operand<'r>>> {
        let count = match (least, most) {
            (least, usize::MAX) => format!("{least} or more"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        match raw {
            Raw::List(items) if (least..=most).contains(&items.len()) => {
                let each =
                    |(at, item)| self.operand(item, depth).map_err(|error: Error| error.within(&format!("[{at}]")));
                items.into_iter().enumerate().map(each).collect()
            }
            Raw::List(items) => Err(invalid(format!("expected a list of {count}, got {}", items.len()))),
            raw => Err(invalid(format!("expected a list of {count}, got {}", raw.type_name()))),
        }
    }
}

/// What an operator of one operand takes: it, or a list of that one.
pub(super) fn only(raw: Raw<'_>) -> Raw<'_> {
    match raw {
        Raw::List(mut items) if items.len() == 1 => items.remove(0),
        raw => raw,
    }
}

/// The values of exactly these names.
pub(super) fn read_names<'r, const N: usize>(
    mut entries: Vec<(std::borrow::Cow<'r, str>, Raw<'r>)>,
    names: [&str; N],
) -> Option<[Raw<'r>; N]> {
    if entries.len() != N {
        return None;
    }
    let mut take = |wanted: &str| {
        let at = entries.iter().position(|(name, _)| name == wanted)?;
        Some(entries.swap_remove(at).1)
    };
    let values: Option<Vec<Raw<'r>>> = names.into_iter().map(&mut take).collect();
    values?.try_into().ok()
}

fn all() -> String {
    format!("the operators are {}", OPERATORS.join(", "))
}

fn unknown(name: &str) -> Error {
    if CODE.contains(&name) {
        return Error::new(ErrorKind::UnknownOperator, format!("`{name}` runs code, which a pipeline never does"));
    }
    let error = Error::new(ErrorKind::UnknownOperator, format!("there is no operator `{name}` in expressions"));
    error.hint(meant(name, OPERATORS).unwrap_or_else(all))
}
