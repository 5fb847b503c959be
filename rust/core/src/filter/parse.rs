//! `{"price": {"$lt": 10}, "$or": […]}` -> [`Filter`]. Errors carry the path `filter.price.$lt`.

mod json;
mod list;
mod operator;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use self::operator::{Kind, unknown_logic};
use super::{Comparison, Filter, Found, JsonKey, Like, MAX_DEPTH, MAX_LIST, MAX_NODES, Pattern, Regex};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableSchema;
use crate::types::{FloatRules, LogicalType};
use crate::value::{Raw, Value};

/// Reads a filter against a table.
///
/// # Errors
/// `InvalidFilter`, `UnknownOperator`, `UnknownField`, `LimitExceeded`, and every refusal of a value.
pub fn parse(table: &TableSchema, raw: Raw<'_>, floats: FloatRules) -> Result<Filter> {
    let mut parser = Parser { table, floats, nodes: 0 };
    parser.document(raw, 1).map_err(|error| error.within("filter"))
}

struct Parser<'t> {
    table: &'t TableSchema,
    floats: FloatRules,
    nodes: usize,
}

/// What a condition is about: a column, or what lies behind keys in a column of JSON.
struct Target {
    column: usize,
    keys: Vec<JsonKey>,
}

impl Parser<'_> {
    fn count(&mut self, depth: usize) -> Result<()> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a filter nests at most {MAX_DEPTH} levels")));
        }
        if self.nodes > MAX_NODES {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a filter has at most {MAX_NODES} conditions"))
                .hint("many values of one field belong in one $in list"));
        }
        Ok(())
    }

    /// A dict of fields and logic operators: all of them must hold.
    fn document(&mut self, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        self.count(depth)?;
        let Raw::Map(entries) = raw else {
            return Err(invalid(format!("expected a dict, got {}", raw.type_name())));
        };
        let mut all = Vec::with_capacity(entries.len());
        for (name, raw) in entries {
            let filter = if name.starts_with('$') {
                self.combination(&name, raw, depth + 1)
            } else {
                self.target(&name).and_then(|target| self.field(&target, raw, depth + 1))
            };
            all.push(filter.map_err(|error| error.within(&name))?);
        }
        Ok(flatten(all))
    }

    fn combination(&mut self, operator: &str, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        match operator {
            "$not" => Ok(Filter::Not(Box::new(self.document(raw, depth)?))),
            "$and" => self.documents(raw, depth).map(Filter::And),
            "$or" => self.documents(raw, depth).map(Filter::Or),
            _ => Err(unknown_logic(operator)),
        }
    }

    fn documents(&mut self, raw: Raw<'_>, depth: usize) -> Result<Vec<Filter>> {
        let Raw::List(items) = raw else {
            return Err(invalid(format!("expected a list of dicts, got {}", raw.type_name())));
        };
        let each = |(at, item)| self.document(item, depth).map_err(|error: Error| error.within(&format!("[{at}]")));
        items.into_iter().enumerate().map(each).collect()
    }

    /// What one field must meet: a value, or a dict of operators.
    fn field(&mut self, target: &Target, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        let Raw::Map(entries) = raw else {
            return self.condition(target, "$eq", raw, depth);
        };
        if entries.is_empty() {
            return Err(invalid("an empty dict of operators").hint("write {\"$eq\": {}} for an empty dict itself"));
        }
        let mut all = Vec::with_capacity(entries.len());
        for (operator, raw) in entries {
            all.push(self.condition(target, &operator, raw, depth).map_err(|error| error.within(&operator))?);
        }
        Ok(flatten(all))
    }

    fn condition(&mut self, target: &Target, operator: &str, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        self.count(depth)?;
        let ty = &self.table.columns[target.column].ty;
        let kind = Kind::of(ty);
        kind.check(operator, ty)?;
        let not = |filter| Filter::Not(Box::new(filter));
        match operator {
            "$eq" => self.equal(target, raw),
            "$ne" => self.equal(target, raw).map(not),
            "$in" => self.any_of(target, raw),
            "$nin" => self.any_of(target, raw).map(not),
            "$exists" => exists(target, &raw),
            "$not" if matches!(raw, Raw::Map(_)) => self.field(target, raw, depth + 1).map(not),
            "$not" => Err(invalid("$not of a field takes a dict of operators; use $ne for a value")),
            "$contains" if kind != Kind::Text => self.contains(target, raw, depth),
            "$gt" => self.compare(target.column, Comparison::Greater, raw),
            "$gte" => self.compare(target.column, Comparison::GreaterOrEqual, raw),
            "$lt" => self.compare(target.column, Comparison::Less, raw),
            "$lte" => self.compare(target.column, Comparison::LessOrEqual, raw),
            _ => self.text_match(target.column, operator, raw),
        }
    }

    fn equal(&self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        let column = target.column;
        match &self.table.columns[column].ty {
            LogicalType::List { item } => self.list_equals(column, item, raw),
            LogicalType::Json if !target.keys.is_empty() => self.json_equals(target, raw),
            ty => self.accept(ty, raw).map(|value| Filter::equal(column, value)),
        }
    }

    fn any_of(&self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        let column = target.column;
        match &self.table.columns[column].ty {
            LogicalType::List { item } => self.list_has_any(column, item, raw),
            LogicalType::Json if !target.keys.is_empty() => self.json_in(target, raw),
            ty => self.list(column, ty, raw),
        }
    }

    fn contains(&mut self, target: &Target, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        match &self.table.columns[target.column].ty {
            LogicalType::List { item } => self.list_contains(target.column, item, raw, depth),
            _ => self.json_contains(target, raw, depth),
        }
    }

    fn text_match(&self, column: usize, operator: &str, raw: Raw<'_>) -> Result<Filter> {
        // A pattern for a choice is none itself.
        let Value::Text(text) = self.accept(&LogicalType::Text { max_length: None }, raw)? else {
            return Err(invalid(format!("{operator} takes a str, got None")));
        };
        let pattern = match operator {
            "$contains" => Pattern::Like(Like::literal(&text, true, true)?),
            "$startsWith" => Pattern::Like(Like::literal(&text, false, true)?),
            "$endsWith" => Pattern::Like(Like::literal(&text, true, false)?),
            "$regex" => Pattern::Regex(Regex::parse(&text)?),
            _ => Pattern::Like(Like::parse(&text, operator == "$ilike")?),
        };
        Ok(Filter::Match { column, pattern })
    }

    fn compare(&self, column: usize, comparison: Comparison, raw: Raw<'_>) -> Result<Filter> {
        match self.accept(&self.table.columns[column].ty, raw)? {
            Value::Null => Err(invalid("None has no order").hint("use $eq or $ne with None")),
            value => Ok(Filter::Compare { column, comparison, value }),
        }
    }

    fn list(&self, column: usize, ty: &LogicalType, raw: Raw<'_>) -> Result<Filter> {
        let (mut values, mut null) = (Vec::new(), false);
        for (at, item) in list_of(raw)?.into_iter().enumerate() {
            match self.accept(ty, item).map_err(|error| error.within(&format!("[{at}]")))? {
                Value::Null => null = true,
                value => values.push(value),
            }
        }
        Ok(Filter::In { column, values, null })
    }

    /// A value to compare with. Its length does not matter: a longer text just equals nothing.
    fn accept(&self, ty: &LogicalType, raw: Raw<'_>) -> Result<Value<'static>> {
        let ty = match ty {
            LogicalType::Text { .. } => &LogicalType::Text { max_length: None },
            ty => ty,
        };
        ty.accept(raw, self.floats).map(Value::into_owned)
    }
}

/// The operand of `$in` and `$nin`.
fn list_of(raw: Raw<'_>) -> Result<Vec<Raw<'_>>> {
    match raw {
        Raw::List(items) if items.len() > MAX_LIST => {
            Err(Error::new(ErrorKind::LimitExceeded, format!("a list has at most {MAX_LIST} values")))
        }
        Raw::List(items) => Ok(items),
        raw => Err(invalid(format!("expected a list, got {}", raw.type_name()))),
    }
}

fn exists(target: &Target, raw: &Raw<'_>) -> Result<Filter> {
    let Raw::Bool(there) = raw else {
        return Err(invalid(format!("$exists takes True or False, got {}", raw.type_name())));
    };
    Ok(match (target.keys.is_empty(), there) {
        (true, true) => Filter::Not(Box::new(Filter::IsNull { column: target.column })),
        (true, false) => Filter::IsNull { column: target.column },
        (false, true) => target.json(Found::Any),
        (false, false) => Filter::Not(Box::new(target.json(Found::Any))),
    })
}

fn flatten(mut all: Vec<Filter>) -> Filter {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        Some(last) => {
            all.push(last);
            Filter::And(all)
        }
        None => Filter::And(all),
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidFilter, message.into())
}
