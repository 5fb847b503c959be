//! `{"price": {"$lt": 10}, "$or": […]}` -> [`Filter`]. Errors carry the path `filter.price.$lt`.

mod allowed;
mod arithmetic;
mod expression;
mod item;
mod json;
mod kind;
mod list;
mod operator;
mod relation;
mod size;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_operators;

use std::borrow::Cow;

pub(crate) use self::item::parse_item;
use self::operator::{Kind, unknown_logic};
pub(crate) use self::operator::{check_operator, free_operators};
pub(crate) use self::size::check as check_depth;
use super::{
    Comparison, Filter, Found, JsonKey, Like, MAX_LIST, MAX_NODES, MAX_PARAMETERS, Pattern, Regex, Rules, TRUSTED,
};
use crate::error::{Error, ErrorKind, Result};
use crate::schema::{Models, TableSchema};
use crate::types::{FloatRules, LogicalType};
use crate::value::{Raw, Value};

/// Reads a filter against a table.
///
/// # Errors
/// `InvalidFilter`, `UnknownOperator`, `UnknownField`, `LimitExceeded`, and every refusal of a value.
pub fn parse(table: &TableSchema, raw: Raw<'_>, floats: FloatRules) -> Result<Filter> {
    parse_within(table, None, raw, floats, &TRUSTED)
}

/// As [`parse`], for a filter that may ask for rows of other `models` too, or for a caller who may ask less.
///
/// # Errors
/// As [`parse`], and `UnknownModel` for a relation to a model that was never declared.
pub fn parse_within(
    table: &TableSchema,
    models: Option<&Models>,
    raw: Raw<'_>,
    floats: FloatRules,
    rules: &Rules,
) -> Result<Filter> {
    let raw = check_depth(raw, "a filter", "filter", rules.max_items)?;
    let mut parser = Parser { models, ..Parser::new(table, floats, rules) };
    parser.document(raw, 1).map_err(|error| error.within("filter"))
}

/// As [`parse`], for a filter within something whose depth was checked; errors carry the path `price.$lt`.
pub(crate) fn parse_checked(table: &TableSchema, raw: Raw<'_>, floats: FloatRules, rules: &Rules) -> Result<Filter> {
    Parser::new(table, floats, rules).document(raw, 1)
}

struct Parser<'t> {
    /// Of items its one column is the item.
    table: &'t TableSchema,
    /// Where its relations lead; None: it has none.
    models: Option<&'t Models>,
    floats: FloatRules,
    rules: &'t Rules,
    nodes: usize,
    leaves: usize,
    /// How many `$elemMatch` it is in.
    items: usize,
    /// The column whose items they are.
    of: Option<usize>,
    /// How many relations lead here.
    ties: usize,
    /// How many there are so far.
    relations: usize,
}

/// What a condition is about: a column, or what lies behind keys in a column of JSON.
struct Target {
    column: usize,
    /// Whether the column is one of JSON.
    is_json: bool,
    keys: Vec<JsonKey>,
}

impl<'t> Parser<'t> {
    const fn new(table: &'t TableSchema, floats: FloatRules, rules: &'t Rules) -> Self {
        Parser { table, models: None, floats, rules, nodes: 0, leaves: 0, items: 0, of: None, ties: 0, relations: 0 }
    }
}

impl Parser<'_> {
    fn count(&mut self, depth: usize) -> Result<()> {
        self.nodes += 1;
        if depth > self.rules.max_depth {
            let message = format!("a filter nests at most {} levels", self.rules.max_depth);
            return Err(Error::new(ErrorKind::LimitExceeded, message));
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
            let filter = match &*name {
                "$comment" => self.comment(&raw, depth + 1).map(|()| None),
                name => self.entry(name, raw, depth + 1).map(Some),
            };
            all.extend(filter.map_err(|error| error.within(&name))?);
        }
        Ok(flatten(all))
    }

    fn entry(&mut self, name: &str, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        if name.starts_with('$') {
            return self.combination(name, raw, depth);
        }
        match self.relation(name)? {
            Some((relation, rest)) => self.related(relation, name, rest, raw, depth),
            None => self.target(name).and_then(|target| self.field(&target, raw, depth)),
        }
    }

    fn combination(&mut self, operator: &str, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        match operator {
            "$not" => Ok(Filter::Not(Box::new(self.document(raw, depth)?))),
            "$nor" => self.documents(raw, depth).map(|parts| Filter::Not(Box::new(Filter::Or(parts)))),
            "$expr" if self.items == 0 => self.expression(raw, depth),
            "$expr" => Err(invalid("$expr compares fields of the model, which items have not")),
            "$and" => self.documents(raw, depth).map(Filter::And),
            "$or" => self.documents(raw, depth).map(Filter::Or),
            _ => Err(unknown_logic(operator)),
        }
    }

    /// For people only: it changes nothing.
    fn comment(&mut self, raw: &Raw<'_>, depth: usize) -> Result<()> {
        self.count(depth)?;
        match raw {
            Raw::Text(_) => Ok(()),
            raw => Err(invalid(format!("$comment takes a str, got {}", raw.type_name()))),
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
        let options = entries.iter().find(|(operator, _)| operator == "$options");
        let options = options.map(|(_, raw)| self.options(raw, &entries)).transpose();
        let options = options.map_err(|error| error.within("$options"))?.unwrap_or_default();
        let mut all = Vec::with_capacity(entries.len());
        for (operator, raw) in entries.into_iter().filter(|(operator, _)| operator != "$options") {
            let found = match &*operator {
                "$regex" => self.regex(target, raw, &options, depth),
                operator => self.condition(target, operator, raw, depth),
            };
            all.push(found.map_err(|error| error.within(&operator))?);
        }
        Ok(flatten(all))
    }

    fn options(&mut self, raw: &Raw<'_>, entries: &[(Cow<'_, str>, Raw<'_>)]) -> Result<String> {
        if !entries.iter().any(|(operator, _)| operator == "$regex") {
            return Err(invalid("$options belongs to a $regex in the same dict"));
        }
        match raw {
            Raw::Text(letters) if letters.chars().all(|letter| "imsx".contains(letter)) && letters.len() <= 4 => {
                Ok(letters.to_string())
            }
            raw => Err(invalid(format!("$options takes letters of `imsx`, each once, got {}", raw.type_name()))),
        }
    }

    fn regex(&mut self, target: &Target, raw: Raw<'_>, options: &str, depth: usize) -> Result<Filter> {
        self.count(depth)?;
        self.check(target, "$regex")?;
        let source = self.text("$regex", raw)?;
        let regex = Regex::with_options(&source, options)?;
        if self.rules.plain_regex {
            regex.check_plain()?;
        }
        Ok(target.matching(Pattern::Regex(regex)))
    }

    fn check(&mut self, target: &Target, operator: &str) -> Result<()> {
        if operator != "$not" {
            self.leaf()?;
            self.check_allowed(target.column, operator)?;
        }
        let ty = &self.table.columns[target.column].ty;
        let kind = match Kind::of(ty, self.is_inside(target)) {
            // Databases without arrays keep items as text.
            Kind::Int if self.items > 0 => Kind::Scalar,
            kind => kind,
        };
        kind.check(operator, ty)
    }

    /// Whether it is about a value in a JSON document, which may be anything.
    fn is_inside(&self, target: &Target) -> bool {
        let is_json = self.table.columns[target.column].ty == LogicalType::Json;
        is_json && (self.items > 0 || !target.keys.is_empty())
    }

    fn condition(&mut self, target: &Target, operator: &str, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        self.count(depth)?;
        self.check(target, operator)?;
        let not = |filter| Filter::Not(Box::new(filter));
        match operator {
            "$eq" => self.equal(target, raw),
            "$ne" => self.equal(target, raw).map(not),
            "$in" => self.any_of(target, raw),
            "$nin" => self.any_of(target, raw).map(not),
            "$exists" => exists(target, &raw),
            "$not" if matches!(raw, Raw::Map(_)) => self.field(target, raw, depth + 1).map(not),
            "$not" => Err(invalid("$not of a field takes a dict of operators; use $ne for a value")),
            "$contains" => self.contains(target, raw, depth),
            "$gt" => self.compare(target, Comparison::Greater, raw),
            "$gte" => self.compare(target, Comparison::GreaterOrEqual, raw),
            "$lt" => self.compare(target, Comparison::Less, raw),
            "$lte" => self.compare(target, Comparison::LessOrEqual, raw),
            "$mod" => self.modulo(target.column, raw),
            "$bitsAllSet" | "$bitsAllClear" | "$bitsAnySet" | "$bitsAnyClear" => {
                self.bits(target.column, operator, raw)
            }
            "$type" => self.kinds(target, raw),
            "$size" => self.size(target, raw),
            "$all" => self.all(target, raw, depth),
            "$elemMatch" => self.element(target, raw, depth),
            _ => self.text_match(target, operator, raw),
        }
    }

    fn equal(&self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        let column = target.column;
        match &self.table.columns[column].ty {
            LogicalType::List { item } => self.list_equals(column, item, raw),
            LogicalType::Json if self.is_inside(target) => self.json_equals(target, raw),
            ty => self.accept(ty, raw).map(|value| Filter::equal(column, value)),
        }
    }

    fn any_of(&self, target: &Target, raw: Raw<'_>) -> Result<Filter> {
        let column = target.column;
        match &self.table.columns[column].ty {
            LogicalType::List { item } => self.list_has_any(column, item, raw),
            LogicalType::Json if self.is_inside(target) => self.json_in(target, raw),
            ty => self.list(column, ty, raw),
        }
    }

    fn contains(&mut self, target: &Target, raw: Raw<'_>, depth: usize) -> Result<Filter> {
        match &self.table.columns[target.column].ty {
            LogicalType::List { item } => self.list_contains(target.column, item, raw, depth),
            LogicalType::Json if !(self.is_inside(target) && matches!(raw, Raw::Text(_))) => {
                self.json_contains(target, raw, depth)
            }
            _ => self.text_match(target, "$contains", raw),
        }
    }

    fn text_match(&self, target: &Target, operator: &str, raw: Raw<'_>) -> Result<Filter> {
        let text = self.text(operator, raw)?;
        let like = match operator {
            "$contains" => Like::literal(&text, true, true, false)?,
            "$icontains" => Like::literal(&text, true, true, true)?,
            "$startsWith" => Like::literal(&text, false, true, false)?,
            "$endsWith" => Like::literal(&text, true, false, false)?,
            _ => Like::parse(&text, operator == "$ilike")?,
        };
        Ok(target.matching(Pattern::Like(like)))
    }

    /// The text of a text operator. A pattern for a choice is none itself.
    fn text(&self, operator: &str, raw: Raw<'_>) -> Result<Cow<'static, str>> {
        match self.accept(&LogicalType::Text { max_length: None }, raw)? {
            Value::Text(text) => Ok(text),
            _ => Err(invalid(format!("{operator} takes a str, got None"))),
        }
    }

    fn compare(&self, target: &Target, comparison: Comparison, raw: Raw<'_>) -> Result<Filter> {
        if raw == Raw::Null {
            return Err(invalid("None has no order").hint("use $eq or $ne with None"));
        }
        if self.is_inside(target) {
            return self.json_compare(target, comparison, raw);
        }
        let column = target.column;
        match self.accept(&self.table.columns[column].ty, raw)? {
            Value::Null => Err(invalid("None has no order").hint("use $eq or $ne with None")),
            value => Ok(Filter::Compare { column, comparison, value }),
        }
    }

    fn list(&self, column: usize, ty: &LogicalType, raw: Raw<'_>) -> Result<Filter> {
        let (mut values, mut null) = (Vec::new(), false);
        // No float survives every database's reading of JSON, which is what a longer list travels as.
        let most = if *ty == LogicalType::Float { MAX_PARAMETERS } else { MAX_LIST };
        for (at, item) in list_up_to(most, raw)?.into_iter().enumerate() {
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

/// The operand of an operator that takes a list, each of its values a parameter.
fn list_of(raw: Raw<'_>) -> Result<Vec<Raw<'_>>> {
    list_up_to(MAX_PARAMETERS, raw)
}

fn list_up_to(most: usize, raw: Raw<'_>) -> Result<Vec<Raw<'_>>> {
    match raw {
        Raw::List(items) if items.len() > most => {
            Err(Error::new(ErrorKind::LimitExceeded, format!("a list has at most {most} values")))
        }
        Raw::List(items) => Ok(items),
        raw => Err(invalid(format!("expected a list, got {}", raw.type_name()))),
    }
}

impl Target {
    fn matching(&self, pattern: Pattern) -> Filter {
        match self.is_json {
            true => self.json(Found::Match(pattern)),
            false => Filter::Match { column: self.column, pattern },
        }
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
